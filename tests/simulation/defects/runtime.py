"""Defects of the shell: what is sent when, what is durable before, what is heard."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from stretto.brokers import sim
from stretto.core import engine
from stretto.core import events as ev
from stretto.core.effects import SubmitOrder
from stretto.core.errors import JournalUnavailable
from stretto.core.orders.order import OrderState
from stretto.core.terms.market import Reads
from stretto.journal import memory
from stretto.runtime import sender, writer
from tests.simulation.defects.planting import defect


@defect(14, fault="pause")
def send_past_send_before(patch: pytest.MonkeyPatch) -> None:
    """Neither the lane nor the connection looks at the time."""
    patch.setattr(sender, "_ONCE", ())
    patch.setattr(sim, "_ONCE", ())


@defect(1, 7, fault="no-answer")
def send_again_on_a_timeout(patch: pytest.MonkeyPatch) -> None:
    """A write whose outcome is unknown is simply written again."""
    first = sender.Sender._write

    async def write(self: Any, command: Any) -> None:
        outcomes: list[Any] = []
        report = self._report
        self._report = lambda *said: outcomes.append(said)
        try:
            await first(self, command)
            if any(said[1] is ev.SendOutcomeKind.UNKNOWN for said in outcomes):
                outcomes.clear()
                await first(self, command)
        finally:
            self._report = report
            for said in outcomes:
                report(*said)

    patch.setattr(sender.Sender, "_write", write)


@defect(1, 7, 14, fault="crash")
def send_again_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    """A new process sends what the old one left unanswered."""
    first = writer.Writer.connect

    async def connect(self: Any) -> None:
        await first(self)
        for found in list(self.book.orders.values()):
            if found.state is OrderState.SUBMITTING:
                late = replace(found, send_before=found.send_before + 10**18)
                entry = ev.Entry(
                    seq=0,
                    at=0,
                    input=ev.BookRecovered(engine_version=""),
                    reads=Reads(),
                    events=(ev.OrderIntended(order=late, planned_at=0),),
                )
                for command in engine.effects_of(self.book, entry):
                    self._put(command)

    patch.setattr(writer.Writer, "connect", connect)


@defect(0, 1, 2, 14, 15, fault="disk")
def go_on_after_a_failed_append(patch: pytest.MonkeyPatch) -> None:
    """What could not be made durable is performed all the same."""
    first = memory.MemoryJournal.append

    def append(self: Any, *arguments: Any, **more: Any) -> None:
        try:
            first(self, *arguments, **more)
        except JournalUnavailable:
            return

    patch.setattr(memory.MemoryJournal, "append", append)


@defect(0, 1, 14, 15, fault="takeover")
def write_beside_a_successor(patch: pytest.MonkeyPatch) -> None:
    """A writer whose lock ran out appends after what its successor wrote, as if it had not."""
    first = memory.MemoryJournal.append

    def append(self: Any, *arguments: Any, **more: Any) -> None:
        rows, head = self._rows, self._head
        if head is not None and len(rows) > head.seq:
            self._rows = rows[: head.seq]
            try:
                first(self, *arguments, **more)
                rows[head.seq :] = self._rows[head.seq :]
            finally:
                self._rows = rows
            return
        first(self, *arguments, **more)

    patch.setattr(memory.MemoryJournal, "append", append)


@defect(0, 12, 14, fault="clock")
def let_time_run_backwards(patch: pytest.MonkeyPatch) -> None:
    """Book time is what the machine's clock says, whatever it said before."""
    patch.setattr(writer.Writer, "_now", lambda self: self._clock.now_ns())


@defect(0, 1, fault="none")
def canary(patch: pytest.MonkeyPatch) -> None:
    """Every order is sent twice: no seed may ever miss it."""
    first = sender.Sender._write

    async def write(self: Any, command: Any) -> None:
        await first(self, command)
        if isinstance(command, SubmitOrder):
            await first(self, command)

    patch.setattr(sender.Sender, "_write", write)
