"""Any table of sessions, asked at any instant, gives one consistent story."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stretto.core.terms.calendar import (
    SessionTable,
    common,
    covers,
    is_open,
    next_close,
    next_open,
)
from stretto.core.terms.market import Instrument
from stretto.core.values import NS_PER_S, ONE
from stretto.market.calendars import Calendars, within, without

SPAN = 400
DAY = 86_400 * NS_PER_S
ZONES = ("UTC", "Europe/Athens", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
# Zones whose clock was never changed in these years, minutes ahead of UTC.
FIXED = {"UTC": 0, "Asia/Kolkata": 330}


@st.composite
def tables(draw: st.DrawFn) -> SessionTable:
    starts_at = draw(st.integers(-SPAN, SPAN))
    ends_at = starts_at + draw(st.integers(1, SPAN))
    cuts = sorted(draw(st.sets(st.integers(starts_at, ends_at), max_size=12)))
    pairs = tuple(zip(cuts[0::2], cuts[1::2], strict=False))
    return SessionTable(calendar="X", starts_at=starts_at, ends_at=ends_at, sessions=pairs)


instants = st.integers(-2 * SPAN, 3 * SPAN)
intervals = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=6).map(
    lambda rows: sorted((start, start + length) for start, length in rows)
)


@given(tables(), instants)
def test_the_state_changes_where_it_is_said_to_and_nowhere_else(
    table: SessionTable, at: int
) -> None:
    opens, closes = next_open(table, at), next_close(table, at)
    if not covers(table, at):
        assert (is_open(table, at), opens, closes) == (False, None, None)
        return
    if opens is not None:
        assert opens > at
        assert is_open(table, opens)
        assert not is_open(table, opens - 1)
    if closes is not None:
        assert closes > at
        assert is_open(table, closes - 1)
        assert not is_open(table, closes)
    changes = [found for found in (opens, closes) if found is not None]
    until = min([*changes, table.ends_at])
    assert {is_open(table, each) for each in range(at, until)} <= {is_open(table, at)}
    if not is_open(table, at) and opens is not None and closes is not None:
        assert opens < closes


@given(tables(), tables(), instants)
def test_both_are_open_where_each_is(one: SessionTable, two: SessionTable, at: int) -> None:
    both, swapped = common(one, two), common(two, one)
    if both is None:
        assert swapped is None
        assert not (covers(one, at) and covers(two, at))
        return
    assert swapped is not None
    assert both.sessions == swapped.sessions
    assert covers(both, at) == (covers(one, at) and covers(two, at))
    assert is_open(both, at) == (is_open(one, at) and is_open(two, at))


@given(intervals, intervals, st.integers(0, 70))
def test_what_is_taken_out_is_closed_and_the_rest_is_as_it_was(
    given_sessions: list[tuple[int, int]], removed: list[tuple[int, int]], at: int
) -> None:
    def inside(rows: list[tuple[int, int]]) -> bool:
        return any(start <= at < end for start, end in rows)

    joined = within(given_sessions, 0, 100)
    assert inside(joined) == inside(given_sessions)
    left = without(joined, removed)
    assert inside(left) == (inside(joined) and not inside(removed))
    assert all(first[1] < second[0] for first, second in pairwise(within(left, 0, 100)))


@given(
    st.integers(0, 20_000),
    st.integers(1, 60),
    st.sampled_from(ZONES),
    st.integers(0, 1_439),
    st.integers(1, 1_439),
    st.integers(0, 60 * 24 * 60),
)
def test_any_daily_window_of_any_zone_makes_a_table_that_is_closed_in_it(
    day: int, days: int, zone: str, start: int, length: int, minute: int
) -> None:
    end = (start + length) % 1_440
    pause = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} {zone}"
    instrument = Instrument(
        symbol="X", base_currency="A", quote_currency="B", pip=ONE, tick=ONE,
        calendar="always_open", pauses=(pause,),
    )  # fmt: skip
    calendars = Calendars([instrument], {})
    (name,) = calendars.names
    whole = calendars.table(name, day * DAY, (day + days) * DAY)
    at = day * DAY + minute * 60 * NS_PER_S
    part = calendars.table(name, at - DAY, at + DAY)
    if covers(whole, at) and covers(whole, at - DAY):
        assert is_open(whole, at) == is_open(part, at), "the span asked for changes nothing"
    if zone in FIXED and covers(whole, at):
        wall = (minute + FIXED[zone]) % 1_440
        paused = start <= wall < end if start < end else wall >= start or wall < end
        assert is_open(whole, at) is not paused
