"""The auditor's word on single orders: invariants 1, 3 to 7 and the venue's part of 14.

Reads the reports that an entry's input carries and holds the entry's events against them. Must not
know how the book comes to its events.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import UNSET

from stretto.core import events as ev
from stretto.core.terms.intervention import Fate, ResolveInDoubt
from stretto.core.terms.report import ExecType, ExecutionReport
from stretto.simulation.auditor_model import ZERO, Model, OrderNote
from stretto.simulation.invariants import LEAVES_OPTIONAL, TERMINAL, allows

_S = 1_000_000_000
ABSENCE_APART_NS = 30 * _S
SETTLE_NS_MIN = 60 * _S
SKEW_NS = 5 * _S
QUERIES_MAX = 5
_TRADES = (ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT)
_LEAVES_OPEN = ("duplicate_order",)
"""Codes of a refusal that may be about a second order of the same id."""


def reports_of(item: ev.Input) -> list[ExecutionReport]:
    """The execution reports that an input carries."""
    if isinstance(item, ev.VenueReported | ev.ViewReported):
        return [item.report]
    if isinstance(item, ev.OrderReported):
        return [m.report for m in item.messages if isinstance(m, ev.VenueReported)]
    if isinstance(item, ev.VenueAnswered) and item.answer.known and item.answer.report is not None:
        return [item.answer.report]
    return []


def heard(model: Model, item: ev.Input) -> None:
    """What the input says of orders, before the entry's events are looked at."""
    for report in reports_of(item):
        order = model.orders.get(report.client_order_id)
        if order is None or order.account_id != report.account_id:
            continue
        if report.exec_type in _TRADES:
            key = (report.account_id, report.trading_day, report.exec_id)
            if model.seen.setdefault(key, order.client_order_id) != order.client_order_id:
                continue  # an execution of this identity was another order's
        order.executions.take(report)
    if isinstance(item, ev.Intervened) and isinstance(item.action, ResolveInDoubt):
        order = model.orders.get(item.action.client_order_id)
        if order is not None:
            stated = item.action.quantity
            order.executions.told = max(
                order.executions.told, order.quantity if stated is None else stated
            )


def intended(model: Model, event: ev.OrderIntended) -> OrderNote:
    """A new order: its id was never used, and its share had as much waiting."""
    order = event.order
    name = order.client_order_id
    if name in model.orders:
        model.broken(1, f"order {name} is intended twice")
    if order.state.value != "submitting" or order.cum_qty or order.leaves_qty != order.quantity:
        model.broken(6, f"order {name} begins as {order.state.value}, {order.cum_qty} filled")
    if order.quantity <= 0:
        model.broken(2, f"order {name} is for {order.quantity}")
    if not model.at < order.send_before <= model.at + 2 * _S:
        model.broken(14, f"order {name} of {model.at} may be sent until {order.send_before}")
    note = model.orders[name] = OrderNote(order, model.life)
    model.touched_orders[name] = None
    return note


def advanced(model: Model, entry: ev.Entry, event: ev.OrderAdvanced) -> None:
    """One step of an order."""
    order = model.order(event.client_order_id)
    before, was_filled = order.state, order.cum
    over_before = order.overfilled
    _change(order, event)
    name, after = order.client_order_id, order.state
    if not allows(before, event.cause, after):
        model.broken(6, f"order {name}: {event.cause} made {after} of {before}")
    _check_resting(model, order)
    _check_leaves(model, order)
    _check_filled(model, order, was_filled)
    if after in TERMINAL and after != before:
        _check_end(model, entry, order, before)
    if order.overfilled > over_before and order.executions.newest > order.asked:
        model.flagged[order.account_id] = (2, f"order {name} was overfilled")
    if before in ("dead", "rejected") and order.cum > was_filled:
        model.flagged[order.account_id] = (7, f"order {name} was {before} and filled")


