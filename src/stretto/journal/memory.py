"""The journal in memory: the reference that every other journal is measured against, and the fast
one for simulation and dry runs.

Entries are a list of stored rows; query tables live in a SQLite database in memory, so that
projectors run unchanged. Knows no file and no disk.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stretto.core.errors import JournalUnavailable, check
from stretto.journal.chain import GENESIS, Head, StoredRow, Verification, examine, link, verified
from stretto.journal.steps import AppendStep, Observer, unobserved
from stretto.ports import PreparedEntry, Snapshot, StoredEntry


class MemoryStore:
    """What outlives a MemoryJournal, as a disk does a process: rows, tables, snapshots, locks."""

    def __init__(self) -> None:
        self.rows: dict[str, list[StoredRow]] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.locked: set[str] = set()
        self.tables = sqlite3.connect(":memory:", isolation_level=None)
        self.tables.execute("PRAGMA foreign_keys = ON")
        weakref.finalize(self, self.tables.close)


class MemoryJournal:
    """The journal of one book in a store; same contract as SqliteJournal (see ports.Journal)."""

    def __init__(
        self, book_id: str, store: MemoryStore | None = None, *, observer: Observer = unobserved
    ) -> None:
        self._book_id = book_id
        self._store = MemoryStore() if store is None else store
        self._observer = observer
        self._rows: list[StoredRow] = []
        self._head: Head | None = None
        self._holds_lock = False

    @property
    def store(self) -> MemoryStore:
        """The store, for a successor after a crash."""
        return self._store

    @property
    def head(self) -> tuple[int, bytes]:
        """Sequence and hash of the last entry; (0, 32 zero bytes) when empty."""
        head = self._usable()
        return head.seq, head.hash

    def open(self) -> None:
        """Take the writer's lock and read the head; also the way back after a failed append."""
        check(self._head is None, f"the journal of book {self._book_id!r} is already open")
        self.close()
        if self._book_id in self._store.locked:
            raise JournalUnavailable(
                f"memory: another writer runs book {self._book_id!r}; "
                "stop it first, a book has one writer"
            )
        self._store.locked.add(self._book_id)
        self._holds_lock = True
        self._rows = self._store.rows.setdefault(self._book_id, [])
        head = Head()
        if self._rows:
            before = self._rows[-2] if len(self._rows) > 1 else (0, b"", b"", GENESIS)
            for last in verified(self._rows[-1:], self._book_id, Head(before[0], before[3])):
                head = Head(last.header.seq, last.hash, last.header.at)
        self._head = head

    def close(self) -> None:
        """Release the lock; a crash in simulation ends here too."""
        self._head = None
        if self._holds_lock:
            self._store.locked.discard(self._book_id)
            self._holds_lock = False

    def append(
        self, entries: Sequence[PreparedEntry], apply: Callable[[Any], None] | None = None
    ) -> None:
        """Append entries and what ``apply`` writes, all or nothing (see ports.Journal)."""
        rows, head = link(self._book_id, self._usable(), entries)
        if len(self._rows) != head.seq - len(rows):
            self._head = None
            raise JournalUnavailable(
                f"memory: another writer went on with book {self._book_id!r}, whose lock ran out"
            )
        tables = self._store.tables
        try:
            tables.execute("BEGIN")
            self._observer(AppendStep.BEGUN)
            self._observer(AppendStep.WRITTEN)
            if apply is not None:
                apply(tables)
                check(tables.in_transaction, "a projector ended the journal's transaction")
            self._observer(AppendStep.PROJECTED)
            tables.execute("COMMIT")
            self._rows.extend(row[1:] for row in rows)
            self._observer(AppendStep.COMMITTED)
        except BaseException as error:
            self._head = None
            if tables.in_transaction:
                tables.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error | OSError):
                raise JournalUnavailable(f"memory: the append failed: {error}") from error
            raise
        self._head = head

    def rest(self) -> None:
        """There is nothing to do."""

    def read(self, after_seq: int = 0, limit: int | None = None) -> Iterator[StoredEntry]:
        """Stored entries in order, each verified; raises JournalDamaged at the first bad one."""
        self._usable()
        check(0 <= after_seq <= len(self._rows), f"there is no entry {after_seq} to read after")
        before = Head()
        if after_seq:
            before = Head(after_seq, self._rows[after_seq - 1][3])
        until = None if limit is None else after_seq + limit
        return verified(self._rows[after_seq:until], self._book_id, before)

    def verify(self, expected: tuple[int, bytes] | None = None) -> Verification:
        """Verify every entry, and that the chain leads through ``expected`` (seq, hash)."""
        self._usable()
        return examine(self._rows, self._book_id, expected)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, replacing the previous one."""
        self._usable()
        self._store.snapshots[self._book_id] = snapshot

    def load_snapshot(self) -> Snapshot | None:
        """The last snapshot, where it lies on this chain."""
        head = self._usable()
        kept = self._store.snapshots.get(self._book_id)
        if kept is None or not 0 <= kept.seq <= head.seq:
            return None
        on_chain = self._rows[kept.seq - 1][3] if kept.seq else GENESIS
        return kept if on_chain == kept.hash else None

    def _usable(self) -> Head:
        if self._head is None:
            raise JournalUnavailable(
                f"memory: the journal of book {self._book_id!r} is not open; "
                "after a failed append it must be opened again"
            )
        return self._head
