"""A stranger compares what the command line says with the venues' own books, under faults."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.outside.auditor import Said, audit, faults
from tests.outside.soak import rehearse

pytestmark = pytest.mark.timeout(300)
WORLD = ("--accounts", 12, "--signals", 8, "--seed", 7)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Said:
    return rehearse(tmp_path_factory.mktemp("quiet"), *WORLD)


def test_without_faults_both_sides_are_equal(quiet: Said) -> None:
    assert audit(quiet) == []
    assert any(order.get("cum_qty") for order in quiet.book_orders.values())


def _some_filled(orders: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(o for o in orders.values() if o.get("status") == "filled")
    return found


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("status", "canceled", "status"),
        ("quantity", "1", "quantity"),
        ("cumulative_quantity", "1", "cumulative quantity"),
        ("average_price", "9", "average price"),
        ("fees", "9", "fees"),
        ("side", "neither", "side"),
    ],
)
def test_a_planted_difference_is_found(quiet: Said, name: str, value: str, what: str) -> None:
    said = copy.deepcopy(quiet)
    _some_filled(said.venue_orders)[name] = value
    assert [each.what for each in faults(said)] == [what]


def test_an_order_that_one_side_lacks_is_found(quiet: Said) -> None:
    said = copy.deepcopy(quiet)
    for venue in said.dump["venues"].values():
        filled = [name for name, order in venue["orders"].items() if order["status"] == "filled"]
        if filled:
            venue["orders"]["STRANGER"] = venue["orders"].pop(filled[0])
            break
    assert [each.what for each in faults(said)] == ["presence", "presence"]
    said.summary["interventions"] = [
        {"client_order_id": name, "reason": "looked at"} for name in (filled[0], "STRANGER")
    ]
    assert faults(said) == []
    assert len(audit(said)) == 2


def test_positions_money_fills_and_the_identity_are_compared(quiet: Said) -> None:
    said = copy.deepcopy(quiet)
    held = next(a for a in said.accounts if a["positions"])
    held["positions"][0]["quantity"] += 1
    held["balance"] += 1
    execution = next(e for e in said.executions if e["fills"])
    execution["fills"].append(execution["fills"][0])
    execution["pending"] += 5
    said.executions[-1]["orders"][0]["state"] = "in_doubt"
    found = {each.what for each in faults(said)}
    assert found >= {
        "position", "position and fills", "balance", "an execution", "sum of fills",
        "sum of pending", "the identity", "unasked doubt", "status",
    }  # fmt: skip


@pytest.mark.requirement("P10")
@pytest.mark.parametrize("names", ["lost", "duplicate", "overfill,bust", "timeout,reorder"])
def test_under_a_fault_each_difference_is_listed(tmp_path: Path, names: str) -> None:
    said = rehearse(tmp_path, *WORLD, "--faults", names)
    assert [str(each) for each in faults(said)] == []
    left = Decimal(str(said.summary["in_doubt"]))
    listed = {i["client_order_id"] for i in said.summary["interventions"]}
    doubtful = [o for o in said.book_orders.values() if o["state"] == "in_doubt"]
    assert {o["client_order_id"] for o in doubtful} <= listed
    open_questions = {
        i["client_order_id"]
        for i in said.summary["interventions"]
        if i["reason"] == "in_doubt" and i["resolved"] is None
    }
    assert open_questions == {o["client_order_id"] for o in doubtful}, "settled ones say by what"
    assert bool(left) is bool(doubtful)
    for asked in said.summary["interventions"]:
        assert {"execution_id", "account_id", "client_order_id", "reason", "known", "at"} <= set(
            asked
        )


@pytest.mark.requirement("P2", "P10", "U1")
def test_with_every_fault_at_once_each_difference_is_listed_and_nothing_else(
    tmp_path: Path,
) -> None:
    """Both ways: what differs was asked about, and what a person is still asked about is so."""
    said = rehearse(tmp_path, *WORLD, "--faults", "all")
    found = audit(said)
    assert [str(each) for each in found if not each.listed] == []
    assert found, "something must differ, or this shows nothing"
    occurred = [fault for venue in said.dump["venues"].values() for fault in venue["faults"]]
    assert len({fault["kind"] for fault in occurred}) > 8
    still_open = [i for i in said.summary["interventions"] if i["resolved"] is None]
    differing = " ".join(each.where for each in found)
    for asked in still_open:
        name, order = asked["client_order_id"], said.book_orders.get(asked["client_order_id"])
        match asked["reason"]:
            case "in_doubt":
                assert order is not None
                assert order["state"] == "in_doubt"
            case "position_difference":
                account, _, symbol, *_ = name.split("/")
                assert f"account {account} in {symbol}" in differing, asked
            case "overfill":  # a bust may have taken it back since; the account is halted still
                assert Decimal(asked["known"]["cum_qty"]) > Decimal(asked["known"]["order_qty"])
                assert any(f["kind"] == "overfill" and f["subject"] == name for f in occurred)
            case "unclassified":
                assert said.venue_orders[name]["status"] in ("canceled", "rejected")
            case other:
                pytest.fail(f"nobody knows what is open about {other}: {asked}")
