"""Inputs: everything that can reach a book. One handled input is one journal entry.

The union is closed; tags are the journal's ``kind``. Knows nothing of what is decided about them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from stretto.core.terms.account import AccountSnapshot, BarReturn
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.exit_signal import AnySignal, ExitSignal
from stretto.core.terms.intervention import Action
from stretto.core.terms.market import Bar
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.report import CancelReject, ExecutionReport, ProtectionAnswer, StatusAnswer
from stretto.core.terms.signal import Signal
from stretto.core.terms.venue import MassStatus


class BookOpened(msgspec.Struct, frozen=True, kw_only=True, tag="book_opened"):
    """The configuration the book runs with from here on."""

    config: BookConfig


class AccountObserved(msgspec.Struct, frozen=True, kw_only=True, tag="account_observed"):
    """A venue's snapshot of one account."""

    snapshot: AccountSnapshot


class HistoryObserved(msgspec.Struct, frozen=True, kw_only=True, tag="history_observed"):
    """Per-bar returns of one account, oldest first; replaces what was known."""

    account_id: str
    bars: tuple[BarReturn, ...]


class BarsObserved(msgspec.Struct, frozen=True, kw_only=True, tag="bars_observed"):
    """Bars of one symbol, oldest first; replaces what was known."""

    symbol: str
    bars: tuple[Bar, ...]


class CalendarObserved(msgspec.Struct, frozen=True, kw_only=True, tag="calendar_observed"):
    """Sessions of one calendar over a stated span; replaces what was known of it."""

    table: SessionTable


class SignalReceived(msgspec.Struct, frozen=True, kw_only=True, tag="signal_received"):
    """A signal arrived at intake."""

    signal: Signal


class ExitReceived(msgspec.Struct, frozen=True, kw_only=True, tag="exit_received"):
    """A signal arrived that closes, reduces or amends what an earlier one opened."""

    exit: ExitSignal


class TimerKind(StrEnum):
    """What a timer is for."""

    RELEASE = "release"
    ACKNOWLEDGE = "acknowledge"
    QUERY = "query"
    EXCLUSION = "exclusion"
    CIRCUIT = "circuit"
    ALERT = "alert"
    CORRELATION = "correlation"
    COMPLETION = "completion"
    AMEND = "amend"
    PROTECTION = "protection"
    PROTECT = "protect"
    FLATTEN = "flatten"


class TimerDue(msgspec.Struct, frozen=True, kw_only=True, tag="timer_due"):
    """A timer's time has come. ``key`` is an allocation key, a client order id, an
    account id, or the key of a circuit, alert or amendment.
    """

    timer: TimerKind
    key: str
    due_at: int


class SendOutcomeKind(StrEnum):
    """What the process knows of a write."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class SendReported(msgspec.Struct, frozen=True, kw_only=True, tag="send_reported", gc=False):
    """Outcome of writing a submit to the venue's connection."""

    client_order_id: str
    outcome: SendOutcomeKind
    sent_at: int
    detail: str = ""


class ReplaceReported(msgspec.Struct, frozen=True, kw_only=True, tag="replace_reported"):
    """Outcome of writing a replace to the venue's connection, where it is not plainly sent."""

    client_order_id: str
    outcome: SendOutcomeKind
    sent_at: int
    detail: str = ""


class AmendReported(msgspec.Struct, frozen=True, kw_only=True, tag="amend_reported"):
    """Outcome of writing a request for other levels (``client_order_id``) to the venue's
    connection, where it is not plainly sent.
    """

    client_order_id: str
    account_id: str
    outcome: SendOutcomeKind
    sent_at: int
    detail: str = ""


class VenueReported(msgspec.Struct, frozen=True, kw_only=True, tag="venue_reported", gc=False):
    """An execution report arrived."""

    report: ExecutionReport


class OrderReported(msgspec.Struct, frozen=True, kw_only=True, tag="order_reported", gc=False):
    """What waited for one order when the book turned to it, in order of arrival: the outcome of the
    write, the acknowledgement, a trade. ``core.messages.together`` says what is taken together.
    """

    messages: tuple[SendReported | VenueReported, ...]


class CancelRejected(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_rejected"):
    """A cancel or replace was refused by the venue."""

    reject: CancelReject


class VenueAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="venue_answered"):
    """Answer to a query."""

    answer: StatusAnswer


class ProtectionAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="protection_answered"):
    """Answer to a request to set the stop and target of a position."""

    answer: ProtectionAnswer


class ViewReported(msgspec.Struct, frozen=True, kw_only=True, tag="view_reported"):
    """An execution, or the state of an order, that a view of the account shows and the book does
    not know.
    """

    report: ExecutionReport


class MassStatusObserved(msgspec.Struct, frozen=True, kw_only=True, tag="mass_status_observed"):
    """A venue's view of one account, its executions told before it. What the venue declares of its
    own silence comes with it: it decides what absence proves.
    """

    status: MassStatus
    absence_is_proof: bool
    settle_time_ns: int


class Intervened(msgspec.Struct, frozen=True, kw_only=True, tag="intervened"):
    """A person asks for something, and why. The same ``request_id`` with the same words again
    changes nothing.
    """

    request_id: str
    actor: str
    reason: str
    action: Action


class BookRecovered(msgspec.Struct, frozen=True, kw_only=True, tag="book_recovered"):
    """A new process took the book over: intents without an outcome are in doubt from here."""

    engine_version: str


Input = (
    BookOpened
    | AccountObserved
    | HistoryObserved
    | BarsObserved
    | CalendarObserved
    | SignalReceived
    | ExitReceived
    | TimerDue
    | SendReported
    | ReplaceReported
    | AmendReported
    | VenueReported
    | OrderReported
    | CancelRejected
    | VenueAnswered
    | ProtectionAnswered
    | ViewReported
    | MassStatusObserved
    | Intervened
    | BookRecovered
)


def arrival_of(signal: AnySignal) -> SignalReceived | ExitReceived:
    """The input that a signal is."""
    return (
        ExitReceived(exit=signal)
        if isinstance(signal, ExitSignal)
        else SignalReceived(signal=signal)
    )
