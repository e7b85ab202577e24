"""The order machine: ``step(order, message, at) -> Step``, the only thing that changes an order.

Books what happened (``booking``), reads the report (``order_report``), asks the table for the next
state (``order_table``) and checks DESIGN §8, 1-6 on every step. Pure; knows nothing of allocations,
accounts, effects or how a message arrived. An execution reported again is recognised by its id and
trading day.
"""

from decimal import Decimal
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from stretto.core.errors import InvariantViolated, check
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS, QUERY_DELAY_FIRST_NS
from stretto.core.orders.booking import BookingNote, Fill, Tally, book
from stretto.core.orders.order_record import (
    Order,
    Replacement,
    intend,
    is_done,
    is_newly_overfilled,
    open_quantity,
)
from stretto.core.orders.order_report import (
    Note,
    acknowledged_at,
    answer_due_at,
    candidate_state,
    is_not_taken,
    kind_of,
    leaves_after,
    note_of,
    pending_since_after,
    resolved_state,
    terms_after,
)
from stretto.core.orders.order_table import (
    FINAL,
    LEAVES_OPTIONAL,
    LIVE_STATES,
    STATE_OF_STATUS,
    TERMINAL,
    UNANSWERED,
    IllegalTransition,
    OrderInput,
    OrderState,
    Rule,
    row,
)
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    StatusAnswer,
)
from stretto.core.values import ZERO

__all__ = [
    "LIVE_STATES",
    "TERMINAL",
    "Fill",
    "IllegalTransition",
    "Note",
    "Order",
    "OrderInput",
    "OrderState",
    "Replacement",
    "Step",
    "intend",
    "is_done",
    "open_quantity",
    "step",
]


class Step(Struct, frozen=True, kw_only=True, gc=False):
    """What one message did. Deltas are after minus before.

    ``fill_delta`` is all quantity, ``overfill_delta`` the part of it beyond what was asked;
    ``released_delta`` is what the order no longer fills or may fill: positive goes back to the
    allocation, negative is taken from it (the first send, a raised quantity, a late fill). So
    (fill - overfill) + change of ``open_quantity`` + released is always 0. ``fill`` is the
    execution booked, if one was. ``halts_account``: a dead order lives or the venue overfilled.
    """

    order: Order
    kind: OrderInput
    fill_delta: Decimal = ZERO
    notional_delta: Decimal = ZERO
    fee_delta: Decimal = ZERO
    overfill_delta: Decimal = ZERO
    released_delta: Decimal = ZERO
    halts_account: bool = False
    note: Note = Note.NONE
    fill: Fill | None = None


Message = OrderInput | Replacement | ExecutionReport | CancelReject | StatusAnswer

_OWN_INPUTS = frozenset(
    {
        OrderInput.SUBMIT,
        OrderInput.SENT,
        OrderInput.NOT_SENT,
        OrderInput.OUTCOME_UNKNOWN,
        OrderInput.QUERIED,
        OrderInput.CANCEL_REQUESTED,
        OrderInput.PROVEN_DEAD,
        OrderInput.DUPLICATE,
    }
)


_ALARM, _STATUS_UNKNOWN = Rule.ALARM, OrderInput.STATUS_UNKNOWN


def step(order: Order, message: Message, at_ns: int) -> Step:
    """What ``message``, handled at ``at_ns``, does to ``order``.

    Raises IllegalTransition where the table has no row for the order's state and the message, and
    InvariantViolated where the result would break an invariant; ``order`` itself never changes.
    """
    if isinstance(message, ExecutionReport):
        return _reported(order, message, at_ns)
    if isinstance(message, OrderInput):
        if message not in _OWN_INPUTS:
            raise InvariantViolated(f"{message.value} needs the message that carries it")
        return _own(order, message, at_ns)
    if isinstance(message, StatusAnswer):
        return _answered(order, message, at_ns)
    if isinstance(message, CancelReject):
        return _request_rejected(order, message, at_ns)
    if isinstance(message, Replacement):
        return _replace_requested(order, message, at_ns)
    assert_never(message)


def _answered(order: Order, answer: StatusAnswer, at_ns: int) -> Step:
    """The answer to a query. Where it repeats an execution we have, its totals still count."""
    if not answer.known or answer.report is None:
        return _own(order, OrderInput.STATUS_UNKNOWN, at_ns)
    result = _reported(order, answer.report, at_ns)
    if result.kind is OrderInput.DUPLICATE:
        totals = replace(answer.report, exec_type=ExecType.ORDER_STATUS)
        return _reported(order, totals, at_ns)
    return result


