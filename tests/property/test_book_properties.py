"""A book under venues that repeat, reorder, lose, overfill, bust and restate: nothing is lost.

Hypothesis plays coordinator, clock, connection and venue; after every input the invariants of
DESIGN §8 are recomputed from the records by ``tests.book_invariants``.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.bootstrap import EntryCodec
from stretto.core import events as ev
from stretto.core.orders.order import OrderState
from tests.book_invariants import replays, restored, spaced
from tests.builders import S
from tests.property.book_world import ACTIONS, World


@pytest.mark.requirement("U1")
@pytest.mark.requirement("P1")
@given(
    st.lists(
        st.tuples(st.integers(0, len(ACTIONS) - 1), st.integers(0, 10_000)),
        min_size=10,
        max_size=60,
    )
)
def test_whatever_happens_every_unit_is_accounted_for(steps: list[tuple[int, int]]) -> None:
    world = World()
    world.signal(4)  # at once, so that there is something to happen to
    for action, number in steps:
        ACTIONS[action](world, number)
        world.now += 1
    # the venue has said everything it had to say, and every timer has fired: where it never
    # answers, a person was asked
    while world.pipe:
        world.feed(ev.VenueReported(report=world.pipe.pop(0)))
    world.timers_until(world.now + 40_000 * S)
    assert len(world.book.timers) == 0
    restored(world.book)
    replays(world.book, world.entries)
    spaced(world.entries)
    for a in world.book.allocations.values():
        for order_id in a.order_ids:
            if world.book.orders[order_id].state is OrderState.IN_DOUBT:
                assert order_id in world.book.interventions
    codec = EntryCodec("book")
    for entry in world.entries:
        stored = codec.prepare(entry)
        assert stored.header.seq == entry.seq
