"""An order at the venue that the book never sent: a person leaves it alone, or has it cancelled."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.effects import CancelOrder
from stretto.core.limits import CANCELS_MAX
from stretto.core.messages.reconciliation_standing import Outcome, Standing, standing_of
from stretto.core.reconciling.reconciliation_due import is_open
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.venue import OrderView
from stretto.core.values import ZERO
from tests.book_invariants import holds, replays, restored
from tests.builders import S, a_config, a_signal, an_account, only
from tests.people import People
from tests.venue_views import a_position, a_view, shown

pytestmark = [pytest.mark.requirement("R5.5"), pytest.mark.requirement("P2")]
REASON = "unknown_venue_order"


class Beside(People):
    """A book whose account holds orders of somebody else."""

    def look(
        self, *live: OrderView, done: tuple[OrderView, ...] = (), complete: bool = True
    ) -> tuple[ev.Event, ...]:
        self.timers_until(self.now + 30 * S)
        held = self.book.positions.get("a0", {}).values()
        positions = tuple(a_position(p.quantity, ticket=p.position_id) for p in held)
        self.view = a_view(
            "a0", self.now, orders=live, orders_done=done, complete=complete, positions=positions
        )
        self.seen = self.see(self.view)
        holds(self.book)
        restored(self.book)
        return self.seen

    def standing(self) -> Standing:
        return standing_of(self.book, self.view, self.seen, None, self.now)

    def cancels(self) -> list[CancelOrder]:
        return [each for each in self.commands if isinstance(each, CancelOrder)]

    def stands(self) -> dict[str, str]:
        return {k: r for k, r in self.book.interventions.items() if r == REASON}


def a_desk() -> Beside:
    return Beside(a_config([an_account("a0")]))


def theirs(desk: Beside, client_order_id: str = "", venue_order_id: str = "V7") -> OrderView:
    """An order of somebody else's, as another book would have made it."""
    other = Beside(a_config([an_account("a0")]))
    (order,) = other.released(a_signal("o"))
    view = shown(order, OrdStatus.NEW, desk.now, client_order_id=client_order_id)
    return _named(view, venue_order_id)


def _named(view: OrderView, venue_order_id: str) -> OrderView:
    return replace(view, report=replace(view.report, venue_order_id=venue_order_id))


KEYS = [("", "a0/V7"), ("somebodys-own", "somebodys-own")]


@pytest.mark.parametrize(("client_order_id", "key"), KEYS)
def test_one_that_is_dismissed_is_left_alone_and_counts_for_nothing_until_it_is_gone(
    client_order_id: str, key: str
) -> None:
    desk = a_desk()
    order = theirs(desk, client_order_id)
    only(desk.look(order), ev.InterventionRequired)
    assert [each.outcome for each in desk.standing().differences] == [Outcome.PERSON]
    events = desk.ask(iv.DismissVenueOrder(subject=key))
    dismissed = only(events, ev.VenueOrderDismissed)
    assert (dismissed.account_id, dismissed.venue_order_id) == ("a0", "V7")
    assert (dismissed.actor, dismissed.reason) == ("ada", "news")
    assert only(events, ev.PersonIntervened).account_id == "a0"
    assert only(events, ev.InterventionResolved).resolution == "dismissed by ada: not the book's"
    for _ in range(2):
        assert not [e for e in desk.look(order) if not isinstance(e, ev.AccountReconciled)]
        assert desk.standing().differences == ()
    assert desk.cancels() == []
    assert desk.stands() == {}
    assert desk.refused(iv.DismissVenueOrder(subject=key)) is Denial.ALREADY_DISMISSED
    desk.look()
    assert desk.book.strangers == {}
    only(desk.look(order), ev.InterventionRequired)
    replays(desk.book, desk.entries)


def test_a_report_about_a_dismissed_order_asks_nobody() -> None:
    desk = a_desk()
    order = theirs(desk, "theirs")
    desk.look(order)
    desk.ask(iv.DismissVenueOrder(subject="theirs"))
    partly = _report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, desk.now)
    assert desk.feed(ev.VenueReported(report=partly)) == ()


def _report(view: OrderView, kind: ExecType, status: OrdStatus, at: int) -> ExecutionReport:
    return replace(view.report, exec_type=kind, ord_status=status, transact_at=at, exec_id=f"r{at}")


def test_a_question_that_only_a_report_raised_can_be_dismissed_and_not_cancelled() -> None:
    desk = a_desk()
    desk.look()
    order = theirs(desk, "theirs")
    filled = _report(order, ExecType.TRADE, OrdStatus.FILLED, desk.now)
    only(desk.feed(ev.VenueReported(report=filled)), ev.InterventionRequired)
    assert desk.refused(iv.CancelVenueOrder(subject="theirs")) is Denial.ORDER_NOT_SHOWN
    desk.ask(iv.DismissVenueOrder(subject="theirs"))
    assert desk.stands() == {}


