"""Reports before signals, and only signals are ever refused."""

from __future__ import annotations

import pytest

from stretto.core import events as ev
from stretto.core.limits import INBOX_SIGNALS_MAX
from stretto.core.terms.exit_signal import ExitSignal
from stretto.core.terms.signal import Action
from stretto.runtime.inbox import Inbox
from tests.builders import START, a_signal, a_snapshot


def signal(number: int) -> ev.SignalReceived:
    return ev.SignalReceived(signal=a_signal(f"s{number}"))


def observed(name: str) -> ev.AccountObserved:
    return ev.AccountObserved(snapshot=a_snapshot(name))


def test_each_lane_keeps_its_order() -> None:
    inbox = Inbox()
    for number in range(3):
        assert inbox.put(signal(number))
        assert inbox.put(observed(f"a{number}"))
    assert len(inbox) == 6
    assert [inbox.take_report() for _ in range(4)] == [*map(observed, ("a0", "a1", "a2")), None]
    assert not inbox.reports_waiting
    assert [inbox.take_signal() for _ in range(4)] == [signal(0), signal(1), signal(2), None]
    assert not inbox


@pytest.mark.requirement("P1")
def test_only_signals_are_refused_when_their_lane_is_full() -> None:
    inbox = Inbox()
    assert inbox.signals_max == INBOX_SIGNALS_MAX
    inbox = Inbox(signals_max=2)
    assert [inbox.put(signal(number)) for number in range(3)] == [True, True, False]
    assert all(inbox.put(observed(f"a{number}")) for number in range(100))
    assert len(inbox) == 102
    inbox.take_signal()
    assert inbox.put(signal(3))


def test_an_exit_waits_behind_no_entry_signal() -> None:
    inbox = Inbox()
    exit_item = ev.ExitReceived(
        exit=ExitSignal(
            signal_id="x1",
            strategy_id="strategy",
            action=Action.CLOSE,
            refers_to="s1",
            generated_at=START,
        )
    )
    assert inbox.put(ev.SignalReceived(signal=a_signal()))
    assert inbox.put(exit_item)
    assert (inbox.exits_waiting, len(inbox), inbox.reports_waiting) == (True, 2, False)
    assert inbox.take_exit() is exit_item
    assert inbox.take_exit() is None
    assert inbox.take_signal() is not None
