"""Laws of eligibility over drawn accounts, rulebooks and markets."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stretto.core.gate.affordability import largest_quantity
from stretto.core.gate.eligibility import CHECKS, all_refusals, judge_account, nothing_forbids
from stretto.core.gate.passing import in_order
from stretto.core.gate.risk import Room, room
from stretto.core.gate.rules import REGISTRY
from stretto.core.gate.scoring import Medians, base_score
from stretto.core.gate.trade import AccountView, Trade, TradeContext, trade_for
from stretto.core.plans.screening import affords_by_score
from stretto.core.terms.account import AccountMode, Exclusion, Ledger, PositionMode
from stretto.core.terms.policy import Anchor, LossLimit, Permission, Policy, Trailing
from stretto.core.terms.refusal import PRECEDENCE, Refusal, Rule
from stretto.core.values import NS_PER_S, ZERO, Side
from tests.unit.core.trade_samples import (
    AT,
    RULEBOOK,
    TERMS,
    account,
    anchor,
    context,
    entering,
    position,
    snapshot,
    verdicts_of,
    view,
)


def money(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=2)


LIMITS = st.builds(
    LossLimit,
    amount=st.none() | money(0, 12_000),
    percent=st.none() | st.decimals(1, 12, places=1),
    percent_of=st.sampled_from(["initial", "day_start"]),
    anchor=st.sampled_from(Anchor),
    trailing=st.sampled_from(Trailing),
    locks_at_initial=st.booleans(),
)
PERMISSIONS = st.sampled_from(Permission)


@st.composite
def rulebooks(draw: st.DrawFn) -> Any:
    return replace(
        RULEBOOK,
        daily_loss=draw(st.none() | LIMITS),
        overall_loss=draw(st.none() | LIMITS),
        risk_per_trade_percent=draw(st.none() | st.decimals("0.1", 2, places=1)),
        positions_max=draw(st.none() | st.integers(0, 4)),
        orders_per_day_max=draw(st.none() | st.integers(0, 4)),
        quantity_max=draw(st.none() | money(0, 200_000)),
        stop_required=draw(st.booleans()),
        automation=draw(st.sampled_from([Permission.ALLOWED, Permission.ALLOWED, *Permission])),
    )


EXCLUSION = Exclusion(since=AT, reason="drill", actor="ann", until=AT + 9)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    day = draw(st.sampled_from([AT - 30 * 3_600 * NS_PER_S, AT - 3_600 * NS_PER_S]))
    start = anchor(
        str(draw(money(80_000, 120_000))),
        day_started_at=day,
        equity=draw(money(80_000, 120_000)),
        peak_equity=draw(money(100_000, 125_000)),
        peak_end_of_day=draw(money(100_000, 125_000)),
    )
    return Ledger(
        anchor=draw(st.sampled_from([start, start, start, None])),
        reserved_margin=draw(money(0, 40_000)),
        reserved_risk=draw(money(0, 3_000)),
        unconfirmed_margin=draw(money(0, 5_000)),
        halted=draw(st.sampled_from(["", "", "", "overfill"])),
        exclusion=draw(st.sampled_from([None, None, None, EXCLUSION])),
        orders_today=draw(st.integers(0, 4)),
        order_day=draw(st.sampled_from([day, AT])),
        open_orders=draw(st.integers(0, 3)),
    )


@st.composite
def views(draw: st.DrawFn) -> AccountView:
    terms = replace(
        TERMS,
        lot_min=draw(st.sampled_from([Decimal("0.01"), Decimal("0.1")])),
        margin_rate=draw(st.sampled_from([Decimal("0.0333"), Decimal("0.5")])),
        commission_per_lot=draw(st.sampled_from([ZERO, Decimal("3.5")])),
    )
    held = [
        position(
            str(draw(st.sampled_from([-20_000, 20_000]))),
            symbol=draw(st.sampled_from(["EURUSD", "GBPUSD"])),
            execution_id=f"e{n}",
            stop_loss=draw(st.sampled_from([None, Decimal("1.35"), Decimal("1.3821")])),
        )
        for n in range(draw(st.integers(0, 2)))
    ]
    return view(
        account=account(
            mode=draw(st.sampled_from([AccountMode.ACTIVE, AccountMode.ACTIVE, *AccountMode])),
            position_mode=draw(st.sampled_from(PositionMode)),
            currency=draw(st.sampled_from(["USD", "EUR", "GBP", "CHF"])),
            symbols=draw(st.sampled_from([{"EURUSD": terms}, {"EURUSD": terms}, {}])),
            positions_max=draw(st.none() | st.integers(0, 4)),
            orders_max=draw(st.none() | st.integers(0, 4)),
            quantity_max=draw(st.none() | money(0, 200_000)),
            risk_percent_max=draw(st.none() | st.decimals("0.1", 2, places=1)),
        ),
        snapshot=draw(
            st.builds(
                snapshot,
                money(60_000, 130_000).map(str),
                margin_used=money(0, 50_000),
                tradable=st.sampled_from([True, True, False]),
            )
        ),
        ledger=draw(ledgers()),
        positions=tuple(held),
        rulebook=draw(rulebooks()),
        heartbeat_at=draw(st.sampled_from([AT, AT, AT - 6 * NS_PER_S])),
        entering=(entering("1000"),) if draw(st.booleans()) else (),
    )


@st.composite
def contexts(draw: st.DrawFn) -> TradeContext:
    remaining = draw(st.none() | money(0, 300_000))
    return context(
        stop_loss=draw(st.sampled_from([None, Decimal("1.3821"), Decimal("1.3847")])),
        side=Side.BUY,
        policy=Policy(
            exposure_max=None if remaining is None else Decimal(300_000),
            shared_stop_allowed=draw(st.booleans()),
        ),
        book_currency=draw(st.sampled_from(["USD", "EUR", "CHF"])),
        exposure_remaining=remaining,
    )


QUANTITIES = st.one_of(st.integers(1, 200).map(lambda n: Decimal(1_000 * n)), money(0, 6_000_000))


class Case(NamedTuple):
    view: AccountView
    trade: Trade
    room: Room
    context: TradeContext


def case_of(of: AccountView, quantity: Decimal, ctx: TradeContext) -> Case:
    return Case(of, trade_for(of, quantity, ctx), room(of, ctx), ctx)


def refusal_by(rule: Rule, case: Case) -> Refusal | None:
    return dict(CHECKS)[rule](*case)


@given(views(), QUANTITIES, contexts())
@pytest.mark.requirement("R1.4")
def test_precedence_is_total_and_stable(
    of: AccountView, quantity: Decimal, ctx: TradeContext
) -> None:
    case = case_of(of, quantity, ctx)
    every = all_refusals(*case)
    ranks = [PRECEDENCE.index(refusal.rule) for refusal in every]
    assert ranks == sorted(set(ranks))
    first = judge_account(*case)
    assert first == (every[0] if every else None)
    assert judge_account(*case) == first
    for refusal in every:
        assert refusal.account_id == of.account.account_id
        assert refusal.compared
        assert refusal.would_pass


def put_in_order(of: AccountView) -> AccountView:
    """The same account, with nothing but size and money to refuse it for."""
    return of._replace(
        account=replace(
            of.account,
            mode=AccountMode.ACTIVE,
            position_mode=PositionMode.HEDGING,
            positions_max=None,
            orders_max=None,
            quantity_max=None,
            currency="USD",
            symbols={"EURUSD": TERMS},
        ),
        snapshot=None if of.snapshot is None else replace(of.snapshot, tradable=True),
        ledger=replace(of.ledger, halted="", exclusion=None),
        rulebook=RULEBOOK,
        heartbeat_at=AT,
    )


LARGE = st.integers(1, 150).map(lambda n: Decimal(10_000 * n))


@given(views().map(put_in_order), QUANTITIES | LARGE, st.builds(context) | contexts())
@pytest.mark.requirement("R1.4")
def test_who_passes_quickly_is_refused_by_no_rule(
    of: AccountView, quantity: Decimal, ctx: TradeContext
) -> None:
    case = case_of(of, quantity, ctx)
    base = base_score(*case[:3], Medians(500_000, 0), ctx)
    quick = affords_by_score(of, case.trade, case.room, base, ctx)
    if quick and in_order(of, case.room) and nothing_forbids(ctx):
        assert all_refusals(*case) == ()


def test_a_common_account_passes_quickly() -> None:
    ctx = context()
    case = case_of(view(), Decimal(10_000), ctx)
    base = base_score(*case[:3], Medians(500_000, 0), ctx)
    assert affords_by_score(case.view, case.trade, case.room, base, ctx)
    assert in_order(case.view, case.room)
    assert nothing_forbids(ctx)
    tight = view(snapshot=snapshot("100000", margin_used=Decimal(95_000)))
    case = case_of(tight, Decimal(10_000), ctx)
    base = base_score(*case[:3], Medians(500_000, 0), ctx)
    assert base.risk_budget > 0
    assert judge_account(*case) is not None
    assert not affords_by_score(tight, case.trade, case.room, base, ctx)


@given(views(), QUANTITIES, contexts())
@pytest.mark.requirement("U4")
def test_every_verdict_agrees_with_the_rule_and_names_its_clause(
    of: AccountView, quantity: Decimal, ctx: TradeContext
) -> None:
    case = case_of(of, quantity, ctx)
    holds = {rule.rule_id: rule.holds(*case) for rule in REGISTRY}
    stated = verdicts_of(*case)
    for verdict in stated:
        assert verdict.passed == holds[verdict.rule_id]
        assert verdict.clause
        assert bool(verdict.would_pass) == (not verdict.passed)
    unstated = holds.keys() - {verdict.rule_id for verdict in stated}
    assert all(holds[rule_id] for rule_id in unstated)


@given(views(), QUANTITIES, contexts(), money(0, 50_000), money(0, 40_000))
@pytest.mark.requirement("R1.1", "R1.2")
def test_more_equity_or_margin_never_turns_a_pass_into_a_refusal(
    of: AccountView, quantity: Decimal, ctx: TradeContext, equity: Decimal, margin: Decimal
) -> None:
    assert of.snapshot is not None
    better = of._replace(
        snapshot=replace(
            of.snapshot,
            equity=of.snapshot.equity + equity,
            margin_used=max(ZERO, of.snapshot.margin_used - margin),
        )
    )
    assert rules_at(better, quantity, ctx) <= rules_at(of, quantity, ctx)


SIZE = re.compile(r"^a size of at most ([0-9.]+) base units")
EQUITY = re.compile(r"equity of at least ([0-9.]+) ")
SIZED = (
    Rule.ORDER_LIMIT,
    Rule.EXPOSURE_CAP,
    Rule.RISK_BUDGET,
    Rule.MARGIN_LEVEL,
    Rule.SIZE_NOT_REPRESENTABLE,
    Rule.CONVERSION_MISSING,
)
SIZED_FIRM_RULES = ("daily_loss", "overall_loss", "risk_per_trade", "quantity_max")
TOO_LARGE = st.integers(8_000, 20_000).map(lambda n: Decimal(1_000 * n))
"""Sizes whose margin no drawn account can carry."""


@st.composite
def sound_views(draw: st.DrawFn) -> AccountView:
    """Views that can be refused only for what the trade costs."""
    of = draw(views())
    terms = of.account.symbols.get("EURUSD", TERMS)
    return of._replace(
        account=replace(
            of.account,
            mode=AccountMode.ACTIVE,
            currency=draw(st.sampled_from(["USD", "EUR", "GBP"])),
            symbols={"EURUSD": terms, "GBPUSD": terms},
            orders_max=None,
        ),
        snapshot=replace(of.snapshot or snapshot(), tradable=True),
        ledger=replace(of.ledger, anchor=of.ledger.anchor or anchor()),
    )


def refused_for_size(case: Case) -> dict[str, str]:
    """What would pass, by the name of each rule of size that refuses, firm's rules included."""
    by_rule = {rule.value: refusal_by(rule, case) for rule in SIZED}
    return {name: refusal.would_pass for name, refusal in by_rule.items() if refusal} | {
        f"firm {verdict.rule_id}": verdict.would_pass
        for verdict in verdicts_of(*case)
        if not verdict.passed and verdict.rule_id in SIZED_FIRM_RULES
    }


