"""Laws of the simulated venue under any mix of orders: quantities, positions, money, prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stretto.brokers.sim_config import RejectCode, SimVenueConfig, frictionless
from stretto.core.terms.account import PositionMode
from stretto.core.terms.report import ExecType, ExecutionReport, OrderType, OrdStatus, TimeInForce
from stretto.core.values import NS_PER_S, Side
from tests.unit.brokers.desk import LOT, START, Desk, account, at_desk, market, order, wave

WAVE = wave(400, swing=60)
LEVELS = 3
BALANCE = 10**7


class Act(NamedTuple):
    """One order, and how long after the one before it is sent."""

    wait_s: int
    account: int
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    lots: int
    offset: int
    stop: int
    target: int


acts = st.lists(
    st.builds(
        Act,
        wait_s=st.integers(0, 15),
        account=st.integers(0, 1),
        side=st.sampled_from(Side),
        order_type=st.sampled_from(OrderType),
        time_in_force=st.sampled_from(TimeInForce),
        lots=st.integers(1, 400),
        offset=st.integers(-50, 50),
        stop=st.integers(0, 60),
        target=st.integers(0, 60),
    ),
    min_size=1,
    max_size=12,
)
modes = st.sampled_from(PositionMode)
THIN = msgspec.structs.replace(
    frictionless(), depth_lots=Decimal("0.8"), depth_levels=LEVELS, orders_working_max=1_000
)
RISKY = SimVenueConfig(
    depth_lots=Decimal("0.8"),
    depth_levels=LEVELS,
    requote_ppm=100_000,
    reject_ppm={RejectCode.OFF_QUOTES: 100_000},
)


def command(number: int, act: Act) -> dict[str, Any]:
    """The act as an order; its prices hang on its own numbers alone."""
    price = Decimal(138_030 + act.offset).scaleb(-5)
    sign = act.side.sign
    changes: dict[str, Any] = {
        "account_id": f"A{act.account}",
        "side": act.side,
        "order_type": act.order_type,
        "time_in_force": act.time_in_force,
        "quantity": LOT * act.lots / 100,
    }
    if act.order_type in (OrderType.STOP, OrderType.STOP_LIMIT):
        changes["stop_price"] = price
    if act.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        changes["limit_price"] = price + Decimal(number % 3 * sign).scaleb(-5)
    if act.stop:
        changes["stop_loss"] = price - Decimal((act.stop + 20) * sign).scaleb(-5)
    if act.target:
        changes["take_profit"] = price + Decimal((act.target + 20) * sign).scaleb(-5)
    return changes


def play(
    plan: Sequence[Act],
    mode: PositionMode,
    config: SimVenueConfig = THIN,
    *,
    backwards: bool = False,
) -> Desk:
    """Send the plan; of orders due at one instant, the last first where ``backwards``."""

    async def scenario(desk: Desk) -> None:
        due: dict[int, list[int]] = {}
        at = 0
        for number, act in enumerate(plan):
            at += act.wait_s
            due.setdefault(at, []).append(number)
        for second, numbers in due.items():
            await desk.until(second)
            for number in reversed(numbers) if backwards else numbers:
                await desk.submit(f"O{number}", **command(number, plan[number]))
        await desk.until(at + 60)
        if plan[0].order_type is OrderType.LIMIT:
            await desk.cancel("O0", account_id=f"A{plan[0].account}")
        await desk.until(600)

    accounts = [account(name, balance=BALANCE, mode=mode) for name in ("A0", "A1")]
    return at_desk(scenario, eurusd=WAVE, accounts=accounts, config=config)


def by_order(desk: Desk) -> dict[str, list[ExecutionReport]]:
    """Reports by the venue's order id."""
    found: dict[str, list[ExecutionReport]] = {}
    for report in desk.reports():
        found.setdefault(report.venue_order_id, []).append(report)
    return found


@given(acts, modes)
def test_quantities_of_every_order_add_up(plan: list[Act], mode: PositionMode) -> None:
    desk = play(plan, mode)
    for reports in by_order(desk).values():
        filled = notional = Decimal(0)
        for report in reports:
            filled += report.last_qty
            notional += report.last_qty * report.last_px
            assert report.cum_qty == filled
            live = report.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
            assert report.leaves_qty == (report.order_qty - filled if live else 0)
            assert filled <= report.order_qty
            if filled:
                assert report.avg_px == notional / filled
        ends = [r for r in reports if r.leaves_qty == 0]
        assert len(ends) <= 1
    ids = [(r.account_id, r.trading_day, r.exec_id) for r in desk.reports()]
    assert len(set(ids)) == len(ids)


@given(acts, modes)
def test_positions_are_the_sum_of_fills(plan: list[Act], mode: PositionMode) -> None:
    desk = play(plan, mode)
    orders: Any = desk.venue.dump()["orders"]
    for name in ("A0", "A1"):
        held = sum(Decimal(p["quantity"]) for p in desk.books(name)["positions"].values())
        traded = Decimal(0)
        for trade in desk.trades():
            if trade.account_id == name:
                traded += trade.last_qty * side_of(trade, orders, desk).sign
        assert held == traded
        if mode is PositionMode.NETTING:
            assert len(desk.books(name)["positions"]) <= 1


