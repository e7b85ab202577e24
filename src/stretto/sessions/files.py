"""Database files as a person names them: made room for, and removed with all that belongs to them.

Removes nothing that is not a Stretto database, and none that a writer holds.
"""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

from stretto.core.errors import InvalidInput, JournalUnavailable
from stretto.journal.lock import WriterLock
from stretto.journal.schema import APPLICATION_ID

_SQLITE_MAGIC = b"SQLite format 3\x00"
_APPLICATION_ID_AT = 68
_HEADER_BYTES = 100
_LOG_ENDS = ("-wal", "-shm", "-journal")


def check_output(option: str, path: Path, *, overwrite: bool, db: Path) -> None:
    """See to it, without opening anything but a regular file, that ``option`` may write ``path``.

    Raises InvalidInput where something is there and ``overwrite`` is not given; and always where it
    is the database, a file beside it, or any SQLite database.
    """
    if _belongs_to(path, db):
        raise InvalidInput(
            f"{option} {path}", f"belongs to the database {db}", "another path; it is left alone"
        )
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise InvalidInput(
            f"{option} {path}", "exists already", "--overwrite to replace it, or another path"
        )
    if path.is_file() and _header(path).startswith(_SQLITE_MAGIC):
        raise InvalidInput(
            f"{option} {path}", "is a SQLite database", "another path; it is left alone"
        )


def check_no_special_file(db: Path) -> None:
    """Raise JournalUnavailable where ``db`` is a pipe, a device or a socket: opening may block."""
    if db.exists() and not db.is_file() and not db.is_dir():
        raise JournalUnavailable(f"{db}: is no regular file, so it is no database")


def make_room(db: Path, *, force: bool) -> None:
    """See to it that a new database can be made at ``db``; with ``force`` a Stretto database there
    is removed first. Raises InvalidInput, and JournalUnavailable where a writer holds it.
    """
    if db.is_dir():
        raise InvalidInput(f"--db {db}", "is a directory", "a path for a database file")
    if os.path.lexists(db):
        if not _is_ours(db):
            raise InvalidInput(
                f"--db {db}", "exists and is no Stretto database", "another path; it is left alone"
            )
        if not force:
            raise InvalidInput(
                f"--db {db}",
                "exists already",
                "--force to remove it and begin anew, or another path "
                f"(stretto resume --db {db} continues it)",
            )
    make_parent(db)
    if force:
        remove(db)


def make_parent(db: Path) -> None:
    """Make the directories above ``db``. Raises InvalidInput where that cannot be done, and
    JournalUnavailable where ``db`` is a pipe or a device.
    """
    check_no_special_file(db)
    try:
        db.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"--db {db}",
            f"its directory {db.parent} cannot be made ({error.strerror})",
            "a path that can be written to",
        ) from error


def remove(db: Path) -> None:
    """Remove a database with its log, snapshots, lock files and venue logs."""
    beside = [
        path
        for path in sorted(db.parent.glob(f"{glob.escape(db.name)}.*"))
        if _is_regular(path) and _belongs_to(path, db)
    ]
    locks = [path for path in beside if path.suffix == ".lock"]
    for path in locks:
        lock = WriterLock(path)
        lock.acquire()
        lock.release()
    logs = [db.with_name(db.name + end) for end in _LOG_ENDS]
    others = [path for path in beside if path.suffix != ".lock"]
    for path in (db, *logs, *others, *locks):
        if _is_regular(path):
            path.unlink(missing_ok=True)


def _belongs_to(path: Path, db: Path) -> bool:
    """Whether ``path`` is the database ``db`` by any name, or would be removed with it."""
    place, home = path.resolve(), db.resolve()
    if place == home:
        return True
    try:
        if path.samefile(db):
            return True
    except OSError:
        pass  # one of them does not exist
    if place.parent != home.parent or not place.name.startswith(home.name):
        return False
    end = place.name[len(home.name) :]
    return end in _LOG_ENDS or (
        end.startswith(".")
        and (end.startswith(".venue-") or end.endswith((".lock", ".snapshot", ".jsonl")))
    )


def _is_regular(path: Path) -> bool:
    """A regular file itself, not what a link leads to."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _is_ours(db: Path) -> bool:
    """A regular file that carries Stretto's application id; opens nothing else."""
    if not _is_regular(db):
        return False
    head = _header(db)
    written = int.from_bytes(head[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big")
    return head.startswith(_SQLITE_MAGIC) and written == APPLICATION_ID
