"""Session tables by name: the FX week, a market that never closes, and the world's exchanges.

The FX week follows its rule in the pinned tzdata; exchanges, with holidays and half days, come from
exchange_calendars (see ``exchanges``). Daily windows are taken out of either. Knows nothing of
books: what is made here reaches one as a journaled input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import time, timedelta
from typing import NamedTuple

from stretto.core.limits import CALENDAR_HORIZON_NS
from stretto.core.terms.calendar import (
    ALWAYS_OPEN,
    FX_WEEK,
    SessionTable,
    covers,
    is_open,
    next_close,
)
from stretto.core.terms.market import Instrument, venue_calendar
from stretto.core.values import NS_PER_S
from stretto.market.exchanges import exchange_sessions
from stretto.market.sessions import FxWeek, local_ns, utc_date

Intervals = list[tuple[int, int]]
_DAY_NS = 86_400 * NS_PER_S
_DAY = timedelta(days=1)


class DailyWindow(NamedTuple):
    """From ``start`` to ``end`` local time each day, past midnight where ``end`` is not later."""

    start: time
    end: time
    zone_name: str

    @classmethod
    def parse(cls, text: str) -> DailyWindow:
        """A window written ``HH:MM-HH:MM Zone``, as the configuration checked it."""
        times, zone_name = text.split(" ")
        start, end = times.split("-")
        return cls(time.fromisoformat(start), time.fromisoformat(end), zone_name)

    def occurrences(self, starts_at: int, ends_at: int) -> Intervals:
        """The window on each day that can touch [starts_at, ends_at). Where the clock is set back,
        it lasts until its end has come for the last time.
        """
        found = []
        day, last = utc_date(starts_at) - 2 * _DAY, utc_date(ends_at) + 2 * _DAY
        while day <= last:
            until = day + _DAY if self.end <= self.start else day
            opens = local_ns(day, self.start, self.zone_name)
            closes = local_ns(until, self.end, self.zone_name, last=True)
            if opens < closes:
                found.append((opens, closes))
            day += _DAY
        return found


class Calendars:
    """The calendars of a book's instruments, each with its pauses, and of the venues that state
    maintenance. Implements ``ports.Calendars``.
    """

    def __init__(
        self, instruments: Iterable[Instrument], maintenance: Mapping[str, Sequence[str]]
    ) -> None:
        self._week = FxWeek()
        self._kinds: dict[str, tuple[str, tuple[DailyWindow, ...]]] = {}
        for each in sorted(instruments, key=lambda instrument: instrument.symbol):
            windows = tuple(DailyWindow.parse(text) for text in each.pauses)
            self._kinds[each.session_calendar] = (each.calendar, windows)
        for venue in sorted(maintenance):
            windows = tuple(DailyWindow.parse(text) for text in maintenance[venue])
            self._kinds[venue_calendar(venue)] = (ALWAYS_OPEN, windows)

    @property
    def names(self) -> tuple[str, ...]:
        """Every calendar there is, sorted."""
        return tuple(sorted(self._kinds))

    def table(self, name: str, starts_at: int, ends_at: int) -> SessionTable:
        """Its sessions over [starts_at, ends_at), or over the part of it that is known. Raises
        InvalidInput where nothing of it is known; KeyError for a name that is not in ``names``.
        """
        kind, windows = self._kinds[name]
        if kind == FX_WEEK:
            sessions = self._fx_week(starts_at, ends_at)
        elif kind == ALWAYS_OPEN:
            sessions = [(starts_at, ends_at)]
        else:
            sessions, starts_at, ends_at = exchange_sessions(kind, starts_at, ends_at)
        for window in windows:
            sessions = without(sessions, window.occurrences(starts_at, ends_at))
        return SessionTable(
            calendar=name,
            starts_at=starts_at,
            ends_at=ends_at,
            sessions=tuple(within(sessions, starts_at, ends_at)),
        )

    def _fx_week(self, starts_at: int, ends_at: int) -> Intervals:
        found = []
        at = starts_at
        while at < ends_at:
            closes = self._week.closes_at(at)
            if closes is not None:
                found.append((at, closes))
                at = closes
            at = self._week.opens_at(at) or ends_at
        return found


class VenueHours:
    """When each symbol trades at one venue, for the simulated venue: its own look at the calendars,
    through no table of the book. A trading day ends at 17:00 New York, whatever is traded.
    """

    def __init__(
        self, calendars: Calendars, venue: str, instruments: Mapping[str, Instrument]
    ) -> None:
        self._calendars = calendars
        own = venue_calendar(venue)
        self._own = (own,) if own in calendars.names else ()
        self._names = {
            symbol: (instruments[symbol].session_calendar, *self._own) for symbol in instruments
        }
        self._tables: dict[str, SessionTable] = {}
        self._open: dict[str, tuple[int, int]] = {}
        self._week = FxWeek()

    def is_open(self, symbol: str, at_ns: int) -> bool:
        """True where the symbol is in session and the venue not in maintenance."""
        since, until = self._open.get(symbol, (0, 0))
        if since <= at_ns < until:
            return True
        tables = [self._table(name, at_ns) for name in self._names[symbol]]
        if not all(is_open(table, at_ns) for table in tables):
            return False
        closes = min(next_close(table, at_ns) or table.ends_at for table in tables)
        self._open[symbol] = at_ns, closes
        return True

    def trading_day(self, at_ns: int) -> str:
        """The venue's trading day, as an ISO date."""
        return self._week.trading_day(at_ns)

    def day_end(self, at_ns: int) -> int:
        """When that trading day ends."""
        return self._week.day_end(at_ns)

    def _table(self, name: str, at_ns: int) -> SessionTable:
        held = self._tables.get(name)
        if held is None or not covers(held, at_ns):
            first = at_ns - at_ns % _DAY_NS
            held = self._calendars.table(name, first, first + CALENDAR_HORIZON_NS)
            self._tables[name] = held
        return held


def within(sessions: Iterable[tuple[int, int]], starts_at: int, ends_at: int) -> Intervals:
    """Sorted sessions cut to a span, joined where one begins as another ends."""
    found: Intervals = []
    for opens, closes in sessions:
        opens, closes = max(opens, starts_at), min(closes, ends_at)  # noqa: PLW2901
        if opens >= closes:
            continue
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], closes))
        else:
            found.append((opens, closes))
    return found


def without(sessions: Iterable[tuple[int, int]], removed: Sequence[tuple[int, int]]) -> Intervals:
    """Sorted sessions less the sorted intervals of ``removed``."""
    found: Intervals = []
    for opens, closes in sessions:
        at = opens
        for start, end in removed:
            if end <= at or start >= closes:
                continue
            if start > at:
                found.append((at, start))
            at = max(at, end)
        if at < closes:
            found.append((at, closes))
    return found
