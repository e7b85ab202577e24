"""What a trade costs an account: the rules of DESIGN §4.2 that compare size, money or margin.

The largest size that all of them allow comes from the same numbers. Knows one account at a time;
nothing of status, sessions or freshness.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from stretto.core.gate.freshness import why_not_converted
from stretto.core.gate.risk import Room
from stretto.core.gate.rules import clause_of, explain_quantity, explain_room
from stretto.core.gate.trade import (
    CENT,
    AccountView,
    Trade,
    TradeContext,
    largest_multiple,
    money_down,
    money_up,
    size_at_most,
    trade_for,
)
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.values import ZERO, ceil_to_step, floor_to_step, plain

_FIRM_LIMITS = ("daily_loss", "overall_loss", "risk_per_trade")


class SizeCap(NamedTuple):
    """The largest size in base units that every limit allows (a multiple of the lot step, 0 where
    there is no room) and the name of the limit that binds.
    """

    quantity: Decimal
    rule: str


def allows(
    view: AccountView, trade: Trade, room: Room, context: TradeContext, quantity: Decimal
) -> bool:
    """True where ``quantity`` certainly passes each rule that depends on size. Quick; False says
    nothing, then ask ``largest_quantity``.
    """
    terms, snapshot = trade.terms, view.snapshot
    risk, margin = trade.risk_per_unit, trade.margin_per_unit
    if terms is None or snapshot is None or risk is None or margin is None:
        return False
    needed = (quantity * margin + CENT + room.margin_committed) * context.margin_level_min
    caps = (view.rulebook.quantity_max, view.account.quantity_max)
    return (
        context.exposure_remaining is None
        and caps == (None, None)
        and quantity <= terms.maximum - terms.step
        and needed <= snapshot.equity - CENT
        and (room.smallest is None or quantity * risk + CENT <= room.smallest)
    )


def largest_quantity(view: AccountView, room: Room, context: TradeContext) -> SizeCap:
    """The largest size that passes each rule that depends on size, for sizing inside all limits."""
    unit = trade_for(view, ZERO, context)
    terms, snapshot = unit.terms, view.snapshot
    if terms is None or unit.margin_per_unit is None or snapshot is None:
        return SizeCap(ZERO, "not_known")
    step = terms.step
    caps: list[tuple[Decimal | None, str]] = [(floor_to_step(terms.maximum, step), "lot_max")]
    for most, name in (
        (view.rulebook.quantity_max, "quantity_max"),
        (view.account.quantity_max, "account_quantity_max"),
    ):
        if most is not None:
            caps.append((floor_to_step(most, step), name))
    if unit.risk_per_unit is None:
        caps.append((ZERO, "risk_unknown"))
    elif room.smallest is not None:
        caps.append((largest_multiple(room.smallest, unit.risk_per_unit, step), room.binding))
    free = _margin_free(view, room, context)
    caps.append((largest_multiple(free, unit.margin_per_unit, step), "margin_level"))
    if context.exposure_remaining is not None:
        per_unit = context.notional_book
        exposure = (
            ZERO
            if per_unit is None
            else largest_multiple(context.exposure_remaining, per_unit, step)
        )
        caps.append((exposure, "exposure_cap"))
    known = [SizeCap(cap, name) for cap, name in caps if cap is not None]
    return min(known, key=_cap_quantity)


def _cap_quantity(cap: SizeCap) -> Decimal:
    return cap.quantity


def order_limit(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> Refusal | None:
    """Open orders and size of one order against the account's own limits."""
    orders_max, quantity_max = view.account.orders_max, view.account.quantity_max
    if orders_max is not None and view.ledger.open_orders >= orders_max:
        after = view.ledger.open_orders + 1
        return refuse(
            Rule.ORDER_LIMIT,
            view,
            {"open_orders_after": str(after), "orders_max": str(orders_max)},
            f"{after - orders_max} fewer open orders before the trade",
        )
    if quantity_max is not None and trade.quantity > quantity_max:
        return refuse(Rule.ORDER_LIMIT, view, *explain_quantity(quantity_max, trade))
    return None


