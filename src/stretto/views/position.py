"""How far the query tables were written, held against where the journal ends.

Both move in one transaction, so tables that are further than the journal show that its end is
missing. Knows nothing of entries or files.
"""

from __future__ import annotations

import sqlite3

from stretto.core.errors import JournalDamaged
from stretto.views.schema import projection_position

_IS_THERE = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{projection_position}'"
_UNTIL = f"SELECT book_id, max(seq) FROM {projection_position} GROUP BY book_id"


def positions(connection: sqlite3.Connection) -> dict[str, int]:
    """The entry up to which each book's tables were written; nothing where there are no tables."""
    if connection.execute(_IS_THERE).fetchone() is None:
        return {}
    return {str(book_id): int(seq) for book_id, seq in connection.execute(_UNTIL)}


def written_until(connection: sqlite3.Connection, book_id: str) -> int:
    """The entry up to which the book's tables were written; 0 where they cannot say."""
    return positions(connection).get(book_id, 0)


def check_end(written: int, head_seq: int, of: str) -> None:
    """Raise JournalDamaged where the tables ``of`` a book are further than its journal."""
    if written > head_seq:
        raise JournalDamaged(f"{of}: {end_missing(written, head_seq)}")


def end_missing(written: int, head_seq: int) -> str:
    """The damage in words."""
    return (
        f"the end of the journal is missing: the query tables were written up to entry {written}, "
        f"the journal ends at entry {head_seq}"
    )
