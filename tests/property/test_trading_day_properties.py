"""The firm's trading day in any zone and on any date, the changes of the clock included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.gate.risk import next_trading_day, trading_day_start
from stretto.core.values import NS_PER_S

ZONES = ("UTC", "Europe/Prague", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo")
MINUTE = 60 * NS_PER_S


@given(
    st.integers(1_262_304_000, 1_767_225_600),
    st.integers(0, 23),
    st.sampled_from([0, 30, 59]),
    st.sampled_from(ZONES),
)
@pytest.mark.requirement("P8")
def test_a_trading_day_starts_when_the_clock_first_shows_the_reset(
    second: int, hour: int, minute: int, zone: str
) -> None:
    at, reset, place = second * NS_PER_S, f"{hour:02d}:{minute:02d}", ZoneInfo(zone)
    start = trading_day_start(at, reset, zone)
    assert start <= at
    assert at - start <= 25 * 3_600 * NS_PER_S
    assert trading_day_start(start, reset, zone) == start
    assert trading_day_start(start - NS_PER_S, reset, zone) < start
    following = next_trading_day(at, reset, zone)
    assert following > at
    assert trading_day_start(following - NS_PER_S, reset, zone) == start
    wall = local(start, place)
    if (wall.hour, wall.minute, wall.second) != (hour, minute, 0):
        # The reset is skipped: the day starts with the change, just past it on the clock.
        before = local(start - NS_PER_S, place)
        assert before.replace(tzinfo=None) + timedelta(seconds=1) <= wall.replace(
            hour=hour, minute=minute, second=0, tzinfo=None
        )
        assert wall.utcoffset() != before.utcoffset()
    else:
        assert wall.fold == 0


@given(st.sampled_from(ZONES[1:]), st.integers(2010, 2024), st.sampled_from(["00:00", "02:30"]))
@pytest.mark.requirement("P8")
def test_days_around_a_change_of_the_clock_are_each_one_day(
    zone: str, year: int, reset: str
) -> None:
    first = int(datetime(year, 1, 1, 12, tzinfo=UTC).timestamp()) * NS_PER_S
    starts: list[int] = []
    at = first
    while len(starts) < 366:
        at = next_trading_day(at, reset, zone)
        starts.append(at)
    hours = [(b - a) // MINUTE for a, b in pairwise(starts)]
    assert min(hours) >= 22 * 60 + 30
    assert max(hours) <= 25 * 60 + 30
    dates = {local(start + 6 * 3_600 * NS_PER_S, ZoneInfo(zone)).date() for start in starts}
    assert len(dates) == len(starts)


def local(at_ns: int, place: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ns // NS_PER_S, UTC).astimezone(place)
