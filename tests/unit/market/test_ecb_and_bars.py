"""The ECB market: real fixings, exact repetition, closed triangles; daily bar files."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from stretto.core.errors import InvalidInput
from stretto.core.values import parse_iso
from stretto.market import SeriesMarket, closes, ecb_bars, ecb_days, ecb_instrument, ecb_market
from stretto.market.bars import load_daily_bars
from stretto.market.path import below, words

DAY = date(2014, 5, 2)
MAJORS = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "NZDUSD", "USDCHF", "USDCAD", "EURGBP")


def test_the_path_passes_through_the_real_fixings() -> None:
    market = SeriesMarket(ecb_market(MAJORS, DAY, seed=7))
    fixing = parse_iso("2014-05-02T12:15:10Z")  # the first tick or two after 14:15 in Frankfurt
    for symbol, bars in ecb_bars(MAJORS, DAY).items():
        quote = market.quote(symbol, fixing)
        assert quote is not None
        assert bars[-1].day == "2014-05-02"
        assert abs(quote.mid / bars[-1].close - 1) < Decimal("0.0002")


def test_known_rates_are_what_the_central_bank_published() -> None:
    bars = ecb_bars(["EURUSD", "EURGBP", "USDJPY"], DAY, count=2)
    assert bars["EURUSD"][-1].close == Decimal("1.3862")
    assert bars["EURGBP"][-1].close == Decimal("0.82140")
    assert bars["USDJPY"][-1].close == Decimal("102.482")


def test_same_seed_same_bytes_whatever_else_is_asked_for() -> None:
    alone = ecb_market(["GBPUSD"], DAY, seed=7)["GBPUSD"]
    among = ecb_market(MAJORS, date(2014, 4, 29), seed=7, days=4)["GBPUSD"]
    inside = among.at_ns >= alone.starts_at
    for column in ("at_ns", "bid", "ask"):
        assert (getattr(among, column)[inside] == getattr(alone, column)).all()
    other = ecb_market(["GBPUSD"], DAY, seed=8)["GBPUSD"]
    assert other.bid.tolist() != alone.bid.tolist()


def test_the_bytes_are_those_of_every_machine() -> None:
    series = ecb_market(["EURUSD"], DAY, seed=1)["EURUSD"]
    data = b"".join(
        column.astype("<i8").tobytes() for column in (series.at_ns, series.bid, series.ask)
    )
    assert (
        hashlib.sha256(data).hexdigest()
        == "8a57e3144e648b4dcc5198b4c4ef2789351e7ba0b846874fdcc2b9f9de981d93"
    )


def test_splitmix_is_the_published_one() -> None:
    # Vigna's splitmix64 from state 1234567: its first outputs add the increment before mixing.
    found = [int(w) for w in words(1234567, np.arange(1, 4))]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [int(v) for v in below(10, np.array([0, 2**63, 2**64 - 1], dtype=np.uint64))] == [
        0,
        5,
        9,
    ]


def test_triangles_close_to_within_the_spreads() -> None:
    market = SeriesMarket(ecb_market(["EURUSD", "GBPUSD", "EURGBP"], DAY, seed=3))
    for hour in range(1, 21):
        at = parse_iso(f"2014-05-02T{hour:02}:30:00Z")
        quotes = market.reads(["EURUSD", "GBPUSD", "EURGBP"], at).quotes
        implied = quotes["EURUSD"].mid / quotes["GBPUSD"].mid
        assert abs(implied / quotes["EURGBP"].mid - 1) < Decimal("0.0006")


def test_ticks_follow_the_session_and_the_hour() -> None:
    series = ecb_market(["EURUSD"], date(2014, 5, 2), seed=3, days=3)["EURUSD"]
    hours = np.bincount((series.at_ns - parse_iso("2014-05-02T00:00:00Z")) // (3_600 * 10**9))
    assert hours[21:69].sum() == 0  # Friday 21:00 to Sunday 21:00 UTC
    assert hours[13] > 2 * hours[3] > 0
    spread = series.ask - series.bid
    assert spread.min() >= 1


@pytest.mark.parametrize(
    ("symbols", "day", "days", "says"),
    [
        (["XAUUSD"], DAY, 1, "no rate for 'XAU'"),
        (["EUR"], DAY, 1, "no rate for ''"),
        (["USDUSD"], DAY, 1, "both currencies are the same"),
        (["EURUSD"], date(2014, 5, 3), 1, "closed on 2014-05-03"),
        (["EURUSD"], date(1999, 1, 4), 1, "no rates that early"),
        (["EURUSD"], date(2100, 1, 4), 1, "after the last reference rate"),
        (["EURUSD"], DAY, 0, "0 days"),
    ],
)
def test_what_it_cannot_give_is_refused(
    symbols: list[str], day: date, days: int, says: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        ecb_market(symbols, day, seed=1, days=days)
    assert says in str(caught.value)


def test_the_latest_day_and_the_instrument() -> None:
    first, last = ecb_days()
    assert first == date(1999, 1, 4)
    assert len(ecb_market(["USDJPY"], last, seed=1)["USDJPY"]) > 1_000
    yen = ecb_instrument("USDJPY")
    assert (yen.pip, yen.tick, yen.quote_currency) == (Decimal("0.01"), Decimal("0.001"), "JPY")
    with pytest.raises(InvalidInput):
        ecb_bars(["EURUSD"], date(1999, 1, 10), count=61)


HEAD = "date,open,high,low,close\n"


def bars_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "EURUSD.csv"
    path.write_text(text)
    return path


def test_sundays_become_part_of_mondays(tmp_path: Path) -> None:
    path = bars_file(
        tmp_path,
        HEAD
        + "2014-05-02,1.0,1.2,0.9,1.1\n"
        + "2014-05-04,1.1,1.5,1.0,1.4\n"
        + "2014-05-05,1.4,1.45,0.8,1.2\n"
        + "2014-05-11,1.2,1.3,1.1,1.25\n",
    )
    symbol, bars = load_daily_bars(path)
    assert symbol == "EURUSD"
    assert [bar.day.isoformat() for bar in bars] == ["2014-05-02", "2014-05-05", "2014-05-12"]
    monday = bars[1]
    assert [str(v) for v in monday[1:]] == ["1.1", "1.5", "0.8", "1.2"]
    assert [str(bar.close) for bar in closes(bars, date(2014, 5, 5))] == ["1.1", "1.2"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", None, "the file is empty"),
        ("day,open\n", 1, "the first line is"),
        (HEAD, 2, "no bar after the header"),
        (HEAD + "2014-05-02,1,1,1\n", 2, "4 columns"),
        (HEAD + "20140502,1,1,1,1\n", 2, "date is '20140502'"),
        (HEAD + "2014-02-30,1,1,1,1\n", 2, "date is '2014-02-30'"),
        (HEAD + "2014-05-02,1,x,1,1\n", 2, "high is 'x'"),
        (HEAD + "2014-05-02,1,NaN,1,1\n", 2, "high is 'NaN'"),
        (HEAD + "2014-05-02,0,1,1,1\n", 2, "open is '0'"),
        (HEAD + "2014-05-02,2,1,1,1\n", 2, "low ≤ open"),
        (HEAD + "2014-05-02,1,1,1,1\n2014-05-02,1,1,1,1\n", 3, "not after 2014-05-02"),
    ],
)
def test_malformed_bars_are_named_with_their_line(
    tmp_path: Path, text: str, line: int | None, says: str
) -> None:
    path = bars_file(tmp_path, text)
    with pytest.raises(InvalidInput) as caught:
        load_daily_bars(path)
    assert str(caught.value).startswith(str(path) + (f":{line}: " if line else ": "))
    assert says in str(caught.value)


def test_real_daily_bars_have_no_sundays_left(real_data: Path) -> None:
    for path in sorted((real_data / "daily").glob("*.csv")):
        _, bars = load_daily_bars(path)
        assert len(bars) > 600
        assert all(bar.day.weekday() < 5 for bar in bars)
