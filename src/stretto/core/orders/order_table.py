"""The order machine's table: every state, every input, what follows. Pure data and look-ups.

Read it as h11's ``_state.py``: the machine *is* the table; ``order.py`` computes quantities and
asks it. FIX 4.4 Volume 4, Appendix D is the reference. Knows nothing of venues, accounts or time.
"""

from __future__ import annotations

from enum import StrEnum

from stretto.core.errors import InvariantViolated, check
from stretto.core.terms.report import OrdStatus


class OrderState(StrEnum):
    """Where an order stands, as far as we can know (DESIGN §4.7)."""

    INITIALIZED = "initialized"
    SUBMITTING = "submitting"
    IN_DOUBT = "in_doubt"
    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    DONE_FOR_DAY = "done_for_day"
    CALCULATED = "calculated"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DEAD = "dead"


class OrderInput(StrEnum):
    """What can happen to an order: what we do, what the venue answers, what it reports."""

    SUBMIT = "submit"
    SENT = "sent"
    NOT_SENT = "not_sent"
    OUTCOME_UNKNOWN = "outcome_unknown"
    QUERIED = "queried"
    CANCEL_REQUESTED = "cancel_requested"
    REPLACE_REQUESTED = "replace_requested"
    PROVEN_DEAD = "proven_dead"
    CANCEL_REJECTED = "cancel_rejected"
    REPLACE_REJECTED = "replace_rejected"
    STATUS_KNOWN = "status_known"
    STATUS_UNKNOWN = "status_unknown"
    DUPLICATE = "duplicate"
    PENDING_NEW = "pending_new"
    NEW = "new"
    REJECTED = "rejected"
    PARTIAL_FILL = "partial_fill"
    FULL_FILL = "full_fill"
    BUST = "bust"
    CORRECTION = "correction"
    CANCELED = "canceled"
    EXPIRED = "expired"
    DONE_FOR_DAY = "done_for_day"
    CALCULATED = "calculated"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    REPLACED = "replaced"
    RESTATED = "restated"


class Rule(StrEnum):
    """Where a row does not name the next state, how it follows."""

    KEEP = "keep"
    """The state stays; among new, partially_filled and filled the quantities decide."""
    REPORTED = "reported"
    """The venue's OrdStatus, unless quantities or a request of ours that is open outrank it."""
    ALARM = "alarm"
    """The state stays; if the input shows the order alive or filled, its account halts."""


class IllegalTransition(InvariantViolated):
    """No row for this state and input: a bug on our side; nothing was changed."""

    def __init__(self, state: OrderState, kind: OrderInput, order_id: str) -> None:
        self.state = state
        self.input = kind
        super().__init__(f"order {order_id}: {kind.value} is illegal in state {state.value}")


S, On, R = OrderState, OrderInput, Rule

RESTING = frozenset({S.NEW, S.PARTIALLY_FILLED, S.FILLED})
"""States that the quantities alone tell apart."""
FINAL = frozenset({S.CANCELED, S.REJECTED, S.EXPIRED, S.DEAD})
"""Terminal for good; ``filled`` is terminal too, but a bust or a replace reopens it."""
TERMINAL = FINAL | {S.FILLED}
LIVE_STATES = frozenset(OrderState) - TERMINAL
UNANSWERED = frozenset({S.INITIALIZED, S.SUBMITTING, S.IN_DOUBT})
"""No word from the venue yet."""
LEAVES_OPTIONAL = frozenset({S.DONE_FOR_DAY, S.CALCULATED, S.PENDING_CANCEL, S.PENDING_REPLACE})
"""Live states in which leaves may be 0 though cum is below the order quantity."""

STATE_OF_STATUS: dict[OrdStatus, OrderState] = {
    status: (S.NEW if status is OrdStatus.ACCEPTED_FOR_BIDDING else OrderState(status.value))
    for status in OrdStatus
}

PRECEDENCE: dict[OrderState, int] = {
    S.PENDING_CANCEL: 11,
    S.PENDING_REPLACE: 10,
    S.DONE_FOR_DAY: 9,
    S.CALCULATED: 8,
    S.FILLED: 7,
    S.STOPPED: 6,
    S.SUSPENDED: 5,
    S.CANCELED: 4,
    S.EXPIRED: 4,
    S.PARTIALLY_FILLED: 3,
    S.NEW: 2,
    S.REJECTED: 2,
    S.PENDING_NEW: 2,
}
"""FIX 4.4 Volume 4, Execution Report: which OrdStatus is given when several apply at once."""


def outranking(first: OrderState, second: OrderState) -> OrderState:
    """Of two states that apply at once the one to show; ``first`` where neither outranks."""
    return second if PRECEDENCE[second] > PRECEDENCE[first] else first


Row = OrderState | Rule

