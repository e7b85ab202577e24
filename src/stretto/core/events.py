"""Inputs, events and the journal entry that joins them: one entry is one handled input.

Inputs are what reached the book, events (past tense) what it decided or learned. Both unions are
closed; their tags are the journal's ``kind``.
Knows nothing of storage.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from stretto.core.account import AccountSnapshot, BarReturn, DayAnchor
from stretto.core.market import Bar, Reads
from stretto.core.order import Order
from stretto.core.order_changes import OrderChanges
from stretto.core.plan import Plan
from stretto.core.policy import BookConfig
from stretto.core.refusal import Refusal
from stretto.core.report import CancelReject, ExecutionReport, StatusAnswer
from stretto.core.signal import Signal
from stretto.core.values import ZERO

# --- inputs -----------------------------------------------------------------------------------


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


class SignalReceived(msgspec.Struct, frozen=True, kw_only=True, tag="signal_received"):
    """A signal arrived at intake."""

    signal: Signal


class TimerKind(StrEnum):
    """What a timer is for."""

    RELEASE = "release"
    ACKNOWLEDGE = "acknowledge"
    QUERY = "query"


class TimerDue(msgspec.Struct, frozen=True, kw_only=True, tag="timer_due"):
    """A timer's time has come. ``key`` is an allocation key or a client order id."""

    timer: TimerKind
    key: str
    due_at: int


class SendOutcomeKind(StrEnum):
    """What the process knows of a write."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class SendReported(msgspec.Struct, frozen=True, kw_only=True, tag="send_reported"):
    """Outcome of writing a submit to the venue's connection."""

    client_order_id: str
    outcome: SendOutcomeKind
    sent_at: int
    detail: str = ""


class VenueReported(msgspec.Struct, frozen=True, kw_only=True, tag="venue_reported"):
    """An execution report arrived."""

    report: ExecutionReport


class CancelRejected(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_rejected"):
    """A cancel or replace was refused by the venue."""

    reject: CancelReject


class VenueAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="venue_answered"):
    """Answer to a query."""

    answer: StatusAnswer


class BookRecovered(msgspec.Struct, frozen=True, kw_only=True, tag="book_recovered"):
    """A new process took the book over: intents without an outcome are in doubt from here."""

    engine_version: str


Input = (
    BookOpened
    | AccountObserved
    | HistoryObserved
    | BarsObserved
    | SignalReceived
    | TimerDue
    | SendReported
    | VenueReported
    | CancelRejected
    | VenueAnswered
    | BookRecovered
)

# --- events -----------------------------------------------------------------------------------


class BookConfigured(msgspec.Struct, frozen=True, kw_only=True, tag="book_configured"):
    """Configuration in force."""

    config: BookConfig


class AccountUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="account_updated"):
    """Account snapshot taken in, with the anchors of the firm's trading day after it."""

    snapshot: AccountSnapshot
    anchor: DayAnchor


class HistoryRecorded(msgspec.Struct, frozen=True, kw_only=True, tag="history_recorded"):
    """Account history in force."""

    account_id: str
    bars: tuple[BarReturn, ...]


class BarsRecorded(msgspec.Struct, frozen=True, kw_only=True, tag="bars_recorded"):
    """Symbol bars in force."""

    symbol: str
    bars: tuple[Bar, ...]


class SignalPlanned(msgspec.Struct, frozen=True, kw_only=True, tag="signal_planned"):
    """A plan was made: its allocations are reserved and scheduled."""

    plan: Plan


class SignalRefused(msgspec.Struct, frozen=True, kw_only=True, tag="signal_refused"):
    """No plan: ``plan.refused`` names the rule; the rest says how far planning came."""

    plan: Plan


class OrderIntended(msgspec.Struct, frozen=True, kw_only=True, tag="order_intended"):
    """The book decided to send this order; durable before the venue sees it. ``slippage_max`` in
    price from the touch; ``trading_day`` is the start (ns UTC) of the firm's day it counts for.
    """

    order: Order
    planned_at: int
    slippage_max: Decimal | None = None
    trading_day: int = 0


