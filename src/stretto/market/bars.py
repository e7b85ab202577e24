"""Daily bars: CSV with the header ``date,open,high,low,close``, and the closes the engine reads.

Knows nothing of quotes, accounts or correlations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from stretto.core.errors import InvalidInput
from stretto.core.terms.market import Bar
from stretto.market.quotes import read_bytes, symbol_of

HEADER = "date,open,high,low,close"
_NUMBER = re.compile(r"^[0-9]{1,9}(\.[0-9]{1,9})?\Z")
_DATE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_SUNDAY = 6


class DailyBar(NamedTuple):
    """One day's prices in quote units."""

    day: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


def load_daily_bars(path: Path | str) -> tuple[str, tuple[DailyBar, ...]]:
    """The symbol and bars of one file (``SYMBOL.csv`` or ``.csv.gz``), the short session of a
    Sunday merged into Monday. Raises InvalidInput with file and line.
    """
    path = Path(path)
    symbol = symbol_of(path)
    text = read_bytes(path).decode("utf-8-sig", "replace").replace("\r\n", "\n").rstrip("\n")
    if not text:
        raise InvalidInput(str(path), "the file is empty", f"the header {HEADER!r} and bars")
    lines = text.split("\n")
    if lines[0].strip() != HEADER:
        raise InvalidInput(f"{path}:1", f"the first line is {lines[0][:60]!r}", f"{HEADER!r}")
    bars: list[DailyBar] = []
    for number, line in enumerate(lines[1:], start=2):
        bar = _bar(f"{path}:{number}", line)
        if bars and bar.day <= bars[-1].day:
            raise InvalidInput(
                f"{path}:{number}", f"{bar.day} is not after {bars[-1].day}", "increasing dates"
            )
        bars.append(bar)
    if not bars:
        raise InvalidInput(f"{path}:2", "there is no bar after the header", "at least one bar")
    return symbol, merge_sundays(bars)


def merge_sundays(bars: Sequence[DailyBar]) -> tuple[DailyBar, ...]:
    """Each Sunday's bar becomes part of Monday's; where Monday has none, it stands for Monday."""
    merged: list[DailyBar] = []
    pending: DailyBar | None = None
    for bar in bars:
        if pending is not None and bar.day != pending.day:
            merged.append(pending)
            pending = None
        current = _joined(pending, bar) if pending is not None else bar
        pending = None
        if bar.day.weekday() == _SUNDAY:
            pending = current._replace(day=bar.day + timedelta(days=1))
        else:
            merged.append(current)
    if pending is not None:
        merged.append(pending)
    return tuple(merged)


def closes(bars: Sequence[DailyBar], until: date, count: int = 61) -> tuple[Bar, ...]:
    """The last ``count`` closes of days up to and including ``until``, oldest first."""
    kept = [bar for bar in bars if bar.day <= until][-count:]
    return tuple(Bar(day=bar.day.isoformat(), close=bar.close) for bar in kept)


def _joined(first: DailyBar, second: DailyBar) -> DailyBar:
    return DailyBar(
        second.day,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
    )


def _bar(place: str, line: str) -> DailyBar:
    fields = line.split(",")
    if len(fields) != 5:
        raise InvalidInput(place, f"{len(fields)} columns", f"5 columns: {HEADER}")
    try:
        if not _DATE.match(fields[0]):
            raise ValueError("not of the form YYYY-MM-DD")
        day = date.fromisoformat(fields[0])
    except ValueError as error:
        raise InvalidInput(place, f"date is {fields[0]!r} ({error})", "a date") from error
    for name, field in zip(HEADER.split(",")[1:], fields[1:], strict=True):
        if not _NUMBER.match(field) or not field.strip("0."):
            raise InvalidInput(place, f"{name} is {field!r}", "a positive number")
    first, high, low, last = (Decimal(field) for field in fields[1:])
    if not low <= min(first, last) <= max(first, last) <= high:
        raise InvalidInput(
            place, f"open {first}, high {high}, low {low}, close {last}", "low ≤ open, close ≤ high"
        )
    return DailyBar(day, first, high, low, last)
