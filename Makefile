# Two commands are enough: `make demo` and `make test`. The rest serves those who change Stretto.
# Needs git, make, sh and Python 3.11 or later; PYTHON=... chooses one.
.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint types unit bench lock clean venv venv-dev format

STEP := sh scripts/step.sh
BIN := .venv/bin
# Many tests wait for a process of their own; twice the cores keeps two of them busy.
JOBS ?= 4
SEEDS ?= 5000
DB ?= var/demo.sqlite
export PYTHON

help: ## Say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

venv:
	@$(STEP) "set up" sh scripts/setup_venv.sh run

venv-dev:
	@$(STEP) "set up for development" sh scripts/setup_venv.sh dev

demo: venv ## Install if needed, run the main job, say where database and result are (DB=PATH)
	@mkdir -p $(dir $(DB))
	@$(STEP) "demo" $(BIN)/stretto demo --force --db $(DB)

test: lint types unit ## Every check that CI runs: format, lint, contracts, types, tests, docs

lint: venv-dev ## Format check, ruff, architecture contract
	@$(STEP) "format" $(BIN)/ruff format --check .
	@$(STEP) "ruff" $(BIN)/ruff check .
	@$(STEP) "import contract" $(BIN)/lint-imports --no-logo --config pyproject.toml

types: venv-dev ## mypy, strict, over src, tests and bench
	@$(STEP) "types" $(BIN)/mypy

unit: venv-dev ## All tests, the pages of docs/ among them (JOBS=N processes)
	@$(STEP) "tests" $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations 25

test-long: venv-dev ## What takes minutes to hours: real kills, every boundary, many seeds (SEEDS=N)
	@$(STEP) "long tests" $(BIN)/python -m pytest -m long -n $(JOBS) --durations 10 -s
	@echo "$$(date -u +%F) commit $$(git rev-parse --short HEAD) seeds 1..$(SEEDS)"
	@$(STEP) "seeds" $(BIN)/stretto simulate --seeds 1..$(SEEDS) --jobs $(JOBS)

bench: venv-dev ## Benchmarks: a table with medians, never a timed test
	@$(STEP) "bench" $(BIN)/python -m bench

format: venv-dev ## Rewrite the sources in the one format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .

lock: ## Write both lock files anew with uv (UPGRADE=1 takes the newest versions)
	@$(STEP) "lock" sh scripts/lock.sh

clean: ## Remove .venv, caches and the demo's database
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
