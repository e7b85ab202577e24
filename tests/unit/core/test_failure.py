"""Codes come before FIX reasons, these before messages, and nothing is ever left unclassified."""

from __future__ import annotations

import pytest

from stretto.core.terms.failure import (
    CRITICAL,
    Confidence,
    FailureClass,
    Match,
    Outcome,
    Request,
    classify,
    unanswered,
    unsent,
)
from tests.unit.core.failure_samples import TABLE, a_failure


@pytest.mark.requirement("R5.1")
@pytest.mark.parametrize(
    ("answer", "failure_class", "match", "row"),
    [
        ({"code": "7"}, FailureClass.INSUFFICIENT_MARGIN, Match.CODE, "7"),
        (
            {"code": "7", "ord_rej_reason": "2", "text": "halted"},
            FailureClass.INSUFFICIENT_MARGIN,
            Match.CODE,
            "7",
        ),
        (
            {"code": "404", "ord_rej_reason": "2", "text": "halted"},
            FailureClass.MARKET_CLOSED,
            Match.ORD_REJ_REASON,
            "103=2",
        ),
        ({"cxl_rej_reason": "1"}, FailureClass.ORDER_UNKNOWN, Match.CXL_REJ_REASON, "102=1"),
        ({"text": " HALTED "}, FailureClass.SYMBOL_DISABLED, Match.MESSAGE, "halted"),
        ({"text": "it is halted"}, FailureClass.UNCLASSIFIED, Match.NONE, ""),
        ({"text": "No money left"}, FailureClass.INSUFFICIENT_MARGIN, Match.MESSAGE, "no money"),
        ({"text": "I have no money"}, FailureClass.INVALID_REQUEST, Match.MESSAGE, "money"),
        (
            {"code": "8", "text": "trade context BUSY!"},
            FailureClass.RATE_LIMITED,
            Match.MESSAGE,
            "Trade Context busy",
        ),
        ({"text": "trade context busy"}, FailureClass.UNCLASSIFIED, Match.NONE, ""),
        ({"code": "8", "text": "what?"}, FailureClass.UNCLASSIFIED, Match.CODE, "8"),
        (
            {"ord_rej_reason": "99", "text": "no money"},
            FailureClass.INSUFFICIENT_MARGIN,
            Match.MESSAGE,
            "no money",
        ),
        ({"ord_rej_reason": "99"}, FailureClass.UNCLASSIFIED, Match.ORD_REJ_REASON, "103=99"),
        (
            {"code": "8", "ord_rej_reason": "2"},
            FailureClass.MARKET_CLOSED,
            Match.ORD_REJ_REASON,
            "103=2",
        ),
        ({"code": "103=2"}, FailureClass.MARKET_CLOSED, Match.CODE, "103=2"),
        ({}, FailureClass.UNCLASSIFIED, Match.NONE, ""),
    ],
)
def test_the_first_part_of_the_answer_that_decides_is_taken(
    answer: dict[str, str], failure_class: FailureClass, match: Match, row: str
) -> None:
    failure = classify(TABLE, **answer)  # type: ignore[arg-type]
    assert (failure.failure_class, failure.match, failure.row) == (failure_class, match, row)
    assert failure.table == "sample"


def test_an_unclassified_refusal_is_critical_and_certain_only_where_the_order_ended() -> None:
    final = classify(TABLE, code="4711", is_final=True)
    assert (final.failure_class, final.outcome) == (
        FailureClass.UNCLASSIFIED,
        Outcome.REJECTED_CERTAIN,
    )
    assert final.is_critical
    assert final.confidence is Confidence.NONE
    assert classify(TABLE, code="4711").outcome is Outcome.UNKNOWN


def test_a_doubtful_row_stays_doubtful_whatever_the_report_says() -> None:
    assert classify(TABLE, ord_rej_reason="6", is_final=True).outcome is Outcome.UNKNOWN
    assert classify(TABLE, code="10", is_final=True).outcome is Outcome.UNKNOWN


def test_an_accepting_code_on_a_report_that_ends_the_order_is_a_contradiction() -> None:
    assert classify(TABLE, code="9").outcome is Outcome.ACCEPTED
    assert classify(TABLE, code="9", is_final=True).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "request_", "proves"),
    [
        (Outcome.REJECTED_CERTAIN, Request.SUBMIT, True),
        (Outcome.UNKNOWN, Request.SUBMIT, False),
        (Outcome.ACCEPTED, Request.SUBMIT, False),
        (Outcome.REJECTED_CERTAIN, Request.CANCEL, False),
        (Outcome.REJECTED_CERTAIN, Request.REPLACE, False),
    ],
)
def test_only_a_certain_refusal_of_the_order_itself_proves_it_dead(
    outcome: Outcome, request_: Request, proves: bool
) -> None:
    assert a_failure(FailureClass.RATE_LIMITED, outcome, request_).proves_dead is proves


def test_silence_is_no_rejection_and_what_never_left_is_none_either() -> None:
    silent = unanswered(TABLE, Request.SUBMIT)
    assert (silent.outcome, silent.proves_dead) == (Outcome.UNKNOWN, False)
    kept = unsent(TABLE, Request.SUBMIT)
    assert kept.failure_class is FailureClass.CONNECTION_TEMPORARY
    assert kept.proves_dead


def test_critical_classes_are_those_that_need_a_person() -> None:
    assert FailureClass.UNCLASSIFIED in CRITICAL
    assert not a_failure(FailureClass.PRICE_MOVED).is_critical
