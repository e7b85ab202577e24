"""The auditor's word on shares of executions: invariants 2, 7 (reroutes), 8 and 9.

Adds up quantities, reservations and positions from the facts of events. Must not know how the book
shares anything out.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.plan import PlannedAllocation
from stretto.simulation.auditor_model import (
    ZERO,
    ExecutionNote,
    Model,
    OrderNote,
    PositionNote,
    ShareNote,
)

_CENT = Decimal("0.000001")
REROUTES_MAX = 3
PPM = 1_000_000


def planned(model: Model, event: ev.SignalPlanned) -> None:
    """A plan: everything of it waits, and its margin and risk are set aside."""
    plan = event.plan
    if plan.execution_id in model.executions:
        model.broken(2, f"execution {plan.execution_id} is planned twice")
    execution = ExecutionNote(plan.signal, plan.closes, bool(plan.awaits))
    model.executions[plan.execution_id] = execution
    for each in plan.allocations:
        share = _made(model, plan.execution_id, each, plan.timing_gap_ns)
        share.is_exit = bool(plan.closes)
        if not plan.closes:
            _check_reserved(model, share)
            if each.stop_loss is not None and plan.quote is not None:
                touch = plan.quote.ask if execution.sign > 0 else plan.quote.bid
                share.stop = (each.limit_price or each.stop_price or touch, each.stop_loss)
        if plan.awaits:
            share.held, share.due_at = "awaiting_approval", plan.signal.valid_until + 1
        execution.intended += share.intended


def _made(model: Model, execution_id: str, each: PlannedAllocation, gap_ns: int) -> ShareNote:
    execution = model.executions[execution_id]
    key = f"{execution_id}/{each.account_id}"
    if key in model.shares:
        model.broken(2, f"{key} has a share already")
    symbol = execution.signal.symbol
    share = ShareNote(execution_id, each.account_id, symbol, each.position_size)
    model.shares[key] = share
    execution.shares[each.account_id] = share
    share.release_at = share.due_at = each.release_at
    share.window_end, share.gap_ns = each.window_end, gap_ns
    share.has_stop = each.stop_loss is not None
    share.margin = share.margin_first = each.margin
    share.risk = share.risk_first = each.risk
    if share.intended <= 0:
        model.broken(2, f"{key} is planned with {share.intended}")
    _reserve(model, share, each.margin, each.risk)
    model.touched_shares[key] = None
    model.waiting.setdefault(symbol, {})[key] = None
    return share


def _check_reserved(model: Model, share: ShareNote) -> None:
    """Something is set aside wherever the account's terms ask for margin, and for a loss."""
    account = model.configured(share.account_id)
    terms = None if account is None else account.symbols.get(share.symbol)
    if terms is not None and ((terms.margin_rate and share.margin <= 0) or share.risk <= 0):
        model.broken(9, f"{share.key} sets margin {share.margin} and risk {share.risk} aside")


def _reserve(model: Model, share: ShareNote, margin: Decimal, risk: Decimal) -> None:
    """Set aside in the account, or (negative) free again."""
    account = model.account(share.account_id)
    account.margin += margin
    account.risk += risk
    model.touched_accounts[share.account_id] = None


def _release(model: Model, share: ShareNote, margin: Decimal, risk: Decimal, why: str) -> None:
    share.margin -= margin
    share.risk -= risk
    _reserve(model, share, -margin, -risk)
    if share.margin < 0 or share.risk < 0:
        model.broken(
            9,
            f"{share.execution_id}/{share.account_id}: {why} frees more than is set aside, "
            f"margin {share.margin} and risk {share.risk} are left",
        )


def intended(model: Model, order: OrderNote) -> None:
    """An order takes its quantity from what waited, and its reservation is in place."""
    share = model.share_of(order.execution_id, order.account_id)
    key = f"{order.execution_id}/{order.account_id}"
    share.orders.append(order)
    share.pending -= order.quantity
    share.due_at = None
    if share.pending < 0:
        model.broken(2, f"{key}: order {order.client_order_id} exceeds what waited")
    if share.ended:
        model.broken(2, f"{key} ended ({share.ended}) and sends again")
    if not order.is_entry:
        return
    for name, reserved, first in (
        ("margin", share.margin, share.margin_first),
        ("risk", share.risk, share.risk_first),
    ):
        needed = first * order.quantity / share.first
        if reserved + _CENT * (len(share.orders) + 10) < needed:
            model.broken(9, f"{key}: {name} {reserved} is set aside, the order needs {needed}")


