"""What became due together leaves one after another, inside its window, or not at all."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.book import LastRelease
from stretto.core.effects import SubmitOrder
from stretto.core.executions.deferral import first_free
from stretto.core.limits import GAP_MAX_NS
from stretto.core.release import at_once
from stretto.core.terms.account import AccountMode
from stretto.core.terms.refusal import Rule
from stretto.core.terms.signal import Urgency
from stretto.core.values import iso
from tests.book_invariants import holds, replays, restored, spaced
from tests.builders import START, Desk, S, a_config, a_signal
from tests.venue_views import a_view

ACCOUNTS = 5


def stalled(seconds: int, **changes: Any) -> Desk:
    """A desk with five releases, of which none was handled until ``seconds`` after the last."""
    desk = Desk(a_config(ACCOUNTS))
    plan = desk.plan(a_signal(**changes))
    assert len(plan.allocations) == ACCOUNTS
    assert plan.timing_gap_ns == (0 if changes else GAP_MAX_NS)
    desk.now = plan.allocations[-1].release_at + seconds * S
    return desk


def submitted(desk: Desk) -> list[int]:
    return [entry.at for entry in desk.entries if isinstance(entry.input, ev.TimerDue)
            and isinstance(entry.events[0], ev.OrderIntended)]  # fmt: skip


@pytest.mark.requirement("R3.6")
def test_after_a_stall_releases_leave_one_gap_apart_each_deferred_once() -> None:
    desk = stalled(3)
    woken = desk.now
    events = desk.timers_until(woken)
    assert [type(e) for e in events] == [ev.OrderIntended] + [ev.ReleaseDeferred] * (ACCOUNTS - 1)
    waits = [e for e in events if isinstance(e, ev.ReleaseDeferred)]
    assert [e.deferred_to for e in waits] == [woken + n * GAP_MAX_NS for n in range(1, ACCOUNTS)]
    assert {e.last_release_at for e in waits} == {woken}
    holds(desk.book)
    desk.timers_until(woken + 30 * S)
    assert submitted(desk) == [woken + n * GAP_MAX_NS for n in range(ACCOUNTS)]
    assert spaced(desk.entries) == ACCOUNTS - 1
    replays(desk.book, desk.entries)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_many_overdue_are_spread_in_bounded_steps(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.core.executions.deferral.DEFERRALS_MAX", most)
    desk = stalled(3)
    woken = desk.now
    desk.timers_until(woken)
    steps = [
        sum(isinstance(event, ev.ReleaseDeferred) for event in entry.events)
        for entry in desk.entries
    ]
    assert max(steps) == most
    desk.timers_until(woken + 30 * S)
    assert submitted(desk) == [woken + n * GAP_MAX_NS for n in range(ACCOUNTS)]
    assert spaced(desk.entries) == ACCOUNTS - 1


def test_the_planned_instant_stays_and_the_earliest_planned_goes_first() -> None:
    desk = stalled(0)
    (planned,) = (
        e.events[0].plan for e in desk.entries if isinstance(e.events[0], ev.SignalPlanned)
    )
    desk.timers_until(desk.now + 30 * S)
    intended = [
        e for entry in desk.entries for e in entry.events if isinstance(e, ev.OrderIntended)
    ]
    assert [(e.order.account_id, e.planned_at) for e in intended] == [
        (a.account_id, a.release_at) for a in planned.allocations
    ]
    ends = {a.account_id: a.window_end for a in planned.allocations}
    assert {a.account_id: a.window_end for a in desk.book.allocations.values()} == ends


def test_another_process_finds_the_same_instants() -> None:
    desk = stalled(3)
    desk.timers_until(desk.now)
    timers = list(desk.book.timers)
    desk.book = restored(desk.book)
    assert list(desk.book.timers) == timers
    assert desk.book.released["EURUSD"].at == desk.now
    desk.now += 2 * GAP_MAX_NS + 1  # and it comes late itself
    desk.feed(ev.BookRecovered(engine_version="test"))
    for name in sorted(desk.book.ledgers):
        desk.see(a_view(name, desk.now))
    desk.timers_until(desk.now + 30 * S)
    assert len(submitted(desk)) == ACCOUNTS
    assert spaced(desk.entries) <= 2 * ACCOUNTS
    replays(desk.book, desk.entries)


def test_what_finds_no_instant_in_its_window_expires() -> None:
    desk = stalled(0)
    second = sorted(a.window_end for a in desk.book.allocations.values())[1]
    desk.now = second - GAP_MAX_NS // 2  # half a gap before the second window ends
    events = desk.timers_until(desk.now)
    ended = [e for e in events if isinstance(e, ev.AllocationEnded)]
    assert ended
    for each in ended:
        assert each.refusal is not None
        assert each.refusal.rule is Rule.WINDOW_PASSED
    desk.timers_until(desk.now + 40 * S)
    for entry in desk.entries:
        for event in entry.events:
            if isinstance(event, ev.OrderIntended):
                assert entry.at <= event.planned_at + 30 * S
    holds(desk.book)
    spaced(desk.entries)


def test_a_release_that_would_wait_beyond_its_window_says_so() -> None:
    desk = stalled(0)
    first, second = sorted(a.window_end for a in desk.book.allocations.values())[:2]
    desk.now = second - GAP_MAX_NS // 2
    desk.book.released["EURUSD"] = LastRelease(at=desk.now, gap_ns=GAP_MAX_NS)
    assert first < desk.now
    late = desk.timers_until(desk.now)
    refused = [e.refusal for e in late if isinstance(e, ev.AllocationEnded) and e.refusal]
    assert [set(each.compared) for each in refused[:2]] == [
        {"now", "window_end"},
        {"now", "earliest_release", "window_end"},
    ]
    assert refused[1].compared["earliest_release"] == iso(desk.now + GAP_MAX_NS)


def test_a_signal_that_ends_first_expires_instead_of_waiting() -> None:
    desk = Desk(a_config(ACCOUNTS))
    plan = desk.plan(a_signal(valid_until=START + 32 * S))
    desk.now = START + 32 * S
    assert all(a.window_end > desk.now + S for a in plan.allocations[1:])
    events = desk.timers_until(desk.now)
    ended = [e for e in events if isinstance(e, ev.AllocationEnded) and e.refusal is not None]
    assert [e.refusal.rule for e in ended if e.refusal] == [Rule.EXPIRED] * (ACCOUNTS - 1)
    assert sum(isinstance(e, ev.OrderIntended) for e in events) == 1


def test_urgency_immediate_neither_waits_nor_makes_others_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(at_once, "INTENTS_AT_ONCE_MAX", 0)
    desk = stalled(20, urgency=Urgency.IMMEDIATE)
    woken = desk.now
    desk.timers_until(woken)
    assert submitted(desk) == [woken] * ACCOUNTS
    assert desk.book.released == {}


def test_an_end_in_between_frees_the_way_without_disturbing_the_others() -> None:
    desk = stalled(3)
    woken = desk.now
    desk.timers_until(woken)
    due = sorted(desk.book.scheduled["EURUSD"].values())
    stopped = next(k for k, at in desk.book.scheduled["EURUSD"].items() if at == due[1])
    accounts = [
        msgspec.structs.replace(account, mode=AccountMode.CLOSE_ONLY)
        if stopped.endswith(f"/{name}")
        else account
        for name, account in desk.config.accounts.items()
    ]
    desk.feed(ev.BookOpened(config=a_config(accounts)))
    desk.timers_until(woken + 30 * S)
    gone = submitted(desk)
    assert len(gone) == ACCOUNTS - 1
    assert all(later - earlier >= GAP_MAX_NS for earlier, later in pairwise(gone))
    assert len([c for c in desk.commands if isinstance(c, SubmitOrder)]) == ACCOUNTS - 1


def test_a_timer_from_before_the_deferral_changes_nothing() -> None:
    desk = stalled(3)
    before = {key: at for key, at in desk.book.timers if key.startswith("release:")}
    desk.timers_until(desk.now)
    name = next(iter(desk.book.scheduled["EURUSD"]))
    due_at = before[f"release:{name}"]
    assert desk.feed(ev.TimerDue(timer=ev.TimerKind.RELEASE, key=name, due_at=due_at)) == ()


@pytest.mark.parametrize(
    ("taken", "free"),
    [([], 100), ([89], 100), ([91], 101), ([100], 110), ([109, 119], 129), ([110], 100),
     ([105, 116, 140], 126), ([105, 136], 115), ([95, 125], 105)],
)  # fmt: skip
def test_the_first_free_instant(taken: list[int], free: int) -> None:
    assert first_free(100, taken, 10) == free