def side_of(trade: ExecutionReport, orders: Any, desk: Desk) -> Side:
    """The order's side; a fill of the venue's own leaves the position that the ticket names."""
    if trade.client_order_id:
        return Side(orders[trade.client_order_id]["side"])
    before = [
        t
        for t in desk.trades()
        if t.position_id == trade.position_id and t.account_id == trade.account_id
    ]
    held = Decimal(0)
    for earlier in before:
        if earlier is trade:
            break
        held += earlier.last_qty * side_of(earlier, orders, desk).sign
    assert abs(held) >= trade.last_qty
    return Side.SELL if held > 0 else Side.BUY


@given(acts, modes)
def test_money_is_conserved(plan: list[Act], mode: PositionMode) -> None:
    desk = play(plan, mode)
    for name in ("A0", "A1"):
        books = desk.books(name)
        fees = sum((t.fee for t in desk.trades() if t.account_id == name), Decimal(0))
        assert Decimal(books["fees"]) == fees
        balance = BALANCE + Decimal(books["realized"]) - fees
        assert Decimal(books["balance"]) == balance
        if not books["positions"]:
            assert Decimal(books["margin_used"]) == 0
            # Flat: what was realized is what was sold for less what was bought for.
            orders: Any = desk.venue.dump()["orders"]
            flows = [
                -t.last_qty * t.last_px * side_of(t, orders, desk).sign
                for t in desk.trades()
                if t.account_id == name
            ]
            cents = Decimal("0.005") * (len(flows) + 1)
            assert abs(Decimal(books["realized"]) - sum(flows)) <= cents


@given(acts, modes)
def test_no_fill_beyond_the_levels_the_limit_or_before_the_trigger(
    plan: list[Act], mode: PositionMode
) -> None:
    desk = play(plan, mode)
    feed = market(WAVE)
    orders: Any = desk.venue.dump()["orders"]
    for trade in desk.trades():
        quote = feed.quote("EURUSD", trade.transact_at)
        assert quote is not None
        side = side_of(trade, orders, desk)
        touch = quote.ask if side is Side.BUY else quote.bid
        worse = (trade.last_px - touch) * side.sign
        assert 0 <= worse <= (LEVELS - 1) * quote.spread / 2
        if not trade.client_order_id:
            continue
        sent = order(
            "", **command(int(trade.client_order_id[1:]), plan[int(trade.client_order_id[1:])])
        )
        if sent.limit_price is not None:
            assert (sent.limit_price - trade.last_px) * side.sign >= 0
        if sent.stop_price is not None:
            arrived = desk.reports(trade.client_order_id)[0].transact_at
            assert reached(sent.stop_price, side, arrived, trade.transact_at)


def reached(level: Decimal, side: Side, since: int, until: int) -> bool:
    """Whether the price a stop watches stood at its level between two instants, tick by tick."""
    scaled = int(level.scaleb(5))
    known = [(max(at, since), bid, ask) for at, bid, ask in WAVE if at <= until]
    last = max(index for index, row in enumerate(WAVE) if row[0] <= since)
    return any(ask >= scaled if side is Side.BUY else bid <= scaled for _, bid, ask in known[last:])


@given(acts, modes, st.sampled_from([THIN, RISKY]))
def test_the_same_plan_gives_the_same_bytes(
    plan: list[Act], mode: PositionMode, config: SimVenueConfig
) -> None:
    first, second = play(plan, mode, config), play(plan, mode, config)
    assert msgspec.json.encode(first.said) == msgspec.json.encode(second.said)
    assert first.said_at == second.said_at
    assert first.venue.dump() == second.venue.dump()


@given(acts, st.sampled_from([THIN, RISKY]))
def test_an_orders_fate_does_not_hang_on_the_order_of_calls(
    plan: list[Act], config: SimVenueConfig
) -> None:
    # Hedging: a net position is the sum of what came before, and must depend on it.
    forwards = play(plan, PositionMode.HEDGING, config)
    backwards = play(plan, PositionMode.HEDGING, config, backwards=True)
    assert by_order(forwards) == by_order(backwards)
    assert forwards.venue.dump() == backwards.venue.dump()


@given(acts)
def test_an_attached_stop_leaves_nothing_open_beyond_it(plan: list[Act]) -> None:
    desk = play(plan, PositionMode.HEDGING)
    feed = market(WAVE)
    quote = feed.quote("EURUSD", START + 600 * NS_PER_S)
    assert quote is not None
    for held in desk.books("A0")["positions"].values():
        long = Decimal(held["quantity"]) > 0
        leave_at = quote.bid if long else quote.ask
        sign = 1 if long else -1
        if held["stop_loss"] is not None:
            assert (leave_at - Decimal(held["stop_loss"])) * sign > 0
        if held["take_profit"] is not None:
            assert (Decimal(held["take_profit"]) - leave_at) * sign > 0
    for report in desk.reports(""):
        assert report.exec_type is ExecType.TRADE
        assert report.text in ("stop_loss", "take_profit")
