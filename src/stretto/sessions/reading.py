"""Reading a database beside, or without, a running writer: verify, replay, rebuild, tables, export.

Only ``rebuild_tables`` writes, and only query tables. Every error has a text for a person.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from decimal import InvalidOperation
from pathlib import Path
from typing import TextIO

import msgspec

from stretto import __version__
from stretto.bootstrap import EntryCodec
from stretto.core.book import Book
from stretto.core.errors import InvalidInput, JournalDamaged, JournalUnavailable, StrettoError
from stretto.core.terms.market import Reads
from stretto.journal.chain import ChainBroken, Verification
from stretto.journal.sqlite import SqliteJournal, books
from stretto.journal.sqlite_file import explained
from stretto.runtime.recover import recover
from stretto.sessions.files import check_no_special_file
from stretto.views.export import ExportFormat, export_entries, export_table
from stretto.views.position import check_end, end_missing, positions, written_until
from stretto.views.queries import open_read_only
from stretto.views.rebuild import Rebuilt, rebuild

JOURNAL_TABLE = "journal"
_READS_SEARCHED = 5_000


def books_of(db: Path) -> list[str]:
    """Every book of the database, sorted: with a journal, or with tables whose journal is gone.
    Raises JournalUnavailable, JournalDamaged.
    """
    found = set(books(db))
    with contextlib.suppress(StrettoError), tables_of(db) as connection:
        found.update(name for name, seq in positions(connection).items() if seq)
    return sorted(found)


def book_of(db: Path, book_id: str | None = None) -> str:
    """The named book, or the only one. Raises InvalidInput, JournalUnavailable, JournalDamaged."""
    if not db.exists():
        raise JournalUnavailable(f"{db}: there is no such database")
    check_no_special_file(db)
    found = books_of(db)
    if book_id is not None:
        if book_id not in found:
            raise InvalidInput(f"{db}: --book", f"there is no book {book_id!r}", ", ".join(found))
        return book_id
    if not found:
        raise InvalidInput(str(db), "nothing was journaled in it yet", "a database with a book")
    if len(found) > 1:
        raise InvalidInput(
            str(db), f"holds {len(found)} books: {', '.join(found)}", "--book with one of them"
        )
    return found[0]


@contextlib.contextmanager
def journal_of(db: Path, book_id: str) -> Iterator[SqliteJournal]:
    """The journal, read-only: takes no lock and disturbs no writer."""
    journal = SqliteJournal(db, book_id, read_only=True)
    journal.open()
    try:
        yield journal
    finally:
        journal.close()


@contextlib.contextmanager
def tables_of(db: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the query tables; what SQLite raises inside is explained."""
    with contextlib.closing(open_read_only(db)) as connection:
        try:
            yield connection
        except sqlite3.OperationalError as error:
            if "no such" not in str(error):
                raise explained(db, error, "read") from error
            raise JournalDamaged(
                f"{db}: the query tables are damaged: {error}{_anew(db)}"
            ) from error
        except sqlite3.Error as error:
            raise explained(db, error, "read") from error
        except (msgspec.MsgspecError, InvalidOperation) as error:
            raise JournalDamaged(
                f"{db}: the query tables are damaged: a value cannot be read ({error}){_anew(db)}"
            ) from error


def _anew(db: Path) -> str:
    return f"; `stretto rebuild --db {db}` writes them anew from the journal"


def replayed(db: Path, book_id: str) -> tuple[Book, Reads]:
    """The book at the journal's head, and the last quotes that a decision there rested on."""
    with journal_of(db, book_id) as journal:
        check_end(projected_until(db, book_id), journal.head[0], f"{db}: book {book_id}")
        codec = EntryCodec(book_id)
        book = recover(journal, codec, __version__)
        reads = Reads()
        for stored in journal.read(after_seq=max(0, book.seq - _READS_SEARCHED)):
            entry = codec.restore(stored)
            if entry.reads.quotes:
                reads = entry.reads
    return book, reads


def head_of(db: Path, book_id: str) -> tuple[int, bytes, int]:
    """Sequence, hash and book time (ns UTC) of the last entry; zeros where there is none."""
    with journal_of(db, book_id) as journal:
        seq, chain_head = journal.head
        last = next(iter(journal.read(after_seq=seq - 1, limit=1)), None) if seq else None
        return seq, chain_head, 0 if last is None else last.header.at


def verify(db: Path, book_id: str, expected: tuple[int, bytes] | None = None) -> Verification:
    """Verify every entry of the chain, and that it leads through ``expected``."""
    with journal_of(db, book_id) as journal:
        return journal.verify(expected)


def projected_until(db: Path, book_id: str) -> int:
    """The entry up to which the query tables were written; 0 where they cannot say."""
    try:
        with tables_of(db) as connection:
            return written_until(connection, book_id)
    except StrettoError:
        return 0


def intact_until(db: Path) -> int | None:
    """Number of intact entries of the only book, or None where that cannot be said."""
    try:
        return verify(db, book_of(db)).entries
    except (StrettoError, OSError, sqlite3.Error):
        return None


def verify_whole(db: Path, book_id: str) -> None:
    """Raise JournalDamaged unless every entry verifies and none is missing at the end."""
    written = projected_until(db, book_id)  # first: a running writer moves both on
    found = verify(db, book_id)
    if not found.intact:
        raise ChainBroken(book_id, found.bad_seq or 0, found.problem)
    check_end(written, found.head.seq, f"{db}: book {book_id}")


def rebuild_tables(
    db: Path,
    book_id: str,
    progress: Callable[[int], None] | None = None,
    *,
    accept_missing_end: bool = False,
) -> Rebuilt:
    """Write the query tables anew from the journal, as the book's one writer. Raises
    JournalUnavailable where another writer runs the book, and JournalDamaged where the tables hold
    what the journal has lost, unless that is accepted.
    """
    with contextlib.closing(SqliteJournal(db, book_id, create=False)) as journal:
        journal.open()
        if not accept_missing_end:
            _check_nothing_lost(db, book_id, journal.head[0])
        try:
            uri = f"{db.resolve().as_uri()}?mode=rw"
            with contextlib.closing(
                sqlite3.connect(uri, uri=True, isolation_level=None)
            ) as connection:
                # Before the first digest, so that another book's writer changes nothing meanwhile.
                connection.execute("BEGIN IMMEDIATE")
                return rebuild(
                    journal,
                    connection,
                    book_id=book_id,
                    restore=EntryCodec(book_id).restore,
                    progress=progress,
                )
        except sqlite3.Error as error:
            raise explained(db, error, "rebuild the query tables") from error


def _check_nothing_lost(db: Path, book_id: str, head_seq: int) -> None:
    written = projected_until(db, book_id)
    if written > head_seq:
        raise JournalDamaged(
            f"{db}: book {book_id}: {end_missing(written, head_seq)}. A rebuild would throw away "
            "what only the tables still hold: look for a copy of the database, or export them, "
            "and then give --accept-missing-end"
        )


def export(db: Path, book_id: str, table: str, form: ExportFormat, out: TextIO) -> int:
    """Write a query table or the journal; gives the number of rows."""
    if table == JOURNAL_TABLE:
        with journal_of(db, book_id) as journal:
            return export_entries(journal.read(), form, out)
    with tables_of(db) as connection:
        return export_table(connection, table, form, out, book_id)
