"""Cost of the query tables: microseconds per entry of an order's life, and per candidate of a plan.

Run as ``python -m bench projector``. Every order lives through four entries (intended, sent,
acknowledged, filled with its end); batches are those of group commit. The database is on disk with
the journal's settings; the journal's own rows and the commit are not measured, only ``apply``.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from bench.scale import scaled
from stretto.core import events as ev
from stretto.core.orders.booking import Fill
from stretto.core.orders.order_changes import OrderChanges
from stretto.core.orders.order_record import Order
from stretto.core.orders.order_table import OrderState
from stretto.core.terms.market import Instrument, Quote, Reads
from stretto.core.terms.plan import Candidate, Factors, Plan, PlannedAllocation
from stretto.core.terms.policy import BookConfig, Policy
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import OrderRole, OrderType
from stretto.core.terms.signal import Action, PerAccount, Signal
from stretto.core.values import NS_PER_S, Side, client_order_id, execution_id
from stretto.views.projector import SqlProjector

BOOK = "bench"
START = 1_786_000_000 * NS_PER_S
SIZE = Decimal(93_000)
PRICE = Decimal("1.08512")
ACCOUNTS_PER_EXECUTION = 25
RUNS = scaled(5, 1)
EXECUTIONS = scaled(80, 20)
INPUT = ev.BookRecovered(engine_version="bench")


def entry(seq: int, *events: ev.Event) -> ev.Entry:
    """One handled input with these events; what the input was does not matter to the tables."""
    return ev.Entry(seq=seq, at=START + seq * 1_000_003, input=INPUT, reads=Reads(), events=events)


def opened() -> ev.Entry:
    """The book's configuration: one instrument."""
    pip, tick = Decimal("0.0001"), Decimal("0.00001")
    instrument = Instrument(
        symbol="EURUSD", base_currency="EUR", quote_currency="USD", pip=pip, tick=tick
    )
    config = BookConfig(
        book_id=BOOK,
        book_key="seed",
        currency="USD",
        policy=Policy(),
        instruments={"EURUSD": instrument},
        rulebooks={},
        accounts={},
    )
    return entry(1, ev.BookConfigured(config=config))


def plan_of(number: int, selected: int, candidates: int, refused: int) -> Plan:
    """A plan of a given width."""
    wanted = Signal(
        signal_id=f"signal-{number}",
        strategy_id="bench",
        action=Action.OPEN,
        symbol="EURUSD",
        side=Side.BUY,
        size=PerAccount(quantity=SIZE),
        generated_at=START,
        valid_until=START + 3_600 * NS_PER_S,
    )
    return Plan(
        execution_id=execution_id(BOOK, wanted.signal_id),
        signal=wanted,
        decided_at=START,
        quote=Quote(symbol="EURUSD", at=START, bid=Decimal("1.08500"), ask=Decimal("1.08510")),
        candidates=tuple(_candidate(n, n < selected) for n in range(candidates)),
        refusals=tuple(_refusal(n) for n in range(refused)),
        allocations=tuple(_share(n) for n in range(selected)),
        alternatives=(),
        correlation=None,
    )


def _candidate(number: int, selected: bool) -> Candidate:
    return Candidate(
        account_id=f"account-{number:05}",
        rank=number,
        total_score=734_512,
        factors=Factors(
            margin_score=900_000 - number,
            risk_budget_score=812_345,
            health_score=1_000_000,
            performance_score=500_000 + number,
            correlation_score=300_001,
        ),
        selection_confidence=812_000,
        rotation=3,
        base_size=Decimal(100_000),
        position_size=SIZE,
        variance_applied=-70_000,
        size_rationale="dispersed 93000 of 100000",
        required_margin=Decimal("3330.00"),
        risk=Decimal("200.00"),
        selected=selected,
    )


def _refusal(number: int) -> Refusal:
    return Refusal(
        rule=Rule.RISK_BUDGET,
        account_id=f"refused-{number:05}",
        compared={"risk_usd": "200.00", "room_usd": "150.00"},
        would_pass="a risk of 150.00 USD",
    )


def _share(number: int) -> PlannedAllocation:
    return PlannedAllocation(
        account_id=f"account-{number:05}",
        base_size=Decimal(100_000),
        position_size=SIZE,
        variance_applied=-70_000,
        size_rationale="dispersed 93000 of 100000",
        execution_priority=number + 1,
        delay_ns=7 * NS_PER_S,
        drawn_ns=7 * NS_PER_S,
        release_at=START + 7 * NS_PER_S,
        window_end=START + 37 * NS_PER_S,
        timing_rationale="bucket 5-15 s",
        margin=Decimal("3330.00"),
        risk=Decimal("200.00"),
    )


def lives(executions: int) -> Iterator[tuple[bool, ev.Entry]]:
    """Entries of many orders, the accounts of an execution in step; True for those of an order."""
    yield False, opened()
    seq = 1
    for number in range(executions):
        plan = plan_of(number, ACCOUNTS_PER_EXECUTION, ACCOUNTS_PER_EXECUTION, 0)
        seq += 1
        yield False, entry(seq, ev.SignalPlanned(plan=plan))
        for stage in range(4):
            for share in plan.allocations:
                seq += 1
                last = share is plan.allocations[-1]
                yield True, entry(seq, *_stage(stage, plan, share.account_id, seq, last))


