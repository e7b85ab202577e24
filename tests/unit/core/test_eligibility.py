"""Each rule of eligibility: when it refuses, what it compares and what would pass."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core.gate.affordability import largest_quantity
from stretto.core.gate.copying import opposed_by
from stretto.core.gate.eligibility import CHECKS, all_refusals, judge_account
from stretto.core.gate.risk import room
from stretto.core.gate.trade import AccountView, TradeContext, trade_for
from stretto.core.terms.account import AccountMode, Exclusion, Ledger, PositionMode
from stretto.core.terms.calendar import Hours
from stretto.core.terms.market import Reads
from stretto.core.terms.policy import Permission, Policy
from stretto.core.terms.refusal import PRECEDENCE, Refusal, Rule
from stretto.core.values import NS_PER_S, iso
from tests.unit.core.trade_samples import (
    AT,
    DAILY,
    QUOTES,
    RULEBOOK,
    STATISTICS,
    TERMS,
    account,
    anchor,
    context,
    entering,
    position,
    quote,
    snapshot,
    view,
)

QUANTITY = Decimal(100_000)
EXCLUSION = Exclusion(since=AT, reason="drill", actor="ann", until=AT + 9)


def judge(
    of: AccountView, quantity: Decimal = QUANTITY, within: TradeContext | None = None
) -> Refusal | None:
    ctx = within or context()
    return judge_account(of, trade_for(of, quantity, ctx), room(of, ctx), ctx)


def refused(
    rule: Rule,
    of: AccountView,
    quantity: Decimal = QUANTITY,
    within: TradeContext | None = None,
) -> Refusal:
    refusal = judge(of, quantity, within)
    assert refusal is not None
    assert refusal.rule is rule
    assert refusal.account_id == of.account.account_id
    assert refusal.compared
    assert refusal.would_pass
    return refusal


def netting(*positions: Any) -> AccountView:
    return view(account=account(position_mode=PositionMode.NETTING), positions=positions)


def test_a_sound_account_is_not_refused() -> None:
    assert judge(view()) is None
    assert judge(netting(position("1000", stop_loss=Decimal("1.37")))) is None


@pytest.mark.requirement("R1.4")
@pytest.mark.parametrize(
    "mode", [AccountMode.CLOSE_ONLY, AccountMode.SUSPENDED, AccountMode.TERMINATED]
)
def test_only_active_accounts_take_entries(mode: AccountMode) -> None:
    refusal = refused(Rule.ACCOUNT_STATUS, view(account=account(mode=mode)))
    assert refusal.compared["status"] == mode.value


@pytest.mark.requirement("R1.4")
def test_an_account_the_venue_does_not_let_trade() -> None:
    barred = refused(Rule.ACCOUNT_STATUS, view(snapshot=snapshot(tradable=False)))
    assert barred.would_pass == "a venue that reports the account tradable"


@pytest.mark.requirement("R1.4")
@pytest.mark.parametrize(
    ("until", "until_tradable", "would_pass"),
    [
        (AT + 1, False, f"wait until {iso(AT + 1)}"),
        (
            AT + 1,
            True,
            f"wait until {iso(AT + 1)} and a venue that reports the account tradable",
        ),
        (None, True, "a venue that reports the account tradable"),
        (None, False, "a person restores it"),
    ],
)
def test_an_exclusion_says_what_ends_it(
    until: int | None, until_tradable: bool, would_pass: str
) -> None:
    exclusion = Exclusion(
        since=AT - 1, reason="drill", actor="ann", until=until, until_tradable=until_tradable
    )
    refusal = refused(Rule.EXCLUDED, view(ledger=Ledger(anchor=anchor(), exclusion=exclusion)))
    assert refusal.would_pass == would_pass
    assert refusal.compared["excluded_for"] == "drill"


@pytest.mark.requirement("R1.4")
def test_a_halted_account() -> None:
    refusal = refused(Rule.HALTED, view(ledger=Ledger(anchor=anchor(), halted="overfill")))
    assert refusal.compared == {"halted": "overfill"}


@pytest.mark.requirement("P6")
def test_a_symbol_the_account_does_not_have() -> None:
    refusal = refused(Rule.NOT_MAPPED, view(account=account(symbols={"GBPUSD": TERMS})))
    assert refusal.compared["symbols_mapped"] == "GBPUSD"


def test_a_closed_session_opens_again() -> None:
    opens = AT + 3_600 * NS_PER_S
    closed = Hours(calendar="XNYS", is_open=False, known=True, opens_at=opens)
    refusal = refused(Rule.SESSION_CLOSED, view(), within=context(session=closed))
    assert refusal.would_pass == f"wait until {iso(opens)}"
    assert refusal.compared["calendar"] == "XNYS"
    later = refused(
        Rule.SESSION_CLOSED, view(), within=context(session=replace(closed, opens_at=None))
    )
    assert later.would_pass == "wait for the next session"


def test_sessions_that_nobody_knows_mean_no() -> None:
    unknown = Hours(calendar="XNYS", is_open=False, known=False)
    refusal = refused(Rule.SESSION_UNKNOWN, view(), within=context(session=unknown))
    assert refusal.would_pass == f"sessions of XNYS over a span that holds {iso(AT)}"


def test_maintenance_of_a_venue_concerns_its_accounts_only() -> None:
    opens = AT + 60 * NS_PER_S
    shut = Hours(calendar="fx_week and venue east", is_open=False, known=True, opens_at=opens)
    own = view().account.venue
    refusal = refused(Rule.SESSION_CLOSED, view(), within=context(venue_sessions={own: shut}))
    assert refusal.would_pass == f"wait until {iso(opens)}"
    elsewhere = context(venue_sessions={"another": shut})
    assert judge(view(), within=elsewhere) is None


@pytest.mark.parametrize(("age_s", "stale"), [(5, False), (6, True)])
def test_a_venue_must_have_spoken_within_five_seconds(age_s: int, stale: bool) -> None:
    quiet = view(heartbeat_at=AT - age_s * NS_PER_S)
    if stale:
        refusal = refused(Rule.DATA_STALE, quiet)
        assert refusal.would_pass.endswith(iso(AT - 5 * NS_PER_S))
    else:
        assert judge(quiet) is None


@pytest.mark.parametrize(("age_s", "stale"), [(60, False), (61, True)])
def test_a_tick_must_be_within_sixty_seconds(age_s: int, stale: bool) -> None:
    old = quote("EURUSD", "1.3860", "1.3861", AT - age_s * NS_PER_S)
    within = context(reads=Reads(quotes={"EURUSD": old}, statistics=STATISTICS))
    if stale:
        assert "tick of EURUSD" in refused(Rule.DATA_STALE, view(), within=within).would_pass
    else:
        assert judge(view(), within=within) is None


def test_a_venue_or_a_market_or_an_account_that_never_spoke() -> None:
    assert refused(Rule.DATA_STALE, view(heartbeat_at=0)).compared["heartbeat_at"] == "never"
    silent = refused(Rule.DATA_STALE, view(), within=context(reads=Reads()))
    assert silent.compared["tick_at"] == "never"
    unseen = refused(Rule.DATA_STALE, view(snapshot=None))
    assert unseen.would_pass == "a first snapshot of the account"


@pytest.mark.requirement("U4")
def test_a_firm_rule_refuses_with_its_clause() -> None:
    near = view(rulebook=replace(RULEBOOK, daily_loss=DAILY), snapshot=snapshot("95100"))
    refusal = refused(Rule.FIRM_RULE, near)
    assert refusal.compared["firm_rule"] == "daily_loss"
    assert refusal.clause == "3.1 Maximum daily loss"
    assert refusal.would_pass == "a size of at most 24000 base units"


@pytest.mark.requirement("U4")
def test_an_opposite_position_elsewhere() -> None:
    short = view(account=account("s"), positions=(position("-1000"),))
    book = replace(RULEBOOK, opposite_positions=Permission.FORBIDDEN)
    within = context(opposed=opposed_by([(short.account, short.rulebook)]))
    assert judge(view(), within=within) is None
    refusal = refused(Rule.COPY_POLICY, view(rulebook=book), within=within)
    assert refusal.compared["other_account"] == "s"


def test_a_netting_account_is_not_netted_by_accident() -> None:
    refusal = refused(Rule.WOULD_NET, netting(position("-3000")))
    assert refusal.would_pass == "closing the opposite position of 3000 base units first"
    assert judge(view(positions=(position("-3000", stop_loss=Decimal("1.39")),))) is None


def test_an_opposite_entry_on_its_way_nets_as_well() -> None:
    coming = netting(position("-3000"))._replace(entering=(entering("-2000"),))
    refusal = refused(Rule.WOULD_NET, coming)
    assert refusal.compared["opposite_base_units_entering"] == "2000"
    assert refusal.compared["executions"] == "e1, e9"
    assert refusal.would_pass == (
        "closing the opposite position of 3000 base units and "
        "the end of the opposite entries of 2000 base units first"
    )
    assert judge(netting()._replace(entering=(entering("2000"),))) is None
    assert judge(netting()._replace(entering=(entering("-2000", symbol="GBPUSD"),))) is None
    assert judge(view(entering=(entering("-2000"),))) is None


def test_an_entry_on_its_way_with_another_stop_shares_it() -> None:
    strict = context(policy=Policy(shared_stop_allowed=False))
    other = netting()._replace(entering=(entering("1000", stop_loss=Decimal("1.37")),))
    assert refused(Rule.SHARED_STOP, other, within=strict).compared["stops_held"] == "1.37"
    assert judge(netting()._replace(entering=(entering("1000"),)), within=strict) is None


def test_a_shared_stop_where_the_policy_forbids_it() -> None:
    strict = context(policy=Policy(shared_stop_allowed=False))
    other = position("1000", stop_loss=Decimal("1.3700"))
    refusal = refused(Rule.SHARED_STOP, netting(other), within=strict)
    assert refusal.compared["stops_held"] == "1.37"
    assert judge(netting(other), within=context()) is None
    same = position("1000", stop_loss=Decimal("1.3821"))
    assert judge(netting(same), within=strict) is None


def test_own_limits_on_positions_orders_and_size() -> None:
    one = view(account=account(positions_max=1), positions=(position("1", symbol="GBPUSD"),))
    assert refused(Rule.POSITION_LIMIT, one).would_pass == (
        "1 fewer open positions before the trade"
    )
    busy = Ledger(anchor=anchor(), open_orders=4)
    assert refused(Rule.ORDER_LIMIT, view(account=account(orders_max=3), ledger=busy)).compared == {
        "open_orders_after": "5",
        "orders_max": "3",
    }
    small = view(account=account(quantity_max=Decimal(70_700)))
    assert refused(Rule.ORDER_LIMIT, small).would_pass == "a size of at most 70000 base units"


def test_the_book_wide_cap_takes_what_the_planner_gave_away() -> None:
    within = context(policy=Policy(exposure_max=Decimal(300_000)))
    within.exposure_remaining = Decimal(300_000)
    assert judge(view(), within=within) is None
    within.exposure_remaining -= Decimal(138_610)
    assert judge(view(), within=within) is None
    within.exposure_remaining -= Decimal(138_610)
    refusal = refused(Rule.EXPOSURE_CAP, view(), within=within)
    assert refusal.would_pass == "a size of at most 16000 base units"  # 22780 / 1.3861 = 16434
    assert refusal.compared["exposure_remaining_USD"] == "22780"


@pytest.mark.requirement("R1.2")
def test_the_accounts_own_risk_budget() -> None:
    careful = view(account=account(risk_percent_max=Decimal("0.4")))
    refusal = refused(Rule.RISK_BUDGET, careful)
    assert refusal.compared["risk_percent_max_room_USD"] == "400"
    assert refusal.would_pass == "a size of at most 97000 base units"
    assert judge(careful, Decimal(97_000)) is None


@pytest.mark.requirement("R1.2")
def test_a_risk_that_is_not_known_is_refused() -> None:
    within = context(stop_loss=None, reads=Reads(quotes=QUOTES))
    assert refused(Rule.RISK_BUDGET, view(), within=within).compared == {"risk_USD": "unknown"}


@pytest.mark.requirement("R1.1")
def test_margin_counts_used_reserved_and_unconfirmed() -> None:
    ledger = Ledger(
        anchor=anchor(),
        reserved_margin=Decimal(10_000),
        unconfirmed_margin=Decimal(20_000),
    )
    full = view(snapshot=snapshot(margin_used=Decimal(51_000)), ledger=ledger)
    refusal = refused(Rule.MARGIN_LEVEL, full)
    # 81000 + 2772.20 is needed 1.2 times
    assert refusal.would_pass == (
        "a size of at most 84000 base units, or equity of at least 100526.64 USD"
    )
    assert refusal.compared["margin_level_after_percent"] == "119.37"
    assert judge(full, Decimal(84_000)) is None
    richer = snapshot("100526.64", margin_used=Decimal(51_000))
    assert judge(full._replace(snapshot=richer)) is None
    spent = full._replace(snapshot=snapshot("90000", margin_used=Decimal(51_000)))
    assert refused(Rule.MARGIN_LEVEL, spent).would_pass == "equity of at least 100526.64 USD"


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("quantity", "nearest"),
    [("0", "1000"), ("999", "1000"), ("1500", "1000"), ("6000000", "5000000"), ("1000.01", "1000")],
)
def test_a_size_the_venue_cannot_represent(quantity: str, nearest: str) -> None:
    rich = view(snapshot=snapshot("10000000"))
    refusal = refused(Rule.SIZE_NOT_REPRESENTABLE, rich, Decimal(quantity))
    assert refusal.would_pass == f"a size of {nearest} base units"
    assert judge(rich, Decimal(nearest)) is None


@pytest.mark.requirement("P6")
def test_steps_of_an_odd_contract_divide_exactly() -> None:
    kilobar = replace(TERMS, contract_size=Decimal("32.1507466"))
    of = view(account=account(symbols={"EURUSD": kilobar}))
    assert judge(of, Decimal("32.1507466") * 7) is None
    refused(Rule.SIZE_NOT_REPRESENTABLE, of, Decimal("32.1507466") * 7 + Decimal("1e-9"))


def test_a_missing_conversion_refuses_under_its_own_name() -> None:
    francs = view(account=account(currency="CHF"), rulebook=replace(RULEBOOK, daily_loss=DAILY))
    assert refused(Rule.CONVERSION_MISSING, francs).would_pass == "a quote that converts USD to CHF"


def test_a_cap_in_a_currency_without_a_conversion_refuses() -> None:
    capped = context(book_currency="JPY", policy=Policy(exposure_max=Decimal(1)))
    assert judge(view(), within=capped) is None
    capped.exposure_remaining = Decimal(1)
    refusal = refused(Rule.CONVERSION_MISSING, view(), within=capped)
    assert refusal.would_pass == "a quote that converts USD to JPY"
    assert largest_quantity(view(), room(view(), capped), capped) == (Decimal(0), "exposure_cap")


def test_every_rule_stands_in_the_order_of_precedence_and_once() -> None:
    rules = [rule for rule, _ in CHECKS]
    assert rules == sorted(set(rules), key=PRECEDENCE.index)
    first, last = PRECEDENCE.index(Rule.ACCOUNT_STATUS), PRECEDENCE.index(Rule.CONVERSION_MISSING)
    assert rules == list(PRECEDENCE[first : last + 1])


@pytest.mark.requirement("R1.4")
def test_all_refusals_keep_precedence_and_begin_with_the_first() -> None:
    ctx = context()
    broken = view(
        account=account(mode=AccountMode.SUSPENDED, positions_max=0, orders_max=0),
        ledger=Ledger(anchor=anchor(), halted="manual", exclusion=EXCLUSION),
        heartbeat_at=0,
        rulebook=replace(RULEBOOK, automation=Permission.UNKNOWN),
    )
    made, space = trade_for(broken, Decimal(77), ctx), room(broken, ctx)
    every = all_refusals(broken, made, space, ctx)
    assert [refusal.rule for refusal in every] == [
        Rule.ACCOUNT_STATUS,
        Rule.EXCLUDED,
        Rule.HALTED,
        Rule.DATA_STALE,
        Rule.FIRM_RULE,
        Rule.POSITION_LIMIT,
        Rule.ORDER_LIMIT,
        Rule.SIZE_NOT_REPRESENTABLE,
    ]
    assert judge_account(broken, made, space, ctx) == every[0]


def test_an_account_of_which_nothing_is_known_is_refused_without_failing() -> None:
    ctx = context(reads=Reads(), stop_loss=None)
    blank = view(account=account(symbols={}, currency="CHF"), snapshot=None, ledger=Ledger())
    made, space = trade_for(blank, Decimal("1e40"), ctx), room(blank, ctx)
    rules = [refusal.rule for refusal in all_refusals(blank, made, space, ctx)]
    assert rules == [Rule.NOT_MAPPED, Rule.DATA_STALE, Rule.CONVERSION_MISSING]
    assert largest_quantity(blank, space, ctx).quantity == 0


def test_a_size_beyond_all_markets_is_refused_without_failing() -> None:
    assert judge(view(), Decimal("1e40")) is not None


@pytest.mark.requirement("R1.2", "P6")
def test_the_largest_size_inside_all_limits_and_what_binds() -> None:
    ctx = context()
    cases = [
        (view(snapshot=snapshot("1000000000")), "5000000", "lot_max"),
        (view(account=account(quantity_max=Decimal(2_500))), "2000", "account_quantity_max"),
        (view(rulebook=replace(RULEBOOK, quantity_max=Decimal(3_000))), "3000", "quantity_max"),
        (view(account=account(risk_percent_max=Decimal("0.4"))), "97000", "risk_percent_max"),
        (view(snapshot=snapshot("1000")), "30000", "margin_level"),
    ]
    for of, quantity, rule in cases:
        cap = largest_quantity(of, room(of, ctx), ctx)
        assert (cap.quantity, cap.rule) == (Decimal(quantity), rule)
        assert judge(of, cap.quantity) is None
        assert judge(of, cap.quantity + 1_000) is not None
