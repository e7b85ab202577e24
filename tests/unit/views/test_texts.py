"""Numbers and times as text: nothing lost, nothing through a float."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from stretto.core.values import NS_PER_S, iso, ppm_to_decimal
from stretto.views import texts


@given(st.integers(-3_000_000, 3_000_000))
def test_a_fraction_is_an_exact_json_number(value_ppm: int) -> None:
    read = json.loads(texts.table_json(texts.fraction(value_ppm)), parse_float=Decimal)
    assert Decimal(read) == ppm_to_decimal(value_ppm)


@given(st.integers(0, 10**14))
def test_durations_are_exact(duration_ns: int) -> None:
    read = json.loads(texts.table_json(texts.seconds(duration_ns)), parse_float=Decimal)
    assert Decimal(read) * NS_PER_S == duration_ns
    assert Decimal(texts.milliseconds(duration_ns)) * 1_000_000 == duration_ns


@given(st.integers(-(10**18), 4 * 10**18))
def test_times_are_those_of_the_core(at_ns: int) -> None:
    assert texts.timestamp(at_ns) == iso(at_ns)


def test_a_time_beyond_the_calendar_is_shown_as_it_came() -> None:
    assert texts.timestamp(10**30) == str(10**30)


def test_a_number_that_json_does_not_know_stays_text() -> None:
    assert texts.table_json([texts.number(Decimal("NaN"))]) == '["NaN"]'
