"""Sessions as intervals: what is open, when it opens and closes next, and where nobody knows."""

from __future__ import annotations

import pytest

from stretto.core.errors import InvalidInput
from stretto.core.limits import CALENDAR_SESSIONS_MAX
from stretto.core.terms.calendar import (
    Hours,
    SessionTable,
    common,
    covers,
    hours,
    is_open,
    next_close,
    next_open,
)


def table(*sessions: tuple[int, int], span: tuple[int, int] = (0, 100)) -> SessionTable:
    return SessionTable(calendar="X", starts_at=span[0], ends_at=span[1], sessions=sessions)


TWO = table((10, 20), (30, 40))


@pytest.mark.parametrize(
    ("at", "opened", "opens", "closes"),
    [
        (0, False, 10, 20),
        (9, False, 10, 20),
        (10, True, 30, 20),  # a session holds its first instant
        (19, True, 30, 20),
        (20, False, 30, 40),  # and not its last
        (29, False, 30, 40),
        (35, True, None, 40),
        (40, False, None, None),
        (99, False, None, None),
        (100, False, None, None),  # beyond the span nothing is known
        (-1, False, None, None),
    ],
)
def test_a_session_holds_its_opening_and_not_its_close(
    at: int, opened: bool, opens: int | None, closes: int | None
) -> None:
    assert is_open(TWO, at) is opened
    assert next_open(TWO, at) == opens
    assert next_close(TWO, at) == closes
    assert covers(TWO, at) is (0 <= at < 100)


def test_a_session_that_reaches_the_end_of_the_span_has_no_known_close() -> None:
    week = table((0, 20), (80, 100))
    assert is_open(week, 0)
    assert next_close(week, 5) == 20
    assert next_open(week, 5) == 80
    assert is_open(week, 99)
    assert next_close(week, 85) is None
    assert next_close(week, 50) is None


def test_hours_say_whether_they_are_known() -> None:
    assert hours("X", TWO, 15) == Hours(calendar="X", is_open=True, known=True)
    assert hours("X", TWO, 25) == Hours(calendar="X", is_open=False, known=True, opens_at=30)
    assert hours("X", TWO, 50) == Hours(calendar="X", is_open=False, known=True)
    unknown = Hours(calendar="X", is_open=False, known=False)
    assert hours("X", TWO, 100) == hours("X", None, 15) == unknown


def test_what_two_calendars_have_in_common() -> None:
    both = common(table((0, 50), (60, 90), span=(0, 95)), table((5, 70), (80, 100), span=(5, 100)))
    assert both is not None
    assert (both.starts_at, both.ends_at) == (5, 95)
    assert both.sessions == ((5, 50), (60, 70), (80, 90))
    assert common(table(span=(0, 10)), table(span=(10, 20))) is None


@pytest.mark.parametrize(
    "sessions",
    [
        [(10, 10)],
        [(20, 10)],
        [(10, 20), (20, 30)],  # one session, written as two
        [(30, 40), (10, 20)],
        [(10, 20), (15, 30)],
        [(-1, 5)],
        [(90, 101)],
    ],
)
def test_sessions_must_be_sorted_apart_and_inside_the_span(sessions: list[tuple[int, int]]) -> None:
    with pytest.raises(InvalidInput, match="sessions in order, apart from each other"):
        table(*sessions)


def test_a_table_must_span_time_and_stay_small() -> None:
    with pytest.raises(InvalidInput, match="a span of time"):
        table(span=(10, 10))
    many = tuple((2 * n, 2 * n + 1) for n in range(CALENDAR_SESSIONS_MAX + 1))
    with pytest.raises(InvalidInput, match="at most"):
        table(*many, span=(0, 10_000))