def _own(order: Order, kind: OrderInput, at_ns: int) -> Step:
    """Inputs that carry no quantities: our own doings, proofs, duplicates, an unknown order."""
    found = row(order.state, kind, order.client_order_id)
    if kind is OrderInput.DUPLICATE:
        return Step(order=order, kind=kind, note=Note.DUPLICATE)
    state = order.state if isinstance(found, Rule) else found
    note = Note.NONE
    after = order
    if kind is OrderInput.SUBMIT:
        after = replace(order, state=state, answer_due_at=at_ns + ACKNOWLEDGE_TIMEOUT_NS)
    elif kind is OrderInput.SENT:
        after = order if order.sent_at is not None else replace(order, sent_at=at_ns)
    elif kind is OrderInput.QUERIED:
        after = replace(order, queries=order.queries + 1)
    elif kind is OrderInput.CANCEL_REQUESTED:
        if order.state not in TERMINAL:
            asked_first = order.state in UNANSWERED
            due = order.answer_due_at if asked_first else at_ns + ACKNOWLEDGE_TIMEOUT_NS
            after = replace(
                order,
                state=state,
                cancel_requested=True,
                answer_due_at=due,
                cancels=order.cancels + 1,
            )
    elif kind is OrderInput.OUTCOME_UNKNOWN:
        note = Note.UNANSWERED
        if state is OrderState.IN_DOUBT and order.state is not state:
            query_at = at_ns + QUERY_DELAY_FIRST_NS
            after = replace(order, state=state, answer_due_at=None, query_at=query_at)
        elif order.answer_due_at is not None:
            after = replace(order, answer_due_at=None)
    elif kind is OrderInput.STATUS_UNKNOWN:
        live_there = order.state not in UNANSWERED and order.state not in TERMINAL
        note = Note.CONTRADICTION if live_there else Note.NONE
    elif state is OrderState.DEAD and order.state is not state:  # not_sent, proven_dead
        after = _closed(order, state, at_ns)
    halts = found is Rule.ALARM
    return _finish(order, after, kind, Note.DEAD_ORDER_ALIVE if halts else note, halts)


def _closed(order: Order, state: OrderState, at_ns: int) -> Order:
    return replace(
        order,
        state=state,
        leaves_qty=ZERO,
        cancel_requested=False,
        replacing=None,
        done_at=at_ns,
        answer_due_at=None,
        pending_since=None,
        query_at=None,
    )


def _replace_requested(order: Order, wanted: Replacement, at_ns: int) -> Step:
    kind = OrderInput.REPLACE_REQUESTED
    found = row(order.state, kind, order.client_order_id)
    check(
        isinstance(found, OrderState) and wanted.quantity > 0,
        f"order {order.client_order_id}: replace by quantity {wanted.quantity}",
    )
    after = replace(
        order,
        state=found,
        replacing=replace(wanted, asked_at=at_ns),
        done_at=None,
        answer_due_at=at_ns + ACKNOWLEDGE_TIMEOUT_NS,
        pending_since=None,
    )
    return _finish(order, after, kind, Note.NONE, False)


def _request_rejected(order: Order, reject: CancelReject, at_ns: int) -> Step:
    """A cancel or replace is refused: the request is gone, the order is as it was. Where the venue
    calls it over, the report of that end is on its way, and it moves quantities.
    """
    is_replace = reject.for_replace
    kind = OrderInput.REPLACE_REJECTED if is_replace else OrderInput.CANCEL_REJECTED
    found = row(order.state, kind, order.client_order_id)
    if order.state in TERMINAL:
        return Step(order=order, kind=kind)
    reported = STATE_OF_STATUS[reject.ord_status]
    cancel_requested, replacing = order.cancel_requested, order.replacing
    if is_replace:
        replacing = replacing if reported is OrderState.PENDING_REPLACE else None
    else:
        cancel_requested = cancel_requested and reported is OrderState.PENDING_CANCEL
    note, state = Note.NONE, order.state
    if found is Rule.REPORTED:
        if reported in FINAL or (
            reported is OrderState.FILLED and order.cum_qty < order.quantity
        ):  # no proof: the order goes on, and deserves a query
            is_unknown = reported is OrderState.REJECTED  # FIX: the venue knows no such order
            note = Note.CONTRADICTION if is_unknown else Note.AHEAD
            reported = OrderState.NEW
        if reject.transact_at < order.reported_at:
            reported = OrderState.NEW
        state = resolved_state(reported, order.cum_qty, order.quantity, cancel_requested, replacing)
    leaves = order.leaves_qty
    if state is OrderState.FILLED:
        leaves = ZERO
    elif state not in LEAVES_OPTIONAL:
        leaves = max(ZERO, order.quantity - order.cum_qty)
    after = replace(
        order,
        state=state,
        leaves_qty=leaves,
        cancel_requested=cancel_requested,
        replacing=None if state is OrderState.FILLED else replacing,
        done_at=at_ns if state is OrderState.FILLED else order.done_at,
        answer_due_at=order.answer_due_at if state in UNANSWERED else None,
        pending_since=None,
    )
    return _finish(order, after, kind, note, False)


