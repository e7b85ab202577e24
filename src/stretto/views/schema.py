"""The query tables of DESIGN §6 and their statements, compiled for the driver (docs/tables.md).

Numbers that must stay exact are ``NUMERIC`` in PostgreSQL and decimal text in SQLite, which has no
exact decimals; JSON and times are text in both. Knows nothing of events or how a row comes about.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine

from stretto.core.errors import check

metadata = MetaData()

_TEXT = Text()
_WHOLE = BigInteger().with_variant(Integer(), "sqlite")
_EXACT = Numeric().with_variant(Text(), "sqlite")


Columns = list[Column[Any]]


def _key(name: str, kind: TypeEngine[Any] = _TEXT) -> Columns:
    return [Column(name, kind, primary_key=True, nullable=False, autoincrement=False)]


def _text(*names: str) -> Columns:
    return [Column(name, Text, nullable=False) for name in names]


def _maybe(*names: str) -> Columns:
    return [Column(name, Text) for name in names]


def _number(*names: str) -> Columns:
    return [Column(name, _WHOLE, nullable=False) for name in names]


def _exact(*names: str) -> Columns:
    return [Column(name, _EXACT, nullable=False) for name in names]


def _maybe_exact(*names: str) -> Columns:
    return [Column(name, _EXACT) for name in names]


def _table(name: str, *columns: Columns, indexes: Sequence[Index] = ()) -> Table:
    items = [column for group in columns for column in group]
    return Table(name, metadata, *items, *indexes, sqlite_strict=True, sqlite_with_rowid=False)


projection_position = _table(
    "projection_position",
    _key("book_id"),
    _key("projector"),
    _number("seq"),
)

trading_instruments = _table(
    "trading_instruments",
    _key("book_id"),
    _key("symbol"),
    _text("base_currency", "quote_currency"),
    _exact("pip", "tick"),
)

trading_accounts = _table(
    "trading_accounts",
    _key("book_id"),
    _key("account_id"),
    _text("firm", "owner", "venue", "currency", "rulebook", "account_group"),
    _text("account_mode", "position_mode"),
    _exact("initial_balance"),
    _text("account_data"),
    _number("configured"),
    _maybe_exact("balance", "equity", "margin_used"),
    [Column("tradable", _WHOLE)],
    _maybe("snapshot_at", "day_started_at"),
    _maybe_exact("day_start_balance", "day_start_equity", "peak_equity", "peak_end_of_day"),
    _maybe("halted_reason", "halted_at", "excluded_reason", "excluded_until"),
    _maybe("compared_at"),
    _number("updated_seq"),
)

trading_signals = _table(
    "trading_signals",
    _key("book_id"),
    _key("signal_id"),
    _number("seq", "receipts"),
    _text("execution_id", "strategy_id", "action", "symbol", "side", "order_type"),
    _text("size_mode"),
    _exact("size"),
    _maybe_exact("limit_price", "stop_price", "stop_loss", "stop_distance", "take_profit"),
    _text("time_in_force"),
    _exact("confidence"),
    _text("urgency"),
    _maybe_exact("max_slippage"),
    _text("generated_at", "valid_until", "received_at"),
    _text("signal_status"),
    _maybe("refused_rule"),
    _text("signal_data"),
)

execution_decisions = _table(
    "execution_decisions",
    _key("book_id"),
    _key("decision_id"),
    _text("execution_id", "signal_id"),
    _number("seq"),
    _text("execution_strategy", "symbol", "side"),
    _exact("intended_quantity"),
    _maybe_exact("arrival_bid", "arrival_ask"),
    _text("selected_accounts", "account_selection_rationale", "distribution_plan"),
    _text("timing_plan", "correlation_analysis", "decision_inputs"),
    _maybe("refused_rule"),
    _text("decision_timestamp"),
)

execution_results = _table(
    "execution_results",
    _key("book_id"),
    _key("decision_id"),
    _key("account_id"),
    _text("result_id", "symbol", "side"),
    _exact("planned_quantity"),
    _maybe_exact("arrival_price", "pip"),
    _maybe_exact("limit_price", "stop_price", "stop_loss", "take_profit"),
    # what a release that is drawn anew changes
    _text("execution_window_start", "execution_window_end", "delay_counted_from"),
    _maybe("release_reason"),
    # what an order's step changes
    _text("execution_status"),
    _exact("working_quantity", "in_doubt_quantity"),
    _maybe("order_state"),
    _text("recovery_actions"),
    _maybe("sent_at", "acknowledged_at"),
    _number("updated_seq"),
    # what fills, ends and new orders change beside it
    _text("fill_status"),
    _exact("intended_quantity"),
    _exact("filled_quantity", "pending_quantity", "abandoned_quantity", "overfilled_quantity"),
    _exact("notional"),
    _maybe_exact("fill_price"),
    _exact("fees"),
    _maybe_exact("execution_latency_ms", "slippage_pips"),
    _number("fills", "partial_fills", "orders"),
    _maybe("order_id", "failure_reason", "intended_at", "first_fill_at", "last_fill_at"),
    _maybe("completed_at"),
)

RESULT_RELEASE = 13
"""So many leading columns of ``execution_results`` never change after the plan."""

RESULT_MOVING = RESULT_RELEASE + 4
"""Before it, back to ``RESULT_RELEASE``, are those that only a release drawn anew changes."""

RESULT_SETTLING = RESULT_MOVING + 8
"""From here on its columns change only with a new order, a fill or the end."""

execution_audit_log = _table(
    "execution_audit_log",
    _key("book_id"),
    _key("seq", _WHOLE),
    _key("event_index", _WHOLE),
    _text("audit_id"),
    _maybe("execution_id"),
    _text("event_type"),
    _maybe("account_id"),
    _text("event_data"),
    _maybe("rationale", "compliance_notes", "correlation_id"),
    _text("timestamp"),
    indexes=[Index("execution_audit_log_by_execution", "book_id", "execution_id", "account_id")],
)

TABLES: tuple[Table, ...] = tuple(metadata.sorted_tables)
"""Every query table, in a fixed order."""


JSON_COLUMNS = frozenset(
    {
        "account_data",
        "signal_data",
        "selected_accounts",
        "account_selection_rationale",
        "distribution_plan",
        "timing_plan",
        "correlation_analysis",
        "decision_inputs",
        "recovery_actions",
        "event_data",
    }
)
"""Text columns that hold canonical JSON, whatever the table."""


def is_exact(table: Table, column: str) -> bool:
    """True for a column of exact decimals (text in SQLite)."""
    return isinstance(table.c[column].type, Numeric)


def names(table: Table) -> tuple[str, ...]:
    """Column names in the table's order, which is the order of every bound row."""
    return tuple(column.name for column in table.columns)


