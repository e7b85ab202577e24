"""Each command is written once, in order, before its time; what a write came to is said first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec import structs

from stretto.core.effects import CancelOrder, Command, QueryOrder, SubmitOrder
from stretto.core.events import SendOutcomeKind
from stretto.core.terms.report import ExecutionReport, OrderRole, OrderType
from stretto.core.values import Side
from stretto.ports import VenueMessage
from stretto.runtime.clock import LoopClock, VirtualTimeLoop
from stretto.runtime.sender import Sender
from tests.builders import QUANTITY, START, VENUE, S
from tests.scripted_venue import ScriptedVenue

NOT_SENT, SENT, UNKNOWN = SendOutcomeKind.NOT_SENT, SendOutcomeKind.SENT, SendOutcomeKind.UNKNOWN


def a_submit(name: str = "order", send_before: int = START + 2 * S) -> SubmitOrder:
    return SubmitOrder(
        client_order_id=name,
        account_id="a0",
        venue=VENUE,
        symbol="EURUSD",
        venue_symbol="x",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=QUANTITY,
        send_before=send_before,
    )


class Line:
    """A sender on virtual time, and everything that came out of it, in order."""

    def __init__(self, script: Callable[[SubmitOrder], Any]) -> None:
        self.loop = VirtualTimeLoop(START)
        self.clock = LoopClock(self.loop)
        self.venue = ScriptedVenue(self.clock, script)
        self.said: list[object] = []
        self.times: list[float] = []
        self.sender = Sender(self.venue, self.clock, self._outcome)

    def _outcome(self, command: Command, outcome: SendOutcomeKind, detail: str) -> None:
        assert detail or outcome is SENT
        self.said.append((command.client_order_id, outcome))
        self.times.append(self.loop.time())

    def _message(self, message: VenueMessage) -> None:
        if isinstance(message, ExecutionReport):
            self.said.append((message.client_order_id, message.exec_type.value))

    def run(self, *commands: Command, seconds: float = 10) -> list[object]:
        async def main() -> None:
            await self.venue.connect(lambda m: self.sender.receive(m, self._message))
            task = self.loop.create_task(self.sender.run())
            for command in commands:
                self.sender.put(command)
            await asyncio.sleep(seconds)
            assert self.sender.idle
            task.cancel()

        try:
            self.loop.run_until_complete(main())
        finally:
            self.loop.close()
        return self.said


def test_the_outcome_of_a_write_comes_before_what_the_venue_says_meanwhile() -> None:
    line = Line(lambda _: "fill")
    said = line.run(a_submit("one"), a_submit("two"))
    assert said == [
        ("one", SENT), ("one", "new"), ("one", "trade"),
        ("two", SENT), ("two", "new"), ("two", "trade"),
    ]  # fmt: skip


@pytest.mark.requirement("P1")
def test_past_its_time_an_order_is_not_written_and_that_is_proof() -> None:
    line = Line(lambda _: "fill")
    assert line.run(a_submit(send_before=START)) == [("order", NOT_SENT)]
    assert line.venue.submits == []


def sleeping(line: list[Line], seconds: float) -> Callable[[], Coroutine[Any, Any, None]]:
    async def sleep() -> None:
        await line[0].clock.sleep_until(START + int(seconds * S))

    return sleep


@pytest.mark.requirement("P1")
def test_an_order_that_waited_too_long_behind_another_is_not_written() -> None:
    lines: list[Line] = []
    lines.append(Line(lambda c: sleeping(lines, 1.5) if c.client_order_id == "slow" else "fill"))
    said = lines[0].run(a_submit("slow"), a_submit("late", START + S))
    assert said == [("slow", SENT), ("late", NOT_SENT)]
    assert lines[0].venue.submits == ["slow"]


@pytest.mark.requirement("P1")
def test_a_write_that_hangs_is_cut_off_in_time_with_its_outcome_unknown() -> None:
    lines: list[Line] = []
    lines.append(Line(lambda c: sleeping(lines, 900) if c.client_order_id == "hangs" else "fill"))
    said = lines[0].run(a_submit("hangs"), a_submit("next", START + 3 * S))
    assert said[:2] == [("hangs", UNKNOWN), ("next", SENT)]
    assert lines[0].times == [2, 2]


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), ValueError("a bug")])
def test_whatever_a_client_raises_the_outcome_is_unknown(error: Exception) -> None:
    line = Line(lambda c: error if c.client_order_id == "bad" else "fill")
    assert line.run(a_submit("bad"), a_submit("good"))[:2] == [("bad", UNKNOWN), ("good", SENT)]


def test_certain_failure_is_said_to_be_certain() -> None:
    assert Line(lambda _: "not_sent").run(a_submit()) == [("order", NOT_SENT)]


def test_queries_have_no_last_time() -> None:
    line = Line(lambda _: "fill")
    line.run(QueryOrder(client_order_id="order", account_id="a0", venue=VENUE))
    assert [order_id for _, order_id in line.venue.queries] == ["order"]


def test_a_submit_that_was_not_written_yet_is_withdrawn_by_its_cancel() -> None:
    line = Line(lambda _: "fill")
    cancel = CancelOrder(client_order_id="two", account_id="a0", venue=VENUE)
    said = line.run(a_submit("one"), a_submit("two"), a_submit("three"), cancel)
    assert [("two", each) in said for each in (NOT_SENT, SENT, UNKNOWN)] == [True, False, False]
    assert ("one", SENT) in said
    assert ("three", SENT) in said
    assert line.sender.idle


def test_a_submit_whose_write_hangs_is_cut_off_by_its_cancel() -> None:
    """Simulated seed 9131 of six hours: an entry left half a second after the kill switch."""
    lines: list[Line] = []
    lines.append(Line(lambda _: sleeping(lines, 900)))
    line = lines[0]
    cancel = CancelOrder(client_order_id="order", account_id="a0", venue=VENUE)
    line.loop.call_later(0.5, lambda: line.sender.put(cancel))
    said = line.run(a_submit())
    assert said == [("order", UNKNOWN), ("order", SENT)], "it may have left: its cancel is sent"
    assert line.times == [0.5, 0.5]


def test_what_closes_a_position_is_written_before_entries_that_wait() -> None:
    line = Line(lambda _: "fill")
    closing = structs.replace(a_submit("exit"), role=OrderRole.EXIT)
    said = line.run(a_submit("one"), a_submit("two"), closing)
    written = [each for each in said if each in {(name, SENT) for name in ("one", "two", "exit")}]
    assert written == [("exit", SENT), ("one", SENT), ("two", SENT)]
