"""Intake: each signal once, and what is wrong with one is said before any account is asked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.limits import SIGNAL_KEPT_NS
from stretto.core.release.intake import reads_for_signal
from stretto.core.terms.policy import Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.signal import Action, PerAccount, RiskPercent
from stretto.core.values import Side, iso
from tests.builders import START, SYMBOLS, Desk, S, a_config, a_signal, only


@pytest.mark.requirement("P3")
def test_the_same_signal_again_changes_nothing() -> None:
    desk = Desk()
    signal = a_signal()
    assert desk.plan(signal).refused is None
    assert desk.feed(ev.SignalReceived(signal=signal)) == ()
    desk.now += 40 * S
    assert desk.feed(ev.SignalReceived(signal=signal)) == ()


@pytest.mark.requirement("P3")
def test_another_signal_under_a_known_id_is_refused() -> None:
    desk = Desk()
    desk.plan(a_signal())
    plan = desk.plan(a_signal(side=Side.SELL))
    assert plan.refused is not None
    assert plan.refused.rule is Rule.DUPLICATE_SIGNAL
    assert plan.refused.compared["first_received"].startswith("2024-03-15T08:00:00")
    (execution,) = desk.book.executions.values()
    assert execution.signal.side is Side.BUY


@pytest.mark.requirement("P3")
def test_an_id_is_never_traded_twice_however_old() -> None:
    """Its client order ids are taken: a second execution would be one order sent twice."""
    desk = Desk(a_config(1))
    desk.released()
    desk.now += SIGNAL_KEPT_NS + 2 * 86_400 * S
    desk.plan(a_signal("other", desk.now))
    assert "s1" not in desk.book.signals, "forgotten as a signal"
    plan = desk.plan(a_signal("s1", desk.now))
    assert plan.refused is not None
    assert plan.refused.rule is Rule.DUPLICATE_SIGNAL
    desk.timers_until(desk.now + 60 * S)


@pytest.mark.requirement("P4")
@pytest.mark.parametrize("late", [0, 1])
def test_an_expired_signal_is_refused(late: int) -> None:
    desk = Desk()
    plan = desk.plan(a_signal(valid_until=START + 40 * S), None)
    assert plan.refused is None
    desk.now = START + 80 * S
    plan = desk.plan(a_signal("late", START, valid_until=desk.now - late))
    assert plan.refused is not None
    assert (plan.refused.rule is Rule.EXPIRED) is bool(late)


@pytest.mark.parametrize(("allowed", "ahead_ns"), [(5 * S, 5 * S), (0, 0)])
def test_a_signal_from_the_future_is_refused(allowed: int, ahead_ns: int) -> None:
    """It would outlive its validity: its age is counted from a clock that is wrong."""
    desk = Desk(a_config(1, Policy(signal_ahead_ns_max=allowed)))
    assert desk.plan(a_signal("ahead", desk.now + ahead_ns)).refused is None
    refused = desk.plan(a_signal("far ahead", desk.now + ahead_ns + 1)).refused
    assert refused is not None
    assert refused.rule is Rule.FUTURE_DATED
    assert refused.compared["signal_ahead_ns_max"] == str(allowed)
    assert refused.would_pass == f"a generated_at at or before {iso(desk.now + allowed)}"
    assert "far ahead" in desk.book.signals


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"action": Action.CLOSE}, Rule.ACTION_NOT_SUPPORTED),
        ({"symbol": "XAUUSD"}, Rule.UNKNOWN_INSTRUMENT),
        ({"size": PerAccount(quantity=Decimal("NaN"))}, Rule.SIZE_NOT_POSITIVE),
        ({"size": PerAccount(quantity=Decimal(0))}, Rule.SIZE_NOT_POSITIVE),
        (
            {"size": RiskPercent(percent=Decimal(1)), "stop_distance": None},
            Rule.STOP_REQUIRED_FOR_SIZE,
        ),
        ({"stop_distance": None, "stop_loss": Decimal("1.2")}, Rule.STOP_ON_WRONG_SIDE),
        ({"take_profit": Decimal("1.0")}, Rule.TARGET_ON_WRONG_SIDE),
        ({"strategy_id": ""}, Rule.MALFORMED),
    ],
)
def test_what_is_wrong_is_named_and_kept(changes: dict[str, Any], rule: Rule) -> None:
    desk = Desk()
    (refused,) = desk.feed(ev.SignalReceived(signal=a_signal(**changes)))
    assert isinstance(refused, ev.SignalRefused)
    assert refused.plan.refused is not None
    assert refused.plan.refused.rule is rule
    assert refused.plan.refused.compared
    assert refused.plan.refused.would_pass
    assert desk.book.executions == {}
    assert "s1" in desk.book.signals


def test_refused_signals_are_forgotten_after_their_time() -> None:
    desk = Desk()
    desk.plan(a_signal(symbol="XAUUSD"))
    desk.now += SIGNAL_KEPT_NS + 86_400 * S
    desk.plan(a_signal("next", desk.now, symbol="XAUUSD"))
    assert list(desk.book.signals) == ["next"]


def test_every_symbol_of_the_book_is_read() -> None:
    assert reads_for_signal(Desk().book) == SYMBOLS
    assert reads_for_signal(Book()) == ()


def test_two_signals_at_once_share_nothing_they_should_not() -> None:
    desk = Desk(a_config(2))
    first, second = desk.plan(a_signal("one")), desk.plan(a_signal("two", side=Side.SELL))
    assert {a.release_at for a in first.allocations}.isdisjoint(
        a.release_at for a in second.allocations
    )
    events = desk.timers_until(START + 70 * S)
    intended = [e.order for e in events if isinstance(e, ev.OrderIntended)]
    assert len({order.client_order_id for order in intended}) == 4
    only(desk.feed(ev.SignalReceived(signal=a_signal("3", desk.now))), ev.SignalPlanned)
