"""A person's request to a book: over its control socket where it runs, else journaled directly.

Without a running writer the book's time stands still: the decision is journaled at the last known
instant, and what follows from it for the venues goes out when the book is resumed.
"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from stretto.bootstrap import OpenBook, open_book
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.engine import decide, effects_of
from stretto.core.errors import BrokerUnreachable, JournalUnavailable
from stretto.core.evolve import begin, evolve, finish
from stretto.core.terms.market import Reads
from stretto.runtime.control import (
    Answer,
    answer_of,
    decode_answer,
    encode,
    socket_path,
)
from stretto.runtime.outcomes import outcome_of
from stretto.sessions.started import Session, recall, remember

ANSWER_S_MAX = 30.0


def intervene(db: Path, book_id: str, item: ev.Intervened) -> tuple[Answer, bool]:
    """The book's answer, once it is durable, and whether the book runs. Raises JournalUnavailable
    where a process runs the book that nobody can reach, BrokerUnreachable where it did not answer.
    """
    answered = _over_socket(socket_path(db, book_id), item)
    if answered is not None:
        if answered.error:
            raise JournalUnavailable(f"{db}: {answered.error}; ask again")
        return answered, True
    try:
        with open_book(db, book_id, create=False) as opened:
            return _journaled(opened, item, lambda: _resumable(db, book_id, opened)), False
    except JournalUnavailable as error:
        if "another writer" not in str(error):
            raise
        raise JournalUnavailable(
            f"{error}. It cannot be reached while it runs: a demo and `run --speed max` pass their "
            "time at once; stop it, or run it with a --speed"
        ) from error


def _over_socket(path: Path, item: ev.Intervened) -> Answer | None:
    """None where nobody listens."""
    lines = answers(path, encode(item), ANSWER_S_MAX)
    if lines is None:
        return None
    try:
        return decode_answer(next(lines))
    except (OSError, msgspec.MsgspecError, StopIteration) as error:
        raise BrokerUnreachable(
            f"{path}: the book did not answer ({error}); whether it took the request is not "
            f"known: ask again with --request-id {item.request_id}, it acts once"
        ) from error


def answers(path: Path, request: bytes, seconds: float) -> Iterator[bytes] | None:
    """The lines of the book's answer, each within ``seconds``; None where nobody listens. Raises
    OSError while it is read.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(seconds)
    try:
        stream.connect(str(path))
    except OSError:
        stream.close()
        return None
    return _lines(stream, request)


def _lines(stream: socket.socket, request: bytes) -> Iterator[bytes]:
    with closing(stream), stream.makefile("rb") as answered:
        stream.sendall(request + b"\n")
        yield from answered


def _resumable(db: Path, book_id: str, opened: OpenBook) -> None:
    """A session that came to its end has something to do again."""
    _, session = recall(db, book_id)
    if session.ended:
        remember(opened.journal, book_id, Session(started=session.started))


def _journaled(opened: OpenBook, item: ev.Intervened, reopen: Callable[[], None]) -> Answer:
    """The decision, and in the same transaction that nothing of it was sent: an order without an
    outcome would be in doubt for ever, and no process has it to send.
    """
    book = opened.book
    entry = _handled(book, item)
    if entry is None:
        return answer_of(book, item, None)
    entries = [entry]
    for command in effects_of(book, entry):
        unsent = outcome_of(command, ev.SendOutcomeKind.NOT_SENT, book.at, "nobody runs the book")
        follows = None if unsent is None else _handled(book, unsent)
        if follows is not None:
            entries.append(follows)

    if book.open_executions or not book.is_at_rest:
        reopen()

    def project(connection: sqlite3.Connection | Any) -> None:
        opened.projector.apply(connection, entries)

    opened.journal.append([opened.codec.prepare(each) for each in entries], project)
    return answer_of(book, item, entry)


def _handled(book: Book, item: ev.Input) -> ev.Entry | None:
    """An input decided and applied at the book's last instant; None where it changes nothing."""
    events = decide(book, item, Reads(), book.at)
    if not events:
        return None
    begin(book, book.seq + 1, book.at)
    for event in events:
        evolve(book, event)
    finish(book)
    return ev.Entry(seq=book.seq, at=book.at, input=item, reads=Reads(), events=events)
