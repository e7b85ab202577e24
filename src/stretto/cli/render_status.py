"""The list of executions and one execution in full, for a person."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from stretto.cli.output import (
    MS_STEP,
    PIP_STEP,
    PRICE_STEP,
    Column,
    Grid,
    Output,
    money,
    quantity,
    rounded,
)
from stretto.cli.render_summary import NANOSECONDS, in_words, render_in_force
from stretto.core.values import parse_iso
from stretto.sessions.statuses import ExecutionPage, FoundExecution
from stretto.views.aggregation import Aggregate
from stretto.views.queries import QuantityTotals

TIMELINE_SHOWN_MAX = 200


def render_list(output: Output, page: ExecutionPage, db: Path) -> None:
    """One line for each execution, refused signals among them."""
    columns = (
        Column("execution"),
        Column("signal"),
        Column("symbol"),
        Column("side", rank=1),
        Column("status"),
        Column("decided (UTC)", rank=5),
        Column("accounts", right=True, rank=3),
        Column("intended", right=True),
        Column("filled", right=True),
        Column("working", right=True, rank=2),
        Column("in doubt", right=True, rank=2),
        Column("pending", right=True, rank=2),
        Column("abandoned", right=True, rank=1),
        Column("refused by", rank=4),
    )
    rows = []
    for line in page.executions:
        sums = line.quantities
        rows.append(
            (
                line.execution_id,
                line.signal_id,
                line.symbol,
                line.side,
                line.status,
                line.decided_at[:19].replace("T", " "),
                str(line.accounts),
                quantity(sums.intended),
                quantity(sums.filled),
                quantity(sums.working),
                quantity(sums.in_doubt),
                quantity(sums.pending),
                quantity(sums.abandoned),
                line.refused_rule or "",
            )
        )
    last = page.offset + len(rows)
    shown = f"{page.offset + 1}–{last} of {page.total}" if rows else f"none of {page.total}"
    more = f"next: stretto status --db {db} --offset {last}" if last < page.total and rows else ""
    output.grid(
        Grid(
            title=f"Executions of book {page.book_id}, newest first ({shown})",
            columns=columns,
            rows=rows,
            note=more,
        )
    )
    render_in_force(output, page.accounts_halted, page.kill_switches)


def render_one(output: Output, found: FoundExecution) -> None:
    """Everything of one execution."""
    summary = found.status.summary
    output.line(
        f"Execution {summary.execution_id}: signal {summary.signal_id}, {summary.side} "
        f"{summary.symbol}, {summary.execution_strategy}, {summary.status}",
        "bold",
    )
    output.line(NANOSECONDS.sub(r"\1Z", f"decided {summary.decided_at}; {_said(found)}"))
    output.line(identity(summary.quantities))
    if found.aggregate.quantity:
        output.line(_aggregate(found.aggregate))
    if found.allocations:
        _allocations(output, found)
        _times(output, found)
    _orders(output, found)
    _fills(output, found)
    if found.status.refusals:
        output.heading("Refusals")
        for refusal in found.status.refusals:
            output.item(f"{refusal['stage']}: {refusal['rule']}", in_words(refusal))
    _timeline(output, found)


def identity(sums: QuantityTotals) -> str:
    """The identity of quantities with its numbers."""
    text = (
        f"intended {quantity(sums.intended)} = filled {quantity(sums.filled)}"
        f" + working {quantity(sums.working)} + in doubt {quantity(sums.in_doubt)}"
        f" + pending {quantity(sums.pending)} + abandoned {quantity(sums.abandoned)}"
    )
    return f"{text}; overfilled {quantity(sums.overfilled)}" if sums.overfilled else text


def _aggregate(fills: Aggregate) -> str:
    """What the fills of all accounts come to."""
    text = (
        f"{quantity(fills.quantity)} in {fills.fills} fills at "
        f"{rounded(fills.price, PRICE_STEP)} by volume, "
        f"slippage {rounded(fills.slippage_pips, PIP_STEP)} pips"
    )
    fees = ", ".join(f"{money(fee)} {name}" for name, fee in sorted(fills.fees.items()))
    return f"{text}, fees {fees}" if fees else text


def since(at: str | None, start: str | None) -> str:
    """How long after ``start`` an instant was, in seconds to the millisecond."""
    if at is None or start is None:
        return "–"
    return f"+{Decimal(parse_iso(at) - parse_iso(start)).scaleb(-9):.3f}"


def _said(found: FoundExecution) -> str:
    return str(found.status.plan["account_selection_rationale"]["summary"])


def _allocations(output: Output, found: FoundExecution) -> None:
    columns = (
        Column("account"),
        Column("status"),
        Column("intended", right=True),
        Column("filled", right=True),
        Column("working", right=True, rank=3),
        Column("in doubt", right=True, rank=3),
        Column("pending", right=True, rank=3),
        Column("abandoned", right=True, rank=1),
        Column("overfilled", right=True, rank=4),
        Column("price", right=True),
        Column("slippage (pips)", right=True, rank=2),
        Column("latency (ms)", right=True, rank=5),
        Column("reason", rank=6, wraps=True),
    )
    rows = []
    for row in found.allocations:
        rows.append(
            (
                row["account_id"],
                row["execution_status"],
                *(
                    quantity(row[name])
                    for name in (
                        "intended",
                        "filled",
                        "working",
                        "in_doubt",
                        "pending",
                        "abandoned",
                        "overfilled",
                    )
                ),
                rounded(row["fill_price"], PRICE_STEP),
                rounded(row["slippage_pips"], PIP_STEP),
                rounded(row["execution_latency_ms"], MS_STEP),
                row["failure_reason"] or "",
            )
        )
    output.grid(Grid(title="Allocations", columns=columns, rows=rows))


def _times(output: Output, found: FoundExecution) -> None:
    columns = (
        Column("account"),
        Column("planned", right=True),
        Column("sent", right=True),
        Column("acknowledged", right=True),
        Column("executed", right=True),
        Column("recorded", right=True),
        Column("completed", right=True, rank=1),
    )
    rows = [
        (
            str(times["account_id"]),
            *(
                since(times[name], times["decided"])
                for name in (
                    "planned",
                    "sent",
                    "acknowledged",
                    "executed",
                    "recorded",
                    "completed",
                )
            ),
        )
        for times in found.order_times
    ]
    anew = [
        f"{times['account_id']}: {times['redrawn']}"
        for times in found.order_times
        if times["redrawn"]
    ]
    note = f"releases drawn anew, the plan has the first: {'; '.join(anew)}" if anew else ""
    title = "Times, in seconds after the decision"
    output.grid(Grid(title=title, columns=columns, rows=rows, note=note))


def _orders(output: Output, found: FoundExecution) -> None:
    columns = (
        Column("order"),
        Column("account"),
        Column("type", rank=2),
        Column("role", rank=3),
        Column("state"),
        Column("quantity", right=True),
        Column("filled", right=True),
        Column("price", right=True, rank=2),
        Column("stop loss", right=True, rank=4),
        Column("take profit", right=True, rank=5),
    )
    rows = [
        (
            _text(order, "client_order_id"),
            _text(order, "account_id"),
            _text(order, "order_type"),
            _text(order, "role"),
            _text(order, "state"),
            _number(order, "quantity", "0"),
            _number(order, "cum_qty", "0"),
            _text(order, "stop_price", "") or _text(order, "limit_price", "–"),
            _text(order, "stop_loss", "–"),
            _text(order, "take_profit", "–"),
        )
        for order in found.status.orders
    ]
    if rows:
        output.grid(Grid(title="Orders", columns=columns, rows=rows))


def _fills(output: Output, found: FoundExecution) -> None:
    columns = (
        Column("recorded (UTC)", rank=1),
        Column("account"),
        Column("cause", rank=2),
        Column("quantity", right=True),
        Column("price", right=True),
        Column("fee", right=True, rank=3),
    )
    rows = [
        (
            fill["at"][11:23],
            _text(fill, "account_id"),
            _text(fill, "cause", "entry"),
            _number(fill, "quantity", "0"),
            _text(fill, "price"),
            _number(fill, "fee", "0"),
        )
        for fill in found.status.fills
    ]
    if rows:
        output.grid(Grid(title="Fills", columns=columns, rows=rows))


def _timeline(output: Output, found: FoundExecution) -> None:
    decided = found.status.summary.decided_at
    rows = [
        (
            event["timestamp"][11:23],
            since(event["timestamp"], decided),
            event["event_type"],
            event["account_id"] or "",
            NANOSECONDS.sub(r"\1Z", event["rationale"] or ""),
        )
        for event in found.status.timeline[-TIMELINE_SHOWN_MAX:]
    ]
    columns = (
        Column("at (UTC)", rank=1),
        Column("s", right=True, rank=2),
        Column("event"),
        Column("account"),
        Column("why", wraps=True),
    )
    hidden = len(found.status.timeline) - len(rows)
    note = f"the newest; {hidden} before them: --json has all" if hidden else ""
    output.grid(Grid(title="Timeline", columns=columns, rows=rows, note=note))


def _text(values: dict[str, Any], name: str, none: str = "") -> str:
    value = values.get(name)
    if value is None:
        return none
    if isinstance(value, Decimal):
        return quantity(value)
    return str(value)


def _number(values: dict[str, Any], name: str, none: str) -> str:
    """A number that the audit log holds as text."""
    value = values.get(name)
    return none if value is None else quantity(Decimal(str(value)))
