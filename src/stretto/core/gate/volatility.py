"""How far a price may move in a time, from its volatility. Knows nothing of trades or accounts."""

from __future__ import annotations

from decimal import Decimal
from math import isqrt

from stretto.core.values import NS_PER_S

_MINUTE_NS = 60 * NS_PER_S
_PPB = Decimal("1e-9")


def three_sigma(price: Decimal, volatility_ppm: int, hold_ns: int) -> Decimal:
    """3 σ of the price change over ``hold_ns``, in price units, rounded up at 1e-9 of the price.

    ``volatility_ppm`` is σ per minute in 1e-6 of the price; variance grows with time, so σ over the
    hold is σ √(hold / 60 s). In whole numbers: 3 σ is ⌈√(9 σ² 10⁶ hold / 60 s)⌉ in 1e-9 of price.
    """
    variance = -(-9 * volatility_ppm * volatility_ppm * 1_000_000 * hold_ns // _MINUTE_NS)
    root = isqrt(variance)
    if root * root < variance:
        root += 1
    return price * root * _PPB
