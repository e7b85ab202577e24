"""Sessions that keep accounts compared with their venues: when they ask, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.effects import CancelOrder, Command, QueryOrder
from stretto.core.errors import BrokerUnreachable
from stretto.core.orders.order import OrderState
from stretto.core.terms.intervention import CancelVenueOrder
from stretto.core.terms.report import ExecutionReport, OrdStatus
from stretto.core.terms.signal import Urgency
from stretto.core.terms.venue import MassStatus, PositionView, VenueCapabilities
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.ports import SendOutcome, VenueMessage
from stretto.runtime.writer import Writer
from tests.builders import START, S, a_config, a_signal, only
from tests.scripted_venue import ScriptedVenue
from tests.session import MovingClock, later, play
from tests.unit.core.order_samples import an_order
from tests.venue_views import shown

NOW = Urgency.IMMEDIATE


def signals(*seconds: int) -> list[tuple[int, Any]]:
    return [(START + s * S, a_signal(f"s{s}", START + s * S, urgency=NOW)) for s in sorted(seconds)]


@dataclass
class Viewed(ScriptedVenue):
    """A venue that cannot be asked before ``reachable_at`` and changes views by ``edit``; one that
    is ``deaf`` answers no query.
    """

    reachable_at: int = 0
    edit: Callable[[MassStatus], MassStatus] = lambda view: view
    deaf: bool = False
    mute: bool = False
    declares: bool = False
    asked: list[tuple[int, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    async def send(self, command: Command) -> SendOutcome:
        if isinstance(command, CancelOrder):
            self.cancelled.append(command.client_order_id)
        return await super().send(command)

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        self.asked.append(((self.clock.now_ns() - START) // S, account_id))
        if self.clock.now_ns() < self.reachable_at:
            raise BrokerUnreachable("no answer")
        return self.edit(await super().mass_status(account_id, since_ns, after))

    @property
    def capabilities(self) -> VenueCapabilities:
        return VenueCapabilities(absence_is_proof=self.declares)

    def _answer(self, command: QueryOrder) -> None:
        if not self.deaf:
            super()._answer(command)

    def _say(self, message: VenueMessage) -> None:
        lost = self.mute and isinstance(message, ExecutionReport) and bool(message.last_qty)
        if not lost:
            super()._say(message)


def run(venue: Viewed, *seconds: int, until: int | None = None) -> Writer:
    clock = venue.clock
    assert isinstance(clock, MovingClock)
    ends_at = None if until is None else START + until * S
    return play(
        MemoryJournal("book"), venue, clock, a_config(1), signals(*seconds), ends_at=ends_at
    )


def planned_for(writer: Writer) -> dict[str, list[str]]:
    """The execution of each signal, where it became one."""
    return {
        name: [key for key in writer.book.executions if key == known.execution_id]
        for name, known in writer.book.signals.items()
    }


def test_an_account_takes_no_entry_before_it_was_compared_and_is_asked_with_patience() -> None:
    venue = Viewed(MovingClock(START), reachable_at=START + 20 * S)
    writer = run(venue, 5, 40, until=90)
    planned = planned_for(writer)
    assert planned["s5"] == [], "the venue had not been heard"
    assert len(planned["s40"]) == 1
    times = [at for at, _ in venue.asked]
    assert times[:5] == [0, 2, 6, 14, 30], "after 2, 4, 8 and 16 s"
    assert len(venue.submits) == 1


def test_an_incomplete_view_does_not_unblock() -> None:
    venue = Viewed(MovingClock(START))
    venue.edit = lambda view: replace(view, complete=view.at > START + 20 * S)
    writer = run(venue, 5, 40, until=60)
    planned = planned_for(writer)
    assert planned["s5"] == []
    assert len(planned["s40"]) == 1


@pytest.mark.requirement("P1")
def test_an_order_accepted_though_the_call_timed_out_is_resolved_by_a_view() -> None:
    """No answer to the write nor to any query: the venue's view alone shows what became of it."""
    venue = Viewed(MovingClock(START), lambda _: ("silent", TimeoutError("cut off")), deaf=True)
    writer = run(venue, 1)
    (order,) = writer.book.orders.values()
    assert order.state is OrderState.FILLED
    (allocation,) = writer.book.allocations.values()
    assert allocation.ended == "filled"
    assert len(venue.submits) == 1, "and never sent again"
    assert writer.book.interventions == {}


@pytest.mark.requirement("P2")
def test_fills_missed_on_a_reconnect_are_found_within_half_a_minute() -> None:
    venue = Viewed(MovingClock(START), mute=True, deaf=True)
    writer = run(venue, 1, until=60)
    (order,) = writer.book.orders.values()
    assert order.cum_qty == order.quantity
    assert writer.book.positions["a0"][order.execution_id].quantity == order.quantity
    assert [at for at, _ in venue.asked][:2] == [0, 30]


@dataclass
class EarlyStop(Viewed):
    """Its stop closes what an order filled, and is reported first; the fill is held back, or lost.
    Both stand in its views.
    """

    loses: bool = False
    executions: list[ExecutionReport] = field(default_factory=list)

    def _say(self, message: VenueMessage) -> None:
        if not isinstance(message, ExecutionReport) or not message.last_qty:
            super()._say(message)
            return
        close = replace(
            message, client_order_id="", exec_id="stop", text="stop_loss", last_px=Decimal("1.09")
        )
        self.executions = [message, close]
        super()._say(close)
        if not self.loses:
            super()._say(message)

    def positions(self, account_id: str) -> tuple[PositionView, ...]:
        return ()


