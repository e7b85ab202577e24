#!/bin/sh
# Write both lock files from pyproject.toml. Needs uv on the PATH or in .venv.
#
#   requirements.lock      what Stretto needs to run, and flit_core, which installs it
#   requirements-dev.lock  the same versions, and what `make test` needs
#
# One version of each package for every system and Python from 3.11 on, so that the numbers of one
# machine are the numbers of another. No index host, path or find-links is written. Present versions
# are kept where they still fit; `make lock UPGRADE=1` takes the newest.
set -eu
uv=$(command -v uv || echo .venv/bin/uv)
if ! "$uv" --version >/dev/null 2>&1; then
    echo "make lock needs uv: install it, for example with  .venv/bin/python -m pip install uv" >&2
    exit 1
fi

compile() {
    "$uv" pip compile pyproject.toml "$@" --quiet ${UPGRADE:+--upgrade} \
        --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"
}

compile --group build --output-file requirements.lock
compile --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock
if grep -nE '://|file:|--(extra-)?index|--find-links|^/' requirements.lock requirements-dev.lock; then
    echo "a lock names a host or a path (lines above)" >&2
    exit 1
fi