def filled(model: Model, event: ev.FillBooked) -> None:
    """A fill counts in its share, moves its reservation, and moves the position."""
    position = model.positions.setdefault(
        (event.account_id, event.position_of or event.execution_id), PositionNote(event.symbol)
    )
    position.quantity += event.quantity * event.direction
    model.touched_positions[event.account_id, event.position_of or event.execution_id] = None
    account = model.account(event.account_id)
    account.filled_at = model.at
    model.touched_accounts[event.account_id] = None
    if not event.client_order_id:
        return
    if event.cause not in ("entry", "exit"):  # a stop or target is no share's
        if event.overfill > 0:
            name = event.client_order_id
            model.flagged[event.account_id] = (8, f"{name} closed more than there was")
        return
    share = model.share_of(event.execution_id, event.account_id)
    counted = event.quantity - event.overfill
    if event.cause == "entry":
        _move_reservation(model, share, event, counted)
        account.unconfirmed = max(ZERO, account.unconfirmed + event.margin)
    share.filled += counted
    share.overfilled += event.overfill
    order = model.order(event.client_order_id)
    if event.overfill > 0 and (not order.overfilled or order.executions.newest > order.asked):
        key = f"{event.execution_id}/{event.account_id}"
        model.flagged[event.account_id] = (2, f"{key} was overfilled")


def adopted(model: Model, entry: ev.Entry, event: ev.PositionAdopted) -> None:
    """A person, and nobody else, takes over what the venue shows."""
    if not isinstance(entry.input, ev.Intervened):
        model.broken(8, f"{event.account_id} takes over {event.quantity} and nobody asked for it")
    place = (event.account_id, event.holder)
    position = model.positions.setdefault(place, PositionNote(event.symbol))
    position.quantity += event.quantity
    model.touched_positions[place] = None
    model.account(event.account_id).filled_at = model.at
    model.touched_accounts[event.account_id] = None


def dismissed(model: Model, entry: ev.Entry, event: ev.PositionDismissed) -> None:
    """A person says that what the venue shows is not the book's; it may be gone again."""
    if event.quantity and not isinstance(entry.input, ev.Intervened):
        model.broken(8, f"{event.account_id} sets {event.quantity} aside and nobody asked for it")
    model.dismissed[event.account_id, event.symbol, event.side] = event.quantity


def _move_reservation(
    model: Model, share: ShareNote, event: ev.FillBooked, counted: Decimal
) -> None:
    room = share.intended - share.filled
    key = f"{event.execution_id}/{event.account_id}"
    for name, moved, reserved, first in (
        ("margin", event.margin, share.margin, share.margin_first),
        ("risk", event.risk, share.risk, share.risk_first),
    ):
        if counted >= 0:
            expected = ZERO
            if counted and room > 0:
                expected = reserved if counted >= room else reserved * counted / room
            fits = expected - _CENT <= moved <= expected
        else:
            most = first - reserved
            fits = -most - _CENT <= moved <= 0
        if not fits:
            model.broken(
                9, f"{key}: a fill of {counted} of {room} moves {name} {moved} of {reserved}"
            )
    _release(model, share, event.margin, event.risk, "a fill")


def ended(model: Model, event: ev.AllocationEnded) -> None:
    """Nothing of the share goes on: what is left is given up, what was set aside is free."""
    share = model.share_of(event.execution_id, event.account_id)
    if any(not order.is_over for order in share.orders):
        model.broken(7, f"{share.key} ended while an order of it may live")
    share.pending = ZERO
    share.due_at, share.held = None, ""
    share.abandoned += event.abandoned
    share.ended = event.reason or "ended"
    _release(model, share, event.margin, event.risk, "its end")
    if share.margin or share.risk:
        model.broken(9, f"{share.key} ended with {share.margin} and {share.risk} set aside")


def adjusted(model: Model, event: ev.AllocationAdjusted) -> None:
    """A venue moved what waits, was given up, or may be filled beyond."""
    share = model.share_of(event.execution_id, event.account_id)
    share.pending += event.pending
    share.abandoned += event.abandoned
    share.excess += event.excess


def leg_scheduled(model: Model, event: ev.LegScheduled) -> None:
    """What a dead order left waits again."""
    share = model.share_of(event.execution_id, event.account_id)
    if event.stop_loss is not None:
        _check_wider(model, share, event)
    share.pending += event.released - event.abandoned
    share.abandoned += event.abandoned
    share.due_at = event.due_at


