"""The simulated venue's own books: orders, positions by ticket or net, balances and margin.

Kept from the venue's own fills alone. Knows nothing of time, feeds or messages: prices and
conversion rates are handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from stretto.brokers.sim_config import SimAccount
from stretto.core.errors import check
from stretto.core.terms.account import PositionMode
from stretto.core.terms.market import Quote
from stretto.core.terms.report import ExecutionReport, OrderRole, OrderType, OrdStatus, TimeInForce
from stretto.core.values import ZERO, Side

CENT = Decimal("0.01")
Terms = tuple[Decimal, Decimal, OrdStatus, Decimal | None, Decimal | None, Decimal | None]


class VenueOrder(Struct, kw_only=True, eq=False, gc=False):
    """One order as the venue keeps it. Quantities in base units, ``notional`` = Σ price × quantity.

    ``closes`` is the position it may only reduce, ``ticket`` the one it traded; ``text`` names what
    made the venue itself send it, or end it. ``slippage_bound`` is the worst price a market order
    may take; ``pending`` the request on it that the venue has not decided yet;
    ``reduced`` says that it closed some of a position.
    """

    client_order_id: str
    venue_order_id: str
    account_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    role: OrderRole = OrderRole.ENTRY
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    slippage_bound: Decimal | None = None
    closes: str = ""
    ticket: str = ""
    text: str = ""
    status: OrdStatus = OrdStatus.NEW
    pending: OrdStatus | None = None
    reject_code: str = ""
    filled: Decimal = ZERO
    leaves: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    triggered: bool = False
    reduced: bool = False
    expires_at: int = 0
    changed_at: int = 0
    reports: int = 0
    answers: int = 0
    # Counts how often its wake-up was set anew: an older one finds itself overtaken.
    armed: int = 0

    @property
    def is_live(self) -> bool:
        """True while it can still trade."""
        return self.status is OrdStatus.NEW or self.status is OrdStatus.PARTIALLY_FILLED

    @property
    def reported_status(self) -> OrdStatus:
        """The status as reports state it, by the precedence of FIX 4.4: a request in hand outranks
        a live order's own, and ``filled`` the end of an order that filled completely after it.
        """
        if self.pending is not None and self.is_live:
            return self.pending
        is_cut_short = self.status is OrdStatus.CANCELED or self.status is OrdStatus.EXPIRED
        return OrdStatus.FILLED if is_cut_short and self.filled >= self.quantity else self.status

    @property
    def average(self) -> Decimal:
        """Average price of its fills; 0 before the first."""
        return self.notional / self.filled if self.filled else ZERO

    def __post_init__(self) -> None:
        self.leaves = self.quantity

    def end(self, status: OrdStatus) -> None:
        """Nothing trades any more."""
        self.status = status
        self.leaves = ZERO

    def fill(
        self, quantity: Decimal, price: Decimal, fee: Decimal, *, beyond_leaves: bool = False
    ) -> None:
        """Count one trade."""
        check(quantity > 0, "a fill of nothing")
        check(beyond_leaves or quantity <= self.leaves, "a fill beyond what is left")
        was_live = self.is_live
        self.filled += quantity
        self.leaves -= min(quantity, self.leaves)
        self.notional += quantity * price
        self.fees += fee
        if was_live:
            self.status = OrdStatus.PARTIALLY_FILLED if self.leaves else OrdStatus.FILLED

    @property
    def terms(self) -> Terms:
        """What a replace can change, and what follows from it."""
        return (
            self.quantity, self.leaves, self.status,
            self.limit_price, self.stop_price, self.slippage_bound,
        )  # fmt: skip

    def restore(self, terms: Terms) -> None:
        """Take terms back."""
        (
            self.quantity, self.leaves, self.status,
            self.limit_price, self.stop_price, self.slippage_bound,
        ) = terms  # fmt: skip

    def set_terms(self, quantity: Decimal, limit: Decimal | None, stop: Decimal | None) -> None:
        """Terms as a replace asks for; None leaves a price. No quantity below what is filled: such
        an order is filled. A market order's limit is the worst price that it may take.
        """
        self.quantity = max(quantity, self.filled)
        self.leaves = self.quantity - self.filled
        if not self.leaves:
            self.status = OrdStatus.FILLED
        if limit is not None:
            self.limit_price = limit
            if self.order_type is OrderType.MARKET:
                self.slippage_bound = limit
        if stop is not None:
            self.stop_price = stop

    def undo(self, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """Count a trade out again; a filled order is live again where something is left."""
        self.filled -= quantity
        self.notional -= quantity * price
        self.fees -= fee
        if self.is_live or self.status is OrdStatus.FILLED:
            self.leaves = max(ZERO, self.quantity - self.filled)
            if self.leaves:
                self.status = OrdStatus.PARTIALLY_FILLED if self.filled else OrdStatus.NEW


class VenuePosition(Struct, kw_only=True, eq=False, gc=False):
    """An open position: ``quantity`` > 0 on its ``side``; margin in account currency."""

    ticket: str
    symbol: str
    side: Side
    quantity: Decimal
    average: Decimal
    margin: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    closing: bool = False
    reduced: bool = False
    # Counts how often its stops were set anew: an older wake-up finds itself overtaken.
    armed: int = 0


@dataclass(slots=True)
class _Exposure:
    """Sums over the positions of one symbol, so that marking does not walk them."""

    long: Decimal = ZERO
    long_cost: Decimal = ZERO
    short: Decimal = ZERO
    short_cost: Decimal = ZERO
    positions: int = 0

    def add(self, side: Side, quantity: Decimal, price: Decimal) -> None:
        if side is Side.BUY:
            self.long += quantity
            self.long_cost += quantity * price
        else:
            self.short += quantity
            self.short_cost += quantity * price


@dataclass(slots=True)
class VenueAccount:
    """One account: money in its currency, to the cent."""

    config: SimAccount
    balance: Decimal
    tradable: bool = True
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    margin_used: Decimal = ZERO
    positions: dict[str, VenuePosition] = field(default_factory=dict)
    working: int = 0
    orders: list[VenueOrder] = field(default_factory=list)
    executions: list[ExecutionReport] = field(default_factory=list)
    exec_day: str = ""
    exec_number: int = 0
    _exposure: dict[str, _Exposure] = field(default_factory=dict)

    @property
    def nets(self) -> bool:
        """True where the account holds one net position a symbol."""
        return self.config.position_mode is PositionMode.NETTING

    def exposures(self) -> Iterator[tuple[str, Decimal, Decimal, Decimal, Decimal]]:
        """Each symbol's (symbol, long, long cost, short, short cost), sorted."""
        for symbol in sorted(self._exposure):
            sums = self._exposure[symbol]
            if sums.long or sums.short:
                yield symbol, sums.long, sums.long_cost, sums.short, sums.short_cost

    def opening_part(self, order: VenueOrder) -> Decimal:
        """How much of the order's rest adds to the account's exposure and so needs margin."""
        if order.closes:
            return ZERO
        if self.nets:
            held = self.positions.get(net_ticket(order.symbol))
            if held is not None and held.side is not order.side:
                return max(ZERO, order.leaves - 2 * held.quantity)
        return order.leaves

    def closing_part(self, order: VenueOrder, quantity: Decimal) -> Decimal:
        """How much of ``quantity`` an order that closes can close: nothing of a position that is
        gone, or that another order has turned round.
        """
        held = self.positions.get(order.closes)
        is_there = held is not None and held.side is not order.side
        return min(quantity, held.quantity) if held is not None and is_there else ZERO

    def fill(
        self,
        order: VenueOrder,
        quantity: Decimal,
        price: Decimal,
        rate: Decimal,
        fee: Decimal,
        margin_rate: Decimal,
    ) -> VenuePosition | None:
        """Book one trade; ``rate`` converts quote to account currency. Returns the position that it
        opened or changed, None where it is gone.
        """
        self.balance -= fee
        self.fees += fee
        opened = net_ticket(order.symbol) if self.nets else f"T-{order.venue_order_id}"
        ticket = order.ticket = order.closes or opened
        held = self.positions.get(ticket)
        if held is not None and held.side is not order.side:
            closed = min(quantity, held.quantity)
            self._close(held, closed, price, rate)
            order.reduced = True
            quantity -= closed
        check(not (order.closes and quantity), f"{ticket}: a close may not open")
        if quantity:
            return self._open(order, ticket, quantity, price, rate, margin_rate)
        return self.positions.get(ticket)

    def holds_all_of(self, order: VenueOrder, quantity: Decimal) -> bool:
        """True where a trade of the order can still be undone: its position was only added to."""
        held = self.positions.get(order.ticket)
        return (
            held is not None
            and held.side is order.side
            and held.quantity >= quantity
            and not (held.reduced or held.closing or order.reduced)
        )

    def undo(self, order: VenueOrder, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """Take one opening trade out of its position, and give the fee back."""
        self.balance += fee
        self.fees -= fee
        held = self.positions[order.ticket]
        left = held.quantity - quantity
        margin = _cents(held.margin * quantity / held.quantity) if left else held.margin
        cost = held.average * held.quantity - price * quantity
        self.margin_used -= margin
        held.margin -= margin
        self._sums(held.symbol).add(held.side, -quantity, price)
        held.quantity = left
        if left:
            held.average = cost / left
        else:
            self._remove(held)

    def reprice(self, order: VenueOrder, quantity: Decimal, change: Decimal) -> None:
        """Change the price at which a quantity of the order's position was opened."""
        held = self.positions[order.ticket]
        held.average += change * quantity / held.quantity
        sums = self._sums(held.symbol)
        sums.add(held.side, quantity, change)
        sums.add(held.side, -quantity, ZERO)

    def next_exec_id(self, trading_day: str) -> str:
        """The next execution id of a venue that numbers them anew each trading day."""
        if trading_day != self.exec_day:
            self.exec_day, self.exec_number = trading_day, 0
        self.exec_number += 1
        return f"E{self.exec_number}"

    def _open(
        self,
        order: VenueOrder,
        ticket: str,
        quantity: Decimal,
        price: Decimal,
        rate: Decimal,
        margin_rate: Decimal,
    ) -> VenuePosition:
        margin = _cents(quantity * price * margin_rate * rate)
        self.margin_used += margin
        self._sums(order.symbol).add(order.side, quantity, price)
        held = self.positions.get(ticket)
        if held is None:
            held = VenuePosition(
                ticket=ticket,
                symbol=order.symbol,
                side=order.side,
                quantity=quantity,
                average=price,
                margin=margin,
                stop_loss=order.stop_loss,
                take_profit=order.take_profit,
            )
            self.positions[ticket] = held
            self._sums(order.symbol).positions += 1
            return held
        total = held.quantity + quantity
        cost = held.average * held.quantity + price * quantity
        held.quantity, held.average = total, cost / total
        held.margin += margin
        # On a netting account the latest stated stop or target holds for the whole.
        held.stop_loss = order.stop_loss if order.stop_loss is not None else held.stop_loss
        held.take_profit = order.take_profit if order.take_profit is not None else held.take_profit
        return held

    def _close(self, held: VenuePosition, quantity: Decimal, price: Decimal, rate: Decimal) -> None:
        profit = _cents((price - held.average) * quantity * held.side.sign * rate)
        self.balance += profit
        self.realized += profit
        whole = quantity == held.quantity
        margin = held.margin if whole else _cents(held.margin * quantity / held.quantity)
        self.margin_used -= margin
        held.margin -= margin
        self._sums(held.symbol).add(held.side, -quantity, held.average)
        held.quantity -= quantity
        held.reduced = True
        if whole:
            self._remove(held)

    def _remove(self, held: VenuePosition) -> None:
        del self.positions[held.ticket]
        sums = self._sums(held.symbol)
        sums.positions -= 1
        if not sums.positions:
            # Averages are rounded to 28 digits; a flat symbol leaves no residue of that.
            del self._exposure[held.symbol]

    def _sums(self, symbol: str) -> _Exposure:
        found = self._exposure.get(symbol)
        if found is None:
            found = self._exposure[symbol] = _Exposure()
        return found


def net_ticket(symbol: str) -> str:
    """The ticket of a netting account's one position in a symbol."""
    return f"NET-{symbol}"


def touch(side: Side, quote: Quote) -> Decimal:
    """The price at which this side trades at once."""
    return quote.ask if side is Side.BUY else quote.bid


def unrealized(
    long: Decimal,
    long_cost: Decimal,
    short: Decimal,
    short_cost: Decimal,
    bid: Decimal,
    ask: Decimal,
) -> Decimal:
    """Profit in quote currency if longs were sold at ``bid`` and shorts bought back at ``ask``."""
    return long * bid - long_cost + short_cost - short * ask


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)
