"""A session in numbers, from the query tables: what was intended, filled, refused, and why.

The same session gives the same summary on every machine; only ``db`` is what the caller named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from stretto.core.errors import check
from stretto.views.queries import QuantityTotals, book_totals, ended_as

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class RefusalCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule said no at a ``stage`` (signal, selection, dispatch), and one example."""

    stage: str
    rule: str
    count: int
    example: dict[str, Any]


class ExecutionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One planned signal: quantities in base units, price volume-weighted in quote currency,
    slippage in pips from the touch at the decision, volume-weighted, positive if worse.
    """

    execution_id: str
    signal_id: str
    symbol: str
    side: str
    decided_at: str
    accounts: int
    quantities: QuantityTotals
    average_price: Decimal | None
    slippage_pips: Decimal | None
    status: str


class BookSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One book. ``signals`` counts those journaled, ``signals_refused`` those without a plan."""

    executions: int
    orders: int
    fills: int
    accounts: int
    signals: int
    signals_refused: int
    quantities: QuantityTotals
    refusals: tuple[RefusalCount, ...]
    interventions: tuple[dict[str, Any], ...]
    accounts_halted: tuple[dict[str, Any], ...]
    kill_switches: tuple[dict[str, Any], ...]


def summarize(connection: sqlite3.Connection, book_id: str) -> BookSummary:
    """The book in numbers. Raises InvariantViolated where the identity of DESIGN §1.1 fails."""
    totals = book_totals(connection, book_id)
    check_identity(totals.quantities, f"book {book_id!r}")
    return BookSummary(
        executions=totals.executions,
        orders=totals.orders,
        fills=totals.fills,
        accounts=totals.accounts,
        signals=totals.signals,
        signals_refused=totals.signals_refused,
        quantities=totals.quantities,
        refusals=refusals_by_rule(connection, book_id),
        interventions=_interventions(connection, book_id),
        accounts_halted=accounts_halted(connection, book_id),
        kill_switches=kill_switches(connection, book_id),
    )


def check_identity(sums: QuantityTotals, of: str) -> None:
    """Raise InvariantViolated unless intended is what the other five add up to."""
    parts = sums.filled + sums.working + sums.in_doubt + sums.pending + sums.abandoned
    check(
        sums.intended == parts,
        f"{of}: intended {sums.intended} is not filled {sums.filled} + working {sums.working} + "
        f"in_doubt {sums.in_doubt} + pending {sums.pending} + abandoned {sums.abandoned}",
    )


def execution_lines(connection: sqlite3.Connection, book_id: str) -> list[ExecutionLine]:
    """Every planned signal in the order of decision."""
    decisions = connection.execute(
        "SELECT decision_id, execution_id, signal_id, symbol, side, decision_timestamp "
        "FROM execution_decisions WHERE book_id = ? AND refused_rule IS NULL ORDER BY seq",
        (book_id,),
    ).fetchall()
    return [_line(connection, book_id, row) for row in decisions]


def refusals_by_rule(connection: sqlite3.Connection, book_id: str) -> tuple[RefusalCount, ...]:
    """Every rule that said no, the most frequent first within each stage."""
    found: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    for stage, refusal in _refusals(connection, book_id):
        key = (stage, refusal["rule"])
        count, example = found.get(key, (0, refusal))
        found[key] = (count + 1, example)
    order = ("signal", "selection", "dispatch")
    return tuple(
        RefusalCount(stage=stage, rule=rule, count=count, example=example)
        for (stage, rule), (count, example) in sorted(
            found.items(), key=lambda item: (order.index(item[0][0]), -item[1][0], item[0][1])
        )
    )


def _refusals(connection: sqlite3.Connection, book_id: str) -> Iterable[tuple[str, dict[str, Any]]]:
    decisions = connection.execute(
        "SELECT signal_id, account_selection_rationale FROM execution_decisions "
        "WHERE book_id = ? ORDER BY seq",
        (book_id,),
    )
    for signal_id, text in decisions:
        rationale = _decode(text)
        if rationale["refused"] is not None:
            yield "signal", {"signal_id": signal_id, **rationale["refused"]}
        for refusal in rationale["refusals"]:
            yield "selection", {"signal_id": signal_id, **refusal}
    ended = connection.execute(
        "SELECT event_data FROM execution_audit_log "
        "WHERE book_id = ? AND event_type = 'allocation_ended' ORDER BY seq, event_index",
        (book_id,),
    )
    for (text,) in ended:
        event = _decode(text)
        refusal = event.get("refusal")
        if refusal:
            yield "dispatch", {"execution_id": event["execution_id"], **refusal}


