"""Replaces, amended stops, exits by role, standalone stops and the view of a whole account."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from stretto.brokers.sim_config import SimVenueConfig, frictionless
from stretto.core.errors import BrokerUnreachable
from stretto.core.terms.account import PositionMode
from stretto.core.terms.report import ExecType, OrderRole, OrderType, OrdStatus, TimeInForce
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import NS_PER_S, Side
from tests.contract.broker_world import WORLDS, BrokerWorld
from tests.unit.brokers.desk import LOT, START, Desk, account, at_desk, ticks

SLOW = msgspec.structs.replace(frictionless(), deciding_ns=(2 * NS_PER_S, 2 * NS_PER_S))


@pytest.fixture(params=WORLDS, ids=lambda world: world.name)
def world(request: pytest.FixtureRequest) -> BrokerWorld:
    found: BrokerWorld = request.param
    return found


async def _resting(desk: Desk, name: str = "O1", **changes: object) -> None:
    terms = {"order_type": OrderType.LIMIT, "limit_price": "1.37", **changes}
    await desk.submit(name, **terms)


def test_a_resting_order_takes_new_terms(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await _resting(desk)
        await desk.until(5)
        await desk.replace("O1", 2 * LOT, limit_price="1.36")
        await desk.until(10)
        await desk.replace("O1", 2 * LOT, limit_price="1.39")
        await desk.until(15)

    desk = world.play(scenario)
    assert desk.kinds("O1") == ["new", "replaced", "replaced", "trade"]
    first, last = desk.reports("O1")[1], desk.reports("O1")[-1]
    assert (first.order_qty, first.leaves_qty, first.ord_status) == (
        2 * LOT, 2 * LOT, OrdStatus.NEW,
    )  # fmt: skip
    assert (last.cum_qty, last.ord_status) == (2 * LOT, OrdStatus.FILLED)


def test_a_replace_that_cannot_be_done_is_a_reject_for_replace(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await _resting(desk)
        await desk.submit("O2")
        await desk.until(5)
        await desk.replace("O1", LOT, limit_price="1.370001")
        await desk.until(6)
        await desk.replace("O1", "NaN")
        await desk.until(7)
        await desk.replace("O1", 49 * LOT)
        await desk.until(8)
        await desk.replace("O2", 2 * LOT)
        await desk.until(9)
        await desk.replace("O3", LOT)
        await desk.until(10)

    desk = world.play(scenario)
    assert [reject.reject_code for reject in desk.rejects()] == [
        "invalid_order", "invalid_volume", "insufficient_margin", "too_late_to_cancel",
        "unknown_order",
    ]  # fmt: skip
    assert all(reject.for_replace for reject in desk.rejects())
    assert desk.kinds("O1") == ["new"]
    assert desk.order("O1")["quantity"] == "100000"


def test_a_quantity_below_what_is_filled_leaves_a_filled_order() -> None:
    thin = msgspec.structs.replace(frictionless(), depth_lots=Decimal("0.2"), depth_levels=1)

    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", quantity=5 * LOT)
        await desk.until(2)
        await desk.replace("O1", "10000")
        await desk.until(30)

    desk = at_desk(scenario, config=thin)
    last = desk.reports("O1")[-1]
    assert (last.exec_type, last.ord_status) == (ExecType.REPLACED, OrdStatus.FILLED)
    assert 0 < last.cum_qty == last.order_qty < 5 * LOT
    assert desk.order("O1")["cumulative_quantity"] == desk.order("O1")["quantity"]


def test_a_replaced_order_does_not_trade_twice_at_one_tick() -> None:
    thin = msgspec.structs.replace(frictionless(), depth_lots=Decimal("0.2"), depth_levels=1)

    async def plain(desk: Desk) -> None:
        await desk.submit("O1", quantity=5 * LOT, order_type=OrderType.LIMIT, limit_price="1.39")
        await desk.until(60)

    async def replaced(desk: Desk) -> None:
        await desk.submit("O1", quantity=5 * LOT, order_type=OrderType.LIMIT, limit_price="1.39")
        await desk.until(1.5)
        await desk.replace("O1", 5 * LOT, limit_price="1.3901")
        await desk.until(60)

    for desk in (at_desk(plain, config=thin), at_desk(replaced, config=thin)):
        times = [trade.transact_at for trade in desk.trades("O1")]
        assert len(times) > 3
        assert len(set(times)) == len(times)


def test_a_slow_venue_says_pending_first_and_decides_one_request_at_a_time() -> None:
    async def scenario(desk: Desk) -> None:
        await _resting(desk)
        await desk.replace("O1", 2 * LOT)
        await desk.replace("O1", 3 * LOT)
        await desk.query("O1")
        await desk.until(5)
        await desk.cancel("O1")
        await desk.cancel("O1")
        await desk.replace("O1", 3 * LOT)
        await desk.until(10)

    desk = at_desk(scenario, config=SLOW)
    assert desk.kinds("O1") == [
        "new", "pending_replace", "replaced", "pending_cancel", "canceled",
    ]  # fmt: skip
    (answer,) = desk.answers()
    assert answer.report is not None
    assert answer.report.ord_status is OrdStatus.PENDING_REPLACE
    codes = [(r.reject_code, r.ord_status.value, r.for_replace) for r in desk.rejects()]
    assert codes == [
        ("already_pending", "pending_replace", True),
        ("already_pending", "pending_cancel", False),
        ("already_pending", "pending_cancel", True),
    ]


def test_an_order_that_fills_while_its_cancel_is_pending_rejects_the_cancel() -> None:
    rows = ticks((-1, 138_000, 138_010), (1, 137_000, 137_010), (600, 137_000, 137_010))

    async def scenario(desk: Desk) -> None:
        await _resting(desk, limit_price="1.37500")
        await desk.cancel("O1")
        await desk.until(5)

    desk = at_desk(scenario, config=SLOW, eurusd=rows)
    assert desk.kinds("O1") == ["new", "pending_cancel", "trade"]
    assert [r.reject_code for r in desk.rejects()] == ["too_late_to_cancel"]


@pytest.mark.parametrize("mode", PositionMode)
def test_stop_and_target_of_a_position_can_be_amended(mode: PositionMode) -> None:
    rows = ticks((-1, 138_000, 138_010), (60, 137_000, 137_010), (600, 137_000, 137_010))

    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.36")
        ticket = desk.trades("O1")[0].position_id if mode is PositionMode.HEDGING else ""
        await desk.amend("R1", ticket, stop_loss="1.375", take_profit="1.40")
        await desk.amend("R2", ticket, stop_loss="1.38")
        await desk.amend("R3", ticket, stop_loss="1.37999999")
        await desk.until(5)
        assert desk.books()["positions"][desk.trades("O1")[0].position_id]["stop_loss"] == "1.375"
        await desk.until(90)
        await desk.amend("R4", ticket, stop_loss="1.30")

    desk = at_desk(scenario, eurusd=rows, accounts=[account(mode=mode)])
    answers = desk.amended()
    assert [(a.client_order_id, a.accepted, a.reject_code) for a in answers] == [
        ("R1", True, ""), ("R2", False, "invalid_stops"), ("R3", False, "invalid_order"),
        ("R4", False, "position_gone"),
    ]  # fmt: skip
    assert (answers[1].stop_loss, answers[1].take_profit) == (Decimal("1.375"), Decimal("1.40"))
    (closed,) = desk.reports("")
    assert closed.text == "stop_loss"
    assert desk.books()["positions"] == {}


def test_a_removed_stop_is_not_hit() -> None:
    rows = ticks((-1, 138_000, 138_010), (60, 137_000, 137_010), (600, 137_000, 137_010))

    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.375")
        await desk.amend("R1", desk.trades("O1")[0].position_id)
        await desk.until(300)

    desk = at_desk(scenario, eurusd=rows)
    assert desk.reports("") == []
    assert desk.books()["positions"]


def test_an_exit_reduces_a_net_position_and_never_turns_it() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.submit("X1", side=Side.SELL, role=OrderRole.EXIT, quantity="40000")
        await desk.submit("X2", side=Side.SELL, role=OrderRole.EXIT, quantity=LOT)
        await desk.submit("X3", side=Side.SELL, role=OrderRole.EXIT, quantity="60000")
        await desk.submit("X4", side=Side.SELL, role=OrderRole.EXIT, quantity="60000")
        await desk.until(5)

    desk = at_desk(scenario, accounts=[account(mode=PositionMode.NETTING)])
    assert [desk.order(name)["status"] for name in ("X1", "X2", "X3", "X4")] == [
        "filled", "rejected", "filled", "rejected",
    ]  # fmt: skip
    assert desk.order("X2")["reject_code"] == "invalid_volume"
    assert desk.order("X4")["reject_code"] == "position_gone"
    assert desk.books()["positions"] == {}


def test_on_a_hedging_account_an_exit_must_name_its_position() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.submit("X1", side=Side.SELL, role=OrderRole.EXIT)
        ticket = desk.trades("O1")[0].position_id
        await desk.submit("X2", side=Side.SELL, role=OrderRole.EXIT, position_id=ticket)
        await desk.until(5)

    desk = at_desk(scenario)
    assert desk.order("X1")["reject_code"] == "invalid_order"
    assert desk.order("X2")["status"] == "filled"
    assert desk.order("X2")["role"] == "exit"
    assert desk.books()["positions"] == {}


def test_without_attached_stops_a_stop_is_an_order_of_its_own() -> None:
    bare = msgspec.structs.replace(
        frictionless(), capabilities=VenueCapabilities(attached_stops=False)
    )
    rows = ticks((-1, 138_000, 138_010), (60, 137_000, 137_010), (600, 137_000, 137_010))

    async def scenario(desk: Desk) -> None:
        assert not desk.broker.capabilities.attached_stops
        await desk.submit("O0", stop_loss="1.375")
        await desk.submit("O1")
        ticket = desk.trades("O1")[0].position_id
        held: dict[str, object] = {"side": Side.SELL, "position_id": ticket,
                                   "time_in_force": TimeInForce.GTC}  # fmt: skip
        await desk.submit(
            "S1", role=OrderRole.STOP_LOSS, order_type=OrderType.STOP, stop_price="1.375", **held
        )
        await desk.submit(
            "T1", role=OrderRole.TAKE_PROFIT, order_type=OrderType.LIMIT, limit_price="1.39", **held
        )
        await desk.amend("R1", ticket, stop_loss="1.37")
        await desk.until(90)
        await desk.cancel("T1")

    desk = at_desk(scenario, config=bare, eurusd=rows)
    assert desk.order("O0")["reject_code"] == "invalid_order"
    assert [a.reject_code for a in desk.amended()] == ["not_supported"]
    assert desk.kinds("S1") == ["new", "trade"]
    assert desk.kinds("T1") == ["new", "canceled"], "the other is for the sender to cancel"
    assert desk.books()["positions"] == {}


def test_a_venue_refuses_what_it_declares_not_to_have() -> None:
    few = SimVenueConfig(
        latency_request_ns=(0, 0),
        latency_report_ns=(0, 0),
        requote_ppm=0,
        reject_ppm={},
        capabilities=VenueCapabilities(
            times_in_force=(TimeInForce.GTC,), numeric_ids=True, replaces_orders=False
        ),
    )

    async def scenario(desk: Desk) -> None:
        await desk.submit("1", time_in_force=TimeInForce.IOC)
        await desk.submit("O2", time_in_force=TimeInForce.GTC)
        await _resting(desk, "3", time_in_force=TimeInForce.GTC)
        await desk.replace("3", 2 * LOT)

    desk = at_desk(scenario, config=few)
    assert [desk.order(name)["reject_code"] for name in ("1", "O2")] == ["invalid_order"] * 2
    assert [reject.reject_code for reject in desk.rejects()] == ["not_supported"]


def test_the_view_of_an_account_is_complete_and_repeats_the_trades(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.36")
        await desk.submit("O2", quantity=LOT * 49)
        await desk.until(5)
        await _resting(desk, "O3")
        await desk.until(10)
        view = await desk.broker.mass_status("A1", 0)
        assert view.complete
        assert view.at >= START + 10 * NS_PER_S
        assert [v.report.client_order_id for v in view.orders] == ["O3"]
        assert [v.report.client_order_id for v in view.orders_done] == ["O1", "O2"]
        assert view.orders[0].report.exec_type is ExecType.ORDER_STATUS
        assert (view.orders[0].limit_price, view.orders[0].side) == (Decimal("1.37"), Side.BUY)
        assert list(view.executions) == desk.trades()
        (held,) = view.positions
        assert (held.quantity, held.stop_loss) == (LOT, Decimal("1.36"))
        assert held.position_id == desk.trades("O1")[0].position_id
        assert view.account.balance == (await desk.broker.snapshot("A1")).balance
        assert view.account.tradable

    world.play(scenario)


def test_a_view_begins_after_a_time_or_an_execution(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(5)
        await desk.submit("O2")
        await desk.until(10)
        first, second = desk.trades()
        later = await desk.broker.mass_status("A1", START + 5 * NS_PER_S)
        assert later.executions == (second,)
        assert [v.report.client_order_id for v in later.orders_done] == ["O2"]
        past = await desk.broker.mass_status("A1", 0, (first.trading_day, first.exec_id))
        assert past.executions == (second,)
        unknown = await desk.broker.mass_status("A1", 0, (first.trading_day, "none"))
        assert unknown.executions == (first, second)
        assert (await desk.broker.mass_status("A1", 0)).executions == (first, second)

    world.play(scenario)


def test_a_view_changes_nothing_and_needs_a_connection(world: BrokerWorld) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(5)
        before = desk.venue.dump()
        await desk.broker.mass_status("A1", 0)
        assert desk.venue.dump() == before
        await desk.broker.close()
        with pytest.raises(BrokerUnreachable):
            await desk.broker.mass_status("A1", 0)

    world.play(scenario)
