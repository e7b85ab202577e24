"""Instruments by name, and whether money can be converted with them.

Knows the conventions of six-letter symbols; nothing of quotes or accounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from stretto.core.terms.market import Instrument

_PAIR = re.compile(r"^[A-Z]{6}\Z")
# Quoted with two decimals in the pip: their unit is worth about a hundredth of the others'.
_COARSE_QUOTES = frozenset({"JPY", "HUF", "ISK", "KRW", "IDR"})


def instrument_of(symbol: str) -> Instrument | None:
    """The instrument that a six-letter symbol names by convention, or None.

    Currency pairs have pips of 0.0001 and ticks of 0.00001 (yen and the like: 0.01 and 0.001);
    gold and silver (XAU, XAG) pips of 0.01 and ticks of 0.001.
    """
    if not _PAIR.match(symbol) or symbol[:3] == symbol[3:]:
        return None
    coarse = symbol[3:] in _COARSE_QUOTES or symbol[:3] in ("XAU", "XAG")
    return Instrument(
        symbol=symbol,
        base_currency=symbol[:3],
        quote_currency=symbol[3:],
        pip=Decimal("0.01") if coarse else Decimal("0.0001"),
        tick=Decimal("0.001") if coarse else Decimal("0.00001"),
    )


def contract_size_of(symbol: str) -> Decimal:
    """Base units of one standard lot: 100 ounces of gold, 5,000 of silver, else 100,000."""
    return Decimal({"XAU": 100, "XAG": 5_000}.get(symbol[:3], 100_000))


def converts(source: str, target: str, instruments: Iterable[Instrument]) -> bool:
    """True where ``core.terms.market.conversion_rate`` finds a way once all are quoted: the same
    currency, direct, inverse, or over one other.
    """
    if source == target:
        return True
    pairs = {frozenset((each.base_currency, each.quote_currency)) for each in instruments}
    if frozenset((source, target)) in pairs:
        return True
    from_source = {currency for pair in pairs if source in pair for currency in pair - {source}}
    return any(frozenset((currency, target)) in pairs for currency in sorted(from_source))
