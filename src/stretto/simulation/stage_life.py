"""One simulated process: its loop, its journal, and how it ends; and the disk that outlives it.

Knows journals by name, nothing of what a writer does with them.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from stretto.core.errors import JournalUnavailable, StrettoError, check
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.journal.sqlite import SqliteJournal
from stretto.journal.steps import Observer, unobserved
from stretto.ports import Journal, Projector
from stretto.simulation.stage_ports import Process
from stretto.simulation.stage_time import StageLoop, error_of, unwind
from stretto.views.projector import SqlProjector


class Disk:
    """Where a book's journal lies: in memory, or in a SQLite file with query tables."""

    def __init__(self, book_id: str, directory: Path, *, on_sqlite: bool) -> None:
        self._book_id = book_id
        self._path = directory / "book.sqlite"
        self._store = None if on_sqlite else MemoryStore()

    def journal(self, observer: Observer) -> Journal:
        """A journal of the book, not yet open."""
        if self._store is None:
            return SqliteJournal(self._path, self._book_id, observer=observer)
        return MemoryJournal(self._book_id, self._store, observer=observer)

    def projector(self) -> SqlProjector | None:
        """What writes the query tables, where there are any."""
        return SqlProjector(self._book_id) if self._store is None else None

    def head(self) -> tuple[int, bytes] | None:
        """Sequence and hash of the last entry, where no process holds the book."""
        journal = self.journal(unobserved)
        with contextlib.suppress(StrettoError):
            journal.open()
            head = journal.head
            journal.close()
            return head
        return None

    def let_the_lock_run_out(self) -> None:
        """As a lease does while its holder stands still: another process may open the book."""
        if self._store is not None:
            self._store.locked.discard(self._book_id)
        for lock in self._path.parent.glob("*.lock"):
            lock.unlink()

    def check_fenced(self) -> None:
        """A second writer is refused while a process holds the book."""
        second = self.journal(unobserved)
        try:
            second.open()
        except JournalUnavailable:
            return
        second.close()
        check(False, "a second writer opened a book that has one")


class Life:
    """A process with its loop and journal. ``errors`` were raised where nobody could catch them."""

    def __init__(self, process: Process, disk: Disk) -> None:
        self.process = process
        self.loop: StageLoop = process.loop
        self.errors: list[BaseException] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(error_of(context)))
        self._disk = disk
        self.journal = disk.journal(process.append_step)
        self.projector: Projector | None = None

    def open(self) -> None:
        """Take the book, which from then on nobody else gets."""
        self.journal.open()
        self._disk.check_fenced()
        projector = self._disk.projector()
        if projector is not None:
            self.journal.append((), projector.create)
            self.projector = projector

    def session_over(self, _: object) -> None:
        """The session came to its end, or raised."""
        if not self.process.dead:
            self.loop.stop()

    def end(self) -> None:
        """Nothing of the process reaches the world any more; its tasks end."""
        self.process.end()
        unwind(self.loop)
        self.loop.close()
        self.journal.close()
