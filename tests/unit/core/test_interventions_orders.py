"""What a person may ask of orders, in which states, and what follows (DESIGN §4.10)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.effects import CancelOrder, ReplaceOrder, SubmitOrder
from stretto.core.limits import CANCELS_MAX
from stretto.core.orders.order import Order, OrderState
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.report import CancelReject, ExecType, OrderType, OrdStatus
from stretto.core.values import Side
from tests.book_invariants import replays, restored
from tests.builders import SYMBOLS, TERMS, S, a_config, a_signal, an_account, only
from tests.people import QUANTITY, People, in_doubt, partly_filled, planned, working

pytestmark = pytest.mark.requirement("R5.5")


def test_cancel_remaining_cancels_what_works_and_abandons_the_rest() -> None:
    desk = People(a_config(1))
    (order,) = partly_filled(desk)
    before = len(desk.commands)
    desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    (cancel,) = desk.since(before)
    assert isinstance(cancel, CancelOrder)
    assert not desk.allocation(order).ended, "the rest is abandoned when the cancel is proven"
    again = desk.refused(iv.CancelRemaining(execution_id=desk.execution_id))
    assert again is Denial.ALREADY_ENDING
    smaller = iv.ChangeSize(
        execution_id=desk.execution_id, account_id="a0", quantity=Decimal(9_000)
    )
    assert desk.refused(smaller) is Denial.ALREADY_ENDING
    events = desk.report(order, ExecType.CANCELED, OrdStatus.CANCELED, cum=4_000)
    ended = only(events, ev.AllocationEnded)
    assert (ended.reason, ended.abandoned) == ("cancelled_by_person", QUANTITY - 4_000)
    assert only(events, ev.ExecutionEnded).status == "completed"


def test_what_is_given_up_is_not_tried_again_whatever_the_venue_says() -> None:
    """A reject that would be retried ends the allocation, and so does a proof of death."""
    desk = People(a_config(1))
    (order,) = desk.released()
    desk.send(order)
    desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    events = desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="price_changed")
    assert only(events, ev.AllocationEnded).abandoned == QUANTITY
    assert desk.timers_until(desk.now + 3_600 * S) == []


def test_a_cancel_without_an_answer_is_asked_for_again_and_then_a_person_is() -> None:
    desk = People(a_config(1))
    (order,) = working(desk)
    desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    desk.timers_until(desk.now + 120 * S)
    assert sum(isinstance(c, CancelOrder) for c in desk.commands) == CANCELS_MAX
    assert desk.book.interventions == {order.client_order_id: "cancel_unanswered"}
    (share,) = desk.shares()
    assert desk.book.quantities(share).working == QUANTITY


def test_a_refused_cancel_is_asked_for_again_a_while_later() -> None:
    desk = People(a_config(1))
    (order,) = working(desk)
    desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    before = len(desk.commands)
    reject = CancelReject(
        client_order_id=order.client_order_id,
        account_id="a0",
        ord_status=OrdStatus.NEW,
        transact_at=desk.now,
        for_replace=False,
        text="too many requests",
    )
    desk.feed(ev.CancelRejected(reject=reject))
    assert desk.since(before) == []
    desk.timers_until(desk.now + 6 * S)
    assert any(isinstance(c, CancelOrder) for c in desk.since(before))


def test_an_order_in_doubt_is_cancelled_once_it_turns_out_to_live() -> None:
    desk = People(a_config(1))
    (order,) = in_doubt(desk)
    desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    refused = CancelReject(
        client_order_id=order.client_order_id,
        account_id="a0",
        ord_status=OrdStatus.REJECTED,
        transact_at=desk.now,
        for_replace=False,
        text="unknown order",
    )
    desk.feed(ev.CancelRejected(reject=refused))
    before = len(desk.commands)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    assert any(isinstance(c, CancelOrder) for c in desk.since(before))


def test_cancels_are_owed_after_a_restart() -> None:
    desk = People(a_config(2))
    orders = working(desk)
    desk.ask(iv.CancelRemaining(execution_id=desk.execution_id))
    desk.book = restored(desk.book)
    before = len(desk.commands)
    desk.feed(ev.BookRecovered(engine_version="test"))
    again = [c.client_order_id for c in desk.since(before) if isinstance(c, CancelOrder)]
    assert sorted(again) == sorted(order.client_order_id for order in orders)
    assert not any(isinstance(c, SubmitOrder) for c in desk.since(before))


def test_accept_partial_leaves_accounts_without_a_fill_alone() -> None:
    desk = People(a_config(2))
    first, second = partly_filled(desk)
    events = desk.ask(iv.AcceptPartial(execution_id=desk.execution_id))
    assert only(events, ev.CancelRequested).client_order_id == first.client_order_id
    assert desk.book.orders[second.client_order_id].state is OrderState.NEW
    account = first.account_id
    refused = desk.refused(iv.AcceptPartial(execution_id=desk.execution_id, account_id=account))
    assert refused is Denial.ALREADY_ENDING
    refused = desk.refused(iv.AcceptPartial(execution_id=desk.execution_id, account_id="a9"))
    assert refused is Denial.NOT_TAKING_PART


def test_a_price_changes_for_the_better_only() -> None:
    desk = People(a_config(1))
    (order,) = working(desk)
    asked = {"execution_id": desk.execution_id, "account_id": "a0"}
    for price in ("1.10001", "1.099905", "0", "1.09700", "NaN"):
        worse = iv.ChangePrice(limit_price=Decimal(price), **asked)
        assert desk.refused(worse) is Denial.PRICE_OUTSIDE_LIMITS, price
    before = len(desk.commands)
    desk.ask(iv.ChangePrice(limit_price=Decimal("1.09990"), **asked))
    (command,) = desk.since(before)
    assert isinstance(command, ReplaceOrder)
    assert (command.limit_price, command.quantity) == (Decimal("1.09990"), order.quantity)
    back = iv.ChangePrice(limit_price=Decimal("1.10000"), **asked)
    assert desk.refused(back) is Denial.ORDER_BUSY, "while the venue has not answered"


def answered(desk: People, order: Order) -> None:
    """The venue takes the replace as it was asked for."""
    asked = desk.book.orders[order.client_order_id].replacing
    assert asked is not None
    whole = asked.quantity
    desk.report(
        order, ExecType.REPLACED, OrdStatus.NEW, order_qty=whole, leaves_qty=whole,
        exec_id=f"replaced-{desk.asked}",
    )  # fmt: skip


def test_a_price_may_go_back_to_what_the_plan_reserved_for() -> None:
    desk = People(a_config(1))
    (order,) = working(desk)
    for price in ("1.09990", "1.10000"):
        desk.ask(
            iv.ChangePrice(
                execution_id=desk.execution_id, account_id="a0", limit_price=Decimal(price)
            )
        )
        answered(desk, order)
        assert desk.book.orders[order.client_order_id].limit_price == Decimal(price)


def test_a_price_to_sell_at_changes_upwards_only_and_is_a_price() -> None:
    desk = People(a_config(1))
    signal = a_signal(order_type=OrderType.LIMIT, limit_price=Decimal("1.10020"), side=Side.SELL)
    (order,) = desk.released(signal)
    asked = {"execution_id": desk.execution_id, "account_id": "a0"}
    for price in ("1.10019", "1.10320", "1.2"):
        wrong = iv.ChangePrice(limit_price=Decimal(price), **asked)
        assert desk.refused(wrong) is Denial.ORDER_BUSY, "not acknowledged, whatever the price"
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    for price in ("1.10019", "1.10320", "1.2"):
        wrong = iv.ChangePrice(limit_price=Decimal(price), **asked)
        assert desk.refused(wrong) is Denial.PRICE_OUTSIDE_LIMITS, price
    desk.ask(iv.ChangePrice(limit_price=Decimal("1.10030"), **asked))


def test_a_price_without_a_stop_is_positive_all_the_same() -> None:
    desk = People(a_config(1))
    signal = a_signal(
        order_type=OrderType.LIMIT, limit_price=Decimal("1.10000"), stop_distance=None
    )
    (order,) = desk.released(signal)
    desk.send(order)
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    for price in ("0", "-1"):
        wrong = iv.ChangePrice(
            execution_id=desk.execution_id, account_id="a0", limit_price=Decimal(price)
        )
        assert desk.refused(wrong) is Denial.PRICE_OUTSIDE_LIMITS


def test_a_change_never_asks_for_more_than_we_asked_for() -> None:
    """The venue raised the quantity unasked: what a person changes leaves that out."""
    for change in ("price", "size"):
        desk = People(a_config(1))
        (order,) = working(desk)
        more = order.quantity + 3_000
        desk.report(
            order, ExecType.RESTATED, OrdStatus.NEW, order_qty=more, leaves_qty=more,
            exec_id="restated",
        )  # fmt: skip
        asked = {"execution_id": desk.execution_id, "account_id": "a0"}
        if change == "price":
            desk.ask(iv.ChangePrice(limit_price=Decimal("1.09990"), **asked))
        else:
            desk.ask(iv.ChangeSize(quantity=Decimal(6_000), **asked))
        command = desk.commands[-1]
        assert isinstance(command, ReplaceOrder)
        assert command.quantity == (QUANTITY if change == "price" else 6_000)
        price = Decimal("1.09990" if change == "price" else "1.10000")
        assert command.limit_price == price, "a venue is told the whole of what is wanted"


@pytest.mark.parametrize("works", [False, True])
def test_a_size_leaves_no_less_than_the_smallest_order(works: bool) -> None:
    terms = dict.fromkeys(SYMBOLS, msgspec.structs.replace(TERMS, lot_min=Decimal("0.05")))
    desk = People(a_config([an_account("a0", symbols=terms)]))
    if works:
        partly_filled(desk)
    else:
        planned(desk)
    asked = {"execution_id": desk.execution_id, "account_id": "a0"}
    filled = 4_000 if works else 0
    too_little = iv.ChangeSize(quantity=Decimal(filled + 4_000), **asked)
    assert desk.refused(too_little) is Denial.SIZE_OUTSIDE_LIMITS
    desk.ask(iv.ChangeSize(quantity=Decimal(filled + 5_000), **asked))


def test_a_size_changes_downwards_and_what_waits_goes_first() -> None:
    desk = People(a_config(1))
    planned(desk)
    asked = {"execution_id": desk.execution_id, "account_id": "a0"}
    for size in ("11000", "20000", "0", "-1000", "5500", "NaN"):
        wrong = iv.ChangeSize(quantity=Decimal(size), **asked)
        assert desk.refused(wrong) is Denial.SIZE_OUTSIDE_LIMITS, size
    desk.ask(iv.ChangeSize(quantity=Decimal(6_000), **asked))
    (share,) = desk.shares()
    assert (share.pending, share.abandoned) == (Decimal(6_000), QUANTITY - 6_000)
    desk.timers_until(desk.now + 31 * S)
    (order,) = desk.book.orders.values()
    assert order.quantity == 6_000


def test_an_order_made_smaller_frees_what_the_venue_confirms() -> None:
    desk = People(a_config(1))
    (order,) = working(desk)
    desk.ask(
        iv.ChangeSize(execution_id=desk.execution_id, account_id="a0", quantity=Decimal(3_000))
    )
    assert desk.book.quantities(desk.allocation(order)).working == QUANTITY, "until it is confirmed"
    desk.report(
        order, ExecType.REPLACED, OrdStatus.NEW, order_qty=Decimal(3_000), leaves_qty=Decimal(3_000)
    )
    shown = desk.book.quantities(desk.allocation(order))
    assert (shown.working, shown.abandoned) == (Decimal(3_000), QUANTITY - 3_000)


def resolved(fate: iv.Fate, **more: Any) -> tuple[People, Order, tuple[ev.Event, ...]]:
    desk = People(a_config(1))
    (order,) = in_doubt(desk)
    events = desk.ask(
        iv.ResolveInDoubt(
            client_order_id=order.client_order_id, fate=fate, evidence="statement of 8:15", **more
        )
    )
    replays(desk.book, desk.entries)
    return desk, order, events


def test_a_person_proves_an_order_in_doubt_dead() -> None:
    desk, order, events = resolved(iv.Fate.DEAD)
    assert desk.book.orders[order.client_order_id].state is OrderState.DEAD
    proven = only(events, ev.OrderProvenDead)
    assert proven.proof is ev.Proof.PERSON
    assert proven.evidence["evidence"] == "statement of 8:15"
    assert proven.evidence["person"] == "ada"


def test_a_person_says_what_an_order_in_doubt_filled() -> None:
    desk, order, _ = resolved(iv.Fate.FILLED, price=Decimal("1.10010"))
    assert desk.allocation(order).filled == QUANTITY
    assert desk.allocation(order).ended == "filled"
    desk, order, _ = resolved(iv.Fate.FILLED, quantity=Decimal(4_000), price=Decimal("1.10010"))
    share = desk.allocation(order)
    assert (share.filled, share.pending) == (Decimal(4_000), QUANTITY - 4_000), (
        "as after any order's end"
    )
    trade = {"cum": 4_000, "last": 4_000, "exec_id": "real"}
    desk.report(order, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, **trade)
    assert desk.allocation(order).filled == 4_000, "the venue's own word explains it, once"


def test_a_person_says_that_an_order_in_doubt_works() -> None:
    desk, order, _ = resolved(iv.Fate.WORKING)
    assert desk.book.orders[order.client_order_id].state is OrderState.NEW
    desk.report(order, ExecType.SUSPENDED, OrdStatus.SUSPENDED, at=order.created_at + 1)
    state = desk.book.orders[order.client_order_id].state
    assert state is OrderState.SUSPENDED, "the venue's own word is never older than a person's"
    desk, order, _ = resolved(iv.Fate.WORKING, quantity=Decimal(1_000), price=Decimal("1.1"))
    assert desk.book.orders[order.client_order_id].state is OrderState.PARTIALLY_FILLED
    assert desk.allocation(order).filled == 1_000


@pytest.mark.parametrize(
    ("fate", "more", "expected"),
    [
        (iv.Fate.FILLED, {}, Denial.FILL_NOT_STATED),
        (iv.Fate.FILLED, {"price": Decimal("-1")}, Denial.FILL_NOT_STATED),
        (iv.Fate.FILLED, {"quantity": Decimal(0), "price": Decimal(1)}, Denial.FILL_NOT_STATED),
        (
            iv.Fate.FILLED,
            {"quantity": Decimal(11_001), "price": Decimal(1)},
            Denial.FILL_NOT_STATED,
        ),
        (iv.Fate.WORKING, {"quantity": QUANTITY, "price": Decimal(1)}, Denial.FILL_NOT_STATED),
        (iv.Fate.WORKING, {"quantity": Decimal(-1), "price": Decimal(1)}, Denial.FILL_NOT_STATED),
        (iv.Fate.DEAD, {"evidence": "  "}, Denial.EVIDENCE_MISSING),
    ],
)
def test_a_word_on_an_order_in_doubt_has_to_be_complete(
    fate: iv.Fate, more: dict[str, Any], expected: Denial
) -> None:
    desk = People(a_config(1))
    (order,) = in_doubt(desk)
    words = {"evidence": "seen", "client_order_id": order.client_order_id, "fate": fate} | more
    assert desk.refused(iv.ResolveInDoubt(**words)) is expected
    desk.report(order, ExecType.NEW, OrdStatus.NEW)
    words = {"evidence": "seen", "client_order_id": order.client_order_id, "fate": fate}
    assert desk.refused(iv.ResolveInDoubt(**words)) is Denial.NOT_IN_DOUBT