@given(sound_views(), st.one_of(QUANTITIES, TOO_LARGE), contexts())
@pytest.mark.requirement("U4")
def test_the_size_that_would_pass_does_and_one_step_more_does_not(
    of: AccountView, quantity: Decimal, ctx: TradeContext
) -> None:
    step = of.account.symbols["EURUSD"].step
    for name, would_pass in refused_for_size(case_of(of, quantity, ctx)).items():
        named = SIZE.match(would_pass)
        if named is None:
            continue
        size = Decimal(named[1])
        assert 0 < size < quantity
        assert name not in refused_for_size(case_of(of, size, ctx))
        larger = SIZE.match(refused_for_size(case_of(of, size + step, ctx))[name])
        assert larger is not None
        assert larger[1] == named[1]


@given(sound_views(), TOO_LARGE, contexts())
@pytest.mark.requirement("R1.1", "U4")
def test_the_equity_that_would_pass_does_and_a_cent_less_does_not(
    of: AccountView, quantity: Decimal, ctx: TradeContext
) -> None:
    refusal = refusal_by(Rule.MARGIN_LEVEL, case_of(of, quantity, ctx))
    assert refusal is not None
    assert of.snapshot is not None
    named = EQUITY.search(refusal.would_pass)
    assert named is not None
    for equity, passes in ((Decimal(named[1]), True), (Decimal(named[1]) - Decimal("0.01"), False)):
        richer = of._replace(snapshot=replace(of.snapshot, equity=equity))
        again = refusal_by(Rule.MARGIN_LEVEL, case_of(richer, quantity, ctx))
        assert (again is None) == passes


@given(sound_views(), contexts())
@pytest.mark.requirement("R1.2", "P6")
def test_the_largest_size_passes_every_rule_of_size_and_a_step_more_does_not(
    of: AccountView, ctx: TradeContext
) -> None:
    cap = largest_quantity(of, room(of, ctx), ctx)
    terms = of.account.symbols["EURUSD"]
    assert cap.quantity >= 0
    assert cap.quantity % terms.step == 0
    if cap.quantity >= terms.minimum:
        assert refused_for_size(case_of(of, cap.quantity, ctx)) == {}
    assert refused_for_size(case_of(of, cap.quantity + terms.step, ctx))


def rules_at(of: AccountView, quantity: Decimal, ctx: TradeContext) -> set[Rule]:
    return {refusal.rule for refusal in all_refusals(*case_of(of, quantity, ctx))}
