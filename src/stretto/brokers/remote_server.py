"""Serves simulated venues over local sockets: the other end of ``remote``.

The venues keep their books and their time while no book is connected. What a venue says goes to
every connection that lives at that moment and to no other: nothing is kept for later. A command
that arrives is taken whatever its ``send_before``, as a real venue would. Knows nothing of who
connects.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import assert_never

import msgspec

from stretto.brokers.remote_wire import (
    WIRE_VERSION,
    Answered,
    Ask,
    AskDump,
    AskPace,
    Beat,
    Do,
    Dumped,
    FromVenue,
    Hello,
    Pace,
    Paced,
    Refused,
    TooLong,
    Welcome,
    decode_to_venue,
    framed,
    read_frame,
    said,
)
from stretto.brokers.sim import SimVenue
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.ports import Clock, VenueMessage

CONNECTIONS_MAX = 64
ASKED_MAX = 1_024
"""Questions of one connection that wait for their answers."""
UNREAD_BYTES_MAX = 1 << 24
"""What a connection may leave unread before it is cut: a book that sleeps must not fill us."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A venue, where it is served, what it was made of, and its interval of signs of life."""

    venue: SimVenue
    address: str
    fingerprint: str
    heartbeat_ns: int


@dataclass(eq=False)
class _Connection:
    stream: asyncio.StreamWriter
    venue: str = ""
    asked: dict[asyncio.Task[None], None] = field(default_factory=dict)

    def put(self, message: FromVenue) -> None:
        """Write, or cut the connection off where its other end does not read."""
        transport = self.stream.transport
        if transport.is_closing():
            return
        self.stream.write(framed(message))
        if transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            transport.abort()


