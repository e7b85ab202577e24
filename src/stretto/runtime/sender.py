"""One venue's outgoing lane: commands in order, each written once, its outcome reported.

What a venue says while a write is still in hand waits until the write's own outcome is posted, so
that "sent" always precedes the answer; a write that hangs is cut off at its ``send_before``. Knows
the Broker port only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from stretto.core.effects import (
    AmendProtection,
    CancelOrder,
    Command,
    ReplaceOrder,
    SubmitOrder,
)
from stretto.core.events import SendOutcomeKind
from stretto.core.limits import SEND_BEFORE_NS
from stretto.core.terms.report import OrderRole
from stretto.core.values import NS_PER_S
from stretto.ports import Broker, Clock, NotSent, VenueMessage

_ONCE = (SubmitOrder, ReplaceOrder, AmendProtection)
"""Commands that are written at most once, ever, and only before their ``send_before``."""

Report = Callable[[Command, SendOutcomeKind, str], None]


class Sender:
    """Writes commands to one broker in the order they were put."""

    def __init__(self, broker: Broker, clock: Clock, report: Report) -> None:
        self.broker = broker
        self._clock = clock
        self._report = report
        self._urgent: deque[Command] = deque()
        self._waiting: deque[Command] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._writing: Command | None = None
        self._cut: asyncio.Timeout | None = None
        self._held: list[tuple[VenueMessage, Callable[[VenueMessage], None]]] = []

    @property
    def idle(self) -> bool:
        """True where nothing waits and nothing is being written."""
        return not self._waiting and not self._urgent and self._writing is None

    def put(self, command: Command) -> None:
        """Queue a command; what closes or protects a position goes before everything else. A submit
        that was not written yet is withdrawn by its cancel, one whose write hangs is cut off by it.
        """
        if isinstance(command, CancelOrder):
            if self._withdrawn(command.client_order_id):
                return
            self._cut_off(command.client_order_id)
        (self._urgent if _is_exit(command) else self._waiting).append(command)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _withdrawn(self, client_order_id: str) -> bool:
        for place, waiting in enumerate(self._waiting):
            if isinstance(waiting, SubmitOrder) and waiting.client_order_id == client_order_id:
                del self._waiting[place]
                self._report(waiting, SendOutcomeKind.NOT_SENT, "cancelled before it was written")
                return True
        return False

    def _cut_off(self, client_order_id: str) -> None:
        """A submit in hand is not to reach the venue any more; nobody knows whether it did."""
        writing, cut = self._writing, self._cut
        if not isinstance(writing, SubmitOrder) or writing.client_order_id != client_order_id:
            return
        if cut is not None and not cut.expired():
            cut.reschedule(asyncio.get_running_loop().time())

    def receive(self, message: VenueMessage, deliver: Callable[[VenueMessage], None]) -> None:
        """Pass on what the venue says, after the outcome of the write in hand."""
        if self._writing is not None:
            self._held.append((message, deliver))
        else:
            deliver(message)

    async def run(self) -> None:
        """Write until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting and not self._urgent:
                self._wake = loop.create_future()
                await self._wake
                self._wake = None
                continue
            await self._write((self._urgent or self._waiting).popleft())

    def _left_ns(self, command: Command) -> int:
        """How long a write may take before it is cut off, its outcome unknown."""
        if isinstance(command, _ONCE):
            return command.send_before - self._clock.now_ns()
        return SEND_BEFORE_NS

    async def _write(self, command: Command) -> None:
        if isinstance(command, _ONCE) and self._clock.now_ns() >= command.send_before:
            self._report(command, SendOutcomeKind.NOT_SENT, "send_before had passed")
            return
        self._writing = command
        try:
            async with asyncio.timeout(self._left_ns(command) / NS_PER_S) as self._cut:
                outcome = await self.broker.send(command)
        except Exception as error:  # whatever a venue's client raises, the outcome is unknown
            self._report(command, SendOutcomeKind.UNKNOWN, f"{type(error).__name__}: {error}")
        else:
            if isinstance(outcome, NotSent):
                self._report(command, SendOutcomeKind.NOT_SENT, outcome.reason)
            else:
                self._report(command, SendOutcomeKind.SENT, "")
        finally:
            self._writing = self._cut = None
            held, self._held = self._held, []
            for message, deliver in held:
                deliver(message)


def _is_exit(command: Command) -> bool:
    if isinstance(command, AmendProtection):
        return True
    return isinstance(command, SubmitOrder) and command.role is not OrderRole.ENTRY
