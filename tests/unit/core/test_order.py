"""The order machine by example: one test for each thing that goes wrong between us and a venue."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from stretto.core.errors import InvalidInput, InvariantViolated
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS, QUERY_DELAY_FIRST_NS
from stretto.core.orders.order import (
    IllegalTransition,
    Note,
    Order,
    OrderInput,
    OrderState,
    Replacement,
    intend,
    is_done,
    step,
)
from stretto.core.orders.order_table import TABLE, as_markdown
from stretto.core.terms.report import (
    ExecType,
    OrderRole,
    OrderType,
    OrdStatus,
)
from stretto.core.values import Side
from tests.unit.core.order_samples import (
    a_reject,
    a_report,
    a_trade,
    an_answer,
    an_order,
    in_state,
    played,
)

D = Decimal


# --- sending and doubt


def test_an_order_is_sent_once() -> None:
    order = played(an_order(), OrderInput.SUBMIT)
    assert order.answer_due_at == 1 + ACKNOWLEDGE_TIMEOUT_NS
    with pytest.raises(IllegalTransition, match="submit is illegal in state submitting"):
        step(order, OrderInput.SUBMIT, 2)


@pytest.mark.requirement("P1")
def test_silence_is_doubt_and_never_a_rejection() -> None:
    done = step(in_state(OrderState.SUBMITTING), OrderInput.OUTCOME_UNKNOWN, 50)
    assert done.order.state is OrderState.IN_DOUBT
    assert done.order.leaves_qty == 10_000
    assert done.released_delta == 0
    assert done.order.done_at is None
    assert done.order.query_at == 50 + QUERY_DELAY_FIRST_NS
    assert done.order.answer_due_at is None


@pytest.mark.requirement("P1")
def test_a_venue_that_does_not_know_the_order_proves_nothing() -> None:
    doubtful = in_state(OrderState.IN_DOUBT)
    done = step(doubtful, an_answer(None), 60)
    assert done.order == doubtful
    assert done.kind is OrderInput.STATUS_UNKNOWN
    asked = step(done.order, OrderInput.QUERIED, 61).order
    assert asked.queries == 1
    assert asked.state is OrderState.IN_DOUBT


@pytest.mark.requirement("P1")
def test_doubt_ends_with_a_status_a_report_or_a_proof() -> None:
    doubtful = in_state(OrderState.IN_DOUBT)
    status = a_report(ExecType.ORDER_STATUS, OrdStatus.NEW)
    assert step(doubtful, an_answer(status), 9).order.state is OrderState.NEW
    assert step(doubtful, a_trade(1_000, 1_000, "x"), 9).order.state is OrderState.PARTIALLY_FILLED
    dead = step(doubtful, OrderInput.PROVEN_DEAD, 9)
    assert dead.order.state is OrderState.DEAD
    assert dead.released_delta == 10_000
    assert dead.order.query_at is None


@pytest.mark.requirement("P1")
def test_a_duplicate_order_reject_shows_that_the_first_arrived() -> None:
    refused = a_report(ExecType.REJECTED, OrdStatus.NEW)
    assert step(in_state(OrderState.IN_DOUBT), refused, 9).order.state is OrderState.NEW


def test_a_dead_order_that_fills_is_booked_and_halts_the_account() -> None:
    done = step(in_state(OrderState.DEAD), a_trade(3_000, 3_000, "ghost"), 9)
    assert done.order.state is OrderState.DEAD
    assert done.fill_delta == 3_000
    assert done.released_delta == -3_000
    assert done.halts_account
    assert done.note is Note.DEAD_ORDER_ALIVE


def test_a_dead_order_that_is_reported_dead_is_no_alarm() -> None:
    done = step(in_state(OrderState.DEAD), a_report(ExecType.CANCELED, OrdStatus.CANCELED), 9)
    assert not done.halts_account
    alive = step(in_state(OrderState.DEAD), a_report(ExecType.NEW, OrdStatus.NEW), 9)
    assert alive.halts_account


def test_a_message_from_elsewhere_cannot_be_forged_by_its_name() -> None:
    with pytest.raises(InvariantViolated, match="full_fill needs the message that carries it"):
        step(in_state(OrderState.NEW), OrderInput.FULL_FILL, 9)


# --- cancel and replace


def test_a_cancel_asked_before_the_acknowledgement_stays_open_after_it() -> None:
    order = played(in_state(OrderState.SUBMITTING), OrderInput.CANCEL_REQUESTED)
    assert order.state is OrderState.SUBMITTING
    known = step(order, a_report(ExecType.NEW, OrdStatus.NEW), 9).order
    assert known.state is OrderState.PENDING_CANCEL
    assert known.answer_due_at == 9 + ACKNOWLEDGE_TIMEOUT_NS


def test_a_cancel_reject_proves_nothing_about_the_order() -> None:
    order = in_state(OrderState.PENDING_CANCEL)
    for status, note in (
        (OrdStatus.FILLED, Note.AHEAD),
        (OrdStatus.CANCELED, Note.AHEAD),
        (OrdStatus.EXPIRED, Note.AHEAD),
        (OrdStatus.REJECTED, Note.CONTRADICTION),
    ):
        done = step(order, a_reject(status), 20)
        assert done.order.state is OrderState.PARTIALLY_FILLED
        assert done.order.leaves_qty == 6_000
        assert done.released_delta == 0
        assert done.note is note
    doubtful = in_state(OrderState.IN_DOUBT)
    assert step(doubtful, a_reject(OrdStatus.NEW), 20).order.state is OrderState.IN_DOUBT
    suspended = step(order, a_reject(OrdStatus.SUSPENDED), 20).order
    assert suspended.state is OrderState.SUSPENDED


def test_a_fill_that_completes_the_order_wins_over_the_cancel() -> None:
    order = played(in_state(OrderState.PENDING_CANCEL), a_trade(6_000, 10_000, "x", at=9))
    assert order.state is OrderState.FILLED
    assert step(order, a_reject(OrdStatus.FILLED), 20).order is order


def test_an_unasked_cancel_is_told_and_an_ioc_remainder_is_not() -> None:
    canceled = a_report(ExecType.CANCELED, OrdStatus.CANCELED, 4_000, at=9)
    done = step(in_state(OrderState.PARTIALLY_FILLED), canceled, 10)
    assert done.note is Note.UNSOLICITED
    assert done.released_delta == 6_000
    asked = step(in_state(OrderState.PENDING_CANCEL), canceled, 10)
    assert asked.note is Note.NONE


def test_a_replace_takes_effect_when_confirmed_with_its_prices() -> None:
    wanted = Replacement(quantity=D(8_000), limit_price=D("1.2"))
    asked = step(in_state(OrderState.PARTIALLY_FILLED), wanted, 9).order
    assert asked.quantity == 10_000
    assert asked.limit_price is None
    confirmed = a_report(
        ExecType.REPLACED, OrdStatus.PARTIALLY_FILLED, 4_000, order_qty=D(8_000), at=9
    )
    done = step(asked, confirmed, 10)
    assert done.order.quantity == 8_000
    assert done.order.leaves_qty == 4_000
    assert done.order.limit_price == D("1.2")
    assert done.order.replacing is None
    assert done.released_delta == 2_000
    assert done.order.state is OrderState.PARTIALLY_FILLED


def test_a_replace_below_what_is_filled_means_stop_executing() -> None:
    asked = step(in_state(OrderState.PARTIALLY_FILLED), Replacement(quantity=D(3_000)), 9).order
    confirmed = a_report(ExecType.REPLACED, OrdStatus.FILLED, 4_000, order_qty=D(3_000), at=9)
    done = step(asked, confirmed, 10)
    assert done.order.state is OrderState.FILLED
    assert done.order.quantity == 4_000
    assert done.order.overfilled_qty == 0
    assert done.released_delta == 6_000


def test_a_filled_order_can_be_raised_and_the_refusal_gives_the_rest_back() -> None:
    asked = step(in_state(OrderState.FILLED), Replacement(quantity=D(12_000)), 9)
    assert asked.order.state is OrderState.PENDING_REPLACE
    assert asked.released_delta == -2_000
    refused = step(asked.order, a_reject(OrdStatus.FILLED, for_replace=True), 20)
    assert refused.order.state is OrderState.FILLED
    assert refused.released_delta == 2_000
    assert refused.order.done_at is not None


def test_a_fill_under_the_new_quantity_tells_that_the_replace_was_made() -> None:
    asked = step(in_state(OrderState.PARTIALLY_FILLED), Replacement(quantity=D(12_000)), 9).order
    beyond = a_report(
        ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 11_000, last=7_000, order_qty=D(0), at=9
    )
    done = step(asked, beyond, 10)
    assert done.order.quantity == 12_000
    assert done.order.leaves_qty == 1_000
    assert done.overfill_delta == 0
    assert not done.halts_account
    confirmed = a_report(
        ExecType.REPLACED, OrdStatus.PARTIALLY_FILLED, 11_000, order_qty=D(12_000), at=8
    )
    assert step(done.order, confirmed, 11).order.quantity == 12_000


def test_one_replace_at_a_time() -> None:
    with pytest.raises(IllegalTransition):
        step(in_state(OrderState.PENDING_REPLACE), Replacement(quantity=D(7_000)), 9)
    with pytest.raises(InvariantViolated, match="replace by quantity 0"):
        step(in_state(OrderState.NEW), Replacement(quantity=D(0)), 9)


# --- the ends


def test_done_for_the_day_with_nothing_left_is_done_and_a_renewal_takes_it_up_again() -> None:
    ended = a_report(
        ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY, 4_000, leaves=D(0), order_qty=D(10_000), at=9
    )
    done = step(in_state(OrderState.PARTIALLY_FILLED), ended, 10)
    assert is_done(done.order)
    assert done.order.leaves_qty == 0
    assert done.released_delta == 6_000
    renewed = a_report(ExecType.RESTATED, OrdStatus.PARTIALLY_FILLED, 4_000, at=11)
    back = step(done.order, renewed, 12)
    assert not is_done(back.order)
    assert back.released_delta == -6_000


def test_a_live_status_of_a_closed_order_is_a_contradiction_and_opens_nothing() -> None:
    status = a_report(ExecType.ORDER_STATUS, OrdStatus.PARTIALLY_FILLED, 4_000, at=9)
    done = step(in_state(OrderState.CANCELED), an_answer(status), 10)
    assert done.order.state is OrderState.CANCELED
    assert done.note is Note.CONTRADICTION


def test_a_reject_keeps_the_venues_code_and_words() -> None:
    refused = msgspec.structs.replace(
        a_report(ExecType.REJECTED, OrdStatus.REJECTED), reject_code="99", text="no money"
    )
    done = step(in_state(OrderState.SUBMITTING), refused, 9)
    assert done.order.reject_code == "99"
    assert done.order.text == "no money"
    assert done.order.acknowledged_at is None
    assert done.released_delta == 10_000


# --- making one


def made(**changes: object) -> Order:
    terms: dict[str, object] = {
        "client_order_id": "X",
        "execution_id": "E",
        "account_id": "a",
        "leg": 1,
        "role": OrderRole.ENTRY,
        "symbol": "EURUSD",
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": D(1),
        "created_at": 1,
        "send_before": 2,
    }
    return intend(**{**terms, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": D(0)},
        {"quantity": D("NaN")},
        {"order_type": OrderType.LIMIT},
        {"limit_price": D(1)},
        {"order_type": OrderType.STOP_LIMIT, "limit_price": D(1)},
        {"stop_loss": D("Infinity")},
        {"send_before": 0},
    ],
)
def test_an_order_that_makes_no_sense_is_not_made(changes: dict[str, object]) -> None:
    with pytest.raises(InvariantViolated):
        made(**changes)


def test_orders_of_every_type_are_made() -> None:
    price = D("1.1")
    assert made(order_type=OrderType.LIMIT, limit_price=price).limit_price == price
    assert made(order_type=OrderType.STOP, stop_price=price).stop_price == price
    both = made(order_type=OrderType.STOP_LIMIT, stop_price=price, limit_price=price)
    assert both.leaves_qty == both.asked_qty == both.quantity == 1


@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D(-1)])
def test_a_report_of_no_quantity_is_refused_with_its_place(bad: Decimal) -> None:
    with pytest.raises(InvalidInput, match="execution report new-10 of account"):
        a_report(ExecType.NEW, OrdStatus.NEW, leaves=bad)
    with pytest.raises(InvalidInput, match="is no price or fee"):
        a_report(ExecType.NEW, OrdStatus.NEW, fee=D("NaN"))


def test_an_order_survives_the_journal() -> None:
    for state in OrderState:
        order = in_state(state)
        stored = msgspec.json.encode(order)
        assert msgspec.json.decode(stored, type=Order) == order


def test_the_page_shows_the_table_as_it_is(repository: Path) -> None:
    page = (repository / "docs" / "order-states.md").read_text(encoding="utf-8")
    begin, end = "<!-- table: begin -->\n", "<!-- table: end -->"
    shown = page[page.index(begin) + len(begin) : page.index(end)]
    assert shown.strip() == as_markdown().strip()
    assert f"{len(TABLE)} of {len(OrderState) * len(OrderInput)} pairs" in page