class VenueServer:
    """Serves venues until closed. ``begin`` is called with the first book, and gives the pace of
    the venues' time from then on; ``commands`` counts what arrived.
    """

    def __init__(
        self, served: Mapping[str, Served], clock: Clock, begin: Callable[[], Pace]
    ) -> None:
        self._served = served
        self._clock = clock
        self._begin = begin
        self._pace: Pace | None = None
        self._servers: list[asyncio.Server] = []
        self._paths: list[Path] = []
        self._open: dict[_Connection, None] = {}
        self._serving: dict[asyncio.Task[None], None] = {}
        self._beating: list[asyncio.Task[None]] = []
        self.commands = 0

    async def open(self) -> None:
        """Listen. Raises InvalidInput where an address is taken or cannot be made."""
        for address in sorted({each.address for each in self._served.values()}):
            await self._listen(Path(address))

    async def close(self) -> None:
        """Listen no more, cut every connection off and close the venues."""
        for server in self._servers:
            server.close()
        tasks = [*self._beating, *(task for each in self._open for task in each.asked)]
        for task in [*tasks, *self._serving]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for name in sorted(self._served):
            await self._served[name].venue.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def dumps(self) -> dict[str, dict[str, object]]:
        """The own books of every venue, by its name."""
        return {name: self._served[name].venue.dump() for name in sorted(self._served)}

    async def _listen(self, path: Path) -> None:
        _make_free(path)
        before = os.umask(0o177)  # for the user alone
        try:
            server = await asyncio.start_unix_server(self._serve, str(path))
        except OSError as error:
            raise InvalidInput(
                f"address {path}", f"cannot be made ({error.strerror or error})", "a path to write"
            ) from error
        finally:
            os.umask(before)
        self._servers.append(server)
        self._paths.append(path)

    # --- one connection

    async def _serve(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        connection = _Connection(stream)
        task = asyncio.current_task()
        if task is not None:
            self._serving[task] = None
            task.add_done_callback(lambda done: self._serving.pop(done, None))
        try:
            if len(self._open) >= CONNECTIONS_MAX:
                connection.put(Refused(why=f"there are {CONNECTIONS_MAX} connections already"))
                return
            self._open[connection] = None
            while (body := await read_frame(reader)) is not None:
                try:
                    message = decode_to_venue(body)
                except msgspec.MsgspecError as error:
                    connection.put(Refused(why=f"no message of a book: {error}"))
                    return
                if isinstance(message, Hello):
                    self._greet(connection, message, await self._begun())
                elif isinstance(message, AskPace):
                    connection.put(Paced(pace=await self._begun()))
                else:
                    self._take(connection, message)
        except TooLong as error:
            connection.put(Refused(why=str(error)))
        except asyncio.CancelledError:
            pass  # the server is being closed
        finally:
            self._open.pop(connection, None)
            for task in list(connection.asked):
                task.cancel()
            stream.close()

    async def _begun(self) -> Pace:
        """The pace of the venues, whose time begins with the first book that asks."""
        if self._pace is None:
            self._pace = self._begin()
            loop = asyncio.get_running_loop()
            for name in sorted(self._served):
                served = self._served[name]
                await served.venue.connect(partial(self._spread, name))
                self._beating.append(loop.create_task(self._beat(name, served)))
        return self._pace

    def _take(self, connection: _Connection, message: AskDump | Do | Ask) -> None:
        if isinstance(message, AskDump):
            connection.put(Dumped(venues=self.dumps()))
        elif isinstance(message, Do):
            if connection.venue:
                self.commands += 1
                self._served[connection.venue].venue.take(message.command)
        elif isinstance(message, Ask):
            self._ask(connection, message)
        else:
            assert_never(message)

    def _greet(self, connection: _Connection, hello: Hello, pace: Pace) -> None:
        served = self._served.get(hello.venue)
        if hello.version != WIRE_VERSION:
            why = f"the venue speaks version {WIRE_VERSION} of the wire, not {hello.version}"
        elif served is None:
            why = f"serves {', '.join(self._served)} and no venue of that name"
        elif served.fingerprint != hello.fingerprint:
            why = (
                "was started with other settings of this venue, its accounts, instruments or "
                "market; start it anew with this configuration"
            )
        else:
            connection.venue = hello.venue
            alive_at = served.venue.heartbeat_at()
            connection.put(Welcome(pace=pace, heartbeat_at=alive_at))
            return
        connection.put(Refused(why=why))
        connection.stream.close()

    def _ask(self, connection: _Connection, ask: Ask) -> None:
        if not connection.venue or len(connection.asked) >= ASKED_MAX:
            connection.put(Answered(number=ask.number, problem="asked too much at once"))
            return
        task = asyncio.get_running_loop().create_task(self._answer(connection, ask))
        connection.asked[task] = None
        task.add_done_callback(lambda done: connection.asked.pop(done, None))

    async def _answer(self, connection: _Connection, ask: Ask) -> None:
        venue = self._served[connection.venue].venue
        number = ask.number
        try:
            if ask.view:
                view = await venue.mass_status(ask.account_id, ask.since_ns, ask.after)
                connection.put(Answered(number=number, view=view))
            else:
                snapshot = await venue.snapshot(ask.account_id)
                connection.put(Answered(number=number, snapshot=snapshot))
        except (BrokerUnreachable, TooLong) as error:
            connection.put(Answered(number=number, problem=str(error)))
        except InvalidInput as error:
            connection.put(Answered(number=number, problem=str(error), is_foreign=True))

    # --- what the venues say

    def _spread(self, venue: str, message: VenueMessage) -> None:
        for connection in list(self._open):
            if connection.venue == venue:
                connection.put(said(message))

    async def _beat(self, name: str, served: Served) -> None:
        while True:
            now = self._clock.now_ns()
            await self._clock.sleep_until(now - now % served.heartbeat_ns + served.heartbeat_ns)
            beat = Beat(at=served.venue.heartbeat_at())
            for connection in list(self._open):
                if connection.venue == name:
                    connection.put(beat)


def _make_free(path: Path) -> None:
    """Remove the socket of a process that is gone. Raises InvalidInput for whatever else is there,
    a venue that answers among it.
    """
    where = f"address {path}"
    if not path.parent.is_dir():
        raise InvalidInput(where, f"there is no directory {path.parent}", "a path in one")
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found):
        raise InvalidInput(where, "is a file and no socket", "another address; it is left alone")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as stream:
        try:
            stream.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise InvalidInput(where, "a venue is served there already", "one process for an address")
