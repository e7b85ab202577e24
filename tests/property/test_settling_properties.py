"""Wherever quantity goes, the identity of DESIGN §1.1 holds, and the surest claim comes first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.orders.settling import settle
from stretto.core.values import ZERO

units = st.integers(0, 500).map(Decimal)


@pytest.mark.requirement("U1")
@given(units, units, units, units, units)
def test_every_unit_is_in_one_place(
    intended: Decimal, executed: Decimal, may_fill: Decimal, pending: Decimal, abandoned: Decimal
) -> None:
    after = settle(intended, executed, may_fill, pending, abandoned)
    working = may_fill - after.excess
    placed = after.filled + working + after.pending + after.abandoned + after.freed
    assert placed == intended
    assert after.filled + after.overfilled == executed
    assert min(after) >= 0
    assert working >= 0


@given(units, units, units, units, units)
def test_what_is_less_sure_yields_first(
    intended: Decimal, executed: Decimal, may_fill: Decimal, pending: Decimal, abandoned: Decimal
) -> None:
    after = settle(intended, executed, may_fill, pending, abandoned)
    if after.overfilled or after.excess:  # then nothing may wait to be sent, or be given up
        assert after.pending == after.abandoned == after.freed == ZERO
    if after.abandoned < abandoned:  # taken back only where nothing is left to wait
        assert after.pending == ZERO
    if after.freed:
        assert (after.pending, after.abandoned) == (pending, abandoned)


def test_a_late_fill_takes_what_would_have_been_sent_before_what_was_given_up() -> None:
    after = settle(Decimal(100), Decimal(50), ZERO, Decimal(40), Decimal(30))
    assert (after.pending, after.abandoned, after.overfilled) == (Decimal(20), Decimal(30), ZERO)
