"""The journal on disk: SQLite in WAL mode with ``synchronous=FULL`` (docs/adr/0040).

The hot path runs compiled SQL on the standard library's driver, inline; only checkpoints are made
beside it. Only the writer writes or checkpoints; readers open the file read-only. Knows nothing of
what an entry means.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stretto.core.errors import JournalUnavailable, check
from stretto.journal import schema
from stretto.journal.chain import (
    GENESIS,
    SEQ_MAX,
    Head,
    StoredRow,
    Verification,
    examine,
    link,
    verified,
)
from stretto.journal.lock import WriterLock
from stretto.journal.snapshot import read_snapshot, write_snapshot
from stretto.journal.sqlite_file import begin_log, connect, explained
from stretto.journal.steps import AppendStep, Observer, unobserved
from stretto.ports import PreparedEntry, Snapshot, StoredEntry

READ_ROWS = 1_000
"""Rows fetched at once while reading, so that a long read holds no transaction open."""

UNMOVED_BYTES_REST = 1 << 19
"""Payloads appended before a rest is used to begin the log anew; with the tables 2 MB of log, where
every order is a commit of its own four times that."""

UNMOVED_BYTES_MAX = 1 << 21
"""The same where no rest comes."""

UNMOVED_BYTES_FIRST = 1 << 17
"""The same the first time, when room is made for the log as well."""


class SqliteJournal:
    """The journal of one book in a database file; several books may share the file.

    ``read_only`` needs no lock and may run beside a writer; ``create`` says whether a missing file
    is a new journal or an error. ``observer`` is told each step of an append.
    """

    def __init__(
        self,
        path: Path | str,
        book_id: str,
        *,
        read_only: bool = False,
        create: bool = True,
        observer: Observer = unobserved,
    ) -> None:
        check(book_id != "", "a book needs a name")
        self._path = Path(path).resolve()  # one lock, whatever name the file is reached by
        self._book_id = book_id
        self._read_only = read_only
        self._create = create and not read_only
        self._observer = observer
        beside = f"{self._path.name}.{quote(book_id, safe='')}"
        self._lock = WriterLock(self._path.with_name(beside + ".lock"))
        self._snapshot_path = self._path.with_name(beside + ".snapshot")
        self._connection: sqlite3.Connection | None = None
        self._head = Head()
        self._unmoved_bytes = 0
        self._unmoved_bytes_max = UNMOVED_BYTES_FIRST
        self._mover: threading.Thread | None = None

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    @property
    def head(self) -> tuple[int, bytes]:
        """Sequence and hash of the last entry; (0, 32 zero bytes) when empty."""
        connection = self._usable()
        if self._read_only:  # a writer may have moved it
            self._head = self._stored_head(connection)
        return self._head.seq, self._head.hash

    def open(self) -> None:
        """Take the lock, open the file, read the head; also the way back after a failed append.

        Raises JournalUnavailable or JournalDamaged with the path; nothing stays open or locked.
        """
        check(self._connection is None, f"the journal {self._path} is already open")
        self.close()
        try:
            if not self._read_only:
                self._check_place()
                self._lock.acquire()
            self._connection = connect(self._path, read_only=self._read_only, create=self._create)
            self._unmoved_bytes, self._unmoved_bytes_max = 0, UNMOVED_BYTES_FIRST
            if not self._read_only:
                self._head = self._stored_head(self._connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and release the lock; safe at any time, more than once."""
        self._wait_for_mover()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._lock.release()

    def append(
        self, entries: Sequence[PreparedEntry], apply: Callable[[Any], None] | None = None
    ) -> None:
        """Append entries and what ``apply`` writes in one durable transaction (see ports.Journal).

        Whatever is raised after the transaction began closes the journal until it is opened again:
        disk and database errors as JournalUnavailable or JournalDamaged, others as they are.
        """
        connection = self._usable()
        check(not self._read_only, f"{self._path} was opened for reading")
        rows, head = link(self._book_id, self._head, entries)
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._observer(AppendStep.BEGUN)
            self._insert(connection, rows)
            self._observer(AppendStep.WRITTEN)
            if apply is not None:
                apply(connection)
                check(connection.in_transaction, "a projector ended the journal's transaction")
            self._observer(AppendStep.PROJECTED)
            connection.execute("COMMIT")
            self._observer(AppendStep.COMMITTED)
        except BaseException as error:
            self._abandon()
            if isinstance(error, sqlite3.Error | OSError):
                raise explained(self._path, error, "append") from error
            raise
        self._head = head
        self._unmoved_bytes += sum(len(row[3]) for row in rows)
        if self._unmoved_bytes >= self._unmoved_bytes_max:
            self._start_mover(connection)

    def rest(self) -> None:
        """Begin the log anew, once it is worth it: what waits for it now is what venues answer."""
        if self._connection is not None and self._unmoved_bytes >= UNMOVED_BYTES_REST:
            self._start_mover(self._connection)

    def _start_mover(self, connection: sqlite3.Connection) -> None:
        self._unmoved_bytes, self._unmoved_bytes_max = 0, UNMOVED_BYTES_MAX
        self._mover = threading.Thread(target=_move_log, args=(connection, self._path))
        self._mover.start()

    def _wait_for_mover(self) -> None:
        if self._mover is not None:
            self._mover.join()
            self._mover = None

    def read(self, after_seq: int = 0, limit: int | None = None) -> Iterator[StoredEntry]:
        """Stored entries in order, each verified; raises JournalDamaged at the first bad one.

        Entries appended while reading are seen. The chain is anchored in the stored hash of
        ``after_seq``, which the caller compares with what it knows (a snapshot).
        """
        connection = self._usable()
        before = self._head_at(connection, after_seq)
        return verified(self._rows(after_seq, limit), self._book_id, before)

    def verify(self, expected: tuple[int, bytes] | None = None) -> Verification:
        """Verify every entry, and that the chain leads through ``expected`` (seq, hash)."""
        self._usable()
        return examine(self._rows(0, None), self._book_id, expected)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, replacing the previous one; raises SnapshotNotKept (harmless)."""
        self._usable()
        check(not self._read_only, f"{self._path} was opened for reading")
        write_snapshot(self._snapshot_path, self._book_id, snapshot)

    def load_snapshot(self) -> Snapshot | None:
        """The last snapshot, where it is undamaged and lies on this chain."""
        connection = self._usable()
        kept = read_snapshot(self._snapshot_path, self._book_id)
        if kept is None:
            return None
        if kept.seq == 0:
            return kept if kept.hash == GENESIS else None
        try:
            row = self._row_at(connection, kept.seq)
        except sqlite3.Error as error:
            raise explained(self._path, error, "read") from error
        return kept if row is not None and row[3] == kept.hash else None

    def _usable(self) -> sqlite3.Connection:
        self._wait_for_mover()
        if self._connection is None:
            raise JournalUnavailable(
                f"{self._path}: the journal of book {self._book_id!r} is not open; "
                "after a failed append it must be opened again"
            )
        return self._connection

    def _check_place(self) -> None:
        if self._path.is_dir():
            raise JournalUnavailable(f"{self._path}: is a directory, not a database file")
        if not self._path.parent.is_dir():
            raise JournalUnavailable(f"{self._path}: there is no directory {self._path.parent}")
        if not self._create and not self._path.exists():
            raise JournalUnavailable(f"{self._path}: there is no such journal")

    def _insert(
        self, connection: sqlite3.Connection, rows: Sequence[tuple[str, int, bytes, bytes, bytes]]
    ) -> None:
        try:
            connection.executemany(schema.INSERT_ENTRY, rows)
        except sqlite3.IntegrityError as error:
            raise JournalUnavailable(
                f"{self._path}: book {self._book_id!r} already has an entry {rows[0][1]}: "
                "another writer appended to it; nothing of this batch was stored"
            ) from error

    def _abandon(self) -> None:
        """Undo what can be undone and leave the connection; the lock stays until close or open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _rows(self, after_seq: int, limit: int | None) -> Iterator[StoredRow]:
        left = SEQ_MAX if limit is None else limit
        while left > 0:
            connection = self._usable()
            parameters = (self._book_id, after_seq, min(left, READ_ROWS), 0)
            try:
                rows: list[StoredRow] = connection.execute(
                    schema.SELECT_ROWS, parameters
                ).fetchall()
            except sqlite3.Error as error:
                where = f"read, in the {READ_ROWS} entries after {after_seq}"
                raise explained(self._path, error, where) from error
            if not rows:
                return
            yield from rows
            left -= len(rows)
            after_seq = rows[-1][0]

    def _row_at(self, connection: sqlite3.Connection, seq: int) -> StoredRow | None:
        cursor = connection.execute(schema.SELECT_ROWS_BACKWARDS, (self._book_id, seq))
        row: StoredRow | None = cursor.fetchone()
        cursor.close()
        return row if row is not None and row[0] == seq else None

    def _head_at(self, connection: sqlite3.Connection, seq: int) -> Head:
        if seq == 0:
            return Head()
        try:
            row = self._row_at(connection, seq)
        except sqlite3.Error as error:
            raise explained(self._path, error, "read") from error
        check(row is not None, f"there is no entry {seq} to read after")
        return Head(seq, row[3]) if row is not None else Head()

    def _stored_head(self, connection: sqlite3.Connection) -> Head:
        """The last entry as head, verified against its predecessor's hash."""
        try:
            cursor = connection.execute(schema.SELECT_ROWS_BACKWARDS, (self._book_id, SEQ_MAX))
            rows: list[StoredRow] = cursor.fetchmany(2)
            cursor.close()
        except sqlite3.Error as error:
            raise explained(self._path, error, "read") from error
        if not rows:
            return Head()
        before = Head(rows[1][0], rows[1][3]) if len(rows) > 1 else Head()
        for last in verified(rows[:1], self._book_id, before):
            return Head(last.header.seq, last.hash, last.header.at)
        return Head()


def _move_log(connection: sqlite3.Connection, path: Path) -> None:
    """Begin the log anew, else a commit has to move it, and what it decided waits for three more
    syncs. Where it fails the log keeps everything, and the next append says what is wrong. SQLite
    needs nothing of the interpreter meanwhile: the caller goes on, up to its next use of the file.
    """
    with contextlib.suppress(sqlite3.Error, OSError):
        begin_log(connection, path)


def books(path: Path | str) -> list[str]:
    """Names of the books in a database file, sorted; raises JournalUnavailable, JournalDamaged."""
    try:
        with contextlib.closing(connect(Path(path), read_only=True, create=False)) as connection:
            return [name for (name,) in connection.execute(schema.SELECT_BOOKS)]
    except sqlite3.Error as error:
        raise explained(Path(path), error, "read") from error
