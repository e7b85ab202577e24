"""Sessions of exchanges, with holidays, half days and lunch breaks, from exchange_calendars.

The package (and pandas with it) is imported when the first exchange is asked for, not before: it
takes longer than everything else at start-up together. Knows nothing of instruments.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from stretto.core.errors import InvalidInput
from stretto.market.sessions import midnight_ns, utc_date

Intervals = list[tuple[int, int]]
_DAY = timedelta(days=1)
# Within the bounds of every calendar: the Saudi one is known from 2021 on.
_PROBE = (date(2024, 1, 2), date(2024, 1, 31))


def exchange_sessions(code: str, starts_at: int, ends_at: int) -> tuple[Intervals, int, int]:
    """Sessions of the exchange ``code`` that touch [starts_at, ends_at), sorted, and the part of
    that span which its calendar knows, ns UTC. Raises InvalidInput for an unknown code, or where
    the calendar knows nothing of the span.
    """
    known_from, known_to = _known(code)
    span_from, span_to = starts_at, ends_at
    if known_from is not None:
        span_from = max(span_from, midnight_ns(known_from))
    if known_to is not None:
        span_to = min(span_to, midnight_ns(known_to + _DAY))
    if span_from >= span_to:
        raise InvalidInput(
            f"calendar {code!r}",
            f"knows nothing of {utc_date(starts_at)} to {utc_date(ends_at)}",
            f"a time from {known_from or 'any'} to {known_to or 'any'}",
        )
    # Whole years, so that questions about neighbouring spans share one calendar. A session may
    # begin on the UTC day before its own.
    first_year = (utc_date(span_from) - _DAY).year
    last_year = (utc_date(span_to) + _DAY).year
    first = max(date(first_year, 1, 1), known_from or date.min)
    last = min(date(last_year, 12, 31), known_to or date.max)
    rows = [row for row in _sessions(code, first, last) if row[0] < span_to and row[1] > span_from]
    return rows, span_from, span_to


@lru_cache(maxsize=64)
def _known(code: str) -> tuple[date | None, date | None]:
    """First and last day that the calendar knows; None where it has no bound."""
    kind = type(_calendar(code, *_PROBE))
    least, most = kind.bound_min(), kind.bound_max()
    return None if least is None else least.date(), None if most is None else most.date()


@lru_cache(maxsize=64)
def _sessions(code: str, first: date, last: date) -> tuple[tuple[int, int], ...]:
    """(opens, closes) of each session from ``first`` to ``last``, lunch breaks taken out."""
    calendar = _calendar(code, first, last)
    with _quiet():
        opens, closes = calendar.opens_nanos.tolist(), calendar.closes_nanos.tolist()
        pauses = calendar.break_starts_nanos.tolist()
        resumes = calendar.break_ends_nanos.tolist()
    found: Intervals = []
    for start, pause, resume, end in zip(opens, pauses, resumes, closes, strict=True):
        if start < pause < resume < end:  # a day without a break has no time there
            found += [(start, pause), (resume, end)]
        else:
            found.append((start, end))
    return tuple(found)


def _calendar(code: str, first: date, last: date) -> Any:
    with _quiet():
        from exchange_calendars import errors, get_calendar  # noqa: PLC0415

        try:
            return get_calendar(code, start=first.isoformat(), end=last.isoformat())
        except errors.InvalidCalendarName:
            raise InvalidInput(
                "calendar",
                f"{code!r} is unknown",
                "fx_week, always_open or a code of exchange_calendars, like XNYS or CMES",
            ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """The package's own use of what pandas will drop one day is nothing a user can act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