def _reported(order: Order, report: ExecutionReport, at_ns: int) -> Step:
    """An execution report: book it, take over the terms it shows, ask the table, check."""
    kind = kind_of(report)
    if kind is _STATUS_UNKNOWN:
        return _own(order, kind, at_ns)
    tally = book(_tally_of(order), report)
    if tally.note and tally.note is BookingNote.DUPLICATE:
        return _own(order, OrderInput.DUPLICATE, at_ns)
    stale = report.transact_at < order.reported_at
    cum = tally.cum_qty
    quantity, asked, replacing, limit_price, stop_price = terms_after(order, report, cum, stale)
    if replacing is not None and is_not_taken(replacing, report, quantity, stale):
        replacing = None
    if cum >= quantity and kind is OrderInput.PARTIAL_FILL:
        kind = OrderInput.FULL_FILL
    found = row(order.state, kind, order.client_order_id)
    candidate = candidate_state(order, found, report, replacing, stale)
    state = resolved_state(candidate, cum, quantity, order.cancel_requested, replacing)
    terminal = state in TERMINAL
    pending_since = pending_since_after(order, state, report, at_ns)
    overfilled = cum - asked if cum > asked else ZERO
    after = replace(
        order,
        state=state,
        quantity=quantity,
        asked_qty=asked,
        limit_price=limit_price,
        stop_price=stop_price,
        cum_qty=cum,
        leaves_qty=ZERO if terminal else leaves_after(order, report, state, quantity - cum, stale),
        overfilled_qty=overfilled,
        notional=tally.notional,
        fees=tally.fees,
        fills=tally.fills,
        inferred=tally.inferred,
        total_qty=None if tally.total_qty == cum else tally.total_qty,
        venue_order_id=report.venue_order_id or order.venue_order_id,
        position_id=report.position_id or order.position_id,
        cancel_requested=order.cancel_requested and not terminal,
        replacing=None if terminal else replacing,
        acknowledged_at=acknowledged_at(order, state, at_ns),
        done_at=(order.done_at if order.done_at is not None else at_ns) if terminal else None,
        reported_at=order.reported_at if stale else report.transact_at,
        answer_due_at=answer_due_at(order, state, report, pending_since, at_ns),
        pending_since=pending_since,
        query_at=None,
        reject_code=report.reject_code or order.reject_code,
        text=report.text if report.reject_code else order.text,
    )
    reported = STATE_OF_STATUS[report.ord_status]
    halts = found is _ALARM and (cum != order.cum_qty or reported not in TERMINAL)
    note = note_of(order, after, report, kind, tally.note, halts)
    return _finish(order, after, kind, note, halts, tally)


def _tally_of(order: Order) -> Tally:
    total = order.cum_qty if order.total_qty is None else order.total_qty
    return Tally(
        order.cum_qty,
        order.notional,
        order.fees,
        order.fills,
        order.inferred,
        total,
        order.reported_at,
    )


def _finish(
    before: Order,
    after: Order,
    kind: OrderInput,
    note: Note,
    halts: bool,
    tally: Tally | None = None,
) -> Step:
    """The step's deltas, once the invariants of DESIGN §8 hold for the new order."""
    _verify(before, after, tally is not None and tally.reverses)
    fill_delta = after.cum_qty - before.cum_qty
    overfill_delta = after.overfilled_qty - before.overfilled_qty
    opened = open_quantity(after) - open_quantity(before)
    return Step(
        order=after,
        kind=kind,
        fill_delta=fill_delta,
        notional_delta=after.notional - before.notional,
        fee_delta=after.fees - before.fees,
        overfill_delta=overfill_delta,
        released_delta=overfill_delta - fill_delta - opened,
        halts_account=halts or is_newly_overfilled(before, after),
        note=note,
        fill=None if tally is None else tally.fill,
    )


def _verify(before: Order, after: Order, reverses: bool) -> None:
    """DESIGN §8, 3-5. Raises InvariantViolated naming the order and the rule broken."""
    cum, leaves, quantity, state = after.cum_qty, after.leaves_qty, after.quantity, after.state
    broken = ""
    if state in TERMINAL:
        if leaves:
            broken = "leaves of a terminal order"
        elif cum < quantity and state is OrderState.FILLED:
            broken = "filled below its quantity"
    elif cum + leaves != quantity and not (
        state in LEAVES_OPTIONAL and (not leaves or cum > quantity)
    ):
        broken = "cum + leaves is not the order quantity"
    if cum < before.cum_qty and not reverses:
        broken = "cum fell without a bust or correction"
    if cum < 0 or leaves < 0:
        broken = "a negative quantity"
    if after.overfilled_qty != (cum - after.asked_qty if cum > after.asked_qty else ZERO):
        broken = "overfill is not what exceeds the quantity asked for"
    if broken:
        raise InvariantViolated(
            f"order {after.client_order_id}: {broken} "
            f"({state.value}, quantity {quantity}, cum {cum}, leaves {leaves})"
        )
