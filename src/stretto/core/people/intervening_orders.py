"""What a person may ask about orders: another limit, a smaller size, the fate of one in doubt.

A price is never worse, a size never larger than what the plan reserved margin and risk for. A
person's word on an order in doubt counts as the venue's, with the evidence kept. Must not know
quotes.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.limits import SEND_BEFORE_NS
from stretto.core.messages.advancing import advance
from stretto.core.messages.changing import settled
from stretto.core.messages.proof import prove_dead
from stretto.core.orders.order import Order, OrderInput, OrderState, Replacement, is_done, step
from stretto.core.orders.order_changes import OrderChanges, changes_between
from stretto.core.orders.order_table import TABLE
from stretto.core.people.intervening_executions import execution_named
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import covering, described
from stretto.core.terms.report import ExecType, ExecutionReport, OrderType, OrdStatus
from stretto.core.values import ZERO, is_finite, is_multiple, iso

Outcome = list[ev.Event] | iv.Denied


def change_price(book: Book, action: iv.ChangePrice, at_ns: int) -> Outcome:
    """AllocationReduced with the new limit, and ReplaceRequested for the order that works."""
    found = _changeable(book, action.execution_id, action.account_id)
    if isinstance(found, iv.Denied):
        return found
    execution, allocation, order = found
    signal, price = execution.signal, action.limit_price
    planned = signal.limit_price
    if planned is None or signal.order_type not in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return iv.Denied(
            rule=iv.Denial.NO_LIMIT_PRICE,
            compared={"order_type": signal.order_type.value},
            expected="an execution of limit orders",
        )
    tick = book.configuration.instruments[signal.symbol].tick
    compared = {"limit_price": str(price), "planned": str(planned), "tick": str(tick)}
    if not is_finite(price) or price <= 0 or not is_multiple(price, tick):
        return _outside(compared, f"a positive multiple of {tick}")
    sign = execution.side.sign
    if (price - planned) * sign > 0:
        return _outside(compared, f"at {planned} or better: margin and risk are set aside for it")
    if allocation.stop_loss is not None and (price - allocation.stop_loss) * sign <= 0:
        compared |= {"stop_loss": str(allocation.stop_loss)}
        return _outside(compared, "a price on the right side of the stop")
    reduced = ev.AllocationReduced(
        execution_id=execution.execution_id,
        account_id=allocation.account_id,
        reason="price_changed_by_person",
        limit_price=price,
    )
    if order is None:
        return [reduced]
    wanted = Replacement(
        quantity=min(order.quantity, order.asked_qty), limit_price=price, by_person=True
    )
    return [reduced, *_replaced(book, order, wanted, "price_changed_by_person", at_ns)]


def change_size(book: Book, action: iv.ChangeSize, at_ns: int) -> Outcome:
    """What waits is given up first, then the order that works is made smaller."""
    found = _changeable(book, action.execution_id, action.account_id)
    if isinstance(found, iv.Denied):
        return found
    execution, allocation, order = found
    if not is_finite(action.quantity):
        return _size_outside({"quantity": str(action.quantity)})
    account = book.configuration.accounts[allocation.account_id]
    terms = account.symbols[execution.signal.symbol]
    total = allocation.intended - allocation.abandoned
    compared = {
        "quantity": str(action.quantity),
        "now": str(total),
        "filled": str(allocation.filled),
        "step": str(terms.step),
        "minimum": str(terms.minimum),
    }
    less = total - action.quantity
    from_waiting = min(less, allocation.pending)
    from_order = less - from_waiting
    waits = allocation.pending - from_waiting
    works = ZERO if order is None else order.leaves_qty - from_order
    if (
        not is_multiple(action.quantity, terms.step)
        or less <= 0
        or action.quantity <= allocation.filled
        or ZERO < waits < terms.minimum
        or (order is None and from_order > 0)
        or (order is not None and (works < 0 or ZERO < works < terms.minimum))
    ):
        return _size_outside(compared)
    events: list[ev.Event] = []
    if from_waiting:
        events.append(
            ev.AllocationReduced(
                execution_id=execution.execution_id,
                account_id=allocation.account_id,
                reason="size_changed_by_person",
                abandoned=from_waiting,
            )
        )
    if order is not None and from_order:
        wanted = Replacement(
            quantity=min(order.quantity, order.asked_qty) - from_order,
            limit_price=order.limit_price,
            by_person=True,
        )
        events += _replaced(book, order, wanted, "size_changed_by_person", at_ns)
    return events


def resolve_in_doubt(
    book: Book, action: iv.ResolveInDoubt, request_id: str, actor: str, at_ns: int
) -> Outcome:
    """The order goes on, or ends, as the person found it to stand at the venue."""
    order = book.orders.get(action.client_order_id)
    if order is None:
        return iv.Denied(
            rule=iv.Denial.UNKNOWN_ORDER,
            compared={"order": action.client_order_id},
            expected="the id of an order of the book",
        )
    if order.state is not OrderState.IN_DOUBT:
        return iv.Denied(
            rule=iv.Denial.NOT_IN_DOUBT,
            compared={"order": order.client_order_id, "state": order.state.value},
            expected="an order in doubt",
        )
    if not action.evidence.strip():
        return iv.Denied(
            rule=iv.Denial.EVIDENCE_MISSING,
            compared={"order": order.client_order_id},
            expected="what the venue was seen to say, and where",
        )
    if action.fate is iv.Fate.DEAD:
        evidence = {"person": actor, "evidence": action.evidence, "request_id": request_id}
        return list(prove_dead(book, order, ev.Proof.PERSON, evidence, at_ns))
    quantity = action.quantity
    if quantity is None:
        quantity = order.quantity if action.fate is iv.Fate.FILLED else order.cum_qty
    wrong = _fill_wrong(order, action, quantity)
    if wrong is not None:
        return wrong
    report = _as_seen(order, action, quantity, request_id)
    return list(advance(book, order, report, at_ns, report, action.evidence))


def _fill_wrong(order: Order, action: iv.ResolveInDoubt, quantity: Decimal) -> iv.Denied | None:
    is_filled = action.fate is iv.Fate.FILLED
    most = order.quantity if is_filled else order.quantity - Decimal("1e-9")
    priced = action.price is not None and is_finite(action.price) and action.price > 0
    fits = is_finite(quantity) and order.cum_qty <= quantity <= most
    if fits and (priced or quantity == order.cum_qty) and (quantity > 0 or not is_filled):
        return None
    return iv.Denied(
        rule=iv.Denial.FILL_NOT_STATED,
        compared={
            "quantity": str(quantity),
            "price": "none" if action.price is None else str(action.price),
            "order_qty": str(order.quantity),
            "cum_qty": str(order.cum_qty),
        },
        expected="how much the venue filled in all, no more than the order, and its mean price",
    )


def _as_seen(
    order: Order, action: iv.ResolveInDoubt, quantity: Decimal, request_id: str
) -> ExecutionReport:
    """A status report that says what the person saw. Never newer than the venue's own next word."""
    seen_at = max(order.reported_at, order.created_at)
    if action.fate is iv.Fate.FILLED:
        status = OrdStatus.FILLED if quantity == order.quantity else OrdStatus.CANCELED
        leaves = ZERO
    else:
        status = OrdStatus.PARTIALLY_FILLED if quantity else OrdStatus.NEW
        leaves = order.quantity - quantity
    return ExecutionReport(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        exec_id=f"person-{request_id}",
        exec_type=ExecType.ORDER_STATUS,
        ord_status=status,
        cum_qty=quantity,
        leaves_qty=leaves,
        avg_px=action.price or ZERO,
        order_qty=order.quantity,
        trading_day=iso(seen_at)[:10],
        transact_at=seen_at,
        text=action.evidence,
    )


