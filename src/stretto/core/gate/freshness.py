"""Which quotes may convert money or mark positions, and what is missing where none may.

As fresh as the traded symbol has to be (DESIGN §4.2), whether the quote's own session is open or
not: a rate that stands still while its market is closed is not known, and unknown means no. Knows
no account and no rule.
"""

from __future__ import annotations

from stretto.core.gate.trade import Mark, TradeContext
from stretto.core.terms.market import conversion_symbols
from stretto.core.values import iso

Missing = tuple[dict[str, str], str]
"""Numbers compared, and the smallest change that would pass."""


def why_not_converted(source: str, target: str, context: TradeContext) -> Missing:
    """Why no fresh quote converts ``source`` to ``target``."""
    compared = {"from": source, "to": target}
    symbols = conversion_symbols(source, target, context.reads.quotes, context.instruments)
    stale = [name for name in symbols or () if name not in context.quotes]
    if not stale:
        return compared | {"rate": "none"}, f"a quote that converts {source} to {target}"
    numbers, need = _stale(stale[0], context)
    return compared | {"rate": "stale"} | numbers, need


def why_not_marked(symbol: str, currency: str, has_stop: bool, context: TradeContext) -> Missing:
    """Why a position in ``symbol`` cannot be marked in ``currency``."""
    compared = {"unmarked_symbol": symbol}
    instrument = context.instruments.get(symbol)
    if instrument is None or symbol not in context.reads.quotes:
        return compared | {"tick_at": "never"}, f"a quote of {symbol}"
    if symbol not in context.quotes:
        numbers, need = _stale(symbol, context)
        return compared | numbers, need
    mark = context.mark(symbol, currency)
    if mark is None:
        numbers, need = why_not_converted(instrument.quote_currency, currency, context)
        return compared | numbers, need
    if blind(mark, has_stop):
        return compared | {"volatility": "unknown"}, f"a stop, or market statistics of {symbol}"
    return compared, f"a quote of {symbol}"


def blind(mark: Mark | None, has_stop: bool) -> bool:
    """True where a position cannot be marked: no fresh quote, no rate, or neither stop nor σ."""
    return mark is None or (not has_stop and mark.hold_distance is None)


def _stale(symbol: str, context: TradeContext) -> Missing:
    oldest = context.at - context.policy.tick_age_ns_max
    return {
        "symbol": symbol,
        "tick_at": iso(context.reads.quotes[symbol].at),
        "now": iso(context.at),
        "tick_age_ns_max": str(context.policy.tick_age_ns_max),
    }, f"a tick of {symbol} at or after {iso(oldest)}"
