"""Faults between the venue and its user: what is said, what is not, and what the books hold."""

from __future__ import annotations

import pytest

from stretto.brokers.sim_faults import FaultKind
from stretto.core.errors import BrokerUnreachable
from stretto.core.terms.report import OrderType, OrdStatus
from stretto.core.values import NS_PER_S, ZERO
from stretto.ports import NotSent, SendOutcome, Sent
from tests.contract.sim_fault_desk import every_seed, with_fault
from tests.unit.brokers.desk import LOT, START, Desk, patient, ticks


async def _outcome(desk: Desk, name: str = "O1") -> SendOutcome | None:
    """None where nothing is known of the write."""
    try:
        return await desk.submit(name)
    except BrokerUnreachable:
        return None


async def _one_order(desk: Desk) -> None:
    await desk.submit("O1")
    await desk.until(120)


def test_request_lost_leaves_no_order_whatever_the_write_said() -> None:
    outcomes = []

    async def scenario(desk: Desk) -> None:
        outcomes.append(await _outcome(desk))
        await desk.until(120)

    for desk in every_seed(FaultKind.REQUEST_LOST, scenario):
        assert desk.said == []
        assert desk.venue.dump()["orders"] == {}
    assert None in outcomes
    assert any(isinstance(outcome, Sent) for outcome in outcomes)


def test_no_answer_to_the_write_of_an_order_that_arrives() -> None:
    async def scenario(desk: Desk) -> None:
        assert await _outcome(desk) is None
        await desk.until(5)

    desk = with_fault(FaultKind.NO_ANSWER, scenario, config=patient())
    assert desk.kinds("O1") == ["new", "trade"]
    assert desk.order("O1")["status"] == "filled"


def test_acknowledgement_lost_and_the_fill_is_the_first_word() -> None:
    desk = with_fault(FaultKind.ACKNOWLEDGEMENT_LOST, _one_order)
    assert desk.kinds("O1") == ["trade"]
    assert desk.order("O1")["status"] == "filled"


def test_report_delayed_past_any_timeout_and_still_in_order() -> None:
    desk = with_fault(FaultKind.REPORT_DELAYED, _one_order, config=patient())
    assert desk.kinds("O1") == ["new", "trade"]
    assert desk.said_at[0] >= START + 3 * NS_PER_S
    assert desk.reports()[0].transact_at < START + NS_PER_S
    assert desk.order("O1")["status"] == "filled"


def test_report_reordered_and_none_missing() -> None:
    desks = every_seed(FaultKind.REPORT_REORDERED, _one_order, config=patient())
    orders = {tuple(desk.kinds("O1")) for desk in desks}
    assert orders == {("new", "trade"), ("trade", "new")}


def test_report_duplicated_has_the_same_execution_id() -> None:
    desk = with_fault(FaultKind.REPORT_DUPLICATED, _one_order)
    assert sorted(desk.kinds("O1")) == ["new", "new", "trade", "trade"]
    assert len({(r.exec_id, r.trading_day) for r in desk.reports()}) == 2
    assert desk.order("O1")["cumulative_quantity"] == "100000"


def test_duplicate_answer_to_an_order_that_lives() -> None:
    desk = with_fault(FaultKind.DUPLICATE_ANSWER, _one_order)
    refused, trade = desk.reports("O1")
    assert (refused.reject_code, refused.ord_status) == ("duplicate_order", OrdStatus.REJECTED)
    assert trade.last_qty == LOT
    assert desk.order("O1")["status"] == "filled"


