"""One venue order as a record, and what may still fill of it.

The record says what is known; ``order.step`` is the only thing that changes one. Knows nothing of
messages, tables or allocations.
"""

from decimal import Decimal

from msgspec import Struct

from stretto.core.errors import check
from stretto.core.orders.booking import Fill
from stretto.core.orders.order_table import TERMINAL, OrderState
from stretto.core.terms.report import OrderRole, OrderType, TimeInForce
from stretto.core.values import ZERO, Side


class Replacement(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A replace request in flight: the order quantity (not the remainder) and prices asked for at
    ``asked_at``, book time in ns UTC; ``by_person`` where a person asked for it.
    """

    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    asked_at: int = 0
    by_person: bool = False


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One venue order. Quantities in base units, prices in quote units, times in ns UTC.

    ``quantity`` is the order quantity in force at the venue; ``asked_qty`` the most of it that we
    asked for (less only where the venue raised it unasked). ``cum_qty`` is everything filled,
    ``overfilled_qty`` what of it exceeds ``asked_qty``; ``notional`` is Σ price · quantity of all
    fills, ``inferred`` the fill that the venue's totals prove but no execution has explained yet;
    ``total_qty`` is the venue's own total in its newest report where it is below ``cum_qty``: then
    a bust or correction is on its way, and what it takes back counts until it is there.
    ``reported_at`` is the venue's time of the newest report, ``answer_due_at`` when an unanswered
    request of ours is overdue, ``pending_since`` since when the venue has said that it decides on a
    cancel or replace, ``cancels`` how often we asked for its cancel, ``complete_at`` when
    a marketable order that is not filled by then is looked at.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    leg: int
    role: OrderRole
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    asked_qty: Decimal
    leaves_qty: Decimal
    created_at: int
    send_before: int
    time_in_force: TimeInForce = TimeInForce.GTC
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    position_id: str = ""
    state: OrderState = OrderState.INITIALIZED
    cum_qty: Decimal = ZERO
    overfilled_qty: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    fills: tuple[Fill, ...] = ()
    inferred: Fill | None = None
    total_qty: Decimal | None = None
    venue_order_id: str = ""
    cancel_requested: bool = False
    replacing: Replacement | None = None
    sent_at: int | None = None
    acknowledged_at: int | None = None
    done_at: int | None = None
    reported_at: int = 0
    answer_due_at: int | None = None
    pending_since: int | None = None
    query_at: int | None = None
    queries: int = 0
    cancels: int = 0
    complete_at: int | None = None
    reject_code: str = ""
    text: str = ""

    @property
    def filled_qty(self) -> Decimal:
        """What counts as filled: ``cum_qty`` without the overfill."""
        return self.cum_qty - self.overfilled_qty

    @property
    def overfill_denied(self) -> bool:
        """True where executions exceed what was asked for and the venue's own newest total does
        not: the bust or correction of one of them is on its way.
        """
        if not self.overfilled_qty or self.total_qty is None:
            return False
        return self.total_qty <= self.asked_qty


_NOTHING_OPEN = TERMINAL | {OrderState.INITIALIZED}


def intend(
    *,
    client_order_id: str,
    execution_id: str,
    account_id: str,
    leg: int,
    role: OrderRole,
    symbol: str,
    side: Side,
    order_type: OrderType,
    quantity: Decimal,
    created_at: int,
    send_before: int,
    time_in_force: TimeInForce = TimeInForce.GTC,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
    stop_loss: Decimal | None = None,
    take_profit: Decimal | None = None,
    position_id: str = "",
) -> Order:
    """A new order in state ``initialized``. Raises InvariantViolated where it makes no sense."""
    name = client_order_id
    check(quantity.is_finite() and quantity > 0, "order {}: quantity {}", name, quantity)
    for price in (limit_price, stop_price, stop_loss, take_profit):
        check(price is None or price.is_finite(), "order {}: price {}", name, price)
    needs_limit = order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    needs_stop = order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    check(
        needs_limit is (limit_price is not None) and needs_stop is (stop_price is not None),
        "order {}: prices do not fit a {} order",
        name,
        order_type,
    )
    check(created_at <= send_before, "order {}: may never be sent", name)
    return Order(
        client_order_id=client_order_id,
        execution_id=execution_id,
        account_id=account_id,
        leg=leg,
        role=role,
        symbol=symbol,
        side=side,
        order_type=order_type,
        quantity=quantity,
        asked_qty=quantity,
        leaves_qty=quantity,
        created_at=created_at,
        send_before=send_before,
        time_in_force=time_in_force,
        limit_price=limit_price,
        stop_price=stop_price,
        stop_loss=stop_loss,
        take_profit=take_profit,
        position_id=position_id,
    )


def open_quantity(order: Order) -> Decimal:
    """What may still fill of what we asked, base units: the quantity that is working or in doubt.

    While a replace is in flight the larger of old and new counts (DESIGN §4.7).
    """
    state = order.state
    if state in _NOTHING_OPEN:
        return ZERO
    replacing = order.replacing
    if replacing is not None and replacing.quantity > order.asked_qty:
        return max(ZERO, replacing.quantity - order.cum_qty)
    if not order.leaves_qty:
        return ZERO
    if order.asked_qty == order.quantity:
        return order.leaves_qty
    return max(ZERO, order.asked_qty - order.cum_qty)


def is_newly_overfilled(before: Order, after: Order) -> bool:
    """True where more was filled than asked for, the venue does not deny it, and one of both was
    not so before.
    """
    if not after.overfilled_qty or after.overfill_denied:
        return False
    return after.overfilled_qty > before.overfilled_qty or before.overfill_denied


def is_done(order: Order) -> bool:
    """True where nothing more is expected: terminal, or done for the day with nothing left."""
    return order.state in TERMINAL or (
        order.state in (OrderState.DONE_FOR_DAY, OrderState.CALCULATED) and not order.leaves_qty
    )
