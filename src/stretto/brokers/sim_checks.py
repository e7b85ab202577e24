"""Why the simulated venue refuses an order on arrival, in a fixed precedence.

Each check sees the order, its account and the market at that instant. Knows nothing of matching.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.brokers.sim_book import VenueAccount, VenueOrder, VenuePosition, touch
from stretto.brokers.sim_config import RejectCode, SimVenueConfig
from stretto.core.terms.account import SymbolTerms
from stretto.core.terms.market import Quote
from stretto.core.terms.report import OrderRole, OrderType
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import PPM, ZERO, Side, is_multiple


def refused_by_form(
    order: VenueOrder, venue_symbol: str, account: VenueAccount, config: SimVenueConfig
) -> RejectCode | None:
    """What is wrong with the order whatever the market does."""
    if not account.tradable:
        return RejectCode.ACCOUNT_DISABLED
    terms = account.config.symbols.get(order.symbol)
    if terms is None or terms.venue_symbol != venue_symbol:
        return RejectCode.UNKNOWN_SYMBOL
    if _lacks_price(order) or not _is_offered(order, config.capabilities):
        return RejectCode.INVALID_ORDER
    if order.role is not OrderRole.ENTRY and not order.closes:
        return RejectCode.INVALID_ORDER  # which of the positions is meant?
    if order.closes:
        held = account.positions.get(order.closes)
        if held is None:
            return RejectCode.POSITION_GONE
        if held.symbol != order.symbol or held.side is order.side:
            return RejectCode.INVALID_ORDER
        if not _is_volume(order.quantity, terms) or order.quantity > held.quantity:
            return RejectCode.INVALID_VOLUME
    elif not _is_volume(order.quantity, terms) or not (
        terms.minimum <= order.quantity <= terms.maximum
    ):
        return RejectCode.INVALID_VOLUME
    if account.working >= config.orders_working_max and not order.closes:
        return RejectCode.TOO_MANY_ORDERS
    return None


def refused_by_chance(
    order: VenueOrder, config: SimVenueConfig, draw_64: int, requote_draw_64: int
) -> RejectCode | None:
    """The refusals that no sender can foresee, in the configured shares."""
    place = draw_64 * PPM >> 64
    for code in sorted(config.reject_ppm):
        place -= config.reject_ppm[code]
        if place < 0:
            return code
    if order.order_type is OrderType.MARKET and requote_draw_64 * PPM >> 64 < config.requote_ppm:
        return RejectCode.PRICE_CHANGED
    return None


def refused_by_market(
    order: VenueOrder, quote: Quote, stop_distance_min: Decimal, tick: Decimal
) -> RejectCode | None:
    """Prices off the tick, stops on the wrong side or too near, and a market that moved away."""
    if not all(is_multiple(price, tick) for price in _prices(order)):
        return RejectCode.INVALID_ORDER
    if not _stops_fit(order, quote, stop_distance_min):
        return RejectCode.INVALID_STOPS
    if order.order_type is OrderType.MARKET and beyond(order, touch(order.side, quote)):
        return RejectCode.PRICE_CHANGED
    return None


def refused_replace(
    order: VenueOrder, account: VenueAccount, config: SimVenueConfig, tick: Decimal
) -> RejectCode | None:
    """What is wrong with an order as a replace would have it; a quantity of no more than what is
    filled ends it and is nothing wrong.
    """
    if not config.capabilities.replaces_orders:
        return RejectCode.NOT_SUPPORTED
    if not account.tradable:
        return RejectCode.ACCOUNT_DISABLED
    if _lacks_price(order) or not all(is_multiple(price, tick) for price in _prices(order)):
        return RejectCode.INVALID_ORDER
    terms = account.config.symbols[order.symbol]
    most = terms.maximum
    if order.closes:
        held = account.positions.get(order.closes)
        if held is None:
            return RejectCode.POSITION_GONE
        most = order.filled + held.quantity
    if not _is_volume(order.quantity, terms) or order.quantity > most:
        return RejectCode.INVALID_VOLUME
    return None


def refused_protection(
    held: VenuePosition,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    quote: Quote,
    distance_min: Decimal,
    tick: Decimal,
) -> RejectCode | None:
    """What is wrong with levels for a position that is open."""
    prices = [price for price in (stop_loss, take_profit) if price is not None]
    if not all(p.is_finite() and p > 0 and is_multiple(p, tick) for p in prices):
        return RejectCode.INVALID_ORDER
    leave_at = touch(held.side.opposite, quote)
    if not _levels_fit(held.side, leave_at, stop_loss, take_profit, distance_min):
        return RejectCode.INVALID_STOPS
    return None


def beyond(order: VenueOrder, price: Decimal) -> bool:
    """True where ``price`` is worse than the worst one that a market order may take."""
    bound = order.slippage_bound
    if bound is None:
        return False
    return price > bound if order.side is Side.BUY else price < bound


def _stops_fit(order: VenueOrder, quote: Quote, distance_min: Decimal) -> bool:
    """Stop and target stand on their sides of the price at which the position could be left: the
    other side of the quote for a market order, the order's own price for a pending one.
    """
    if order.order_type is OrderType.MARKET:
        leave_at = quote.bid if order.side is Side.BUY else quote.ask
    elif order.order_type is OrderType.STOP:
        leave_at = order.stop_price or ZERO
    else:
        leave_at = order.limit_price or ZERO
    return _levels_fit(order.side, leave_at, order.stop_loss, order.take_profit, distance_min)


def _levels_fit(
    side: Side,
    leave_at: Decimal,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    distance_min: Decimal,
) -> bool:
    sign = side.sign
    if stop_loss is not None:
        away = (leave_at - stop_loss) * sign
        if away <= 0 or away < distance_min:
            return False
    if take_profit is not None:
        away = (take_profit - leave_at) * sign
        if away <= 0 or away < distance_min:
            return False
    return True


def _is_offered(order: VenueOrder, capabilities: VenueCapabilities) -> bool:
    """True where the venue knows such orders."""
    if order.time_in_force not in capabilities.times_in_force:
        return False
    if capabilities.numeric_ids and not order.client_order_id.isdecimal():
        return False
    return capabilities.attached_stops or (order.stop_loss is None and order.take_profit is None)


def _is_volume(quantity: Decimal, terms: SymbolTerms) -> bool:
    return quantity.is_finite() and quantity > 0 and is_multiple(quantity, terms.step)


def _lacks_price(order: VenueOrder) -> bool:
    """A price that its type needs is missing, or one is no positive number."""
    if order.limit_price is None and order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return True
    if order.stop_price is None and order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT):
        return True
    return not all(price.is_finite() and price > 0 for price in _prices(order))


def _prices(order: VenueOrder) -> list[Decimal]:
    """Every price that the order states."""
    stated = (order.limit_price, order.stop_price, order.stop_loss, order.take_profit)
    return [price for price in stated if price is not None]