def _events(connection: sqlite3.Connection, book_id: str, kind: str) -> tuple[dict[str, Any], ...]:
    rows = connection.execute(
        "SELECT timestamp, event_data FROM execution_audit_log "
        "WHERE book_id = ? AND event_type = ? ORDER BY seq, event_index",
        (book_id, kind),
    )
    found = []
    for at, text in rows:
        event = _decode(text)
        event.pop("type", None)
        found.append({"at": at, **event})
    return tuple(found)


def accounts_halted(connection: sqlite3.Connection, book_id: str) -> tuple[dict[str, Any], ...]:
    """Accounts that take no entry until a person releases them: since when, which, and why."""
    rows = connection.execute(
        "SELECT halted_at, account_id, halted_reason FROM trading_accounts "
        "WHERE book_id = ? AND halted_reason IS NOT NULL ORDER BY halted_at, account_id",
        (book_id,),
    )
    return tuple(dict(zip(("at", "account_id", "reason"), row, strict=True)) for row in rows)


def kill_switches(connection: sqlite3.Connection, book_id: str) -> tuple[dict[str, Any], ...]:
    """Those in force, in the order in which they were thrown."""
    in_force = {}
    rows = connection.execute(
        "SELECT timestamp, event_type, event_data FROM execution_audit_log WHERE book_id = ? "
        "AND event_type IN ('kill_switch_thrown', 'kill_switch_released') "
        "ORDER BY seq, event_index",
        (book_id,),
    )
    for at, kind, text in rows:
        event = _decode(text)
        key = (event["scope"], event["name"])
        if kind == "kill_switch_thrown":
            event.pop("type", None)
            in_force[key] = {"at": at, **event}
        else:
            in_force.pop(key, None)
    return tuple(in_force.values())


def _interventions(connection: sqlite3.Connection, book_id: str) -> tuple[dict[str, Any], ...]:
    """What a person was asked, each with what settled it since (``resolved``), or None."""
    asked = _events(connection, book_id, "intervention_required")
    waiting: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for each in asked:
        each["resolved"] = None
        waiting.setdefault(_subject(each), []).append(each)
    for answer in _events(connection, book_id, "intervention_resolved"):
        for each in waiting.get(_subject(answer), []):
            if each["resolved"] is None and each["at"] <= answer["at"]:
                each["resolved"] = {"at": answer["at"], "by": answer["resolution"]}
    return asked


def _subject(event: dict[str, Any]) -> tuple[str, ...]:
    names = ("execution_id", "account_id", "client_order_id", "reason")
    return tuple(event[name] for name in names)


def _line(connection: sqlite3.Connection, book_id: str, decision: tuple[Any, ...]) -> ExecutionLine:
    decision_id, execution_id, signal_id, symbol, side, decided_at = decision
    rows = connection.execute(
        "SELECT intended_quantity, filled_quantity, working_quantity, in_doubt_quantity, "
        "pending_quantity, abandoned_quantity, overfilled_quantity, notional, slippage_pips, "
        "completed_at IS NULL FROM execution_results WHERE book_id = ? AND decision_id = ?",
        (book_id, decision_id),
    ).fetchall()
    sums = [sum((Decimal(row[place]) for row in rows), Decimal(0)) for place in range(8)]
    quantities = QuantityTotals(
        intended=sums[0],
        filled=sums[1],
        working=sums[2],
        in_doubt=sums[3],
        pending=sums[4],
        abandoned=sums[5],
        overfilled=sums[6],
    )
    check_identity(quantities, f"execution {execution_id}")
    traded = quantities.filled + quantities.overfilled
    slipped = sum(
        (Decimal(row[8]) * (Decimal(row[1]) + Decimal(row[6])) for row in rows if row[8]),
        Decimal(0),
    )
    if not rows:
        status = ended_as(connection, book_id, execution_id)
    elif any(row[9] for row in rows):
        status = "working"
    elif quantities.filled == quantities.intended:
        status = "filled"
    else:
        status = "partly filled" if quantities.filled else "abandoned"
    return ExecutionLine(
        execution_id=execution_id,
        signal_id=signal_id,
        symbol=symbol,
        side=side,
        decided_at=decided_at,
        accounts=len(rows),
        quantities=quantities,
        average_price=sums[7] / traded if traded else None,
        slippage_pips=slipped / traded if traded else None,
        status=status,
    )
