"""Positions, protection, money and refusals of the simulated venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_config import RejectCode, SimAccount, SimVenueConfig, frictionless
from stretto.core.errors import InvalidInput
from stretto.core.terms.account import Account, AccountSnapshot, PositionMode
from stretto.core.terms.market import Instrument
from stretto.core.terms.report import OrderRole, OrderType
from stretto.core.values import NS_PER_S, ZERO, Side, parse_iso
from stretto.market import Calendars, VenueHours
from tests.session import MovingClock
from tests.unit.brokers.desk import INSTRUMENTS, LOT, START, Desk, account, at_desk, market, ticks

FLAT = ticks((-60, 138_000, 138_010), (3_000, 138_000, 138_010))
# A tick a second; from 30 s on below a stop at 1.3795.
DROPPING = ticks(
    *((n, 138_000, 138_010) for n in range(-60, 30)),
    *((30 + n, 137_940, 137_950) for n in range(60)),
)
THIN = msgspec.structs.replace(frictionless(), depth_lots=Decimal("0.2"), depth_levels=1)
FALLING = ticks(
    (-60, 138_000, 138_010),
    (10, 137_955, 137_965),
    (20, 137_940, 137_950),
    (30, 137_990, 138_000),
    (40, 138_200, 138_210),
    (90, 138_200, 138_210),
)


def test_the_venue_closes_a_position_at_its_stop() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.3795", take_profit="1.3815")
        await desk.until(60)

    desk = at_desk(scenario, eurusd=FALLING)
    opening = desk.trades("O1")[0]
    (closing,) = desk.trades("")
    assert closing.position_id == opening.position_id
    assert (closing.text, closing.ord_status.value) == ("stop_loss", "filled")
    assert (closing.last_qty, closing.last_px) == (LOT, Decimal("1.3794"))
    assert closing.transact_at == START + 20 * NS_PER_S
    assert desk.books()["positions"] == {}
    assert desk.books()["realized"] == "-70"
    assert desk.books()["balance"] == "99923"  # 100,000 - 70 - 2 x 3.50


def test_the_venue_closes_a_short_position_at_its_target() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", side=Side.SELL, stop_loss="1.3900", take_profit="1.3796")
        await desk.until(60)

    (closing,) = at_desk(scenario, eurusd=FALLING).trades("")
    assert (closing.text, closing.last_px) == ("take_profit", Decimal("1.3795"))


def test_a_stop_takes_several_ticks_where_the_book_is_thin() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.3795")
        await desk.until(60)

    desk = at_desk(scenario, eurusd=DROPPING, config=THIN)
    opening, closing = desk.trades("O1"), desk.trades("")
    assert sum(t.last_qty for t in opening) == sum(t.last_qty for t in closing) == LOT
    for trades in (opening, closing):
        assert len({t.transact_at for t in trades}) == len(trades) >= 3
    assert len({t.exec_id for t in closing}) == len(closing)
    assert {t.position_id for t in desk.trades()} == {opening[0].position_id}
    assert desk.books()["positions"] == {}


def test_closing_by_hand_ends_the_protection() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.3795")
        ticket = desk.trades("O1")[0].position_id
        await desk.until(5)
        await desk.submit("C1", side=Side.SELL, position_id=ticket, quantity=LOT / 4)
        await desk.submit("C2", side=Side.SELL, position_id=ticket, quantity=LOT)
        await desk.submit("C3", side=Side.SELL, position_id=ticket, quantity=LOT * 3 / 4)
        await desk.until(60)

    desk = at_desk(scenario, eurusd=FALLING)
    assert desk.trades("") == []
    assert [r.reject_code for r in desk.reports("C2")] == ["invalid_volume"]
    assert desk.books()["positions"] == {}
    assert desk.books()["margin_used"] == "0"


def test_a_resting_close_ends_when_its_position_is_gone() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.3795")
        ticket = desk.trades("O1")[0].position_id
        await desk.submit(
            "C1",
            side=Side.SELL,
            position_id=ticket,
            order_type=OrderType.LIMIT,
            limit_price="1.3820",
        )
        await desk.until(60)

    desk = at_desk(scenario, eurusd=FALLING)
    assert desk.kinds("C1") == ["new", "canceled"]
    assert desk.reports("C1")[-1].reject_code == "position_gone"
    assert desk.books()["positions"] == {}


def test_a_netting_account_keeps_one_position_and_flips_it() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("B1", quantity=LOT)
        await desk.submit("B2", quantity=LOT)
        await desk.submit("S1", side=Side.SELL, quantity=LOT * 3)

    desk = at_desk(scenario, eurusd=FLAT, accounts=[account(mode=PositionMode.NETTING)])
    books = desk.books()
    assert list(books["positions"]) == ["NET-EURUSD"]
    assert books["positions"]["NET-EURUSD"]["quantity"] == "-100000"
    assert books["positions"]["NET-EURUSD"]["average_price"] == "1.38"
    assert books["realized"] == "-20"
    assert books["margin_used"] == "2760"
    assert {t.position_id for t in desk.trades()} == {"NET-EURUSD"}


def test_a_close_that_waits_ends_where_another_order_turned_the_position_round() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("B1", quantity=LOT)
        ticket = desk.trades("B1")[0].position_id
        await desk.submit(
            "C1", side=Side.SELL, quantity=LOT, position_id=ticket,
            order_type=OrderType.STOP, stop_price=Decimal("1.3790"), role=OrderRole.STOP_LOSS,
        )  # fmt: skip
        await desk.submit("S1", side=Side.SELL, quantity=LOT * 2)
        await desk.until(60)

    netting = [account(mode=PositionMode.NETTING)]
    fallen = ticks((-60, 138_000, 138_010), (30, 137_800, 137_810), (3_000, 137_800, 137_810))
    desk = at_desk(scenario, eurusd=fallen, accounts=netting)
    assert desk.reports("C1")[-1].reject_code == "position_gone"
    assert desk.books()["positions"]["NET-EURUSD"]["quantity"] == "-100000"


def test_an_order_against_a_net_position_needs_margin_only_beyond_it() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("B1", quantity=LOT * 30)  # 82,806 of 100,000 in margin
        await desk.submit("S1", side=Side.SELL, quantity=LOT * 50)
        await desk.submit("S2", side=Side.SELL, quantity=LOT * 20)

    desk = at_desk(scenario, eurusd=FLAT, accounts=[account(mode=PositionMode.NETTING)])
    assert [t.client_order_id for t in desk.trades()] == ["B1", "S1"]
    assert desk.books()["positions"]["NET-EURUSD"]["quantity"] == "-2000000"
    assert [r.reject_code for r in desk.reports("S2")] == ["insufficient_margin"]


def test_open_profit_is_that_of_what_is_left_open() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("B1")
        await desk.submit("S1", side=Side.SELL)
        ticket = desk.trades("B1")[0].position_id
        await desk.submit("C1", side=Side.SELL, quantity=LOT / 4, position_id=ticket)
        await desk.until(41)
        desk.said.append(await desk.venue.snapshot("A1"))

    desk = at_desk(scenario, eurusd=FALLING)
    snapshot = desk.said[-1]
    assert isinstance(snapshot, AccountSnapshot)
    # 0.75 lots from 1.38010 to 1.38200, one lot from 1.38000 to 1.38210 the wrong way.
    assert snapshot.equity - snapshot.balance == Decimal("142.50") - 210


def test_a_net_position_that_grows_while_its_stop_closes_it_stays_protected() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.3795")
        await desk.until(31.5)
        assert desk.trades("")
        assert desk.books()["positions"]
        await desk.submit("O2", quantity="50000")
        await desk.until(80)

    netting = [account(mode=PositionMode.NETTING)]
    desk = at_desk(scenario, eurusd=DROPPING, config=THIN, accounts=netting)
    assert desk.books()["positions"] == {}
    assert sum(t.last_qty for t in desk.trades("")) == LOT * 3 / 2
    assert len({t.venue_order_id for t in desk.trades("")}) > 1


def test_profit_in_another_currency_is_converted() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", symbol="USDJPY")
        desk.said.append(await desk.venue.snapshot("A1"))

    euros = [account(currency="EUR", balance=100_000)]
    desk = at_desk(scenario, eurusd=FLAT, accounts=euros)
    snapshot = desk.said[-1]
    assert isinstance(snapshot, AccountSnapshot)
    rate = Decimal("100.005") * Decimal("1.380050")  # yen for a dollar, dollars for a euro
    margin = LOT * Decimal("100.010") * Decimal("0.02") / rate
    loss = -LOT * Decimal("0.010") / rate
    assert abs(snapshot.margin_used - margin) < Decimal("0.01")
    opened = Decimal(100_000) - Decimal("3.50")
    assert abs(snapshot.equity - opened - loss) < Decimal("0.01")


REFUSALS: list[tuple[dict[str, Any], RejectCode]] = [
    ({"account_id": "A9"}, RejectCode.ACCOUNT_DISABLED),
    ({"symbol": "GBPUSD"}, RejectCode.UNKNOWN_SYMBOL),
    ({"venue_symbol": "EURUSD"}, RejectCode.UNKNOWN_SYMBOL),
    ({"order_type": OrderType.LIMIT}, RejectCode.INVALID_ORDER),
    ({"order_type": OrderType.STOP}, RejectCode.INVALID_ORDER),
    ({"order_type": OrderType.LIMIT, "limit_price": "NaN"}, RejectCode.INVALID_ORDER),
    ({"order_type": OrderType.LIMIT, "limit_price": "1.380001"}, RejectCode.INVALID_ORDER),
    ({"stop_loss": "-1"}, RejectCode.INVALID_ORDER),
    ({"quantity": "100500"}, RejectCode.INVALID_VOLUME),
    ({"quantity": "NaN"}, RejectCode.INVALID_VOLUME),
    ({"quantity": "-1000"}, RejectCode.INVALID_VOLUME),
    ({"quantity": 0}, RejectCode.INVALID_VOLUME),
    ({"quantity": LOT * 51}, RejectCode.INVALID_VOLUME),
    ({"position_id": "T-1"}, RejectCode.POSITION_GONE),
    ({"stop_loss": "1.38000"}, RejectCode.INVALID_STOPS),
    ({"stop_loss": "1.37995"}, RejectCode.INVALID_STOPS),
    ({"take_profit": "1.38005"}, RejectCode.INVALID_STOPS),
    ({"side": Side.SELL, "stop_loss": "1.37"}, RejectCode.INVALID_STOPS),
    (
        {"order_type": OrderType.LIMIT, "limit_price": "1.37", "stop_loss": "1.371"},
        RejectCode.INVALID_STOPS,
    ),
    (
        {"order_type": OrderType.STOP, "stop_price": "1.39", "take_profit": "1.389"},
        RejectCode.INVALID_STOPS,
    ),
    ({"quantity": LOT * 40}, RejectCode.INSUFFICIENT_MARGIN),
    ({"slippage_max": "0.0001", "limit_price": "1.37"}, RejectCode.PRICE_CHANGED),
]


@pytest.mark.parametrize(("changes", "code"), REFUSALS)
def test_each_refusal_has_its_code(changes: dict[str, Any], code: RejectCode) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", **changes)

    desk = at_desk(scenario, eurusd=FLAT)
    (report,) = desk.reports("O1")
    assert report.reject_code == code
    assert report.leaves_qty == 0


def test_refusals_that_need_a_history() -> None:
    config = msgspec.structs.replace(frictionless(), orders_working_max=2)

    async def scenario(desk: Desk) -> None:
        for number in range(3):
            await desk.submit(f"L{number}", order_type=OrderType.LIMIT, limit_price="1.37")
        await desk.cancel("L0")
        await desk.submit("L4", order_type=OrderType.LIMIT, limit_price="1.37")
        await desk.cancel("L1")
        await desk.until(61)
        await desk.submit("stale")
        desk.venue.set_tradable("A1", tradable=False)
        await desk.submit("disabled")
        assert not (await desk.venue.snapshot("A1")).tradable

    desk = at_desk(scenario, eurusd=FLAT, config=config)
    assert [r.reject_code for r in desk.reports("L2")] == ["too_many_orders"]
    assert desk.kinds("L4") == ["new"]
    assert [r.reject_code for r in desk.reports("stale")] == ["off_quotes"]
    assert [r.reject_code for r in desk.reports("disabled")] == ["account_disabled"]


def test_nothing_trades_on_a_weekend() -> None:
    saturday = parse_iso("2014-05-03T12:00:00Z")
    rows = [(saturday - 10, 138_000, 138_010), *FLAT]

    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")

    (report,) = at_desk(scenario, eurusd=rows, start=saturday).reports("O1")
    assert report.reject_code == "market_closed"


def test_a_venue_in_maintenance_takes_nothing_and_fills_nothing() -> None:
    # START is 12:00. The limit is reached at 70 s, in the maintenance, and still is at 130 s.
    rows = ticks(
        (-60, 138_000, 138_010), (70, 137_940, 137_950), (130, 137_945, 137_955),
        (150, 138_000, 138_010), (200, 138_000, 138_010),
    )  # fmt: skip

    async def scenario(desk: Desk) -> None:
        await desk.submit("resting", order_type=OrderType.LIMIT, limit_price="1.37960")
        await desk.until(80)
        await desk.submit("meanwhile")
        await desk.until(121)
        await desk.submit("afterwards")
        await desk.until(160)

    desk = at_desk(scenario, eurusd=rows, maintenance=["12:01-12:02 UTC"])
    assert [r.reject_code for r in desk.reports("meanwhile")] == ["market_closed"]
    assert desk.kinds("afterwards")[0] == "new"
    (fill,) = desk.trades("resting")
    assert fill.transact_at == START + 130 * NS_PER_S
    always = at_desk(scenario, eurusd=rows)
    assert always.trades("resting")[0].transact_at == START + 70 * NS_PER_S


def test_chance_refusals_come_in_their_shares_and_in_any_order_of_calls() -> None:
    config = msgspec.structs.replace(
        frictionless(), requote_ppm=100_000, reject_ppm={RejectCode.OFF_QUOTES: 50_000}
    )

    def play(names: list[str]) -> dict[str, str]:
        async def scenario(desk: Desk) -> None:
            for name in names:
                await desk.submit(name, quantity=LOT / 100)

        desk = at_desk(scenario, eurusd=FLAT, config=config, accounts=[account(balance=10**8)])
        return {report.client_order_id: report.reject_code for report in desk.reports()}

    names = [f"O{n}" for n in range(1_000)]
    found = play(names)
    codes = list(found.values())
    assert 65 <= codes.count("price_changed") <= 130
    assert 30 <= codes.count("off_quotes") <= 75
    assert play(names[::-1]) == found


@pytest.mark.parametrize(
    "changes",
    [
        {"latency_request_ns": (5, 1)},
        {"latency_report_ns": (-1, 1)},
        {"requote_ppm": 600_000, "reject_ppm": {RejectCode.OFF_QUOTES: 600_000}},
        {"reject_ppm": {RejectCode.OFF_QUOTES: -1}},
        {"depth_levels": 0},
        {"depth_levels": 8},
        {"depth_lots": ZERO},
        {"depth_lots": Decimal("NaN")},
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="venue sim"):
        SimVenueConfig(**changes)


def venue_of(instruments: dict[str, Instrument], accounts: list[SimAccount]) -> SimVenue:
    feed = market(FLAT)
    hours = VenueHours(Calendars(instruments.values(), {}), "sim", instruments)
    clock = MovingClock(0)
    return SimVenue(frictionless(), clock, feed, hours, instruments, accounts, 1)


def test_a_venue_that_could_not_convert_is_refused_at_once() -> None:
    only_yen = {"USDJPY": INSTRUMENTS["USDJPY"]}
    with pytest.raises(InvalidInput, match="EURUSD has no instrument"):
        venue_of(only_yen, [account()])
    with pytest.raises(InvalidInput, match="no instrument converts USD to GBP"):
        venue_of(INSTRUMENTS, [account(currency="GBP")])


def test_accounts_are_taken_from_the_books_configuration() -> None:
    mine = account()
    configured = [
        Account(
            account_id=name,
            firm="F",
            owner="O",
            venue=venue,
            currency="USD",
            rulebook="R",
            initial_balance=Decimal(100_000),
            symbols=mine.symbols,
        )
        for name, venue in (("A1", "sim"), ("A2", "elsewhere"))
    ]
    assert sim_accounts(configured, "sim", {"A1": mine.balance}) == (mine,)
