"""What a book keeps between plans changes none of them, whatever came between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.core.release.intake import plan_signal
from stretto.core.terms.plan import Plan
from stretto.core.values import Side
from tests.book_invariants import restored
from tests.builders import SYMBOLS, a_signal, the_reads
from tests.property.book_world import ACTIONS, World

STEP = st.tuples(st.integers(0, len(ACTIONS) - 1), st.integers(0, 10_000), st.integers(0, 5))


def planned(world: World, number: int, *, afresh: bool) -> Plan:
    """A plan that nobody asked for, of the book as it is or as it comes back from its records."""
    at = world.now
    signal = a_signal(
        f"dry-{number}-{at}",
        at,
        symbol=SYMBOLS[number % 2],
        side=Side.BUY if number % 3 else Side.SELL,
    )
    book = restored(world.book) if afresh else world.book
    return plan_signal(book, signal, the_reads(at), at)


@settings(max_examples=30)
@given(st.lists(STEP, min_size=5, max_size=40))
def test_a_plan_is_the_same_with_and_without_what_was_kept(
    steps: list[tuple[int, int, int]],
) -> None:
    world = World()
    for action, number, look in steps:
        ACTIONS[action](world, number)
        world.now += 1
        if look < 2:
            kept = planned(world, number, afresh=False)
            assert kept == planned(world, number, afresh=True)
    # where the book was not asked for long
    assert planned(world, 1, afresh=False) == planned(world, 1, afresh=True)
