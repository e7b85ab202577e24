"""What a session was started with, kept beside its journal so that ``resume`` needs only the file.

Not journaled and not hashed: paths on this machine may stand here, decisions rest on none of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from stretto.config import Settings
from stretto.core.errors import InvalidInput, JournalUnavailable
from stretto.journal.sqlite import SqliteJournal
from stretto.journal.sqlite_file import connect, explained
from stretto.sessions.files import check_no_special_file

_CREATE = (
    "CREATE TABLE IF NOT EXISTS run_settings "
    "(book_id TEXT NOT NULL PRIMARY KEY, settings_json TEXT NOT NULL) STRICT, WITHOUT ROWID"
)
_WRITE = "INSERT OR REPLACE INTO run_settings (book_id, settings_json) VALUES (?, ?)"
_READ = "SELECT book_id, settings_json FROM run_settings ORDER BY book_id"


class DemoArguments(msgspec.Struct, frozen=True, kw_only=True, tag="demo"):
    """The arguments of a demo. ``quotes`` and ``bars`` are absolute paths; ``faults`` names groups
    or kinds of what goes wrong at its venues.
    """

    accounts: int
    signals: int
    seed: int
    quotes: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class RunArguments(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """A configured book: its settings as read, where its signals came from (a path, ``-`` for
    standard input), the speed (``max`` or a multiple of real time) and the end, ns UTC.
    """

    settings: Settings
    signals: str
    speed: str = "max"
    until: int | None = None


StartedWith = DemoArguments | RunArguments


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: ``ended`` says that the session came to its own end and left nothing to do."""

    started: StartedWith
    ended: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Session).decode


def remember(journal: SqliteJournal, book_id: str, session: Session) -> None:
    """Keep the session; durable, and before its first entry."""
    text = _encode(session).decode()

    def write(connection: Any) -> None:
        connection.execute(_CREATE)
        connection.execute(_WRITE, (book_id, text))

    journal.append((), write)


def recall(db: Path, book_id: str | None = None) -> tuple[str, Session]:
    """The book and its session. Raises InvalidInput where there is none, or
    several and none is named; JournalUnavailable where the file cannot be read.
    """
    check_no_special_file(db)
    try:
        with contextlib.closing(connect(db, read_only=True, create=False)) as connection:
            known = dict(_rows(connection))
    except sqlite3.Error as error:
        raise explained(db, error, "read") from error
    if not known:
        raise InvalidInput(
            str(db), "no demo or run was started in it", "a database of `stretto demo` or `run`"
        )
    if book_id is None and len(known) > 1:
        raise InvalidInput(
            str(db), f"holds {len(known)} books: {', '.join(known)}", "--book with one of them"
        )
    chosen = next(iter(known)) if book_id is None else book_id
    if chosen not in known:
        raise InvalidInput(f"{db}: --book", f"there is no book {chosen!r}", ", ".join(known))
    try:
        return chosen, _decode(known[chosen])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JournalUnavailable(
            f"{db}: what book {chosen!r} was started with cannot be read ({error}); the journal "
            "itself is not touched by this: `stretto verify` and `stretto status` still work"
        ) from error


def _rows(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'run_settings'"
    ).fetchone()
    return [] if found is None else connection.execute(_READ).fetchall()
