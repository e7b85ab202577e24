"""Session tables: the FX week and exchanges around changes of the clock, holidays and half days."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from stretto.core.errors import InvalidInput
from stretto.core.terms.calendar import SessionTable, is_open, next_close, next_open
from stretto.core.terms.market import Instrument
from stretto.core.values import NS_PER_S, ONE, iso, parse_iso
from stretto.market import Calendars, VenueHours

MINUTE = 60 * NS_PER_S
DAY = 1_440 * MINUTE


def instrument(calendar: str, *pauses: str, symbol: str = "X") -> Instrument:
    return Instrument(
        symbol=symbol, base_currency="A", quote_currency="B", pip=ONE, tick=ONE,
        calendar=calendar, pauses=pauses,
    )  # fmt: skip


def table(since: str, until: str, calendar: str, *pauses: str) -> SessionTable:
    calendars = Calendars([instrument(calendar, *pauses)], {})
    (name,) = calendars.names
    return calendars.table(name, parse_iso(f"{since}T00:00:00Z"), parse_iso(f"{until}T00:00:00Z"))


def shown(of: SessionTable) -> list[str]:
    """Sessions to the minute, UTC; the day of a close only where it is another."""
    rows = []
    for opens, closes in of.sessions:
        start, end = iso(opens), iso(closes)
        rows.append(f"{start[5:16]} {end[11:16] if end[:10] == start[:10] else end[5:16]}")
    return rows


@pytest.mark.parametrize(
    ("friday", "week"),
    [
        # The European clock changes on 31 March and 27 October 2024: nothing moves here.
        ("2024-03-29", ["03-29T00:00 21:00", "03-31T21:00 04-05T00:00"]),
        ("2024-10-25", ["10-25T00:00 21:00", "10-27T21:00 11-01T00:00"]),
        # New York's goes forward on 10 March: the week ends at 22:00 UTC and opens at 21:00.
        ("2024-03-08", ["03-08T00:00 22:00", "03-10T21:00 03-15T00:00"]),
        # It goes back on 3 November: 21:00, then 22:00.
        ("2024-11-01", ["11-01T00:00 21:00", "11-03T22:00 11-08T00:00"]),
        ("2024-12-27", ["12-27T00:00 22:00", "12-29T22:00 01-03T00:00"]),
    ],
)
def test_the_fx_week_opens_at_five_in_new_york_whatever_the_clock_does(
    friday: str, week: list[str]
) -> None:
    until = iso(parse_iso(f"{friday}T00:00:00Z") + 7 * DAY)[:10]
    assert shown(table(friday, until, "fx_week")) == week


def test_an_exchange_has_its_holidays_and_half_days() -> None:
    thanksgiving = table("2024-11-27", "2024-12-03", "XNYS")
    assert shown(thanksgiving) == ["11-27T14:30 21:00", "11-29T14:30 18:00", "12-02T14:30 21:00"]
    independence = table("2024-07-03", "2024-07-09", "XNYS")
    assert shown(independence) == ["07-03T13:30 17:00", "07-05T13:30 20:00", "07-08T13:30 20:00"]
    christmas = table("2024-12-24", "2024-12-27", "XNYS")
    assert shown(christmas) == ["12-24T14:30 18:00", "12-26T14:30 21:00"]
    new_year = table("2024-12-31", "2025-01-04", "XNYS")
    assert shown(new_year) == ["12-31T14:30 21:00", "01-02T14:30 21:00", "01-03T14:30 21:00"]
    # A day of mourning, which no rule could know.
    assert shown(table("2025-01-08", "2025-01-11", "XNYS")) == [
        "01-08T14:30 21:00",
        "01-10T14:30 21:00",
    ]
    closed = parse_iso("2024-12-24T18:00:00Z")
    assert not is_open(christmas, closed)
    assert next_close(christmas, closed - 1) == closed
    assert next_open(christmas, closed) == parse_iso("2024-12-26T14:30:00Z")


def test_exchanges_follow_the_clock_of_their_own_city() -> None:
    # New York changes on Sunday 10 March 2024, London three weeks later.
    assert shown(table("2024-03-08", "2024-03-12", "XNYS")) == [
        "03-08T14:30 21:00",
        "03-11T13:30 20:00",
    ]
    assert shown(table("2024-03-08", "2024-03-12", "XLON")) == [
        "03-08T08:00 16:30",
        "03-11T08:00 16:30",
    ]
    assert shown(table("2024-03-28", "2024-04-03", "XLON")) == [
        "03-28T08:00 16:30",  # Good Friday and Easter Monday are holidays, and the clock changed
        "04-02T07:00 15:30",
    ]  # fmt: skip
    assert shown(table("2024-10-25", "2024-10-29", "XLON")) == [
        "10-25T07:00 15:30",
        "10-28T08:00 16:30",
    ]
    assert shown(table("2024-11-01", "2024-11-05", "XNYS")) == [
        "11-01T13:30 20:00",
        "11-04T14:30 21:00",
    ]


def test_a_lunch_break_is_no_session() -> None:
    assert shown(table("2024-12-24", "2024-12-28", "XHKG")) == [
        "12-24T01:30 04:00",  # Christmas Eve: the morning only
        "12-27T01:30 04:00",
        "12-27T05:00 08:00",
    ]  # fmt: skip


def test_sessions_that_touch_are_one_and_a_daily_pause_parts_them() -> None:
    # Globex: a pause of an hour a day, which the calendar itself leaves out.
    assert shown(table("2024-03-11", "2024-03-13", "CMES")) == ["03-11T00:00 03-13T00:00"]
    paused = table("2024-03-07", "2024-03-13", "CMES", "16:00-17:00 America/Chicago")
    assert shown(paused) == [
        "03-07T00:00 22:00",
        "03-07T23:00 03-08T22:00",
        "03-10T22:00 03-11T21:00",
        "03-11T22:00 03-12T21:00",
        "03-12T22:00 03-13T00:00",
    ]


def test_a_session_of_the_day_before_reaches_into_the_span() -> None:
    at = parse_iso("2024-07-05T15:00:00Z")
    calendars = Calendars([instrument("XNYS")], {})
    found = calendars.table("XNYS", at, at + DAY)
    assert found.sessions == ((at, parse_iso("2024-07-05T20:00:00Z")),)


def test_gold_rests_an_hour_a_day_in_new_york_time() -> None:
    gold = table("2024-03-08", "2024-03-12", "fx_week", "17:00-18:00 America/New_York")
    assert shown(gold) == [
        "03-08T00:00 22:00",
        "03-10T22:00 03-11T21:00",
        "03-11T22:00 03-12T00:00",
    ]


@pytest.mark.parametrize(
    ("day", "window", "closed"),
    [
        # 01:30 comes twice on 3 November 2024: the window ends with the second of them.
        ("2024-11-03", "01:00-01:30 America/New_York", ("05:00", "06:30")),
        # 02:30 does not come on 10 March; read as before the leap it is 03:30.
        ("2024-03-10", "02:30-03:30 America/New_York", None),
        ("2024-03-10", "02:30-04:30 America/New_York", ("07:30", "08:30")),
        ("2024-03-31", "00:30-03:30 Europe/Berlin", ("23:30", "01:30")),
        ("2024-10-27", "00:30-03:30 Europe/Berlin", ("22:30", "02:30")),
    ],
)
def test_a_window_on_the_day_the_clock_changes(
    day: str, window: str, closed: tuple[str, str] | None
) -> None:
    start = parse_iso(f"{day}T00:00:00Z") - 6 * 60 * MINUTE
    calendars = Calendars([instrument("always_open", window)], {})
    sessions = calendars.table(calendars.names[0], start, start + 18 * 60 * MINUTE).sessions
    breaks = [
        (iso(before)[11:16], iso(after)[11:16]) for (_, before), (after, _) in pairwise(sessions)
    ]
    assert breaks == ([] if closed is None else [closed])


def test_windows_cross_midnight_and_overlap() -> None:
    pauses = ("23:30-00:30 UTC", "00:00-01:00 UTC")
    found = table("2024-05-01", "2024-05-03", "always_open", *pauses)
    assert shown(found) == ["05-01T01:00 23:30", "05-02T01:00 23:30"]


def test_instruments_with_the_same_hours_share_a_calendar() -> None:
    rows = [
        instrument("fx_week", symbol="A"),
        instrument("fx_week", symbol="B"),
        instrument("fx_week", "17:00-18:00 America/New_York", symbol="C"),
    ]
    calendars = Calendars(rows, {"east": ("00:00-00:05 Europe/Athens",)})
    assert calendars.names == (
        "fx_week",
        "fx_week without 17:00-18:00 America/New_York",
        "venue east",
    )


def test_the_world_ends_where_a_calendar_does() -> None:
    calendars = Calendars([instrument("XSAU")], {})
    start = parse_iso("2029-12-20T00:00:00Z")
    known = calendars.table("XSAU", start, start + 35 * DAY)
    assert iso(known.ends_at)[:10] == "2030-01-01"
    with pytest.raises(InvalidInput, match="knows nothing of 2031-01-01"):
        calendars.table(
            "XSAU", parse_iso("2031-01-01T00:00:00Z"), parse_iso("2031-02-01T00:00:00Z")
        )
    before = parse_iso("2020-12-20T00:00:00Z")
    assert iso(calendars.table("XSAU", before, before + 35 * DAY).starts_at)[:10] == "2021-01-01"
    with pytest.raises(InvalidInput, match="'XNOWHERE' is unknown; expected fx_week"):
        table("2024-01-01", "2024-01-05", "XNOWHERE")


def test_a_venue_is_open_where_symbol_and_venue_are() -> None:
    rows = {"A": instrument("fx_week", symbol="A"), "B": instrument("always_open", symbol="B")}
    calendars = Calendars(rows.values(), {"east": ("10:00-10:05 UTC",)})
    east, west = (VenueHours(calendars, name, rows) for name in ("east", "west"))
    friday = parse_iso("2024-03-15T10:00:00Z")
    saturday = friday + DAY
    assert not east.is_open("A", friday)
    assert east.is_open("A", friday + 5 * MINUTE)
    assert west.is_open("A", friday)
    assert not west.is_open("A", saturday)
    assert west.is_open("B", saturday)
    assert not east.is_open("B", saturday)
    # Another year, then back: the venue asks its calendars anew.
    assert not west.is_open("A", saturday + 364 * DAY)
    assert west.is_open("A", friday)
    assert west.trading_day(friday) == "2024-03-15"
    assert iso(west.day_end(friday))[:16] == "2024-03-15T21:00"


def test_the_exchanges_package_is_imported_only_where_an_exchange_is_named() -> None:
    code = (
        "import sys, stretto.bootstrap, stretto.cli, stretto.config\n"
        "from stretto.market import Calendars\n"
        "c = Calendars([], {'v': ('00:00-00:05 UTC',)})\n"
        "c.table('venue v', 0, 10**15)\n"
        "assert not {'pandas', 'exchange_calendars'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
