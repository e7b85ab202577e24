"""What the command line and the API read from the query tables, beside a running writer.

Never writes and never blocks one who does. Numbers come out as Decimal and JSON columns as plain
values with Decimals. Knows nothing of entries or of how a row came about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from stretto.core.errors import JournalDamaged, JournalUnavailable
from stretto.views.schema import JSON_COLUMNS, execution_results, is_exact, trading_accounts
from stretto.views.texts import decimal_of, total

QUANTITIES = ("intended", "filled", "working", "in_doubt", "pending", "abandoned", "overfilled")
EXECUTIONS_MAX = 1_000
BUSY_TIMEOUT_S = 2.0

_json = msgspec.json.Decoder(float_hook=Decimal)


class QuantityTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of DESIGN §1.1 in base units: intended is the sum of the next five."""

    intended: Decimal
    filled: Decimal
    working: Decimal
    in_doubt: Decimal
    pending: Decimal
    abandoned: Decimal
    overfilled: Decimal


class BookTotals(msgspec.Struct, frozen=True, kw_only=True):
    """One book, or all of a database, in numbers. ``orders`` and ``fills`` count venue orders and
    booked fills; quantities of different symbols are added as they are.
    """

    signals: int
    signals_refused: int
    executions: int
    accounts: int
    orders: int
    fills: int
    quantities: QuantityTotals


class ExecutionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. ``status`` is working, completed, abandoned or refused."""

    book_id: str
    decision_id: str
    execution_id: str
    signal_id: str
    symbol: str
    side: str
    status: str
    execution_strategy: str
    refused_rule: str | None
    decided_at: str
    accounts: int
    quantities: QuantityTotals


class ExecutionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One execution in full: the sums, each allocation (a row of execution_results with Decimals),
    the plan, every refusal, orders, fills and the audit log as a timeline.
    """

    summary: ExecutionSummary
    allocations: list[dict[str, Any]]
    plan: dict[str, Any]
    refusals: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


def open_read_only(path: Path | str) -> sqlite3.Connection:
    """A connection that can only read, beside a running writer. Raises JournalUnavailable where
    there is no such file or it cannot be read, JournalDamaged where it is no database.
    """
    place = Path(path)
    if not place.is_file():
        raise JournalUnavailable(f"{place}: there is no such database")
    uri = f"{place.resolve().as_uri()}?mode=ro"
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        found = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'projection_position'"
        ).fetchone()
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
        kind = JournalDamaged if damaged else JournalUnavailable
        raise kind(f"{place}: cannot be read: {error}") from error
    if found is None:
        connection.close()
        raise JournalUnavailable(f"{place}: has no query tables; run `stretto rebuild`")
    return connection


_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT)


def book_totals(connection: sqlite3.Connection, book_id: str | None = None) -> BookTotals:
    """Counts and sums over one book, or over all."""
    where, values = _of_book(book_id)

    def count(what: str, table: str, also: str = "") -> int:
        found = connection.execute(f"SELECT {what} FROM {table} {where} {also}", values)
        return int(found.fetchone()[0] or 0)

    rows = _rows(connection, f"SELECT {_SUMMED} FROM execution_results {where}", values)
    return BookTotals(
        signals=count("sum(receipts)", "trading_signals"),
        signals_refused=count("count(refused_rule)", "execution_decisions"),
        executions=count("count(*) - count(refused_rule)", "execution_decisions"),
        accounts=count("sum(configured)", "trading_accounts"),
        orders=count("sum(orders)", "execution_results"),
        fills=count("sum(fills)", "execution_results"),
        quantities=_sums(list(rows)),
    )


def list_executions(
    connection: sqlite3.Connection,
    *,
    book_id: str | None = None,
    before_seq: int | None = None,
    limit: int = 50,
) -> list[ExecutionSummary]:
    """The newest decisions first, refused signals among them; ``before_seq`` pages on."""
    where, values = _of_book(book_id)
    if before_seq is not None:
        where = f"{where} {'AND' if where else 'WHERE'} seq < ?"
        values = (*values, before_seq)
    decisions = _rows(
        connection,
        f"SELECT {_DECISION} FROM execution_decisions {where} "
        "ORDER BY seq DESC, book_id, decision_id LIMIT ?",
        (*values, min(limit, EXECUTIONS_MAX)),
    )
    return [_summary(connection, decision) for decision in list(decisions)]


def execution_status(
    connection: sqlite3.Connection, execution_id: str, book_id: str | None = None
) -> ExecutionStatus | None:
    """One execution in full, by execution id, decision id or signal id; None where there is none.

    Of a signal that was refused and planned the plan is shown, else the first refusal.
    """
    where, values = _of_book(book_id)
    where = f"{where} {'AND' if where else 'WHERE'} ? IN (execution_id, decision_id, signal_id)"
    decisions = _rows(
        connection,
        f"SELECT * FROM execution_decisions {where} ORDER BY refused_rule IS NOT NULL, seq LIMIT 1",
        (*values, execution_id),
    )
    decision = next(decisions, None)
    if decision is None:
        return None
    key = (decision["book_id"], decision["decision_id"])
    allocations = _rows(
        connection,
        "SELECT * FROM execution_results WHERE book_id = ? AND decision_id = ? ORDER BY account_id",
        key,
    )
    audit = list(
        _rows(
            connection,
            "SELECT * FROM execution_audit_log WHERE book_id = ? AND execution_id = ? "
            "ORDER BY seq, event_index",
            (decision["book_id"], decision["execution_id"]),
        )
    )
    if decision["refused_rule"] is not None:
        audit = [row for row in audit if row["seq"] == decision["seq"]]
    plan = {name: _decoded(decision[name]) for name in _PLAN}
    return ExecutionStatus(
        summary=_summary(connection, decision),
        allocations=[_typed(row) for row in allocations],
        plan=plan,
        refusals=_refusals(plan, audit),
        orders=_orders(audit),
        fills=[
            {"audit_id": row["audit_id"], "at": row["timestamp"], **_event(row)}
            for row in audit
            if row["event_type"] == "fill_booked"
        ],
        timeline=[{name: row[name] for name in _TIMELINE} for row in audit],
    )


