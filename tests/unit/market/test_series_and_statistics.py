"""Searches, statistics and sessions against plain re-computations."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median_low

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.errors import InvalidInput
from stretto.core.values import NS_PER_S, iso, parse_iso
from stretto.market import FxWeek, SeriesMarket, load_quote_files
from stretto.market.series import QuoteSeries
from stretto.market.statistics import MEDIAN_MINUTES, MINUTE_NS, SymbolStatistics, _rolling_medians
from tests.unit.market.series_maker import series_of

MONDAY = parse_iso("2014-05-05T00:00:00Z")


def random_series(seed: int, ticks: int, gap_s: int = 40) -> QuoteSeries:
    random = np.random.default_rng(seed)
    at = MONDAY + np.cumsum(random.integers(1, gap_s * NS_PER_S, ticks))
    bid = 100_000 + np.cumsum(random.integers(-9, 10, ticks))
    return series_of(
        "EURUSD",
        [
            (int(a), int(b), int(b + s))
            for a, b, s in zip(at, bid, random.integers(0, 30, ticks), strict=True)
        ],
    )


@given(
    seed=st.integers(0, 50),
    level=st.integers(99_900, 100_100),
    after=st.integers(-1, 2_100),
    side=st.sampled_from(["bid", "ask"]),
)
def test_searches_find_what_a_walk_finds(seed: int, level: int, after: int, side: str) -> None:
    series = random_series(seed, 2_000)
    after_ns = int(series.at_ns[min(after, 1_999)]) if after >= 0 else MONDAY - 1
    price = Decimal(level).scaleb(-5)
    rows = [series.quote_at(i) for i in range(len(series)) if int(series.at_ns[i]) > after_ns]
    prices = [(row.at, row.bid if side == "bid" else row.ask) for row in rows]
    below = next((at for at, value in prices if value <= price), None)
    above = next((at for at, value in prices if value >= price), None)
    assert series.next_at_or_below(side, price, after_ns) == below
    assert series.next_at_or_above(side, price, after_ns) == above
    assert series.next_tick(after_ns) == (rows[0].at if rows else None)


def test_a_level_between_two_scaled_prices_is_not_rounded_into_a_hit() -> None:
    series = series_of("EURUSD", [(1, 100, 101), (2, 99, 100), (3, 98, 99)])
    assert series.next_at_or_below("bid", Decimal("0.000985"), 0) == 3
    assert series.next_at_or_above("bid", Decimal("0.000995"), 0) == 1
    assert series.next_at_or_above("bid", Decimal("0.001005"), 0) is None


def test_quotes_hold_from_their_instant_to_the_next() -> None:
    series = series_of("EURUSD", [(10, 100, 101), (20, 99, 100)])
    found = {at: series.quote(at) for at in (9, 10, 19, 20, 10**18, 15, 9)}
    assert found[9] is None
    assert [found[at].bid for at in (10, 15, 19, 20, 10**18)] == [  # type: ignore[union-attr]
        Decimal(n).scaleb(-5) for n in (100, 100, 100, 99, 99)
    ]


@given(seed=st.integers(0, 30), cut=st.integers(1, 400), later_s=st.integers(0, 400))
def test_statistics_never_look_ahead(seed: int, cut: int, later_s: int) -> None:
    whole = random_series(seed, 500)
    at_ns = int(whole.at_ns[cut]) + later_s * NS_PER_S
    seen = int(whole.at_ns.searchsorted(at_ns, side="right"))
    known = QuoteSeries(
        "EURUSD", whole.at_ns[:seen], whole.bid[:seen], whole.ask[:seen], whole.digits
    )
    assert SymbolStatistics(known).at(at_ns) == SymbolStatistics(whole).at(at_ns)


def test_statistics_equal_a_plain_computation() -> None:
    series = random_series(3, 3_000, gap_s=20)
    statistics = SymbolStatistics(series)
    minutes = (series.ends_at - MONDAY) // MINUTE_NS
    closes, spreads = [], []
    for minute in range(minutes + 1):
        start, end = MONDAY + minute * MINUTE_NS, MONDAY + (minute + 1) * MINUTE_NS
        quote = series.quote(end - 1)
        assert quote is not None
        closes.append(quote.mid)
        inside = (series.at_ns >= start) & (series.at_ns < end)
        assert inside.any(), "the plain computation knows no minute without a tick"
        spreads.append(int((series.ask - series.bid)[inside].mean()))
    returns = [Decimal(0)] + [abs(b - a) / a * 1_000_000 for a, b in pairwise(closes)]
    volatility = [
        sum(returns[max(0, m - 4) : m + 1], Decimal(0)) / min(5, m + 1) for m in range(minutes + 1)
    ]
    for minute in (1, 4, 5, 100, minutes - 1):
        found = statistics.at(MONDAY + (minute + 1) * MINUTE_NS + 5)
        assert found is not None
        assert found.at == MONDAY + (minute + 1) * MINUTE_NS
        assert abs(found.volatility_ppm - volatility[minute]) < 1
        assert abs(found.volatility_median_ppm - median_low(volatility[: minute + 1])) < 1
        assert found.spread_median == Decimal(median_low(spreads[: minute + 1])).scaleb(-5)


def test_a_jump_over_an_outage_is_no_volatility_and_an_ended_stream_is_calm() -> None:
    rows = [(MONDAY + n * MINUTE_NS + 1, 100_000 + n % 2, 100_010) for n in range(10)]
    rows += [(MONDAY + (60 + n) * MINUTE_NS + 1, 120_000, 120_010) for n in range(3)]
    statistics = SymbolStatistics(series_of("EURUSD", rows))
    after_jump = statistics.at(MONDAY + 61 * MINUTE_NS + 2)
    ended = statistics.at(MONDAY + 600 * MINUTE_NS)
    assert after_jump is not None
    assert after_jump.volatility_ppm == 0
    assert ended is not None
    assert ended.volatility_ppm == 0
    assert ended.at == MONDAY + 68 * MINUTE_NS


def test_very_large_prices_do_not_overflow() -> None:
    big = 10**17
    rows = [(MONDAY + n * MINUTE_NS, big + n % 2 * 10**14, big + 10**15) for n in range(8)]
    found = SymbolStatistics(series_of("X", rows, digits=9)).at(rows[-1][0])
    assert found is not None
    assert 490 <= found.volatility_ppm <= 510


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60))
def test_rolling_median_is_the_median_of_what_counted(rows: list[tuple[int, bool]]) -> None:
    rows = [(5, True), *rows]
    found = list(_rolling_medians([v for v, _ in rows], [c for _, c in rows]))
    for place in range(len(rows)):
        counted = [v for v, c in rows[: place + 1] if c][-MEDIAN_MINUTES:]
        assert found[place] == median_low(counted)


def test_the_week_follows_new_york_through_daylight_saving() -> None:
    week = FxWeek()
    for friday_close, sunday_open in (
        ("2014-05-02T21:00:00Z", "2014-05-04T21:00:00Z"),
        ("2014-03-07T22:00:00Z", "2014-03-09T21:00:00Z"),  # clocks go forward on that Sunday
        ("2014-10-31T21:00:00Z", "2014-11-02T22:00:00Z"),  # and back on this one
    ):
        close, opens = parse_iso(friday_close), parse_iso(sunday_open)
        assert week.is_open(close - 1)
        assert week.closes_at(close - 1) == close
        assert week.opens_at(close - 1) is None
        assert not week.is_open(close)
        assert week.opens_at(close) == week.opens_at(opens - 1) == opens
        assert week.closes_at(close) is None
        assert week.is_open(opens)
        assert week.open_ns(close - 5, opens + 7) == 12


def test_trading_days_end_at_five_in_new_york() -> None:
    week = FxWeek()
    end = parse_iso("2014-05-01T21:00:00Z")
    assert week.trading_day(end - 1) == "2014-05-01"
    assert week.trading_day(end) == "2014-05-02"
    assert week.day_end(end - 1) == end
    assert iso(week.day_end(end)) == "2014-05-02T21:00:00.000000000Z"
    # A far instant extends the calendar on both sides.
    assert week.trading_day(parse_iso("1999-01-05T12:00:00Z")) == "1999-01-05"
    assert week.trading_day(end) == "2014-05-02"


def test_reads_hold_only_symbols_that_have_quotes() -> None:
    market = SeriesMarket(
        {
            "GBPUSD": series_of("GBPUSD", [(MONDAY + 50, 160_000, 160_010)]),
            "EURUSD": series_of("EURUSD", [(MONDAY, 138_000, 138_010)]),
        }
    )
    reads = market.reads(["EURUSD", "GBPUSD", "USDJPY"], MONDAY + 10)
    assert list(reads.quotes) == list(reads.statistics) == ["EURUSD"]
    assert reads.statistics["EURUSD"].spread_median == Decimal("0.0001")
    assert list(market.reads(["EURUSD", "GBPUSD"], MONDAY + 50).quotes) == ["EURUSD", "GBPUSD"]
    assert (market.starts_at, market.symbols) == (MONDAY + 50, ("EURUSD", "GBPUSD"))


def test_a_market_needs_a_series() -> None:
    with pytest.raises(InvalidInput, match="no quote series"):
        SeriesMarket({})


def test_payrolls_show_in_spread_and_volatility(real_data: Path) -> None:
    market = SeriesMarket(load_quote_files(sorted((real_data / "quotes").glob("*.csv.gz"))))
    before = parse_iso("2014-05-02T12:15:00Z")
    release = parse_iso("2014-05-02T12:30:00Z")
    for symbol in ("EURUSD", "NZDUSD", "XAUUSD"):
        calm = market.statistics(symbol, before)
        after = market.statistics(symbol, release + 3 * MINUTE_NS)
        assert calm is not None
        assert after is not None
        assert after.volatility_ppm > 6 * calm.volatility_ppm
        assert after.volatility_ppm > 6 * after.volatility_median_ppm
        assert after.volatility_median_ppm <= calm.volatility_median_ppm + 2
        quotes = [market.quote(symbol, release + s * NS_PER_S) for s in range(60)]
        widest = max(quote.spread for quote in quotes if quote is not None)
        assert widest > 2 * after.spread_median
