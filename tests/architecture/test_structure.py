"""Holds the house style: short modules, short functions, docstrings where a reader needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.structure import FUNCTION_LINES_MAX, MODULE_LINES_MAX, find_faults

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("src", "tests", "bench", "scripts")
    for path in (ROOT / folder).rglob("*.py")
)


def test_there_is_something_to_check() -> None:
    assert ROOT / "src/stretto/core/values.py" in SOURCES
    assert Path(__file__) in SOURCES


def test_every_module_keeps_the_house_style() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{fault}"
        for path in SOURCES
        for fault in find_faults(
            path.read_text(encoding="utf-8"), documented=path.is_relative_to(ROOT / "src")
        )
    ]
    assert not faults, "\n" + "\n".join(faults)


DOC = '"""A module."""\n'


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (DOC + "x = 1\n" * MODULE_LINES_MAX, "module has 400 lines"),
        (DOC + "def _f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX, "_f has 70 lines"),
        (DOC + "async def _f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX, "_f has 70 lines"),
        ("x = 1\n", "module has no docstring"),
        (DOC + "def shown():\n    return 1\n", "shown is public"),
        (DOC + "class Shown:\n    x = 1\n", "Shown is public"),
        (DOC + 'class Shown:\n    """D."""\n    def method(self): ...\n', "method is public"),
        (DOC + "def _f():\n    raise NotImplementedError\n", "NotImplementedError"),
    ],
)
def test_a_planted_fault_is_found(source: str, fault: str) -> None:
    (found,) = find_faults(source, documented=True)
    assert fault in found


@pytest.mark.parametrize(
    "source",
    [
        "",
        DOC + "x = 1\n" * (MODULE_LINES_MAX - 1),
        DOC + "def _f():\n" + "    x = 1\n" * (FUNCTION_LINES_MAX - 1),
        DOC + "class _Hidden:\n    def method(self): ...\n",
        DOC + 'def shown():\n    """D."""\n    def inner(): ...\n',
        DOC + 'class Shown:\n    """D."""\n    @x.setter\n    def x(self, value): ...\n',
    ],
)
def test_what_is_within_the_limits_passes(source: str) -> None:
    assert find_faults(source, documented=True) == []