# Reports that reach an order the venue may still be working on.
_REPORTS: dict[OrderInput, Row] = {
    On.STATUS_KNOWN: R.REPORTED,
    On.STATUS_UNKNOWN: R.KEEP,
    On.DUPLICATE: R.KEEP,
    On.PENDING_NEW: R.KEEP,
    On.NEW: R.REPORTED,
    On.REJECTED: S.REJECTED,
    On.PARTIAL_FILL: R.REPORTED,
    On.FULL_FILL: R.REPORTED,
    On.BUST: R.REPORTED,
    On.CORRECTION: R.REPORTED,
    On.CANCELED: S.CANCELED,
    On.EXPIRED: S.EXPIRED,
    On.DONE_FOR_DAY: S.DONE_FOR_DAY,
    On.CALCULATED: S.CALCULATED,
    On.STOPPED: S.STOPPED,
    On.SUSPENDED: S.SUSPENDED,
    On.PENDING_CANCEL: S.PENDING_CANCEL,
    On.PENDING_REPLACE: S.PENDING_REPLACE,
    On.REPLACED: R.REPORTED,
    On.RESTATED: R.REPORTED,
}
# What our own side may still learn after the venue has answered (messages cross).
_CROSSED: dict[OrderInput, Row] = {
    On.SENT: R.KEEP,
    On.OUTCOME_UNKNOWN: R.KEEP,
    On.QUERIED: R.KEEP,
}
_LIVE: dict[OrderInput, Row] = (
    _REPORTS
    | _CROSSED
    | {
        On.CANCEL_REQUESTED: S.PENDING_CANCEL,
        On.CANCEL_REJECTED: R.REPORTED,
        On.REPLACE_REJECTED: R.REPORTED,
        On.PROVEN_DEAD: S.DEAD,
    }
)
_REPLACEABLE: dict[OrderInput, Row] = _LIVE | {On.REPLACE_REQUESTED: S.PENDING_REPLACE}
# A terminal order keeps rows for everything that can still arrive; only quantities move.
_CLOSED: dict[OrderInput, Row] = (
    dict.fromkeys(_REPORTS, R.KEEP)
    | _CROSSED
    | {On.CANCEL_REJECTED: R.KEEP, On.REPLACE_REJECTED: R.KEEP}
)
_UNPROVEN: dict[OrderInput, Row] = _REPORTS | {
    On.NOT_SENT: S.DEAD,
    On.SENT: R.KEEP,
    On.OUTCOME_UNKNOWN: S.IN_DOUBT,
    On.QUERIED: R.KEEP,
    On.PENDING_NEW: S.PENDING_NEW,
    On.CANCEL_REQUESTED: R.KEEP,
    On.CANCEL_REJECTED: R.KEEP,
}

_ROWS: dict[OrderState, dict[OrderInput, Row]] = {
    S.INITIALIZED: {On.SUBMIT: S.SUBMITTING, On.NOT_SENT: S.DEAD},
    S.SUBMITTING: _UNPROVEN,
    S.IN_DOUBT: _UNPROVEN | {On.PROVEN_DEAD: S.DEAD},
    S.PENDING_NEW: _LIVE,
    S.NEW: _REPLACEABLE,
    S.PARTIALLY_FILLED: _REPLACEABLE,
    S.SUSPENDED: _REPLACEABLE,
    S.STOPPED: _REPLACEABLE,
    S.DONE_FOR_DAY: _REPLACEABLE,
    S.CALCULATED: _LIVE,
    S.PENDING_CANCEL: _LIVE,
    S.PENDING_REPLACE: _LIVE,
    S.FILLED: _CLOSED
    | {
        On.REPLACE_REQUESTED: S.PENDING_REPLACE,
        On.PENDING_REPLACE: S.PENDING_REPLACE,
        On.REPLACED: R.REPORTED,
        On.RESTATED: R.REPORTED,
        On.STATUS_KNOWN: R.REPORTED,
        On.BUST: R.REPORTED,
        On.CORRECTION: R.REPORTED,
    },
    S.CANCELED: _CLOSED | {On.FULL_FILL: S.FILLED},
    S.EXPIRED: _CLOSED | {On.FULL_FILL: S.FILLED},
    S.REJECTED: _CLOSED | {On.PARTIAL_FILL: R.ALARM, On.FULL_FILL: R.ALARM, On.CORRECTION: R.ALARM},
    S.DEAD: dict.fromkeys(_REPORTS, R.ALARM)
    | _CROSSED
    | {
        On.SENT: R.ALARM,
        On.STATUS_UNKNOWN: R.KEEP,
        On.DUPLICATE: R.KEEP,
        On.NOT_SENT: R.KEEP,
        On.PROVEN_DEAD: R.KEEP,
        On.CANCEL_REQUESTED: R.KEEP,
        On.CANCEL_REJECTED: R.KEEP,
        On.REPLACE_REJECTED: R.KEEP,
    },
}

TABLE: dict[tuple[OrderState, OrderInput], Row] = {
    (state, kind): row for state, rows in _ROWS.items() for kind, row in rows.items()
}
"""Every legal pair; what is not here is illegal."""

check(set(_ROWS) == set(OrderState), "every order state must be a key of the table")


def row(state: OrderState, kind: OrderInput, order_id: str) -> Row:
    """The row of a pair. Raises IllegalTransition where there is none."""
    found = TABLE.get((state, kind))
    if found is None:
        raise IllegalTransition(state, kind, order_id)
    return found


def as_markdown() -> str:
    """The table as it stands in docs/order-states.md: per state, what each input leads to."""
    lines: list[str] = []
    for state in OrderState:
        lines += [f"### {state.value}", "", "| leads to | on |", "|---|---|"]
        grouped: dict[str, list[str]] = {}
        for kind in OrderInput:
            found = TABLE.get((state, kind))
            name = "illegal" if found is None else found.value
            shown = f"*{name}*" if found is None or isinstance(found, Rule) else name
            grouped.setdefault(shown, []).append(kind.value)
        lines += [f"| {name} | {', '.join(kinds)} |" for name, kinds in grouped.items()]
        lines.append("")
    return "\n".join(lines)


def is_newly_doubtful(before: OrderState, after: OrderState) -> bool:
    """Whether a submit has just become one whose fate is unknown."""
    return after is OrderState.IN_DOUBT and before in UNANSWERED and before is not after
