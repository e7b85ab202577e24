"""Holds the architecture contract: which package may import which (docs/architecture.md)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]

# Units that implement a port. They are named by bootstrap, which wires them, by simulation, which
# drives them, and by sessions, which makes them from arguments and files; others know the port.
ADAPTERS = ("brokers", "journal", "market")
WIRES_ADAPTERS = ("bootstrap", "simulation", "sessions")


def lint_imports(source: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of pyproject.toml over the package ``stretto`` in ``source``."""
    command = (
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=source.parent,
        env={**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def adapters_named_outside(graph: grimp.ImportGraph) -> list[str]:
    """Every direct import of a concrete adapter by a unit that must know only its port."""
    return sorted(
        f"{importer} imports {imported}"
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if _unit(imported) in ADAPTERS and _unit(importer) not in (_unit(imported), *WIRES_ADAPTERS)
    )


def _unit(module: str) -> str:
    return module.split(".")[1] if module.startswith("stretto.") else ""


def test_the_contracts_hold() -> None:
    result = lint_imports(ROOT / "src")
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_the_wiring_units_name_concrete_adapters() -> None:
    assert adapters_named_outside(grimp.build_graph("stretto", cache_dir=None)) == []


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("core/terms/planted.py", "import stretto.ports", "layers"),
        ("core/terms/planted.py", "import time", "core imports no clock"),
        ("core/terms/planted.py", "from random import random", "core imports no clock"),
        ("core/terms/planted.py", "import sqlalchemy", "core imports no clock"),
        ("journal/planted.py", "import stretto.views.planted_target", "layers"),
        ("runtime/planted.py", "import stretto.brokers.planted_target", "layers"),
        ("simulation/planted.py", "import stretto.api.planted_target", "layers"),
        ("newcomer/planted.py", "import stretto.core", "layers"),
    ],
)
def test_a_planted_import_breaks_a_contract(
    tmp_path: Path, path: str, line: str, contract: str
) -> None:
    package = tmp_path / "src" / "stretto"
    unit_changed = Path(path).parts[0]
    shutil.copytree(ROOT / "src/stretto/core", package / "core")
    for module in ("__init__", "ports"):
        (package / f"{module}.py").write_text('"""."""\n')
    units = {"views", "brokers", "api", unit_changed} - {"core"}
    for unit in sorted(units):
        (package / unit).mkdir(exist_ok=True)
        (package / unit / "__init__.py").write_text('"""."""\n')
        (package / unit / "planted_target.py").write_text('"""."""\n')
    clean = package / path
    clean.write_text('"""."""\n')
    if unit_changed != "newcomer":
        before = lint_imports(tmp_path / "src")
        assert before.returncode == 0, before.stdout + before.stderr
    clean.write_text(f'"""."""\n{line}\n')
    after = lint_imports(tmp_path / "src")
    assert after.returncode == 1, after.stdout + after.stderr
    assert contract in after.stdout


def test_a_planted_adapter_name_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "stretto_planted"
    (package / "journal").mkdir(parents=True)
    for name in ("__init__.py", "journal/__init__.py", "journal/sqlite.py"):
        (package / name).write_text("")
    (package / "config.py").write_text("import stretto_planted.journal.sqlite\n")
    (package / "bootstrap.py").write_text("import stretto_planted.journal.sqlite\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    planted = grimp.build_graph("stretto_planted", cache_dir=None)
    graph = grimp.ImportGraph()
    for importer in planted.modules:
        for imported in planted.find_modules_directly_imported_by(importer):
            graph.add_import(
                importer=importer.replace("_planted", ""), imported=imported.replace("_planted", "")
            )
    assert adapters_named_outside(graph) == ["stretto.config imports stretto.journal.sqlite"]
