"""docs/tables.md names every table, column and status word there is, and no other table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Table

from stretto.views import results, schema

PAGE = Path(__file__).resolve().parents[3] / "docs/tables.md"


def section(name: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{name} has no section"
    return found[1]


@pytest.mark.parametrize("table", schema.TABLES, ids=lambda table: str(table.name))
def test_every_column_is_explained(table: Table) -> None:
    named = set(re.findall(r"`(\w+)`", section(table.name)))
    missing = set(schema.names(table)) - named - {"book_id"}
    assert not missing


def test_no_table_is_explained_that_does_not_exist() -> None:
    titles = re.findall(r"^## (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(titles) == sorted(table.name for table in schema.TABLES)


def test_every_status_word_is_explained() -> None:
    source = Path(results.__file__).read_text(encoding="utf-8")
    body = source[source.index("def execution_status") : source.index("def fill_price")]
    words = set(re.findall(r'"([a-z_]+)"', body))
    assert {"filled", "pending", "in_doubt", "complete", "none"} <= words
    assert words <= set(re.findall(r"`(\w+)`", section("execution_results")))
