"""A person accepts a position that differs: it is the book's from then on, or set aside."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.messages.reconciliation_standing import standing_of
from stretto.core.orders.order import Order
from stretto.core.terms import intervention as iv
from stretto.core.terms.account import PositionMode
from stretto.core.terms.intervention import Denial
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.venue import MassStatus, PositionView
from stretto.core.values import ZERO, Side
from tests.book_invariants import holds, replays
from tests.builders import START, S, a_config, a_signal, an_account, only
from tests.people import People
from tests.protection_desk import ProtectionDesk
from tests.venue_views import a_position, a_view, shown

pytestmark = [pytest.mark.requirement("R5.5"), pytest.mark.requirement("P2")]
BUY = {"account_id": "a0", "symbol": "EURUSD", "side": "buy"}
NET = {"account_id": "a0", "symbol": "EURUSD"}
HEDGING, NETTING = PositionMode.HEDGING, PositionMode.NETTING


class Accepting(People):
    mode = HEDGING

    def view(self, positions: Sequence[PositionView]) -> MassStatus:
        self.timers_until(self.now + 30 * S)
        return a_view("a0", self.now, positions=tuple(positions), position_mode=self.mode)

    def look(self, *positions: PositionView) -> tuple[ev.Event, ...]:
        return self.see(self.view(positions))

    def differs(self, *positions: PositionView) -> None:
        """Two views show it, and a person is asked."""
        self.look(*positions)
        only(self.look(*positions), ev.InterventionRequired)
        assert self.book.ledgers["a0"].unreconciled == "position_difference"

    def agrees(self, *positions: PositionView) -> None:
        """The next views find nothing, and the account takes entries."""
        for _ in range(2):
            found = self.look(*positions)
            assert not [e for e in found if isinstance(e, ev.DifferenceFound)]
        assert self.book.ledgers["a0"].unreconciled == ""
        assert "position_difference" not in self.book.interventions.values()
        assert self.book.reconciled["a0"].suspects == ()
        holds(self.book)
        replays(self.book, self.entries)

    def held(self) -> dict[str, Decimal]:
        return {name: p.quantity for name, p in self.book.positions.get("a0", {}).items()}


def a_desk(mode: PositionMode = HEDGING) -> Accepting:
    desk = Accepting(a_config([an_account("a0", position_mode=mode)]))
    desk.mode = mode
    return desk


def filled(desk: Accepting, name: str = "f") -> tuple[Order, PositionView]:
    """An order filled in a0, and its position as the venue shows it."""
    signal = a_signal(name, desk.now)
    (order,) = desk.released(signal)
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=order.quantity, last=order.quantity)
    return order, a_position(order.quantity, ticket=f"T-{order.client_order_id}")


def test_an_adopted_position_counts_for_exposure_and_belongs_to_no_execution() -> None:
    desk = a_desk()
    order, ours = filled(desk)
    theirs = a_position(5_000, ticket="M1")
    carried = desk.book.carried["EURUSD"]["a0"]
    desk.differs(ours, theirs)
    events = desk.ask(iv.AdoptPosition(**BUY))
    adopted = only(events, ev.PositionAdopted)
    assert (adopted.holder, adopted.execution_id) == ("adopted/M1", "")
    assert adopted.quantity == 5_000
    assert (adopted.actor, adopted.reason) == ("ada", "news")
    assert only(events, ev.InterventionResolved).resolution == "adopted by ada"
    assert desk.held() == {order.execution_id: order.quantity, "adopted/M1": Decimal(5_000)}
    assert desk.book.carried["EURUSD"]["a0"] == carried + 5_000
    assert desk.book.shifted["a0"] == desk.book.seq, "correlation is judged again"
    assert desk.book.stances["EURUSD", 1]["a0"] == 2
    desk.agrees(ours, theirs)


def test_without_its_adoption_the_difference_stands_and_blocks() -> None:
    desk = a_desk()
    _, ours = filled(desk)
    for _ in range(4):
        desk.look(ours, a_position(5_000, ticket="M1"))
    assert desk.book.ledgers["a0"].unreconciled == "position_difference"


def test_a_position_goes_to_the_execution_that_the_person_names_and_is_closed_with_it() -> None:
    desk = a_desk()
    order, ours = filled(desk)
    theirs = a_position(5_000, ticket="M1")
    desk.differs(ours, theirs)
    events = desk.ask(iv.AdoptPosition(**BUY, execution_id=order.execution_id))
    assert only(events, ev.PositionAdopted).execution_id == order.execution_id
    assert desk.held() == {order.execution_id: order.quantity + 5_000}
    allocation = desk.allocation(order)
    assert (allocation.filled, allocation.overfilled) == (order.quantity, ZERO)
    desk.agrees(ours, theirs)
    assert desk.book.interventions == {f"stop:{order.execution_id}/a0": "stop_not_confirmed"}, (
        "what the execution holds must have a stop"
    )
    desk.ask(iv.Flatten(account_id="a0"))
    (closing,) = [a for a in desk.shares() if desk.book.executions[a.execution_id].closes]
    assert closing.intended == order.quantity + 5_000


def test_what_an_execution_lost_at_the_venue_needs_its_name() -> None:
    desk = a_desk()
    order, ours = filled(desk)
    desk.differs()
    assert desk.refused(iv.AdoptPosition(**BUY)) is Denial.EXECUTION_NOT_NAMED
    assert desk.refused(iv.DismissPosition(**BUY)) is Denial.POSITION_IS_OURS
    assert desk.held() == {order.execution_id: order.quantity}
    desk.ask(iv.AdoptPosition(**BUY, execution_id=order.execution_id))
    assert desk.held() == {}
    assert "a0" not in desk.book.carried["EURUSD"]
    assert desk.book.unprotected == {}, "nothing is left that needs a stop"
    desk.agrees()
    assert ours.quantity == desk.allocation(order).filled, "what it traded stays as it was"


def test_of_two_differences_the_persons_word_covers_the_one_it_names() -> None:
    desk = a_desk()
    order, _ = filled(desk)
    theirs = a_position(5_000, ticket="M1")
    desk.differs(theirs)
    events = desk.ask(iv.AdoptPosition(**BUY))
    assert only(events, ev.PositionAdopted).position_id == "M1"
    assert not [e for e in events if isinstance(e, ev.InterventionResolved)]
    assert desk.refused(iv.AdoptPosition(**BUY)) is Denial.DIFFERENCE_MOVED
    desk.look(theirs)
    desk.look(theirs)
    desk.ask(iv.AdoptPosition(**BUY, execution_id=order.execution_id))
    assert desk.held() == {"adopted/M1": Decimal(5_000)}
    desk.agrees(theirs)


def test_a_dismissed_position_counts_for_nothing_until_it_changes_or_goes() -> None:
    desk = a_desk()
    order, ours = filled(desk)
    theirs = a_position(5_000, ticket="M1")
    desk.differs(ours, theirs)
    events = desk.ask(iv.DismissPosition(**BUY))
    assert only(events, ev.PositionDismissed).quantity == 5_000
    assert desk.held() == {order.execution_id: order.quantity}
    desk.agrees(ours, theirs)
    view = desk.view([ours, theirs])
    standing = standing_of(desk.book, view, desk.see(view), None, desk.now)
    assert standing.differences == ()
    assert [line.dismissed for line in standing.positions] == [Decimal(5_000)]
    desk.differs(ours, a_position(6_000, ticket="M1"))
    desk.ask(iv.DismissPosition(**BUY))
    gone = desk.look(ours)
    assert only(gone, ev.PositionDismissed).quantity == 0
    assert desk.book.dismissed == {}
    desk.differs(ours, theirs)


def test_a_position_of_the_other_side_is_adopted_on_its_own() -> None:
    desk = a_desk()
    order, ours = filled(desk)
    theirs = a_position(3_000, side=Side.SELL, ticket="M2")
    desk.differs(ours, theirs)
    sell = BUY | {"side": "sell"}
    assert desk.refused(iv.AdoptPosition(**BUY)) is Denial.NO_DIFFERENCE
    other = iv.AdoptPosition(**sell, execution_id=order.execution_id)
    assert desk.refused(other) is Denial.OTHER_POSITION
    desk.ask(iv.AdoptPosition(**sell))
    assert desk.held()["adopted/M2"] == -3_000
    desk.agrees(ours, theirs)


def test_a_venues_close_of_an_adopted_position_is_booked_and_its_bust_too() -> None:
    desk = a_desk()
    theirs = a_position(5_000, ticket="M1")
    desk.differs(theirs)
    desk.ask(iv.AdoptPosition(**BUY))
    closed = ExecutionReport(
        client_order_id="", account_id="a0", exec_id="x1", exec_type=ExecType.TRADE,
        ord_status=OrdStatus.FILLED, cum_qty=Decimal(5_000), leaves_qty=ZERO,
        avg_px=Decimal("1.2"), order_qty=Decimal(5_000), last_qty=Decimal(5_000),
        last_px=Decimal("1.2"), position_id="M1", trading_day="2024-03-15", transact_at=desk.now,
    )  # fmt: skip
    fill = only(desk.feed(ev.VenueReported(report=closed)), ev.FillBooked)
    assert (fill.execution_id, fill.realized) == ("adopted/M1", Decimal("500.0"))
    assert desk.held() == {}
    bust = {"exec_type": ExecType.TRADE_CANCEL, "exec_id": "x2", "exec_ref_id": "x1"}
    desk.feed(ev.VenueReported(report=replace(closed, **bust)))
    assert desk.held() == {"adopted/M1": Decimal(5_000)}
    desk.agrees(theirs)


@pytest.mark.parametrize("named", [False, True])
def test_a_netting_accounts_growth_is_adopted_beside_or_into_an_execution(named: bool) -> None:
    desk = a_desk(NETTING)
    order, _ = filled(desk)
    net = a_position(order.quantity + 4_000, ticket="N")
    desk.differs(net)
    holder = order.execution_id if named else ""
    desk.ask(iv.AdoptPosition(**NET, execution_id=holder))
    extra = {} if named else {"adopted/EURUSD": Decimal(4_000)}
    own = order.quantity + (4_000 if named else 0)
    assert desk.held() == {order.execution_id: own, **extra}
    desk.agrees(net)


def test_a_netting_position_that_turned_is_the_executions_until_flat_and_adopted_beyond() -> None:
    desk = a_desk(NETTING)
    order, _ = filled(desk)
    net = a_position(2_000, side=Side.SELL, ticket="N")
    desk.differs(net)
    assert desk.refused(iv.AdoptPosition(**NET)) is Denial.EXECUTION_NOT_NAMED
    desk.ask(iv.AdoptPosition(**NET, execution_id=order.execution_id))
    assert desk.held() == {"adopted/EURUSD": Decimal(-2_000)}
    desk.agrees(net)
    desk.differs()
    desk.ask(iv.AdoptPosition(**NET))
    assert desk.held() == {}
    desk.agrees()


def test_a_netting_difference_can_be_dismissed() -> None:
    desk = a_desk(NETTING)
    order, _ = filled(desk)
    net = a_position(order.quantity - 1_000, ticket="N")
    desk.differs(net)
    assert only(desk.ask(iv.DismissPosition(**NET)), ev.PositionDismissed).quantity == -1_000
    desk.agrees(net)


@pytest.mark.parametrize(
    ("changes", "denial"),
    [
        ({"account_id": "a9"}, Denial.UNKNOWN_ACCOUNT),
        ({"symbol": "GBPUSD"}, Denial.NO_DIFFERENCE),
        ({"execution_id": "nobody"}, Denial.UNKNOWN_EXECUTION),
    ],
)
def test_what_the_state_forbids_is_refused_by_name(changes: dict[str, str], denial: Denial) -> None:
    desk = a_desk()
    desk.differs(a_position(5_000, ticket="M1"))
    assert desk.refused(iv.AdoptPosition(**(BUY | changes))) is denial


def test_one_view_is_not_enough_to_accept_and_an_order_in_the_symbol_moves_it() -> None:
    desk = a_desk()
    theirs = a_position(5_000, ticket="M1")
    desk.look(theirs)
    assert desk.refused(iv.AdoptPosition(**BUY)) is Denial.NO_DIFFERENCE
    assert desk.refused(iv.DismissPosition(**BUY)) is Denial.NO_DIFFERENCE
    moving = a_desk()
    (order,) = moving.released(a_signal("m", START))
    moving.send(order)
    moving.report(order, ExecType.NEW, OrdStatus.NEW)
    assert moving.refused(iv.AdoptPosition(**BUY)) is Denial.NO_DIFFERENCE


def test_a_position_cannot_go_to_an_execution_that_was_closed() -> None:
    desk = a_desk()
    order, ours = filled(desk)
    desk.ask(iv.Flatten(account_id="a0"))
    (closing,) = [o for o in desk.book.orders.values() if o.role.value == "exit"]
    desk.send(closing)
    desk.report(closing, ExecType.NEW, OrdStatus.NEW)
    desk.report(
        closing, ExecType.TRADE, OrdStatus.FILLED, cum=closing.quantity, last=closing.quantity,
        position_id=ours.position_id,
    )  # fmt: skip
    assert desk.held() == {}
    desk.differs(a_position(5_000, ticket="M1"))
    wanted = iv.AdoptPosition(**BUY, execution_id=order.execution_id)
    assert desk.refused(wanted) is Denial.EXECUTION_OVER


class _Guarded(ProtectionDesk):
    """A desk at a venue that attaches no stops, whose views show the orders that rest."""

    def looked_at(self, *positions: PositionView) -> None:
        self.timers_until(self.now + 30 * S)
        orders = tuple(shown(order, OrdStatus.NEW, self.now) for order in self.standing())
        self.see(a_view("a0", self.now, orders=orders, positions=positions))

    def asked(self, action: iv.Action) -> tuple[ev.Event, ...]:
        return self.feed(
            ev.Intervened(request_id=str(self.now), actor="ada", reason="news", action=action)
        )


@pytest.mark.parametrize("named", [False, True])
def test_stops_that_rest_hold_up_no_adoption_and_follow_what_their_execution_takes(
    named: bool,
) -> None:
    desk = _Guarded()
    order = desk.guarded_entry()
    ours = a_position(order.quantity, ticket=f"T-{order.client_order_id}")
    theirs = a_position(5_000, ticket="M1")
    for _ in range(2):
        desk.looked_at(ours, theirs)
    holder = order.execution_id if named else ""
    only(desk.asked(iv.AdoptPosition(**BUY, execution_id=holder)), ev.PositionAdopted)
    protected = order.quantity + (5_000 if named else 0)
    assert desk.sizes() == {"stop_loss": protected, "take_profit": protected}
    desk.accepted()
    desk.looked_at(ours, theirs)
    assert "position_difference" not in desk.reasons()
    desk.checked()


def test_stops_of_a_position_that_an_adoption_ends_are_cancelled() -> None:
    desk = _Guarded()
    order = desk.guarded_entry()
    for _ in range(2):
        desk.looked_at()
    desk.asked(iv.AdoptPosition(**BUY, execution_id=order.execution_id))
    assert [each.cancel_requested for each in desk.standing()] == [True, True]
    desk.checked()
