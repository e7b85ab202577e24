"""The journal's own table, and its statements compiled for the driver.

Stored are only the five columns that the chain needs. The header's fields are offered by a view
that reads them out of the stored bytes: a query can use them, they cost an append nothing, and they
can never say anything else than what was hashed. Knows nothing of the query tables.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement

from stretto.ports import EntryHeader

APPLICATION_ID = int.from_bytes(b"Strt", "big")
"""SQLite's application_id: which program a file belongs to."""

LAYOUT_VERSION = 1
"""SQLite's user_version: the layout of the journal table, raised when it changes."""

metadata = MetaData()

journal_entries = Table(
    "journal_entries",
    metadata,
    Column("book_id", Text, primary_key=True, nullable=False),
    Column("seq", Integer, primary_key=True, nullable=False, autoincrement=False),
    Column("header", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_strict=True,
)

_e = journal_entries.c
_ROW = (_e.seq, _e.header, _e.payload, _e.hash)


def _compiled(statement: ClauseElement) -> str:
    dialect = sqlite.dialect(paramstyle="qmark")
    return str(statement.compile(dialect=dialect))


def _create_view() -> str:
    fields = [f for f in EntryHeader.__struct_fields__ if f not in ("book_id", "seq")]
    columns = ", ".join(
        f"json_extract(CAST(header AS TEXT), '$.{name}') AS {name}" for name in fields
    )
    return (
        "CREATE VIEW IF NOT EXISTS journal AS SELECT book_id, seq, "
        f"{columns}, payload, hash FROM journal_entries"
    )


CREATE_ENTRIES = _compiled(CreateTable(journal_entries, if_not_exists=True))
CREATE_VIEW = _create_view()

INSERT_ENTRY = _compiled(
    insert(journal_entries).values({column.name: bindparam(column.name) for column in _e})
)
"""Parameters: book_id, seq, header, payload, hash."""

SELECT_ROWS = _compiled(
    select(*_ROW)
    .where(_e.book_id == bindparam("book_id"), _e.seq > bindparam("after_seq"))
    .order_by(_e.seq)
    .limit(bindparam("limit"))
)
"""Parameters: book_id, after_seq, limit, offset (SQLAlchemy always asks for one: 0)."""

SELECT_ROWS_BACKWARDS = _compiled(
    select(*_ROW)
    .where(_e.book_id == bindparam("book_id"), _e.seq <= bindparam("seq"))
    .order_by(_e.seq.desc())
)
"""Parameters: book_id, seq. Newest first; the caller fetches as many as it needs."""

SELECT_BOOKS = _compiled(select(_e.book_id).distinct().order_by(_e.book_id))
