"""What the venue does of its own accord: what it says of it, and that its books contain it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from stretto.brokers.sim_config import frictionless
from stretto.brokers.sim_faults import FaultKind
from stretto.core.terms.report import ExecType, OrderType, OrdStatus
from stretto.core.values import NS_PER_S, ZERO, Side
from tests.contract.sim_fault_desk import always, every_seed, with_fault
from tests.unit.brokers.desk import LOT, START, Desk, at_desk


async def _one_order(desk: Desk) -> None:
    await desk.submit("O1")
    await desk.until(1_000)


async def _canceled(desk: Desk) -> None:
    await desk.submit("O1", order_type=OrderType.LIMIT, limit_price="1.37")
    await desk.until(5)
    await desk.cancel("O1")
    await desk.until(60)


def test_partial_fill_stays_partial_for_a_while() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(0.5)
        part = desk.reports("O1")[-1]
        assert part.ord_status is OrdStatus.PARTIALLY_FILLED
        assert ZERO < part.cum_qty < LOT
        await desk.until(1_000)

    desk = with_fault(FaultKind.PARTIAL_FILL, scenario)
    first, second = desk.trades("O1")
    assert second.transact_at >= START + NS_PER_S
    assert first.last_qty + second.last_qty == LOT
    assert desk.order("O1")["status"] == "filled"


def test_fill_cancel_race_fills_all_or_some_before_the_cancel() -> None:
    ends = set()
    for desk in every_seed(FaultKind.FILL_CANCEL_RACE, _canceled):
        last = desk.reports("O1")[-1]
        ends.add((last.exec_type, last.ord_status, tuple(r.reject_code for r in desk.rejects())))
        assert last.cum_qty == Decimal(desk.order("O1")["cumulative_quantity"]) > 0
    assert ends == {
        (ExecType.TRADE, OrdStatus.FILLED, ("too_late_to_cancel",)),
        (ExecType.CANCELED, OrdStatus.CANCELED, ()),
    }


def test_late_fill_of_a_canceled_order() -> None:
    desk = with_fault(FaultKind.LATE_FILL, _canceled)
    assert desk.kinds("O1") == ["new", "canceled", "trade"]
    canceled, late = desk.reports("O1")[1:]
    assert (canceled.cum_qty, canceled.leaves_qty) == (ZERO, ZERO)
    assert late.transact_at > canceled.transact_at
    assert (late.ord_status, late.leaves_qty) == (OrdStatus.CANCELED, ZERO)
    assert late.cum_qty == late.last_qty > 0
    assert desk.books()["positions"]


def test_unsolicited_cancel_of_a_live_order() -> None:
    for desk in every_seed(FaultKind.UNSOLICITED_CANCEL, _resting):
        assert desk.kinds("O1") == ["new", "canceled"]
        assert desk.reports("O1")[-1].text == "canceled by the venue"
        assert desk.order("O1")["status"] == "canceled"


async def _resting(desk: Desk) -> None:
    await desk.submit("O1", order_type=OrderType.LIMIT, limit_price="1.37")
    await desk.until(60)


def test_overfill_is_in_the_position() -> None:
    desk = with_fault(FaultKind.OVERFILL, _one_order)
    asked, beyond = desk.trades("O1")
    assert asked.cum_qty == asked.order_qty == LOT
    assert beyond.cum_qty > beyond.order_qty == LOT
    assert (beyond.ord_status, beyond.leaves_qty) == (OrdStatus.FILLED, ZERO)
    (held,) = desk.books()["positions"].values()
    assert Decimal(held["quantity"]) == beyond.cum_qty


def test_trade_bust_takes_the_trade_out_and_the_order_works_again() -> None:
    desk = with_fault(FaultKind.TRADE_BUST, _one_order, healed_s=2)
    assert desk.kinds("O1") == ["new", "trade", "trade_cancel", "trade"]
    trade, bust, again = desk.reports("O1")[1:]
    assert bust.exec_ref_id == trade.exec_id
    assert (bust.cum_qty, bust.leaves_qty, bust.ord_status) == (ZERO, LOT, OrdStatus.NEW)
    assert (again.cum_qty, again.ord_status) == (LOT, OrdStatus.FILLED)
    assert desk.books()["fees"] == "3.5"


def test_a_bust_leaves_a_reduced_position_alone() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        ticket = desk.trades("O1")[0].position_id
        await desk.submit("C1", side=Side.SELL, position_id=ticket, quantity="30000")
        await desk.until(120)

    desk = with_fault(FaultKind.TRADE_BUST, scenario)
    assert desk.kinds("O1") == ["new", "trade"]


def test_a_bust_leaves_what_is_left_of_a_reduced_position_alone() -> None:
    """One trade's quantity is left, at the average of all: taking it out would lose money."""
    thin = msgspec.structs.replace(frictionless(), depth_lots=Decimal("0.3"), depth_levels=5)

    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        *others, last = desk.trades("O1")
        assert others
        assert last.ord_status is OrdStatus.FILLED
        await desk.submit(
            "C1", side=Side.SELL, position_id=last.position_id, quantity=LOT - last.last_qty
        )
        await desk.until(120)
        (held,) = desk.books()["positions"].values()
        assert Decimal(held["quantity"]) == last.last_qty

    desk = with_fault(FaultKind.TRADE_BUST, scenario, config=thin)
    assert "trade_cancel" not in desk.kinds("O1")


