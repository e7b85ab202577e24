"""Room, open risk and the firm's trading day, on worked examples."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from stretto.core.errors import InvariantViolated
from stretto.core.gate.risk import (
    next_trading_day,
    open_risk,
    orders_today,
    positions_after,
    room,
    trading_day_start,
)
from stretto.core.gate.trade import AccountView, trade_for
from stretto.core.gate.volatility import three_sigma
from stretto.core.terms.account import Ledger, PositionMode
from stretto.core.terms.market import Reads
from stretto.core.terms.policy import Anchor, LossLimit, Rulebook, Trailing
from stretto.core.values import NS_PER_S, Side, parse_iso
from tests.unit.core.trade_samples import (
    DAILY,
    DAY,
    RULEBOOK,
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


def rules(**changes: object) -> Rulebook:
    return replace(RULEBOOK, **changes)


def held(rulebook: Rulebook, equity: str = "100000", **ledger: object) -> AccountView:
    made = replace(Ledger(anchor=anchor()), **ledger)
    return view(rulebook=rulebook, snapshot=snapshot(equity), ledger=made)


@pytest.mark.requirement("R1.2")
def test_ftmo_daily_floor_is_day_start_balance_less_five_percent_of_initial() -> None:
    at_start = anchor("104000", equity=Decimal(103_000))
    got = room(held(rules(daily_loss=DAILY), "102000", anchor=at_start), context())
    # floor 104000 - 5 % of 100000 = 99000
    assert got.daily == Decimal(3_000)
    assert (got.smallest, got.binding) == (Decimal(3_000), "daily_loss")
    assert got.drawdown_use == 400_000


@pytest.mark.parametrize(
    ("measure", "floor"), [(Anchor.BALANCE, 95), (Anchor.EQUITY, 98), (Anchor.HIGHER, 98)]
)
def test_daily_anchor_is_balance_equity_or_the_higher(measure: Anchor, floor: int) -> None:
    start = anchor("100", equity=Decimal(103))
    limit = LossLimit(amount=Decimal(5), anchor=measure)
    got = room(held(rules(daily_loss=limit), "100", anchor=start), context())
    assert got.daily == 100 - floor


def test_percentage_of_day_start() -> None:
    limit = LossLimit(percent=Decimal(5), percent_of="day_start")
    got = room(held(rules(daily_loss=limit), "200000", anchor=anchor("200000")), context())
    assert got.daily == Decimal(10_000)


def test_a_percentage_of_anything_else_is_an_error() -> None:
    limit = LossLimit(percent=Decimal(5), percent_of="luck")
    with pytest.raises(InvariantViolated, match="day_start"):
        room(held(rules(daily_loss=limit)), context())


@pytest.mark.parametrize(
    ("trailing", "lock", "expected"),
    [
        (Trailing.STATIC, False, 108_000 - 90_000),
        (Trailing.INTRADAY, False, 108_000 - 102_000),
        (Trailing.INTRADAY, True, 108_000 - 100_000),
        (Trailing.END_OF_DAY, False, 108_000 - 97_000),
        (Trailing.END_OF_DAY, True, 108_000 - 97_000),
    ],
)
def test_overall_limit_static_or_trailing_with_lock(
    trailing: Trailing, lock: bool, expected: int
) -> None:
    peaks = anchor("105000", peak_equity=Decimal(112_000), peak_end_of_day=Decimal(107_000))
    limit = LossLimit(percent=Decimal(10), trailing=trailing, locks_at_initial=lock)
    got = room(held(rules(overall_loss=limit), "108000", anchor=peaks), context())
    assert got.overall == Decimal(expected)
    assert got.binding == "overall_loss"


def test_intraday_peak_includes_the_equity_of_now() -> None:
    limit = LossLimit(amount=Decimal(3_000), trailing=Trailing.INTRADAY)
    got = room(held(rules(overall_loss=limit), "120000"), context())
    assert got.overall == Decimal(3_000)


def test_no_limit_means_no_bound() -> None:
    got = room(view(), context())
    assert (got.daily, got.overall, got.per_trade, got.smallest) == (None, None, None, None)
    assert got.binding == ""


@pytest.mark.requirement("R1.1", "R1.2")
def test_reserved_and_open_risk_take_room_away() -> None:
    long = position("100000", stop_loss=Decimal("1.3800"))
    made = held(rules(daily_loss=DAILY), reserved_risk=Decimal(250))._replace(positions=(long,))
    got = room(made, context())
    # 60 pips from the bid to the stop and one of spread on 100000: 610 USD
    assert got.open_risk == Decimal(610)
    assert got.daily == 5_000 - 610 - 250


def test_open_risk_of_a_short_is_measured_from_the_ask() -> None:
    short = position("-100000", stop_loss=Decimal("1.3881"))
    assert open_risk(view(positions=(short,)), context()) == Decimal(210)


def test_a_position_past_its_stop_never_lowers_open_risk() -> None:
    past = position("100000", stop_loss=Decimal("1.3900"))
    assert open_risk(view(positions=(past,)), context()) == Decimal(10)


def test_open_risk_counts_one_commission_and_converts() -> None:
    terms = replace(TERMS, commission_per_lot=Decimal(4))
    euros = account(currency="EUR", symbols={"EURUSD": terms})
    long = position("100000", stop_loss=Decimal("1.3800"))
    got = open_risk(view(account=euros, positions=(long,)), context())
    # 610 / 1.38605 = 440.0995 EUR and 4 EUR, rounded up
    assert got == Decimal("444.10")


@pytest.mark.requirement("R1.2")
def test_without_a_stop_three_sigma_of_a_day_are_at_risk() -> None:
    free = position("100000")
    # σ 100 ppm a minute, √1440 = 37.947: 3 σ = 1.13842 % of 1.38605, and the spread
    assert open_risk(view(positions=(free,)), context()) == Decimal("1587.91")
    calm = context(reads=Reads(quotes={"EURUSD": quote("EURUSD", "1.3860", "1.3861")}))
    assert open_risk(view(positions=(free,)), calm) is None


def test_three_sigma_grows_with_the_root_of_time() -> None:
    minute = 60 * NS_PER_S
    assert three_sigma(Decimal(1), 100, minute) == Decimal("0.0003")
    assert three_sigma(Decimal(1), 100, 4 * minute) == Decimal("0.0006")
    assert three_sigma(Decimal(1), 0, minute) == 0
    assert three_sigma(Decimal(2), 1, 2 * minute) == Decimal("0.000008486")  # 2 ⌈4242.64⌉ ppb


def test_a_position_that_cannot_be_marked_leaves_no_room() -> None:
    strange = position("1", symbol="USDJPY", stop_loss=Decimal(100))
    got = room(held(rules(daily_loss=DAILY))._replace(positions=(strange,)), context())
    assert (got.daily, got.unknown) == (Decimal(0), "open_risk")


def test_a_day_without_an_anchor_leaves_no_room() -> None:
    got = room(held(rules(daily_loss=DAILY), anchor=None), context())
    assert (got.daily, got.unknown, got.binding) == (Decimal(0), "day_anchor", "daily_loss")
    trailing = LossLimit(amount=Decimal(1), trailing=Trailing.INTRADAY)
    assert room(held(rules(overall_loss=trailing), anchor=None), context()).unknown == "day_anchor"
    static = LossLimit(amount=Decimal(1_000))
    assert room(held(rules(overall_loss=static), anchor=None), context()).overall == Decimal(1_000)


@pytest.mark.requirement("P8")
def test_after_the_reset_the_last_snapshot_is_the_anchor() -> None:
    yesterday = anchor("100000", day_started_at=DAY - 1)
    late = held(rules(daily_loss=DAILY), "97000", anchor=yesterday)
    assert room(late, context()).daily == Decimal(5_000)
    today = held(rules(daily_loss=DAILY), "97000")
    assert room(today, context()).daily == Decimal(2_000)


@pytest.mark.requirement("R1.2")
def test_per_trade_room_is_the_smaller_of_the_firms_and_the_accounts_own() -> None:
    firm = rules(risk_per_trade_percent=Decimal(1))
    assert room(held(firm, "90000"), context()).smallest == Decimal(900)
    assert room(held(firm, "110000"), context()).smallest == Decimal(1_000)
    own = view(account=account(risk_percent_max=Decimal("0.5")), rulebook=firm)
    got = room(own, context())
    assert (got.per_trade, got.binding) == (Decimal(500), "risk_percent_max")


def test_without_a_snapshot_there_is_no_room() -> None:
    got = room(view(snapshot=None), context())
    assert (got.smallest, got.unknown) == (Decimal(0), "account_snapshot")


def test_a_limit_that_states_no_size_is_zero_and_its_use_is_full_below_it() -> None:
    got = room(held(rules(overall_loss=LossLimit()), "99999"), context())
    assert (got.overall, got.drawdown_use) == (Decimal(-1), 1_000_000)


def test_trade_risk_is_stop_distance_spread_and_two_commissions() -> None:
    terms = replace(TERMS, commission_per_lot=Decimal("3.5"))
    made = trade_for(view(account=account(symbols={"EURUSD": terms})), Decimal(100_000), context())
    assert made.risk == Decimal(417)  # 40 pips + 1 pip + 2 * 3.50
    assert made.margin == Decimal("2772.20")  # 138610 * 2 %


def test_trade_risk_of_a_sale_and_of_an_open_end() -> None:
    sale = context(side=Side.SELL, entry=Decimal("1.3860"), stop_loss=Decimal("1.3900"))
    assert trade_for(view(), Decimal(100_000), sale).risk == Decimal(410)
    free = context(stop_loss=None, expected_hold_ns=4 * 60 * NS_PER_S)
    assert trade_for(view(), Decimal(100_000), free).risk == Decimal("93.17")
    unknown = context(stop_loss=None, reads=Reads(quotes=context().reads.quotes))
    assert trade_for(view(), Decimal(100_000), unknown).risk is None


def test_a_conversion_that_no_quote_gives_is_never_one() -> None:
    made = trade_for(view(account=account(currency="CHF")), Decimal(1_000), context())
    assert (made.conversion, made.margin, made.risk) == (None, None, None)


def test_positions_after_on_hedging_and_netting_accounts() -> None:
    two = (position("1000"), position("1000", execution_id="e2"))
    made = trade_for(view(), Decimal(1_000), context())
    coming = (entering("1000"), entering("1000", "e8", symbol="GBPUSD"))
    assert positions_after(view(positions=two), made) == 3
    assert positions_after(view(positions=two, entering=coming), made) == 5
    netting = account(position_mode=PositionMode.NETTING)
    assert positions_after(view(account=netting, positions=two), made) == 1
    assert positions_after(view(account=netting, positions=two, entering=coming), made) == 2


def test_a_partly_filled_order_is_one_position() -> None:
    made = trade_for(view(), Decimal(1_000), context())
    partly = view(positions=(position("400"),), entering=(entering("600", "e1"),))
    assert positions_after(partly, made) == 2
    rest = view(positions=(position("400"),), execution_id="e1")
    assert positions_after(rest, made) == 1, "its next order adds to the position it has"


def test_orders_of_yesterday_do_not_count() -> None:
    ledger = Ledger(anchor=anchor(), orders_today=7, order_day=DAY)
    assert orders_today(view(ledger=ledger), context()) == 7
    assert orders_today(view(ledger=replace(ledger, order_day=DAY - 1)), context()) == 0
    assert orders_today(view(ledger=replace(ledger, anchor=None, order_day=0)), context()) == 7


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(
    ("at", "reset", "zone", "start"),
    [
        ("2014-05-02T12:30:00Z", "00:00", "UTC", "2014-05-02T00:00:00Z"),
        ("2014-05-02T12:30:00Z", "00:00", "Europe/Prague", "2014-05-01T22:00:00Z"),
        ("2014-05-02T20:59:59Z", "17:00", "America/New_York", "2014-05-01T21:00:00Z"),
        ("2014-05-02T21:00:00Z", "17:00", "America/New_York", "2014-05-02T21:00:00Z"),
        # the night the clocks go forward (02:00 to 03:00 in Prague, at 01:00 UTC)
        ("2014-03-30T10:00:00Z", "00:00", "Europe/Prague", "2014-03-29T23:00:00Z"),
        ("2014-03-31T10:00:00Z", "00:00", "Europe/Prague", "2014-03-30T22:00:00Z"),
        ("2014-03-30T10:00:00Z", "02:30", "Europe/Prague", "2014-03-30T01:00:00Z"),
        # the night they go back: 02:30 comes twice, the first counts
        ("2014-10-26T10:00:00Z", "02:30", "Europe/Prague", "2014-10-26T00:30:00Z"),
        ("2014-10-26T00:29:59Z", "02:30", "Europe/Prague", "2014-10-25T00:30:00Z"),
        # a zone that skips midnight itself
        ("2014-10-19T12:00:00Z", "00:00", "America/Sao_Paulo", "2014-10-19T03:00:00Z"),
        # a calendar day that never was
        ("2011-12-30T12:00:00Z", "09:00", "Pacific/Apia", "2011-12-30T10:00:00Z"),
    ],
)
def test_trading_day_start(at: str, reset: str, zone: str, start: str) -> None:
    assert trading_day_start(parse_iso(at), reset, zone) == parse_iso(start)


def test_the_next_trading_day_may_be_23_hours_long() -> None:
    day = parse_iso("2014-03-29T23:00:00Z")
    assert next_trading_day(day, "00:00", "Europe/Prague") == day + 23 * 3_600 * NS_PER_S
