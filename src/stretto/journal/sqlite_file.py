"""Opening a database file so that it keeps its promises, and saying in words why one does not.

Every error ends in one message with the path. Knows nothing of entries, chain or books.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from stretto.core.errors import JournalDamaged, JournalUnavailable, StrettoError
from stretto.journal import schema

SQLITE_VERSION_MIN = (3, 37, 0)  # STRICT tables
BUSY_TIMEOUT_MS = 1_000
CACHE_KIB = 16_384
PAGE_BYTES = 8_192
"""Of a new file. A row of the audit log is longer than what SQLite keeps of one in a page of 4 KiB
(a quarter), and would take a second page for its end."""
LOG_BYTES = 10 << 20
"""Room for the log, made when it is first begun anew: what is written until it is again, where each
commit holds the orders of one signal. A commit that makes the file longer waits for the file
system's own journal besides, and for whatever other programs have put into that."""
DISK_FREE_BYTES = 1 << 30
"""Nothing is set aside on a disk that has less."""
CHECKPOINT_PAGES = 4_096
"""Pages of the log (32 MiB) after which a commit checkpoints: readers kept the log from moving."""

_PROBLEMS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_AUTH: "access is denied",
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked",
    sqlite3.SQLITE_CONSTRAINT: "a constraint of the tables refused a row",
    sqlite3.SQLITE_NOMEM: "memory is exhausted",
}
_DAMAGE = {
    sqlite3.SQLITE_NOTADB: "this is not a SQLite database, or its first page is damaged",
    sqlite3.SQLITE_CORRUPT: "the database is damaged (pages are missing or malformed)",
    sqlite3.SQLITE_FORMAT: "the database is damaged (its format is wrong)",
}


def explained(path: Path, error: sqlite3.Error | OSError, during: str) -> StrettoError:
    """The error to raise for one of the driver or the system: what, where, while doing what."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    detail = f"{during}: {error}"
    if primary in _DAMAGE:
        return JournalDamaged(f"{path}: {_DAMAGE[primary]} ({detail})")
    if primary in _PROBLEMS:
        return JournalUnavailable(f"{path}: {_PROBLEMS[primary]} ({detail})")
    return JournalUnavailable(f"{path}: the journal failed ({detail})")


def connect(path: Path, *, read_only: bool, create: bool) -> sqlite3.Connection:
    """A connection to a Stretto database, new or existing; the caller holds the lock to write.

    Refuses with JournalUnavailable a file of another program or a newer layout, and a SQLite that
    is too old; with JournalDamaged one that is no database.
    """
    if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
        needed = ".".join(map(str, SQLITE_VERSION_MIN))
        raise JournalUnavailable(
            f"{path}: Python's SQLite is {sqlite3.sqlite_version}; {needed} or later is needed"
        )
    if read_only:
        _check_readable(path)
    connection: sqlite3.Connection | None = None
    try:
        connection = _opened(path, read_only=read_only, create=create)
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        new = _check_format(connection, path)
        if new and not create:
            raise JournalUnavailable(f"{path}: the database is empty; there is no journal in it")
        if not read_only:
            _prepare(connection, path, new=new)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise explained(path, error, "open") from error
        raise
    return connection


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise JournalUnavailable(f"{path}: is a directory, not a database file")
    if not path.exists():
        raise JournalUnavailable(f"{path}: there is no such journal")


def _opened(path: Path, *, read_only: bool, create: bool) -> sqlite3.Connection:
    uri = path.absolute().as_uri()
    if not read_only:
        return _plain_connection(f"{uri}?mode={'rwc' if create else 'rw'}")
    connection = _plain_connection(f"{uri}?mode=ro")
    try:
        connection.execute("PRAGMA user_version")
    except sqlite3.Error as error:
        connection.close()
        wal = path.with_name(path.name + "-wal")
        denied = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        if error.sqlite_errorcode & 0xFF not in denied or wal.exists():
            raise
        # A read-only directory without a write-ahead log: nobody can be writing.
        return _plain_connection(f"{uri}?mode=ro&immutable=1")
    return connection


def _plain_connection(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1e3,
        check_same_thread=False,  # the log is moved beside the writer, which waits before its next
    )


def _check_format(connection: sqlite3.Connection, path: Path) -> bool:
    """True for an empty database, False for one of ours, JournalUnavailable for any other."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id == schema.APPLICATION_ID:
        if layout > schema.LAYOUT_VERSION:
            raise JournalUnavailable(
                f"{path}: was written by a newer Stretto (layout {layout}, this one knows "
                f"{schema.LAYOUT_VERSION}): upgrade Stretto"
            )
        return False
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables or application_id or layout:
        raise JournalUnavailable(f"{path}: is a database of another program, not of Stretto")
    return True


def _prepare(connection: sqlite3.Connection, path: Path, *, new: bool) -> None:
    if new:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalUnavailable(
            f"{path}: its file system does not support write-ahead logging; put it on a local disk"
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA fullfsync = ON")  # macOS, where fsync alone does not reach the disk
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    # SQLite silently opens for reading what it may not write; writing something tells.
    connection.execute("BEGIN IMMEDIATE")
    if new:
        connection.execute(schema.CREATE_ENTRIES)
        connection.execute(schema.CREATE_VIEW)
        connection.execute(f"PRAGMA user_version = {schema.LAYOUT_VERSION}")
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("COMMIT")
    # What an earlier process left in the log may never have reached the disk (a failed fsync is
    # reported once). Writing it into the file anew, with a fsync that succeeds, settles it.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def begin_log(connection: sqlite3.Connection, path: Path) -> None:
    """Move the write-ahead log into the database and begin it anew, in a file that has room.

    The first commit of a new log syncs its header by itself: here that is one which changes
    nothing. Where somebody still reads the old log, the next commit goes on in it.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    connection.execute("BEGIN IMMEDIATE")  # whoever writes another book of this file waits
    try:
        _make_room(path.with_name(path.name + "-wal"))
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _make_room(log: Path) -> None:
    """Write zeros behind the end of a log that is shorter than ``LOG_BYTES``. SQLite takes no frame
    for valid whose salts and checksums do not follow from the log's header, and overwrites them.
    """
    descriptor = os.open(log, os.O_WRONLY)
    try:
        end = os.fstat(descriptor).st_size
        if not 0 < end < LOG_BYTES or shutil.disk_usage(log.parent).free < DISK_FREE_BYTES:
            return
        try:
            at, zeros = end, bytes(1 << 20)
            while at < LOG_BYTES:
                at += os.pwrite(descriptor, zeros[: LOG_BYTES - at], at)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
