"""A firm's rules for one account: verdict, numbers, clause and what would pass."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core.gate.risk import room
from stretto.core.gate.rules import REGISTRY, Verdict, clause_of, judge
from stretto.core.gate.trade import AccountView, TradeContext, trade_for
from stretto.core.terms.account import AccountMode, Ledger
from stretto.core.terms.market import Reads
from stretto.core.terms.policy import LossLimit, Permission, Rulebook
from tests.unit.core.trade_samples import (
    DAILY,
    DAY,
    QUOTES,
    RULEBOOK,
    account,
    anchor,
    context,
    position,
    snapshot,
    verdicts_of,
    view,
)

QUANTITY = Decimal(100_000)


def under(**changes: Any) -> AccountView:
    return view(rulebook=replace(RULEBOOK, **changes))


def verdicts(
    of: AccountView, quantity: Decimal = QUANTITY, within: TradeContext | None = None
) -> dict[str, Verdict]:
    ctx = within or context()
    found = verdicts_of(of, trade_for(of, quantity, ctx), room(of, ctx), ctx)
    return {verdict.rule_id: verdict for verdict in found}


def test_only_rules_that_the_rulebook_states_are_judged() -> None:
    assert list(verdicts(view())) == ["account_status", "automation"]
    everything = under(
        stop_required=True,
        daily_loss=DAILY,
        overall_loss=LossLimit(percent=Decimal(10)),
        risk_per_trade_percent=Decimal(1),
        positions_max=3,
        orders_per_day_max=5,
        quantity_max=Decimal(500_000),
    )
    got = verdicts(everything)
    assert list(got) == [rule.rule_id for rule in REGISTRY]
    assert all(verdict.passed and verdict.would_pass == "" for verdict in got.values())
    assert all(verdict.clause for verdict in got.values())


@pytest.mark.requirement("U4")
def test_the_daily_loss_veto_cites_its_clause_and_the_size_that_passes() -> None:
    ctx = context()
    near = view(rulebook=replace(RULEBOOK, daily_loss=DAILY), snapshot=snapshot("95100"))
    verdict = verdicts(near)["daily_loss"]
    assert not verdict.passed
    assert verdict.clause == "3.1 Maximum daily loss"
    assert verdict.compared["risk_USD"] == "410"
    assert verdict.compared["daily_room_USD"] == "100"
    # 41 pips and 100 USD: 24390 units, so 24000 on the lot grid
    assert verdict.would_pass == "a size of at most 24000 base units"
    assert judge(near, trade_for(near, Decimal(24_000), ctx), room(near, ctx), ctx) is None


@pytest.mark.requirement("U4")
def test_where_no_order_is_small_enough_the_room_is_named() -> None:
    spent = view(rulebook=replace(RULEBOOK, daily_loss=DAILY), snapshot=snapshot("95003"))
    assert verdicts(spent)["daily_loss"].would_pass == "at least 410 USD of daily room"


def test_overall_loss_and_risk_per_trade() -> None:
    overall = under(overall_loss=LossLimit(amount=Decimal(300), clause="3.2"))
    assert verdicts(overall)["overall_loss"].would_pass == "a size of at most 73000 base units"
    per_trade = under(risk_per_trade_percent=Decimal("0.25"))
    assert verdicts(per_trade)["risk_per_trade"].would_pass == "a size of at most 60000 base units"
    assert verdicts(per_trade, Decimal(60_000))["risk_per_trade"].passed


@pytest.mark.parametrize("permission", [Permission.UNKNOWN, Permission.FORBIDDEN])
@pytest.mark.requirement("U4")
def test_automation_that_is_not_allowed_is_forbidden(permission: Permission) -> None:
    verdict = verdicts(under(automation=permission, clauses={"automation": "7.4"}))["automation"]
    assert (verdict.passed, verdict.clause) == (False, "7.4")
    assert verdict.compared == {"automation": permission.value}


def test_status_under_the_rulebook() -> None:
    suspended = view(account=account(mode=AccountMode.SUSPENDED))
    assert verdicts(suspended)["account_status"].compared["status"] == "suspended"
    barred = view(snapshot=snapshot(tradable=False))
    assert not verdicts(barred)["account_status"].passed


def test_a_required_stop() -> None:
    strict = under(stop_required=True)
    assert verdicts(strict)["stop_required"].passed
    bare = verdicts(strict, within=context(stop_loss=None))["stop_required"]
    assert (bare.passed, bare.would_pass) == (False, "an order with a stop_loss")


def test_positions_and_orders_and_size() -> None:
    ledger = Ledger(anchor=anchor(), orders_today=5, order_day=DAY)
    full = under(positions_max=1, orders_per_day_max=5, quantity_max=Decimal(50_500))._replace(
        positions=(position("1000"), position("1000", execution_id="e2")), ledger=ledger
    )
    got = verdicts(full)
    assert got["positions_max"].would_pass == "2 fewer open positions before the trade"
    assert got["orders_per_day_max"].would_pass == "wait until 2014-05-03T00:00:00.000000000Z"
    assert got["quantity_max"].would_pass == "a size of at most 50000 base units"
    assert not any(got[name].passed for name in ("positions_max", "orders_per_day_max"))


def test_limits_that_no_waiting_or_shrinking_meets() -> None:
    shut = under(orders_per_day_max=0, quantity_max=Decimal(500))
    got = verdicts(shut)
    assert got["orders_per_day_max"].would_pass == "an orders_per_day_max of at least 1"
    assert got["quantity_max"].would_pass == "a quantity_max of at least 1000 base units"


@pytest.mark.requirement("U4")
def test_what_is_not_known_is_not_allowed_and_says_what_is_missing() -> None:
    foreign = view(account=account(currency="CHF"), rulebook=replace(RULEBOOK, daily_loss=DAILY))
    verdict = verdicts(foreign)["daily_loss"]
    assert not verdict.passed
    assert verdict.would_pass == "a quote that converts USD to CHF"
    no_statistics = context(stop_loss=None, reads=Reads(quotes=QUOTES))
    open_end = verdicts(under(daily_loss=DAILY), within=no_statistics)["daily_loss"]
    assert open_end.would_pass == "a stop_loss with a quote, or market statistics of EURUSD"
    no_anchor = under(daily_loss=DAILY)._replace(ledger=Ledger())
    unanchored = verdicts(no_anchor)["daily_loss"]
    assert unanchored.compared["missing"] == "day_anchor"
    assert unanchored.would_pass == "a snapshot that anchors the firm's trading day"


def test_rules_of_risk_can_be_left_to_the_caller_but_no_other() -> None:
    ctx = context()
    foreign = view(account=account(currency="CHF"), rulebook=replace(RULEBOOK, daily_loss=DAILY))
    made = trade_for(foreign, QUANTITY, ctx)
    broken = judge(foreign, made, room(foreign, ctx), ctx)
    assert broken is not None
    assert broken.rule_id == "daily_loss"
    assert judge(foreign, made, room(foreign, ctx), ctx, risk_known=False) is None
    manual = foreign._replace(
        rulebook=replace(foreign.rulebook, rulebook_id="m", automation=Permission.UNKNOWN)
    )
    broken = judge(manual, made, room(manual, ctx), ctx, risk_known=False)
    assert broken is not None
    assert broken.rule_id == "automation"


@pytest.mark.requirement("U4")
def test_clauses_fall_back_to_where_the_rule_was_recorded() -> None:
    book: Rulebook = replace(RULEBOOK, daily_loss=LossLimit(percent=Decimal(5)))
    assert clause_of(book, "daily_loss") == (
        "daily_loss, as recorded from 'General terms' as of 2014-01-01"
    )
    assert clause_of(replace(book, clauses={"daily_loss": "5.5"}), "daily_loss") == "5.5"


def test_holds_and_the_verdict_never_differ() -> None:
    ctx = context()
    tight = under(daily_loss=LossLimit(amount=Decimal(409)), quantity_max=Decimal(99_999))
    made, space = trade_for(tight, QUANTITY, ctx), room(tight, ctx)
    failed = [name for name, verdict in verdicts(tight, within=ctx).items() if not verdict.passed]
    assert failed == ["daily_loss", "quantity_max"]
    first = judge(tight, made, space, ctx)
    assert first is not None
    assert first.rule_id == failed[0]
