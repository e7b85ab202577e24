"""How far beyond the touch an entry may fill: what bounds the order also counts as its risk.

A market entry's worst permitted price is the touch at intake plus ``max_slippage``, or, where the
signal states none, the touch at release plus the policy's default. The order carries that bound to
the venue. A stop entry fills like a market order once it is triggered; no venue promises a bound
there, and the same allowance is reckoned. A limit is its own worst price. Knows no account.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core.terms.market import Instrument
from stretto.core.terms.policy import Policy
from stretto.core.terms.report import OrderType
from stretto.core.terms.signal import Signal
from stretto.core.values import PPM, ZERO, floor_to_step


def slippage_allowed(
    signal: Signal, entry: Decimal, instrument: Instrument, policy: Policy
) -> Decimal:
    """Price (quote currency per base unit, ≥ 0) that a fill may be worse than ``entry``."""
    if signal.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return ZERO
    if signal.max_slippage is not None:
        return signal.max_slippage * instrument.pip
    share = entry * policy.slippage_default / PPM
    return max(instrument.tick, floor_to_step(share, instrument.tick))
