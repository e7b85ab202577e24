"""An account left out for a while: what begins it, what joins it and what ends it."""

from __future__ import annotations

import pytest

from stretto.core import events as ev
from stretto.core.account_exclusion import exclude
from stretto.core.evolve import begin, evolve, finish
from stretto.core.refusal import Rule
from stretto.core.report import ExecType, OrdStatus
from tests.book_invariants import holds, replays, restored
from tests.builders import DAY_NS, Desk, S, a_config, a_signal, a_snapshot, only


def suspended() -> Desk:
    """A book whose venue refused an order of a0 because the account is disabled."""
    desk = Desk(a_config(1))
    order = desk.order()
    desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="account_disabled")
    holds(desk.book)
    desk.timers_until(desk.now)
    return desk


def refused_rules(desk: Desk, signal_id: str) -> list[Rule]:
    return [r.rule for r in desk.plan(a_signal(signal_id, desk.now)).refusals]


def of_accounts(events: list[ev.Event]) -> list[ev.Event]:
    return [e for e in events if isinstance(e, ev.AccountExcluded | ev.AccountRestored)]


def observe(desk: Desk, *, tradable: bool) -> tuple[ev.Event, ...]:
    snapshot = a_snapshot("a0", desk.now, tradable=tradable)
    return desk.feed(ev.AccountObserved(snapshot=snapshot))


@pytest.mark.requirement("R5.3")
def test_account_suspended_is_excluded_for_24_hours() -> None:
    desk = suspended()
    every = [event for entry in desk.entries for event in entry.events]
    excluded = only(every, ev.AccountExcluded)
    assert excluded.until == desk.now + DAY_NS
    assert excluded.until_tradable
    assert refused_rules(desk, "s2") == [Rule.EXCLUDED]
    desk.now += DAY_NS - 1
    observe(desk, tradable=True)
    assert not of_accounts(desk.timers_until(desk.now)), "not a nanosecond early"
    restored_events = desk.timers_until(desk.now + 1)
    assert only(restored_events, ev.AccountRestored).account_id == "a0"
    assert Rule.EXCLUDED not in refused_rules(desk, "s3")
    holds(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.requirement("R5.3")
def test_account_suspended_stays_out_until_the_venue_says_tradable() -> None:
    desk = suspended()
    observe(desk, tradable=True)  # its time is not over yet
    desk.now += S
    observe(desk, tradable=False)
    (extended,) = of_accounts(desk.timers_until(desk.now + DAY_NS))
    assert isinstance(extended, ev.AccountExcluded)
    assert (extended.until, extended.until_tradable) == (None, True)
    desk.now += S
    assert not [e for e in observe(desk, tradable=False) if isinstance(e, ev.AccountRestored)]
    desk.now += S
    only(observe(desk, tradable=True), ev.AccountRestored)
    assert desk.book.ledgers["a0"].exclusion is None
    holds(desk.book)
    replays(desk.book, desk.entries)


@pytest.mark.requirement("R5.3")
def test_what_the_venue_said_before_a_suspension_does_not_end_it() -> None:
    desk = suspended()
    (extended,) = of_accounts(desk.timers_until(desk.now + DAY_NS))
    assert isinstance(extended, ev.AccountExcluded), "the only snapshot is older"


def test_an_exclusion_and_its_timer_survive_a_restart() -> None:
    desk = suspended()
    again = restored(desk.book)
    held = again.ledgers["a0"].exclusion
    assert held is not None
    assert dict(again.timers)["exclusion:a0"] == held.until


def test_exclusions_that_meet_are_joined_and_none_is_cut_short() -> None:
    desk = Desk(a_config(1))
    book, now = desk.book, desk.now

    def apply(**asked: int | bool) -> list[tuple[int | None, bool]]:
        events = exclude(book, "a0", "drill", "ann", **asked)  # type: ignore[arg-type]
        begin(book, book.seq + 1, now)
        for event in events:
            evolve(book, event)
        finish(book)
        return [(event.until, event.until_tradable) for event in events]

    assert apply(until=now + 5 * S) == [(now + 5 * S, False)]
    assert apply(until=now + 3 * S) == []
    assert apply(until_tradable=True) == [(now + 5 * S, True)]
    assert apply(until=now + 9 * S) == [(now + 9 * S, True)]
    assert apply() == [(None, False)]
    assert apply(until=now + 99 * S, until_tradable=True) == [], "only a person ends it"
    holds(book)