def _check_wider(model: Model, share: ShareNote, event: ev.LegScheduled) -> None:
    """A stop moves away for a venue's sake: no farther than the policy says, and what is lost at it
    does not grow.
    """
    if share.stop is None or event.stop_loss is None:
        return
    entry, stop = share.stop
    before, after = abs(entry - stop), abs(entry - event.stop_loss)
    left = share.pending + event.released
    factor = model.config.policy.failures.stop_distance_factor_max
    if after * PPM > before * factor:
        model.broken(9, f"{share.key}: its stop moves from {before} to {after} away")
    if (left - event.abandoned) * after > left * before:
        model.broken(
            9,
            f"{share.key}: {left - event.abandoned} at a stop {after} away is more risk than "
            f"{left} at {before}",
        )
    share.stop = (entry, event.stop_loss)


def limit_changed(model: Model, event: ev.LimitChanged) -> None:
    """The price that the share is to enter at is another."""
    share = model.share_of(event.execution_id, event.account_id)
    share.stop = None if share.stop is None else (event.limit_price, share.stop[1])


def given_up(model: Model, event: ev.RemainderAbandoned | ev.AllocationReduced) -> None:
    """Part or all of what waits is given up."""
    share = model.share_of(event.execution_id, event.account_id)
    share.pending -= event.abandoned
    share.abandoned += event.abandoned
    if isinstance(event, ev.RemainderAbandoned):
        share.due_at, share.held, share.closing = None, "", event.reason


def rerouted(model: Model, event: ev.RemainderRerouted) -> None:
    """Quantity changes accounts: no more than waited, and none that a venue may still fill."""
    source = model.share_of(event.execution_id, event.account_id)
    key = f"{event.execution_id}/{event.account_id}"
    open_there = sum((order.may_fill() for order in source.orders), ZERO)
    free = source.intended - source.filled - open_there - source.abandoned
    if not 0 < event.quantity <= min(source.pending, free):
        model.broken(
            7,
            f"{key}: {event.quantity} is rerouted, {source.pending} waited and {open_there} may "
            "still fill",
        )
    if event.share.position_size != event.quantity:
        model.broken(2, f"{key}: {event.quantity} leaves, {event.share.position_size} arrives")
    execution = model.executions[event.execution_id]
    if event.share.account_id in execution.shares:
        model.broken(2, f"{key}: rerouted to {event.share.account_id}, which has a share")
    source.intended -= event.quantity
    source.pending -= event.quantity
    source.armed_seq = model.seq  # what is left over goes elsewhere next, at the same instant
    _release(model, source, event.margin, event.risk, "a reroute")
    target = _made(model, event.execution_id, event.share, event.gap_ns)
    _check_reserved(model, target)
    target.hops = source.hops + 1
    if target.hops > REROUTES_MAX:
        model.broken(13, f"{key}: quantity is rerouted for the {target.hops}th time")


def levels_changed(model: Model, event: ev.LevelsChanged) -> None:
    """Whether what the share holds is to have a stop."""
    share = model.share_of(event.execution_id, event.account_id)
    share.has_stop = event.stop_loss is not None
    share.stop = None  # how far it may be moved is counted from the plan's


def snapshot_taken(model: Model, snapshot: AccountSnapshot) -> None:
    """A snapshot newer than the last fill has its margin in it."""
    account = model.account(snapshot.account_id)
    account.tradable, account.equity = snapshot.tradable, snapshot.equity
    account.highest = max(account.highest, snapshot.equity)
    if snapshot.at > account.filled_at:
        account.unconfirmed = ZERO
    model.touched_accounts[snapshot.account_id] = None


def ended_entry(model: Model, key: str, share: ShareNote) -> None:
    """After an entry: the identity of DESIGN §1.1, and filled is what the orders filled."""
    may_fill = executed = ZERO
    for order in share.orders:
        may_fill += order.may_fill()
        executed += order.cum
    accounted = share.filled + may_fill + share.pending + share.abandoned - share.excess
    least = min(share.filled, share.pending, share.abandoned, share.excess, share.overfilled)
    if accounted != share.intended or least < 0:
        model.broken(
            2,
            f"{key}: intended {share.intended} is not filled {share.filled} + open {may_fill} + "
            f"pending {share.pending} + abandoned {share.abandoned} - excess {share.excess}",
        )
    waits = share.pending > 0 and not share.ended and share.due_at is None
    if waits and all(o.is_over for o in share.orders) and not is_asked(model, share):
        model.broken(16, f"{key}: {share.pending} waits for nothing and nobody was asked")
    if share.filled + share.overfilled != executed or share.filled > share.intended:
        model.broken(
            2,
            f"{key}: {share.filled} filled and {share.overfilled} beyond, its orders {executed}",
        )


def is_asked(model: Model, share: ShareNote) -> bool:
    """A person was asked about the share, or about an order of it."""
    return share.key in model.asked or any(
        order.client_order_id in model.asked for order in share.orders
    )
