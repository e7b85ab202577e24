"""Failures and a small table that the tests of failure handling share."""

from __future__ import annotations

from stretto.core.terms.failure import (
    Confidence,
    Failure,
    FailureClass,
    FailureRow,
    FailureTable,
    Match,
    MessageRow,
    Outcome,
    Request,
    TextRule,
)


def a_row(
    failure_class: FailureClass,
    outcome: Outcome = Outcome.REJECTED_CERTAIN,
    text_decides: bool = False,
) -> FailureRow:
    return FailureRow(
        failure_class=failure_class,
        outcome=outcome,
        confidence=Confidence.DOCUMENTED,
        text_decides=text_decides,
    )


TABLE = FailureTable(
    name="sample",
    source="Invented",
    as_of="2026-01-02",
    codes={
        "7": a_row(FailureClass.INSUFFICIENT_MARGIN),
        "8": a_row(FailureClass.UNCLASSIFIED, text_decides=True),
        "9": a_row(FailureClass.NOT_A_FAILURE, Outcome.ACCEPTED),
        "10": a_row(FailureClass.UNKNOWN_OUTCOME, Outcome.UNKNOWN),
        "103=2": a_row(FailureClass.MARKET_CLOSED),
        "103=6": a_row(FailureClass.DUPLICATE_ORDER, Outcome.UNKNOWN),
        "103=99": a_row(FailureClass.UNCLASSIFIED, text_decides=True),
        "102=1": a_row(FailureClass.ORDER_UNKNOWN, Outcome.UNKNOWN),
    },
    messages=(
        MessageRow(text="Trade Context busy", row=a_row(FailureClass.RATE_LIMITED), code="8"),
        MessageRow(text="halted", rule=TextRule.EQUALS, row=a_row(FailureClass.SYMBOL_DISABLED)),
        MessageRow(
            text="no money", rule=TextRule.STARTS_WITH, row=a_row(FailureClass.INSUFFICIENT_MARGIN)
        ),
        MessageRow(text="money", row=a_row(FailureClass.INVALID_REQUEST)),
    ),
)


def a_failure(
    failure_class: FailureClass,
    outcome: Outcome = Outcome.REJECTED_CERTAIN,
    request: Request = Request.SUBMIT,
) -> Failure:
    return Failure(
        failure_class=failure_class,
        outcome=outcome,
        request=request,
        table="sample",
        row="1",
        match=Match.CODE,
        confidence=Confidence.DOCUMENTED,
    )
