"""An exit's orders, one after another: the next leg, and what follows from how one ended.

No window, no expiry, no entry rule; never rerouted, shrunk or given up. What a venue refuses for
good goes to a person while the quantity stays visible as pending. Knows nothing of signals.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.failing import failed, table_of
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.executions.adopted import closed_of
from stretto.core.executions.ending import ends_execution, reason_of
from stretto.core.executions.held_positions import at_venue, exits_of, held, live_orders
from stretto.core.executions.sessions import next_session
from stretto.core.failures.failure_actions import Response, Step
from stretto.core.gate.risk import trading_day_start
from stretto.core.limits import SEND_BEFORE_NS
from stretto.core.orders.order import Order, OrderInput, OrderState, intend, is_done, step
from stretto.core.orders.settling import Settlement
from stretto.core.terms.account import PositionMode
from stretto.core.terms.choices import EXIT_HELD, choices
from stretto.core.terms.exit_signal import PERSON
from stretto.core.terms.failure import FailureClass, Request, classify, unsent
from stretto.core.terms.killing import covering, described, switches_over
from stretto.core.terms.report import OrderRole, OrderType
from stretto.core.values import ZERO, client_order_id

Events = list[ev.Event]


def on_exit_due(book: Book, key: str, at_ns: int) -> tuple[ev.Event, ...]:
    """The next leg of an exit that waited: OrderIntended, or its end where nothing is held."""
    allocation = book.allocations[key]
    if allocation.ended or allocation.pending <= 0 or allocation.held:
        return ()
    if allocation.due_at is None or at_ns < allocation.due_at:
        return ()
    execution = book.executions[allocation.execution_id]
    return tuple(next_leg(book, execution, allocation, at_ns))


def next_leg(book: Book, execution: Execution, allocation: Allocation, at_ns: int) -> Events:
    """An order for what is pending, at most what is still held; what is not is position_gone. Under
    a kill switch only what a person asked for goes out (DESIGN §8.11).
    """
    target = closed_of(book, execution)
    account_id, pending = allocation.account_id, allocation.pending
    switch = covering(
        switches_over(book.kills, execution.signal.symbol),
        book.configuration.accounts.get(account_id),
        execution.signal.symbol,
    )
    if switch is not None and execution.signal.strategy_id != PERSON:
        known = {"left": str(pending), "switch": described(switch)}
        return _held_for_a_person(allocation, "", "kill_switch", known)
    others = exits_of(book, target, account_id, but=execution.execution_id)
    available = held(book, target, account_id)
    available -= sum((at_venue(book, other) for other in others), ZERO)
    if available <= 0:
        return _gone(book, allocation, pending)
    events: Events = []
    if available < pending:
        events.append(
            ev.AllocationAdjusted(
                execution_id=execution.execution_id,
                account_id=account_id,
                pending=available - pending,
                abandoned=pending - available,
            )
        )
        pending = available
    ticket = _ticket(book, target, allocation)
    if ticket is None:
        known = {"left": str(pending), "tickets": "none that is named and not being closed"}
        return [*events, *_held_for_a_person(allocation, "", "ticket_unknown", known)]
    position_id, most = ticket
    return [*events, _intended(book, execution, allocation, position_id, min(pending, most), at_ns)]


def _intended(
    book: Book,
    execution: Execution,
    allocation: Allocation,
    position_id: str,
    quantity: Decimal,
    at_ns: int,
) -> ev.OrderIntended:
    config, account_id = book.configuration, allocation.account_id
    symbol, leg = execution.signal.symbol, len(allocation.order_ids) + 1
    terms = config.accounts[account_id].symbols[symbol]
    order = intend(
        client_order_id=client_order_id(config.book_id, execution.execution_id, account_id, leg),
        execution_id=execution.execution_id,
        account_id=account_id,
        leg=leg,
        role=OrderRole.EXIT,
        symbol=symbol,
        side=execution.side,
        order_type=OrderType.MARKET,
        quantity=min(quantity, terms.maximum),
        created_at=at_ns,
        send_before=at_ns + SEND_BEFORE_NS,
        time_in_force=execution.signal.time_in_force,
        position_id=position_id,
    )
    rulebook = config.rulebooks[config.accounts[account_id].rulebook]
    return ev.OrderIntended(
        order=step(order, OrderInput.SUBMIT, at_ns).order,
        planned_at=at_ns if allocation.due_at is None else allocation.due_at,
        trading_day=trading_day_start(at_ns, rulebook.day_reset, rulebook.day_zone),
    )


def _ticket(book: Book, target: Execution, allocation: Allocation) -> tuple[str, Decimal] | None:
    """The venue's position to close next, and how much of it is free; on a netting account the
    only one. Hedging accounts close by ticket: one that the venue never named cannot be.
    """
    account_id = allocation.account_id
    position = book.positions[account_id][target.execution_id]
    sign = target.side.sign
    if book.configuration.accounts[account_id].position_mode is PositionMode.NETTING:
        return position.position_id, position.quantity * sign
    taken: dict[str, Decimal] = {}
    for other in exits_of(book, target, account_id):
        for order in live_orders(book, other):
            taken[order.position_id] = taken.get(order.position_id, ZERO) + order.leaves_qty
    gone = [
        order.position_id
        for order in (book.orders[name] for name in allocation.order_ids)
        if is_gone(book, order)
    ]
    for position_id, quantity in sorted(position.tickets.items()):
        free = quantity * sign - taken.get(position_id, ZERO)
        if position_id and free > 0 and position_id not in gone:
            return position_id, free
    return None


def is_gone(book: Book, order: Order) -> bool:
    """True where the venue said that there is nothing (left) for this exit to close."""
    if order.state not in (OrderState.REJECTED, OrderState.CANCELED):
        return False
    table = table_of(book, order.account_id)
    failure = classify(table, code=order.reject_code, text=order.text, is_final=True)
    return failure.failure_class is FailureClass.POSITION_GONE


def _gone(book: Book, allocation: Allocation, rest: Decimal) -> Events:
    ended = ev.AllocationEnded(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        abandoned=rest,
        reason=FailureClass.POSITION_GONE.value,
    )
    return [ended, *ends_execution(book, ended, allocation.filled > 0)]


# --- after a leg ------------------------------------------------------------------------------


def concluded(
    book: Book,
    allocation: Allocation,
    before: Order,
    order: Order,
    settled: Settlement,
    detail: str,
    at_ns: int,
) -> Events:
    """No order of an exit is live: it ends, or goes on with what is left."""
    was_done = is_done(before)
    is_current = order.client_order_id == allocation.order_ids[-1]
    if settled.pending and (was_done or not is_current):
        return adjusted(allocation, settled)  # the next leg is scheduled and goes on as it is
    rest = settled.freed + settled.pending
    given_up = settled.abandoned + rest - allocation.abandoned
    over = in_excess_no_more(allocation, settled)
    if allocation.ended and not given_up:
        return over
    tried: Events = []
    if rest and not allocation.ended and not was_done:
        tried, goes_on = _after_leg(book, allocation, before, order, settled, detail, at_ns)
        if goes_on:
            return [*adjusted(allocation, settled._replace(freed=ZERO)), *tried]
    ended = ev.AllocationEnded(
        execution_id=order.execution_id,
        account_id=order.account_id,
        abandoned=given_up,
        reason=reason_of(order, settled.filled, allocation.intended, detail),
    )
    return [*tried, *over, ended, *ends_execution(book, ended, settled.filled > 0)]


def in_excess_no_more(allocation: Allocation, settled: Settlement) -> Events:
    """What venues might still have filled too much, where nothing works any more."""
    if settled.excess == allocation.excess:
        return []
    change = ev.AllocationAdjusted(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        excess=settled.excess - allocation.excess,
    )
    return [change]


def adjusted(allocation: Allocation, settled: Settlement) -> Events:
    """What a step shifts between an exit's numbers. What a venue freed of an order that lives on
    is pending again: an exit gives nothing up.
    """
    change = ev.AllocationAdjusted(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        pending=settled.pending + settled.freed - allocation.pending,
        abandoned=settled.abandoned - allocation.abandoned,
        excess=settled.excess - allocation.excess,
    )
    return [change] if change.pending or change.abandoned or change.excess else []


def _after_leg(
    book: Book,
    allocation: Allocation,
    before: Order,
    order: Order,
    settled: Settlement,
    detail: str,
    at_ns: int,
) -> tuple[Events, bool]:
    """Events, and whether the exit goes on; where not, there is nothing left to close."""
    if order.state is OrderState.FILLED:
        return [_scheduled(order, settled, at_ns, "next_leg", 1)], True
    if not order.reject_code and order.state in (OrderState.CANCELED, OrderState.EXPIRED):
        if order.state is OrderState.CANCELED and before.cancel_requested:
            return [], False
        attempt = len(allocation.order_ids)
        return [_scheduled(order, settled, at_ns, order.state.value, attempt)], True
    table = table_of(book, order.account_id)
    if order.state is OrderState.DEAD:
        failure = unsent(table, Request.SUBMIT)
    else:
        failure = classify(table, code=order.reject_code, text=order.text, is_final=True)
    response, events = failed(book, allocation, order, failure, detail, at_ns)
    further, goes_on = _answer(book, allocation, order, settled, response, at_ns)
    return [*events, *further], goes_on


def _answer(
    book: Book,
    allocation: Allocation,
    order: Order,
    settled: Settlement,
    response: Response,
    at_ns: int,
) -> tuple[Events, bool]:
    reason, attempt = response.failure_class.value, response.attempt
    if response.step is Step.DONE:
        return _without_ticket(book, order, settled, at_ns)
    due_at: int | None = None
    if response.step in (Step.RETRY, Step.WAIT, Step.REPRICE):
        due_at = at_ns + response.delay_ns
    elif response.step is Step.NEXT_SESSION:
        venue = book.configuration.accounts[order.account_id].venue
        due_at = next_session(book, order.symbol, venue, at_ns)
    if due_at is not None:
        return [_scheduled(order, settled, due_at, reason, attempt)], True
    known = {
        "order_qty": str(order.quantity),
        "left": str(settled.freed + settled.pending),
        "code": order.reject_code,
        "text": order.text,
        "order_state": order.state.value,
    }
    waits = _scheduled(order, settled, at_ns, reason, attempt)
    asked = _held_for_a_person(allocation, order.client_order_id, reason, known)
    return [waits, *asked], True


def _without_ticket(
    book: Book, order: Order, settled: Settlement, at_ns: int
) -> tuple[Events, bool]:
    """The position of this leg is gone; others of a hedging account may be there."""
    target = closed_of(book, book.executions[order.execution_id])
    position = book.positions.get(order.account_id, {}).get(target.execution_id)
    tickets = {} if position is None else position.tickets
    others = [name for name in tickets if name not in ("", order.position_id)]
    is_hedging = book.configuration.accounts[order.account_id].position_mode is PositionMode.HEDGING
    rest = settled.freed + settled.pending
    lost = min(rest, order.quantity - order.cum_qty)
    if not is_hedging or not others or lost >= rest:
        return [], False
    reason = FailureClass.POSITION_GONE.value
    return [_scheduled(order, settled, at_ns, reason, 1, abandoned=lost)], True


def _scheduled(
    order: Order,
    settled: Settlement,
    due_at: int,
    reason: str,
    attempt: int,
    abandoned: Decimal = ZERO,
) -> ev.LegScheduled:
    return ev.LegScheduled(
        execution_id=order.execution_id,
        account_id=order.account_id,
        client_order_id=order.client_order_id,
        released=settled.freed,
        due_at=due_at,
        reason=reason,
        attempt=attempt,
        abandoned=abandoned,
    )


def _held_for_a_person(
    allocation: Allocation, order_id: str, reason: str, known: dict[str, str]
) -> Events:
    """The quantity waits, without an end, for what a person decides."""
    asked = ev.InterventionRequired(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        client_order_id=order_id,
        reason=reason,
        known=choices(reason, EXIT_HELD) | known,
    )
    waits = ev.PendingHeld(
        execution_id=allocation.execution_id, account_id=allocation.account_id, reason=reason
    )
    return [asked, waits]


def of_position(book: Book, fill: ev.FillBooked) -> ev.FillBooked:
    """An exit's fill as what it is to the position that it closes, with the profit it realizes."""
    target = closed_of(book, book.executions[fill.execution_id])
    position = book.positions.get(fill.account_id, {}).get(target.execution_id)
    if position is not None:
        average = position.average_price
    else:  # closed by somebody else before: what it was entered at is still known, if it was
        entered = book.allocations.get(allocation_key(target.execution_id, fill.account_id))
        quantity = ZERO if entered is None else entered.filled + entered.overfilled
        average = entered.notional / quantity if entered is not None and quantity else fill.price
    return replace(
        fill,
        cause=OrderRole.EXIT.value,
        position_of=target.execution_id,
        realized=(fill.notional - average * fill.quantity) * target.side.sign,
    )