def test_trade_correction_changes_the_price_in_every_book() -> None:
    for desk in every_seed(FaultKind.TRADE_CORRECTION, _one_order):
        trade, correct = desk.reports("O1")[1:]
        assert correct.exec_type is ExecType.TRADE_CORRECT
        assert correct.exec_ref_id == trade.exec_id
        assert correct.last_px == correct.avg_px != trade.last_px
        assert correct.cum_qty == LOT
        (held,) = desk.books()["positions"].values()
        assert Decimal(held["average_price"]) == correct.last_px


def test_venue_close_of_a_position_without_an_order() -> None:
    said = set()
    for desk in every_seed(FaultKind.VENUE_CLOSE, _one_order):
        (closed,) = desk.reports("")
        said.add(closed.text)
        assert closed.position_id == desk.trades("O1")[0].position_id
        assert desk.books()["positions"] == {}
    assert said == {"stop_out", "manual"}


def test_requote_names_the_new_price() -> None:
    desk = with_fault(FaultKind.REQUOTE, _one_order)
    (refused,) = desk.reports("O1")
    assert refused.reject_code == "price_changed"
    assert Decimal(refused.text.removeprefix("price=")) > 1


def test_chance_reject_has_known_and_unknown_codes() -> None:
    codes = {
        desk.reports("O1")[0].reject_code
        for desk in every_seed(FaultKind.CHANCE_REJECT, _one_order)
    }
    assert codes == {"off_quotes", "too_many_orders", "other"}


def test_rate_limit_says_how_long_to_wait() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        wait_ms = int(desk.reports("O1")[0].text.removeprefix("retry_after_ms="))
        assert 1_000 <= wait_ms <= 15_000
        await desk.until(wait_ms / 1_000 - 0.1)
        await desk.submit("O2")
        await desk.until(20)
        await desk.submit("O3")

    desk = with_fault(FaultKind.RATE_LIMIT, scenario, healed_s=19)
    assert [desk.order(name)["reject_code"] for name in ("O1", "O2", "O3")] == [
        "rate_limited", "rate_limited", "",
    ]  # fmt: skip
    assert desk.reports("O2")[0].text == "retry_after_ms=100"


def test_stops_widened_refuses_and_names_the_distance() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", stop_loss="1.37900")
        await desk.until(200)
        await desk.submit("O2", stop_loss="1.37900")

    desk = with_fault(FaultKind.STOPS_WIDENED, scenario, healed_s=150)
    (refused,) = desk.reports("O1")
    assert refused.reject_code == "invalid_stops"
    assert Decimal(refused.text.removeprefix("stop_distance_min=")) > Decimal("0.001")
    assert desk.kinds("O2") == ["new", "trade"]


def test_suspension_ends_by_itself() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(10)
        view = await desk.venue.mass_status("A1", 0)
        assert not view.account.tradable
        await desk.submit("O2")
        await desk.until(1_000)
        assert (await desk.venue.snapshot("A1")).tradable
        await desk.submit("O3")

    first = set()
    for desk in every_seed(FaultKind.SUSPENSION, scenario, healed_s=950):
        first.add(desk.order("O1")["reject_code"])
        assert desk.order("O2")["reject_code"] == "account_disabled"
        assert desk.order("O3")["status"] == "filled"
    assert first == {"", "account_disabled"}


def test_margin_change_leaves_no_room_for_a_time() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.submit("O2", quantity="10000")
        await desk.until(200)
        await desk.submit("O3")

    desk = with_fault(FaultKind.MARGIN_CHANGE, scenario, healed_s=150)
    assert [desk.order(name)["reject_code"] for name in ("O1", "O2", "O3")] == [
        "insufficient_margin", "", "",
    ]  # fmt: skip
    assert Decimal(desk.books()["margin_used"]) > 10_000, "it holds for what was opened under it"


def test_session_end_expires_day_orders_and_refuses_new_ones() -> None:
    async def scenario(desk: Desk) -> None:
        await _resting(desk)
        await desk.submit("O2")
        await desk.until(1_000)
        await desk.submit("O3")

    first = set()
    for desk in every_seed(FaultKind.SESSION_END, scenario, healed_s=900):
        first.add(desk.order("O1")["status"])
        assert desk.order("O3")["status"] == "filled"
        for name in ("O1", "O2"):
            ends = [kind for kind in desk.kinds(name) if kind in ("rejected", "expired")]
            status = desk.order(name)["status"]
            assert ends == ([] if status == "filled" else [status]), "an order ends once"
    assert first == {"rejected", "expired"}


@pytest.mark.parametrize("kind", FaultKind)
def test_what_is_healed_does_not_occur(kind: FaultKind) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.until(10)
        await desk.submit("O1", stop_loss="1.36")
        await desk.submit("O2", order_type=OrderType.LIMIT, limit_price="1.37")
        await desk.until(20)
        await desk.cancel("O2")
        await desk.query("O1")
        await desk.until(30)
        assert (await desk.venue.mass_status("A1", 0)).complete

    desk = at_desk(scenario, faults=always(kind, healed_s=10))
    assert desk.venue.dump()["faults"] == []
    assert desk.kinds("O1") == ["new", "trade"]
    assert desk.kinds("O2") == ["new", "canceled"]
