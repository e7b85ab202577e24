"""Reads docs/requirements.md and the requirement marks of the tests, and compares them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

STATUSES = frozenset({"open", "done"})
NONE_YET = "–"


@dataclass(frozen=True)
class Row:
    """One requirement: ``modules`` relative to src/stretto, ``tests`` relative to tests."""

    id: str
    status: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


def read_rows(page: str) -> list[Row]:
    """The rows of the page's table. ValueError where a line of it has not five cells."""
    rows = []
    for line in page.splitlines():
        if not line.startswith("|") or line.startswith(("| id |", "|---")):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 5:
            raise ValueError(f"not five cells: {line}")
        rows.append(Row(cells[0], cells[2], _paths(cells[3]), _paths(cells[4])))
    return rows


def _paths(cell: str) -> tuple[str, ...]:
    parts = (part.strip().strip("`") for part in cell.split(","))
    return tuple(part for part in parts if part not in {"", NONE_YET})


def read_marks(source: str) -> list[str]:
    """The ids of all ``pytest.mark.requirement(...)`` calls of one test module."""
    return [
        str(argument.value) if isinstance(argument, ast.Constant) else ast.unparse(argument)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.requirement")
        for argument in node.args
    ]


def find_faults(root: Path) -> list[str]:
    """Everything in which the page, the modules and the marks of the checkout ``root`` disagree."""
    rows = read_rows((root / "docs/requirements.md").read_text(encoding="utf-8"))
    marks = {
        str(path.relative_to(root / "tests")): read_marks(path.read_text(encoding="utf-8"))
        for path in sorted((root / "tests").rglob("test_*.py"))
    }
    ids = [row.id for row in rows]
    faults = [f"{each}: has two rows" for each in sorted(set(ids)) if ids.count(each) > 1]
    faults += [
        f"tests/{path}: marks {mark}, which has no row"
        for path, used in marks.items()
        for mark in used
        if mark not in ids
    ]
    for row in rows:
        if row.status not in STATUSES:
            faults.append(f"{row.id}: status is {row.status!r}, not open or done")
        faults += [
            f"{row.id}: there is no module {path}"
            for path in row.modules
            if not (root / "src/stretto" / path).is_file()
        ]
        faults += [
            f"{row.id}: tests/{path} does not mark it"
            for path in row.tests
            if row.id not in marks.get(path, ())
        ]
        if row.status == "done" and not (row.modules and row.tests):
            faults.append(f"{row.id}: is done but names no module or no test")
    return faults
