"""What readers get: status, lists, totals, exports, and messages about what cannot be read."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from stretto.core.errors import InvalidInput, JournalDamaged, JournalUnavailable
from stretto.core.terms.report import ExecType
from stretto.journal.entries import prepare
from stretto.journal.sqlite import SqliteJournal
from stretto.views.export import ExportFormat, export_entries, export_table, tables
from stretto.views.projector import SqlProjector
from stretto.views.queries import (
    book_totals,
    execution_status,
    list_executions,
    open_read_only,
)
from tests.unit.views.samples import BOOK
from tests.unit.views.world import World

PRICE = Decimal("1.08512")


class Setting:
    """A database with one working, one completed and one refused signal; its journal stays open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.world = world = World()
        self.working = world.plan("s1", {"alpha": Decimal(1000), "beta": Decimal(2000)})
        world.release(self.working, "alpha")
        world.report(self.working, "alpha", ExecType.TRADE, quantity=Decimal(600), price=PRICE)
        self.completed = world.plan("s2", {"gamma": Decimal(500)})
        world.release(self.completed, "gamma")
        world.report(self.completed, "gamma", ExecType.TRADE, quantity=Decimal(500), price=PRICE)
        world.refuse("s3")
        self.journal, self.projector = SqliteJournal(path, BOOK), SqlProjector(BOOK)
        self.journal.open()
        self.done = 0
        self.write()

    def write(self) -> None:
        entries = self.world.entries[self.done :]
        prepared = [prepare(e, book_id=BOOK, engine_version="test") for e in entries]
        self.journal.append(prepared, lambda c: self.projector.apply(c, entries))
        self.done += len(entries)


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    made = Setting(tmp_path / "book.db")
    yield made
    made.journal.close()


@pytest.fixture
def connection(setting: Setting) -> Iterator[sqlite3.Connection]:
    made = open_read_only(setting.path)
    yield made
    made.close()


def test_executions_are_listed_newest_first_and_paged(
    setting: Setting, connection: sqlite3.Connection
) -> None:
    found = list_executions(connection)
    assert [(e.signal_id, e.status) for e in found] == [
        ("s3", "refused"),
        ("s2", "completed"),
        ("s1", "working"),
    ]
    assert found[2].execution_id == setting.working
    older = list_executions(connection, book_id=BOOK, before_seq=5, limit=1)
    assert [e.signal_id for e in older] == ["s1"]
    assert list_executions(connection, book_id="other") == []


def test_the_status_of_an_execution_accounts_for_every_unit(
    setting: Setting, connection: sqlite3.Connection
) -> None:
    status = execution_status(connection, setting.working)
    assert status is not None
    sums = status.summary.quantities
    assert (sums.intended, sums.filled, sums.working, sums.pending) == tuple(
        map(Decimal, (3000, 600, 400, 2000))
    )
    alpha, beta = status.allocations
    assert (alpha["filled_quantity"], alpha["fill_price"]) == (600, PRICE)
    assert (beta["execution_status"], beta["pending_quantity"]) == ("pending", 2000)
    (order,) = status.orders
    assert (order["account_id"], order["state"], order["cum_qty"]) == (
        "alpha",
        "partially_filled",
        "600",
    )
    (fill,) = status.fills
    assert (fill["quantity"], fill["price"]) == ("600", "1.08512")
    assert status.plan["distribution_plan"][0]["position_size"] == 1000
    assert [r["stage"] for r in status.refusals] == ["selection"]
    kinds = [row["event_type"] for row in status.timeline]
    assert kinds == ["signal_planned", "order_intended", "order_advanced", "fill_booked"]


def test_an_execution_is_found_by_signal_and_a_refusal_too(connection: sqlite3.Connection) -> None:
    refused = execution_status(connection, "s3")
    assert refused is not None
    assert refused.summary.status == "refused"
    assert [r["stage"] for r in refused.refusals] == ["plan", "selection"]
    assert execution_status(connection, "s9") is None


