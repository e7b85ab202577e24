"""The query tables follow from the entries alone: batches, restarts and rebuilds change no byte."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stretto.core import events as ev
from stretto.core.terms.report import ExecType
from stretto.core.values import Side
from stretto.views.projector import SqlProjector
from stretto.views.queries import execution_status
from stretto.views.rebuild import digest_tables
from tests.unit.views.samples import ACCOUNTS, BOOK
from tests.unit.views.world import World

Step = tuple[str, int, int, int]
RARE = (
    *("plan", "refuse", "observe", "redraw", "miss", "late", "query"),
    *("bust", "cancel", "reject", "expire"),
)
USUAL = ("release", "sent", "unsent", "unknown", "new", "fill", "fill", "fill")
STEPS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(USUAL), st.sampled_from(RARE)),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(1, 3),
    ),
    min_size=25,
    max_size=60,
)
OUTCOMES = {
    "sent": ev.SendOutcomeKind.SENT,
    "unsent": ev.SendOutcomeKind.NOT_SENT,
    "unknown": ev.SendOutcomeKind.UNKNOWN,
}
ENDS = {"cancel": ExecType.CANCELED, "reject": ExecType.REJECTED, "expire": ExecType.EXPIRED}


def build(steps: list[Step]) -> World:
    """A world that lived through the steps; those that do not apply change nothing."""
    world = World()
    executions = {0: world.plan("s0", dict.fromkeys(ACCOUNTS, Decimal(4_000)))}
    world.release(executions[0], ACCOUNTS[0])
    trades: dict[tuple[str, str], list[tuple[str, Decimal, Decimal]]] = {}
    for kind, signal, account, number in steps:
        name = ACCOUNTS[account]
        if kind == "observe":
            world.observe(name, Decimal(100_000) + Decimal(number) / 7)
        elif kind == "refuse":
            world.refuse(f"s{signal}")
        elif kind == "plan" and signal not in executions:
            sizes = {a: Decimal(1_500 * (number + n)) for n, a in enumerate(ACCOUNTS)}
            side = Side.BUY if number % 2 else Side.SELL
            executions[signal] = world.plan(f"s{signal}", sizes, side)
        elif signal in executions:
            _order_step(world, kind, executions[signal], name, number, trades)
    return world


def _order_step(
    world: World,
    kind: str,
    execution: str,
    account: str,
    number: int,
    trades: dict[tuple[str, str], list[tuple[str, Decimal, Decimal]]],
) -> None:
    done = trades.setdefault((execution, account), [])
    order = world.order(execution, account)
    if kind == "release":
        world.release(execution, account)
    elif kind == "redraw":
        world.reschedule(execution, account, world.at + number, number, f"reason {number}")
    elif kind == "miss":
        world.miss_window(execution, account)
    elif kind in OUTCOMES:
        if order is not None and order.state.value == "submitting":
            world.sent(execution, account, OUTCOMES[kind])
    elif kind == "late":
        world.late(execution, account)
    elif kind == "query":
        world.query(execution, account)
    elif kind == "fill":
        quantity, price = Decimal(700 * number), Decimal("1.085") + Decimal(number).scaleb(-5)
        exec_id = world.report(execution, account, ExecType.TRADE, quantity=quantity, price=price)
        if exec_id:
            done.append((exec_id, quantity, price))
    elif kind == "bust" and done:
        exec_id, quantity, price = done.pop()
        world.report(
            execution,
            account,
            ExecType.TRADE_CANCEL,
            quantity=quantity,
            price=price,
            undoes=exec_id,
        )
    elif kind == "new" and order is not None and not order.cum_qty:
        world.report(execution, account, ExecType.NEW)
    elif kind in ENDS:
        world.report(execution, account, ENDS[kind])


def projected(world: World, cuts: list[int], connection: sqlite3.Connection) -> str:
    """Digest after projecting in batches that end at ``cuts``, after even ones by a new process."""
    projector = SqlProjector(BOOK)
    start = 0
    for end in [*sorted(cut % (len(world.entries) + 1) for cut in cuts), len(world.entries)]:
        connection.execute("BEGIN")
        projector.apply(connection, world.entries[start:end])
        connection.execute("COMMIT")
        start = end
        if end % 2 == 0:
            projector = SqlProjector(BOOK)
    return digest_tables(connection)


def memory() -> Any:
    return closing(sqlite3.connect(":memory:", isolation_level=None))


@given(STEPS, st.lists(st.integers(0, 100), max_size=12))
def test_any_batches_and_restarts_give_the_same_bytes(steps: list[Step], cuts: list[int]) -> None:
    world = build(steps)
    with memory() as one, memory() as many, memory() as single:
        whole = projected(world, [], one)
        assert projected(world, cuts, many) == whole
        assert projected(world, list(range(len(world.entries))), single) == whole


@given(STEPS)
def test_the_tables_say_what_the_book_knows(steps: list[Step]) -> None:
    world = build(steps)
    with memory() as connection:
        projected(world, [3, 8, 14], connection)
        for execution in world.book.executions.values():
            status = execution_status(connection, execution.execution_id)
            assert status is not None
            rows = {row["account_id"]: row for row in status.allocations}
            assert set(rows) == set(execution.accounts)
            assert (status.summary.status == "working") is (execution.open_allocations > 0)
            for account_id in execution.accounts:
                allocation = world.allocation(execution.execution_id, account_id)
                core, row = world.book.quantities(allocation), rows[account_id]
                for name in core.__struct_fields__:
                    assert row[f"{name}_quantity"] == getattr(core, name), name
                assert row["notional"] == allocation.notional
                assert row["fees"] == allocation.fees
                assert (row["completed_at"] is not None) is bool(allocation.ended)
            sums = status.summary.quantities
            parts = (sums.filled, sums.working, sums.in_doubt, sums.pending, sums.abandoned)
            assert sums.intended == sum(parts)
