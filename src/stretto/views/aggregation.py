"""What the fills of one execution come to over its accounts: quantity, price, slippage, fees.

From rows of ``execution_results``. Never writes. Knows nothing of single fills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from stretto.core.values import ZERO, Side

_PRICE_STEP = Decimal("0.0000000001")
_PIP_STEP = Decimal("0.0001")


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """``quantity`` base units with what filled beyond the intended; ``price`` volume-weighted;
    ``slippage_pips`` against the touch at the decision, positive where worse, weighted by quantity;
    ``fees`` by account currency, never added up. None where nothing filled.
    """

    fills: int
    quantity: Decimal
    price: Decimal | None
    slippage_pips: Decimal | None
    fees: dict[str, Decimal]


def aggregate(rows: Sequence[dict[str, Any]], currencies: Mapping[str, str]) -> Aggregate:
    """Over the allocations of one execution; ``currencies`` by account."""
    quantity = notional = worse = ZERO
    is_known = True
    fees: dict[str, Decimal] = {}
    for row in rows:
        filled = row["filled_quantity"] + row["overfilled_quantity"]
        quantity += filled
        notional += row["notional"]
        if filled > 0 and (row["arrival_price"] is None or row["pip"] is None):
            is_known = False
        elif filled > 0:
            against = row["notional"] - row["arrival_price"] * filled
            worse += against * Side(row["side"]).sign / row["pip"]
        if row["fees"]:
            currency = currencies.get(row["account_id"], "")
            fees[currency] = fees.get(currency, ZERO) + row["fees"]
    has_filled = quantity > 0
    return Aggregate(
        fills=sum(row["fills"] for row in rows),
        quantity=quantity,
        price=(notional / quantity).quantize(_PRICE_STEP) if has_filled else None,
        slippage_pips=(worse / quantity).quantize(_PIP_STEP) if has_filled and is_known else None,
        fees=fees,
    )
