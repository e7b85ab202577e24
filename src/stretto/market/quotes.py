"""Quote files: CSV or CSV.gz with the header ``time_utc,bid,ask``, one symbol per file.

A file is read in one vectorised pass; only where that meets anything unusual does the exact pass go
through the lines, to accept what is merely unusual and to name the place of what is wrong. Knows
nothing of accounts, orders or statistics.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stretto.core.errors import InvalidInput
from stretto.core.values import NS_PER_S, iso, parse_iso
from stretto.market.series import Ints, QuoteSeries, keep_last, merge
from stretto.market.sessions import FxWeek

HEADER = "time_utc,bid,ask"
GAP_NS_MIN = 300 * NS_PER_S
FILE_BYTES_MAX = 1 << 30
WHOLE_DIGITS_MAX = 9
FRACTION_DIGITS_MAX = 9

_NAME = re.compile(r"^([A-Za-z][A-Za-z0-9]*)(-\d{8})?\.csv(\.gz)?$")
_PRICE = re.compile(rf"^[0-9]{{1,{WHOLE_DIGITS_MAX}}}(\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?\Z")
_PRICE_EXPECTED = (
    f"a positive number with at most {WHOLE_DIGITS_MAX} digits before"
    f" and {FRACTION_DIGITS_MAX} after the point"
)
_DAY_NS = 86_400 * NS_PER_S
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_ORDINAL = date(2100, 1, 1).toordinal()
# Where the digits stand in YYYY-MM-DDTHH:MM:SS, and what stands between them.
_STAMP_MARKS = {4: "-", 7: "-", 10: "T", 13: ":", 16: ":"}

Bytes = NDArray[np.uint8]


class Gap(NamedTuple):
    """No quote from ``start_ns`` to ``end_ns``, of which ``open_ns`` inside sessions."""

    start_ns: int
    end_ns: int
    open_ns: int


class _Columns(NamedTuple):
    at_ns: Ints
    bid: Ints
    ask: Ints
    digits: int


def symbol_of(path: Path) -> str:
    """The symbol that a quote file's name states; InvalidInput where it states none."""
    match = _NAME.match(path.name)
    if match is None:
        raise InvalidInput(
            str(path), "the name does not say the symbol", "SYMBOL-YYYYMMDD.csv[.gz] or SYMBOL.csv"
        )
    return match[1].upper()


def load_quotes(path: Path | str) -> QuoteSeries:
    """Read one quote file. Equal instants collapse to the last of them; gaps are allowed (see
    ``find_gaps``). Raises InvalidInput with file and line for anything malformed.
    """
    path = Path(path)
    symbol = symbol_of(path)
    body = _body(path, read_bytes(path))
    columns = _read_fast(body) or _read_exact(path, body)
    kept = keep_last(columns.at_ns)
    return QuoteSeries(
        symbol, columns.at_ns[kept], columns.bid[kept], columns.ask[kept], columns.digits
    )


def load_quote_files(paths: Iterable[Path | str]) -> dict[str, QuoteSeries]:
    """Read several quote files; those of one symbol are merged in time order."""
    parts: dict[str, list[QuoteSeries]] = {}
    for path in paths:
        series = load_quotes(path)
        parts.setdefault(series.symbol, []).append(series)
    return {symbol: merge(parts[symbol]) for symbol in sorted(parts)}


def find_gaps(series: QuoteSeries, week: FxWeek, gap_ns_min: int = GAP_NS_MIN) -> tuple[Gap, ...]:
    """Every stretch without a quote of which at least ``gap_ns_min`` lie inside sessions."""
    gaps = []
    for index in np.flatnonzero(np.diff(series.at_ns) >= gap_ns_min):
        start, end = int(series.at_ns[index]), int(series.at_ns[index + 1])
        open_ns = week.open_ns(start, end)
        if open_ns >= gap_ns_min:
            gaps.append(Gap(start, end, open_ns))
    return tuple(gaps)