def _changeable(
    book: Book, execution_id: str, account_id: str
) -> tuple[Execution, Allocation, Order | None] | iv.Denied:
    """The allocation and the order of it that works; refused where something is under way."""
    execution = execution_named(book, execution_id)
    if isinstance(execution, iv.Denied):
        return execution
    allocation = book.allocations.get(allocation_key(execution_id, account_id))
    if allocation is None:
        return iv.Denied(
            rule=iv.Denial.NOT_TAKING_PART,
            compared={"account": account_id, "execution": execution_id},
            expected=f"one of {', '.join(execution.accounts[:20])}",
        )
    if allocation.ended or allocation.closing:
        return iv.Denied(
            rule=iv.Denial.ALREADY_ENDING,
            compared={"account": account_id, "ended": allocation.ended or allocation.closing},
            expected="an account in which something still waits or works",
        )
    account = book.configuration.accounts.get(account_id)
    switches = [book.kills[key] for key in sorted(book.kills)]
    switch = covering(switches, account, execution.signal.symbol)
    if switch is not None or account is None:
        return iv.Denied(
            rule=iv.Denial.KILL_SWITCH if switch is not None else iv.Denial.UNKNOWN_ACCOUNT,
            compared={"account": account_id},
            expected="an account of the book"
            if switch is None
            else f"a person releases {described(switch)} first",
        )
    live = [o for o in (book.orders[name] for name in allocation.order_ids) if not is_done(o)]
    if not live:
        return execution, allocation, None
    order = live[-1]
    if (
        len(live) > 1
        or order.cancel_requested
        or (order.state, OrderInput.REPLACE_REQUESTED) not in TABLE
    ):
        return iv.Denied(
            rule=iv.Denial.ORDER_BUSY,
            compared={"order": order.client_order_id, "state": order.state.value},
            expected="an order that works and has no request under way",
        )
    return execution, allocation, order


def _replaced(
    book: Book, order: Order, wanted: Replacement, reason: str, at_ns: int
) -> list[ev.Event]:
    asked = step(order, wanted, at_ns).order
    requested = ev.ReplaceRequested(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        reason=reason,
        changes=changes_between(order, asked) or OrderChanges(),
        send_before=at_ns + SEND_BEFORE_NS,
    )
    return [*settled(book, order, "another change is asked for"), requested]


def _size_outside(compared: dict[str, str]) -> iv.Denied:
    return iv.Denied(
        rule=iv.Denial.SIZE_OUTSIDE_LIMITS,
        compared=compared,
        expected="a whole number of steps, more than is filled and less than now, whose rest "
        "is no smaller than the smallest order (accept_partial and cancel_remaining end it)",
    )


def _outside(compared: dict[str, str], expected: str) -> iv.Denied:
    return iv.Denied(rule=iv.Denial.PRICE_OUTSIDE_LIMITS, compared=compared, expected=expected)
