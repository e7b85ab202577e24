"""Adding up: an allocation's and an execution's quantities, average price, slippage.

Holds the identity of DESIGN §1.1, ``intended = filled + working + in_doubt + pending + abandoned``.
Knows nothing of events, of who decides what is abandoned, or of accounts.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from stretto.core.errors import check
from stretto.core.orders.order_record import Order, open_quantity
from stretto.core.orders.order_table import OrderState
from stretto.core.values import ZERO, Side


class Quantities(Struct, frozen=True, kw_only=True, gc=False):
    """Where every unit of an allocation or execution is, base units.

    ``working`` is with a venue and expected to answer, ``in_doubt`` may or may not be, ``pending``
    is not sent, ``abandoned`` never will be. ``overfilled`` lies outside the identity.
    """

    intended: Decimal
    filled: Decimal = ZERO
    working: Decimal = ZERO
    in_doubt: Decimal = ZERO
    pending: Decimal = ZERO
    abandoned: Decimal = ZERO
    overfilled: Decimal = ZERO

    @property
    def accounted(self) -> Decimal:
        """The right side of the identity."""
        return self.filled + self.working + self.in_doubt + self.pending + self.abandoned

    def check(self, what: str = "allocation") -> None:
        """Raise InvariantViolated unless the identity holds and nothing is negative."""
        check(
            self.intended == self.accounted,
            f"{what}: intended {self.intended} but accounted {self.accounted}",
        )
        check(
            min(
                self.filled,
                self.working,
                self.in_doubt,
                self.pending,
                self.abandoned,
                self.overfilled,
            )
            >= 0,
            f"{what}: a negative quantity",
        )


def quantities(
    intended: Decimal, pending: Decimal, abandoned: Decimal, orders: Iterable[Order]
) -> Quantities:
    """The quantities of one allocation from its own numbers and its (entry) orders.

    What the orders filled beyond ``intended`` together is overfilled, as is each order's own
    overfill. A submitting order is working until its acknowledgement is overdue (DESIGN §4.7);
    an initialized one has taken nothing from ``pending`` yet.
    """
    filled = working = in_doubt = overfilled = ZERO
    for order in orders:
        filled += order.filled_qty
        overfilled += order.overfilled_qty
        if order.state is OrderState.IN_DOUBT:
            in_doubt += open_quantity(order)
        else:
            working += open_quantity(order)
    if filled > intended:
        overfilled += filled - intended
        filled = intended
    return Quantities(
        intended=intended,
        filled=filled,
        working=working,
        in_doubt=in_doubt,
        pending=pending,
        abandoned=abandoned,
        overfilled=overfilled,
    )


def total(parts: Iterable[Quantities]) -> Quantities:
    """The sum over allocations: the quantities of an execution."""
    intended = filled = working = in_doubt = pending = abandoned = overfilled = ZERO
    for part in parts:
        intended += part.intended
        filled += part.filled
        working += part.working
        in_doubt += part.in_doubt
        pending += part.pending
        abandoned += part.abandoned
        overfilled += part.overfilled
    return Quantities(
        intended=intended,
        filled=filled,
        working=working,
        in_doubt=in_doubt,
        pending=pending,
        abandoned=abandoned,
        overfilled=overfilled,
    )


def average_price(notional: Decimal, quantity: Decimal) -> Decimal | None:
    """Volume-weighted price of fills with Σ price · quantity ``notional``; None without fills."""
    return notional / quantity if quantity else None


def slippage_pips(side: Side, price: Decimal, reference: Decimal, pip: Decimal) -> Decimal:
    """How much worse than ``reference`` a (mean) fill price is, in pips of size ``pip`` (> 0).

    Positive is worse: a buy above, a sell below the reference. This is the execution part of the
    implementation shortfall of Perold, "The Implementation Shortfall: Paper versus Reality",
    Journal of Portfolio Management 14 (3), 1988, per unit, against the price at the decision.
    """
    check(pip > 0, f"pip size {pip}")
    return (price - reference) * side.sign / pip
