"""Steps, ratios, times, identifiers and draws behave as their docstrings say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.values import (
    NS_PER_S,
    PPM,
    Side,
    base32,
    ceil_to_step,
    client_order_id,
    client_order_number,
    digest,
    draw,
    draw_below,
    execution_id,
    floor_to_step,
    is_finite,
    is_multiple,
    iso,
    parse_iso,
    plain,
    ppm_to_decimal,
    ratio_ppm,
)

STEPS = st.sampled_from([Decimal(text) for text in ("0.00001", "0.01", "0.25", "1", "1000")])
AMOUNTS = st.decimals("-1e9", "1e9", places=5)
# 1970 to 2200: every time a journal can hold.
TIMES = st.integers(0, 7_258_118_400 * NS_PER_S)
NAMES = st.text(min_size=1, max_size=12)


def test_sides_are_opposite_and_signed() -> None:
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


@pytest.mark.parametrize(
    ("text", "finite"), [("0", True), ("-1.5", True), ("NaN", False), ("Infinity", False)]
)
def test_finite(text: str, finite: bool) -> None:
    assert is_finite(Decimal(text)) is finite


@given(AMOUNTS, STEPS)
def test_steps_bracket_the_value(value: Decimal, step: Decimal) -> None:
    low, high = floor_to_step(value, step), ceil_to_step(value, step)
    assert low <= value <= high
    assert value - low < step
    assert high - value < step
    assert is_multiple(low, step)
    assert is_multiple(high, step)
    assert (low == high) is is_multiple(value, step)


@pytest.mark.parametrize(
    ("value", "floor", "ceiling"),
    [("1.019", "1.01", "1.02"), ("-1.019", "-1.02", "-1.01"), ("0.30", "0.3", "0.3")],
)
def test_steps_of_known_values(value: str, floor: str, ceiling: str) -> None:
    assert floor_to_step(Decimal(value), Decimal("0.01")) == Decimal(floor)
    assert ceil_to_step(Decimal(value), Decimal("0.01")) == Decimal(ceiling)


def test_ratios_are_truncated_toward_zero() -> None:
    assert ratio_ppm(Decimal(2), Decimal(3)) == 666_666
    assert ratio_ppm(Decimal(-2), Decimal(3)) == -666_666
    assert ratio_ppm(Decimal(2), Decimal(-3)) == -666_666


@given(st.integers(-(10**12), 10**12))
def test_ppm_to_decimal_is_exact(value: int) -> None:
    assert ppm_to_decimal(value) * PPM == value


@given(TIMES)
def test_times_survive_text(at_ns: int) -> None:
    assert parse_iso(iso(at_ns)) == at_ns


@given(TIMES, TIMES)
def test_times_sort_as_text(first: int, second: int) -> None:
    assert (iso(first) < iso(second)) is (first < second)


@given(TIMES, st.integers(-23 * 60, 23 * 60))
def test_times_of_every_offset_agree_with_datetime(at_ns: int, offset_minutes: int) -> None:
    zone = timezone(timedelta(minutes=offset_minutes))
    moment = datetime.fromtimestamp(at_ns // NS_PER_S, zone)
    assert parse_iso(moment.isoformat()) == at_ns // NS_PER_S * NS_PER_S


@pytest.mark.parametrize(
    ("text", "at_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T01:00:00.5+01:00", 500_000_000),
        (" 2026-06-05T12:30:00Z ", 1_780_662_600 * NS_PER_S),
        ("1969-12-31T23:59:59.75Z", -250_000_000),
    ],
)
def test_known_times(text: str, at_ns: int) -> None:
    assert parse_iso(text) == at_ns


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-06-05T12:30:00", "2026-06-05", "2026-13-01T00:00:00Z", "12:30Z",
     "2026-06-05T12:30:00.Z", "2026-06-05T12:30:00.1234567890Z", "2026-02-30T00:00:00Z",
     "2026-06-05T12:30:00,5Z", "2026-06-05T12:30:00+00:00.5", "2026-06-05T12:30:00+02:00:00.25",
     "2026-06-05T12:30.5Z", "2026-06-05T12:30:00+0200", "20260605T123000Z", "2026-W23-5T12:30:00Z",
     "2026-06-05T12:30:00.\u0665Z", "2026-06-05T12:30:00ZZ", "2026-06-05T12:30:00+25:00"],
)  # fmt: skip
def test_what_is_no_zoned_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_iso(text)


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_no_two_lists_share_a_digest(first: list[str], second: list[str]) -> None:
    assert (digest(*first) == digest(*second)) is (first == second)


def test_identifiers_never_change() -> None:
    # Orders at venues, entries in journals and replays depend on them for ever.
    order = client_order_id("book", "EXECUTION", "account", 0)
    assert order == "TJTEC4QSN57BFVWDQ2E4"
    assert client_order_number(order) == 5562825943828381449
    assert execution_id("book", "signal") == "MOI4A44ZZSE552F3"
    assert draw("key", "execution", "account", "delay") == 16044873480627924107


@given(NAMES, NAMES, NAMES, st.integers(0, 99))
def test_order_ids_have_a_number_of_63_bits(book: str, parent: str, account: str, leg: int) -> None:
    order = client_order_id(book, parent, account, leg)
    assert len(order) == 20
    assert set(order) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert 0 <= client_order_number(order) < 2**63
    assert client_order_id(book, parent, account, leg + 1) != order
    # The number is the id's first 63 bits, so that either can be looked up by the other.
    bits = digest("order", book, parent, account, str(leg))
    assert client_order_number(order) == int.from_bytes(bits[:8], "big") >> 1


def test_base32_is_that_of_rfc_4648() -> None:
    assert base32(b"foobar", 10) == "MZXW6YTBOI"


def test_draws_depend_on_every_part() -> None:
    draws = {
        draw("key", "execution", "account", "delay"),
        draw("keyx", "execution", "account", "delay"),
        draw("key", "executionx", "account", "delay"),
        draw("key", "execution", "accountx", "delay"),
        draw("key", "execution", "account", "delayx"),
        draw("key", "execution", "account", "delay", nonce=1),
        draw("k", "eyexecution", "account", "delay"),
    }
    assert len(draws) == 7
    assert draw("key", "execution", "account", "delay", 0) in draws


@given(st.integers(1, 2**40), st.integers(0, 2**64 - 1))
def test_bounded_draws_stay_below(bound: int, draw_64: int) -> None:
    assert 0 <= draw_below(bound, draw_64) < bound


def test_bounded_draws_reach_both_ends_evenly() -> None:
    assert draw_below(10, 0) == 0
    assert draw_below(10, 2**64 - 1) == 9
    counts = [0] * 10
    for nonce in range(10_000):
        counts[draw_below(10, draw("key", "execution", "account", "test", nonce))] += 1
    # Chi square with 9 degrees of freedom: 27.88 is exceeded once in a thousand.
    assert sum((count - 1000) * (count - 1000) for count in counts) / 1000 < 27.88


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=20))
def test_bounded_draws_keep_the_order(draws: list[int]) -> None:
    mapped = [draw_below(1000, each) for each in sorted(draws)]
    assert all(low <= high for low, high in pairwise(mapped))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1200.00", "1200"),
        ("1E+5", "100000"),
        ("0E-6", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("1.08500", "1.085"),
        ("-0.0730", "-0.073"),
        ("0.000000001", "0.000000001"),
        ("1E-12", "0.000000000001"),
        ("12345678901234567890.123", "12345678901234567890.123"),
        ("NaN", "NaN"),
    ],
)
def test_a_decimal_is_shown_without_exponent_or_trailing_zeros(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@given(st.decimals(-(10**12), 10**12, places=12))  # normalize() holds 28 digits
def test_no_digit_of_a_decimal_is_lost_and_equal_values_are_equal_text(value: Decimal) -> None:
    assert Decimal(plain(value)) == value
    assert plain(value) == plain(value.normalize())
