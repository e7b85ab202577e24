"""The prices of an entry: rounded to the tick, and still where they belong after it (DESIGN §4.5).

Limits round passively, stops and targets toward entry; sizes follow from what comes out here. Knows
no account.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from stretto.core.sizes.sizing import round_limit_price, round_stop, round_take_profit
from stretto.core.terms.market import Instrument, Quote
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Signal, reference_price
from stretto.core.values import Side, ceil_to_step, floor_to_step


class EntryPrices(NamedTuple):
    """Quote currency per base unit. ``entry`` is the price the trade is reckoned at."""

    entry: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None


def entry_prices(signal: Signal, instrument: Instrument, quote: Quote) -> EntryPrices | Refusal:
    """The signal's prices on the tick grid, or the refusal where rounding leaves no distance."""
    tick, side = instrument.tick, signal.side
    limit = stop = stop_loss = take_profit = None
    if signal.limit_price is not None:
        limit = round_limit_price(signal.limit_price, side, tick)
    if signal.stop_price is not None:
        rounded = ceil_to_step if side is Side.BUY else floor_to_step
        stop = rounded(signal.stop_price, tick)
    entry = limit or stop or reference_price(signal, quote)
    if signal.stop_loss is not None:
        stop_loss = round_stop(signal.stop_loss, side, tick)
    elif signal.stop_distance is not None:
        stop_loss = round_stop(entry - side.sign * signal.stop_distance, side, tick)
    if signal.take_profit is not None:
        take_profit = round_take_profit(signal.take_profit, side, tick)
    if stop_loss is not None and ((entry - stop_loss) * side.sign <= 0 or stop_loss <= 0):
        return _too_close(Rule.STOP_ON_WRONG_SIDE, "stop_loss", stop_loss, entry, tick)
    if take_profit is not None and (take_profit - entry) * side.sign <= 0:
        return _too_close(Rule.TARGET_ON_WRONG_SIDE, "take_profit", take_profit, entry, tick)
    return EntryPrices(entry, limit, stop, stop_loss, take_profit)


def _too_close(rule: Rule, name: str, price: Decimal, entry: Decimal, tick: Decimal) -> Refusal:
    return Refusal(
        rule=rule,
        compared={"entry": str(entry), f"{name}_on_the_tick_grid": str(price), "tick": str(tick)},
        would_pass=f"a {name} at least {tick} from {entry}",
    )
