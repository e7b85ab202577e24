"""The control socket of a running book: people's requests in, the book's answers out.

A Unix domain socket, readable by its owner alone: one JSON line with a request, one with the answer
once it is durable, or of a comparison with the venues one for each account. Knows the writer and
the codec of a request, not what a request may do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import JournalUnavailable
from stretto.core.terms.intervention import Denied
from stretto.core.values import digest
from stretto.runtime.reconciler import STOPPED, Comparison
from stretto.runtime.writer import Writer

LINE_BYTES_MAX = 1 << 16
PATH_BYTES_MAX = 100
"""Of an AF_UNIX path: 108 on Linux and 104 on macOS, less what may end it."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a request: journaled as ``entry`` at ``at`` (ns UTC). ``denied`` where it was
    refused; ``is_repeat`` where the very request had been handled in that entry before;
    ``abandoned`` and ``cancels`` count accounts and orders; ``error`` where nothing was journaled.
    """

    entry: int = 0
    at: int = 0
    is_repeat: bool = False
    denied: Denied | None = None
    abandoned: int = 0
    cancels: int = 0
    events: tuple[str, ...] = ()
    error: str = ""


class ReconcileRequest(msgspec.Struct, frozen=True, kw_only=True, tag="reconcile"):
    """Compare these accounts with their venues now; every account where none is named."""

    accounts: tuple[str, ...] = ()


class ReconcileAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the answer: how one account stands. The last line has none; ``unknown`` names
    accounts that the book does not have, ``error`` why nothing is compared.
    """

    comparison: Comparison | None = None
    unknown: tuple[str, ...] = ()
    error: str = ""


Compare = Callable[[Sequence[str]], Sequence[asyncio.Future[Comparison]]]

encode = msgspec.json.Encoder().encode
decode_request = msgspec.json.Decoder(ev.Intervened | ReconcileRequest).decode
decode_answer = msgspec.json.Decoder(Answer).decode
decode_reconciled = msgspec.json.Decoder(ReconcileAnswer).decode


def answer_of(book: Book, item: ev.Intervened, entry: ev.Entry | None) -> Answer:
    """The answer to a request that was handled; ``entry`` is None where it changed nothing."""
    if entry is None:
        known = book.requests[item.request_id]
        denied = None if known.refused is None else Denied(rule=known.refused)
        return Answer(entry=known.seq, at=known.at, is_repeat=True, denied=denied)
    first = entry.events[0]
    counted = ev.AllocationEnded | ev.RemainderAbandoned
    return Answer(
        entry=entry.seq,
        at=entry.at,
        denied=first.denied if isinstance(first, ev.InterventionRefused) else None,
        abandoned=sum(1 for event in entry.events if isinstance(event, counted)),
        cancels=sum(
            isinstance(event, ev.CancelRequested | ev.VenueOrderCancelRequested)
            for event in entry.events
        ),
        events=tuple(ev.kind_of(event) for event in entry.events),
    )


def socket_path(db: Path, book_id: str) -> Path:
    """Where the socket of a book lies: beside its database, or where that path is too long for a
    socket, in a directory of the user's own. The same for every process of the user.
    """
    resolved = db.resolve()
    name = digest("control", str(resolved), book_id).hex()[:16]
    beside = resolved.with_name(f"{resolved.name}.{name}.control")
    if len(os.fsencode(beside)) <= PATH_BYTES_MAX:
        return beside
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"stretto-{user}" / f"{name}.control"


class ControlSocket:
    """Serves one writer; whoever holds the book's lock may take the path over."""

    def __init__(self, writer: Writer, compare: Compare, path: Path) -> None:
        self._writer = writer
        self._compare = compare
        self._path = path
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, None] = {}

    async def open(self) -> None:
        """Listen. Raises JournalUnavailable where the directory is not the user's own."""
        own_directory(self._path)
        self._path.unlink(missing_ok=True)  # of a process that is gone: the lock is ours
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, str(self._path), limit=LINE_BYTES_MAX
            )
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Listen no more; who still waits for an answer is cut off."""
        if self._server is None:
            return
        self._server.close()
        for stream in list(self._open):
            stream.close()
        self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        self._open[stream] = None
        try:
            await self._answer(reader, stream)
        except (OSError, asyncio.CancelledError):
            pass  # whoever asked has gone; the request stands, and its id can be asked about again
        finally:
            self._open.pop(stream, None)
            stream.close()

    async def _answer(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        try:
            item = decode_request(await reader.readline())
        except (msgspec.MsgspecError, ValueError) as error:
            await _say(stream, Answer(error=f"no request: {error}"))
            return
        if isinstance(item, ReconcileRequest):
            await self._reconcile(item, stream)
        else:
            await _say(stream, await self._intervene(item))

    async def _intervene(self, item: ev.Intervened) -> Answer:
        reply: asyncio.Future[ev.Entry | None] = asyncio.get_running_loop().create_future()

        def done(entry: ev.Entry | None) -> None:
            if not reply.done():
                reply.set_result(entry)

        if not self._writer.ask(item, done):
            return Answer(error=STOPPED)
        return answer_of(self._writer.book, item, await reply)

    async def _reconcile(self, item: ReconcileRequest, stream: asyncio.StreamWriter) -> None:
        config = self._writer.book.config
        if config is None:
            await _say(stream, ReconcileAnswer(error="the book is just being opened"))
            return
        unknown = tuple(name for name in item.accounts if name not in config.accounts)
        if unknown:
            await _say(stream, ReconcileAnswer(unknown=unknown))
            return
        names = sorted(dict.fromkeys(item.accounts or config.accounts))
        for comparison in self._compare(names):
            await _say(stream, ReconcileAnswer(comparison=await comparison))
        await _say(stream, ReconcileAnswer())


async def _say(stream: asyncio.StreamWriter, answer: Answer | ReconcileAnswer) -> None:
    stream.write(encode(answer) + b"\n")
    await stream.drain()


def own_directory(path: Path) -> None:
    """Make the directory of a socket that does not lie beside its database, for the user alone."""
    parent = path.parent
    if parent.name.startswith("stretto-"):
        with contextlib.suppress(FileExistsError):
            parent.mkdir(mode=0o700)
        held = parent.lstat()
        if held.st_uid != os.getuid() or held.st_mode & 0o077:
            raise JournalUnavailable(f"{parent}: is not yours alone: remove it")
