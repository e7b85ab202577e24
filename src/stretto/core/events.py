"""All events in one closed union, and the journal entry: one entry is one handled input.

The place to import inputs and events from, as ``events as ev``; they are defined beside what they
are about. Tags are the journal's ``kind``. Knows nothing of storage.
"""

from __future__ import annotations

import msgspec

from stretto.core.book_events import (
    AccountExcluded,
    AccountHalted,
    AccountRestored,
    AccountUpdated,
    AlertCleared,
    AlertRaised,
    BarsRecorded,
    BookConfigured,
    CalendarRecorded,
    CircuitChanged,
    HistoryRecorded,
    InterventionRequired,
    InterventionResolved,
    VenueThrottled,
)
from stretto.core.execution_events import (
    AllocationAdjusted,
    AllocationEnded,
    CorrelationBreached,
    ExecutionEnded,
    LegScheduled,
    PendingFreed,
    PendingHeld,
    RemainderRerouted,
    SignalPlanned,
    SignalRefused,
)
from stretto.core.inputs import (
    AccountObserved,
    AmendReported,
    BarsObserved,
    BookOpened,
    BookRecovered,
    CalendarObserved,
    CancelRejected,
    ExitReceived,
    HistoryObserved,
    Input,
    Intervened,
    MassStatusObserved,
    OrderReported,
    ProtectionAnswered,
    ReplaceReported,
    SendOutcomeKind,
    SendReported,
    SignalReceived,
    TimerDue,
    TimerKind,
    VenueAnswered,
    VenueReported,
    ViewReported,
    arrival_of,
)
from stretto.core.order_events import (
    CancelRequested,
    CompletionAssessed,
    FillBooked,
    OrderAdvanced,
    OrderFailed,
    OrderIntended,
    OrderQueried,
    ReleaseDeferred,
    ReplaceRequested,
)
from stretto.core.people_events import (
    AccountReleased,
    AllocationReduced,
    ExecutionPaused,
    ExecutionResumed,
    FlattenAwaited,
    FlattenBegun,
    Flattened,
    InterventionRefused,
    KillSwitchReleased,
    KillSwitchThrown,
    PersonIntervened,
    ReleaseScheduled,
    RemainderAbandoned,
)
from stretto.core.protection_events import (
    AmendFailed,
    AmendRequested,
    LevelsChanged,
    LimitChanged,
    LimitSettled,
    ProtectionAmended,
    ProtectionFailed,
    StopChecked,
)
from stretto.core.reconciliation_events import (
    AccountReconciled,
    DifferenceFound,
    OrderMissed,
    OrderProvenDead,
    PositionAdopted,
    PositionDismissed,
    Proof,
    ReconciliationRequired,
    VenueOrderCancelRequested,
    VenueOrderDismissed,
)
from stretto.core.terms.market import Reads

