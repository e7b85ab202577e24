"""What the fills of an execution come to over its accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stretto.views.aggregation import aggregate

ZERO = Decimal(0)


def a_row(account_id: str, filled: int, price: str, **changes: Any) -> dict[str, Any]:
    row = {
        "account_id": account_id,
        "side": "sell",
        "filled_quantity": Decimal(filled),
        "overfilled_quantity": ZERO,
        "notional": Decimal(filled) * Decimal(price),
        "arrival_price": Decimal("1.1000"),
        "pip": Decimal("0.0001"),
        "fees": Decimal(2),
        "fills": 3,
    }
    return {**row, **changes}


@pytest.mark.requirement("R4.5")
def test_price_and_slippage_weigh_by_volume_and_fees_stay_in_their_currency() -> None:
    rows = [
        a_row("a0", 30_000, "1.0998"),
        a_row("a1", 10_000, "1.1002", overfilled_quantity=ZERO),
        a_row("a2", 0, "0", fees=ZERO, fills=0, arrival_price=None),
    ]
    found = aggregate(rows, {"a0": "USD", "a1": "EUR"})
    assert (found.fills, found.quantity) == (6, Decimal(40_000))
    assert found.price == Decimal("1.0999")
    assert found.slippage_pips == Decimal(1), "three quarters 2 worse, a quarter 2 better"
    assert found.fees == {"USD": Decimal(2), "EUR": Decimal(2)}


@pytest.mark.requirement("R4.5")
def test_what_filled_beyond_the_intended_counts_and_nothing_is_made_up() -> None:
    over = a_row("a0", 20_000, "1.1", filled_quantity=Decimal(15_000))
    found = aggregate([over | {"overfilled_quantity": Decimal(5_000)}], {"a0": "USD"})
    assert (found.quantity, found.price) == (Decimal(20_000), Decimal("1.1"))
    unknown = aggregate([a_row("a0", 1_000, "1.1"), a_row("a1", 1_000, "1.1", pip=None)], {})
    assert unknown.slippage_pips is None
    nothing = aggregate([], {})
    assert (nothing.price, nothing.slippage_pips, nothing.fees) == (None, None, {})