def read_bytes(path: Path) -> bytes:
    """The content of a plain or gzip file (by its name); InvalidInput where it cannot be read."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                data = stream.read(FILE_BYTES_MAX + 1)
        else:
            with path.open("rb") as stream:
                data = stream.read(FILE_BYTES_MAX + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInput(
            str(path), f"its gzip data are damaged or incomplete ({error})", "a whole gzip file"
        ) from error
    except OSError as error:
        raise InvalidInput(
            str(path), f"cannot be read ({error.strerror or error})", "a readable file"
        ) from error
    if len(data) > FILE_BYTES_MAX:
        raise InvalidInput(str(path), "is too large", f"at most {FILE_BYTES_MAX} bytes")
    return data


def _body(path: Path, data: bytes) -> bytes:
    """What follows the header, lines ended by LF."""
    if not data.strip():
        raise InvalidInput(str(path), "the file is empty", f"the header {HEADER!r} and quotes")
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    header, _, body = data.partition(b"\n")
    if header.strip() != HEADER.encode():
        found = header[:60].decode("utf-8", "replace")
        raise InvalidInput(f"{path}:1", f"the first line is {found!r}", f"the header {HEADER!r}")
    body = body.rstrip(b"\n")
    if not body:
        raise InvalidInput(f"{path}:2", "there is no quote after the header", "at least one quote")
    return body + b"\n"


# --- the fast pass: None for anything it does not know to be right --------------------------------


def _read_fast(body: bytes) -> _Columns | None:
    text = np.frombuffer(body, dtype=np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    commas = np.flatnonzero(text == ord(","))
    if len(commas) != 2 * len(ends):
        return None
    starts = np.concatenate([[0], ends[:-1] + 1])
    first, second = commas[0::2], commas[1::2]
    if not ((starts < first) & (first < second) & (second < ends)).all():
        return None
    at_ns = _stamps(text, starts, first)
    bid = _prices(text, first + 1, second)
    ask = _prices(text, second + 1, ends)
    if at_ns is None or bid is None or ask is None:
        return None
    digits = max(bid[1], ask[1])
    bids = bid[0] * 10 ** (digits - bid[1])
    asks = ask[0] * 10 ** (digits - ask[1])
    if (bids <= 0).any() or (bids > asks).any() or (np.diff(at_ns) < 0).any():
        return None
    return _Columns(at_ns, bids, asks, digits)


def _stamps(text: Bytes, starts: Ints, ends: Ints) -> Ints | None:
    """Times of the form YYYY-MM-DDTHH:MM:SS[.fff[fff[fff]]]Z, all of one width."""
    width = int(ends[0] - starts[0])
    if width not in (20, 24, 27, 30) or ((ends - starts) != width).any():
        return None
    matrix = text[starts[:, None] + np.arange(width)]
    marks = {**_STAMP_MARKS, width - 1: "Z"} | ({19: "."} if width > 20 else {})
    if any((matrix[:, place] != ord(mark)).any() for place, mark in marks.items()):
        return None
    digits = matrix - ord("0")
    places = [place for place in range(width) if place not in marks]
    if (digits[:, places] > 9).any():
        return None

    def number(first: int, count: int) -> Ints:
        total = np.zeros(len(digits), dtype=np.int64)
        for place in range(first, first + count):
            total = total * 10 + digits[:, place]
        return total

    codes, which = np.unique(
        number(0, 4) * 10_000 + number(5, 2) * 100 + number(8, 2), return_inverse=True
    )
    try:
        days = [
            date(int(code) // 10_000, int(code) // 100 % 100, int(code) % 100).toordinal()
            for code in codes
        ]
    except ValueError:
        return None
    if min(days) < _EPOCH_ORDINAL or max(days) >= _LAST_ORDINAL:
        return None
    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    if (hour > 23).any() or (minute > 59).any() or (second > 59).any():
        return None
    day_ns = (np.array(days, dtype=np.int64) - _EPOCH_ORDINAL)[which] * _DAY_NS
    at_ns: Ints = day_ns + (hour * 3_600 + minute * 60 + second) * NS_PER_S
    if width > 20:
        at_ns = at_ns + number(20, width - 21) * 10 ** (30 - width)
    return at_ns


def _prices(text: Bytes, starts: Ints, ends: Ints) -> tuple[Ints, int] | None:
    """Plain decimal numbers as integers of one common scale, and that scale's digits."""
    lengths = ends - starts
    width = int(lengths.max())
    if width > WHOLE_DIGITS_MAX + FRACTION_DIGITS_MAX + 1:
        return None
    # Right-aligned; what lies left of a shorter number is another field, hidden as zeros.
    places = ends[:, None] + np.arange(-width, 0)
    hidden = np.arange(width) < (width - lengths)[:, None]
    matrix = np.where(hidden, np.uint8(ord("0")), text[np.maximum(places, 0)])
    points = matrix == ord(".")
    pointed = points.any(axis=1)
    if (points.sum(axis=1) > 1).any() or points[:, -1].any():
        return None
    if (text[starts] == ord(".")).any():
        return None
    digits = matrix - ord("0")
    if ((digits > 9) & ~points).any():
        return None
    fraction = np.where(pointed, width - 1 - points.argmax(axis=1), 0)
    whole = lengths - fraction - pointed
    common = int(fraction.max())
    if common > FRACTION_DIGITS_MAX or int(whole.max()) > WHOLE_DIGITS_MAX:
        return None
    value = np.zeros(len(matrix), dtype=np.int64)
    for place in range(width):
        value = np.where(points[:, place], value, value * 10 + digits[:, place])
    scale = np.array([10**n for n in range(FRACTION_DIGITS_MAX + 1)], dtype=np.int64)
    return value * scale[common - fraction], common