def _stage(stage: int, plan: Plan, account_id: str, seq: int, last: bool) -> list[ev.Event]:
    execution, at = plan.execution_id, START + seq * 1_000_003
    order_id = client_order_id(BOOK, execution, account_id, 1)
    if stage == 0:
        order = Order(
            client_order_id=order_id,
            execution_id=execution,
            account_id=account_id,
            leg=1,
            role=OrderRole.ENTRY,
            symbol="EURUSD",
            side=Side.BUY,
            order_type=OrderType.MARKET,
            quantity=SIZE,
            asked_qty=SIZE,
            leaves_qty=SIZE,
            created_at=at,
            send_before=at + 2 * NS_PER_S,
            state=OrderState.SUBMITTING,
            answer_due_at=at + 5 * NS_PER_S,
        )
        return [ev.OrderIntended(order=order, planned_at=at)]
    changes, cause = OrderChanges(sent_at=at), "sent"
    if stage == 2:
        cause = "new"
        changes = OrderChanges(
            state=OrderState.NEW, acknowledged_at=at, reported_at=at, answer_due_at=None
        )
    elif stage == 3:
        cause = "full_fill"
        fill = Fill(
            exec_id=f"x{seq}",
            trading_day="2026-08-06",
            quantity=SIZE,
            price=PRICE,
            transact_at=at,
        )
        changes = OrderChanges(
            state=OrderState.FILLED,
            leaves_qty=Decimal(0),
            cum_qty=SIZE,
            notional=SIZE * PRICE,
            fills=(fill,),
            done_at=at,
            reported_at=at,
        )
    advanced = ev.OrderAdvanced(
        client_order_id=order_id,
        execution_id=execution,
        account_id=account_id,
        cause=cause,
        changes=changes,
    )
    if stage < 3:
        return [advanced]
    return [advanced, *_end(execution, account_id, order_id, seq, last)]


def _end(execution: str, account_id: str, order_id: str, seq: int, last: bool) -> list[ev.Event]:
    events: list[ev.Event] = [
        ev.FillBooked(
            execution_id=execution,
            account_id=account_id,
            symbol="EURUSD",
            direction=1,
            quantity=SIZE,
            notional=SIZE * PRICE,
            price=PRICE,
            transact_at=START,
            client_order_id=order_id,
            exec_id=f"x{seq}",
            trading_day="2026-08-06",
            margin=Decimal("3330.00"),
            risk=Decimal("200.00"),
        ),
        ev.AllocationEnded(
            execution_id=execution,
            account_id=account_id,
            abandoned=Decimal(0),
            reason="filled",
            shortfall_pips=Decimal("0.2000"),
        ),
    ]
    if last:
        events.append(ev.ExecutionEnded(execution_id=execution, status="completed"))
    return events


def connect(directory: str, name: str) -> sqlite3.Connection:
    """A database with the journal's settings."""
    connection = sqlite3.connect(Path(directory) / name, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -16384"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def time_lives(directory: str, batch: int, executions: int, run: int) -> float:
    """Seconds of ``apply`` per entry of an order's life, plans left out."""
    connection = connect(directory, f"lives-{batch}-{run}.db")
    projector = SqlProjector(BOOK)
    spent, counted = 0.0, 0
    waiting: list[ev.Entry] = []

    def flush(*, measured: bool) -> None:
        nonlocal spent, counted
        if waiting:
            connection.execute("BEGIN IMMEDIATE")
            begun = time.perf_counter()
            projector.apply(connection, waiting)
            if measured:
                spent += time.perf_counter() - begun
                counted += len(waiting)
            connection.execute("COMMIT")
            waiting.clear()

    for is_life, item in lives(executions):
        if not is_life:
            flush(measured=True)
            waiting.append(item)
            flush(measured=False)
            continue
        waiting.append(item)
        if len(waiting) == batch:
            flush(measured=True)
    flush(measured=True)
    connection.close()
    assert counted == executions * ACCOUNTS_PER_EXECUTION * 4
    return spent / counted


def time_plan(directory: str, candidates: int, run: int) -> float:
    """Seconds of ``apply`` for one plan with 50 selected accounts and a tenth refused."""
    connection = connect(directory, f"plan-{candidates}-{run}.db")
    projector = SqlProjector(BOOK)
    plan = plan_of(1, 50, candidates, candidates // 10)
    connection.execute("BEGIN IMMEDIATE")
    projector.apply(connection, [opened()])
    begun = time.perf_counter()
    projector.apply(connection, [entry(2, ev.SignalPlanned(plan=plan))])
    spent = time.perf_counter() - begun
    connection.execute("COMMIT")
    connection.close()
    return spent


def main(runs: int = RUNS, executions: int = EXECUTIONS) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        print(f"median of {runs} runs, {executions * ACCOUNTS_PER_EXECUTION} orders each")
        for batch in (1, 16, 64, 256):
            times = [time_lives(directory, batch, executions, run) for run in range(runs)]
            print(
                f"order life, batches of {batch:>3}: {statistics.median(times) * 1e6:6.1f} µs/entry"
            )
        for candidates in (50, 1_000, 10_000):
            times = [time_plan(directory, candidates, run) for run in range(runs)]
            print(f"plan, {candidates:>6} candidates: {statistics.median(times) * 1e3:7.2f} ms")


if __name__ == "__main__":
    main()