def test_partition_holds_or_loses_what_the_venue_says() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.until(0.5)
        alive = desk.venue.heartbeat_at()
        assert isinstance(await desk.submit("O1"), Sent)
        await desk.until(2)
        assert isinstance(await desk.submit("O2"), NotSent)
        with pytest.raises(BrokerUnreachable):
            await desk.venue.snapshot("A1")
        with pytest.raises(BrokerUnreachable):
            await desk.venue.mass_status("A1", 0)
        assert desk.venue.heartbeat_at() <= alive + NS_PER_S
        assert desk.said == []
        await desk.until(60)
        assert desk.venue.heartbeat_at() >= START + 59 * NS_PER_S
        assert (await desk.venue.mass_status("A1", 0)).positions

    heard = set()
    for desk in every_seed(FaultKind.PARTITION, scenario, healed_s=50, config=patient()):
        heard.add(tuple(desk.kinds("O1")))
        assert desk.order("O1")["status"] == "filled"
        assert "O2" not in desk.venue.dump()["orders"]  # type: ignore[operator]
    assert heard == {(), ("new", "trade")}


def test_half_open_takes_requests_that_never_arrive() -> None:
    async def scenario(desk: Desk) -> None:
        assert isinstance(await desk.submit("O1"), Sent)
        await desk.until(3)
        assert isinstance(await desk.submit("O2"), Sent)
        assert desk.venue.heartbeat_at() <= START
        with pytest.raises(BrokerUnreachable):
            await desk.venue.snapshot("A1")
        await desk.until(100)
        assert isinstance(await desk.submit("O3"), Sent)
        await desk.until(110)

    desk = with_fault(FaultKind.HALF_OPEN, scenario, healed_s=90, config=patient())
    assert list(desk.venue.dump()["orders"]) == ["O3"]  # type: ignore[call-overload]
    assert desk.kinds("O3") == ["new", "trade"]


def test_venue_restart_loses_reports_and_numbers_executions_anew_each_day() -> None:
    day = 86_400
    rows = ticks(*((s, 138_000, 138_010) for s in (-1, 60, 100, day - 1, day + 60, day + 100)))

    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(60)
        await desk.submit("O2")
        await desk.until(day)
        await desk.submit("O3")
        await desk.until(day + 60)
        view = await desk.venue.mass_status("A1", 0)
        assert [trade.exec_id for trade in view.executions] == ["E2", "E4", "E2"]
        days = [trade.trading_day for trade in view.executions]
        assert days[0] == days[1] < days[2]

    desk = with_fault(FaultKind.VENUE_RESTART, scenario, healed_s=1, config=patient(), eurusd=rows)
    assert desk.kinds("O1") == ["new", "trade"] or desk.kinds("O1") == []
    assert desk.kinds("O3") == ["new", "trade"]


def test_stale_status_says_unknown_or_what_was_true_at_first() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(5)
        await desk.query("O1")
        await desk.until(10)

    said = set()
    for desk in every_seed(FaultKind.STALE_STATUS, scenario):
        (answer,) = desk.answers()
        report = answer.report
        said.add(None if report is None else (report.ord_status, report.cum_qty))
        assert report is None or report.transact_at == START
        assert desk.order("O1")["status"] == "filled"
    assert said == {None, (OrdStatus.NEW, ZERO)}


def test_stale_view_repeats_the_one_before() -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.venue.mass_status("A1", 0)
        await desk.submit("O1")
        await desk.until(5)
        assert await desk.venue.mass_status("A1", 0) == first
        assert first.at == START
        assert not first.positions

    with_fault(FaultKind.STALE_VIEW, scenario)


def test_partial_view_says_that_it_is_not_complete() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.submit("O2", symbol="USDJPY", quantity="10000")
        await desk.submit("O3", order_type=OrderType.LIMIT, limit_price="1.37")
        await desk.until(5)
        view = await desk.venue.mass_status("A1", 0)
        assert not view.complete
        (held,) = view.positions
        named = {v.symbol for v in (*view.orders, *view.orders_done)}
        assert named == {held.symbol}

    with_fault(FaultKind.PARTIAL_VIEW, scenario)


def test_missing_symbol_in_a_view_that_calls_itself_complete() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1")
        await desk.until(5)
        view = await desk.venue.mass_status("A1", 0)
        assert view.complete
        assert view.positions == ()
        assert [trade.last_qty for trade in view.executions] == [LOT]
        assert desk.books()["positions"], "it is only not shown"

    with_fault(FaultKind.MISSING_SYMBOL, scenario)