def dialect_of_sqlite() -> Dialect:
    """The dialect whose statements the standard library's driver takes."""
    dialect: Dialect = sqlite.dialect(paramstyle="qmark")
    return dialect


class Statements:
    """SQL text for one dialect; parameters are positional, in the order each docstring gives."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        tables = [self._text(CreateTable(table, if_not_exists=True)) for table in TABLES]
        indexes = [
            self._text(CreateIndex(index, if_not_exists=True))
            for table in TABLES
            for index in sorted(table.indexes, key=lambda i: str(i.name))
        ]
        self.create = [*tables, *indexes]
        self.drop = [self._text(DropTable(table, if_exists=True)) for table in TABLES]

    def insert(self, table: Table, columns: Sequence[str] = ()) -> str:
        """``columns``, all of them by default, in the table's order."""
        columns = columns or names(table)
        statement = insert(table).values({name: bindparam(name) for name in columns})
        return self._text(statement, columns)

    def update(self, table: Table, columns: Sequence[str]) -> str:
        """``columns``, then the primary key."""
        keys = [column.name for column in table.primary_key]
        statement = (
            update(table)
            .where(*(table.c[key] == bindparam(f"key_{key}") for key in keys))
            .values({table.c[name]: bindparam(f"new_{name}") for name in columns})
        )
        order = [f"new_{n}" for n in names(table) if n in columns] + [f"key_{k}" for k in keys]
        check(list(columns) == [n for n in names(table) if n in columns], "columns out of order")
        return self._text(statement, order)

    def read(self, table: Table, columns: Sequence[str], by: Sequence[str]) -> str:
        """Parameters ``by``; rows of ``columns`` in the order of the primary key."""
        statement = (
            select(*(table.c[name] for name in columns))
            .where(*(table.c[name] == bindparam(f"key_{name}") for name in by))
            .order_by(*table.primary_key.columns)
        )
        return self._text(statement, [f"key_{name}" for name in by])

    def delete(self, table: Table) -> str:
        """Parameter: book_id."""
        statement = delete(table).where(table.c.book_id == bindparam("key_book_id"))
        return self._text(statement, ["key_book_id"])

    def _text(self, statement: ClauseElement, order: Sequence[str] = ()) -> str:
        compiled = statement.compile(dialect=self._dialect)
        if order:
            bound = getattr(compiled, "positiontup", None)
            check(list(bound or ()) == list(order), f"{statement} binds {bound}, not {order}")
        return str(compiled)


@cache
def sqlite_statements() -> Statements:
    """The statements for SQLite, compiled once per process."""
    return Statements(dialect_of_sqlite())