def test_a_refusal_at_dispatch_is_among_the_refusals(
    setting: Setting, connection: sqlite3.Connection
) -> None:
    setting.world.miss_window(setting.working, "beta")
    setting.write()
    status = execution_status(connection, setting.working)
    assert status is not None
    assert [(r["stage"], r["rule"]) for r in status.refusals] == [
        ("selection", "copy_policy"),
        ("dispatch", "window_passed"),
    ]


def test_totals_add_up(connection: sqlite3.Connection) -> None:
    totals = book_totals(connection)
    assert (totals.signals, totals.signals_refused, totals.executions) == (3, 1, 2)
    assert (totals.accounts, totals.orders, totals.fills) == (3, 2, 2)
    sums = totals.quantities
    assert (sums.intended, sums.filled) == (Decimal(3500), Decimal(1100))
    assert sums.intended == sum(
        (sums.filled, sums.working, sums.in_doubt, sums.pending, sums.abandoned)
    )
    assert book_totals(connection, "other").quantities.intended == 0


def test_readers_neither_write_nor_lock_the_writer_out(
    setting: Setting, connection: sqlite3.Connection
) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM execution_results")
    cursor = connection.execute("SELECT * FROM execution_audit_log")
    cursor.fetchone()
    connection.execute("BEGIN")
    assert book_totals(connection).signals == 3
    setting.world.refuse("s4")
    setting.write()
    assert book_totals(connection).signals == 3
    cursor.close()
    connection.execute("COMMIT")
    assert book_totals(connection).signals == 4


def test_what_is_no_database_ends_in_one_message_with_the_place(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    with pytest.raises(JournalUnavailable, match=r"missing\.db: there is no such database"):
        open_read_only(missing)
    text = tmp_path / "text.db"
    text.write_text("this is no database, but it is long enough to look like one" * 20)
    with pytest.raises(JournalDamaged, match=r"text\.db: cannot be read"):
        open_read_only(text)
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    empty.touch()
    with pytest.raises(JournalUnavailable, match="stretto rebuild"):
        open_read_only(empty)


@pytest.mark.parametrize("name", tables())
def test_every_table_is_exported_row_by_row(connection: sqlite3.Connection, name: str) -> None:
    stored = connection.execute(f"SELECT * FROM {name}").fetchall()
    out = io.StringIO()
    assert export_table(connection, name, ExportFormat.CSV, out) == len(stored)
    header, *lines = csv.reader(io.StringIO(out.getvalue()))
    shown = [["" if value is None else str(value) for value in row] for row in stored]
    assert lines == shown
    out = io.StringIO()
    assert export_table(connection, name, ExportFormat.JSONL, out, BOOK) == len(stored)
    rows = [json.loads(line, parse_float=Decimal) for line in out.getvalue().splitlines()]
    assert all(set(row) == set(header) for row in rows)


def test_exported_json_keeps_numbers_exact_and_json_as_json(
    connection: sqlite3.Connection,
) -> None:
    out = io.StringIO()
    export_table(connection, "execution_results", ExportFormat.JSONL, out)
    lines = out.getvalue().splitlines()
    row = next(r for r in map(json.loads, lines) if r["account_id"] == "alpha")
    assert row["filled_quantity"] == 600
    assert row["recovery_actions"] == []
    assert '"fill_price":1.08512' in out.getvalue()


def test_the_journal_is_exported_with_its_hashes(setting: Setting) -> None:
    out = io.StringIO()
    assert export_entries(setting.journal.read(), ExportFormat.JSONL, out) == setting.done
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert rows[-1]["hash"] == setting.journal.head[1].hex()
    assert rows[1]["payload"]["events"][0]["type"] == "signal_planned"
    out = io.StringIO()
    export_entries(setting.journal.read(), ExportFormat.CSV, out)
    table = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["hash"] for row in table] == [row["hash"] for row in rows]
    assert json.loads(table[1]["payload"]) == rows[1]["payload"]


def test_an_unknown_table_is_named(connection: sqlite3.Connection) -> None:
    with pytest.raises(InvalidInput, match="'orders' is no table; expected one of"):
        export_table(connection, "orders", ExportFormat.CSV, io.StringIO())