@pytest.mark.parametrize(("client_order_id", "key"), KEYS)
def test_a_cancel_is_sent_for_exactly_that_order_and_proven_by_a_view(
    client_order_id: str, key: str
) -> None:
    desk = a_desk()
    order, other = theirs(desk, client_order_id), theirs(desk, "other", "V8")
    desk.look(order, other)
    assert not is_open(desk.book, "a0")
    events = desk.ask(iv.CancelVenueOrder(subject=key))
    asked = only(events, ev.VenueOrderCancelRequested)
    assert (asked.attempt, asked.actor, asked.reason) == (1, "ada", "news")
    (sent,) = desk.cancels()
    assert (sent.account_id, sent.client_order_id, sent.venue_order_id) == (
        "a0", client_order_id, "V7",
    )  # fmt: skip
    assert is_open(desk.book, "a0"), "compared every 30 s until it is gone"
    assert set(desk.stands()) == {key, "other"}, "not proven yet"
    ended = _named(_ended(order), "V7")
    resolved = only(desk.look(other, done=(ended,)), ev.InterventionResolved)
    assert resolved.client_order_id == key
    assert resolved.resolution.endswith("shows it canceled; ada cancelled it")
    assert set(desk.stands()) == {"other"}
    assert set(desk.book.strangers) == {"other"}
    assert not is_open(desk.book, "a0")
    replays(desk.book, desk.entries)


def _ended(view: OrderView) -> OrderView:
    return replace(
        view, report=replace(view.report, ord_status=OrdStatus.CANCELED, leaves_qty=ZERO)
    )


def test_a_cancel_that_did_nothing_is_asked_for_again_a_bounded_number_of_times() -> None:
    desk = a_desk()
    order = theirs(desk, "theirs")
    desk.look(order)
    desk.ask(iv.CancelVenueOrder(subject="theirs"))
    assert desk.refused(iv.CancelVenueOrder(subject="theirs")) is Denial.ORDER_BUSY
    assert desk.refused(iv.DismissVenueOrder(subject="theirs")) is Denial.ORDER_BUSY
    desk.look(order)
    assert [each.outcome for each in desk.standing().differences] == [Outcome.FOLLOWED]
    assert len(desk.cancels()) == 2
    desk.look(complete=False)
    assert desk.stands(), "a view that is not whole proves nothing"
    for _ in range(CANCELS_MAX + 2):
        desk.look(order)
    assert len(desk.cancels()) == CANCELS_MAX
    assert [each.outcome for each in desk.standing().differences] == [Outcome.PERSON]
    desk.ask(iv.CancelVenueOrder(subject="theirs"))
    assert len(desk.cancels()) == CANCELS_MAX + 1, "a person may ask anew"
    desk.look()
    assert desk.stands() == {}
    replays(desk.book, desk.entries)


def test_an_old_view_settles_nothing() -> None:
    desk = a_desk()
    order = theirs(desk, "theirs")
    before = a_view("a0", desk.now)
    desk.look(order)
    desk.ask(iv.CancelVenueOrder(subject="theirs"))
    desk.see(before)
    assert set(desk.stands()) == {"theirs"}


def test_one_that_was_dismissed_can_be_cancelled_after_all() -> None:
    desk = a_desk()
    order = theirs(desk, "theirs")
    desk.look(order)
    desk.ask(iv.DismissVenueOrder(subject="theirs"))
    desk.ask(iv.CancelVenueOrder(subject="theirs"))
    assert len(desk.cancels()) == 1
    assert set(desk.stands()) == {"theirs"}, "its end is waited for"
    desk.look()
    assert desk.stands() == {}


def test_the_books_own_and_unheard_of_orders_are_refused() -> None:
    desk = a_desk()
    (ours,) = desk.released(a_signal("f"))
    for action in (iv.DismissVenueOrder, iv.CancelVenueOrder):
        assert desk.refused(action(subject=ours.client_order_id)) is Denial.ORDER_IS_OURS
        assert desk.refused(action(subject="nobodys")) is Denial.UNKNOWN_ORDER


@pytest.mark.requirement("P7")
@pytest.mark.parametrize("dismissed", [False, True])
def test_an_account_is_flat_beside_an_order_only_where_a_person_left_it_alone(
    dismissed: bool,
) -> None:
    desk = a_desk()
    (entry,) = desk.released(a_signal("f"))
    desk.send(entry)
    desk.report(
        entry, ExecType.TRADE, OrdStatus.FILLED, cum=entry.quantity, last=entry.quantity,
        position_id="T1",
    )  # fmt: skip
    order = theirs(desk, "theirs")
    desk.look(order)
    if dismissed:
        desk.ask(iv.DismissVenueOrder(subject="theirs"))
    (closing,) = [
        e.order for e in desk.ask(iv.Flatten(account_id="a0")) if isinstance(e, ev.OrderIntended)
    ]
    desk.send(closing)
    desk.report(
        closing, ExecType.TRADE, OrdStatus.FILLED, cum=closing.quantity, last=closing.quantity,
        position_id="T1",
    )  # fmt: skip
    desk.look(order)
    desk.timers_until(desk.now)
    assert bool(desk.book.ledgers["a0"].flattening) is not dismissed
    assert desk.book.positions.get("a0", {}) == {}
    assert Decimal(0) == sum(desk.book.carried.get("EURUSD", {}).values())
