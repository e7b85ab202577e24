"""The order machine under every state and input, and under venues that repeat, lose and reorder."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.orders.booking import FillStatus
from stretto.core.orders.order import (
    IllegalTransition,
    Message,
    Note,
    Order,
    OrderInput,
    OrderState,
    Replacement,
    Step,
    open_quantity,
    step,
)
from stretto.core.orders.order_table import LEAVES_OPTIONAL, TABLE, TERMINAL
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.values import ZERO
from tests.unit.core.order_samples import (
    QUANTITY,
    a_message,
    a_reject,
    a_report,
    an_answer,
    an_order,
    in_state,
)


def holds(before: Order, done: Step) -> None:
    """DESIGN §8, 2-5, recomputed from the fills and independent of the machine's own check."""
    after = done.order
    counted = [fill for fill in after.fills if fill.status is FillStatus.BOOKED]
    if after.inferred is not None:
        assert after.inferred.quantity > 0
        counted.append(after.inferred)
    assert after.cum_qty == sum((fill.quantity for fill in counted), ZERO)
    assert after.notional == sum((fill.quantity * fill.price for fill in counted), ZERO)
    assert after.fees == sum((fill.fee for fill in counted), ZERO)
    assert after.overfilled_qty == max(ZERO, after.cum_qty - after.asked_qty)
    if after.state in TERMINAL:
        assert after.leaves_qty == 0
        assert after.done_at is not None
        assert not after.cancel_requested
        assert after.replacing is None
    elif not (after.state in LEAVES_OPTIONAL and after.leaves_qty == 0):
        assert after.cum_qty + after.leaves_qty == after.quantity
    assert (after.state is OrderState.FILLED) <= (after.cum_qty >= after.quantity)
    assert done.fill_delta == after.cum_qty - before.cum_qty
    assert done.notional_delta == after.notional - before.notional
    assert done.fee_delta == after.fees - before.fees
    kept = done.fill_delta - done.overfill_delta
    assert kept + open_quantity(after) - open_quantity(before) + done.released_delta == 0
    told = after.cum_qty if after.total_qty is None else after.total_qty
    assert done.halts_account >= (done.overfill_delta > 0 and told > after.asked_qty)


@pytest.mark.requirement("P1")
@pytest.mark.requirement("R4.1")
@pytest.mark.parametrize("state", OrderState)
def test_every_pair_is_a_row_or_illegal_and_changes_nothing(state: OrderState) -> None:
    for kind in OrderInput:
        order = in_state(state)
        copy = in_state(state)
        message = a_message(order, kind)
        if (state, kind) in TABLE:
            done = step(order, message, 100)
            # a repeated fill is seen before the table is asked: the kind is then duplicate
            assert done.kind is kind or kind in (OrderInput.PARTIAL_FILL,)
            holds(order, done)
            assert done.order.state in TARGETS[state] | {state}
        else:
            with pytest.raises(IllegalTransition) as raised:
                step(order, message, 100)
            assert raised.value.state is state
        assert order == copy, "the order itself never changes"


TARGETS: dict[OrderState, frozenset[OrderState]] = {
    state: frozenset(OrderState)
    - {OrderState.INITIALIZED, OrderState.SUBMITTING, OrderState.IN_DOUBT}
    for state in OrderState
} | {
    OrderState.INITIALIZED: frozenset({OrderState.SUBMITTING, OrderState.DEAD}),
    OrderState.SUBMITTING: frozenset(OrderState) - {OrderState.INITIALIZED},
    OrderState.CANCELED: frozenset({OrderState.FILLED}),
    OrderState.EXPIRED: frozenset({OrderState.FILLED}),
    OrderState.REJECTED: frozenset(),
    OrderState.DEAD: frozenset(),
}


@pytest.mark.requirement("P1")
def test_doubt_is_entered_from_submitting_only_and_left_by_the_venue_or_a_proof_only() -> None:
    into = {pair for pair, row in TABLE.items() if row is OrderState.IN_DOUBT}
    assert {state for state, _ in into} == {OrderState.SUBMITTING, OrderState.IN_DOUBT}
    doubtful = in_state(OrderState.IN_DOUBT)
    leaving = {
        kind
        for kind in OrderInput
        if (OrderState.IN_DOUBT, kind) in TABLE
        and step(doubtful, a_message(doubtful, kind), 9).order.state is not OrderState.IN_DOUBT
    }
    own = {
        OrderInput.SUBMIT,
        OrderInput.SENT,
        OrderInput.OUTCOME_UNKNOWN,
        OrderInput.QUERIED,
        OrderInput.CANCEL_REQUESTED,
        OrderInput.CANCEL_REJECTED,
        OrderInput.STATUS_UNKNOWN,
        OrderInput.DUPLICATE,
    }
    assert not leaving & own
    assert {OrderInput.NOT_SENT, OrderInput.PROVEN_DEAD, OrderInput.STATUS_KNOWN} <= leaving