def requested(model: Model, event: ev.CancelRequested | ev.ReplaceRequested) -> None:
    """A cancel or a replace is asked for."""
    order = model.order(event.client_order_id)
    before = order.state
    _change(order, event)
    cause = "cancel_requested" if isinstance(event, ev.CancelRequested) else "replace_requested"
    if not allows(before, cause, order.state):
        model.broken(6, f"order {order.client_order_id}: {cause} made {order.state} of {before}")
    _check_leaves(model, order)
    if isinstance(event, ev.ReplaceRequested):
        if order.replaced_to is None or order.replaced_to <= 0:
            model.broken(2, f"order {order.client_order_id} is replaced by nothing")
        order.replaces.append((order.replaced_to, event.send_before))


def cancelled_by(model: Model, covers: Callable[[OrderNote], bool]) -> None:
    """After a kill: every entry it covers that the venue may have is asked to go."""
    for order in model.orders.values():
        if order.is_over or order.cancel_requested or not order.is_entry:
            continue
        if covers(order):
            model.broken(11, f"order {order.client_order_id} is not cancelled by the kill switch")


def queried(model: Model, event: ev.OrderQueried) -> None:
    """The venue is asked about an order."""
    order = model.order(event.client_order_id)
    if event.attempt > QUERIES_MAX:
        model.broken(13, f"order {order.client_order_id} is asked about {event.attempt} times")
    order.queries, order.query_at = event.attempt, event.next_at


def missed(model: Model, entry: ev.Entry, event: ev.OrderMissed) -> None:
    """A view does not show an order in doubt: the first half of a proof, where it may be one."""
    order = model.order(event.client_order_id)
    if order.missed_at is None and _is_silent(entry, order) is not None:
        order.missed_at = event.view_at


def booked(model: Model, event: ev.FillBooked) -> None:
    """A fill is booked: it is its order's, on its side."""
    order = model.order(event.client_order_id)
    if (event.account_id, event.symbol) != (order.account_id, order.symbol):
        model.broken(8, f"a fill of order {order.client_order_id} is booked elsewhere")
    if event.direction != order.sign:
        model.broken(8, f"a fill of order {order.client_order_id} is booked on the other side")
    order.booked += event.quantity


def ended_entry(model: Model, order: OrderNote) -> None:
    """After an entry: what was booked is what was filled."""
    if order.booked != order.cum:
        model.broken(
            4,
            f"order {order.client_order_id} has {order.cum} filled and {order.booked} booked",
        )
    _check_seen_to(model, order)


def _check_seen_to(model: Model, order: OrderNote) -> None:
    """An order that may live is looked at again at some time, or a person was asked about it."""
    name, state = order.client_order_id, order.state
    if order.is_over or name in model.asked:
        return
    if state == "submitting" and order.answer_due_at is None:
        model.broken(16, f"order {name} waits for an answer for ever")
    if state == "in_doubt" and order.query_at is None:
        model.broken(16, f"order {name} is in doubt, is not asked about, and nobody was asked")
    answered = state not in ("submitting", "in_doubt")
    if answered and order.is_entry and order.order_type == "market" and order.complete_at is None:
        model.broken(16, f"order {name} is {state} and is never looked at again")


def _change(
    order: OrderNote, event: ev.OrderAdvanced | ev.CancelRequested | ev.ReplaceRequested
) -> None:
    new = event.changes
    if new.state is not UNSET:
        order.state = new.state.value
    for name, value in (
        ("quantity", new.quantity),
        ("asked", new.asked_qty),
        ("leaves", new.leaves_qty),
        ("cum", new.cum_qty),
        ("overfilled", new.overfilled_qty),
        ("notional", new.notional),
        ("fees", new.fees),
        ("limit_price", new.limit_price),
        ("answer_due_at", new.answer_due_at),
        ("query_at", new.query_at),
        ("complete_at", new.complete_at),
        ("cancel_requested", new.cancel_requested),
    ):
        if value is not UNSET:
            setattr(order, name, value)
    if new.inferred is not UNSET:
        order.inferred = ZERO if new.inferred is None else new.inferred.quantity
    if new.replacing is not UNSET:
        order.replaced_to = None if new.replacing is None else new.replacing.quantity


def _check_resting(model: Model, order: OrderNote) -> None:
    """Among new, partially filled and filled the quantities decide."""
    state, cum = order.state, order.cum
    if state == "filled":
        fits = cum >= order.quantity
    elif state == "partially_filled":
        fits = 0 < cum < order.quantity
    else:
        fits = state != "new" or not cum
    if not fits:
        model.broken(
            6, f"order {order.client_order_id} is {state} with {cum} of {order.quantity} filled"
        )


