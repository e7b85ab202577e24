"""An amend of ``limit_price`` replaces every entry of the signal that rests, with its races."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.effects import AmendProtection, ReplaceOrder
from stretto.core.orders.order import Order
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import KillScope
from stretto.core.terms.policy import Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import CancelReject, ExecType, OrderType, OrdStatus
from stretto.core.terms.signal import Action, BestAccounts, Urgency
from stretto.core.terms.venue import VenueCapabilities
from tests.builders import VENUE, S, a_config, a_signal, only
from tests.exit_desk import ExitDesk, an_exit

PLANNED, BETTER, BEST = Decimal("1.10000"), Decimal("1.09900"), Decimal("1.09800")
RESTING = a_signal(
    urgency=Urgency.IMMEDIATE, order_type=OrderType.LIMIT, limit_price=PLANNED,
    stop_loss=Decimal("1.09000"), stop_distance=None, take_profit=Decimal("1.12000"),
)  # fmt: skip


def resting(count: int = 1, **declared: Any) -> tuple[ExitDesk, list[Order]]:
    """A desk whose limit entries rest at the venue."""
    config = a_config(count)
    if declared:
        capabilities = {VENUE: VenueCapabilities(**declared)}
        config = msgspec.structs.replace(config, capabilities=capabilities)
    book = ExitDesk(config)
    orders = book.released(RESTING)
    for order in orders:
        book.send(order)
        book.report(order, ExecType.NEW, OrdStatus.NEW)
    return book, [book.book.orders[order.client_order_id] for order in orders]


def amend(book: ExitDesk, price: Decimal = BETTER, name: str = "m1", **more: Any) -> str:
    """Feed the amend; the id of its execution."""
    item = an_exit(name, Action.AMEND, limit_price=price, **more)
    return only(book.feed(ev.ExitReceived(exit=item)), ev.SignalPlanned).plan.execution_id


def replaced(book: ExitDesk, order: Order) -> tuple[ev.Event, ...]:
    return book.report(
        order, ExecType.REPLACED, OrdStatus.NEW, exec_id=f"r{book.book.seq}",
        order_qty=order.quantity,
    )  # fmt: skip


def refuse(book: ExitDesk, order: Order) -> tuple[ev.Event, ...]:
    reject = CancelReject(
        client_order_id=order.client_order_id, account_id=order.account_id,
        ord_status=OrdStatus.NEW, transact_at=book.now, for_replace=True, reject_code="off_quotes",
    )  # fmt: skip
    return book.feed(ev.CancelRejected(reject=reject))


def status(book: ExitDesk, execution_id: str) -> str:
    return book.book.executions[execution_id].status


def now(book: ExitDesk, order: Order) -> Order:
    return book.book.orders[order.client_order_id]


@pytest.mark.requirement("P5")
def test_every_resting_entry_is_replaced_and_the_amend_ends_with_the_last() -> None:
    book, orders = resting(3)
    execution_id = amend(book)
    wanted = [c for c in book.commands if isinstance(c, ReplaceOrder)]
    assert [(c.limit_price, c.quantity) for c in wanted] == [
        (BETTER, order.quantity) for order in orders
    ]
    assert not any(isinstance(c, AmendProtection) for c in book.commands)
    for order in orders:
        assert status(book, execution_id) == "working"
        replaced(book, order)
        assert now(book, order).limit_price == BETTER
    assert status(book, execution_id) == "completed"
    assert not book.book.interventions
    book.checked()


def test_the_price_goes_down_and_back_to_the_planned_one_but_not_beyond() -> None:
    book, (order,) = resting()
    amend(book)
    replaced(book, order)
    amend(book, PLANNED, "m2")
    replaced(book, order)
    assert now(book, order).limit_price == PLANNED
    worse = an_exit("m3", Action.AMEND, limit_price=Decimal("1.10001"))
    (event,) = book.feed(ev.ExitReceived(exit=worse))
    assert isinstance(event, ev.SignalRefused)
    assert event.plan.refused is not None
    assert event.plan.refused.rule is Rule.LIMIT_BEYOND_PLAN
    assert event.plan.refused.compared == {"limit_price": "1.10001", "planned": "1.10000"}
    book.checked()


def test_market_entries_have_no_limit_to_amend() -> None:
    book = ExitDesk(a_config(1))
    book.released(a_signal(urgency=Urgency.IMMEDIATE))
    item = an_exit("m1", Action.AMEND, limit_price=BETTER)
    (event,) = book.feed(ev.ExitReceived(exit=item))
    assert isinstance(event, ev.SignalRefused)
    assert event.plan.refused is not None
    assert event.plan.refused.rule is Rule.ACTION_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("price", "levels", "rule"),
    [
        (Decimal("1.08900"), {}, Rule.STOP_ON_WRONG_SIDE),
        (BETTER, {"stop_loss": Decimal("1.09950")}, Rule.STOP_ON_WRONG_SIDE),
        (BETTER, {"take_profit": Decimal("1.09890")}, Rule.TARGET_ON_WRONG_SIDE),
    ],
)
def test_a_price_beyond_stop_or_target_is_refused(
    price: Decimal, levels: dict[str, Decimal], rule: Rule
) -> None:
    book, (order,) = resting()
    item = an_exit("m1", Action.AMEND, limit_price=price, **levels)
    events = book.feed(ev.ExitReceived(exit=item))
    plan = next(e.plan for e in events if isinstance(e, ev.SignalPlanned | ev.SignalRefused))
    refusals = [*plan.refusals, *([plan.refused] if plan.refused else [])]
    assert [refusal.rule for refusal in refusals] == [rule]
    assert now(book, order).replacing is None
    book.checked()


def test_what_waits_leaves_at_the_new_price() -> None:
    book = ExitDesk(a_config(1))
    assert book.plan(msgspec.structs.replace(RESTING, urgency=Urgency.NORMAL)).refused is None
    execution_id = amend(book)
    assert status(book, execution_id) == "completed", "no venue has to be asked"
    book.timers_until(book.now + 31 * S)
    (order,) = book.book.orders.values()
    assert order.limit_price == BETTER
    book.checked()


def test_an_entry_on_its_way_is_replaced_once_the_venue_has_it() -> None:
    book = ExitDesk(a_config(1))
    (order,) = book.released(RESTING)
    execution_id = amend(book)
    assert not any(isinstance(c, ReplaceOrder) for c in book.commands)
    book.send(order)
    book.report(order, ExecType.NEW, OrdStatus.NEW)
    assert only(book.commands, ReplaceOrder).limit_price == BETTER
    replaced(book, order)
    assert status(book, execution_id) == "completed"
    book.checked()


def test_a_fill_that_crosses_the_replace_ends_the_amend() -> None:
    book, (order,) = resting()
    execution_id = amend(book)
    book.filled(order)
    assert status(book, execution_id) == "completed"
    refuse(book, order)
    assert not book.book.interventions
    book.checked()


def test_a_partly_filled_entry_keeps_what_it_filled() -> None:
    book, (order,) = resting()
    book.filled(order, Decimal(4_000))
    execution_id = amend(book)
    command = only(book.commands, ReplaceOrder)
    assert command.quantity == order.quantity, "the whole order, not the rest"
    book.report(
        now(book, order), ExecType.REPLACED, OrdStatus.PARTIALLY_FILLED, cum=4_000, exec_id="r",
        order_qty=order.quantity,
    )  # fmt: skip
    assert status(book, execution_id) == "completed"
    assert now(book, order).cum_qty == 4_000
    book.checked()


def test_a_refused_replace_leaves_the_order_and_the_amend_is_abandoned() -> None:
    book, orders = resting(2)
    execution_id = amend(book)
    settled = only(refuse(book, orders[0]), ev.LimitSettled)
    assert (settled.is_set, settled.cause) == (False, "refused: off_quotes")
    assert now(book, orders[0]).limit_price == PLANNED
    assert status(book, execution_id) == "working"
    replaced(book, orders[1])
    assert status(book, execution_id) == "abandoned", "not every account has it"
    again = amend(book, BETTER, "m2")
    replaced(book, orders[0])
    assert status(book, again) == "completed"
    book.checked()


def test_a_second_amend_takes_the_place_of_the_first() -> None:
    book, (order,) = resting()
    first = amend(book)
    second = amend(book, BEST, "m2")
    assert (status(book, first), status(book, second)) == ("abandoned", "working")
    assert len([c for c in book.commands if isinstance(c, ReplaceOrder)]) == 1, "one at a time"
    replaced(book, order)
    assert status(book, second) == "working"
    replaced(book, order)
    assert now(book, order).limit_price == BEST
    assert status(book, second) == "completed"
    book.checked()


def test_a_replace_that_nobody_answers_reaches_a_person_until_it_is_answered() -> None:
    book, (order,) = resting()
    execution_id = amend(book)
    book.timers_until(book.now + 6 * S)
    assert list(book.book.interventions.values()) == ["replace_unanswered"]
    assert status(book, execution_id) == "abandoned"
    assert only(replaced(book, order), ev.InterventionResolved).reason == "replace_unanswered"
    assert now(book, order).limit_price == BETTER
    book.checked()


def test_a_close_that_cancels_the_entry_ends_the_amend() -> None:
    book, (order,) = resting()
    execution_id = amend(book)
    book.exit(an_exit("x1"))
    book.report(order, ExecType.CANCELED, OrdStatus.CANCELED, exec_id="c")
    assert status(book, execution_id) != "working"
    book.checked()


def test_under_a_kill_switch_no_entry_gets_another_price() -> None:
    book, (order,) = resting()
    kill = iv.Kill(scope=KillScope.SYMBOL, name="EURUSD")
    book.feed(ev.Intervened(request_id="k", actor="anna", reason="enough", action=kill))
    item = an_exit("m1", Action.AMEND, limit_price=BETTER)
    plan = only(book.feed(ev.ExitReceived(exit=item)), ev.SignalPlanned).plan
    assert plan.refusals[0].rule in (Rule.KILL_SWITCH, Rule.POSITION_GONE)
    assert now(book, order).replacing is None
    book.checked()


def test_a_venue_that_changes_no_orders_is_named() -> None:
    book, (order,) = resting(replaces_orders=False)
    item = an_exit("m1", Action.AMEND, limit_price=BETTER)
    plan = only(book.feed(ev.ExitReceived(exit=item)), ev.SignalPlanned).plan
    assert plan.refusals[0].rule is Rule.ACTION_NOT_SUPPORTED
    assert now(book, order).limit_price == PLANNED
    book.checked()


def test_a_replace_that_did_not_leave_is_withdrawn() -> None:
    book, (order,) = resting()
    execution_id = amend(book)
    book.feed(
        ev.ReplaceReported(
            client_order_id=order.client_order_id, outcome=ev.SendOutcomeKind.NOT_SENT,
            sent_at=book.now,
        )
    )  # fmt: skip
    assert status(book, execution_id) == "abandoned"
    assert now(book, order).replacing is None
    book.checked()


def test_what_goes_to_another_account_goes_at_the_price_and_levels_of_the_amend() -> None:
    book = ExitDesk(a_config(3, Policy(dispersion_min=1, dispersion_max=2)))
    (order,) = book.released(msgspec.structs.replace(RESTING, accounts=BestAccounts(count=1)))
    book.send(order)
    stop, target = Decimal("1.09500"), Decimal("1.11000")
    amend(book, BETTER, stop_loss=stop, take_profit=target)
    for _ in range(2):
        book.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="account_disabled")
        moved = only(tuple(book.timers_until(book.now)), ev.RemainderRerouted)
        share = moved.share
        assert share.limit_price == BETTER
        assert (share.stop_loss, share.take_profit) == (stop, target)
        book.timers_until(share.release_at)
        order = next(o for o in book.book.orders.values() if o.account_id == share.account_id)
        assert (order.limit_price, order.stop_loss) == (BETTER, stop)
        book.send(order)
    assert book.allocation(order).margin_planned == moved.share.margin
    amend(book, PLANNED, "m2")
    assert book.allocation(order).limit_price == PLANNED
    book.checked()