class History(NamedTuple):
    """What a venue did to one order, in its own order, and what is true in the end."""

    reports: list[ExecutionReport]
    true_fills: dict[str, tuple[Decimal, Decimal]]
    canceled: bool


def average_of(live: dict[str, tuple[Decimal, Decimal]]) -> Decimal:
    quantity = sum((q for q, _ in live.values()), ZERO)
    return sum((q * p for q, p in live.values()), ZERO) / quantity if quantity else ZERO


@st.composite
def histories(draw: st.DrawFn, *, reversals: bool) -> History:
    """A venue's reports for one order of 10,000: fills at different prices, perhaps busts and
    corrections, perhaps a cancel at the end. Totals are always the venue's own at that moment.
    """
    reports = [a_report(ExecType.NEW, OrdStatus.NEW, at=10)]
    live: dict[str, tuple[Decimal, Decimal]] = {}
    at = 10
    kinds = st.sampled_from(["fill", "fill", "fill", "bust", "correct"] if reversals else ["fill"])
    for number in range(draw(st.integers(1, 7))):
        at += 10
        cum = sum((quantity for quantity, _ in live.values()), ZERO)
        kind = draw(kinds)
        price = Decimal(draw(st.integers(100, 140))) / 100
        if kind == "fill" and cum < QUANTITY:
            quantity = Decimal(draw(st.integers(1, int(QUANTITY - cum))))
            live[f"x{number}"] = (quantity, price)
            total = cum + quantity
            exec_type, ref, last = ExecType.TRADE, "", quantity
        elif kind == "bust" and live:
            ref = draw(st.sampled_from(sorted(live)))
            total = cum - live.pop(ref)[0]
            exec_type, last = ExecType.TRADE_CANCEL, ZERO
        elif kind == "correct" and live:
            ref = draw(st.sampled_from(sorted(live)))
            room = QUANTITY - cum + live[ref][0]
            quantity = Decimal(draw(st.integers(1, int(room))))
            total = cum - live.pop(ref)[0] + quantity
            live[f"x{number}"] = (quantity, price)
            exec_type, last = ExecType.TRADE_CORRECT, quantity
        else:
            continue
        status = OrdStatus.FILLED if total == QUANTITY else OrdStatus.PARTIALLY_FILLED
        reports.append(
            a_report(
                exec_type,
                status if total else OrdStatus.NEW,
                total,
                last=last,
                price=price,
                average=average_of(live),
                exec_id=f"x{number}",
                ref=ref,
                at=at,
            )
        )
    cum = sum((quantity for quantity, _ in live.values()), ZERO)
    canceled = cum < QUANTITY and draw(st.booleans())
    if canceled:
        reports.append(
            a_report(
                ExecType.CANCELED, OrdStatus.CANCELED, cum, average=average_of(live), at=at + 10
            )
        )
    return History(reports, live, canceled)


def deliver(reports: list[ExecutionReport]) -> Order:
    """The order after the reports, every invariant checked on the way."""
    order = in_state(OrderState.SUBMITTING)
    for at, report in enumerate(reports, start=100):
        done = step(order, report, at)
        holds(order, done)
        order = done.order
    return order


def real_fills(order: Order) -> dict[str, tuple[Decimal, Decimal]]:
    return {
        fill.exec_id: (fill.quantity, fill.price)
        for fill in order.fills
        if fill.status is FillStatus.BOOKED
    }


@pytest.mark.requirement("R4.5")
@given(history=histories(reversals=False), data=st.data())
def test_fills_in_any_order_with_repeats_end_the_same(
    history: History, data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(history.reports), max_size=6))
    order = deliver(data.draw(st.permutations(history.reports + repeats)))
    assert real_fills(order) == history.true_fills
    assert order.inferred is None
    assert order.overfilled_qty == 0
    total = sum((quantity for quantity, _ in history.true_fills.values()), ZERO)
    assert order.cum_qty == total
    assert order.state in TERMINAL or not (history.canceled or total == QUANTITY)


