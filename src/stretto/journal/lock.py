"""The operating system's lock that keeps a book to one writer on this machine.

It is bound to the open file, so it ends with the process, however that ends; the file itself stays.
Knows nothing of the journal behind it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stretto.core.errors import JournalUnavailable

_LOCKED_BYTE = 1 << 30  # beyond the content, so that others can read who holds it (Windows)


class WriterLock:
    """An exclusive lock on a file. Two locks exclude each other within a process too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise JournalUnavailable at once, naming the holder; never waits."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalUnavailable(
                f"{self._path}: the writer's lock cannot be opened: {error.strerror}"
            ) from error
        try:
            _lock(file)
        except OSError as error:
            holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise JournalUnavailable(
                f"{self._path}: another writer (process {holder}) runs this book; "
                "stop it first, a book has one writer"
            ) from error
        self._file = file
        try:
            os.ftruncate(file, 0)
            os.write(file, b"%d\n" % os.getpid())
        except OSError:
            return  # the number only serves the message above; a full disk must not matter here

    def release(self) -> None:
        """Give the lock up; does nothing where it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(file, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
