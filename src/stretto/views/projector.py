"""Writes the query tables from handled inputs, inside the journal's own transaction.

The tables are a function of the entries alone: whatever the batches, and wherever a process
started, the rows are the same bytes. Open allocations are cached; a miss reads the row back.
Never commits. Knows no concrete journal.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from stretto.core import events as ev
from stretto.core.errors import StrettoError, check
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import BookConfig
from stretto.ports import PreparedEntry
from stretto.views import schema
from stretto.views.actions import acted_on
from stretto.views.audit import audit_rows
from stretto.views.result_rows import order_events, planned, rerouted_to, restored
from stretto.views.results import COLUMNS, MOVING, SETTLING, Result
from stretto.views.rows import (
    ACCOUNT_CONFIGURED,
    ACCOUNT_OBSERVED,
    account_row,
    account_values,
    decision_row,
    instrument_row,
    observed_values,
    signal_row,
)
from stretto.views.texts import timestamp

PROJECTOR = "query_tables.5"
"""Name and layout of this projection. Raise it with any change of a table's layout, of what a row
says or of an event's shape (the audit log is read back): the tables then ask for a rebuild."""

CAUSES_OF_OWN_FILLS = ("entry", "exit")

OfBook = (
    ev.SignalPlanned
    | ev.SignalRefused
    | ev.BookConfigured
    | ev.AccountUpdated
    | ev.AccountHalted
    | ev.AccountExcluded
    | ev.AccountRestored
    | ev.CircuitChanged
    | ev.VenueThrottled
    | ev.AlertRaised
    | ev.AlertCleared
    | ev.ExecutionEnded
    | ev.HistoryRecorded
    | ev.BarsRecorded
    | ev.CalendarRecorded
    | ev.DifferenceFound
    | ev.AccountReconciled
    | ev.ReconciliationRequired
    | ev.PersonIntervened
    | ev.InterventionRefused
    | ev.ExecutionPaused
    | ev.ExecutionResumed
    | ev.KillSwitchThrown
    | ev.KillSwitchReleased
    | ev.AccountReleased
    | ev.FlattenBegun
    | ev.FlattenAwaited
    | ev.Flattened
    | ev.PositionAdopted
    | ev.PositionDismissed
    | ev.VenueOrderDismissed
    | ev.VenueOrderCancelRequested
)
"""Events that are not about one allocation."""


class ProjectionBehind(StrettoError):
    """The tables do not stand where the journal does, or were written in another layout."""


class _Sql:
    """The statements of the hot path, compiled once."""

    def __init__(self, statements: schema.Statements) -> None:
        s = statements
        self.create = s.create
        self.position = s.read(schema.projection_position, ["projector", "seq"], ["book_id"])
        self.start = s.insert(schema.projection_position)
        self.move = s.update(schema.projection_position, ["seq"])
        self.pips = s.read(schema.trading_instruments, ["symbol", "pip"], ["book_id"])
        self.drop_instruments = s.delete(schema.trading_instruments)
        self.instrument = s.insert(schema.trading_instruments)
        self.account = s.insert(
            schema.trading_accounts, ("book_id", "account_id", *ACCOUNT_CONFIGURED)
        )
        self.account_configured = s.update(schema.trading_accounts, ACCOUNT_CONFIGURED)
        self.account_observed = s.update(schema.trading_accounts, ACCOUNT_OBSERVED)
        self.account_halted = s.update(
            schema.trading_accounts, ["halted_reason", "halted_at", "updated_seq"]
        )
        self.account_excluded = s.update(
            schema.trading_accounts, ["excluded_reason", "excluded_until", "updated_seq"]
        )
        self.account_compared = s.update(schema.trading_accounts, ["compared_at", "updated_seq"])
        self.account_left = s.update(schema.trading_accounts, ["configured", "updated_seq"])
        self.configured = s.read(schema.trading_accounts, ["account_id"], ["book_id", "configured"])
        self.signal = s.insert(schema.trading_signals)
        self.receipts = s.read(schema.trading_signals, ["receipts"], ["book_id", "signal_id"])
        self.received_again = s.update(schema.trading_signals, ["receipts"])
        self.decision = s.insert(schema.execution_decisions)
        self.audit = s.insert(schema.execution_audit_log)
        self.result = s.insert(schema.execution_results)
        self.result_moved = s.update(schema.execution_results, MOVING)
        self.result_redrawn = s.update(schema.execution_results, COLUMNS[schema.RESULT_RELEASE :])
        self.result_changed = s.update(schema.execution_results, (*MOVING, *SETTLING))
        key = ["book_id", "decision_id", "account_id"]
        self.result_read = s.read(schema.execution_results, COLUMNS, key)
        key = ["book_id", "execution_id", "account_id"]
        self.events = s.read(schema.execution_audit_log, ["event_type", "event_data"], key)