@pytest.mark.requirement("R4.5")
@given(history=histories(reversals=True), data=st.data())
def test_busts_and_corrections_in_any_order_reverse_exactly(
    history: History, data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(history.reports), max_size=4))
    order = deliver(data.draw(st.permutations(history.reports + repeats)))
    assert real_fills(order) == history.true_fills
    assert order.inferred is None
    notional = sum((q * p for q, p in history.true_fills.values()), ZERO)
    assert order.notional == notional


@pytest.mark.requirement("R4.5")
@given(history=histories(reversals=True), data=st.data())
def test_in_the_venues_order_nothing_is_inferred_and_totals_agree_throughout(
    history: History, data: st.DataObject
) -> None:
    order = in_state(OrderState.SUBMITTING)
    for at, report in enumerate(history.reports, start=100):
        done = step(order, report, at)
        holds(order, done)
        order = done.order
        assert order.cum_qty == report.cum_qty
        assert done.note in (Note.NONE, Note.UNSOLICITED)
        repeated = step(order, report, at + 1)
        assert repeated.order.cum_qty == order.cum_qty
        assert repeated.order.notional == order.notional
        assert repeated.order.state is order.state


@pytest.mark.requirement("R4.1")
@given(history=histories(reversals=False), data=st.data())
def test_lost_fills_are_made_good_by_a_status_and_matched_when_they_come(
    history: History, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(history.reports), unique_by=id))
    order = deliver(kept)
    total = sum((quantity for quantity, _ in history.true_fills.values()), ZERO)
    notional = sum((q * p for q, p in history.true_fills.values()), ZERO)
    status = OrdStatus.FILLED if total == QUANTITY else OrdStatus.PARTIALLY_FILLED
    average = notional / total if total else Decimal(0)
    asked = a_report(ExecType.ORDER_STATUS, status, total, price=average, at=1_000)
    done = step(order, an_answer(asked), 500)
    holds(order, done)
    assert done.order.cum_qty == total
    assert abs(done.order.notional - notional) < Decimal("1e-6")
    order = done.order
    for report in history.reports:
        done = step(order, report, 600)
        holds(order, done)
        assert done.fill_delta == 0, "a fill that was inferred is not counted again"
        order = done.order
    assert real_fills(order) == history.true_fills
    assert order.inferred is None
    assert order.notional == notional


small = st.integers(0, 12_000).map(Decimal)
any_report = st.builds(
    a_report,
    st.sampled_from(ExecType),
    st.sampled_from(OrdStatus),
    small,
    last=small,
    exec_id=st.sampled_from(["a", "b", "c", "d"]),
    ref=st.sampled_from(["", "a", "b", "c"]),
    at=st.integers(0, 50),
    order_qty=st.sampled_from([ZERO, Decimal(5_000), QUANTITY, Decimal(12_000)]),
    leaves=small,
    price=st.sampled_from([ZERO, Decimal("1.1"), Decimal("1.3")]),
    fee=st.sampled_from([ZERO, Decimal("-0.2"), Decimal(3)]),
)
any_message = st.one_of(
    any_report,
    any_report.map(an_answer),
    st.just(an_answer(None)),
    st.builds(a_reject, st.sampled_from(OrdStatus), for_replace=st.booleans()),
    st.builds(Replacement, quantity=small.filter(bool)),
    st.sampled_from(
        [
            OrderInput.SENT,
            OrderInput.NOT_SENT,
            OrderInput.OUTCOME_UNKNOWN,
            OrderInput.QUERIED,
            OrderInput.CANCEL_REQUESTED,
            OrderInput.PROVEN_DEAD,
            OrderInput.DUPLICATE,
        ]
    ),
)


@pytest.mark.requirement("P1")
@pytest.mark.requirement("U1")
@given(messages=st.lists(any_message, max_size=12))
def test_no_venue_however_mad_breaks_an_invariant(messages: list[Message]) -> None:
    order = step(an_order(), OrderInput.SUBMIT, 0).order
    kept, released = ZERO, ZERO
    for at, message in enumerate(messages, start=1):
        try:
            done = step(order, message, at)
        except IllegalTransition:
            assert not isinstance(message, ExecutionReport), "whatever a venue says has a row"
            continue
        holds(order, done)
        kept += done.fill_delta - done.overfill_delta
        released += done.released_delta
        order = done.order
        assert kept + open_quantity(order) + released == QUANTITY, "conservation over the life"
