"""Executions as ``status`` shows them: a page of the list, and one in full found by any of its ids.

Reads the query tables only.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from stretto.core.errors import InvalidInput
from stretto.core.values import iso
from stretto.sessions.summary import accounts_halted, check_identity, kill_switches
from stretto.views.aggregation import Aggregate, aggregate
from stretto.views.queries import (
    ExecutionStatus,
    ExecutionSummary,
    QuantityTotals,
    execution_status,
    list_executions,
)

_CANDIDATES_SHOWN_MAX = 5


class ExecutionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Part of the list, the newest first; ``total`` counts all, refused signals among them. What
    stops entries now: ``kill_switches`` and ``accounts_halted`` in force.
    """

    book_id: str
    total: int
    offset: int
    limit: int
    executions: tuple[ExecutionSummary, ...]
    kill_switches: tuple[dict[str, Any], ...]
    accounts_halted: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class FoundExecution:
    """One execution in full; ``aggregate`` is what its fills come to, ``order_times`` has the five
    times of every order of its accounts.
    """

    status: ExecutionStatus
    aggregate: Aggregate
    order_times: list[dict[str, str | None]]

    @property
    def allocations(self) -> list[dict[str, Any]]:
        """Per account: the seven quantities under their plain names, and how it went."""
        return [_allocation(row) for row in self.status.allocations]

    def as_json(self) -> dict[str, Any]:
        """The JSON object: identity and totals at the top, then everything else."""
        summary = self.status.summary
        head = msgspec.structs.asdict(summary)
        sums: QuantityTotals = head.pop("quantities")
        return {
            **head,
            **msgspec.structs.asdict(sums),
            "aggregate": self.aggregate,
            "allocations": self.allocations,
            "orders": self.status.orders,
            "order_times": self.order_times,
            "fills": self.status.fills,
            "refusals": self.status.refusals,
            "plan": self.status.plan,
            "timeline": self.status.timeline,
        }


def page_of_executions(
    connection: sqlite3.Connection, book_id: str, *, limit: int, offset: int
) -> ExecutionPage:
    """``limit`` executions after the newest ``offset``."""
    (total,) = connection.execute(
        "SELECT count(*) FROM execution_decisions WHERE book_id = ?", (book_id,)
    ).fetchone()
    row = connection.execute(
        "SELECT seq FROM execution_decisions WHERE book_id = ? "
        "ORDER BY seq DESC, decision_id LIMIT 1 OFFSET ?",
        (book_id, offset),
    ).fetchone()
    executions: list[ExecutionSummary] = []
    if row is not None:
        executions = list_executions(
            connection, book_id=book_id, before_seq=row[0] + 1, limit=limit
        )
    return ExecutionPage(
        book_id=book_id,
        total=total,
        offset=offset,
        limit=limit,
        executions=tuple(executions),
        kill_switches=kill_switches(connection, book_id),
        accounts_halted=accounts_halted(connection, book_id),
    )


def find_execution(connection: sqlite3.Connection, book_id: str, name: str) -> FoundExecution:
    """The execution of an execution, decision or signal id, or of a beginning that only one has.
    Raises InvalidInput, naming what was near.
    """
    known = execution_status(connection, name, book_id) or execution_status(
        connection, _only_match(connection, book_id, name), book_id
    )
    if known is None:
        raise InvalidInput(
            "EXECUTION", f"{name!r} is not there any more", "an id that `stretto status` lists"
        )
    check_identity(known.summary.quantities, f"execution {known.summary.execution_id}")
    currencies = connection.execute(
        "SELECT account_id, currency FROM trading_accounts WHERE book_id = ?", (book_id,)
    )
    return FoundExecution(
        status=known,
        aggregate=aggregate(known.allocations, dict(currencies.fetchall())),
        order_times=_order_times(known),
    )


def _only_match(connection: sqlite3.Connection, book_id: str, name: str) -> str:
    rows = connection.execute(
        "SELECT DISTINCT execution_id, signal_id FROM execution_decisions WHERE book_id = ? "
        "AND (substr(execution_id, 1, ?) = ? OR substr(signal_id, 1, ?) = ?) ORDER BY seq",
        (book_id, len(name), name.upper(), len(name), name),
    ).fetchall()
    found = list(dict.fromkeys(execution_id for execution_id, _ in rows)) if name else []
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise InvalidInput(
            "EXECUTION",
            f"there is none that is or begins with {name!r}",
            "an id that `stretto status` lists",
        )
    shown = ", ".join(
        f"{execution} ({signal})" for execution, signal in rows[:_CANDIDATES_SHOWN_MAX]
    )
    more = len(found) - _CANDIDATES_SHOWN_MAX
    raise InvalidInput(
        "EXECUTION",
        f"{len(found)} begin with {name!r}: {shown}" + (f" and {more} more" if more > 0 else ""),
        "a longer beginning",
    )


def _allocation(row: dict[str, Any]) -> dict[str, Any]:
    """A row of execution_results with the quantities' plain names first."""
    names = ("intended", "filled", "working", "in_doubt", "pending", "abandoned", "overfilled")
    rest = {
        key: value
        for key, value in row.items()
        if key not in ("book_id", "decision_id") and not key.endswith("_quantity")
    }
    account_id = rest.pop("account_id")
    quantities = {name: row[f"{name}_quantity"] for name in names}
    return {"account_id": account_id, **quantities, **rest}


def _order_times(status: ExecutionStatus) -> list[dict[str, str | None]]:
    """Decided, planned (the release in force, and why it was redrawn), intended, sent,
    acknowledged, executed and recorded, of each account's order.
    """
    decided = status.summary.decided_at
    executed: dict[str, str] = {}
    recorded: dict[str, str] = {}
    for fill in status.fills:
        if fill.get("cause", "entry") in ("entry", "exit"):
            executed.setdefault(fill["account_id"], iso(int(fill["transact_at"])))
            recorded.setdefault(fill["account_id"], fill["at"])
    return [
        {
            "account_id": row["account_id"],
            "decided": decided,
            "planned": row["execution_window_start"],
            "redrawn": row["release_reason"],
            "intended": row["intended_at"],
            "sent": row["sent_at"],
            "acknowledged": row["acknowledged_at"],
            "executed": executed.get(row["account_id"]),
            "recorded": recorded.get(row["account_id"]),
            "completed": row["completed_at"],
        }
        for row in status.allocations
    ]