# --- the exact pass -------------------------------------------------------------------------------


def _read_exact(path: Path, body: bytes) -> _Columns:
    at_ns: list[int] = []
    bids: list[str] = []
    asks: list[str] = []
    for number, raw in enumerate(body.split(b"\n")[:-1], start=2):
        place = f"{path}:{number}"
        fields = raw.decode("utf-8", "replace").split(",")
        if len(fields) != 3:
            raise InvalidInput(place, f"{len(fields)} columns", f"3 columns: {HEADER}")
        at = _exact_time(place, fields[0])
        if at_ns and at < at_ns[-1]:
            raise InvalidInput(
                place, f"{fields[0]} is before the line above", f"a time from {iso(at_ns[-1])} on"
            )
        for name, field in (("bid", fields[1]), ("ask", fields[2])):
            if not _PRICE.match(field) or not field.strip("0."):
                raise InvalidInput(place, f"{name} is {field!r}", _PRICE_EXPECTED)
        if _scaled(fields[1], FRACTION_DIGITS_MAX) > _scaled(fields[2], FRACTION_DIGITS_MAX):
            raise InvalidInput(place, f"bid {fields[1]} above ask {fields[2]}", "bid at most ask")
        at_ns.append(at)
        bids.append(fields[1])
        asks.append(fields[2])
    digits = max(len(text.partition(".")[2]) for text in (*bids, *asks))
    return _Columns(
        np.array(at_ns, dtype=np.int64),
        np.array([_scaled(text, digits) for text in bids], dtype=np.int64),
        np.array([_scaled(text, digits) for text in asks], dtype=np.int64),
        digits,
    )


def _exact_time(place: str, text: str) -> int:
    expected = "a time with a zone, like 2014-05-02T12:30:00.123Z"
    try:
        at = parse_iso(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(place, f"time_utc is {text!r} ({error})", expected) from error
    if not 0 <= at < (_LAST_ORDINAL - _EPOCH_ORDINAL) * _DAY_NS:
        raise InvalidInput(place, f"time_utc is {text!r}", "a time from 1970 to 2099")
    return at


def _scaled(text: str, digits: int) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(digits, "0"))
