"""Timers: moved, disarmed, due in order; the heap never shows what the dictionary does not hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stretto.core.timers import Timers


def test_earliest_due_first_then_by_key() -> None:
    timers = Timers()
    timers.set("b", 10)
    timers.set("a", 10)
    timers.set("c", 5)
    assert timers.next_at() == 5
    assert timers.due(10, limit=10) == [("c", 5), ("a", 10), ("b", 10)]
    assert timers.due(10, limit=1) == [("c", 5)]


def test_a_moved_timer_is_due_once_at_its_new_time() -> None:
    timers = Timers()
    timers.set("a", 10)
    timers.set("a", 20)
    assert timers.due(10, limit=5) == []
    assert timers.due(20, limit=5) == [("a", 20)]
    timers.set("a", 10)
    timers.set("a", 20)
    assert timers.due(30, limit=5) == [("a", 20)]


def test_a_disarmed_timer_is_never_due() -> None:
    timers = Timers()
    timers.set("a", 10)
    timers.set("a", None)
    timers.set("never armed", None)
    assert timers.next_at() is None
    assert timers.due(100, limit=5) == []
    assert len(timers) == 0


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 30)), max_size=60),
    st.integers(0, 30),
)
def test_agrees_with_a_plain_dictionary(changes: list[tuple[str, int | None]], now: int) -> None:
    timers = Timers()
    model: dict[str, int] = {}
    for key, due_at in changes:
        timers.set(key, due_at)
        if due_at is None:
            model.pop(key, None)
        else:
            model[key] = due_at
        expected = sorted((at, k) for k, at in model.items() if at <= now)
        assert timers.due(now, limit=100) == [(k, at) for at, k in expected]
        assert timers.next_at() == min(model.values(), default=None)
        assert list(timers) == sorted(model.items())
