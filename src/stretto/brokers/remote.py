"""A ``Broker`` for a simulated venue that lives in another process, over a local socket.

What was not written whole by its ``send_before`` is never written: the connection is cut instead. A
lost connection is made anew, and what the venue said meanwhile is asked for by the book. Knows
nothing of what a venue does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import assert_never

import msgspec

from stretto.brokers.remote_wire import (
    Answered,
    Ask,
    Beat,
    Do,
    Dumped,
    FromVenue,
    Hello,
    Pace,
    Paced,
    Refused,
    Said,
    TooLong,
    Welcome,
    decode_from_venue,
    framed,
    read_frame,
    unreachable,
)
from stretto.core.effects import AmendProtection, ReplaceOrder, SubmitOrder
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.venue import MassStatus, VenueCapabilities
from stretto.core.values import NS_PER_S
from stretto.ports import Clock, Command, NotSent, SendOutcome, Sent, VenueMessage

AGAIN_S_MIN = 0.5
AGAIN_S_MAX = 30.0
"""Waits before a lost connection is tried again, doubled each time; seconds of book time."""
_ONCE = (SubmitOrder, ReplaceOrder, AmendProtection)


class RemoteVenue:
    """The connection of one book to one venue. ``capabilities`` are those of the configuration that
    both processes read, which ``fingerprint`` stands for.
    """

    def __init__(
        self,
        venue: str,
        address: str,
        clock: Clock,
        fingerprint: str,
        capabilities: VenueCapabilities,
        pace: Pace,
    ) -> None:
        self._venue = venue
        self._address = address
        self._clock = clock
        self._fingerprint = fingerprint
        self._capabilities = capabilities
        self._pace = pace
        self._sink: Callable[[VenueMessage], None] | None = None
        self._stream: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked: dict[int, asyncio.Future[Answered]] = {}
        self._number = 0
        self._heartbeat_at = 0
        self._why = "not connected"

    @property
    def venue(self) -> str:
        """Name of the venue, as accounts refer to it."""
        return self._venue

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the venue declares of itself."""
        return self._capabilities

    async def connect(self, sink: Callable[[VenueMessage], None]) -> None:
        """Open the connection, and keep it open until ``close``. Raises BrokerUnreachable where
        nobody answers, InvalidInput where another venue does.
        """
        reader, stream = await self._opened()
        self._sink, self._stream = sink, stream
        self._task = asyncio.get_running_loop().create_task(self._keep(reader, stream))

    async def send(self, command: Command) -> SendOutcome:
        """Write one command. Where it cannot be written whole, the connection is cut, so that the
        rest of it never leaves.
        """
        frame = framed(Do(command=command))
        stream = self._stream
        try:
            if stream is not None:
                await stream.drain()  # what was put before has left
        except OSError:
            stream = None
        if stream is None or stream is not self._stream or stream.is_closing():
            return NotSent(reason=self._why)
        now = self._clock.now_ns()
        if isinstance(command, _ONCE) and now >= command.send_before:
            return NotSent(reason="send_before had passed")
        stream.write(frame)
        try:
            await stream.drain()
        except BaseException:
            stream.transport.abort()
            raise
        return Sent(at=now)

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        """Balance, equity and used margin of one account."""
        answered = await self._ask(account_id, view=False)
        if answered.snapshot is None:
            raise BrokerUnreachable(f"{self._venue}: {answered.problem}")
        return answered.snapshot

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        """Everything about one account."""
        answered = await self._ask(account_id, view=True, since_ns=since_ns, after=after)
        if answered.view is None:
            raise BrokerUnreachable(f"{self._venue}: {answered.problem}")
        return answered.view

    def heartbeat_at(self) -> int:
        """The last sign of life that came over the wire, ns UTC."""
        return self._heartbeat_at

    async def close(self) -> None:
        """Close the connection; sends nothing."""
        task, self._task, self._sink = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._stream is not None:  # it had not begun to listen
            self._cut(self._stream)
        self._why = "not connected"

    # --- the connection

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            reader, stream = await asyncio.open_unix_connection(self._address)
        except OSError as error:
            raise unreachable(self._address, error) from error
        try:
            # A write is over when the system has it, so that nothing waits here past its time.
            stream.transport.set_write_buffer_limits(high=0)
            stream.write(framed(Hello(venue=self._venue, fingerprint=self._fingerprint)))
            body = await read_frame(reader)
            answer = None if body is None else decode_from_venue(body)
        except (OSError, TooLong, msgspec.MsgspecError) as error:
            stream.close()
            raise BrokerUnreachable(f"{self._address}: no answer of a venue ({error})") from error
        except BaseException:
            stream.close()
            raise
        if isinstance(answer, Welcome) and answer.pace == self._pace:
            self._heartbeat_at = max(self._heartbeat_at, answer.heartbeat_at)
            return reader, stream
        stream.close()
        if isinstance(answer, Refused):
            raise InvalidInput(f"venue {self._venue} at {self._address}", answer.why)
        if isinstance(answer, Welcome):
            raise BrokerUnreachable(
                f"{self._address}: the venue was started anew and has forgotten this book's orders"
            )
        raise BrokerUnreachable(f"{self._address}: the venue closed the connection")

    async def _keep(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        """Read until the connection ends, then make it anew, until cancelled."""
        while True:
            try:
                await self._listen(reader)
                self._why = "the venue closed the connection"
            finally:
                self._cut(stream)
            reader, stream = await self._again()
            self._stream = stream

    async def _again(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        wait_s = AGAIN_S_MIN
        while True:
            until = self._clock.now_ns() + int(wait_s * NS_PER_S)
            await self._clock.sleep_until(until)
            try:
                return await self._opened()
            except (BrokerUnreachable, InvalidInput) as error:
                self._why = str(error)
            wait_s = min(2 * wait_s, AGAIN_S_MAX)

    def _cut(self, stream: asyncio.StreamWriter) -> None:
        self._stream = None
        stream.close()
        asked, self._asked = self._asked, {}
        for reply in asked.values():
            if not reply.done():
                reply.set_exception(BrokerUnreachable(f"{self._venue}: {self._why}"))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                body = await read_frame(reader)
                if body is None:
                    return
                message = decode_from_venue(body)
            except (TooLong, msgspec.MsgspecError):
                return  # no venue speaks so: what it meant is asked for over a new connection
            self._take(message)

    def _take(self, message: FromVenue) -> None:
        if isinstance(message, Said):
            if self._sink is not None:
                self._sink(message.message)
        elif isinstance(message, Answered):
            reply = self._asked.pop(message.number, None)
            if reply is not None and not reply.done():
                reply.set_result(message)
        elif isinstance(message, Beat):
            self._heartbeat_at = max(self._heartbeat_at, message.at)
        elif isinstance(message, Refused):
            self._why = message.why
        elif isinstance(message, Welcome | Paced | Dumped):
            pass  # answers to what is not asked on this connection any more
        else:
            assert_never(message)

    async def _ask(
        self,
        account_id: str,
        *,
        view: bool,
        since_ns: int = 0,
        after: tuple[str, str] | None = None,
    ) -> Answered:
        stream = self._stream
        if stream is None or stream.is_closing():
            raise BrokerUnreachable(f"{self._venue}: {self._why}")
        self._number += 1
        number = self._number
        reply: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._asked[number] = reply
        stream.write(
            framed(
                Ask(number=number, account_id=account_id, view=view, since_ns=since_ns, after=after)
            )
        )
        try:
            answered = await reply
        finally:
            self._asked.pop(number, None)
        if answered.is_foreign:
            raise InvalidInput(
                f"venue {self._venue}", f"no account {account_id!r}", "its own account"
            )
        return answered