@pytest.mark.requirement("P2")
@pytest.mark.parametrize("loses", [False, True])
def test_a_stop_reported_before_its_entry_is_booked_by_a_view_at_once_and_halts_nothing(
    loses: bool,
) -> None:
    venue = EarlyStop(MovingClock(START), loses=loses)
    venue.edit = lambda view: replace(view, executions=tuple(venue.executions))
    writer = run(venue, 1, until=10)
    ledger = writer.book.ledgers["a0"]
    assert (ledger.halted, writer.book.interventions) == ("", {})
    assert writer.book.positions["a0"] == {}
    assert (ledger.trades, ledger.hits) == (1, 0)
    (allocation,) = writer.book.allocations.values()
    assert allocation.filled == allocation.intended
    assert [at for at, _ in venue.asked][:2] == [0, 1], "not half a minute later"


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("declares", [True, False])
def test_a_lost_order_is_sent_again_only_where_silence_is_proof(declares: bool) -> None:
    said = iter(["lost"])
    venue = Viewed(MovingClock(START), lambda _: next(said, "fill"), declares=declares)
    writer = run(venue, 1)
    states = [order.state for order in writer.book.orders.values()]
    if declares:
        assert states == [OrderState.DEAD, OrderState.FILLED]
        assert writer.book.interventions == {}
        first, second = venue.submitted_at.values()
        assert second - first >= (2 + 60 + 5 + 30) * S
    else:
        assert states == [OrderState.IN_DOUBT]
        assert list(writer.book.interventions.values()) == ["in_doubt"]


@pytest.mark.requirement("P2")
def test_a_restart_that_no_longer_matches_the_venue_is_found_and_blocks_the_account() -> None:
    clock, store = MovingClock(START), MemoryStore()
    venue = Viewed(clock)
    journal = MemoryJournal("book", store)
    play(journal, venue, clock, a_config(1), signals(1), ends_at=START + 10 * S)
    later(clock, 60)
    told: list[ev.Entry] = []
    began = clock.at

    def gone(view: MassStatus) -> MassStatus:
        return replace(view, positions=())

    venue.edit = gone
    arrivals = [(began + s * S, a_signal(f"r{s}", began + s * S, urgency=NOW)) for s in (1, 45)]
    writer = play(
        MemoryJournal("book", store), venue, clock, a_config(1), arrivals,
        ends_at=began + 90 * S, on_writer=lambda w: w.on_entry.append(told.append),
    )  # fmt: skip
    events = [event for entry in told for event in entry.events]
    assert only(events, ev.DifferenceFound).subject == "a0/position/EURUSD/buy"
    assert only(events, ev.InterventionRequired).reason == "position_difference"
    refusals = [r for e in events if isinstance(e, ev.SignalRefused) for r in e.plan.refusals]
    assert [r.rule.value for r in refusals] == ["not_reconciled"] * 2
    assert [r.compared["unreconciled"] for r in refusals] == [
        "position_difference_suspected",
        "position_difference",
    ]
    assert len(writer.book.positions["a0"]) == 1, "nothing is closed in the books for it"


def test_what_was_planned_before_a_restart_waits_for_the_view_and_then_goes() -> None:
    clock, store = MovingClock(START), MemoryStore()
    venue = Viewed(clock)
    journal = MemoryJournal("book", store)
    slow = [(START, a_signal("slow", START, urgency=Urgency.LOW))]
    first = play(journal, venue, clock, a_config(1), slow, ends_at=START)
    assert venue.submits == []
    venue.reachable_at = clock.at + 3 * S
    (allocation,) = first.book.allocations.values()
    clock.at = max(clock.at, allocation.release_at)
    venue.reachable_at = clock.at + 3 * S
    writer = play(MemoryJournal("book", store), venue, clock, a_config(1), [], ends_at=None)
    assert len(venue.submits) == 1
    (order,) = writer.book.orders.values()
    assert order.created_at >= venue.reachable_at
    assert order.created_at <= allocation.window_end


def test_an_account_is_compared_every_30_s_while_anything_is_open_and_else_seldom() -> None:
    venue = Viewed(MovingClock(START), lambda _: "rest")
    run(venue, 100, until=200)
    assert [at for at, _ in venue.asked] == [0, 100, 130, 160, 190]


@pytest.mark.requirement("P2")
def test_after_a_cancel_of_somebody_elses_order_the_account_is_compared_within_30_s() -> None:
    clock = MovingClock(START)
    venue, expired = Viewed(clock), a_signal("expired", START, valid_until=START + S)
    theirs = shown(an_order(), OrdStatus.NEW, START, client_order_id="theirs")
    writers: list[Writer] = []

    def beside(view: MassStatus) -> MassStatus:
        return view if venue.cancelled else replace(view, orders=(theirs,))

    def answer(entry: ev.Entry) -> None:
        if any(isinstance(event, ev.SignalRefused) for event in entry.events):
            action = CancelVenueOrder(subject="theirs")
            asked = {"request_id": "r1", "actor": "ada", "reason": "not ours"}
            writers[0].post(ev.Intervened(action=action, **asked))

    def watch(writer: Writer) -> None:
        writers.append(writer)
        writer.on_entry.append(answer)

    venue.edit = beside
    writer = play(
        MemoryJournal("book"), venue, clock, a_config(1), [(START + 100 * S, expired)],
        ends_at=START + 300 * S, on_writer=watch,
    )  # fmt: skip
    assert [at for at, _ in venue.asked] == [0, 105], "time to arrive; seldom once it is gone"
    assert writer.book.interventions == {}
