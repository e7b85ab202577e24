"""However long the process stands still, entries of one symbol keep their gap and their windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core import events as ev
from stretto.core.executions.deferral import first_free
from stretto.core.terms.signal import Urgency
from stretto.core.values import NS_PER_MS
from tests.book_invariants import holds, replays, restored, spaced
from tests.builders import SYMBOLS, Desk, S, a_config, a_signal

ACCOUNTS = 6
MS = NS_PER_MS

# What happens next: a signal (its symbol, urgency and validity), prompt running, or a stall; then
# the lateness with which each timer is handled, as a busy machine has it.
signals = st.tuples(
    st.just("signal"), st.integers(0, 1), st.sampled_from(list(Urgency)), st.integers(3, 90)
)
pauses = st.tuples(
    st.sampled_from(["run", "stall", "restart"]), st.integers(0, 45 * S), st.just(0), st.just(0)
)
stories = st.lists(st.one_of(signals, pauses), min_size=2, max_size=9)
lateness = st.lists(st.integers(0, 50 * MS), min_size=1, max_size=7)


def fire(desk: Desk, until: int, late: list[int], fired: int) -> int:
    """Handle every timer due until ``until``, each a little late; how many were in all."""
    while (due_at := desk.book.timers.next_at()) is not None and due_at <= until:
        desk.now = max(desk.now, due_at) + late[fired % len(late)]
        fired += 1
        ((key, due_at),) = desk.book.timers.due(desk.now, 1)
        kind, _, name = key.partition(":")
        desk.feed(ev.TimerDue(timer=ev.TimerKind(kind), key=name, due_at=due_at))
    desk.now = max(desk.now, until)
    return fired


@pytest.mark.requirement("R3.6")
@given(story=stories, late=lateness)
def test_entries_of_a_symbol_keep_their_gap_after_any_stall(
    story: list[tuple[str, int, object, int]], late: list[int]
) -> None:
    desk = Desk(a_config(ACCOUNTS))
    fired = stalls = 0
    for number, (what, amount, urgency, seconds) in enumerate(story):
        if what == "signal":
            assert isinstance(urgency, Urgency)
            valid_until = desk.now + seconds * S
            symbol = SYMBOLS[amount]
            signal = a_signal(
                f"s{number}", desk.now, symbol=symbol, urgency=urgency, valid_until=valid_until
            )
            desk.feed(ev.SignalReceived(signal=signal))
            continue
        if what == "run":
            fired = fire(desk, desk.now + amount, late, fired)
            continue
        stalls += 1
        if what == "restart":
            desk.book = restored(desk.book)
        desk.now += amount
        fired = fire(desk, desk.now, late, fired)
    fired = fire(desk, desk.now + 120 * S, late, fired)
    holds(desk.book)
    replays(desk.book, desk.entries)
    deferred = spaced(desk.entries)
    assert not any(a.pending for a in desk.book.allocations.values())
    planned = len(desk.book.allocations)
    assert deferred <= planned * (1 + stalls) + len(desk.book.orders) * 2, "a storm of timers"
    for entry in desk.entries:
        for event in entry.events:
            if isinstance(event, ev.OrderIntended):
                assert event.planned_at <= entry.at <= event.planned_at + 30 * S
            if isinstance(event, ev.ReleaseDeferred):
                assert entry.at < event.deferred_to <= event.planned_at + 30 * S


@given(story=stories)
def test_in_one_run_without_lateness_nothing_waits(
    story: list[tuple[str, int, object, int]],
) -> None:
    desk = Desk(a_config(ACCOUNTS))
    for number, (what, amount, urgency, _) in enumerate(story):
        if what == "signal":
            symbol = SYMBOLS[amount]
            signal = a_signal(f"s{number}", desk.now, symbol=symbol, urgency=urgency)
            desk.feed(ev.SignalReceived(signal=signal))
        else:
            desk.timers_until(desk.now + amount)
    desk.timers_until(desk.now + 60 * S)
    assert spaced(desk.entries) == 0


@given(
    earliest=st.integers(0, 1_000),
    taken=st.lists(st.integers(0, 1_200), max_size=40).map(sorted),
    gap=st.integers(1, 60),
)
def test_the_first_free_instant_is_free_and_none_is_earlier(
    earliest: int, taken: list[int], gap: int
) -> None:
    found = first_free(earliest, taken, gap)
    free = [at for at in range(earliest, found + 1) if all(abs(at - t) >= gap for t in taken)]
    assert free == [found]
