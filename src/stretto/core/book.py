"""The book: the one mutable container, written only by ``evolve`` (see ``core.evolve``).

Everything in it follows from the journal. The records themselves are immutable and replaced whole.
Knows nothing of how decisions are made.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from stretto.core.errors import check
from stretto.core.failures.circuit import Circuit
from stretto.core.failures.failure_statistics import FailureStatistics
from stretto.core.order_events import FillBooked
from stretto.core.orders.completion import Completion
from stretto.core.orders.fills import Quantities
from stretto.core.orders.order import Order, OrderState, is_done, open_quantity
from stretto.core.reconciliation_events import PositionDismissed, Stranger, Suspect
from stretto.core.terms.account import AccountSnapshot, BarReturn, Entering, Ledger, Position
from stretto.core.terms.amendment import Amendment
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.failure import FailureClass
from stretto.core.terms.intervention import KnownRequest
from stretto.core.terms.killing import KillSwitch
from stretto.core.terms.market import Bar
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.protection import Protection
from stretto.core.terms.report import OrderRole
from stretto.core.terms.signal import Signal
from stretto.core.timers import Timers
from stretto.core.values import PPM, ZERO, Side

AWAITING = "awaiting_approval"
"""Why the allocations of a plan that a person has to approve may not go."""


class NextStep(StrEnum):
    """What happens to pending quantity when it is due."""

    SEND = "send"
    REROUTE = "reroute"


class Allocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One account's share of an execution. ``planned`` never changes; ``pending`` is not yet with
    a venue; working and in-doubt quantity follow from its order. Quantities base units; ``margin``
    and ``risk`` what is still reserved for it, ``*_planned`` what the plan set aside, account
    currency; ``notional`` Σ price * quantity. ``excess`` is what venues may still fill beyond the
    intended (an order thought dead that lives). ``order_ids`` names its orders, one leg after
    another; ``tries`` counts their failures by class. ``release_at`` is the planned instant and
    stays; ``due_at``, where set, is when what is pending goes on by ``step``, at most
    ``leg_quantity`` of it at once; ``held`` says why it may not, and ``due_at`` is then when it
    expires. ``gap_ns`` is what it keeps to others of the symbol (0: urgency immediate, none).
    ``aggression`` is the share of what is left of the slippage bound that its first market order
    may give away, 1e-6. ``moved_in`` came from an account that failed, ``moved_out`` went to one
    that did not: ``intended`` is ``planned + moved_in - moved_out``; ``hops`` counts the accounts
    that what came in has left. ``closing``: why nothing more of it is sent, whatever its orders
    leave. ``completion``: what was tried to fill its orders; ``amended_by``: the last amend of its
    levels; ``repricing``: the one whose price an order at the venue does not have yet.
    """

    execution_id: str
    account_id: str
    planned: Decimal
    intended: Decimal
    pending: Decimal
    priority: int
    release_at: int
    window_end: int
    margin: Decimal
    risk: Decimal
    margin_planned: Decimal = ZERO
    risk_planned: Decimal = ZERO
    filled: Decimal = ZERO
    overfilled: Decimal = ZERO
    abandoned: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    gap_ns: int = 0
    aggression: int = PPM
    excess: Decimal = ZERO
    moved_in: Decimal = ZERO
    moved_out: Decimal = ZERO
    hops: int = 0
    due_at: int | None = None
    step: NextStep = NextStep.SEND
    leg_quantity: Decimal | None = None
    held: str = ""
    tries: dict[str, int] = msgspec.field(default_factory=dict)
    order_ids: tuple[str, ...] = ()
    completion: Completion | None = None
    ended: str = ""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    closing: str = ""
    amended_by: str = ""
    repricing: str = ""