_SUMMED = ", ".join(f"{name}_quantity AS {name}" for name in QUANTITIES)
_DECISION = (
    "book_id, decision_id, execution_id, signal_id, symbol, side, execution_strategy, "
    "refused_rule, decision_timestamp"
)
_PLAN = (
    "selected_accounts",
    "account_selection_rationale",
    "distribution_plan",
    "timing_plan",
    "correlation_analysis",
    "decision_inputs",
)
_TIMELINE = (
    "audit_id",
    "timestamp",
    "event_type",
    "account_id",
    "rationale",
    "compliance_notes",
)
_EXACT = frozenset(
    column.name
    for table in (execution_results, trading_accounts)
    for column in table.columns
    if is_exact(table, column.name)
)


def _of_book(book_id: str | None) -> tuple[str, tuple[Any, ...]]:
    return ("", ()) if book_id is None else ("WHERE book_id = ?", (book_id,))


def _rows(
    connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]
) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(statement, values)
    columns = [description[0] for description in cursor.description]
    for row in cursor:
        yield dict(zip(columns, row, strict=True))


def _decoded(text: str) -> Any:
    return _json.decode(text)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its exact numbers as Decimal and its JSON decoded."""
    return {
        name: decimal_of(value)
        if name in _EXACT
        else _decoded(value)
        if name in JSON_COLUMNS
        else value
        for name, value in row.items()
    }


def _sums(rows: list[dict[str, Any]]) -> QuantityTotals:
    sums = {name: total([Decimal(row[name]) for row in rows]) for name in QUANTITIES}
    return QuantityTotals(**sums)


def ended_as(connection: sqlite3.Connection, book_id: str, execution_id: str) -> str:
    """How an execution without quantity (an amend) ended: what the audit log says last of it."""
    row = connection.execute(
        "SELECT rationale FROM execution_audit_log WHERE book_id = ? AND execution_id = ? "
        "AND event_type = 'execution_ended' ORDER BY seq DESC, event_index DESC LIMIT 1",
        (book_id, execution_id),
    ).fetchone()
    return "working" if row is None else str(row[0])


def _summary(connection: sqlite3.Connection, decision: dict[str, Any]) -> ExecutionSummary:
    rows = list(
        _rows(
            connection,
            f"SELECT {_SUMMED}, completed_at FROM execution_results "
            "WHERE book_id = ? AND decision_id = ?",
            (decision["book_id"], decision["decision_id"]),
        )
    )
    sums = _sums(rows)
    if decision["refused_rule"] is not None:
        status = "refused"
    elif not rows:
        status = ended_as(connection, decision["book_id"], decision["execution_id"])
    elif any(row["completed_at"] is None for row in rows):
        status = "working"
    else:
        status = "completed" if sums.filled > 0 else "abandoned"
    return ExecutionSummary(
        book_id=decision["book_id"],
        decision_id=decision["decision_id"],
        execution_id=decision["execution_id"],
        signal_id=decision["signal_id"],
        symbol=decision["symbol"],
        side=decision["side"],
        status=status,
        execution_strategy=decision["execution_strategy"],
        refused_rule=decision["refused_rule"],
        decided_at=decision["decision_timestamp"],
        accounts=len(rows),
        quantities=sums,
    )


def _event(row: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = _decoded(row["event_data"])
    event.pop("type", None)
    return event


def _orders(audit: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every order with the last value of each of its fields, in the order of intent."""
    orders: dict[str, dict[str, Any]] = {}
    for row in audit:
        if row["event_type"] == "order_intended":
            order = _event(row)["order"]
            orders[order["client_order_id"]] = {"intended_at": row["timestamp"], **order}
        elif row["event_type"] == "order_advanced":
            event = _event(row)
            if event["client_order_id"] in orders:
                orders[event["client_order_id"]].update(event["changes"])
    return list(orders.values())


def _refusals(plan: dict[str, Any], audit: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything that was refused: the plan itself, accounts before it, allocations at dispatch."""
    rationale = plan["account_selection_rationale"]
    found = [] if rationale["refused"] is None else [{"stage": "plan", **rationale["refused"]}]
    found += [{"stage": "selection", **refusal} for refusal in rationale["refusals"]]
    for row in audit:
        if row["event_type"] == "allocation_ended":
            refusal = _event(row).get("refusal")
            if refusal:
                found.append({"stage": "dispatch", **refusal})
    return found
