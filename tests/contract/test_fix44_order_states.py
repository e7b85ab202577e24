"""FIX 4.4 Volume 4, Appendix D as a contract: every row of every transcribed scenario.

The rows are data outside the repository (STRETTO_DATA/conformance). Where the machine rightly
differs from a row, ``DEVIATIONS`` says what it does instead and why.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stretto.core.orders.order import (
    IllegalTransition,
    Note,
    Order,
    OrderInput,
    OrderState,
    Replacement,
    intend,
    step,
)
from stretto.core.orders.order_table import STATE_OF_STATUS
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderRole,
    OrderType,
    OrdStatus,
)
from stretto.core.values import Side

ASKED = "we have asked already: our request is open from the moment it is sent, not acknowledged"
ONE_REPLACE = "one replace at a time: a second request is refused until the first is answered"


class Deviation(NamedTuple):
    """What the machine holds after a row instead of what the row prints, and why."""

    why: str
    state: OrderState | None = None
    leaves: int | None = None
    quantity: int | None = None
    refused: bool = False


DEVIATIONS: dict[tuple[str, int], Deviation] = {
    ("B.1.b", 6): Deviation(ASKED, OrderState.PENDING_CANCEL),
    ("B.1.c", 6): Deviation(ASKED, OrderState.PENDING_CANCEL),
    ("B.1.e", 3): Deviation(ASKED, OrderState.PENDING_CANCEL),
    ("C.3.a", 6): Deviation(ASKED, OrderState.PENDING_REPLACE),
    ("C.3.c", 5): Deviation(ASKED, OrderState.PENDING_REPLACE),
    ("D.2.a", 5): Deviation(ONE_REPLACE, refused=True),
    ("D.2.b", 5): Deviation(ONE_REPLACE, refused=True),
    ("D.2.d", 5): Deviation(ONE_REPLACE, refused=True),
    ("D.2.b", 7): Deviation(
        "a pending replace changes nothing yet: the row prints the replaced quantity too early",
        leaves=9000,
        quantity=10000,
    ),
    ("E.1.a", 2): Deviation("misprint: leaves 0 for a new order of 10000", leaves=10000),
    ("F.1.a", 4): Deviation("a client order id is never sent twice", refused=True),
    ("G.1.a", 5): Deviation(
        "an unknown order in a status answer says nothing about the order",
        OrderState.PARTIALLY_FILLED,
        leaves=9000,
        quantity=10000,
    ),
}


def conformance(name: str) -> Path | None:
    """The file of that name under STRETTO_DATA, or None."""
    root = os.environ.get("STRETTO_DATA")
    path = Path(root) / "conformance" / name if root else None
    return path if path is not None and path.is_file() else None


FILE = conformance("fix44-order-states.json")
SCENARIOS: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE else []
needs_data = pytest.mark.skipif(FILE is None, reason="STRETTO_DATA/conformance is not there")


def snake(name: str) -> str:
    """``PartiallyFilled`` as ``partially_filled``."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def exec_type(name: str) -> ExecType:
    """The transcription says Replace where FIX says Replaced."""
    return ExecType.REPLACED if name == "Replace" else ExecType(snake(name))


