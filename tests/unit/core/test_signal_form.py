"""A signal names just the prices that its order type uses: any other is refused at the door."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import OrderType
from stretto.core.terms.signal import judge_form
from tests.builders import a_signal

USES = {
    OrderType.MARKET: set[str](),
    OrderType.LIMIT: {"limit_price"},
    OrderType.STOP: {"stop_price"},
    OrderType.STOP_LIMIT: {"limit_price", "stop_price"},
}


@pytest.mark.parametrize(
    ("order_type", "limited", "stopped"), list(product(OrderType, (0, 1), (0, 1)))
)
def test_prices_fit_the_order_type(order_type: OrderType, limited: int, stopped: int) -> None:
    prices: dict[str, Any] = {"limit_price": Decimal("1.05")} if limited else {}
    prices |= {"stop_price": Decimal("1.2")} if stopped else {}
    refusal = judge_form(a_signal(order_type=order_type, **prices))
    if set(prices) == USES[order_type]:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.rule in (Rule.PRICE_REQUIRED, Rule.MALFORMED)
        assert refusal.would_pass
