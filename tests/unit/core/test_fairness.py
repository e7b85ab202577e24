"""Jain's index and places in an order, against numbers worked out by hand and for any input."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.times.fairness import jain_index_ppm, places_ppm
from stretto.core.values import PPM


@pytest.mark.requirement("R1.5")
@pytest.mark.parametrize(
    ("values", "index"),
    [([5, 5, 5, 5], PPM), ([9, 0, 0], PPM // 3), ([1, 2, 3], 857_142), ([7], PPM)],
)
def test_jains_index_is_one_where_even_and_one_nth_where_one_has_all(
    values: list[int], index: int
) -> None:
    assert jain_index_ppm(values) == index


@pytest.mark.parametrize("values", [[], [0], [0, 0, 0]])
def test_where_nothing_was_shared_out_there_is_no_index(values: list[int]) -> None:
    assert jain_index_ppm(values) is None


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50).filter(any))
def test_the_index_is_bounded_exact_and_blind_to_scale(values: list[int]) -> None:
    index = jain_index_ppm(values)
    exact = Fraction(sum(values) ** 2, len(values) * sum(v * v for v in values))
    assert index == exact * PPM // 1
    assert PPM // len(values) <= index <= PPM
    assert jain_index_ppm([3 * v for v in values]) == index


@pytest.mark.parametrize(
    ("instants", "places"),
    [
        ([], []),
        ([4], [500_000]),
        ([30, 10, 20], [PPM, 0, 500_000]),
        ([5, 5], [500_000, 500_000]),
        ([1, 9, 9], [0, 750_000, 750_000]),
    ],
)
def test_places_go_from_first_to_last_and_ties_share(
    instants: list[int], places: list[int]
) -> None:
    assert places_ppm(instants) == places


@given(st.lists(st.integers(0, 20), min_size=1, max_size=30))
def test_the_mean_place_is_always_the_middle(instants: list[int]) -> None:
    found = places_ppm(instants)
    assert abs(sum(found) - len(found) * PPM // 2) <= len(found)
    assert [found[i] for i in sorted(range(len(found)), key=instants.__getitem__)] == sorted(found)
