"""Events of what people asked for: done, or refused by name.

Facts in the past tense; what they change is in ``evolve_people``.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.terms.intervention import Action, Denied
from stretto.core.terms.killing import KillScope
from stretto.core.values import ZERO


class PersonIntervened(msgspec.Struct, frozen=True, kw_only=True, tag="person_intervened"):
    """A person's request was granted; what it changed follows in the same entry."""

    request_id: str
    actor: str
    reason: str
    action: Action
    execution_id: str
    account_id: str


class InterventionRefused(msgspec.Struct, frozen=True, kw_only=True, tag="intervention_refused"):
    """A person's request was refused; nothing changed."""

    request_id: str
    actor: str
    reason: str
    action: Action
    execution_id: str
    account_id: str
    denied: Denied


class ExecutionPaused(msgspec.Struct, frozen=True, kw_only=True, tag="execution_paused"):
    """Nothing further of the execution is sent until it is resumed."""

    execution_id: str
    reason: str


class ExecutionResumed(msgspec.Struct, frozen=True, kw_only=True, tag="execution_resumed"):
    """A paused execution goes on."""

    execution_id: str
    reason: str


class RemainderAbandoned(msgspec.Struct, frozen=True, kw_only=True, tag="remainder_abandoned"):
    """Nothing more of the allocation is sent: ``abandoned`` of it waited (base units), and what its
    orders leave will not be tried again.
    """

    execution_id: str
    account_id: str
    abandoned: Decimal
    reason: str


class ReleaseScheduled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="release_scheduled"
):
    """The first order of an allocation got a new delay, counted from now or, where its market was
    closed, from the next session's open: instants ns UTC. ``redraw`` counts how often people had
    the execution's delays drawn anew.
    """

    execution_id: str
    account_id: str
    release_at: int
    window_end: int
    gap_ns: int
    delay_ns: int
    redraw: int
    reason: str


class KillSwitchThrown(msgspec.Struct, frozen=True, kw_only=True, tag="kill_switch_thrown"):
    """No entry in the scope until a person releases it."""

    scope: KillScope
    name: str
    actor: str
    reason: str


class KillSwitchReleased(msgspec.Struct, frozen=True, kw_only=True, tag="kill_switch_released"):
    """Entries in the scope are allowed again."""

    scope: KillScope
    name: str
    actor: str
    reason: str


class AccountReleased(msgspec.Struct, frozen=True, kw_only=True, tag="account_released"):
    """A halted account may take entries again."""

    account_id: str
    reason: str


class FlattenBegun(msgspec.Struct, frozen=True, kw_only=True, tag="flatten_begun"):
    """Everything of an account, or of one execution in it, is being closed; the exits follow.
    ``execution_id`` is empty for the account. ``due_at``: when it is looked at, ns UTC.
    """

    execution_id: str
    account_id: str
    request_id: str
    due_at: int


class FlattenAwaited(msgspec.Struct, frozen=True, kw_only=True, tag="flatten_awaited"):
    """Not proven flat yet, and why. Looked at again after the next view of the venue, and at
    ``due_at`` (ns UTC) where that is set.
    """

    execution_id: str
    account_id: str
    reason: str
    due_at: int | None


class Flattened(msgspec.Struct, frozen=True, kw_only=True, tag="flattened"):
    """The venue's whole view at ``view_at`` (ns UTC), after the last fill, shows nothing left."""

    execution_id: str
    account_id: str
    request_id: str
    view_at: int


class AllocationReduced(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="allocation_reduced"
):
    """A person gave part of what waits up, or set another limit price for it: base units, quote
    currency.
    """

    execution_id: str
    account_id: str
    reason: str
    abandoned: Decimal = ZERO
    limit_price: Decimal | None = None
