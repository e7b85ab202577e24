"""Quote files: what is accepted, what is refused and where the message points."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stretto.core.errors import InvalidInput, InvariantViolated
from stretto.core.values import NS_PER_S, iso, parse_iso
from stretto.market.quotes import (
    _body,
    _read_exact,
    _read_fast,
    find_gaps,
    load_quote_files,
    load_quotes,
    read_bytes,
)
from stretto.market.series import QuoteSeries, keep_last, merge
from stretto.market.sessions import FxWeek
from tests.unit.market.series_maker import series_of

HEAD = "time_utc,bid,ask\n"
GOOD = "2014-05-02T12:30:00.000Z,1.38,1.3801\n"


def write(tmp_path: Path, text: str, name: str = "EURUSD.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_quotes(path)
    return str(caught.value)


def test_prices_are_exact_decimals_of_one_scale(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + GOOD + "2014-05-02T12:30:01.5Z,1.38001,1.3802\n")
    series = load_quotes(path)
    first = series.quote_at(0)
    assert (first.bid, first.ask) == (Decimal("1.38"), Decimal("1.3801"))
    assert str(first.bid) == "1.38000"
    assert series.quote_at(1).at == parse_iso("2014-05-02T12:30:01.500Z")


@pytest.mark.parametrize(
    "stamp",
    [
        "2014-05-02T12:30:00Z",
        "2014-05-02T12:30:00.123Z",
        "2014-05-02T12:30:00.123456Z",
        "2014-05-02T12:30:00.123456789Z",
        "2014-05-02T14:30:00.123+02:00",
    ],
)
def test_a_time_with_a_zone_is_read_to_the_nanosecond(tmp_path: Path, stamp: str) -> None:
    series = load_quotes(write(tmp_path, f"{HEAD}{stamp},1.1,1.2\n"))
    assert series.starts_at == parse_iso(stamp)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", None, "the file is empty"),
        ("\n\n", None, "the file is empty"),
        ("time,bid,ask\n" + GOOD, 1, "expected the header"),
        (GOOD, 1, "expected the header"),
        (HEAD, 2, "no quote after the header"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.38\n", 3, "2 columns"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.38,1.39,7\n", 3, "4 columns"),
        (HEAD + GOOD + "\n" + GOOD, 3, "1 columns"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.38x,1.39\n", 3, "bid is '1.38x'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.38,abc\n", 3, "ask is 'abc'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,,1.39\n", 3, "bid is ''"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,NaN,1.39\n", 3, "bid is 'NaN'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.38,inf\n", 3, "ask is 'inf'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,-1.38,1.39\n", 3, "bid is '-1.38'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,0.000,1.39\n", 3, "bid is '0.000'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1e5,1.39\n", 3, "bid is '1e5'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.3.8,1.39\n", 3, "bid is '1.3.8'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,.38,1.39\n", 3, "bid is '.38'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.,1.39\n", 3, "bid is '1.'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1234567890,1.39\n", 3, "bid is '1234567890'"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,1.39,1.38\n", 3, "bid 1.39 above ask 1.38"),
        (HEAD + GOOD + "2014-05-02T12:30:01.000,1.38,1.39\n", 3, "no time zone"),
        (HEAD + GOOD + "yesterday,1.38,1.39\n", 3, "time_utc is 'yesterday'"),
        (HEAD + GOOD + "2014-02-30T12:30:01.000Z,1.38,1.39\n", 3, "time_utc is '2014-02-30"),
        (HEAD + GOOD + "2014-05-02T24:30:01.000Z,1.38,1.39\n", 3, "time_utc is '2014-05-02T24"),
        (HEAD + GOOD + "1969-05-02T12:30:01.000Z,1.38,1.39\n", 3, "from 1970"),
        (HEAD + GOOD + "2014-05-02T12:29:59.999Z,1.38,1.39\n", 3, "before the line above"),
        (HEAD + "2100-01-01T00:00:00.000Z,1.38,1.39\n", 2, "from 1970"),
        (HEAD + "9999-12-31T00:00:00.000Z,1.38,1.39\n", 2, "from 1970"),
        (HEAD + "1969-05-02T12:30:01.000Z,1.38,1.39\n", 2, "from 1970"),
        (HEAD + GOOD + "2014-05-02T12:30:01Z,\u0661.38,1.39\n", 3, "bid is"),
    ],
)
def test_malformed_content_is_named_with_its_line(
    tmp_path: Path, text: str, line: int | None, says: str
) -> None:
    path = write(tmp_path, text)
    place = str(path) if line is None else f"{path}:{line}"
    message = refusal(path)
    assert message.startswith(f"{place}: ")
    assert says in message
    assert "expected" in message


@pytest.mark.parametrize("name", ["quotes", "EUR-USD.csv", "EURUSD-2014.csv", "EURUSD.txt"])
def test_a_name_without_a_symbol_is_refused(tmp_path: Path, name: str) -> None:
    assert "does not say the symbol" in refusal(write(tmp_path, HEAD + GOOD, name))


def test_a_file_that_is_no_gzip_or_cut_short_or_missing_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + GOOD, "EURUSD.csv.gz")
    assert "damaged or incomplete (Not a gzipped file" in refusal(path)
    whole = gzip.compress((HEAD + GOOD * 50).encode(), mtime=0)
    path.write_bytes(whole[:-20])
    assert "damaged or incomplete" in refusal(path)
    path.write_bytes(whole[:15] + bytes([whole[15] ^ 255]) + whole[16:])
    assert "damaged or incomplete" in refusal(path)
    assert "cannot be read" in refusal(tmp_path / "GBPUSD.csv")
    (tmp_path / "NZDUSD.csv").mkdir()
    assert "cannot be read" in refusal(tmp_path / "NZDUSD.csv")


def test_gzip_byte_order_mark_and_carriage_returns_are_read(tmp_path: Path) -> None:
    text = ("\ufeff" + HEAD + GOOD).replace("\n", "\r\n").encode()
    path = tmp_path / "eurusd-20140502.csv.gz"
    path.write_bytes(gzip.compress(text, mtime=0))
    series = load_quotes(path)
    assert (series.symbol, len(series)) == ("EURUSD", 1)


def test_of_equal_instants_the_last_quote_holds(tmp_path: Path) -> None:
    at = "2014-05-02T12:30:00.000Z"
    series = load_quotes(write(tmp_path, f"{HEAD}{at},1.1,1.2\n{at},1.3,1.4\n{at},1.5,1.6\n"))
    assert len(series) == 1
    assert series.quote_at(0).bid == Decimal("1.5")


def test_files_of_one_symbol_are_merged_in_time_order(tmp_path: Path) -> None:
    later = write(tmp_path, HEAD + "2014-05-02T00:00:00Z,1.25,1.5\n", "EURUSD-20140502.csv")
    earlier = write(tmp_path, HEAD + "2014-05-01T00:00:00Z,1.2,1.3\n", "EURUSD-20140501.csv")
    other = write(tmp_path, HEAD + GOOD, "GBPUSD-20140501.csv")
    loaded = load_quote_files([later, other, earlier])
    assert list(loaded) == ["EURUSD", "GBPUSD"]
    merged = loaded["EURUSD"]
    assert [merged.quote_at(i).bid for i in range(2)] == [Decimal("1.20"), Decimal("1.25")]
    with pytest.raises(InvariantViolated):
        merge([merged, loaded["GBPUSD"]])


def test_gaps_are_counted_inside_sessions_only() -> None:
    friday = parse_iso("2014-05-02T20:50:00Z")
    minutes = [0, 1, 7, 9, 2 * 24 * 60 + 12, 2 * 24 * 60 + 30]  # Sunday 21:02 and 21:20
    series = series_of("EURUSD", [(friday + m * 60 * NS_PER_S, 100, 110) for m in minutes])
    gaps = find_gaps(series, FxWeek())
    assert [(iso(gap.start_ns)[:16], gap.open_ns // NS_PER_S) for gap in gaps] == [
        ("2014-05-02T20:51", 360),
        ("2014-05-04T21:02", 18 * 60),
    ]


prices = st.integers(1, 10**7)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 10**15), prices, prices, st.integers(0, 6), st.integers(0, 6)),
        min_size=1,
        max_size=20,
    ),
    digits=st.sampled_from([0, 3, 6, 9]),
)
def test_fast_and_exact_reading_agree(
    rows: list[tuple[int, int, int, int, int]], digits: int
) -> None:
    lines = []
    for at, first, second, places, more in sorted(rows):
        stamp = iso(at * 10 ** (9 - digits) % (1 << 60))
        stamp = stamp[:19] + (f".{stamp[20 : 20 + digits]}" if digits else "") + "Z"
        bid, ask = sorted((Decimal(first).scaleb(-places), Decimal(second).scaleb(-more)))
        lines.append(f"{stamp},{bid:f},{ask:f}\n")
    body = "".join(sorted(lines, key=lambda line: line.split(",")[0])).encode()
    fast = _read_fast(body)
    exact = _read_exact(Path("X.csv"), body)
    assert fast is not None
    assert fast.digits == exact.digits
    for left, right in zip(fast[:3], exact[:3], strict=True):
        assert left.tolist() == right.tolist()


@given(st.integers(1, 3), st.integers(0, 120), st.integers(0, 3), st.binary(max_size=3))
@example(2, 120, 0, b"")
@example(1, 30, 0, b"0")
def test_no_bytes_make_it_fail_otherwise_than_by_name(
    lines: int, place: int, dropped: int, put: bytes
) -> None:
    good = GOOD.encode() * lines
    data = good[:place] + put + good[place + dropped :]
    path = Path("EURUSD.csv")
    try:
        body = _body(path, HEAD.encode() + data)
        fast = _read_fast(body)
        exact = _read_exact(path, body)
    except InvalidInput:
        return
    assert fast is None or fast.bid.tolist() == exact.bid.tolist()


def test_a_series_that_is_none_is_refused() -> None:
    for rows in ([(2, 1, 1), (1, 1, 1)], [(1, 0, 1)], [(1, 3, 2)], []):
        with pytest.raises(InvariantViolated):
            series_of("EURUSD", rows)


def test_all_real_files_load_the_same_both_ways(real_data: Path) -> None:
    files = sorted((real_data / "quotes").glob("*.csv.gz"))
    assert len(files) == 5
    counts = {}
    for path in files:
        body = _body(path, read_bytes(path))
        fast = _read_fast(body)
        assert fast is not None, f"{path}: not read by the fast pass"
        series = load_quotes(path)
        counts[path.name] = (len(fast.at_ns), len(series))
        if path.name.startswith("EURUSD"):
            exact = _read_exact(path, body)
            kept = keep_last(exact.at_ns)
            assert isinstance(series, QuoteSeries)
            assert series.bid.tolist() == exact.bid[kept].tolist()
            assert series.ask.tolist() == exact.ask[kept].tolist()
            assert series.at_ns.tolist() == exact.at_ns[kept].tolist()
    assert counts["XAUUSD-20140502.csv.gz"][0] == 265_015
