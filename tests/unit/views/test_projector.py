"""The projector: tables, decisions, accounts, the audit log, gaps, and one transaction."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.errors import InvariantViolated
from stretto.core.messages.recovery import on_recovered
from stretto.core.terms.report import ExecType
from stretto.core.terms.signal import Urgency
from stretto.journal.entries import prepare
from stretto.journal.memory import MemoryJournal
from stretto.views import schema
from stretto.views.audit import KIND
from stretto.views.projector import PROJECTOR, ProjectionBehind, SqlProjector
from stretto.views.rebuild import digest_tables
from tests.unit.views.samples import BOOK
from tests.unit.views.tables import project, rows
from tests.unit.views.world import World

# The names of DESIGN §6.
DECISION_COLUMNS = """decision_id signal_id execution_strategy selected_accounts
    account_selection_rationale distribution_plan timing_plan correlation_analysis
    decision_timestamp"""
RESULT_COLUMNS = """result_id decision_id account_id execution_status fill_status filled_quantity
    fill_price execution_latency_ms slippage_pips partial_fills failure_reason recovery_actions
    completed_at"""
AUDIT_COLUMNS = """audit_id execution_id event_type account_id event_data rationale
    compliance_notes correlation_id timestamp"""


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        pytest.param("execution_decisions", DECISION_COLUMNS, marks=pytest.mark.requirement("D1")),
        pytest.param("execution_results", RESULT_COLUMNS, marks=pytest.mark.requirement("D2")),
        pytest.param("execution_audit_log", AUDIT_COLUMNS, marks=pytest.mark.requirement("D3")),
        ("trading_signals", "signal_id"),
        ("trading_accounts", "account_id"),
        ("projection_position", "book_id projector seq"),
    ],
)
def test_tables_have_the_columns_of_the_design(
    connection: sqlite3.Connection, table: str, columns: str
) -> None:
    SqlProjector(BOOK).create(connection)
    found = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]
    assert set(columns.split()) <= set(found)
    assert tuple(found) == schema.names(schema.metadata.tables[table])


@pytest.mark.requirement("R6.1")
def test_a_decision_row_holds_the_plan_in_the_documented_json(
    connection: sqlite3.Connection,
) -> None:
    world = World()
    world.plan("s1", {"alpha": Decimal("93000"), "beta": Decimal("104000.0")})
    project(connection, world)
    (row,) = rows(connection, "execution_decisions")

    def parsed(name: str) -> Any:
        return json.loads(row[name], parse_float=Decimal, parse_int=Decimal)

    assert parsed("distribution_plan")[0] == {
        "account_id": "alpha",
        "base_size": 100_000,
        "position_size": 93_000,
        "variance_applied": Decimal("-0.073"),
        "execution_priority": 0,
    }
    assert parsed("timing_plan")[1] == {
        "account_id": "beta",
        "delay_s": Decimal("7.25"),
        "execution_window_start": "2026-08-06T07:06:47.374956789Z",
        "execution_window_end": "2026-08-06T07:07:17.374956789Z",
        "timing_rationale": "bucket 5-15 s",
    }
    assert parsed("selected_accounts")[0] == {
        "account_id": "alpha",
        "total_score": Decimal("0.734512"),
        "factors": {
            "margin_score": Decimal("0.9"),
            "risk_budget_score": 1,
            "health_score": Decimal("0.000001"),
            "performance_score": Decimal("0.5"),
            "correlation_score": 0,
        },
        "selection_confidence": Decimal("0.812"),
    }
    analysis = parsed("correlation_analysis")
    assert analysis["is_viable"] is True
    assert analysis["expected_correlation"] == Decimal("0.412")
    assert analysis["threshold"] == Decimal("0.7")
    assert analysis["suggested_accounts"] == ["alpha", "beta"]
    rationale = parsed("account_selection_rationale")
    assert [c["account_id"] for c in rationale["candidates"]] == ["alpha", "beta", "spare"]
    assert rationale["refusals"] == [
        {
            "account_id": "gamma",
            "rule": "copy_policy",
            "compared": {"owner": "x", "accounts": "2"},
            "would_pass": "another owner",
            "clause": "4.2 no copying",
        }
    ]
    assert rationale["alternatives"] == ["spare"]
    assert row["execution_strategy"] == "staggered"
    assert row["intended_quantity"] == "197000"


def test_a_refused_signal_has_a_decision_and_the_refusals(connection: sqlite3.Connection) -> None:
    world = World()
    world.refuse("s1")
    world.refuse("s1")
    project(connection, world)
    first, second = rows(connection, "execution_decisions")
    assert first["execution_strategy"] == "refused"
    assert first["decision_id"] != second["decision_id"]
    rationale = json.loads(first["account_selection_rationale"])
    assert rationale["refused"]["rule"] == first["refused_rule"] == "no_eligible_account"
    assert rationale["refusals"][0]["account_id"] == "gamma"
    assert json.loads(first["distribution_plan"]) == json.loads(first["timing_plan"]) == []
    assert json.loads(first["correlation_analysis"])["is_viable"] is False
    (signal,) = rows(connection, "trading_signals")
    assert (signal["signal_status"], signal["receipts"]) == ("refused", 2)


def test_immediate_release_is_said(connection: sqlite3.Connection) -> None:
    world = World()
    world.plan("s1", {"alpha": Decimal(1000)}, urgency=Urgency.IMMEDIATE)
    project(connection, world)
    assert rows(connection, "execution_decisions")[0]["execution_strategy"] == "immediate"


def test_the_audit_log_has_every_event_of_an_execution_or_account(
    connection: sqlite3.Connection,
) -> None:
    world = World()
    world.bars()
    world.history("beta")
    world.observe("alpha", Decimal("100500.5"))
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.release(execution, "alpha")
    project(connection, world)
    found = {r["audit_id"]: r for r in rows(connection, "execution_audit_log")}
    encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
    expected = {
        f"{entry.seq}.{index}": encoder.encode(event).decode()
        for entry in world.entries
        for index, event in enumerate(entry.events)
        if not isinstance(event, ev.BookConfigured | ev.BarsRecorded)
    }
    assert {audit_id: r["event_data"] for audit_id, r in found.items()} == expected
    assert found["4.0"]["account_id"] == "alpha"
    assert found["5.0"]["execution_id"] == found["5.0"]["correlation_id"] == execution
    assert found["5.0"]["compliance_notes"] == "gamma: copy_policy: 4.2 no copying"


def test_an_entry_about_several_executions_mixes_none_of_them_up(
    connection: sqlite3.Connection,
) -> None:
    world = World()
    executions = [world.plan(name, {"alpha": Decimal(1000)}) for name in ("s1", "s2")]
    for execution in executions:
        world.release(execution, "alpha")
    item = ev.BookRecovered(engine_version="test")
    halted = ev.AccountHalted(account_id="beta", reason="by hand")
    world.record(item, *on_recovered(world.book, world.at), halted)
    project(connection, world)
    recovered = [r for r in rows(connection, "execution_audit_log") if r["seq"] == 6]
    assert {r["execution_id"] for r in recovered} == {*executions, None}
    assert all(r["correlation_id"] == r["execution_id"] for r in recovered)


def test_every_event_has_its_name_in_the_audit_log() -> None:
    assert {kind: ev.kind_of(kind) for kind in get_args(ev.Event)} == KIND


def test_accounts_follow_configuration_and_snapshots(connection: sqlite3.Connection) -> None:
    world = World()
    world.observe("alpha", Decimal("100500.50"))
    project(connection, world)
    config = msgspec.structs.replace(
        world.book.configuration,
        accounts={"alpha": world.book.configuration.accounts["alpha"]},
    )
    world.record(ev.BookOpened(config=config), ev.BookConfigured(config=config))
    project(connection, world)
    accounts = {row["account_id"]: row for row in rows(connection, "trading_accounts")}
    assert accounts["alpha"]["equity"] == "100500.5"
    assert [accounts[name]["configured"] for name in ("alpha", "beta", "gamma")] == [1, 0, 0]


def test_a_gap_is_refused_and_nothing_is_written(connection: sqlite3.Connection) -> None:
    world = World()
    world.plan("s1", {"alpha": Decimal(1000)})
    world.refuse("s2")
    project(connection, world)
    before = digest_tables(connection)
    for name in ("s3", "s4", "s5"):
        world.refuse(name)
    with pytest.raises(ProjectionBehind, match="stand at entry 3, the next one is 5"):
        SqlProjector(BOOK).apply(connection, world.entries[4:])
    connection.execute("BEGIN")
    with pytest.raises(InvariantViolated, match="entry 6 cannot follow entry 4"):
        SqlProjector(BOOK).apply(connection, [world.entries[3], world.entries[5]])
    connection.execute("ROLLBACK")
    assert digest_tables(connection) == before


def test_tables_of_another_layout_ask_for_a_rebuild(connection: sqlite3.Connection) -> None:
    world = World()
    project(connection, world)
    connection.execute("UPDATE projection_position SET projector = 'query_tables.0'")
    with pytest.raises(ProjectionBehind, match="stretto rebuild"):
        SqlProjector(BOOK).create(connection)


def test_the_position_is_that_of_the_last_entry(connection: sqlite3.Connection) -> None:
    world = World()
    world.refuse("s1")
    project(connection, world)
    assert rows(connection, "projection_position") == [
        {"book_id": BOOK, "projector": PROJECTOR, "seq": 2}
    ]


class Broken(SqlProjector):
    """Fails after it wrote."""

    def apply(self, connection: sqlite3.Connection, entries: Any, prepared: Any = ()) -> None:
        super().apply(connection, entries, prepared)
        raise OSError("no space left on device")


@pytest.mark.requirement("D2")
def test_journal_and_tables_are_written_together_or_not_at_all() -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    journal, projector = MemoryJournal(BOOK), SqlProjector(BOOK)
    journal.open()

    def append(done: int, with_projector: SqlProjector) -> None:
        entries = world.entries[done:]
        prepared = [prepare(e, book_id=BOOK, engine_version="test") for e in entries]
        journal.append(prepared, lambda tables: with_projector.apply(tables, entries))

    append(0, projector)
    tables = journal.store.tables
    before = (journal.head, digest_tables(tables))
    done = len(world.entries)
    world.release(execution, "alpha")
    world.report(
        execution, "alpha", ExecType.TRADE, quantity=Decimal(1000), price=Decimal("1.0851")
    )
    with pytest.raises(Exception, match="no space left"):
        append(done, Broken(BOOK))
    journal.close()
    journal.open()
    assert (journal.head, digest_tables(tables)) == before
    append(done, projector)
    assert projector.position(tables) == journal.head[0] == len(world.entries)
    journal.close()
