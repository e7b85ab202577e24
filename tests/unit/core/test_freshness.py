"""Money is converted and positions are marked at quotes as fresh as the traded symbol's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core.gate.eligibility import all_refusals, judge_account
from stretto.core.gate.freshness import why_not_marked
from stretto.core.gate.risk import open_risk, room
from stretto.core.gate.trade import AccountView, TradeContext, trade_for
from stretto.core.terms.account import Ledger
from stretto.core.terms.market import Reads, conversion_rate, conversion_symbols
from stretto.core.terms.policy import Policy
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.values import NS_PER_S, iso
from tests.unit.core.trade_samples import (
    AT,
    DAILY,
    INSTRUMENTS,
    QUOTES,
    RULEBOOK,
    STATISTICS,
    account,
    anchor,
    context,
    position,
    quote,
    view,
)

S = NS_PER_S
POUNDS = view(account=account(currency="GBP"))
LIMITED = replace(RULEBOOK, daily_loss=DAILY)


def aged(symbol: str, age_ns: int, **changes: Any) -> TradeContext:
    """The context with one quote ``age_ns`` old."""
    quotes = QUOTES | {symbol: replace(QUOTES[symbol], at=AT - age_ns)}
    return context(reads=Reads(quotes=quotes, statistics=STATISTICS), **changes)


def judged(of: AccountView, within: TradeContext) -> Refusal | None:
    made, space = trade_for(of, Decimal(1_000), within), room(of, within)
    refusal = judge_account(of, made, space, within)
    every = all_refusals(of, made, space, within)
    assert refusal == (every[0] if every else None)
    return refusal


def test_a_conversion_rests_on_a_fresh_quote() -> None:
    assert judged(POUNDS, aged("GBPUSD", 60 * S)) is None
    refusal = judged(POUNDS, aged("GBPUSD", 60 * S + 1))
    assert refusal is not None
    assert refusal.rule is Rule.CONVERSION_MISSING
    assert refusal.compared == {
        "from": "USD",
        "to": "GBP",
        "rate": "stale",
        "symbol": "GBPUSD",
        "tick_at": iso(AT - 60 * S - 1),
        "now": iso(AT),
        "tick_age_ns_max": str(60 * S),
    }
    assert refusal.would_pass == f"a tick of GBPUSD at or after {iso(AT - 60 * S)}"


def test_the_age_is_the_policys_and_a_closed_session_excuses_nothing() -> None:
    hour = Policy(tick_age_ns_max=3_600 * S)
    assert judged(POUNDS, aged("GBPUSD", 3_600 * S, policy=hour)) is None
    # Of the session only the traded symbol's is asked; the other's quote is as old as it is.
    refusal = judged(POUNDS, aged("GBPUSD", 61 * S))
    assert refusal is not None
    assert refusal.rule is Rule.CONVERSION_MISSING


def test_a_cap_is_reckoned_at_a_fresh_rate_too() -> None:
    capped = aged("GBPUSD", 61 * S, book_currency="GBP", exposure_remaining=Decimal(10**6))
    refusal = judged(view(), capped)
    assert refusal is not None
    assert refusal.rule is Rule.CONVERSION_MISSING
    assert refusal.compared["rate"] == "stale"


def held(**changes: Any) -> AccountView:
    mine = position("1000", symbol="GBPUSD", stop_loss=Decimal("1.60"))
    return view(positions=(mine,), rulebook=LIMITED, ledger=Ledger(anchor=anchor()), **changes)


def test_a_position_is_marked_at_a_fresh_quote() -> None:
    assert open_risk(held(), aged("GBPUSD", 60 * S)) is not None
    stale = aged("GBPUSD", 60 * S + 1)
    assert open_risk(held(), stale) is None
    refusal = judged(held(), stale)
    assert refusal is not None
    assert refusal.rule is Rule.FIRM_RULE
    assert refusal.compared["missing"] == "open_risk"
    assert refusal.compared["unmarked_symbol"] == "GBPUSD"
    assert refusal.compared["tick_at"] == iso(AT - 60 * S - 1)
    assert refusal.would_pass == f"a tick of GBPUSD at or after {iso(AT - 60 * S)}"


@pytest.mark.parametrize(
    ("changes", "key", "value", "need"),
    [
        ({"symbol": "USDJPY"}, "tick_at", "never", "a quote of USDJPY"),
        ({"stop_loss": None}, "volatility", "unknown", "a stop, or market statistics of GBPUSD"),
    ],
)
def test_what_a_mark_lacks_is_named(
    changes: dict[str, Any], key: str, value: str, need: str
) -> None:
    mine = replace(position("1000", "GBPUSD", stop_loss=Decimal(1)), **changes)
    refusal = judged(view(positions=(mine,), rulebook=LIMITED), context())
    assert refusal is not None
    assert refusal.compared[key] == value
    assert refusal.would_pass == need


def test_a_mark_without_its_rate_names_the_rate() -> None:
    """The rate of the trade itself is asked for first; a held symbol may need another one."""
    yen = replace(STATISTICS["EURUSD"], symbol="USDJPY")
    quotes = QUOTES | {"USDJPY": quote("USDJPY", "102.00", "102.02", AT - 61 * S)}
    stale = context(reads=Reads(quotes=quotes, statistics=STATISTICS | {"USDJPY": yen}))
    refusal = judged(view(positions=(position("1", "USDJPY"),), rulebook=LIMITED), stale)
    assert refusal is not None
    assert (refusal.rule, refusal.compared["symbol"]) == (Rule.FIRM_RULE, "USDJPY")
    compared, need = why_not_marked("EURUSD", "JPY", True, stale)
    assert (compared["unmarked_symbol"], compared["rate"]) == ("EURUSD", "stale")
    assert need == f"a tick of USDJPY at or after {iso(AT - 60 * S)}"


def test_the_way_of_a_conversion() -> None:
    quotes = QUOTES | {"USDJPY": quote("USDJPY", "102.00", "102.02")}
    assert conversion_symbols("USD", "USD", quotes, INSTRUMENTS) == ()
    assert conversion_symbols("EUR", "USD", quotes, INSTRUMENTS) == ("EURUSD",)
    assert conversion_symbols("JPY", "GBP", quotes, INSTRUMENTS) == ("USDJPY", "GBPUSD")
    assert conversion_symbols("JPY", "CHF", quotes, INSTRUMENTS) is None
    rate = conversion_rate("JPY", "GBP", quotes, INSTRUMENTS)
    assert rate == (1 / quotes["USDJPY"].mid) * (1 / quotes["GBPUSD"].mid)
