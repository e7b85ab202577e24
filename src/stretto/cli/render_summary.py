"""The summary of a session: one JSON object, or tables and the identity spelt out for a person."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from stretto.bootstrap import Scenario
from stretto.cli.output import PIP_STEP, PRICE_STEP, Column, Grid, Output, quantity, rounded
from stretto.core.values import NS_PER_S
from stretto.sessions.play import Played
from stretto.sessions.reading import tables_of
from stretto.sessions.summary import (
    BookSummary,
    ExecutionLine,
    RefusalCount,
    execution_lines,
    summarize,
)
from stretto.views.queries import QuantityTotals
from stretto.views.texts import compared_text

NANOSECONDS = re.compile(r"(:\d\d\.\d{3})\d{6}Z")
EXECUTIONS_SHOWN_MAX = 200
_STAGES = {"signal": "whole signal", "selection": "account", "dispatch": "at release"}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a finished session prints: ``json`` for programs, the rest for people."""

    json: dict[str, Any]
    book: BookSummary
    lines: list[ExecutionLine]
    db: Path


def summary_of(db: Path, scenario: Scenario, played: Played) -> Summary:
    """Read the summary of a session from its tables. Raises InvariantViolated where the identity of
    quantities fails.
    """
    with tables_of(db) as connection:
        book = summarize(connection, played.book_id)
        lines = execution_lines(connection, played.book_id)
    refusals: dict[str, dict[str, int]] = {"signal": {}, "selection": {}, "dispatch": {}}
    for refusal in book.refusals:
        refusals[refusal.stage][refusal.rule] = refusal.count
    fields = {
        "executions": book.executions,
        "orders": book.orders,
        "fills": book.fills,
        "accounts": book.accounts,
        "signals": len(scenario.arrivals) or book.signals,
        "signals_refused": book.signals_refused,
        **msgspec.to_builtins(book.quantities, builtin_types=(Decimal,)),
        "journal_entries": played.entries,
        "chain_head": played.chain_head.hex(),
        "db": str(db),
        "book_id": played.book_id,
        "open_executions": sum(line.status == "working" for line in lines),
        "interventions": list(book.interventions),
        "accounts_halted": list(book.accounts_halted),
        "kill_switches": list(book.kill_switches),
        "refusals": refusals,
        "inputs_unchanged": played.inputs_unchanged,
        "signals_turned_away": played.signals_turned_away,
        "seconds": Decimal(max(0, played.at - scenario.starts_at)) / NS_PER_S,
    }
    if played.stopped_by:
        fields["stopped_by"] = played.stopped_by
    if not played.is_over:
        fields["continue_with"] = resume_command(db, played.book_id)
    return Summary(json=fields, book=book, lines=lines, db=db)


def resume_command(db: Path, book_id: str) -> str:
    """What to type to go on with a session that left something open."""
    return f"stretto resume --db {shlex.quote(str(db))} --book {shlex.quote(book_id)}"


def render_finished(output: Output, summary: Summary) -> None:
    """Executions, refusals, totals, and what to look at next."""
    render_executions(output, summary.lines)
    render_refusals(output, summary.book.refusals)
    render_totals(output, summary)
    render_next(output, summary)


def render_executions(output: Output, lines: list[ExecutionLine]) -> None:
    """The table of executions, at most ``EXECUTIONS_SHOWN_MAX`` of them."""
    columns = (
        Column("time", rank=4),
        Column("signal"),
        Column("symbol"),
        Column("side"),
        Column("accounts", right=True, rank=2),
        Column("intended", right=True),
        Column("filled", right=True),
        Column("avg price", right=True, rank=1),
        Column("slippage (pips)", right=True, rank=3),
        Column("status"),
    )
    rows = [
        (
            line.decided_at[11:19],
            line.signal_id,
            line.symbol,
            line.side,
            str(line.accounts),
            quantity(line.quantities.intended),
            quantity(line.quantities.filled),
            rounded(line.average_price, PRICE_STEP),
            rounded(line.slippage_pips, PIP_STEP),
            line.status,
        )
        for line in lines[:EXECUTIONS_SHOWN_MAX]
    ]
    hidden = len(lines) - len(rows)
    note = f"and {hidden} more: stretto status lists them" if hidden else ""
    output.grid(Grid(title=f"Executions ({len(lines)})", columns=columns, rows=rows, note=note))


def render_refusals(output: Output, refusals: tuple[RefusalCount, ...]) -> None:
    """Every rule that said no, how often, and one case in words."""
    if not refusals:
        return
    columns = (
        Column("what", rank=2),
        Column("rule"),
        Column("count", right=True),
    )
    output.grid(
        Grid(
            title="Refusals",
            columns=columns,
            rows=[(_STAGES[r.stage], r.rule, str(r.count)) for r in refusals],
        )
    )
    output.heading("One example of each")
    for refusal in refusals:
        output.item(refusal.rule, in_words(refusal.example))


