"""An account left out for a while: what begins it, what joins it and what ends it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.accounts.account_exclusion import exclude
from stretto.core.evolve import begin, evolve, finish
from stretto.core.terms import intervention as iv
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, OrdStatus
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


def by_hand(desk: Desk, action: iv.Action) -> tuple[ev.Event, ...]:
    asked = ev.Intervened(
        request_id=f"r{len(desk.entries)}", actor="ada", reason="news", action=action
    )
    return desk.feed(asked)


def test_what_a_person_excluded_only_a_person_restores() -> None:
    desk = Desk()
    excluded = only(by_hand(desk, iv.ExcludeAccount(account_id="a0")), ev.AccountExcluded)
    assert (excluded.actor, excluded.until) == ("ada", None)
    desk.now += DAY_NS
    assert not of_accounts(list(observe(desk, tradable=True)))
    assert desk.book.ledgers["a0"].exclusion is not None
    back = only(by_hand(desk, iv.RestoreAccount(account_id="a0")), ev.AccountRestored)
    assert back.actor == "ada"


def test_a_word_of_the_suspensions_own_instant_does_not_end_it() -> None:
    desk = suspended()
    observe(desk, tradable=True)  # at the very time of the exclusion
    (extended,) = of_accounts(desk.timers_until(desk.now + DAY_NS))
    assert isinstance(extended, ev.AccountExcluded)
    held = desk.book.ledgers["a0"].exclusion
    assert held is not None
    before = msgspec.structs.replace(a_snapshot("a0", held.since), equity=Decimal(99_999))
    assert not of_accounts(list(desk.feed(ev.AccountObserved(snapshot=before))))


def test_a_timer_of_an_exclusion_that_was_prolonged_since_changes_nothing() -> None:
    desk = Desk()
    first, second = desk.now + 60 * S, desk.now + 120 * S
    by_hand(desk, iv.ExcludeAccount(account_id="a0", until=first))
    by_hand(desk, iv.ExcludeAccount(account_id="a0", until=second))
    desk.now = first
    old = ev.TimerDue(timer=ev.TimerKind.EXCLUSION, key="a0", due_at=first)
    assert desk.feed(old) == ()


def test_who_excluded_it_stays_named_while_it_waits_for_the_venues_word() -> None:
    desk = suspended()
    by_hand(desk, iv.ExcludeAccount(account_id="a0", until=desk.now + 2 * DAY_NS))
    (waiting,) = of_accounts(desk.timers_until(desk.now + 2 * DAY_NS))
    assert isinstance(waiting, ev.AccountExcluded)
    assert (waiting.actor, waiting.until_tradable) == ("ada", True)
