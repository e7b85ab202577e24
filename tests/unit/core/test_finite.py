"""Numbers from outside are finite where they enter: a NaN is refused before it is compared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stretto.core.errors import InvalidInput
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.market import Quote


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("name", ["balance", "equity", "margin_used"])
def test_a_snapshot_holds_only_finite_money(name: str, text: str) -> None:
    money: dict[str, Any] = {"balance": Decimal(1), "equity": Decimal(1), "margin_used": Decimal(0)}
    money[name] = Decimal(text)
    with pytest.raises(InvalidInput, match=name):
        AccountSnapshot(account_id="a", at=1, **money)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "0", "-1"])
def test_a_quote_holds_only_prices_above_zero(text: str) -> None:
    with pytest.raises(InvalidInput, match="EURUSD"):
        Quote(symbol="EURUSD", at=1, bid=Decimal(text), ask=Decimal(1))
    with pytest.raises(InvalidInput, match="EURUSD"):
        Quote(symbol="EURUSD", at=1, bid=Decimal(1), ask=Decimal(text))
