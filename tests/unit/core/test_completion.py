"""The choice among the five strategies, in its order and with its numbers; the estimate."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core.limits import COMPLETION_TRADES_MAX
from stretto.core.orders.completion import (
    Completion,
    Situation,
    Strategy,
    choose,
    fill_probability,
    first_wait_ns,
    is_liquid,
    patience_factor,
)
from stretto.core.terms.market import MarketStatistics
from stretto.core.terms.policy import COMPLETION_POLICY as POLICY
from stretto.core.terms.signal import Urgency
from stretto.core.values import PPM, Side
from tests.builders import START, S, a_quote

LOW, NORMAL, HIGH, IMMEDIATE = Urgency.LOW, Urgency.NORMAL, Urgency.HIGH, Urgency.IMMEDIATE


def a_situation(**changes: Any) -> Situation:
    situation = Situation(
        urgency=NORMAL,
        is_liquid=True,
        filled=400_000,
        remainder=Decimal(6_000),
        minimum=Decimal(1_000),
        age_ns=5 * S,
        may_modify=True,
        may_replace=True,
        done=Completion(since=START),
    )
    done = {name: changes.pop(name) for name in list(changes) if hasattr(situation.done, name)}
    return situation._replace(done=msgspec.structs.replace(situation.done, **done), **changes)


@pytest.mark.requirement("R4.2", "R4.3", "R4.4")
@pytest.mark.parametrize(
    ("situation", "strategy", "reason", "wait_s"),
    [
        # urgency high and market liquid: modify, at most 3 times
        (a_situation(urgency=HIGH), Strategy.MODIFY, "urgent_and_liquid", 10),
        (a_situation(urgency=IMMEDIATE, modifies=2), Strategy.MODIFY, "urgent_and_liquid", 10),
        (a_situation(urgency=HIGH, modifies=3), Strategy.WAIT, "time_left", 120),
        (a_situation(urgency=HIGH, is_liquid=False), Strategy.WAIT, "time_left", 120),
        (a_situation(urgency=HIGH, may_modify=False), Strategy.WAIT, "time_left", 120),
        # ... before anything else is looked at
        (a_situation(urgency=HIGH, filled=900_000), Strategy.MODIFY, "urgent_and_liquid", 10),
        # urgency low and illiquid: wait 300 s, 3 times, then accept
        (a_situation(urgency=LOW, is_liquid=False), Strategy.WAIT, "patient_and_illiquid", 300),
        (
            a_situation(urgency=LOW, is_liquid=False, waits=2, age_ns=900 * S, filled=900_000),
            Strategy.WAIT,
            "patient_and_illiquid",
            300,
        ),
        (a_situation(urgency=LOW, is_liquid=False, waits=3), Strategy.ACCEPT, "patience_spent", 10),
        (a_situation(urgency=LOW), Strategy.WAIT, "time_left", 120),
        # more than 80 % filled, or too little left to be an order: accept
        (a_situation(filled=800_000), Strategy.WAIT, "time_left", 120),
        (a_situation(filled=800_001), Strategy.ACCEPT, "nearly_filled", 10),
        (a_situation(remainder=Decimal(1_000)), Strategy.WAIT, "time_left", 120),
        (a_situation(remainder=Decimal(999)), Strategy.ACCEPT, "below_minimum", 10),
        # older than 600 s: another account, once
        (a_situation(age_ns=600 * S), Strategy.WAIT, "time_left", 120),
        (a_situation(age_ns=600 * S + 1), Strategy.REROUTE, "too_old", 10),
        (a_situation(age_ns=600 * S + 1, reroutes=1), Strategy.ACCEPT, "too_old", 10),
        # else wait 120 s, twice, then cancel and replace at market where slippage allows
        (a_situation(waits=1), Strategy.WAIT, "time_left", 120),
        (a_situation(waits=2), Strategy.REPLACE, "waits_spent", 10),
        (a_situation(waits=2, may_replace=False), Strategy.ACCEPT, "slippage_spent", 10),
        (a_situation(waits=2, replaces=1), Strategy.ACCEPT, "replacements_spent", 10),
        # patience multiplies the waits
        (a_situation(patience=1_500_000), Strategy.WAIT, "time_left", 180),
        (a_situation(patience=500_000), Strategy.WAIT, "time_left", 60),
    ],
)
def test_the_first_rule_that_applies_is_chosen(
    situation: Situation, strategy: Strategy, reason: str, wait_s: int
) -> None:
    choice = choose(POLICY, situation)
    assert (choice.strategy, choice.reason, choice.wait_ns) == (strategy, reason, wait_s * S)


@pytest.mark.requirement("R2.4")
def test_patience_halves_a_wait_or_makes_it_half_as_long_again() -> None:
    assert [patience_factor(p) for p in (0, 500_000, PPM)] == [500_000, PPM, 1_500_000]
    assert first_wait_ns(POLICY, NORMAL, PPM) == 120 * S
    assert first_wait_ns(POLICY, HIGH, 1_500_000) == 15 * S


@pytest.mark.requirement("R4.2")
@pytest.mark.parametrize(
    ("spread", "size", "expected"),
    [
        ("0.00015", None, True),
        ("0.00016", None, False),
        ("0.00010", "6000", True),
        ("0.00010", "5999", False),
    ],
)
def test_liquid_is_a_usual_spread_and_a_touch_that_shows_the_rest(
    spread: str, size: str | None, expected: bool
) -> None:
    bid = Decimal("1.10000")
    shown = None if size is None else Decimal(size)
    quote = msgspec.structs.replace(
        a_quote("EURUSD", START), bid=bid, ask=bid + Decimal(spread), ask_size=shown, bid_size=bid
    )
    statistics = MarketStatistics(
        symbol="EURUSD",
        at=START,
        volatility_ppm=50,
        volatility_median_ppm=50,
        spread_median=Decimal("0.0001"),
    )
    rest = Decimal(6_000)
    assert is_liquid(POLICY, quote, statistics, Side.BUY, rest) is expected
    assert not is_liquid(POLICY, None, statistics, Side.BUY, rest), "unknown is not liquid"
    assert not is_liquid(POLICY, quote, None, Side.BUY, rest)
    if size is not None:
        assert not is_liquid(POLICY, quote, statistics, Side.SELL, rest), "the bid shows too little"


@pytest.mark.requirement("R4.1")
def test_how_probably_the_rest_fills_follows_pace_and_size_of_the_trades_so_far() -> None:
    half, whole = Decimal(5_000), Decimal(10_000)
    assert fill_probability(0, Decimal(0), 60 * S, whole, 120 * S) is None
    # one trade needed, one seen in 60 s: 1 - P(none in 120 s) = 1 - 60 / 180
    assert fill_probability(1, half, 60 * S, half, 120 * S) == 666_667
    # two needed, negative binomial: 1 - (1/3 + 1/3 * 2/3)
    assert fill_probability(1, half, 60 * S, whole, 120 * S) == pytest.approx(444_444, abs=2)
    assert fill_probability(1, half, S, half, 3_600 * S) == pytest.approx(PPM, abs=1_000)
    assert fill_probability(2, half, 60 * S, Decimal(0), 120 * S) == PPM
    assert fill_probability(1, Decimal(1), S, Decimal(COMPLETION_TRADES_MAX + 1), S) is None
