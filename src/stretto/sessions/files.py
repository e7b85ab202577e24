"""Database files as a person names them: made room for, and removed with all that belongs to them.

Removes nothing that is not a Stretto database, and none that a writer holds.
"""

from __future__ import annotations

import glob
from pathlib import Path

from stretto.core.errors import InvalidInput
from stretto.journal.lock import WriterLock
from stretto.journal.schema import APPLICATION_ID

_SQLITE_MAGIC = b"SQLite format 3\x00"
_APPLICATION_ID_AT = 68


def make_room(db: Path, *, force: bool) -> None:
    """See to it that a new database can be made at ``db``; with ``force`` a Stretto database there
    is removed first. Raises InvalidInput, and JournalUnavailable where a writer holds it.
    """
    if db.is_dir():
        raise InvalidInput(f"--db {db}", "is a directory", "a path for a database file")
    if db.exists():
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
    """Make the directories above ``db``. Raises InvalidInput where that cannot be done."""
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
    beside = sorted(db.parent.glob(f"{glob.escape(db.name)}.*"))
    locks = [path for path in beside if path.suffix == ".lock"]
    for path in locks:
        lock = WriterLock(path)
        lock.acquire()
        lock.release()
    snapshots = [path for path in beside if path.suffix in (".snapshot", ".jsonl")]
    venues = [path for path in beside if path.name.startswith(f"{db.name}.venue-")]
    logs = [db.with_name(db.name + end) for end in ("-wal", "-shm")]
    for path in (db, *logs, *snapshots, *venues, *locks):
        path.unlink(missing_ok=True)


def _is_ours(db: Path) -> bool:
    with db.open("rb") as file:
        head = file.read(100)
    if not head:
        return True
    written = int.from_bytes(head[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big")
    return head.startswith(_SQLITE_MAGIC) and written == APPLICATION_ID
