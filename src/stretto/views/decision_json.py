"""The JSON of a decision (docs/tables.md): fractions with six decimals, sizes and seconds as
exact JSON numbers.

What is said of every account is a struct, whose fields stand in the order in which the tables sort
keys: half the time of a dict. Knows nothing of rows.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stretto.core.errors import check
from stretto.core.terms.plan import Candidate, CorrelationAnalysis, Plan
from stretto.core.terms.refusal import Refusal
from stretto.views.texts import Number, fraction, number, seconds, timestamp


class _Factors(msgspec.Struct, frozen=True, gc=False):
    correlation_score: Number
    health_score: Number
    margin_score: Number
    performance_score: Number
    risk_budget_score: Number


class Selected(msgspec.Struct, frozen=True, gc=False):
    """An account that takes part, and the score that it was chosen by."""

    account_id: str
    factors: _Factors
    selection_confidence: Number
    total_score: Number


class _Candidate(msgspec.Struct, frozen=True, gc=False):
    account_id: str
    base_size: Number
    factors: _Factors
    position_size: Number
    rank: int
    required_margin: Number
    risk: Number
    rotation: int
    selected: bool
    selection_confidence: Number
    size_rationale: str
    total_score: Number
    variance_applied: Number


class Share(msgspec.Struct, frozen=True, gc=False):
    """What one account takes."""

    account_id: str
    base_size: Number
    execution_priority: int
    position_size: Number
    variance_applied: Number


class Release(msgspec.Struct, frozen=True, gc=False):
    """When one account's order is released, and until when it may be."""

    account_id: str
    delay_s: Number
    execution_window_end: str
    execution_window_start: str
    timing_rationale: str


for _shown in (_Factors, Selected, _Candidate, Share, Release):
    _fields = _shown.__struct_fields__
    check(_fields == tuple(sorted(_fields)), f"the fields of {_shown.__name__} are not sorted")


def selected(plan: Plan) -> list[Selected]:
    """``selected_accounts``, best first."""
    return [
        Selected(
            each.account_id,
            _factors(each),
            fraction(each.selection_confidence),
            fraction(each.total_score),
        )
        for each in plan.candidates
        if each.selected
    ]


def _factors(candidate: Candidate) -> _Factors:
    factors = candidate.factors
    return _Factors(
        fraction(factors.correlation_score),
        fraction(factors.health_score),
        fraction(factors.margin_score),
        fraction(factors.performance_score),
        fraction(factors.risk_budget_score),
    )


def _candidate(candidate: Candidate) -> _Candidate:
    return _Candidate(
        candidate.account_id,
        number(candidate.base_size),
        _factors(candidate),
        number(candidate.position_size),
        candidate.rank,
        number(candidate.required_margin),
        number(candidate.risk),
        candidate.rotation,
        candidate.selected,
        fraction(candidate.selection_confidence),
        candidate.size_rationale,
        fraction(candidate.total_score),
        fraction(candidate.variance_applied),
    )


def rationale(plan: Plan, in_words: str) -> dict[str, Any]:
    """``account_selection_rationale``: every candidate, every refusal; ``in_words`` what was
    decided.
    """
    return {
        "summary": in_words,
        "candidates": [_candidate(each) for each in plan.candidates],
        "refusals": [_refusal(each) for each in plan.every_refusal],
        "alternatives": list(plan.alternatives),
        "refused": None if plan.refused is None else _refusal(plan.refused),
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    row: dict[str, Any] = {
        "account_id": refusal.account_id,
        "rule": refusal.rule.value,
        "compared": refusal.compared,
        "would_pass": refusal.would_pass,
        "clause": refusal.clause,
    }
    if refusal.also:
        row["also"] = [_refusal(each) for each in refusal.also]
    return row


def distribution(plan: Plan) -> list[Share]:
    """``distribution_plan``, in the order of release."""
    return [
        Share(
            share.account_id,
            number(share.base_size),
            share.execution_priority,
            number(share.position_size),
            fraction(share.variance_applied),
        )
        for share in plan.allocations
    ]


def timing(plan: Plan) -> list[Release]:
    """``timing_plan``, in the order of release."""
    return [
        Release(
            share.account_id,
            seconds(share.delay_ns),
            timestamp(share.window_end),
            timestamp(share.release_at),
            share.timing_rationale,
        )
        for share in plan.allocations
    ]


def correlation(analysis: CorrelationAnalysis | None, *, refused: bool) -> dict[str, Any]:
    """``correlation_analysis``."""
    if analysis is None:
        return {
            "is_viable": not refused,
            "expected_correlation": None,
            "threshold": None,
            "suggested_accounts": [],
            "analysed": 0,
        }
    return {
        "is_viable": analysis.is_viable,
        "expected_correlation": fraction(analysis.expected_correlation),
        "threshold": fraction(analysis.threshold),
        "suggested_accounts": list(analysis.suggested_accounts),
        "pairs": [
            {
                "first": pair.first,
                "second": pair.second,
                "before": fraction(pair.before),
                "projected": fraction(pair.projected),
                "historical": None if pair.historical is None else fraction(pair.historical),
            }
            for pair in analysis.pairs
        ],
        "analysed": analysis.analysed,
        "score": fraction(analysis.score),
        "bound": fraction(analysis.bound),
        "nodes": analysis.nodes,
        "proven": analysis.proven,
        "resize_hint": analysis.resize_hint,
    }


def inputs(plan: Plan) -> dict[str, Any]:
    """``decision_inputs``: what the decision rests on, and what was drawn."""
    return {
        "policy_id": plan.policy_id,
        "reads_seq": plan.reads_seq,
        "book_key": plan.book_key,
        "market_urgency": fraction(plan.market_urgency),
        "timing_nonce": plan.timing_nonce,
        "timing_cv": fraction(plan.timing_cv),
        "timing_gap_s": seconds(plan.timing_gap_ns),
        "drawn_delay_s": {s.account_id: seconds(s.drawn_ns) for s in plan.allocations},
        "size_rationale": {s.account_id: s.size_rationale for s in plan.allocations},
        "size_factor": {s.account_id: fraction(s.size_factor) for s in plan.allocations},
        "pace": {s.account_id: fraction(s.pace) for s in plan.allocations},
        "aggression": {s.account_id: fraction(s.aggression) for s in plan.allocations},
        "reserved_margin": {s.account_id: number(s.margin) for s in plan.allocations},
        "venue_reliability": {name: fraction(r) for name, r in plan.venue_reliability.items()},
        "reserved_risk": {s.account_id: number(s.risk) for s in plan.allocations},
    }
