"""Delays drawn anew, after an approval or a pause: as a plan's, from now, and never the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.terms import intervention as iv
from stretto.core.terms.account import ExecutionProfile
from stretto.core.terms.intervention import Denial
from stretto.core.terms.market import Reads
from stretto.core.terms.policy import Policy
from stretto.core.terms.signal import Signal, Urgency
from stretto.core.values import PPM
from tests.book_invariants import spaced
from tests.builders import S, a_config, a_signal, an_account, names, the_reads
from tests.people import People

pytestmark = [pytest.mark.requirement("P9"), pytest.mark.requirement("R3.1")]


def awaiting(signal: Signal, pace: int = PPM) -> People:
    accounts = [an_account(name, profile=ExecutionProfile(pace=pace)) for name in names(3)]
    desk = People(a_config(accounts, Policy(approval_always=True)))
    assert desk.plan(signal).awaits
    return desk


def approve(desk: People, execution_id: str, reads: Reads | None = None) -> dict[str, int]:
    """The delays that follow, ns from now."""
    item = ev.Intervened(
        request_id=f"approve {execution_id}", actor="ada", reason="seen",
        action=iv.Approve(execution_id=execution_id),
    )  # fmt: skip
    events = desk.feed(item, reads)
    found = [e for e in events if isinstance(e, ev.ReleaseScheduled)]
    assert {e.release_at - desk.now for e in found} == {e.delay_ns for e in found}
    return {e.account_id: e.delay_ns for e in found}


def test_an_immediate_signal_goes_at_once_when_approved() -> None:
    desk = awaiting(a_signal(urgency=Urgency.IMMEDIATE))
    desk.now += 100 * S
    assert approve(desk, desk.execution_id) == dict.fromkeys(names(3), 0)


def test_each_pause_draws_other_delays() -> None:
    desk = People(a_config(3))
    desk.plan(a_signal())
    drawn: list[dict[str, int]] = [{a.account_id: a.release_at - desk.now for a in desk.shares()}]
    for _ in range(3):
        desk.ask(iv.Pause(execution_id=desk.execution_id))
        desk.ask(iv.Resume(execution_id=desk.execution_id))
        drawn.append({a.account_id: a.release_at - desk.now for a in desk.shares()})
    assert all(first != second for first in drawn for second in drawn if first is not second)


def test_they_end_before_the_signal_does_or_are_refused_by_name() -> None:
    signal = a_signal()
    desk = awaiting(signal)
    desk.now = signal.valid_until - 12 * S
    assert max(approve(desk, desk.execution_id).values()) < 12 * S
    desk = awaiting(signal)
    desk.now = signal.valid_until - S
    assert desk.refused(iv.Approve(execution_id=desk.execution_id)) is Denial.TIMING
    assert desk.book.executions[desk.execution_id].awaits, "nothing of it was approved"


def test_they_keep_the_gap_to_what_waits_already() -> None:
    signals = ("first", "second", "third", "fourth")
    desk = awaiting(a_signal(signals[0]))
    for name in signals[1:]:
        desk.plan(a_signal(name))
    for execution_id in list(desk.book.executions):
        approve(desk, execution_id)
    times = sorted(a.release_at for a in desk.shares())
    assert len(times) == 12
    assert all(later - earlier >= S for earlier, later in pairwise(times))
    desk.timers_until(desk.now + 31 * S)
    spaced(desk.entries)


def drawn(pace: int = PPM, **statistics: Any) -> dict[str, int]:
    desk = awaiting(a_signal(), pace)
    reads = the_reads(desk.now)
    hectic = {
        symbol: msgspec.structs.replace(each, **statistics)
        for symbol, each in reads.statistics.items()
    }
    return approve(desk, desk.execution_id, msgspec.structs.replace(reads, statistics=hectic))


def test_they_follow_the_accounts_pace_and_the_market() -> None:
    calm, slow, hectic = drawn(), drawn(2 * PPM), drawn(volatility_ppm=5_000)
    assert sum(slow.values()) > sum(calm.values()) > sum(hectic.values())
