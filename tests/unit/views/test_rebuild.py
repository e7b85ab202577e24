"""A rebuild from the journal gives the same bytes, repairs, and fails without a trace."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from stretto.core.errors import JournalDamaged
from stretto.core.events import Entry
from stretto.core.terms.report import ExecType
from stretto.journal.entries import prepare, restore
from stretto.journal.sqlite import SqliteJournal
from stretto.ports import StoredEntry
from stretto.views.projector import SqlProjector
from stretto.views.rebuild import digest_tables, rebuild
from tests.unit.views.samples import BOOK
from tests.unit.views.world import World


def lived() -> World:
    world = World()
    world.observe("alpha", Decimal("100500.5"))
    execution = world.plan("s1", {"alpha": Decimal(1000), "beta": Decimal(2000)})
    world.release(execution, "alpha")
    world.report(
        execution, "alpha", ExecType.TRADE, quantity=Decimal(600), price=Decimal("1.08512")
    )
    world.refuse("s2")
    return world


def apply_one(projector: SqlProjector, entry: Entry, tables: sqlite3.Connection) -> None:
    projector.apply(tables, [entry])


def write(path: Path, world: World, book_id: str = BOOK) -> None:
    """Journal and tables as the writer makes them, one entry a transaction."""
    journal, projector = SqliteJournal(path, book_id), SqlProjector(book_id)
    journal.open()
    for entry in world.entries:
        prepared = [prepare(entry, book_id=book_id, engine_version="test")]
        journal.append(prepared, partial(apply_one, projector, entry))
    journal.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "book.db"
    write(path, lived())
    return path


def reader(path: Path, book_id: str = BOOK) -> SqliteJournal:
    journal = SqliteJournal(path, book_id, read_only=True)
    journal.open()
    return journal


def test_a_rebuild_gives_the_same_bytes(database: Path) -> None:
    journal = reader(database)
    told: list[int] = []
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        done = rebuild(journal, connection, book_id=BOOK, restore=restore, progress=told.append)
        assert done.identical
        assert done.entries == journal.head[0] == told[-1]
        assert digest_tables(connection) == done.digest_after
    journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE execution_results SET filled_quantity = '601' WHERE account_id = 'alpha'",
        "DELETE FROM execution_audit_log WHERE seq = 4",
        "DROP TABLE trading_accounts",
        "UPDATE projection_position SET projector = 'query_tables.0'",
        "ALTER TABLE trading_signals ADD COLUMN colour TEXT",
    ],
)
def test_a_rebuild_repairs_what_was_changed(database: Path, damage: str) -> None:
    journal = reader(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        good = digest_tables(connection)
        connection.execute(damage)
        done = rebuild(journal, connection, book_id=BOOK, restore=restore)
        assert done.digest_after == good
        assert rebuild(journal, connection, book_id=BOOK, restore=restore).identical
        columns = [row[1] for row in connection.execute("PRAGMA table_info(trading_signals)")]
        assert "colour" not in columns
    journal.close()


def test_a_rebuild_that_fails_leaves_the_tables_as_they_were(database: Path) -> None:
    def failing(stored: StoredEntry) -> Entry:
        if stored.header.seq == 4:
            raise JournalDamaged("entry 4")
        return restore(stored)

    journal = reader(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        before = digest_tables(connection)
        with pytest.raises(JournalDamaged, match="entry 4"):
            rebuild(journal, connection, book_id=BOOK, restore=failing)
        assert digest_tables(connection) == before
        assert not connection.in_transaction
    journal.close()


def test_another_book_in_the_same_file_is_left_alone(database: Path) -> None:
    write(database, lived(), "other")
    journal = reader(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        other = digest_tables(connection, "other")
        connection.execute("UPDATE execution_results SET fills = 9 WHERE book_id = ?", (BOOK,))
        assert not rebuild(journal, connection, book_id=BOOK, restore=restore).identical
        assert digest_tables(connection, "other") == other
        assert digest_tables(connection, BOOK) != other
    journal.close()


def test_the_digest_sees_every_change(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        before = digest_tables(connection)
        connection.execute("UPDATE trading_accounts SET halted_reason = ''")
        assert digest_tables(connection) != before