@cache
def _sqlite() -> _Sql:
    return _Sql(schema.sqlite_statements())


class SqlProjector:
    """Projects one book's entries into the tables of ``schema`` (ports.Projector).

    ``connection`` is a DB-API connection whose transaction the caller began and will end. One
    projector serves one writer; after any failure it forgets what it knew and reads the tables.
    """

    def __init__(self, book_id: str) -> None:
        self._book_id = book_id
        self._sql = _sqlite()
        self._forget()

    def create(self, connection: sqlite3.Connection) -> None:
        """Make missing tables and this book's position. Raises ProjectionBehind where the tables of
        this book were written in another layout.
        """
        for statement in self._sql.create:
            connection.execute(statement)
        held = connection.execute(self._sql.position, (self._book_id,)).fetchall()
        if not held:
            connection.execute(self._sql.start, (self._book_id, PROJECTOR, 0))
        elif held[0][0] != PROJECTOR or len(held) > 1:
            raise ProjectionBehind(
                f"the query tables of book {self._book_id!r} have the layout {held[0][0]!r}, this "
                f"release writes {PROJECTOR!r}: run `stretto rebuild`"
            )

    def position(self, connection: sqlite3.Connection) -> int:
        """Sequence of the last entry in the tables, 0 where there is none."""
        held = connection.execute(self._sql.position, (self._book_id,)).fetchone()
        return 0 if held is None else int(held[1])

    def apply(
        self,
        connection: sqlite3.Connection,
        entries: Sequence[ev.Entry],
        prepared: Sequence[PreparedEntry] = (),
    ) -> None:
        """Project handled inputs in order. Raises ProjectionBehind where they do not follow the
        position; whatever is raised, the caller rolls the transaction back.
        """
        if not entries:
            return
        try:
            stored = [each.events for each in prepared] or [()] * len(entries)
            self._apply(connection, entries, stored)
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._position = 0
        self._pips: dict[str, Decimal] = {}
        self._results: dict[tuple[str, str], Result] = {}
        self._clear()

    def _clear(self) -> None:
        self._changed: dict[tuple[str, str], Result] = {}
        self._audit: list[tuple[Any, ...]] = []
        self._decisions: list[tuple[Any, ...]] = []

    def _apply(
        self,
        connection: sqlite3.Connection,
        entries: Sequence[ev.Entry],
        stored: Sequence[tuple[bytes, ...]],
    ) -> None:
        if connection is not self._connection:
            self.create(connection)
        position = self.position(connection)
        if connection is not self._connection or position != self._position:
            self._forget()
            self._connection = connection
            pips = connection.execute(self._sql.pips, (self._book_id,)).fetchall()
            self._pips = {symbol: Decimal(pip) for symbol, pip in pips}
        if entries[0].seq != position + 1:
            raise ProjectionBehind(
                f"the query tables of book {self._book_id!r} stand at entry {position}, the next "
                f"one is {entries[0].seq}: run `stretto rebuild`"
            )
        for entry, events in zip(entries, stored, strict=True):
            position += 1
            check(entry.seq == position, "entry {} cannot follow entry {}", entry.seq, position - 1)
            self._audit += audit_rows(self._book_id, entry, events)
            for event in entry.events:
                self._project(connection, event, entry)
        self._flush(connection, position)

    def _flush(self, connection: sqlite3.Connection, position: int) -> None:
        sql = self._sql
        new: list[tuple[Any, ...]] = []
        moved: list[tuple[Any, ...]] = []
        settled: list[tuple[Any, ...]] = []
        redrawn: list[tuple[Any, ...]] = []
        for key, result in self._changed.items():
            if result.is_new:
                new.append((*result.fixed, *result.moved(), *result.settled()))
            elif result.is_redrawn:
                values = (*result.fixed[schema.RESULT_RELEASE :], *result.moved())
                redrawn.append((*values, *result.settled(), *result.fixed[:3]))
            elif result.is_only_moved:
                moved.append((*result.moved(), *result.fixed[:3]))
            else:
                settled.append((*result.moved(), *result.settled(), *result.fixed[:3]))
            result.is_new, result.is_only_moved, result.is_redrawn = False, True, False
            if result.completed_at is not None:  # a late fill reads it back
                self._results.pop(key, None)
        for statement, rows in (
            (sql.decision, self._decisions),
            (sql.result, new),
            (sql.result_moved, moved),
            (sql.result_changed, settled),
            (sql.result_redrawn, redrawn),
            (sql.audit, self._audit),
        ):
            if rows:
                connection.executemany(statement, rows)
        connection.execute(sql.move, (position, self._book_id, PROJECTOR))
        self._position = position
        self._clear()

    def _project(self, connection: sqlite3.Connection, event: ev.Event, entry: ev.Entry) -> None:
        match event:
            case ev.OrderAdvanced():
                result = self._result(connection, event.execution_id, event.account_id, entry)
                result.order_advanced(event, entry.at)
            case ev.OrderIntended():
                order = event.order
                result = self._result(connection, order.execution_id, order.account_id, entry)
                result.order_intended(event, entry.at)
            case ev.FillBooked():
                if event.cause in CAUSES_OF_OWN_FILLS:
                    result = self._result(connection, event.execution_id, event.account_id, entry)
                    result.fill_booked(event, entry.at)
            case ev.AllocationEnded():
                result = self._result(connection, event.execution_id, event.account_id, entry)
                result.allocation_ended(event, entry.at)
            case ev.OrderQueried():
                result = self._result(connection, event.execution_id, event.account_id, entry)
                result.order_queried(event, entry.at)
            case ev.AllocationAdjusted() | ev.RemainderAbandoned() | ev.AllocationReduced():
                result = self._result(connection, event.execution_id, event.account_id, entry)
                result.adjusted(event, entry.at)
            case ev.LegScheduled():
                result = self._result(connection, event.execution_id, event.account_id, entry)
                result.leg_scheduled(event, entry.at)
            case ev.RemainderRerouted():
                result = self._result(connection, event.execution_id, event.account_id, entry)
                key = (event.execution_id, event.share.account_id)
                moved = rerouted_to(result, event, entry.at, entry.seq)
                self._changed[key] = self._results[key] = moved
                result.rerouted(event, entry.at)
            case (
                ev.OrderFailed()
                | ev.CompletionAssessed()
                | ev.CancelRequested()
                | ev.ReplaceRequested()
                | ev.PendingHeld()
                | ev.PendingFreed()
                | ev.OrderProvenDead()
                | ev.OrderMissed()
                | ev.ReleaseScheduled()
                | ev.LevelsChanged()
                | ev.AmendRequested()
                | ev.ProtectionAmended()
                | ev.AmendFailed()
                | ev.StopChecked()
                | ev.ProtectionFailed()
                | ev.LimitChanged()
                | ev.LimitSettled()
            ):
                result = self._result(connection, acted_on(event), event.account_id, entry)
                result.acted(event, entry.at)
            case ev.InterventionRequired() | ev.InterventionResolved():
                if event.execution_id:
                    result = self._result(connection, event.execution_id, event.account_id, entry)
                    result.intervention(event, entry.at)
            case ev.ReleaseDeferred() | ev.CorrelationBreached():
                pass  # the window counts from the plan; the audit log says what it waits for
            case _:
                self._project_of_book(connection, event, entry)

    def _project_of_book(
        self, connection: sqlite3.Connection, event: OfBook, entry: ev.Entry
    ) -> None:
        match event:
            case ev.SignalPlanned():
                self._decided(connection, event.plan, entry)
                self._planned(event.plan, entry.seq)
            case ev.SignalRefused():
                self._decided(connection, event.plan, entry)
            case ev.BookConfigured():
                self._configured(connection, event.config, entry.seq)
            case ev.AccountUpdated():
                key = (self._book_id, event.snapshot.account_id)
                values = observed_values(event, entry.seq)
                connection.execute(self._sql.account_observed, (*values, *key))
            case ev.AccountHalted():
                halted = (event.reason, timestamp(entry.at), entry.seq)
                key = (self._book_id, event.account_id)
                connection.execute(self._sql.account_halted, (*halted, *key))
            case ev.AccountExcluded():
                until = None if event.until is None else timestamp(event.until)
                key = (self._book_id, event.account_id)
                connection.execute(
                    self._sql.account_excluded, (event.reason, until, entry.seq, *key)
                )
            case ev.AccountRestored():
                key = (self._book_id, event.account_id)
                connection.execute(self._sql.account_excluded, (None, None, entry.seq, *key))
            case ev.AccountReconciled():
                if event.complete:
                    key = (self._book_id, event.account_id)
                    values = (timestamp(event.at), entry.seq, *key)
                    connection.execute(self._sql.account_compared, values)
            case ev.AccountReleased():
                key = (self._book_id, event.account_id)
                connection.execute(self._sql.account_halted, (None, None, entry.seq, *key))
            case _:
                pass  # it follows from the results, is cited by decisions, or stands in the log

    def _result(
        self, connection: sqlite3.Connection, execution_id: str, account_id: str, entry: ev.Entry
    ) -> Result:
        """The allocation's row, about to change in ``entry``."""
        key = (execution_id, account_id)
        result = self._results.get(key)
        if result is None:
            row = connection.execute(self._sql.result_read, (self._book_id, *key)).fetchone()
            check(row is not None, f"{execution_id}/{account_id} has no row in execution_results")
            events = connection.execute(self._sql.events, (self._book_id, *key)).fetchall()
            result = self._results[key] = restored(row, order_events(events))
        result.seq = entry.seq
        self._changed[key] = result
        return result

    def _planned(self, plan: Plan, seq: int) -> None:
        pip = self._pips.get(plan.signal.symbol)
        for share in plan.allocations:
            key = (plan.execution_id, share.account_id)
            self._changed[key] = self._results[key] = planned(self._book_id, plan, share, pip, seq)

    def _decided(self, connection: sqlite3.Connection, plan: Plan, entry: ev.Entry) -> None:
        self._decisions.append(decision_row(self._book_id, plan, entry.seq))
        key = (self._book_id, plan.signal.signal_id)
        held = connection.execute(self._sql.receipts, key).fetchone()
        if held is None:
            row = signal_row(self._book_id, plan, entry.seq, entry.at)
            connection.execute(self._sql.signal, row)
        else:
            connection.execute(self._sql.received_again, (held[0] + 1, *key))

    def _configured(self, connection: sqlite3.Connection, config: BookConfig, seq: int) -> None:
        sql, book_id = self._sql, self._book_id
        connection.execute(sql.drop_instruments, (book_id,))
        instruments = [instrument_row(book_id, i) for _, i in sorted(config.instruments.items())]
        connection.executemany(sql.instrument, instruments)
        self._pips = {symbol: i.pip for symbol, i in config.instruments.items()}
        for (account_id,) in connection.execute(sql.configured, (book_id, 1)).fetchall():
            if account_id not in config.accounts:
                connection.execute(sql.account_left, (0, seq, book_id, account_id))
        for account_id, account in sorted(config.accounts.items()):
            values = (*account_values(account, seq), book_id, account_id)
            if not connection.execute(sql.account_configured, values).rowcount:
                connection.execute(sql.account, account_row(book_id, account, seq))
