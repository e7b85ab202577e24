"""Events of executions and their allocations: planned, refused, ended.

Facts in the past tense; what they change is in ``evolve_allocations``.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.book import NextStep
from stretto.core.terms.plan import Plan, PlannedAllocation
from stretto.core.terms.refusal import Refusal
from stretto.core.values import ZERO


class SignalPlanned(msgspec.Struct, frozen=True, kw_only=True, tag="signal_planned"):
    """A plan was made: its allocations are reserved and scheduled."""

    plan: Plan


class SignalRefused(msgspec.Struct, frozen=True, kw_only=True, tag="signal_refused"):
    """No plan: ``plan.refused`` names the rule; the rest says how far planning came."""

    plan: Plan


class AllocationEnded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="allocation_ended", gc=False
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


class AllocationAdjusted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="allocation_adjusted"
):
    """A venue lowered an order that lives on, or filled or revived what had gone elsewhere: changes
    of the allocation's numbers, base units. ``excess`` is what may be filled beyond the intended.
    """

    execution_id: str
    account_id: str
    pending: Decimal = ZERO
    abandoned: Decimal = ZERO
    excess: Decimal = ZERO


class LegScheduled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="leg_scheduled"
):
    """What a dead order left goes on: ``released`` of it is pending again, less what is
    ``abandoned``, and is due at ``due_at`` (ns UTC) for ``step``, at most ``leg_quantity`` at once.
    ``attempt`` counts legs scheduled for the same ``reason``; ``stop_loss``, where set, takes the
    place of the allocation's. Base units.
    """

    execution_id: str
    account_id: str
    client_order_id: str
    released: Decimal
    due_at: int
    reason: str
    attempt: int
    step: NextStep = NextStep.SEND
    abandoned: Decimal = ZERO
    leg_quantity: Decimal | None = None
    stop_loss: Decimal | None = None


class RemainderRerouted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="remainder_rerouted"
):
    """``quantity`` (base units), proven dead at ``account_id``, moved to the account of ``share``,
    the best by score of those that pass every rule. ``margin`` and ``risk`` are what the first no
    longer sets aside, ``share`` says what the other does, and when it sends; its ``base_size`` is
    what a plan would have given it at most. ``considered`` accounts were judged, ``refused`` counts
    those left out by rule, ``alternatives`` are the next best; ``gap_ns`` as for a plan.
    """

    execution_id: str
    account_id: str
    quantity: Decimal
    margin: Decimal
    risk: Decimal
    share: PlannedAllocation
    score: int
    considered: int
    gap_ns: int = 0
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    alternatives: tuple[str, ...] = ()
    reason: str = ""
    actor: str = ""


class PendingHeld(msgspec.Struct, frozen=True, kw_only=True, tag="pending_held"):
    """What an allocation has pending may not be sent until it is freed; unfreed it expires at
    ``until``, ns UTC (None: never).
    """

    execution_id: str
    account_id: str
    reason: str
    until: int | None = None


class PendingFreed(msgspec.Struct, frozen=True, kw_only=True, tag="pending_freed"):
    """What was held may be sent again, at ``due_at``, ns UTC."""

    execution_id: str
    account_id: str
    reason: str
    due_at: int


class CorrelationBreached(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="correlation_breached"
):
    """What ``first`` has pending would make it too alike to ``second``: their correlation in 1e-6
    without it (``before``) and with it (``now``), and that of their past, None where unknown. It is
    held until one of the two moves and the pair passes again.
    """

    execution_id: str
    first: str
    second: str
    before: int
    now: int
    threshold: int
    historical: int | None = None


class ExecutionEnded(msgspec.Struct, frozen=True, kw_only=True, tag="execution_ended", gc=False):
    """Every allocation of the execution has ended."""

    execution_id: str
    status: str
