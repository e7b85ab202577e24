"""What a venue's refusal means: the closed set of failure classes, and how one is found.

A table is data (see ``failure_tables/``); codes come before FIX reasons, these before messages, and
what nothing matches is unclassified, never skipped. Knows nothing of what follows from a class.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

ORD_REJ_REASON_TAG = "103"
CXL_REJ_REASON_TAG = "102"


class FailureClass(StrEnum):
    """Every way in which a request can fail (DESIGN §4.9). Those of ``CRITICAL`` need a person."""

    INSUFFICIENT_MARGIN = "insufficient_margin"
    CONNECTION_TEMPORARY = "connection_temporary"
    CONNECTION_PERSISTENT = "connection_persistent"
    VENUE_ERROR = "venue_error"
    UNKNOWN_OUTCOME = "unknown_outcome"
    MARKET_CLOSED = "market_closed"
    INVALID_STOPS = "invalid_stops"
    PRICE_MOVED = "price_moved"
    RATE_LIMITED = "rate_limited"
    ACCOUNT_SUSPENDED = "account_suspended"
    ACCESS_DENIED = "access_denied"
    SYMBOL_DISABLED = "symbol_disabled"
    LIMIT_REACHED = "limit_reached"
    DUPLICATE_ORDER = "duplicate_order"
    POSITION_GONE = "position_gone"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_CLOSED = "order_closed"
    INVALID_PRICE = "invalid_price"
    INVALID_VOLUME = "invalid_volume"
    UNSUPPORTED_ORDER = "unsupported_order"
    INVALID_REQUEST = "invalid_request"
    UNCLASSIFIED = "unclassified"
    NOT_A_FAILURE = "not_a_failure"


CRITICAL = (
    FailureClass.INVALID_PRICE,
    FailureClass.INVALID_VOLUME,
    FailureClass.UNSUPPORTED_ORDER,
    FailureClass.INVALID_REQUEST,
    FailureClass.UNCLASSIFIED,
)


class Outcome(StrEnum):
    """Whether the order may be live. It is asked before the class: ``unknown`` is in doubt."""

    REJECTED_CERTAIN = "rejected_certain"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"


class Confidence(StrEnum):
    """Where a row comes from: the venue says so, somebody judged so, or there is no row."""

    DOCUMENTED = "documented"
    JUDGED = "judged"
    NONE = "none"


class Match(StrEnum):
    """Which part of the answer decided."""

    CODE = "code"
    ORD_REJ_REASON = "ord_rej_reason"
    CXL_REJ_REASON = "cxl_rej_reason"
    MESSAGE = "message"
    NONE = "none"


class Request(StrEnum):
    """What was asked of the venue. A refused cancel or replace proves nothing about the order."""

    SUBMIT = "submit"
    REPLACE = "replace"
    CANCEL = "cancel"


class TextRule(StrEnum):
    """How a message is compared, without regard to case. No expressions: nothing is guessed."""

    EQUALS = "equals"
    STARTS_WITH = "starts_with"
    CONTAINS = "contains"


class FailureRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact of a table. ``text_decides``: the code covers many causes, so that a message of the
    table comes before it.
    """

    failure_class: FailureClass
    outcome: Outcome
    confidence: Confidence = Confidence.JUDGED
    name: str = ""
    note: str = ""
    text_decides: bool = False


class MessageRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that the venue sends; with ``code``, only where it comes with that code."""

    text: str
    row: FailureRow
    rule: TextRule = TextRule.CONTAINS
    code: str = ""


class FailureTable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One venue's answers: rows by exact code (FIX reasons as ``103=6``, ``102=1``), then messages,
    the first that fits. ``…_text``: the words right before a number that the venue states in its
    text: how long to wait, ms, and how far a stop must be, price. Empty: it states none.
    """

    name: str
    source: str
    as_of: str
    codes: dict[str, FailureRow] = msgspec.field(default_factory=dict)
    messages: tuple[MessageRow, ...] = ()
    retry_after_ms_text: str = ""
    stop_distance_text: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer means, and which ``row`` of which ``table`` says so; empty where none does."""

    failure_class: FailureClass
    outcome: Outcome
    request: Request
    table: str
    row: str
    match: Match
    confidence: Confidence

    @property
    def proves_dead(self) -> bool:
        """True where this answer alone proves that the order is not live (DESIGN §4.9, a)."""
        return self.request is Request.SUBMIT and self.outcome is Outcome.REJECTED_CERTAIN

    @property
    def is_critical(self) -> bool:
        """True where only a person can say what was wrong."""
        return self.failure_class in CRITICAL


def classify(
    table: FailureTable,
    *,
    code: str = "",
    text: str = "",
    ord_rej_reason: str = "",
    cxl_rej_reason: str = "",
    request: Request = Request.SUBMIT,
    is_final: bool = False,
) -> Failure:
    """What the venue's answer means.

    ``code`` is the venue's own, ``ord_rej_reason`` and ``cxl_rej_reason`` the values of FIX tags
    103 and 102. ``is_final``: the answer is an execution report that ends the order, which is
    certain where no row says otherwise. It makes no doubtful row certain: a second order under a
    used id is rejected, while the first may be live.
    """
    keys = (
        (Match.CODE, code),
        (Match.ORD_REJ_REASON, f"{ORD_REJ_REASON_TAG}={ord_rej_reason}" if ord_rej_reason else ""),
        (Match.CXL_REJ_REASON, f"{CXL_REJ_REASON_TAG}={cxl_rej_reason}" if cxl_rej_reason else ""),
    )
    general: tuple[Match, str, FailureRow] | None = None
    for match, key in keys:
        row = table.codes.get(key) if key else None
        if row is None:
            continue
        if not row.text_decides:
            return _failure(table, request, is_final, match, key, row)
        general = general or (match, key, row)
    message = _message(table, code, text)
    if message is not None:
        return _failure(table, request, is_final, Match.MESSAGE, message.text, message.row)
    if general is not None:
        return _failure(table, request, is_final, *general)
    return Failure(
        failure_class=FailureClass.UNCLASSIFIED,
        outcome=Outcome.REJECTED_CERTAIN if is_final else Outcome.UNKNOWN,
        request=request,
        table=table.name,
        row="",
        match=Match.NONE,
        confidence=Confidence.NONE,
    )


def stated_number(words: str, text: str) -> Decimal | None:
    """The number right after ``words`` in a venue's text (digits, at most one point); None where
    there is none, or the venue's table names no words.
    """
    place = text.find(words) if words else -1
    if place < 0:
        return None
    rest = text[place + len(words) :]
    end = next((at for at, char in enumerate(rest) if char not in "0123456789."), len(rest))
    digits = rest[:end].rstrip(".")
    return Decimal(digits) if digits[:1].isdigit() and digits.count(".") <= 1 else None


def unanswered(table: FailureTable, request: Request) -> Failure:
    """The failure of a request to which no answer came: its fate is unknown."""
    return Failure(
        failure_class=FailureClass.UNKNOWN_OUTCOME,
        outcome=Outcome.UNKNOWN,
        request=request,
        table=table.name,
        row="",
        match=Match.NONE,
        confidence=Confidence.NONE,
    )


def unsent(table: FailureTable, request: Request) -> Failure:
    """The failure of a request that did not leave our process, as we know (DESIGN §4.9, b)."""
    return Failure(
        failure_class=FailureClass.CONNECTION_TEMPORARY,
        outcome=Outcome.REJECTED_CERTAIN,
        request=request,
        table=table.name,
        row="",
        match=Match.NONE,
        confidence=Confidence.NONE,
    )


def _failure(
    table: FailureTable, request: Request, is_final: bool, match: Match, key: str, row: FailureRow
) -> Failure:
    # A report that ends the order contradicts a row that calls it accepted: nobody knows.
    contradicted = is_final and row.outcome is Outcome.ACCEPTED
    return Failure(
        failure_class=row.failure_class,
        outcome=Outcome.UNKNOWN if contradicted else row.outcome,
        request=request,
        table=table.name,
        row=key,
        match=match,
        confidence=row.confidence,
    )


def _message(table: FailureTable, code: str, text: str) -> MessageRow | None:
    said = text.casefold().strip()
    if not said:
        return None
    for message in table.messages:
        if message.code and message.code != code:
            continue
        wanted = message.text.casefold()
        if message.rule is TextRule.EQUALS:
            fits = said == wanted
        elif message.rule is TextRule.STARTS_WITH:
            fits = said.startswith(wanted)
        else:
            fits = wanted in said
        if fits:
            return message
    return None
