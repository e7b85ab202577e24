"""docs/journal.md tells a stranger how to check a journal; what it says is held here."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
from pathlib import Path

from stretto.journal.schema import APPLICATION_ID, LAYOUT_VERSION
from stretto.journal.sqlite import SqliteJournal
from stretto.ports import EntryHeader, PreparedEntry


def page(repository: Path) -> str:
    return (repository / "docs" / "journal.md").read_text(encoding="utf-8")


def test_the_query_of_the_shell_recipe_gives_each_hash_and_its_preimage(
    repository: Path, tmp_path: Path
) -> None:
    found = re.search(r'sqlite3 -readonly [^"]*"(?P<query>[^"]*)" \|', page(repository))
    assert found is not None
    path = tmp_path / "book.sqlite"
    journal = SqliteJournal(path, "main")
    journal.open()
    for seq in range(1, 6):
        header = EntryHeader(
            book_id="main", seq=seq, at=seq, kind="k", version=1, engine_version="ü"
        )
        journal.append([PreparedEntry(header=header, payload=b'{"n":%d}' % seq)])
    journal.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(found["query"]).fetchall()
    assert [seq for seq, _, _ in rows] == [1, 2, 3, 4, 5]
    for _, stored, preimage in rows:
        assert hashlib.sha256(bytes.fromhex(preimage)).hexdigest() == stored


def test_the_page_names_the_header_in_its_stored_order(repository: Path) -> None:
    row = next(line for line in page(repository).splitlines() if line.startswith("| `header`"))
    assert tuple(re.findall(r"`(\w+)`", row)[1:]) == EntryHeader.__struct_fields__


def test_the_page_names_the_numbers_that_mark_the_file(repository: Path) -> None:
    assert f"`{APPLICATION_ID:#x}`" in page(repository)
    assert f"the layout, now {LAYOUT_VERSION}." in page(repository).replace("\n", " ")
