"""When the market is open: the foreign-exchange week, in New York time.

The week runs from Sunday 17:00 to Friday 17:00 New York, and each trading day ends at 17:00 there.
Holidays are not known here: a quiet holiday shows as stale data. Knows nothing of quotes.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from stretto.core.errors import InvalidInput
from stretto.core.values import NS_PER_S

DAY_END = time(17, 0)
_EPOCH_DATE = date(1970, 1, 1)
_SUNDAY = 6
_FRIDAY = 4
# A cached calendar covers this many days on each side of the first instant asked for.
_SPAN_DAYS = 400


@cache
def zone(name: str) -> ZoneInfo:
    """A zone from the pinned tzdata package, never from the machine; InvalidInput if unknown."""
    try:
        source = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
        with source.open("rb") as stream:
            return ZoneInfo.from_file(stream, key=name)
    except (OSError, ValueError):
        raise InvalidInput("time zone", f"{name!r} is unknown", "an IANA zone name") from None


def local_ns(day: date, at: time, zone_name: str, *, last: bool = False) -> int:
    """Nanoseconds UTC of a local time. Where it occurs twice, the first (or the ``last``); where
    the clock leaps over it, read with the offset from before the leap (RFC 5545, 3.3.5).
    """
    local = datetime.combine(day, at, tzinfo=zone(zone_name))
    moment = local.replace(fold=1 if last and _occurs_twice(local) else 0).astimezone(UTC)
    return int(moment.timestamp()) * NS_PER_S


def _occurs_twice(local: datetime) -> bool:
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second


def utc_date(at_ns: int) -> date:
    """The UTC calendar date of an instant."""
    return _EPOCH_DATE + timedelta(days=at_ns // (86_400 * NS_PER_S))


def midnight_ns(day: date) -> int:
    """Nanoseconds UTC at which a UTC calendar date begins."""
    return (day - _EPOCH_DATE).days * 86_400 * NS_PER_S


class FxWeek:
    """The calendar of the FX week. All times are ns UTC; daylight saving follows New York."""

    def __init__(self, zone_name: str = "America/New_York") -> None:
        self._zone_name = zone_name
        self._day_ends: list[int] = []
        self._end_dates: list[date] = []

    def is_open(self, at_ns: int) -> bool:
        """True from Sunday 17:00 (inclusive) to Friday 17:00 (exclusive)."""
        return self._end_date(at_ns).weekday() < 5

    def opens_at(self, at_ns: int) -> int | None:
        """The next opening where the market is closed; None where it is open."""
        if self.is_open(at_ns):
            return None
        index = self._index(at_ns)
        while self._end_dates[index].weekday() != _SUNDAY:
            index += 1
        return self._day_ends[index]

    def closes_at(self, at_ns: int) -> int | None:
        """The close of the running week; None where the market is closed."""
        if not self.is_open(at_ns):
            return None
        index = self._index(at_ns)
        while self._end_dates[index].weekday() != _FRIDAY:
            index += 1
        return self._day_ends[index]

    def trading_day(self, at_ns: int) -> str:
        """The venue's trading day as an ISO date: named after the date on which it ends."""
        return self._end_date(at_ns).isoformat()

    def day_end(self, at_ns: int) -> int:
        """The first 17:00 New York after ``at_ns``."""
        index = self._index(at_ns)
        return self._day_ends[index]

    def open_ns(self, start_ns: int, end_ns: int) -> int:
        """How much of [start_ns, end_ns) lies inside sessions."""
        total = 0
        at = start_ns
        while at < end_ns:
            close = self.closes_at(at)
            until = min(end_ns, self.opens_at(at) or end_ns) if close is None else close
            if close is not None:
                total += min(close, end_ns) - at
            at = until
        return total

    def _end_date(self, at_ns: int) -> date:
        index = self._index(at_ns)
        return self._end_dates[index]

    def _index(self, at_ns: int) -> int:
        """Position of the trading day that holds ``at_ns``, with at least a week known after it."""
        ends = self._day_ends
        if not ends or not ends[0] <= at_ns < ends[-8]:
            self._extend(utc_date(at_ns))
            ends = self._day_ends
        return bisect_right(ends, at_ns)

    def _extend(self, around: date) -> None:
        dates = self._end_dates
        first = min([around - timedelta(days=_SPAN_DAYS), *dates[:1]])
        last = max([around + timedelta(days=_SPAN_DAYS), *dates[-1:]])
        self._end_dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        self._day_ends = [local_ns(day, DAY_END, self._zone_name) for day in self._end_dates]