class OrderAdvanced(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="order_advanced"
):
    """The order's state or numbers changed; ``cause`` is the machine's input. ``abandoned`` is what
    the allocation gives up (negative: has again) because the venue set the quantity of an order
    that lives on, base units.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    cause: str
    changes: OrderChanges
    abandoned: Decimal = ZERO


class FillBooked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="fill_booked"):
    """A fill entered the books, or (with negative ``quantity``) was taken back by a bust or a
    correction. ``notional`` is the change of Σ price * quantity, ``overfill`` the part of
    ``quantity`` beyond the intended; ``margin`` moves from reserved to unconfirmed, ``risk`` from
    reserved to open (back, where negative: the order works again), account currency. ``cause`` is
    ``entry`` or what the venue closed for;
    ``realized`` is profit in quote currency, for closes.
    """

    execution_id: str
    account_id: str
    symbol: str
    direction: int
    quantity: Decimal
    notional: Decimal
    price: Decimal
    transact_at: int
    client_order_id: str = ""
    exec_id: str = ""
    trading_day: str = ""
    cause: str = "entry"
    fee: Decimal = ZERO
    overfill: Decimal = ZERO
    margin: Decimal = ZERO
    risk: Decimal = ZERO
    realized: Decimal = ZERO
    position_id: str = ""
    inferred: bool = False


class OrderQueried(msgspec.Struct, frozen=True, kw_only=True, tag="order_queried"):
    """The venue is asked what it knows of an order; ``attempt`` counts the queries
    of an order in doubt (0 for a live one that is only asked about), ``next_at`` is when
    the next one is due, ns UTC, or None where it was the last.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    attempt: int
    next_at: int | None


class AllocationEnded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="allocation_ended"
):
    """Nothing of this allocation is pending, working or in doubt any more. ``abandoned`` is the
    change of the quantity that will not be tried again (negative where a late fill takes some back,
    positive where a bust frees some); ``margin`` and ``risk`` are what is released with it;
    ``shortfall_pips`` is the volume-weighted price against the touch at the decision, positive if
    worse (implementation shortfall, Perold 1988).
    """

    execution_id: str
    account_id: str
    abandoned: Decimal
    reason: str
    margin: Decimal = ZERO
    risk: Decimal = ZERO
    refusal: Refusal | None = None
    shortfall_pips: Decimal | None = None


class ExecutionEnded(msgspec.Struct, frozen=True, kw_only=True, tag="execution_ended"):
    """Every allocation of the execution has ended."""

    execution_id: str
    status: str


class AccountHalted(msgspec.Struct, frozen=True, kw_only=True, tag="account_halted"):
    """No further entry in this account until a person releases it."""

    account_id: str
    reason: str


class InterventionRequired(msgspec.Struct, frozen=True, kw_only=True, tag="intervention_required"):
    """A person has to look: what is known, and why the book will not go on by itself."""

    execution_id: str
    account_id: str
    client_order_id: str
    reason: str
    known: dict[str, str]


Event = (
    BookConfigured
    | AccountUpdated
    | HistoryRecorded
    | BarsRecorded
    | SignalPlanned
    | SignalRefused
    | OrderIntended
    | OrderAdvanced
    | FillBooked
    | OrderQueried
    | AllocationEnded
    | ExecutionEnded
    | AccountHalted
    | InterventionRequired
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One handled input, as the journal keeps it. ``at`` is book time, ns UTC, and never falls."""

    seq: int
    at: int
    input: Input
    reads: Reads
    events: tuple[Event, ...]


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored of an entry beside its header."""

    input: Input
    events: tuple[Event, ...]
    reads: Reads = Reads()


def kind_of(value: Input | Event) -> str:
    """The tag of an input or event, as journal and audit log name it."""
    tag = value.__struct_config__.tag
    return str(tag)


def subject_of(entry: Entry) -> tuple[str, str]:
    """Execution and account an entry is about; empty where it is about none, or about several."""
    executions: dict[str, None] = {}
    accounts: dict[str, None] = {}
    for event in entry.events:
        if isinstance(event, SignalPlanned | SignalRefused):
            return event.plan.execution_id, ""
        if isinstance(event, AccountUpdated):
            return "", event.snapshot.account_id
        about = event.order if isinstance(event, OrderIntended) else event
        executions[getattr(about, "execution_id", "")] = None
        accounts[getattr(about, "account_id", "")] = None
    return _only(executions), _only(accounts)


def _only(names: dict[str, None]) -> str:
    named = [name for name in names if name]
    return named[0] if len(named) == 1 else ""
