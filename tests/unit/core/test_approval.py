"""Plans above a threshold wait for a person: reserved, not scheduled, until they expire."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.effects import SubmitOrder
from stretto.core.limits import DELAY_MAX_NS, DELAY_MIN_NS
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.killing import KillScope
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import Policy
from stretto.core.terms.report import OrderType
from stretto.core.values import ZERO, plain
from tests.book_invariants import replays, spaced
from tests.builders import S, a_config, a_signal, only
from tests.people import People

pytestmark = pytest.mark.requirement("P9")


def awaiting(**thresholds: Any) -> People:
    desk = People(a_config(3, Policy(**(thresholds or {"approval_always": True}))))
    assert desk.plan().awaits
    return desk


@pytest.mark.parametrize(
    ("thresholds", "said"),
    [
        ({}, None),
        ({"approval_always": True}, "every plan"),
        ({"approval_accounts_over": 2}, "3 accounts, over 2"),
        ({"approval_accounts_over": 3}, None),
        ({"approval_notional_over": Decimal(10_000)}, "notional"),
        ({"approval_notional_over": Decimal(1_000_000)}, None),
        ({"approval_risk_over": Decimal(10)}, "risk"),
        ({"approval_risk_over": Decimal(10_000)}, None),
    ],
)
def test_a_plan_above_a_threshold_waits(thresholds: dict[str, Any], said: str | None) -> None:
    desk = People(a_config(3, Policy(**thresholds)))
    plan = desk.plan()
    assert len(plan.awaits) == (said is not None)
    assert said is None or said in plan.awaits[0]
    assert bool(desk.book.scheduled) is (said is None)
    assert all(a.margin > 0 for a in desk.shares()), "reserved either way"


def a_plan(currency: str = "USD", policy: Policy | None = None) -> Plan:
    """What a limit signal comes to in three accounts of a book that counts in ``currency``."""
    config = msgspec.structs.replace(a_config(3, policy), currency=currency)
    signal = a_signal(
        order_type=OrderType.LIMIT, limit_price=Decimal("1.09"), stop_distance=Decimal("0.0030")
    )
    return People(config).plan(signal)


@pytest.mark.parametrize("name", ["notional", "risk"])
def test_the_amounts_are_those_of_the_whole_plan_in_the_books_currency(name: str) -> None:
    plan = a_plan()
    assert len(plan.allocations) == 3
    total = sum((a.risk for a in plan.allocations), ZERO)
    if name == "notional":
        total = sum((a.position_size for a in plan.allocations), ZERO) * Decimal("1.09")

    def awaits(currency: str, threshold: Decimal) -> tuple[str, ...]:
        policy = msgspec.structs.replace(Policy(), **{f"approval_{name}_over": threshold})
        return a_plan(currency, policy).awaits

    assert awaits("USD", total) == (), "exactly at a threshold is not above it"
    less = total - Decimal("0.01")
    assert awaits("USD", less) == (f"{name} {plain(total)}, over {plain(less)}",)
    euros = total / Decimal("1.10005")
    assert awaits("EUR", euros + Decimal("0.01")) == ()
    assert len(awaits("EUR", euros - Decimal("0.01"))) == 1


def test_an_amount_that_cannot_be_converted_is_asked_about() -> None:
    everything = Decimal(10**12)
    config = a_config(3, Policy(approval_notional_over=everything, approval_risk_over=everything))
    plan = People(msgspec.structs.replace(config, currency="CHF")).plan()
    assert [why.split(",")[0] for why in plan.awaits] == ["notional not known", "risk not known"]


def test_an_approved_plan_is_spaced_and_its_delays_count_from_the_approval() -> None:
    desk = awaiting()
    drawn = sorted(a.release_at - desk.now for a in desk.shares())
    desk.timers_until(desk.now + 600 * S)
    assert not desk.commands
    desk.ask(iv.Approve(execution_id=desk.execution_id))
    delays = sorted(a.release_at - desk.now for a in desk.shares())
    assert all(DELAY_MIN_NS <= delay < DELAY_MAX_NS for delay in delays)
    assert delays != drawn, "drawn anew"
    assert desk.refused(iv.Approve(execution_id=desk.execution_id)) is Denial.NOT_AWAITING_APPROVAL
    desk.timers_until(desk.now + 31 * S)
    assert len([c for c in desk.commands if isinstance(c, SubmitOrder)]) == 3
    replays(desk.book, desk.entries)
    spaced(desk.entries)


def test_a_rejected_plan_is_abandoned_and_frees_what_was_reserved() -> None:
    desk = awaiting()
    refused = desk.refused(iv.CancelRemaining(execution_id=desk.execution_id))
    assert refused is Denial.AWAITING_APPROVAL
    events = desk.ask(iv.Reject(execution_id=desk.execution_id))
    assert only(events, ev.ExecutionEnded).status == "abandoned"
    assert {a.ended for a in desk.shares()} == {"rejected_by_person"}
    assert all(ledger.reserved_margin == 0 for ledger in desk.book.ledgers.values())


def test_what_nobody_approves_expires_with_the_signal() -> None:
    desk = awaiting()
    desk.timers_until(desk.now + 1_801 * S)
    assert {a.ended for a in desk.shares()} == {"expired"}
    assert not desk.commands
    assert desk.refused(iv.Approve(execution_id=desk.execution_id)) is Denial.EXECUTION_OVER


def test_a_kill_ends_a_plan_that_waits_and_no_approval_passes_it() -> None:
    desk = awaiting()
    desk.ask(iv.Kill(scope=KillScope.ACCOUNT, name="a0"))
    ended = {a.account_id: a.ended for a in desk.shares()}
    assert ended == {"a0": "kill_switch", "a1": "", "a2": ""}
    desk.ask(iv.Kill(scope=KillScope.BOOK))
    assert desk.refused(iv.Approve(execution_id=desk.execution_id)) is Denial.EXECUTION_OVER
    assert not desk.commands
