"""Entry prices: on the tick, limits passive, stops and targets toward entry."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stretto.core.sizes.entry import EntryPrices, entry_prices
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import OrderType
from stretto.core.values import Side
from tests.builders import INSTRUMENTS, START, a_quote, a_signal

D = Decimal
QUOTE = a_quote("EURUSD", START)


def prices(**changes: Any) -> EntryPrices | Refusal:
    return entry_prices(a_signal(**changes), INSTRUMENTS["EURUSD"], QUOTE)


@pytest.mark.parametrize(
    ("side", "entry", "stop"), [(Side.BUY, "1.1001", "1.0971"), (Side.SELL, "1.1", "1.103")]
)
def test_a_market_entry_is_reckoned_at_its_touch(side: Side, entry: str, stop: str) -> None:
    found = prices(side=side)
    assert found == EntryPrices(D(entry), None, None, D(stop), None)


def test_off_the_tick_everything_rounds_to_its_safe_side() -> None:
    buy = prices(
        order_type=OrderType.STOP_LIMIT, limit_price=D("1.101237"), stop_price=D("1.101111"),
        stop_distance=None, stop_loss=D("1.098763"), take_profit=D("1.104999"),
    )  # fmt: skip
    assert buy == EntryPrices(
        entry=D("1.10123"), limit_price=D("1.10123"), stop_price=D("1.10112"),
        stop_loss=D("1.09877"), take_profit=D("1.10499"),
    )  # fmt: skip
    sell = prices(
        side=Side.SELL, order_type=OrderType.STOP_LIMIT, limit_price=D("1.098763"),
        stop_price=D("1.099999"), stop_distance=None, stop_loss=D("1.104999"),
        take_profit=D("1.095551"),
    )  # fmt: skip
    assert sell == EntryPrices(
        entry=D("1.09877"), limit_price=D("1.09877"), stop_price=D("1.09999"),
        stop_loss=D("1.10499"), take_profit=D("1.09556"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"stop_distance": D("0.000001")}, Rule.STOP_ON_WRONG_SIDE),
        ({"take_profit": D("1.100104")}, Rule.TARGET_ON_WRONG_SIDE),
    ],
)
def test_a_distance_that_rounding_takes_away_is_refused(
    changes: dict[str, Any], rule: Rule
) -> None:
    found = prices(**changes)
    assert isinstance(found, Refusal)
    assert found.rule is rule
    assert found.compared["tick"] == "0.00001"
    assert found.would_pass
