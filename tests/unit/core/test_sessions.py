"""An instrument's calendar and a venue's maintenance, as the book knows them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.configuring import on_opened
from stretto.core.errors import InvalidInput
from stretto.core.executions.sessions import next_session, session_hours, venue_hours
from stretto.core.terms.refusal import Rule
from tests.builders import INSTRUMENTS, START, VENUE, Desk, S, a_config, sessions

CONFIG = replace(a_config(), maintenance={VENUE: ("08:00-08:10 UTC",)})
MINUTE = 60 * S
OPENS, CLOSES = START - MINUTE, START + 5 * MINUTE


def a_desk(*own: tuple[int, int]) -> Desk:
    """The symbol trades from OPENS to CLOSES and again an hour later; the venue in ``own``."""
    desk = Desk(CONFIG)
    day = sessions((OPENS, CLOSES), (START + 60 * MINUTE, START + 70 * MINUTE))
    desk.feed(ev.CalendarObserved(table=day))
    if own:
        desk.feed(ev.CalendarObserved(table=sessions(*own, calendar=f"venue {VENUE}")))
    return desk


def test_an_entry_waits_for_the_venue_and_for_the_symbol() -> None:
    back = START + 61 * MINUTE
    desk = a_desk((START - 9 * MINUTE, START), (back, back + MINUTE))
    plan = desk.plan()
    assert {r.rule for r in plan.refusals} == {Rule.SESSION_CLOSED}
    assert plan.refusals[0].compared["calendar"] == f"fx_week and venue {VENUE}"
    assert "session_opens_at" in plan.refusals[0].compared
    assert session_hours(desk.book, "EURUSD", START).is_open
    assert venue_hours(desk.book, "EURUSD", VENUE, START).opens_at == back
    assert venue_hours(desk.book, "EURUSD", "another", START).is_open
    assert next_session(desk.book, "EURUSD", VENUE, START) == back
    assert next_session(desk.book, "EURUSD", "another", START) == START + 60 * MINUTE


def test_maintenance_that_is_over_stops_nothing() -> None:
    plan = a_desk((START, START + MINUTE)).plan()
    assert plan.refusals == ()
    assert f"calendar:venue {VENUE}" in plan.reads_seq
    assert "calendar:fx_week" in plan.reads_seq


def test_a_venue_whose_maintenance_nobody_told_takes_no_entry() -> None:
    desk = a_desk()
    plan = desk.plan()
    assert {r.rule for r in plan.refusals} == {Rule.SESSION_UNKNOWN}
    assert plan.refusals[0].compared["calendar"] == f"fx_week and venue {VENUE}"
    assert next_session(desk.book, "EURUSD", VENUE, START) is None


def test_a_table_replaces_what_was_known_and_the_same_changes_nothing() -> None:
    desk = Desk()
    table = sessions((START, START + S))
    (event,) = desk.feed(ev.CalendarObserved(table=table))
    assert event == ev.CalendarRecorded(table=table)
    assert desk.book.calendars == {"fx_week": table}
    assert desk.book.cites["calendar:fx_week"] == desk.book.seq
    assert desk.feed(ev.CalendarObserved(table=table)) == ()


def test_hours_may_change_under_a_position_and_nothing_else() -> None:
    desk = Desk()
    desk.order()
    eurusd = INSTRUMENTS["EURUSD"]

    def changed(**fields: object) -> dict[str, object]:
        return {"instruments": INSTRUMENTS | {"EURUSD": replace(eurusd, **fields)}}

    hours = changed(calendar="always_open", pauses=("17:00-18:00 UTC",))
    (event,) = on_opened(desk.book, replace(desk.config, **hours))
    assert isinstance(event, ev.BookConfigured)
    with pytest.raises(InvalidInput, match=r"instruments\.EURUSD"):
        on_opened(desk.book, replace(desk.config, **changed(tick=eurusd.pip)))
