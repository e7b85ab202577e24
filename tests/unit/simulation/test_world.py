"""The demo's world: whole, the same everywhere, and with enough in it to see."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from stretto.brokers.sim_config import SimVenueConfig
from stretto.config.instruments import converts
from stretto.core.errors import InvalidInput
from stretto.core.gate.copying import Relation, judge_pair
from stretto.core.terms.account import Account, AccountMode, BarReturn
from stretto.core.terms.market import Bar
from stretto.core.terms.policy import Permission
from stretto.core.terms.report import OrderType
from stretto.core.terms.signal import (
    PerAccount,
    RiskPercent,
    Signal,
    Total,
    judge_form,
    judge_market,
)
from stretto.core.values import NS_PER_S, is_multiple, iso, parse_iso
from stretto.market import FxWeek
from stretto.simulation.world import DemoWorld
from tests.unit.simulation.worlds import SYMBOLS, bars, fingerprint, market, world

RELEASE = parse_iso("2014-05-02T12:30:00Z")


def test_the_same_arguments_make_the_same_world_in_every_process(repository: Path) -> None:
    found = {fingerprint(world())}
    for hash_seed in ("0", "1"):
        result = subprocess.run(
            [sys.executable, "-m", "tests.unit.simulation.worlds"],
            cwd=repository,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"src{os.pathsep}."},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(result.stdout.strip())
    assert len(found) == 1
    assert fingerprint(world(seed=8)) not in found


@pytest.mark.parametrize("count", [1, 2, 5, 12, 13, 400])
def test_a_book_of_any_size_is_whole(count: int) -> None:
    made = world(accounts=count, signals=3)
    config = made.config
    assert len(config.accounts) == len(made.histories) == len(made.opening) == count
    assert {account.venue for account in config.accounts.values()} == set(made.venues)
    assert {account.rulebook for account in config.accounts.values()} == set(config.rulebooks)
    for name, account in config.accounts.items():
        assert name == account.account_id
        assert account.firm == config.rulebooks[account.rulebook].firm
        assert made.opening[name].balance > 0
        assert set(account.symbols) <= set(config.instruments)
        for symbol, terms in account.symbols.items():
            assert is_multiple(terms.lot_min, terms.lot_step)
            quote_currency = config.instruments[symbol].quote_currency
            assert converts(quote_currency, account.currency, config.instruments.values())
    for name, options in made.venues.items():
        assert SimVenueConfig(venue=name, **options).venue == name


@pytest.mark.requirement("P6")
def test_accounts_differ_in_lots_contracts_leverage_and_currency() -> None:
    accounts = list(world().config.accounts.values())
    terms = [account.symbols["EURUSD"] for account in accounts]
    assert len({each.contract_size for each in terms}) == 2
    assert len({each.step for each in terms}) == 2
    assert len({each.margin_rate for each in terms}) >= 4
    assert len({each.venue_symbol for each in terms}) == 2
    assert {account.currency for account in accounts} == {"USD", "EUR", "GBP"}
    assert len({account.profile for account in accounts}) == 12
    assert any(len(account.symbols) < len(SYMBOLS) for account in accounts)


def test_a_currency_that_nothing_converts_to_is_not_used() -> None:
    made = world(symbols=("EURUSD", "NZDUSD"))
    assert {account.currency for account in made.config.accounts.values()} == {"USD", "EUR"}
    made = world(symbols=("EURGBP",))
    assert "USD" not in {account.currency for account in made.config.accounts.values()}
    assert made.config.currency == "GBP"


def test_firms_differ_on_copying_and_owners_feel_it() -> None:
    config = world().config
    stated = {rulebook.copy_within_owner for rulebook in config.rulebooks.values()}
    assert stated == set(Permission)

    def forbidden(first: Account, second: Account) -> bool:
        rules = config.rulebooks
        return (
            judge_pair(
                first, rules[first.rulebook], second, rules[second.rulebook], Relation.SAME_SIGNAL
            )
            is not None
        )

    pairs = list(combinations(config.accounts.values(), 2))
    same_owner = [pair for pair in pairs if pair[0].owner == pair[1].owner]
    assert any(forbidden(*pair) for pair in same_owner)
    assert any(not forbidden(*pair) for pair in same_owner)
    assert any(a.firm != b.firm for a, b in same_owner)
    assert not any(forbidden(a, b) for a, b in pairs if a.owner != b.owner)


def test_some_accounts_are_in_trouble_where_there_are_enough() -> None:
    made = world()
    modes = Counter(account.mode for account in made.config.accounts.values())
    assert modes[AccountMode.SUSPENDED] == modes[AccountMode.CLOSE_ONLY] == 1
    rates = [account.symbols["EURUSD"].margin_rate for account in made.config.accounts.values()]
    assert max(rates) * 2 == 1
    used = {
        name: 1 - float(made.opening[name].balance / account.initial_balance)
        for name, account in made.config.accounts.items()
    }
    assert sorted(round(each, 3) for each in used.values())[-2:] == [0.06, 0.4]
    few = world(accounts=5)
    assert {account.mode for account in few.config.accounts.values()} == {AccountMode.ACTIVE}


# --- the past


def correlations(histories: dict[str, tuple[BarReturn, ...]]) -> list[float]:
    rows = np.array([[bar.return_ppb for bar in each] for each in histories.values()], float)
    matrix = np.corrcoef(rows)
    return [abs(float(matrix[i, j])) for i, j in combinations(range(len(rows)), 2)]


def test_a_few_pairs_of_accounts_are_the_same_bet_and_most_are_not() -> None:
    for count, least, most in ((12, 2, 12), (120, 40, 400)):
        found = correlations(world(accounts=count, signals=0).histories)
        above = sum(each > 0.7 for each in found)
        assert least <= above <= most, (count, above)


def test_the_past_moves_like_accounts_do() -> None:
    for history in world().histories.values():
        assert len(history) == 60
        deviation = np.std([bar.return_ppb for bar in history]) / 1e9
        assert 0.002 < deviation < 0.02
        days = [bar.day for bar in history]
        assert days == sorted(set(days))
        assert days[-1] < "2014-05-02"


def test_no_bar_from_the_start_on_is_looked_at() -> None:
    changed = {
        symbol: tuple(
            bar if bar.day < "2014-05-02" else Bar(day=bar.day, close=bar.close * 2) for bar in each
        )
        for symbol, each in bars().items()
    }
    assert any(changed[symbol] != bars()[symbol] for symbol in SYMBOLS)
    assert world(bars=changed).histories == world().histories


def test_few_bars_make_a_short_past_and_none_make_none() -> None:
    short = {symbol: each[:21] for symbol, each in bars().items()}
    assert {len(each) for each in world(bars=short).histories.values()} == {20}
    assert set(world(bars={}).histories.values()) == {()}


# --- the signals


def refused(made: DemoWorld, at: int, signal: Signal, seen: set[str]) -> str:
    """The rule that intake would refuse the signal by, or nothing."""
    if signal.signal_id in seen:
        return "duplicate"
    seen.add(signal.signal_id)
    malformed = judge_form(signal)
    if malformed is not None:
        return malformed.rule.value
    quote = market().quote(signal.symbol, at)
    if signal.symbol not in made.config.instruments or quote is None:
        return "unknown"
    refusal = judge_market(signal, quote, at)
    return refusal.rule.value if refusal else ""


@pytest.mark.requirement("P3")
@pytest.mark.parametrize(("count", "wrong"), [(1, 0), (9, 0), (10, 2), (20, 4), (200, 4)])
def test_a_few_of_ten_or_more_signals_are_refused_at_intake(count: int, wrong: int) -> None:
    made = world(signals=count)
    seen: set[str] = set()
    found = Counter(refused(made, at, signal, seen) for at, signal in made.arrivals)
    assert sum(found.values()) == count
    assert found[""] == count - wrong
    every = ["stop_on_wrong_side", "duplicate", "expired", "unknown"]
    assert {rule for rule in found if rule} == set(every[:wrong])


def test_signals_come_in_order_inside_the_session_with_fresh_quotes() -> None:
    made = world(signals=60)
    week = FxWeek()
    times = [at for at, _ in made.arrivals]
    assert times == sorted(times)
    assert len(set(times)) == 60
    for at, signal in made.arrivals:
        assert market().starts_at < at < market().ends_at
        assert week.is_open(at)
        quote = market().quote(signal.symbol, at)
        assert signal.symbol == "XYZUSD" or (quote and at - quote.at <= 20 * NS_PER_S)


def test_several_signals_stand_just_before_and_just_after_the_release() -> None:
    offsets = [(at - RELEASE) / NS_PER_S for at, _ in world().arrivals]
    assert sum(-120 < each < 0 for each in offsets) >= 2
    assert sum(0 < each < 120 for each in offsets) >= 2
    other = [(at - RELEASE) / NS_PER_S for at, _ in world(ends_at=RELEASE - 1).arrivals]
    assert max(other) < 0


def test_signals_are_of_many_kinds() -> None:
    signals = [signal for _, signal in world(signals=200).arrivals]
    kinds = Counter(signal.order_type for signal in signals)
    assert set(kinds) == set(OrderType)
    assert kinds[OrderType.MARKET] > 120
    sizes = Counter(type(signal.size) for signal in signals)
    assert set(sizes) == {PerAccount, RiskPercent, Total}
    assert len({signal.urgency for signal in signals}) == 4
    assert len({type(signal.accounts) for signal in signals}) == 4
    assert {signal.side.value for signal in signals} == {"buy", "sell"}
    minutes = [(s.valid_until - s.generated_at) // (60 * NS_PER_S) for s in signals]
    assert max(minutes) <= 30
    assert len({signal.max_slippage is None for signal in signals}) == 2


def test_prices_stand_on_the_tick_grid_near_the_market() -> None:
    made = world(signals=100)
    for at, signal in made.arrivals:
        quote = market().quote(signal.symbol, at)
        if quote is None:
            continue
        tick = made.config.instruments[signal.symbol].tick
        for price in (
            signal.limit_price,
            signal.stop_price,
            signal.stop_loss,
            signal.take_profit,
        ):
            assert price is None or is_multiple(price, tick)
            assert price is None or abs(price / quote.mid - 1) < 0.012, iso(at)


# --- what cannot be made


def test_what_is_out_of_range_is_refused() -> None:
    for changes in ({"accounts": 0}, {"accounts": 10_001}, {"signals": -1}):
        with pytest.raises(InvalidInput):
            world(**changes)
    with pytest.raises(InvalidInput, match="SPX500"):
        world(symbols=("SPX500",))
    with pytest.raises(InvalidInput, match="at least one symbol"):
        world(symbols=())
    with pytest.raises(InvalidInput, match="ends_at"):
        world(ends_at=market().starts_at)
