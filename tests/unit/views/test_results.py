"""execution_results: an allocation's row through every fate of its order."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.messages.reports import on_send
from stretto.core.terms.report import ExecType
from stretto.core.values import Side
from tests.unit.views.tables import result, rows
from tests.unit.views.world import World

SENT = ev.SendOutcomeKind.SENT


@pytest.mark.requirement("R6.2")
def test_a_result_follows_its_order_from_pending_to_filled(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(93_000)})
    row = result(connection, world, "alpha")
    assert (row["execution_status"], row["fill_status"]) == ("pending", "none")
    assert row["pending_quantity"] == "93000"
    world.release(execution, "alpha")
    row = result(connection, world, "alpha")
    assert (row["execution_status"], row["working_quantity"]) == ("submitting", "93000")
    world.sent(execution, "alpha", SENT)
    assert result(connection, world, "alpha")["execution_status"] == "sent"
    world.report(execution, "alpha", ExecType.NEW)
    assert result(connection, world, "alpha")["execution_status"] == "working"
    for quantity, price in ((50_000, "1.08512"), (43_000, "1.08515")):
        world.report(
            execution, "alpha", ExecType.TRADE, quantity=Decimal(quantity), price=Decimal(price)
        )
    row = result(connection, world, "alpha")
    assert (row["execution_status"], row["fill_status"]) == ("filled", "complete")
    assert (row["fills"], row["partial_fills"]) == (2, 1)
    # (50,000 * 1.08512 + 43,000 * 1.08515) / 93,000, against the ask of 1.08510
    assert row["fill_price"] == "1.085133871"
    assert row["slippage_pips"] == "0.3387"
    assert row["execution_latency_ms"] == "3"
    assert row["fees"] == "0.7"
    times = ("intended_at", "sent_at", "acknowledged_at", "first_fill_at", "completed_at")
    assert [row[name] for name in times] == sorted(row[name] for name in times)
    assert row["result_id"] == f"{row['decision_id']}/alpha"


def test_slippage_of_a_sell_is_measured_from_the_bid(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)}, side=Side.SELL)
    world.release(execution, "alpha")
    world.report(
        execution, "alpha", ExecType.TRADE, quantity=Decimal(1000), price=Decimal("1.08480")
    )
    assert result(connection, world, "alpha")["slippage_pips"] == "2"


def test_a_fill_handled_before_the_outcome_of_its_send_has_no_latency(
    connection: sqlite3.Connection,
) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.release(execution, "alpha")
    world.report(execution, "alpha", ExecType.TRADE, quantity=Decimal(400), price=Decimal("1.0851"))
    assert result(connection, world, "alpha")["execution_latency_ms"] is None
    order = world.order(execution, "alpha")
    assert order is not None
    item = ev.SendReported(client_order_id=order.client_order_id, outcome=SENT, sent_at=world.at)
    world.record(item, *on_send(world.book, item, world.at + 1_500_000))
    assert result(connection, world, "alpha")["execution_latency_ms"] == "0"


def test_doubt_queries_and_the_end_are_recovery_actions(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.release(execution, "alpha")
    world.sent(execution, "alpha", SENT)
    world.late(execution, "alpha")
    row = result(connection, world, "alpha")
    assert (row["execution_status"], row["in_doubt_quantity"]) == ("in_doubt", "1000")
    assert row["working_quantity"] == "0"
    world.query(execution, "alpha")
    world.report(execution, "alpha", ExecType.EXPIRED)
    row = result(connection, world, "alpha")
    assert (row["execution_status"], row["abandoned_quantity"]) == ("abandoned", "1000")
    assert row["failure_reason"] == "expired"
    actions = json.loads(row["recovery_actions"])
    assert [a["action"] for a in actions] == ["held_in_doubt", "queried", "abandoned"]


def test_part_filled_and_canceled_is_partially_filled(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.release(execution, "alpha")
    world.report(execution, "alpha", ExecType.TRADE, quantity=Decimal(400), price=Decimal("1.0851"))
    row = result(connection, world, "alpha")
    assert (row["execution_status"], row["fill_status"]) == ("working", "partial")
    world.report(execution, "alpha", ExecType.EXPIRED)
    row = result(connection, world, "alpha")
    assert (row["execution_status"], row["fill_status"]) == ("partially_filled", "partial")
    assert (row["filled_quantity"], row["abandoned_quantity"]) == ("400", "600")


def test_a_bust_after_the_end_is_taken_back(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.release(execution, "alpha")
    price = Decimal("1.0851")
    done = world.report(execution, "alpha", ExecType.TRADE, quantity=Decimal(1000), price=price)
    assert result(connection, world, "alpha")["execution_status"] == "filled"
    world.report(
        execution,
        "alpha",
        ExecType.TRADE_CANCEL,
        quantity=Decimal(1000),
        price=price,
        undoes=done,
    )
    row = result(connection, world, "alpha")
    assert (row["filled_quantity"], row["notional"], row["fills"]) == ("0", "0", 0)
    assert row["fill_price"] is None
    # the order lives on at the venue, so the allocation is open again
    assert (row["execution_status"], row["working_quantity"]) == ("working", "1000")
    assert row["completed_at"] is None


def test_an_overfill_stands_beside_the_intended(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.release(execution, "alpha")
    world.report(
        execution, "alpha", ExecType.TRADE, quantity=Decimal(1500), price=Decimal("1.0851")
    )
    row = result(connection, world, "alpha")
    assert (row["filled_quantity"], row["overfilled_quantity"]) == ("1000", "500")
    (account,) = (r for r in rows(connection, "trading_accounts") if r["account_id"] == "alpha")
    assert account["halted_reason"] == "overfill"
    kinds = {r["event_type"]: r for r in rows(connection, "execution_audit_log")}
    assert kinds["fill_booked"]["compliance_notes"] == "overfill of 500"
    assert kinds["account_halted"]["correlation_id"] == execution


def test_a_refusal_at_dispatch_is_told_with_its_numbers(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.miss_window(execution, "alpha")
    assert result(connection, world, "alpha")["failure_reason"] == "window_passed"
    (row,) = (
        r for r in rows(connection, "execution_audit_log") if r["event_type"] == "allocation_ended"
    )
    assert row["rationale"] == "window_passed (late_s 3); would pass with: an earlier start"
    assert row["compliance_notes"] == "alpha: window_passed: window"
