"""The failures that users of comparable systems complain of most, each by its name.

Real runtime, journal and simulated venue, in virtual time; a wire between the two fails as the name
says. docs/failures.md tells what Stretto does in each case. Each test fails where the defence it
names is taken out.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from stretto.brokers.sim_config import SimVenueConfig
from stretto.brokers.sim_faults import FaultKind, FaultPlan
from stretto.core import events as ev
from stretto.core.effects import CancelOrder, Command, ReplaceOrder, SubmitOrder
from stretto.core.limits import CANCELS_MAX
from stretto.core.orders.order import OrderState
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import KillScope
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecutionReport, OrderType, StatusAnswer
from stretto.core.terms.signal import ListedAccounts, PerAccount, Urgency
from stretto.core.values import PPM, ZERO, Side
from stretto.ports import VenueMessage
from tests.acceptance.failing_world import (
    LOT,
    World,
    a_market,
    now,
    resting,
    said,
    the_allocation,
    the_order,
)
from tests.builders import (
    START,
    S,
)
from tests.session import later
from tests.wire import agree

# --- an order accepted though the call timed out


@pytest.mark.requirement("P1", "U1")
@pytest.mark.parametrize("answers", [True, False])
def test_an_order_accepted_though_the_call_timed_out(answers: bool) -> None:
    """The write hangs, its answer and its fill are lost. Neither silence nor a second silence makes
    it rejected: it is asked about, its quantity stays where it is, and nothing is sent again.
    """
    world = World()
    world.wire.hangs = lambda command: isinstance(command, SubmitOrder)
    world.wire.is_mute = lambda message: not isinstance(message, StatusAnswer) or not answers
    world.wire.cuts = [] if answers else [(START + 3 * S, START + 300 * S)]
    seen: list[tuple[OrderState, Decimal]] = []
    world.wire.at(
        START + 4 * S,
        lambda: seen.append(
            (
                the_order(world.book).state,
                world.book.quantities(the_allocation(world.book)).in_doubt,
            )
        ),
    )
    book = world.run(now(), until_s=250)
    order, allocation = the_order(book), the_allocation(book)
    assert seen == [(OrderState.IN_DOUBT, order.quantity)]
    assert world.wire.orders[order.client_order_id]["status"] == "filled"
    assert len(world.wire.submits()) == 1
    if answers:
        assert (order.state, allocation.ended) == (OrderState.FILLED, "filled")
        assert not book.interventions
    else:
        assert (order.state, allocation.ended) == (OrderState.IN_DOUBT, "")
        assert book.quantities(allocation).in_doubt == order.quantity
        assert book.interventions == {order.client_order_id: "in_doubt"}
        book = world.run(until_s=400)
        assert (the_order(book).state, the_allocation(book).ended) == (OrderState.FILLED, "filled")
    agree(book, world.wire)


# --- fills missed on reconnect


@pytest.mark.requirement("P2")
def test_fills_missed_on_reconnect() -> None:
    """The connection is away while a resting order fills in parts; what was said then is lost."""
    world = World(
        a_market((20, 40)), venue=SimVenueConfig(depth_lots=Decimal("0.2"), reject_ppm={})
    )
    world.wire.cuts = [(START + 10 * S, START + 60 * S)]
    book = world.run(resting(), until_s=130)
    order = the_order(book)
    assert len(order.fills) > 1
    assert order.state is OrderState.FILLED
    trades = [r for r in said(world) if r.last_qty]
    assert trades == [], "not one of its executions came over the wire when it was made"
    agree(book, world.wire)


# --- executions counted twice


@pytest.mark.requirement("P1", "U1")
def test_executions_counted_twice() -> None:
    """The answer to a query tells a total, a view the executions of it, then they arrive by
    themselves, three times each; and a new process is told everything once more.
    """
    world = World(venue=SimVenueConfig(depth_lots=Decimal("0.3"), requote_ppm=0, reject_ppm={}))
    world.wire.again_s = (1, 20)
    kept: list[ExecutionReport] = []

    def is_mute(message: VenueMessage) -> bool:
        is_early = isinstance(message, ExecutionReport) and world.clock.now_ns() < START + 60 * S
        if isinstance(message, ExecutionReport) and is_early:
            kept.append(message)
        return is_early

    world.wire.is_mute = is_mute
    world.wire.at(START + 70 * S, lambda: world.wire.tell(kept))
    book = world.run(now(), until_s=120)
    trades = [report for report in kept if report.last_qty]
    assert len(trades) > 1
    notes = [note for e in world.happened(ev.OrderAdvanced) for note in e.cause.split(", ")]
    assert "status_known" in notes, "the total was the first word"
    assert any(e.changes.inferred is None for e in world.happened(ev.OrderAdvanced))
    agree(book, world.wire)
    later(world.clock, 5)
    world.wire.at(world.clock.at + S, lambda: world.wire.tell(kept))
    book = world.run(until_s=300)
    assert len(the_order(book).fills) == len(trades)
    agree(book, world.wire)


# --- a fill during a cancel


@pytest.mark.requirement("R4.2", "U1")
def test_a_fill_during_a_cancel_of_what_is_to_go_on_elsewhere() -> None:
    """A partial fill is cancelled to be replaced. The venue fills some of the rest before it looks
    at the cancel, and some after it confirmed it: only what is proven left is sent again.
    """
    kinds = (FaultKind.PARTIAL_FILL, FaultKind.FILL_CANCEL_RACE)
    world = World(faults=FaultPlan(kinds=kinds, rate_ppm=PPM, heals_at=START + 300 * S), seed=2)
    book = world.run(now(max_slippage=Decimal(50)), until_s=1_200)
    agree(book, world.wire)
    first, *further = book.orders.values()
    assert first.state is OrderState.CANCELED
    (race,) = [
        each
        for each in world.faulted()
        if each["kind"] == "fill-cancel-race" and each["subject"] == first.client_order_id
    ]
    assert race["at"] > first.acknowledged_at
    (allocation,) = book.allocations.values()
    sent = [order.quantity for order in further]
    assert sent == [allocation.intended - first.cum_qty]
    assert (allocation.filled, allocation.overfilled) == (allocation.intended, ZERO)


@pytest.mark.requirement("R5.5", "U1")
@pytest.mark.parametrize("kind", [FaultKind.FILL_CANCEL_RACE, FaultKind.LATE_FILL])
def test_a_fill_during_a_cancel_by_a_person(kind: FaultKind) -> None:
    """What fills while the rest is given up, or after the venue said it was, is not given up."""
    world = World(faults=FaultPlan(kinds=(kind,), rate_ppm=PPM))
    world.ask(10, lambda: iv.CancelRemaining(execution_id=the_order(world.book).execution_id))
    book = world.run(resting(), until_s=60)
    agree(book, world.wire)
    allocation = the_allocation(book)
    assert allocation.filled > 0
    assert allocation.filled + allocation.abandoned == allocation.intended
    assert allocation.ended
    assert not book.ledgers["a0"].halted


# --- a fill during a modify


@pytest.mark.requirement("R4.2", "U1")
@pytest.mark.parametrize("depth", ["0.1", "0.6", "100"])
@pytest.mark.parametrize("hangs", [False, True])
def test_a_fill_during_a_modify(depth: str, hangs: bool) -> None:
    """A person makes a resting order smaller; while the venue decides, it fills: less than the new
    size, more than that, or all. A write of unknown outcome changes nothing of it.
    """
    venue = SimVenueConfig(
        depth_lots=Decimal(depth), depth_levels=1, reject_ppm={}, deciding_ns=(5 * S, 5 * S)
    )
    world = World(a_market((12, 13)), venue=venue)
    world.wire.hangs = lambda command: hangs and isinstance(command, ReplaceOrder)
    smaller = Decimal(20_000)
    world.ask(
        10,
        lambda: iv.ChangeSize(
            execution_id=the_order(world.book).execution_id, account_id="a0", quantity=smaller
        ),
    )
    book = world.run(resting(), until_s=90)
    agree(book, world.wire)
    order, allocation = the_order(book), the_allocation(book)
    during = sum(t.last_qty for t in said(world) if t.last_qty)
    assert during > 0, "it must fill while the replace is pending"
    is_all = during == allocation.intended
    assert (during < smaller, is_all) == (depth == "0.1", depth == "100")
    assert order.replacing is None
    assert order.quantity == max(smaller, during)
    assert allocation.filled == order.cum_qty == during
    assert not order.overfilled_qty
    assert not book.ledgers["a0"].halted
    amounts = book.quantities(allocation)
    assert amounts.working == order.quantity - during
    assert amounts.abandoned == allocation.intended - order.quantity


# --- a partial fill that never ends


@pytest.mark.requirement("R4.2", "R4.3")
def test_a_partial_fill_that_never_ends() -> None:
    """Orders fill in part and then no further, each that follows too: it comes to an end all the
    same, within half an hour, with nothing left at the venue.
    """
    world = World(faults=FaultPlan(kinds=(FaultKind.PARTIAL_FILL,), rate_ppm=PPM), seed=9)
    book = world.run(now(), until_s=1_800)
    agree(book, world.wire)
    allocation = the_allocation(book)
    assert len(book.orders) > 1, "it must be worth going on with"
    assert ZERO < allocation.filled < allocation.intended
    assert allocation.ended
    assert allocation.filled + allocation.abandoned == allocation.intended
    assert world.wire.live() == []
    assert {e.status for e in book.executions.values()} == {"completed"}


@pytest.mark.requirement("R4.3", "R5.5")
def test_a_partial_fill_that_never_ends_because_no_cancel_arrives() -> None:
    """Then a person is called, and until they act the quantity is where it is: at the venue."""
    world = World(faults=FaultPlan(kinds=(FaultKind.PARTIAL_FILL,), rate_ppm=PPM), seed=9)
    world.wire.is_lost = lambda command: isinstance(command, CancelOrder)
    book = world.run(now(), until_s=420)
    order, allocation = the_order(book), the_allocation(book)
    assert world.wire.live() == [order.client_order_id]
    assert world.wire.cancels(order.client_order_id) == CANCELS_MAX
    assert book.interventions == {order.client_order_id: "cancel_unanswered"}
    assert book.quantities(allocation).working == allocation.intended - order.cum_qty > 0


# --- a restart that no longer matches the venue

STRANGER = SubmitOrder(
    venue="sim", client_order_id="stranger", account_id="a1", symbol="EURUSD", venue_symbol="x",
    side=Side.BUY, order_type=OrderType.MARKET, quantity=LOT / 5,
    send_before=START + 3_600 * S,
)  # fmt: skip
"""What somebody trades in a1 by hand, beside the book."""


@pytest.mark.requirement("P2")
def test_a_restart_that_no_longer_matches_the_venue() -> None:
    """While nobody listened, one order filled, one position hit its target, and somebody traded by
    hand. What is the book's is taken in before anything enters; what is not is nobody's to adopt.
    """
    world = World(a_market((20, 40)))
    target = Decimal("1.09995")
    sold = now(2, side=Side.SELL, take_profit=target, size=PerAccount(quantity=LOT / 4))
    world.wire.at(START + 8 * S, lambda: world.wire.by_hand(STRANGER))
    world.wire.is_mute = lambda message: getattr(message, "client_order_id", "") == "stranger"
    book = world.run(
        resting(1, accounts=ListedAccounts(account_ids=("a0",))),
        replace(sold, accounts=ListedAccounts(account_ids=("a0",))),
        until_s=10,
    )
    assert [o.state for o in book.orders.values()] == [OrderState.NEW, OrderState.FILLED]
    world.clock.at = START + 100 * S
    world.wire.cuts = [(START + 100 * S, START + 110 * S)]
    arriving = [
        now(second, accounts=ListedAccounts(account_ids=(name,)))
        for second, name in ((101, "a0"), (150, "a0"), (151, "a1"))
    ]
    book = world.run(*arriving, until_s=200)
    agree(book, world.wire, strangers=("stranger", *world.wire.tickets("stranger")))
    assert [o.state for o in book.orders.values()][:2] == [OrderState.FILLED] * 2
    (stop,) = [e for e in world.happened(ev.FillBooked) if e.cause == "take_profit"]
    assert stop.account_id == "a0"
    refused = {
        e.plan.signal.signal_id: (r.account_id, r.compared.get("unreconciled"))
        for e in world.happened(ev.SignalRefused)
        for r in e.plan.refusals
    }
    assert refused == {"s101": ("a0", "recovered"), "s151": ("a1", "position_difference")}
    assert not book.positions.get("a1"), "the stranger's position is nobody's here"
    assert world.wire.tickets("stranger")
    assert sorted(book.interventions.values()) == ["position_difference", "unknown_venue_order"]


# --- a kill switch that leaves resting orders


@pytest.mark.requirement("R5.5")
def test_a_kill_switch_that_leaves_resting_orders() -> None:
    """Thrown while one order rests partly filled, one is in doubt, one is about to be written and
    one waits for its delay; the first cancels are lost, and the process ends. Nothing enters, and
    in the end nothing rests.
    """
    venue = SimVenueConfig(depth_lots=Decimal("0.2"), depth_levels=1, reject_ppm={})
    world = World(a_market((5, 6)), venue=venue)
    doubtful: list[str] = []

    def hangs(command: Command) -> bool:
        is_second = isinstance(command, SubmitOrder) and len(world.wire.submits()) == 2
        doubtful.extend([command.client_order_id] if is_second else [])
        return is_second

    world.wire.hangs = hangs
    world.wire.is_mute = lambda message: (
        getattr(message, "client_order_id", "") in doubtful
        and world.clock.now_ns() < START + 40 * S
    )
    world.wire.is_lost = lambda command: (
        isinstance(command, CancelOrder) and world.clock.now_ns() < START + 20 * S
    )
    world.ask(11.5, lambda: iv.Kill(scope=KillScope.BOOK))
    slow = resting(9, urgency=Urgency.LOW, accounts=ListedAccounts(account_ids=("a1",)))
    world.run(resting(1), slow, resting(10), resting(11), until_s=12)
    first, second, third = world.book.orders.values()
    assert (first.state, second.state) == (OrderState.PENDING_CANCEL, OrderState.IN_DOUBT)
    assert first.cum_qty > 0
    assert (third.state, third.sent_at) == (OrderState.DEAD, None)
    assert sorted(world.wire.live()) == sorted((first.client_order_id, second.client_order_id))
    (waited,) = (a for a in world.book.allocations.values() if a.account_id == "a1")
    assert waited.ended == "kill_switch"
    later(world.clock, 3)
    resumed_at = world.clock.at
    book = world.run(now(60), until_s=200)
    again = [at for at, c in world.wire.written if isinstance(c, CancelOrder) and at >= resumed_at]
    assert again[0] < resumed_at + S
    assert world.wire.live() == []
    agree(book, world.wire)
    assert len(world.wire.submits()) == 2
    assert [o.state for o in book.orders.values()][:2] == [OrderState.CANCELED] * 2
    assert all(allocation.ended for allocation in book.allocations.values())
    assert book.positions["a0"][first.execution_id].quantity == first.cum_qty
    (refused,) = world.happened(ev.SignalRefused)
    assert {r.rule for r in refused.plan.refusals} == {Rule.KILL_SWITCH}


@pytest.mark.requirement("R5.5")
def test_a_kill_switch_that_leaves_resting_orders_which_their_cancel_overtook() -> None:
    """The venue does not know the order that the cancel names; then the order arrives."""
    world = World()
    world.wire.late_s = lambda command: 20 if isinstance(command, SubmitOrder) else 0
    world.ask(2, lambda: iv.Kill(scope=KillScope.BOOK))
    book = world.run(resting(), until_s=100)
    order = the_order(book)
    rejected = [e for e in world.entries if isinstance(e.input, ev.CancelRejected)]
    assert rejected, "the first cancel must come too early"
    assert world.wire.orders[order.client_order_id]["status"] == "canceled"
    assert world.wire.live() == []
    agree(book, world.wire)
