"""Events of the book and its accounts: settings, snapshots, halts, calls for a person.

Facts in the past tense; what they change is in ``facts``.
"""

from __future__ import annotations

import msgspec

from stretto.core.book import Alert
from stretto.core.failures.circuit import Change, Circuit
from stretto.core.terms.account import AccountSnapshot, BarReturn, DayAnchor
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.market import Bar
from stretto.core.terms.policy import BookConfig


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


class CalendarRecorded(msgspec.Struct, frozen=True, kw_only=True, tag="calendar_recorded"):
    """Sessions of a calendar in force."""

    table: SessionTable


class AccountHalted(msgspec.Struct, frozen=True, kw_only=True, tag="account_halted"):
    """No further entry in this account until a person releases it."""

    account_id: str
    reason: str


class AccountExcluded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="account_excluded"
):
    """The account takes no entry for now. ``until`` in ns UTC, None where no time ends it;
    ``until_tradable``: not before the venue says that the account is tradable.
    """

    account_id: str
    reason: str
    actor: str
    until: int | None = None
    until_tradable: bool = False


class CircuitChanged(msgspec.Struct, frozen=True, kw_only=True, tag="circuit_changed"):
    """The circuit of a venue or account opened, half-opened, closed or counted a failure; ``cause``
    names the class of failure or the client order id that did it.
    """

    change: Change
    circuit: Circuit
    cause: str


class VenueThrottled(msgspec.Struct, frozen=True, kw_only=True, tag="venue_throttled"):
    """The venue limits its rate: no entry is released there before ``until``, ns UTC."""

    venue: str
    account_id: str
    until: int
    reason: str


class AlertRaised(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="alert_raised"
):
    """Something a person should know, under ``key``; or what stands already, with its numbers now.
    ``account_id`` is empty where it is about a venue.
    """

    key: str
    account_id: str
    alert: Alert


class AlertCleared(msgspec.Struct, frozen=True, kw_only=True, tag="alert_cleared"):
    """What the alert was raised for is over."""

    key: str
    account_id: str
    reason: str


class AccountRestored(msgspec.Struct, frozen=True, kw_only=True, tag="account_restored"):
    """The account takes entries again: its exclusion ended, or a person ended it."""

    account_id: str
    reason: str
    actor: str


class InterventionRequired(msgspec.Struct, frozen=True, kw_only=True, tag="intervention_required"):
    """A person has to look: what is known, and why the book will not go on by itself."""

    execution_id: str
    account_id: str
    client_order_id: str
    reason: str
    known: dict[str, str]


class InterventionResolved(msgspec.Struct, frozen=True, kw_only=True, tag="intervention_resolved"):
    """What a person was asked about (``reason``) is settled, and by what."""

    execution_id: str
    account_id: str
    client_order_id: str
    reason: str
    resolution: str
