"""What every broker promises, whatever venue stands behind it (ports.Broker, FIX 4.4)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core.errors import BrokerUnreachable
from stretto.core.terms.report import (
    CancelRejectReason,
    ExecType,
    OrderType,
    OrdStatus,
    TimeInForce,
)
from stretto.core.values import NS_PER_S, ZERO, Side
from stretto.ports import NotSent, Sent
from tests.contract.broker_world import WORLDS, BrokerWorld
from tests.unit.brokers.desk import LOT, START, Desk, order

TERMINAL = {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED}


@pytest.fixture(params=WORLDS, ids=lambda world: world.name)
def world(request: pytest.FixtureRequest) -> BrokerWorld:
    found: BrokerWorld = request.param
    return found


def test_a_market_order_is_acknowledged_then_filled(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        assert isinstance(await desk.submit("O1"), Sent)
        await desk.until(5)

    desk = world.play(scenario)
    reports = desk.reports("O1")
    assert [r.exec_type for r in reports] == [ExecType.NEW, ExecType.TRADE]
    last = reports[-1]
    assert (last.ord_status, last.cum_qty, last.leaves_qty) == (OrdStatus.FILLED, LOT, ZERO)
    assert last.last_qty == LOT
    assert last.last_px == last.avg_px > 0
    assert last.position_id


def test_quantities_add_up_in_every_report_and_ids_never_repeat(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        for number in range(6):
            await desk.submit(f"M{number}", side=Side.SELL if number % 2 else Side.BUY)
            await desk.submit(
                f"L{number}", order_type=OrderType.LIMIT, limit_price=f"1.38{number:02}0"
            )
            await desk.until(number * 60)
        await desk.cancel("L0")
        await desk.until(900)

    reports = world.play(scenario).reports()
    assert len(reports) > 20
    for report in reports:
        if report.ord_status in TERMINAL:
            assert report.leaves_qty == 0
        else:
            assert report.cum_qty + report.leaves_qty == report.order_qty
    keys = [(report.account_id, report.trading_day, report.exec_id) for report in reports]
    assert len(set(keys)) == len(keys)
    assert [r.transact_at for r in reports] == sorted(r.transact_at for r in reports)


def test_one_client_order_id_is_executed_once(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.submit("O1", quantity=2 * LOT)
        await desk.until(5)
        await desk.submit("O1")
        await desk.until(10)

    desk = world.play(scenario)
    assert [t.last_qty for t in desk.trades()] == [LOT]
    refused = [r for r in desk.reports("O1") if r.exec_type is ExecType.REJECTED]
    assert [r.reject_code for r in refused] == ["duplicate_order"] * 2


def test_past_send_before_nothing_leaves(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.until(2)
        outcome = await desk.submit("O1", send_before=START + 2 * NS_PER_S)
        assert isinstance(outcome, NotSent)
        await desk.query("O1")
        await desk.until(5)

    desk = world.play(scenario)
    assert desk.reports() == []
    assert [answer.known for answer in desk.answers()] == [False]


def test_a_refusal_names_its_cause_and_is_final(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", quantity=LOT * 49)  # more margin than the account has
        await desk.until(5)
        await desk.query("O1")
        await desk.until(10)

    desk = world.play(scenario)
    (report,) = desk.reports("O1")
    assert (report.exec_type, report.ord_status) == (ExecType.REJECTED, OrdStatus.REJECTED)
    assert report.reject_code == "insufficient_margin"
    assert report.cum_qty == report.leaves_qty == 0
    (answer,) = desk.answers()
    assert answer.known
    assert answer.report is not None
    assert answer.report.ord_status is OrdStatus.REJECTED


def test_a_resting_order_can_be_cancelled_once(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", order_type=OrderType.LIMIT, limit_price="1.37")
        await desk.until(5)
        await desk.cancel("O1")
        await desk.until(10)
        await desk.cancel("O1")
        await desk.cancel("O2")
        await desk.until(15)

    desk = world.play(scenario)
    assert desk.kinds("O1") == ["new", "canceled"]
    assert desk.reports("O1")[-1].leaves_qty == 0
    late, unknown = desk.rejects()
    assert (late.reject_code, late.ord_status) == (
        CancelRejectReason.TOO_LATE,
        OrdStatus.CANCELED,
    )
    assert unknown.reject_code == CancelRejectReason.UNKNOWN_ORDER
    assert not any(reject.for_replace for reject in (late, unknown))


def test_a_query_tells_the_state_and_changes_nothing(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.submit("O2", order_type=OrderType.LIMIT, limit_price="1.37")
        await desk.until(5)
        for place, order_id in enumerate(("O1", "O2", "O2", "O3")):
            await desk.query(order_id)
            await desk.until(6 + place)
        await desk.query("O1", account_id="A2")
        await desk.until(15)

    desk = world.play(scenario)
    filled, resting, again, unknown, foreign = desk.answers()
    assert filled.report is not None
    assert filled.report.exec_type is ExecType.ORDER_STATUS
    assert filled.report.ord_status is OrdStatus.FILLED
    assert filled.report.cum_qty == LOT
    assert resting.report is not None
    assert again.report is not None
    assert resting.report.ord_status is OrdStatus.NEW
    assert resting.report.exec_id != again.report.exec_id
    assert (unknown.known, unknown.report, foreign.known) == (False, None, False)
    assert desk.kinds("O2") == ["new"]


def test_what_cannot_trade_at_once_does_not_rest_where_told_so(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        for time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            await desk.submit(
                time_in_force.value,
                order_type=OrderType.LIMIT,
                limit_price="1.37",
                time_in_force=time_in_force,
            )
        await desk.until(5)

    desk = world.play(scenario)
    assert desk.kinds("ioc") == desk.kinds("fok") == ["new", "canceled"]


def test_a_snapshot_shows_margin_and_open_loss(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        before = await desk.broker.snapshot("A1")
        assert before.balance == before.equity == 100_000
        assert before.margin_used == 0
        await desk.submit("O1")
        await desk.until(5)
        after = await desk.broker.snapshot("A1")
        price = desk.trades("O1")[0].last_px
        assert after.at >= START + 5 * NS_PER_S
        assert after.margin_used == (LOT * price * Decimal("0.02")).quantize(Decimal("0.01"))
        assert after.balance == before.balance - desk.trades("O1")[0].fee
        assert after.equity != after.balance
        assert after.tradable

    world.play(scenario)


def test_without_a_connection_nothing_is_sent_and_nothing_is_known(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", order_type=OrderType.LIMIT, limit_price="1.37")
        await desk.until(5)
        heard = len(desk.said)
        first = desk.broker.heartbeat_at()
        await desk.broker.close()
        assert isinstance(await desk.broker.send(order("O2")), NotSent)
        with pytest.raises(BrokerUnreachable):
            await desk.broker.snapshot("A1")
        await desk.until(60)
        assert desk.broker.heartbeat_at() < START + 10 * NS_PER_S
        assert len(desk.said) == heard
        await desk.broker.connect(desk.hear)
        await desk.query("O1")
        await desk.query("O2")
        await desk.until(70)
        assert desk.broker.heartbeat_at() >= START + 69 * NS_PER_S > first

    desk = world.play(scenario)
    assert {a.client_order_id: a.known for a in desk.answers()} == {"O1": True, "O2": False}


def test_a_position_is_closed_by_its_ticket(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(5)
        ticket = desk.trades("O1")[0].position_id
        await desk.submit("C1", side=Side.SELL, position_id=ticket)
        await desk.until(10)
        await desk.submit("C2", side=Side.SELL, position_id=ticket)
        await desk.until(15)
        after = await desk.broker.snapshot("A1")
        assert after.margin_used == 0
        assert after.balance == after.equity

    desk = world.play(scenario)
    assert desk.trades("C1")[0].position_id == desk.trades("O1")[0].position_id
    assert [r.reject_code for r in desk.reports("C2")] == ["position_gone"]
