"""The protocols between the shell's parts: Broker, Journal, Projector, Clock, MarketData.

Adapters implement them, the runtime uses them, ``bootstrap`` joins the two. Imports only the core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from stretto.core.effects import (
    AmendProtection,
    CancelOrder,
    Command,
    QueryOrder,
    ReplaceOrder,
    SubmitOrder,
)
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.market import Reads
from stretto.core.terms.report import CancelReject, ExecutionReport, ProtectionAnswer, StatusAnswer
from stretto.core.terms.venue import MassStatus, VenueCapabilities

__all__ = [
    "AmendProtection",
    "Broker",
    "Calendars",
    "CancelOrder",
    "Clock",
    "Command",
    "EntryHeader",
    "Journal",
    "MarketData",
    "MassStatus",
    "NotSent",
    "PreparedEntry",
    "Projector",
    "QueryOrder",
    "ReplaceOrder",
    "SendOutcome",
    "Sent",
    "Snapshot",
    "StoredEntry",
    "SubmitOrder",
    "VenueCapabilities",
    "VenueMessage",
]

# --- broker -----------------------------------------------------------------------------------


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes left this process at ``at``; nothing is said of what became of them."""

    at: int


class NotSent(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing left this process, and that is certain (``send_before`` passed, no connection…)."""

    reason: str


SendOutcome = Sent | NotSent
VenueMessage = ExecutionReport | CancelReject | StatusAnswer | ProtectionAnswer | AccountSnapshot


class Broker(Protocol):
    """One venue connection. ``send`` returns as soon as the bytes are written; everything the venue
    says arrives through the sink given to ``connect``, in the order the venue said it.
    """

    @property
    def venue(self) -> str:
        """Name of the venue, as accounts refer to it."""
        ...

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the venue can do and what its silence means; the same for a whole session."""
        ...

    async def connect(self, sink: Callable[[VenueMessage], None]) -> None:
        """Open the connection; raises BrokerUnreachable."""
        ...

    async def send(self, command: Command) -> SendOutcome:
        """Write one command. Any exception means the outcome is unknown."""
        ...

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        """Balance, equity and used margin of one account now; raises BrokerUnreachable."""
        ...

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        """The complete view of one account. Ended orders and executions at or after ``since_ns``;
        where the execution ``after`` (trading day, exec id) is known, only executions past it.
        Raises BrokerUnreachable.
        """
        ...

    def heartbeat_at(self) -> int:
        """When the venue last gave a sign of life, ns UTC."""
        ...

    async def close(self) -> None:
        """Close the connection; sends nothing."""
        ...


# --- journal ----------------------------------------------------------------------------------


class EntryHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Header of one journal entry; ``at`` is book time, ``version`` that of the kind's codec."""

    book_id: str
    seq: int
    at: int
    kind: str
    version: int
    engine_version: str
    execution_id: str = ""
    account_id: str = ""
    correlation_id: str = ""
    actor: str = "system"


class PreparedEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An entry about to be appended: header and the payload's stored bytes; ``events``: those of
    each event in it, in order, where they are at hand.
    """

    header: EntryHeader
    payload: bytes
    events: tuple[bytes, ...] = ()


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as stored, with the chain hash over the stored bytes."""

    header: EntryHeader
    header_bytes: bytes
    payload: bytes
    hash: bytes


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A disposable cache of the state after ``seq``."""

    seq: int
    hash: bytes
    engine_version: str
    blob: bytes


class Journal(Protocol):
    """Append-only, hash-chained, one writer (DESIGN §3, §6)."""

    @property
    def head(self) -> tuple[int, bytes]:
        """Sequence and hash of the last entry; (0, genesis hash) when empty."""
        ...

    def open(self) -> None:
        """Take the writer's lock and read the head; raises JournalUnavailable, JournalDamaged."""
        ...

    def close(self) -> None:
        """Release the lock."""
        ...

    def append(
        self, entries: Sequence[PreparedEntry], apply: Callable[[Any], None] | None = None
    ) -> None:
        """One durable transaction: the entries and what ``apply`` writes through the connection it
        is given. Raises JournalUnavailable, after which the outcome is unknown and the journal
        refuses use until it is opened again.
        """
        ...

    def rest(self) -> None:
        """Orders have left and their venues have yet to answer: begin now what would else delay the
        append of a decision. Returns at once, never fails, never changes what is stored.
        """
        ...

    def read(self, after_seq: int = 0, limit: int | None = None) -> Iterator[StoredEntry]:
        """Stored entries in order."""
        ...

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, replacing the previous one."""
        ...

    def load_snapshot(self) -> Snapshot | None:
        """The last snapshot, if there is one."""
        ...


class Projector(Protocol):
    """Writes query tables from entries, in the journal's own transaction."""

    def apply(
        self, connection: Any, entries: Sequence[Any], prepared: Sequence[PreparedEntry] = ()
    ) -> None:
        """Project handled inputs (``core.events.Entry``) in order. ``prepared``: the same ones as
        they are about to be stored, where they are at hand.
        """
        ...


# --- clock and market -------------------------------------------------------------------------


class Clock(Protocol):
    """Where the shell gets the time from; virtual in simulation and demo."""

    def now_ns(self) -> int:
        """Nanoseconds UTC."""
        ...

    async def sleep_until(self, at_ns: int) -> None:
        """Return at or after ``at_ns``."""
        ...


class MarketData(Protocol):
    """Quotes and statistics as of a time."""

    def reads(self, symbols: Sequence[str], at_ns: int) -> Reads:
        """The last quotes and statistics at or before ``at_ns`` for the symbols that have any."""
        ...


class Calendars(Protocol):
    """Where tables of sessions come from."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every calendar that the book's configuration names, sorted."""
        ...

    def table(self, name: str, starts_at: int, ends_at: int) -> SessionTable:
        """The sessions over [starts_at, ends_at) ns UTC, or over the part of it that is known;
        raises InvalidInput where nothing of it is known.
        """
        ...
