"""The query tables from the journal alone, and a digest that shows that they are the same bytes.

Knows the journal only through its port and takes the function that decodes an entry from
its caller.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from itertools import islice

import msgspec

from stretto.core import events as ev
from stretto.ports import Journal, StoredEntry
from stretto.views import schema
from stretto.views.projector import SqlProjector

ENTRIES_AT_ONCE = 1_000


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild did: entries projected, and the digests of all tables before and after it."""

    entries: int
    digest_before: str
    digest_after: str

    @property
    def identical(self) -> bool:
        """True where the tables already were what the journal says."""
        return self.digest_before == self.digest_after


def rebuild(
    journal: Journal,
    connection: sqlite3.Connection,
    *,
    book_id: str,
    restore: Callable[[StoredEntry], ev.Entry],
    progress: Callable[[int], None] | None = None,
) -> Rebuilt:
    """Write the tables of one book anew, in one transaction: readers see the old ones until it
    commits, and a failure leaves them as they were.

    ``connection`` must be able to write while the journal reads (another connection, or none in
    memory). Where no other book has tables in the database they are dropped and made again, so that
    a new layout takes effect; else only the rows of this book are replaced.
    ``progress`` is told the number of entries done. Raises what reading the journal raises, and
    ProjectionBehind where another book's tables have another layout.
    """
    before = digest_tables(connection)
    projector = SqlProjector(book_id)
    entries = 0
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    try:
        _clear(connection, book_id)
        projector.create(connection)
        stored = iter(journal.read())
        while batch := [restore(entry) for entry in islice(stored, ENTRIES_AT_ONCE)]:
            projector.apply(connection, batch)
            entries += len(batch)
            if progress is not None:
                progress(entries)
        after = digest_tables(connection)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return Rebuilt(entries=entries, digest_before=before, digest_after=after)


def digest_tables(connection: sqlite3.Connection, book_id: str | None = None) -> str:
    """SHA-256 in hex over every row of every query table, in the order of tables, primary keys and
    columns; of one book, or of all. A missing table counts like an empty one.

    Each value is preceded by its type and length, so that no two tables of different content agree.
    """
    digest = hashlib.sha256()
    present = _tables_of(connection)
    for table in schema.TABLES:
        digest.update(_framed(table.name))
        if table.name not in present:
            continue
        columns = ", ".join(f'"{name}"' for name in schema.names(table))
        keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
        where, values = ("", ()) if book_id is None else ("WHERE book_id = ?", (book_id,))
        rows = connection.execute(
            f"SELECT {columns} FROM {table.name} {where} ORDER BY {keys}", values
        )
        for row in rows:
            digest.update(b"r" + b"".join(map(_framed, row)))
    return digest.hexdigest()


def _framed(value: object) -> bytes:
    if value is None:
        return b"-"
    kind = b"i" if isinstance(value, int) else b"t"
    data = str(value).encode()
    return kind + len(data).to_bytes(8, "big") + data


def _tables_of(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows}


def _clear(connection: sqlite3.Connection, book_id: str) -> None:
    statements = schema.sqlite_statements()
    others = None
    if schema.projection_position.name in _tables_of(connection):
        others = connection.execute(
            "SELECT 1 FROM projection_position WHERE book_id <> ? LIMIT 1", (book_id,)
        ).fetchone()
    if others is None:
        for statement in statements.drop:
            connection.execute(statement)
        return
    for table in schema.TABLES:
        connection.execute(statements.delete(table), (book_id,))