class LastRelease(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The last entry of a symbol that left in its turn, and the gap it kept, ns UTC and ns."""

    at: int
    gap_ns: int


class Reconciled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When an account was last compared with its venue: ``at`` in book time, ``view_at`` in that of
    the last whole view, ns UTC; the positions that differ and the orders that are not ours.
    """

    at: int
    view_at: int
    complete: bool
    suspects: tuple[Suspect, ...] = ()
    strangers: tuple[str, ...] = ()


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody should know of a venue or account (``scope:name``): failures of one class are
    ``rising``, or one came that says so by itself. ``clears_at``: when it is looked at again.
    """

    about: str
    failure_class: FailureClass
    rising: bool
    raised_at: int
    clears_at: int
    last_hour: int = 0
    day_before: int = 0
    text: str = ""


class Execution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The handling of one signal. ``arrival_bid``/``arrival_ask`` are the touch at the decision, 0
    where an exit was decided without a quote. ``awaits`` says what of its plan a person has to
    approve first, ``paused`` why nothing further is sent; ``redraws`` counts how often its delays
    were drawn anew. An execution of ``role`` exit ``closes`` what another one holds; that one names
    its ``exits`` in order, and in ``closed_by`` the last that closes all.
    """

    execution_id: str
    signal: Signal
    decided_at: int
    decision_seq: int
    arrival_bid: Decimal
    arrival_ask: Decimal
    side: Side
    accounts: tuple[str, ...]
    open_allocations: int
    status: str = "working"
    ended_at: int = 0
    awaits: tuple[str, ...] = ()
    paused: str = ""
    redraws: int = 0
    role: OrderRole = OrderRole.ENTRY
    closes: str = ""
    exits: tuple[str, ...] = ()
    closed_by: str = ""


class KnownSignal(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A signal id that was handled, when, and the execution it became (or would have)."""

    signal: Signal
    execution_id: str
    at: int


CORRELATION_BREACH = "correlation_breach"
"""Why a breach holds what is pending."""


class Breach(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A held allocation's account and the one it would be too alike; ``review_at``, where set, is
    when one of the two last moved and nobody looked since, ns UTC.
    """

    first: str
    second: str
    review_at: int | None = None


_NOT_OF_ORDERS = ("exclusion:", "circuit:", "alert:")


def allocation_key(execution_id: str, account_id: str) -> str:
    """Key of an allocation in the book."""
    return f"{execution_id}/{account_id}"


class BookImage(msgspec.Struct, kw_only=True):
    """The book's records as one value: what a snapshot stores and a state digest hashes."""

    seq: int
    at: int
    config: BookConfig | None
    snapshots: dict[str, AccountSnapshot]
    ledgers: dict[str, Ledger]
    positions: dict[str, dict[str, Position]]
    history: dict[str, tuple[BarReturn, ...]]
    bars: dict[str, tuple[Bar, ...]]
    executions: dict[str, Execution]
    allocations: dict[str, Allocation]
    orders: dict[str, Order]
    signals: dict[str, KnownSignal]
    reports_seen: dict[str, dict[str, int]]
    cites: dict[str, int]
    interventions: dict[str, str]
    calendars: dict[str, SessionTable] = msgspec.field(default_factory=dict)
    signals_pruned_day: int = 0
    released: dict[str, LastRelease] = msgspec.field(default_factory=dict)
    circuits: dict[str, Circuit] = msgspec.field(default_factory=dict)
    failures: dict[str, FailureStatistics] = msgspec.field(default_factory=dict)
    throttled: dict[str, int] = msgspec.field(default_factory=dict)
    alerts: dict[str, Alert] = msgspec.field(default_factory=dict)
    shifted: dict[str, int] = msgspec.field(default_factory=dict)
    breaches: dict[str, Breach] = msgspec.field(default_factory=dict)
    missing: dict[str, int] = msgspec.field(default_factory=dict)
    reconciled: dict[str, Reconciled] = msgspec.field(default_factory=dict)
    kills: dict[str, KillSwitch] = msgspec.field(default_factory=dict)
    requests: dict[str, KnownRequest] = msgspec.field(default_factory=dict)
    amendments: dict[str, Amendment] = msgspec.field(default_factory=dict)
    unprotected: dict[str, int] = msgspec.field(default_factory=dict)
    protections: dict[str, Protection] = msgspec.field(default_factory=dict)
    venue_closes: dict[str, dict[str, tuple[FillBooked, ...]]] = msgspec.field(default_factory=dict)
    dismissed: dict[str, PositionDismissed] = msgspec.field(default_factory=dict)
    strangers: dict[str, Stranger] = msgspec.field(default_factory=dict)


class Book:
    """State of one book. Read it freely; only ``core.evolve.evolve`` writes it."""

    __slots__ = (
        "alerts",
        "allocations",
        "amendments",
        "at",
        "bars",
        "breaches",
        "cache",
        "calendars",
        "carried",
        "circuits",
        "cites",
        "config",
        "dismissed",
        "entering",
        "executions",
        "failures",
        "history",
        "interventions",
        "kills",
        "ledgers",
        "missing",
        "moved",
        "open_executions",
        "orders",
        "positions",
        "protections",
        "reconciled",
        "released",
        "reports_seen",
        "requests",
        "scheduled",
        "seq",
        "shifted",
        "shifted_seq",
        "signals",
        "signals_pruned_day",
        "snapshots",
        "stances",
        "strangers",
        "throttled",
        "timers",
        "touched",
        "unprotected",
        "venue_closes",
        "versions",
    )

    def __init__(self) -> None:
        self.seq = 0
        self.at = 0
        self.config: BookConfig | None = None
        self.snapshots: dict[str, AccountSnapshot] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.positions: dict[str, dict[str, Position]] = {}
        self.history: dict[str, tuple[BarReturn, ...]] = {}
        self.bars: dict[str, tuple[Bar, ...]] = {}
        self.calendars: dict[str, SessionTable] = {}
        self.executions: dict[str, Execution] = {}
        self.allocations: dict[str, Allocation] = {}
        self.orders: dict[str, Order] = {}
        self.signals: dict[str, KnownSignal] = {}
        self.reports_seen: dict[str, dict[str, int]] = {}
        self.cites: dict[str, int] = {}
        self.interventions: dict[str, str] = {}
        self.signals_pruned_day = 0
        self.released: dict[str, LastRelease] = {}
        self.circuits: dict[str, Circuit] = {}
        self.failures: dict[str, FailureStatistics] = {}
        self.throttled: dict[str, int] = {}
        self.alerts: dict[str, Alert] = {}
        self.missing: dict[str, int] = {}
        self.reconciled: dict[str, Reconciled] = {}
        self.kills: dict[str, KillSwitch] = {}
        self.requests: dict[str, KnownRequest] = {}
        self.amendments: dict[str, Amendment] = {}
        # until when the venue of a position that must have a stop may confirm one
        self.unprotected: dict[str, int] = {}
        self.protections: dict[str, Protection] = {}
        # by trading day, then account and execution: what a bust of it takes back
        self.venue_closes: dict[str, dict[str, tuple[FillBooked, ...]]] = {}
        # positions at venues that a person said are not the book's, by what they are asked about as
        self.dismissed: dict[str, PositionDismissed] = {}
        # orders at venues that are not the book's, by what a person is asked about as
        self.strangers: dict[str, Stranger] = {}
        # by account, the entry that last moved what it carries other than a plan said
        self.shifted: dict[str, int] = {}
        self.breaches: dict[str, Breach] = {}
        # derived, rebuilt by evolve.restore
        self.shifted_seq = 0
        self.timers = Timers()
        self.carried: dict[str, dict[str, Decimal]] = {}
        self.stances: dict[tuple[str, int], dict[str, int]] = {}
        self.moved: dict[str, int] = {}
        self.scheduled: dict[str, dict[str, int]] = {}
        self.entering: dict[str, dict[str, Entering]] = {}
        self.open_executions: dict[str, None] = {}
        self.touched: dict[str, None] = {}
        self.versions: dict[str, int] = dict.fromkeys(
            ("accounts", "bars", "carried", "config", "history"), 0
        )
        self.cache: dict[str, tuple[object, object]] = {}

    @property
    def configuration(self) -> BookConfig:
        """The configuration in force; InvariantViolated where the book was never opened."""
        if self.config is None:
            check(False, "the book has no configuration: nothing was journaled before this input")
            raise AssertionError
        return self.config

    def quantities(self, allocation: Allocation) -> Quantities:
        """The six numbers of DESIGN §1.1 for one allocation, base units."""
        working = in_doubt = ZERO
        for order_id in allocation.order_ids:
            order = self.orders[order_id]
            if order.state is OrderState.IN_DOUBT:
                in_doubt += open_quantity(order)
            else:
                working += open_quantity(order)
        beyond = allocation.excess
        working, beyond = max(ZERO, working - beyond), max(ZERO, beyond - working)
        in_doubt -= beyond
        return Quantities(
            intended=allocation.intended,
            filled=allocation.filled,
            working=working,
            in_doubt=in_doubt,
            pending=allocation.pending,
            abandoned=allocation.abandoned,
            overfilled=allocation.overfilled,
        )

    @property
    def is_at_rest(self) -> bool:
        """True where no timer waits for an order, an allocation or a position's levels."""
        return all(key.startswith(_NOT_OF_ORDERS) for key, _ in self.timers)

    def live_order(self, allocation: Allocation) -> Order | None:
        """The allocation's order that is not over, or None."""
        for order_id in reversed(allocation.order_ids):
            order = self.orders[order_id]
            if not is_done(order):
                return order
        return None

    def image(self) -> BookImage:
        """The records as one value (shares them, copies nothing)."""
        return BookImage(**{name: getattr(self, name) for name in BookImage.__struct_fields__})
