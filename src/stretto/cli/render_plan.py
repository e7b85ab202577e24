"""A plan for a person, with every reason, and as the JSON of the query tables."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from stretto.cli.output import Column, Grid, Output, listed, money, percent, quantity
from stretto.cli.render_summary import in_words
from stretto.core.terms.plan import Candidate, Plan, PlannedAllocation
from stretto.core.terms.report import OrderType
from stretto.core.terms.signal import RiskPercent, Signal, size_value
from stretto.core.values import NS_PER_S, iso, plain, ppm_to_decimal
from stretto.sessions.dryrun import DryRun
from stretto.views.rows import decision_row, summary
from stretto.views.schema import JSON_COLUMNS, execution_decisions, is_exact, names

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
PAIRS_SHOWN_MAX = 20


def plan_json(done: DryRun) -> dict[str, Any]:
    """The row of ``execution_decisions`` that the plan would have become, JSON columns decoded."""
    plan = done.plan
    row = dict(zip(names(execution_decisions), decision_row("", plan, done.seq + 1), strict=True))
    for name in ("book_id", "seq"):
        row.pop(name)
    for name, value in row.items():
        if value is not None and name in JSON_COLUMNS:
            row[name] = _decode(value)
        elif value is not None and is_exact(execution_decisions, name):
            row[name] = Decimal(value)
    return {
        "dry_run": True,
        "at": iso(done.at),
        "journal_entry": done.seq,
        "is_refused": plan.refused is not None,
        "summary": summary(plan),
        **row,
    }


def render_plan(output: Output, done: DryRun, db: Path) -> None:
    """The whole explanation."""
    plan = done.plan
    base = f"entry {done.seq} of {db}" if done.seq else "the configuration alone: no journal yet"
    output.line(f"Dry run at {iso(done.at)[:23]}Z on {base}. Nothing was written or sent.", "bold")
    output.line(_signal(plan.signal))
    if plan.quote is not None:
        output.line(
            f"quote: bid {plan.quote.bid}, ask {plan.quote.ask}, {iso(plan.quote.at)[:23]}Z"
        )
    output.line(summary(plan), "yellow" if plan.refused else "green")
    if plan.refused is not None:
        refusal = msgspec.to_builtins(plan.refused)
        output.item(plan.refused.rule.value, in_words(refusal))
    if plan.candidates:
        _candidates(output, plan)
        _sizes(output, plan.candidates)
    if plan.allocations:
        _profiles(output, plan)
        _releases(output, plan)
    _refusals(output, plan)
    _correlation(output, plan)
    _grounds(output, done)


def _signal(signal: Signal) -> str:
    size = signal.size
    amount = str(size_value(size))
    if isinstance(size, RiskPercent):
        amount += " % of equity"
    parts = [
        f"signal {signal.signal_id}: {signal.action} {signal.side} {signal.symbol}",
        f"{signal.order_type}, {amount} ({size.__struct_config__.tag})",
        f"urgency {signal.urgency}",
    ]
    for name in ("limit_price", "stop_price", "stop_loss", "stop_distance", "take_profit"):
        value = getattr(signal, name)
        if value is not None:
            parts.append(f"{name} {value}")
    return ", ".join(parts)


def _candidates(output: Output, plan: Plan) -> None:
    columns = (
        Column("rank", right=True, rank=3),
        Column("account"),
        Column("score", right=True),
        Column("margin", right=True, rank=1),
        Column("budget", right=True, rank=1),
        Column("health", right=True, rank=1),
        Column("performance", right=True, rank=1),
        Column("correlation", right=True, rank=1),
        Column("rotation", right=True, rank=4),
        Column("confidence", right=True, rank=2),
        Column("chosen"),
    )
    rows = [
        (
            str(each.rank),
            each.account_id,
            _fraction(each.total_score),
            _fraction(each.factors.margin_score),
            _fraction(each.factors.risk_budget_score),
            _fraction(each.factors.health_score),
            _fraction(each.factors.performance_score),
            _fraction(each.factors.correlation_score),
            str(each.rotation),
            _fraction(each.selection_confidence),
            "yes" if each.selected else "no",
        )
        for each in plan.candidates
    ]
    output.grid(Grid(title="Candidates: the five factors", columns=columns, rows=rows))


def _sizes(output: Output, candidates: tuple[Candidate, ...]) -> None:
    columns = (
        Column("account"),
        Column("base", right=True),
        Column("size", right=True),
        Column("deviation", right=True, rank=1),
        Column("margin", right=True, rank=2),
        Column("risk", right=True, rank=2),
        Column("why", rank=3, wraps=True),
    )
    rows = [
        (
            each.account_id,
            quantity(each.base_size),
            quantity(each.position_size),
            percent(each.variance_applied),
            money(each.required_margin),
            money(each.risk),
            each.size_rationale,
        )
        for each in candidates
    ]
    output.grid(Grid(title="Sizes, base units", columns=columns, rows=rows))


def _profiles(output: Output, plan: Plan) -> None:
    columns = (
        Column("account"),
        Column("size factor", right=True),
        Column("pace", right=True),
        Column("aggression", right=True),
        Column("gives away at most (pips)", right=True),
    )
    is_market = plan.signal.order_type is OrderType.MARKET
    bound = plan.signal.max_slippage if is_market else None
    rows = [
        (
            each.account_id,
            _fraction(each.size_factor),
            _fraction(each.pace),
            _fraction(each.aggression),
            "–" if bound is None else plain(bound * ppm_to_decimal(each.aggression)),
        )
        for each in plan.allocations
    ]
    output.grid(
        Grid(
            title="Execution profiles",
            columns=columns,
            rows=rows,
            note="aggression is the share of what is left of max_slippage that a market order "
            "may give away from the touch when it is sent",
        )
    )


def _releases(output: Output, plan: Plan) -> None:
    columns = (
        Column("order", right=True),
        Column("account"),
        Column("delay (s)", right=True),
        Column("drawn (s)", right=True, rank=3),
        Column("window (UTC)", rank=1),
        Column("why", rank=2, wraps=True),
    )
    rows = [
        (
            str(each.execution_priority),
            each.account_id,
            _seconds(each.delay_ns),
            _seconds(each.drawn_ns),
            f"{iso(each.release_at)[11:23]}–{iso(each.window_end)[11:23]}",
            each.timing_rationale,
        )
        for each in sorted(plan.allocations, key=_priority)
    ]
    output.grid(Grid(title="Releases", columns=columns, rows=rows))


def _priority(share: PlannedAllocation) -> tuple[int, str]:
    return share.execution_priority, share.account_id


def _refusals(output: Output, plan: Plan) -> None:
    every = plan.every_refusal
    if not every:
        return
    output.heading(f"Refused accounts ({len(every)})")
    for refusal in every:
        output.item(refusal.rule.value, in_words(msgspec.to_builtins(refusal)))


def _correlation(output: Output, plan: Plan) -> None:
    found = plan.correlation
    if found is None:
        return
    output.heading("Correlation and the choice of the subset")
    gap = found.bound - found.score
    proof = (
        "proven best" if found.proven else f"not proven: at most {_fraction(gap)} below the best"
    )
    output.line(
        f"threshold {_fraction(found.threshold)}; largest among the selected "
        f"{_fraction(found.expected_correlation)}; {found.analysed} accounts analysed"
    )
    output.line(
        f"total score {_fraction(found.score)}, bound {_fraction(found.bound)}, "
        f"{found.nodes} nodes: {proof}"
    )
    output.line(
        "scores count in bands of 0.02; within a band the earlier in the order is preferred "
        "(furthest below its fair share of the last 30 days, then by name)"
    )
    if found.resize_hint:
        output.line(f"another size: {found.resize_hint}")
    output.line(f"best alternatives: {listed(plan.alternatives)}")
    if not found.pairs:
        output.line("no pair in conflict")
        return
    columns = (
        Column("pair in conflict"),
        Column("with"),
        Column("before", right=True),
        Column("projected", right=True),
        Column("historical", right=True),
    )
    rows = [
        (
            pair.first,
            pair.second,
            _fraction(pair.before),
            _fraction(pair.projected),
            "–" if pair.historical is None else _fraction(pair.historical),
        )
        for pair in found.pairs[:PAIRS_SHOWN_MAX]
    ]
    output.grid(Grid(title="", columns=columns, rows=rows))


def _grounds(output: Output, done: DryRun) -> None:
    plan = done.plan
    output.heading("What the decision rests on")
    output.line(f"execution {plan.execution_id}, policy {plan.policy_id or '–'}")
    if plan.book_key:
        output.line(
            f"draws: SHA-256 of (book key {plan.book_key!r}, execution, account, purpose, nonce "
            f"{plan.timing_nonce})"
        )
        output.line(
            f"market urgency {_fraction(plan.market_urgency)}, delays' coefficient of variation "
            f"{_fraction(plan.timing_cv)}, gap {_seconds(plan.timing_gap_ns)} s"
        )
    if plan.venue_reliability:
        venues = ", ".join(f"{n} {_fraction(r)}" for n, r in plan.venue_reliability.items())
        output.line(f"reliability of venues, in health where below the account's own: {venues}")
    assumed = [each.account_id for each in plan.candidates if each.day_anchor_assumed]
    if assumed:
        output.line(f"day anchor assumed (nobody saw how the day began): {', '.join(assumed)}")
    if plan.reads_seq and done.seq:
        cited = ", ".join(f"{name} @{seq}" for name, seq in sorted(plan.reads_seq.items()))
        output.line(f"journal entries read: {cited}")


def _fraction(value_ppm: int) -> str:
    return f"{ppm_to_decimal(value_ppm):.4f}"


def _seconds(duration_ns: int) -> str:
    return f"{Decimal(duration_ns) / NS_PER_S:.3f}"