def render_totals(output: Output, summary: Summary) -> None:
    """Counts, and the identity of quantities with its numbers."""
    book, sums = summary.book, summary.book.quantities
    output.heading("Totals")
    fields = summary.json
    output.line(
        f"{fields['signals']} signals: {book.executions} executions, {book.signals_refused} "
        f"refused. {book.orders} orders, {book.fills} fills in {book.accounts} accounts."
    )
    for text in identities_by_symbol(summary.lines):
        output.line(text)
    output.line(
        f"checksum over all symbols: {_identity(_numbers(sums))}  (base units of different symbols:"
        " the sum shows that nothing is missing, it is no amount of anything)"
    )
    if sums.overfilled:
        output.line(f"overfilled beside it: {quantity(sums.overfilled)}", "bold red")
    if fields["inputs_unchanged"]:
        output.line(
            f"{fields['inputs_unchanged']} inputs of this session changed nothing and were not "
            "journaled."
        )
    if fields["signals_turned_away"]:
        output.line(
            f"{fields['signals_turned_away']} signals were turned away: the inbox was full. They "
            "were not handled; send them again.",
            "bold red",
        )
    settled = sum(1 for found in book.interventions if found["resolved"])
    if settled:
        output.line(f"{settled} questions to a person were settled without one.")
    for found in book.interventions:
        if not found["resolved"]:
            can = found["known"].get("can_be_done")
            text = f"a person has to look: {found['account_id']}: {found['reason']}"
            text += f": {can}" if can else ""
            output.line(text, "bold red")
    render_in_force(output, book.accounts_halted, book.kill_switches)
    output.line(f"{fields['journal_entries']} journal entries, chain head {fields['chain_head']}")


def render_in_force(
    output: Output, halted: Iterable[dict[str, Any]], switches: Iterable[dict[str, Any]]
) -> None:
    """What stops entries until a person takes it back."""
    for found in halted:
        output.line(f"halted: {found['account_id']}: {found['reason']}", "bold red")
    for found in switches:
        over = f"{found['scope']} {found['name']}".strip()
        text = f"kill switch in force: {over}, by {found['actor']}: {found['reason']}"
        output.line(text, "bold red")


_NUMBERS = ("intended", "filled", "working", "in_doubt", "pending", "abandoned")


def _numbers(totals: QuantityTotals) -> dict[str, Decimal]:
    return {name: getattr(totals, name) for name in _NUMBERS}


def identities_by_symbol(lines: list[ExecutionLine]) -> list[str]:
    """The identity of quantities of each symbol: only these can be added up."""
    sums: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        of_symbol = sums.setdefault(line.symbol, dict.fromkeys(_NUMBERS, Decimal(0)))
        for name, value in _numbers(line.quantities).items():
            of_symbol[name] += value
    return [f"{symbol}: {_identity(of_symbol)}" for symbol, of_symbol in sorted(sums.items())]


def _identity(numbers: dict[str, Decimal]) -> str:
    intended, *parts = (f"{name.replace('_', ' ')} {quantity(n)}" for name, n in numbers.items())
    return f"{intended} = {' + '.join(parts)}"


def render_next(output: Output, summary: Summary) -> None:
    """Where the result is and which commands show more of it."""
    db = summary.db
    one = summary.lines[0].execution_id if summary.lines else "EXECUTION"
    output.heading(f"Database: {db}")
    output.line("Look further with:")
    for command in (
        f"stretto status --db {db}",
        f"stretto status {one} --db {db}",
        f"stretto accounts --db {db}",
        f"stretto verify --db {db}",
        f"stretto export --db {db} --table execution_results --format csv",
    ):
        output.line(f"  {command}")


def in_words(refusal: dict[str, Any]) -> str:
    """One refusal as a sentence: who, the numbers compared, what would have passed, the clause."""
    subject = " ".join(
        str(refusal[name]) for name in ("signal_id", "account_id") if refusal.get(name)
    )
    compared = ", ".join(
        compared_text(name, value) for name, value in refusal.get("compared", {}).items()
    )
    text = ": ".join(part for part in (subject, compared) if part)
    if refusal.get("would_pass"):
        text += f"; would pass: {refusal['would_pass']}"
    if refusal.get("clause"):
        text += f" [{refusal['clause']}]"
    if refusal.get("also"):
        text += f"; also {', '.join(each['rule'] for each in refusal['also'])}"
    return NANOSECONDS.sub(r"\1Z", text)