class Play:
    """One order, led through a scenario row by row."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.scenario = scenario
        self.requests: dict[str, str] = {}
        first = next((r["order_qty_in"] for r in scenario["rows"] if r["order_qty_in"]), None)
        if first is None:  # a telephoned or a cash order: the venue names the quantity
            first = next(r["order_qty"] for r in scenario["rows"] if r["order_qty"])
        self.order = step(
            intend(
                client_order_id="X",
                execution_id="execution",
                account_id="account",
                leg=1,
                role=OrderRole.ENTRY,
                symbol="EURUSD",
                side=Side.BUY,
                order_type=OrderType.MARKET,
                quantity=Decimal(first),
                created_at=0,
                send_before=10,
            ),
            OrderInput.SUBMIT,
            0,
        ).order
        self.sent = False

    def sends(self, row: dict[str, Any]) -> None:
        """Carry out what reaches the venue in this row."""
        message: str = row["msg_in"]
        at = row["seq"]
        if message.startswith("New Order"):
            if self.sent:
                with pytest.raises(IllegalTransition):
                    step(self.order, OrderInput.SUBMIT, at)
                return
            self.sent = True
            self.order = step(self.order, OrderInput.SENT, at).order
        elif message.startswith("Cancel Request"):
            self.requests[row["cl_ord_id"]] = "cancel"
            self.order = step(self.order, OrderInput.CANCEL_REQUESTED, at).order
        elif message.startswith("Replace Request"):
            self.requests[row["cl_ord_id"]] = "replace"
            wanted = Replacement(quantity=Decimal(row["order_qty_in"]))
            deviation = DEVIATIONS.get((self.scenario["id"], at))
            if deviation is not None and deviation.refused:
                with pytest.raises(IllegalTransition):
                    step(self.order, wanted, at)
            else:
                self.order = step(self.order, wanted, at).order
        elif message.startswith("Status Request"):
            self.order = step(self.order, OrderInput.QUERIED, at).order
        else:
            raise AssertionError(f"unknown message {message}")

    def receives(self, row: dict[str, Any]) -> Order:
        """The order after the venue's answer in this row."""
        at = row["seq"]
        status = OrdStatus(snake(row["ord_status"]))
        if row["msg_out"].startswith("Cancel Reject"):
            reject = CancelReject(
                client_order_id="X",
                account_id="account",
                ord_status=status,
                transact_at=at,
                for_replace=self.requests[row["cl_ord_id"]] == "replace",
            )
            return step(self.order, reject, at).order
        report = ExecutionReport(
            client_order_id="X",
            account_id="account",
            exec_id=row.get("exec_id") or f"exec-{at}",
            exec_type=exec_type(row["exec_type"]),
            ord_status=status,
            cum_qty=Decimal(row["cum_qty"]),
            leaves_qty=Decimal(row["leaves_qty"]),
            avg_px=Decimal(str(row.get("avg_px") or 0)),
            order_qty=Decimal(row["order_qty"] or 0),
            trading_day="2003-06-18",
            transact_at=at,
            last_qty=Decimal(row["last_qty"] or 0),
            last_px=Decimal(str(row.get("last_px") or 0)),
            exec_ref_id=row.get("exec_ref_id") or "",
        )
        done = step(self.order, report, at)
        assert done.note not in (Note.INFERRED, Note.OVERFILL, Note.STALE, Note.UNKNOWN_REFERENCE)
        assert not done.halts_account
        return done.order


def verify(scenario: str, row: dict[str, Any], order: Order) -> None:
    """Compare the order with what the row prints, or with the deviation that is listed."""
    listed = DEVIATIONS.get((scenario, row["seq"]))
    place = f"{scenario} row {row['seq']}: {listed.why if listed else row['comment']}"
    state = STATE_OF_STATUS[OrdStatus(snake(row["ord_status"]))]
    if listed is not None and listed.state is not None:
        assert order.state is listed.state is not state, place
    else:
        assert order.state is state, place
    if row["cum_qty"] is None:
        return
    leaves, quantity = row["leaves_qty"], row["order_qty"]
    if listed is not None and listed.leaves is not None:
        assert listed.leaves != leaves, f"{place}: no deviation any more"
        leaves, quantity = listed.leaves, listed.quantity or quantity
    else:
        assert order.cum_qty == row["cum_qty"], place
    assert order.leaves_qty == leaves, place
    if quantity:
        assert order.quantity == quantity, place
    if row.get("avg_px"):
        assert order.notional / order.cum_qty == Decimal(str(row["avg_px"])), place


@pytest.mark.requirement("P1")
@pytest.mark.requirement("R4.1")
@needs_data
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s['id']} {s['title']}")
def test_scenario(scenario: dict[str, Any]) -> None:
    play = Play(scenario)
    compared = 0
    for row in scenario["rows"]:
        if row["msg_in"] is not None:
            play.sends(row)
        elif row["msg_out"] is not None:
            order = play.receives(row)
            verify(scenario["id"], row, order)
            compared += 1
            if row["path"] != "alternative_reject":  # that branch ends here; the main path goes on
                play.order = order
    assert compared > 0


@needs_data
def test_every_deviation_names_a_row_that_exists() -> None:
    rows = {(s["id"], row["seq"]) for s in SCENARIOS for row in s["rows"]}
    assert set(DEVIATIONS) <= rows
