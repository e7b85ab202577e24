"""How the simulated venue prices, splits, rests and ends orders."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.brokers.sim_config import SimVenueConfig, frictionless
from stretto.core.terms.report import OrderType, OrdStatus, TimeInForce
from stretto.core.values import NS_PER_S, Side, iso, parse_iso
from stretto.ports import CancelOrder
from tests.unit.brokers.desk import LOT, START, Desk, account, at_desk, order, patient, ticks, wave

FLAT = ticks((-60, 138_000, 138_010), (60, 138_000, 138_010), (3_000, 138_000, 138_010))


def shallow(**changes: object) -> SimVenueConfig:
    """One lot on the first level, three levels, no latency."""
    values = {"depth_lots": Decimal(1), "depth_levels": 3, **changes}
    return msgspec.structs.replace(frictionless(), **values)


def test_a_market_order_trades_at_the_touch_of_its_side() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("B")
        await desk.submit("S", side=Side.SELL)

    desk = at_desk(scenario, eurusd=FLAT)
    assert desk.trades("B")[0].last_px == Decimal("1.38010")
    assert desk.trades("S")[0].last_px == Decimal("1.38000")
    assert desk.trades("B")[0].fee == Decimal("3.50")


def test_a_large_order_walks_the_levels_and_goes_on_at_the_next_tick() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", quantity=LOT * 10)
        await desk.until(59)
        assert 0 < desk.reports("O1")[-1].cum_qty < LOT * 10
        await desk.until(61)

    desk = at_desk(scenario, eurusd=FLAT, accounts=[account(balance=10**6)], config=shallow())
    trades = desk.trades("O1")
    first = [t for t in trades if t.transact_at == START]
    second = [t for t in trades if t.transact_at == START + 60 * NS_PER_S]
    assert [t.last_px for t in first] == [
        Decimal(p).scaleb(-5) for p in (138_010, 138_015, 138_020)
    ]
    assert Decimal("0.5") * LOT <= first[0].last_qty <= Decimal("1.5") * LOT
    assert first[0].last_qty != second[0].last_qty  # each tick shows a size of its own
    average = sum(t.last_qty * t.last_px for t in trades) / trades[-1].cum_qty
    assert trades[-1].avg_px == average


def test_less_is_shown_when_the_spread_widens() -> None:
    calm = [(START + s * NS_PER_S, 138_000, 138_010) for s in range(-600, 300)]
    wide = [(START + 300 * NS_PER_S, 137_950, 138_050)]

    async def scenario(desk: Desk) -> None:
        await desk.submit("calm", quantity=LOT * 20, time_in_force=TimeInForce.IOC)
        await desk.until(301)
        await desk.submit("wide", quantity=LOT * 20, time_in_force=TimeInForce.IOC)

    desk = at_desk(
        scenario,
        eurusd=calm + wide,
        accounts=[account(balance=10**6)],
        config=shallow(depth_lots=Decimal(2)),
    )
    assert desk.kinds("calm")[-1] == desk.kinds("wide")[-1] == "canceled"
    calm_qty, wide_qty = (desk.reports(name)[-1].cum_qty for name in ("calm", "wide"))
    assert 0 < wide_qty * 4 < calm_qty


def test_fill_or_kill_takes_all_or_nothing() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("all", quantity=LOT * 10, time_in_force=TimeInForce.FOK)
        await desk.submit("some", quantity=LOT * 2, time_in_force=TimeInForce.FOK)

    desk = at_desk(scenario, eurusd=FLAT, accounts=[account(balance=10**6)], config=shallow())
    assert desk.kinds("all") == ["new", "canceled"]
    assert desk.reports("some")[-1].ord_status is OrdStatus.FILLED


def test_slippage_is_measured_from_the_touch_when_sent_or_the_stated_price() -> None:
    moving = ticks((-60, 138_000, 138_010), (0.005, 138_020, 138_030), (60, 138_100, 138_110))

    async def scenario(desk: Desk) -> None:
        await desk.submit("tight", slippage_max="0.00019")
        await desk.submit("wide", slippage_max="0.0002")
        await desk.submit("stated", slippage_max="0.0001", limit_price="1.3802")
        await desk.until(1)

    desk = at_desk(scenario, eurusd=moving, config=patient())
    assert [r.reject_code for r in desk.reports("tight")] == ["price_changed"]
    assert desk.trades("wide")[0].last_px == desk.trades("stated")[0].last_px == Decimal("1.3803")


def test_a_cancel_that_states_the_venues_id_means_that_very_order() -> None:
    async def scenario(desk: Desk) -> None:
        for name in ("L1", "L2"):
            await desk.submit(name, order_type=OrderType.LIMIT, limit_price="1.30000")
        named = {"account_id": "A1", "venue": "sim"}
        theirs = desk.order("L2")["venue_order_id"]
        for name, venue_order_id in (("L1", "another"), ("", theirs)):
            command = CancelOrder(client_order_id=name, venue_order_id=venue_order_id, **named)
            await desk.broker.send(command)

    desk = at_desk(scenario, eurusd=FLAT)
    assert [m.reject_code for m in desk.rejects()] == ["unknown_order"]
    assert desk.kinds("L1") == ["new"]
    assert desk.kinds("L2") == ["new", "canceled"]


def test_the_rest_of_an_order_that_slipped_away_is_cancelled() -> None:
    moving = ticks((-60, 138_000, 138_010), (10, 138_020, 138_030), (60, 138_100, 138_110))

    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", quantity=LOT * 10, slippage_max="0.00005")
        await desk.until(20)

    desk = at_desk(scenario, eurusd=moving, accounts=[account(balance=10**6)], config=shallow())
    assert max(t.last_px for t in desk.trades("O1")) == Decimal("1.38015")
    last = desk.reports("O1")[-1]
    assert (last.exec_type.value, last.reject_code) == ("canceled", "price_changed")
    assert iso(last.transact_at)[17:19] == "10"


def test_a_limit_rests_until_its_tick_and_never_pays_more() -> None:
    rows = ticks(
        (-60, 138_000, 138_010), (10, 137_985, 137_996), (20, 137_980, 137_994), (90, 1, 2)
    )

    async def scenario(desk: Desk) -> None:
        await desk.submit("L", order_type=OrderType.LIMIT, limit_price="1.37995")
        await desk.until(60)

    (trade,) = at_desk(scenario, eurusd=rows).trades("L")
    assert trade.last_px == Decimal("1.37994")
    assert trade.transact_at == START + 20 * NS_PER_S


def test_a_stop_becomes_a_market_order_and_a_stop_limit_a_limit() -> None:
    rows = ticks(
        (-60, 138_000, 138_010),
        (10, 138_040, 138_051),
        (20, 138_080, 138_090),
        (30, 138_030, 138_042),
        (90, 138_030, 138_042),
    )

    async def scenario(desk: Desk) -> None:
        await desk.submit("stop", order_type=OrderType.STOP, stop_price="1.38050")
        await desk.submit(
            "both", order_type=OrderType.STOP_LIMIT, stop_price="1.38050", limit_price="1.38045"
        )
        await desk.submit("sell", side=Side.SELL, order_type=OrderType.STOP, stop_price="1.37000")
        await desk.until(60)

    desk = at_desk(scenario, eurusd=rows)
    (stop,), (both,) = desk.trades("stop"), desk.trades("both")
    assert (stop.last_px, stop.transact_at) == (Decimal("1.38051"), START + 10 * NS_PER_S)
    assert (both.last_px, both.transact_at) == (Decimal("1.38042"), START + 30 * NS_PER_S)
    assert desk.kinds("sell") == ["new"]


def test_a_stop_order_slips_at_most_as_far_as_it_may_from_its_stop() -> None:
    rows = ticks((-60, 138_000, 138_010), (10, 138_060, 138_071), (20, 138_050, 138_060))

    async def scenario(desk: Desk) -> None:
        for name, slippage in (("wide", "0.00021"), ("tight", "0.00020")):
            await desk.submit(
                name, order_type=OrderType.STOP, stop_price="1.38050", slippage_max=slippage
            )
        await desk.until(60)

    desk = at_desk(scenario, eurusd=rows)
    assert desk.trades("wide")[0].last_px == Decimal("1.38071")
    assert desk.kinds("tight") == ["new", "canceled"]
    assert desk.reports("tight")[-1].reject_code == "price_changed"


def test_a_day_order_expires_at_five_in_new_york_and_gtc_stays() -> None:
    rows = [*wave(600), (START + 20 * 3_600 * NS_PER_S, 130_000, 130_010)]

    async def scenario(desk: Desk) -> None:
        for name, kind in (("day", TimeInForce.DAY), ("gtc", TimeInForce.GTC)):
            await desk.submit(
                name, order_type=OrderType.LIMIT, limit_price="1.37", time_in_force=kind
            )
        await desk.until(21 * 3_600)

    desk = at_desk(scenario, eurusd=rows)
    expired = desk.reports("day")[-1]
    assert expired.ord_status is OrdStatus.EXPIRED
    assert expired.leaves_qty == 0
    assert expired.transact_at == parse_iso("2014-05-05T21:00:00Z")
    assert expired.trading_day == "2014-05-06"
    assert desk.trades("gtc")[0].last_px == Decimal("1.3001")


def test_a_pending_order_needs_its_margin_when_it_is_reached() -> None:
    rows = ticks((-60, 138_000, 138_010), (10, 137_985, 137_994), (90, 137_985, 137_994))

    async def scenario(desk: Desk) -> None:
        limit = {"order_type": OrderType.LIMIT, "limit_price": "1.37995", "quantity": LOT * 20}
        await desk.submit("L1", **limit)
        await desk.submit("L2", **limit)
        await desk.until(60)

    desk = at_desk(scenario, eurusd=rows)
    assert desk.kinds("L1") == ["new", "trade"]
    assert desk.kinds("L2") == ["new", "canceled"]
    assert desk.reports("L2")[-1].reject_code == "insufficient_margin"


def test_answers_take_time_and_keep_their_order() -> None:
    async def scenario(desk: Desk) -> None:
        for number in range(40):
            await desk.submit(f"O{number}", quantity=LOT / 100)
            await desk.cancel(f"O{number}")  # does not overtake its order
        await desk.until(5)

    desk = at_desk(scenario, config=patient())
    reports = desk.reports()
    assert all(START + 10**7 <= r.transact_at <= START + 2 * 10**7 for r in reports)
    heard = [at for at, m in zip(desk.said_at, desk.said, strict=True) if m in reports]
    assert all(at >= r.transact_at + 10**7 for at, r in zip(heard, reports, strict=True))
    assert len({r.transact_at for r in reports}) > 20
    assert {m.reject_code for m in desk.rejects()} == {"too_late_to_cancel"}
    assert len(desk.rejects()) == 40
    assert [r.transact_at for r in reports] == sorted(r.transact_at for r in reports)


def test_the_same_commands_and_seed_give_the_same_bytes() -> None:
    async def scenario(desk: Desk) -> None:
        for number in range(60):
            await desk.submit(f"O{number}", quantity=LOT / 10 * (1 + number % 7), slippage_max=1)
            await desk.until(number)

    config = SimVenueConfig(requote_ppm=100_000, depth_lots=Decimal("0.3"))
    rich = [account(balance=10**7)]
    first, second, other = (
        msgspec.json.encode(at_desk(scenario, config=config, accounts=rich, seed=seed).said)
        for seed in (1, 1, 2)
    )
    assert first == second != other


def test_an_order_for_another_day_is_not_lost_while_disconnected() -> None:
    rows = ticks((-60, 138_000, 138_010), (10, 137_985, 137_994), (90, 137_985, 137_994))

    async def scenario(desk: Desk) -> None:
        await desk.submit("L", order_type=OrderType.LIMIT, limit_price="1.37995")
        await desk.venue.close()
        await desk.until(60)
        assert desk.kinds("L") == ["new"]
        await desk.venue.connect(desk.hear)
        await desk.until(70)

    (trade,) = at_desk(scenario, eurusd=rows).trades("L")
    assert trade.transact_at == START + 10 * NS_PER_S


def test_dump_shows_the_books() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("B", stop_loss="1.37")
        await desk.venue.send(order("S", side=Side.SELL, quantity=LOT / 2))

    desk = at_desk(scenario, eurusd=FLAT)
    dump = desk.venue.dump()
    orders = dump["orders"]
    assert isinstance(orders, dict)
    assert orders["B"]["cumulative_quantity"] == "100000"
    assert orders["B"]["average_price"] == "1.3801"
    assert orders["S"]["status"] == "filled"
    positions = desk.books()["positions"]
    assert sorted(p["quantity"] for p in positions.values()) == ["-50000", "100000"]
    assert sorted(p["stop_loss"] or "" for p in positions.values()) == ["", "1.37"]
    msgspec.json.encode(dump)
