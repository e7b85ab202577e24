"""The order machine against FIX 4.4's rules, row by row, beyond the examples of Appendix D.

The rows stand in order-states.txt beside this file, which says how to read them.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from stretto.core.orders.order import (
    IllegalTransition,
    Order,
    OrderInput,
    Replacement,
    Step,
    intend,
    step,
)
from stretto.core.terms.report import (
    CancelReject,
    ExecType,
    ExecutionReport,
    OrderRole,
    OrderType,
    OrdStatus,
    TimeInForce,
)
from stretto.core.values import Side

ENDED = (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED)
FILE = Path(__file__).with_name("order-states.txt")


class Row(NamedTuple):
    """One line of the file, its words split."""

    line: str
    event: list[str]
    said: dict[str, str]
    after: list[str]
    notes: dict[str, str]


def _split(text: str) -> tuple[list[str], dict[str, str]]:
    words = text.split()
    named = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word], named


def scenarios() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            found[line[3:]] = []
        elif found and line:
            event, after = line.split("#")[0].split("|")
            found[[*found][-1]].append(Row(line, *_split(event), *_split(after)))
    return found


SCENARIOS = scenarios()


def an_order(name: str) -> Order:
    *_, last = name.split()
    is_stated = last.startswith("[")
    order = intend(
        client_order_id="X", execution_id="execution", account_id="account", leg=1,
        role=OrderRole.ENTRY, symbol="EURUSD", side=Side.BUY, order_type=OrderType.MARKET,
        time_in_force=TimeInForce(last.strip("[]")) if is_stated else TimeInForce.GTC,
        quantity=Decimal(10_000), created_at=0, send_before=10,
    )  # fmt: skip
    order = step(order, OrderInput.SUBMIT, 0).order
    return step(order, OrderInput.SENT, 0).order


def report(row: Row, order: Order, at: int) -> ExecutionReport:
    exec_type, status, cum = ExecType(row.event[0]), OrdStatus(row.event[1]), Decimal(row.event[2])
    said = {key: Decimal(row.said.get(key, 0)) for key in ("last", "px", "avg")}
    quantity = Decimal(row.said.get("quantity", order.quantity))
    leaves = 0 if status in ENDED else max(Decimal(0), quantity - cum)
    return ExecutionReport(
        client_order_id="X", account_id="account", exec_id=row.said.get("id", f"e{at}"),
        exec_type=exec_type, ord_status=status, cum_qty=cum,
        leaves_qty=Decimal(row.said.get("leaves", leaves)), avg_px=said["avg"],
        order_qty=quantity, trading_day=row.said.get("day", "2003-06-18"),
        transact_at=at - 15 if "late" in row.said else at, last_qty=said["last"],
        last_px=said["px"], exec_ref_id=row.said.get("ref", ""),
    )  # fmt: skip


def play(order: Order, row: Row, at: int) -> Step | None:
    """The machine's step; None for what we never do in this state."""
    match row.event:
        case ["cancel"]:
            return step(order, OrderInput.CANCEL_REQUESTED, at)
        case ["replace", quantity]:
            return step(order, Replacement(quantity=Decimal(quantity)), at)
        case ["illegal_replace", quantity]:
            with pytest.raises(IllegalTransition):
                step(order, Replacement(quantity=Decimal(quantity)), at)
            return None
        case [("cancel_refused" | "replace_refused") as what, status]:
            reject = CancelReject(
                client_order_id="X", account_id="account", ord_status=OrdStatus(status),
                transact_at=at, for_replace=what == "replace_refused",
            )  # fmt: skip
            return step(order, reject, at)
        case _:
            return step(order, report(row, order, at), at)


@pytest.mark.requirement("P1")
@pytest.mark.requirement("R4.1")
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    order = an_order(name)
    assert len(SCENARIOS[name]) > 0
    for number, row in enumerate(SCENARIOS[name], 1):
        done = play(order, row, 10 * number)
        order = order if done is None else done.order
        state, cum, leaves, average = row.after
        quantity = Decimal(row.notes.get("quantity", 10_000))
        assert order.state.value == state, row.line
        assert (order.cum_qty, order.leaves_qty) == (Decimal(cum), Decimal(leaves)), row.line
        assert order.quantity == quantity, row.line
        assert order.notional == Fraction(average) * Fraction(cum), row.line
        if done is not None:
            assert done.note.value == row.notes.get("note", ""), row.line
            assert done.halts_account is ("halts" in row.notes), row.line


@pytest.mark.requirement("P1")
def test_there_are_as_many_as_there_were() -> None:
    """A row that no longer parses must not be skipped in silence."""
    text = FILE.read_text(encoding="utf-8")
    assert len(SCENARIOS) == text.count("\n## ")
    assert sum(map(len, SCENARIOS.values())) == text.count(" | ") - 1