def exposure(view: AccountView, trade: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    """Notional against what the book-wide cap of the symbol leaves."""
    remaining = context.exposure_remaining
    per_unit = context.notional_book
    if remaining is None or per_unit is None:
        return None
    # What remains is whole hundredths, so rounding the notional up would change nothing here.
    if trade.quantity * per_unit <= remaining:
        return None
    notional, currency = money_up(trade.quantity * per_unit), context.book_currency
    return refuse(
        Rule.EXPOSURE_CAP,
        view,
        {
            "symbol": trade.symbol,
            f"notional_{currency}": plain(notional),
            f"exposure_remaining_{currency}": plain(remaining),
            f"exposure_max_{currency}": plain(context.policy.exposure_max or ZERO),
        },
        size_at_most(
            remaining,
            per_unit,
            trade.terms,
            f"an exposure_max larger by at least {plain(notional - remaining)} {currency}",
        ),
    )


def risk_budget(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> Refusal | None:
    """Loss at the stop against the smallest room; unknown is refused."""
    smallest = room.smallest
    if trade.risk is not None and (
        smallest is None or (trade.risk <= smallest and not room.unknown)
    ):
        return None
    if trade.terms is None or trade.conversion is None or view.snapshot is None:
        return None
    name = room.binding or "risk"
    clause = clause_of(view.rulebook, name) if name in _FIRM_LIMITS else ""
    explained = explain_room(name, smallest, view, trade, room, context)
    return refuse(Rule.RISK_BUDGET, view, *explained, clause)


def margin_level(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> Refusal | None:
    """Equity over all margin with the trade against the smallest level."""
    snapshot = view.snapshot
    required, level_min = trade.margin, context.margin_level_min
    if required is None or snapshot is None:
        return None
    margin = room.margin_committed + required
    if snapshot.equity >= level_min * margin:
        return None
    currency = view.account.currency
    equity = plain(money_up(level_min * margin))
    need = f"equity of at least {equity} {currency}"
    size = size_at_most(_margin_free(view, room, context), trade.margin_per_unit, trade.terms, "")
    level = money_down(snapshot.equity * 100 / margin) if margin > 0 else ZERO
    return refuse(
        Rule.MARGIN_LEVEL,
        view,
        {
            f"equity_{currency}": plain(snapshot.equity),
            f"margin_used_{currency}": plain(snapshot.margin_used),
            f"margin_reserved_{currency}": plain(view.ledger.reserved_margin),
            f"margin_unconfirmed_{currency}": plain(view.ledger.unconfirmed_margin),
            f"margin_required_{currency}": plain(required),
            "margin_level_after_percent": plain(level),
            "margin_level_min_percent": plain(level_min * 100),
        },
        f"{size}, or {need}" if size else need,
    )


def representable(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> Refusal | None:
    """Within the smallest and largest order, and a whole number of lot steps."""
    terms = trade.terms
    if terms is None or trade.in_lots:
        return None
    quantity = trade.quantity
    step, least = terms.step, max(ceil_to_step(terms.minimum, terms.step), terms.step)
    most = floor_to_step(terms.maximum, step)
    nearest = min(max(floor_to_step(quantity, step), least), most)
    return refuse(
        Rule.SIZE_NOT_REPRESENTABLE,
        view,
        {
            "quantity_base_units": plain(quantity),
            "lot_step_base_units": plain(step),
            "lot_min_base_units": plain(terms.minimum),
            "lot_max_base_units": plain(terms.maximum),
        },
        f"a size of {plain(nearest)} base units",
    )


def conversion(view: AccountView, trade: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    """Fresh quotes must convert to the account's currency, and to the book's under a cap."""
    capped_unknown = context.exposure_remaining is not None and context.notional_book is None
    if trade.conversion is not None and not capped_unknown:
        return None
    source = trade.instrument.quote_currency
    target = view.account.currency if trade.conversion is None else context.book_currency
    return refuse(Rule.CONVERSION_MISSING, view, *why_not_converted(source, target, context))


def _margin_free(view: AccountView, room: Room, context: TradeContext) -> Decimal:
    """Margin (whole hundredths) that a trade may need without falling below the smallest level."""
    snapshot = view.snapshot
    if snapshot is None:
        return ZERO
    allowed = snapshot.equity / context.margin_level_min
    return money_down(allowed - room.margin_committed)


def refuse(
    rule: Rule, view: AccountView, compared: dict[str, str], would_pass: str, clause: str = ""
) -> Refusal:
    """A refusal of the account."""
    return Refusal(
        rule=rule,
        account_id=view.account.account_id,
        compared=compared,
        would_pass=would_pass,
        clause=clause,
    )
