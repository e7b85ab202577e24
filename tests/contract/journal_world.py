"""Every kind of journal and the place where its entries survive, for the contract's tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from stretto.journal.chain import StoredRow, Verification
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.journal.sqlite import SqliteJournal
from stretto.journal.steps import Observer, unobserved
from stretto.ports import EntryHeader, Journal, PreparedEntry

BOOK = "main"
KINDS = ("memory", "sqlite")


class VerifiableJournal(Journal, Protocol):
    """What both journals offer beyond the port."""

    def verify(self, expected: tuple[int, bytes] | None = None) -> Verification: ...


class World:
    """One kind of journal and the place where its entries survive a crash."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.path = directory / "book.sqlite"
        self._store = MemoryStore() if kind == "memory" else None
        self._journals: list[VerifiableJournal] = []

    def journal(self, book: str = BOOK, observer: Observer = unobserved) -> VerifiableJournal:
        journal: VerifiableJournal = (
            SqliteJournal(self.path, book, observer=observer)
            if self._store is None
            else MemoryJournal(book, self._store, observer=observer)
        )
        self._journals.append(journal)
        return journal

    def opened(self, book: str = BOOK, observer: Observer = unobserved) -> VerifiableJournal:
        journal = self.journal(book, observer)
        journal.open()
        return journal

    def rows(self) -> list[StoredRow]:
        if self._store is not None:
            return list(self._store.rows[BOOK])
        with sqlite3.connect(self.path) as connection:
            found = connection.execute(
                "SELECT seq, header, payload, hash FROM journal_entries WHERE book_id = ? "
                "ORDER BY seq",
                (BOOK,),
            ).fetchall()
        connection.close()
        return found

    def overwrite(self, rows: Sequence[StoredRow]) -> None:
        """Change what is stored behind the journal's back."""
        if self._store is not None:
            self._store.rows[BOOK] = list(rows)
            return
        with sqlite3.connect(self.path) as connection:
            connection.execute("DELETE FROM journal_entries WHERE book_id = ?", (BOOK,))
            connection.executemany(
                "INSERT INTO journal_entries VALUES (?, ?, ?, ?, ?)", [(BOOK, *row) for row in rows]
            )
        connection.close()

    def let_the_lock_run_out(self) -> None:
        """As a lease does while its holder stands still: another writer may open the book."""
        if self._store is not None:
            self._store.locked.clear()
        for lock in self.path.parent.glob("*.lock"):
            lock.unlink()

    def close(self) -> None:
        for journal in self._journals:
            journal.close()


def entry(seq: int, *, at: int | None = None, book: str = BOOK, payload: str = "") -> PreparedEntry:
    header = EntryHeader(
        book_id=book,
        seq=seq,
        at=1_000 + seq if at is None else at,
        kind="counted",
        version=1,
        engine_version="0.1.0",
        execution_id=f"E{seq}",
    )
    return PreparedEntry(header=header, payload=(payload or f'{{"n":{seq}}}').encode())


def entries(first: int, last: int) -> list[PreparedEntry]:
    return [entry(seq) for seq in range(first, last + 1)]