__all__ = [
    "SYSTEM",
    "AccountExcluded",
    "AccountHalted",
    "AccountObserved",
    "AccountReconciled",
    "AccountReleased",
    "AccountRestored",
    "AccountUpdated",
    "AlertCleared",
    "AlertRaised",
    "AllocationAdjusted",
    "AllocationEnded",
    "AllocationReduced",
    "AmendFailed",
    "AmendReported",
    "AmendRequested",
    "BarsObserved",
    "BarsRecorded",
    "BookConfigured",
    "BookOpened",
    "BookRecovered",
    "CalendarObserved",
    "CalendarRecorded",
    "CancelRejected",
    "CancelRequested",
    "CircuitChanged",
    "CompletionAssessed",
    "CorrelationBreached",
    "DifferenceFound",
    "Entry",
    "Event",
    "ExecutionEnded",
    "ExecutionPaused",
    "ExecutionResumed",
    "ExitReceived",
    "FillBooked",
    "FlattenAwaited",
    "FlattenBegun",
    "Flattened",
    "HistoryObserved",
    "HistoryRecorded",
    "Input",
    "Intervened",
    "InterventionRefused",
    "InterventionRequired",
    "InterventionResolved",
    "KillSwitchReleased",
    "KillSwitchThrown",
    "LegScheduled",
    "LevelsChanged",
    "LimitChanged",
    "LimitSettled",
    "MassStatusObserved",
    "OrderAdvanced",
    "OrderFailed",
    "OrderIntended",
    "OrderMissed",
    "OrderProvenDead",
    "OrderQueried",
    "OrderReported",
    "Payload",
    "PendingFreed",
    "PendingHeld",
    "PersonIntervened",
    "PositionAdopted",
    "PositionDismissed",
    "Proof",
    "ProtectionAmended",
    "ProtectionAnswered",
    "ProtectionFailed",
    "ReconciliationRequired",
    "ReleaseDeferred",
    "ReleaseScheduled",
    "RemainderAbandoned",
    "RemainderRerouted",
    "ReplaceReported",
    "ReplaceRequested",
    "SendOutcomeKind",
    "SendReported",
    "SignalPlanned",
    "SignalReceived",
    "SignalRefused",
    "StopChecked",
    "TimerDue",
    "TimerKind",
    "VenueAnswered",
    "VenueOrderCancelRequested",
    "VenueOrderDismissed",
    "VenueReported",
    "VenueThrottled",
    "ViewReported",
    "actor_of",
    "arrival_of",
    "kind_of",
    "subject_of",
]

Event = (
    BookConfigured
    | AccountUpdated
    | HistoryRecorded
    | BarsRecorded
    | CalendarRecorded
    | SignalPlanned
    | SignalRefused
    | OrderIntended
    | ReleaseDeferred
    | OrderAdvanced
    | FillBooked
    | OrderQueried
    | OrderFailed
    | CompletionAssessed
    | CancelRequested
    | ReplaceRequested
    | LevelsChanged
    | LimitChanged
    | LimitSettled
    | AmendRequested
    | ProtectionAmended
    | ProtectionFailed
    | AmendFailed
    | StopChecked
    | AllocationAdjusted
    | LegScheduled
    | RemainderRerouted
    | PendingHeld
    | PendingFreed
    | CorrelationBreached
    | AllocationEnded
    | ExecutionEnded
    | AccountHalted
    | AccountExcluded
    | AccountRestored
    | CircuitChanged
    | VenueThrottled
    | AlertRaised
    | AlertCleared
    | InterventionRequired
    | InterventionResolved
    | OrderProvenDead
    | OrderMissed
    | DifferenceFound
    | AccountReconciled
    | ReconciliationRequired
    | PersonIntervened
    | InterventionRefused
    | ExecutionPaused
    | ExecutionResumed
    | RemainderAbandoned
    | AllocationReduced
    | ReleaseScheduled
    | KillSwitchThrown
    | KillSwitchReleased
    | AccountReleased
    | FlattenBegun
    | FlattenAwaited
    | Flattened
    | PositionAdopted
    | PositionDismissed
    | VenueOrderDismissed
    | VenueOrderCancelRequested
)


SYSTEM = "system"
_OF_PLANS = (SignalPlanned, SignalRefused)


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


def actor_of(item: Input) -> str:
    """Who caused an input: the person who asked, else the system."""
    return (item.actor.strip() or SYSTEM) if isinstance(item, Intervened) else SYSTEM


def subject_of(entry: Entry) -> tuple[str, str]:
    """Execution and account an entry is about; empty where it is about none, or about several."""
    executions: set[str] = set()
    accounts: set[str] = set()
    for event in entry.events:
        if isinstance(event, _OF_PLANS):
            return event.plan.execution_id, ""
        if isinstance(event, AccountUpdated):
            return "", event.snapshot.account_id
        about = event.order if isinstance(event, OrderIntended) else event
        executions.add(getattr(about, "execution_id", ""))
        accounts.add(getattr(about, "account_id", ""))
    return _only(executions), _only(accounts)


def _only(names: set[str]) -> str:
    names.discard("")
    return min(names) if len(names) == 1 else ""