def _check_leaves(model: Model, order: OrderNote) -> None:
    state, cum, leaves = order.state, order.cum, order.leaves
    if state in TERMINAL:
        fits = not leaves
    elif cum + leaves == order.quantity:
        fits = True
    else:
        fits = state in LEAVES_OPTIONAL and (not leaves or cum > order.quantity)
    if not fits or leaves < 0 or cum < 0:
        model.broken(
            3,
            f"order {order.client_order_id} is {state} with quantity {order.quantity}, "
            f"cum {cum} and leaves {leaves}",
        )


def _check_filled(model: Model, order: OrderNote, before: Decimal) -> None:
    """Filled is what the executions come to, and what the venue's total proves beyond them."""
    name, cum = order.client_order_id, order.cum
    if cum < before and not order.executions.reverses:
        model.broken(5, f"order {name} had {before} filled and has {cum}")
    sums = order.executions.sums
    if cum - order.inferred != sums.quantity:
        if cum < sums.quantity + order.inferred and cum < before:
            model.broken(5, f"order {name} fell from {before} to {cum}, its fills are {sums[0]}")
        model.broken(
            4, f"order {name} has {cum} filled, {order.inferred} of it inferred; its fills are "
            f"{sums.quantity}",
        )  # fmt: skip
    if order.inferred < 0 or (order.inferred and cum > order.executions.told):
        model.broken(4, f"order {name} has {cum} filled, the venue told {order.executions.told}")
    if order.fees != sums.fees or (not order.inferred and order.notional != sums.notional):
        model.broken(4, f"order {name} has notional {order.notional} and fees {order.fees}, {sums}")
    beyond = max(ZERO, cum - order.asked)
    if order.overfilled != beyond:
        model.broken(2, f"order {name} is overfilled by {beyond}, not {order.overfilled}")


def _check_end(model: Model, entry: ev.Entry, order: OrderNote, before: str) -> None:
    """An order is over only where something shows it (DESIGN §4.9)."""
    state, name = order.state, order.client_order_id
    if state == "filled":
        return
    item = entry.input
    if isinstance(item, ev.Intervened):
        action = item.action
        proven = isinstance(action, ResolveInDoubt) and action.client_order_id == name
        if proven and isinstance(action, ResolveInDoubt):
            wanted = action.fate is Fate.DEAD if state == "dead" else action.fate is Fate.FILLED
            proven = wanted and bool(action.evidence.strip())
    elif state == "dead":
        proven = _is_unsent(item, name) or _is_absent(entry, order)
    else:
        proven = any(
            report.client_order_id == name
            and state in (report.ord_status.value, report.exec_type.value)
            and not (state == "rejected" and report.reject_code in _LEAVES_OPEN)
            for report in reports_of(item)
        )
    if not proven:
        model.broken(7, f"order {name} was {before} and is {state}: nothing in the entry proves it")


def _is_unsent(item: ev.Input, name: str) -> bool:
    return (
        isinstance(item, ev.SendReported)
        and item.client_order_id == name
        and item.outcome is ev.SendOutcomeKind.NOT_SENT
    )


def _is_silent(entry: ev.Entry, order: OrderNote) -> int | None:
    """When a whole view was taken that does not show the order and may prove something by it."""
    item = entry.input
    if not isinstance(item, ev.MassStatusObserved) or not item.absence_is_proof:
        return None
    status = item.status
    if not status.complete or status.account_id != order.account_id:
        return None
    shown = (*status.orders, *status.orders_done)
    if any(view.report.client_order_id == order.client_order_id for view in shown):
        return None
    counts_from = order.send_before + max(item.settle_time_ns, SETTLE_NS_MIN) + SKEW_NS
    return status.at if status.at >= counts_from else None


def _is_absent(entry: ev.Entry, order: OrderNote) -> bool:
    seen_at = _is_silent(entry, order)
    return (
        seen_at is not None
        and order.missed_at is not None
        and seen_at - order.missed_at >= ABSENCE_APART_NS
        and not order.cum
    )
