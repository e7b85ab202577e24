"""Events of stops and targets: wanted, requested, set, refused.

Facts in the past tense; what they change is in ``evolve_protection``.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.failures.failure_actions import Step
from stretto.core.terms.failure import FailureClass, Request
from stretto.core.terms.report import OrderRole


class LevelsChanged(msgspec.Struct, frozen=True, kw_only=True, tag="levels_changed"):
    """From here on entries of an allocation carry these levels, quote currency; ``amended_by`` is
    the execution of the amend that said so.
    """

    execution_id: str
    account_id: str
    amended_by: str
    stop_loss: Decimal | None
    take_profit: Decimal | None


class LimitChanged(msgspec.Struct, frozen=True, kw_only=True, tag="limit_changed"):
    """From here on entries of an allocation have this limit, quote currency; ``amended_by`` is the
    execution of the amend that said so.
    """

    execution_id: str
    account_id: str
    amended_by: str
    limit_price: Decimal


class LimitSettled(msgspec.Struct, frozen=True, kw_only=True, tag="limit_settled"):
    """The entry at the venue has the limit of the amend, or will not get it, and why."""

    execution_id: str
    account_id: str
    amended_by: str
    is_set: bool
    cause: str


class AmendRequested(msgspec.Struct, frozen=True, kw_only=True, tag="amend_requested"):
    """The venue is asked to set the stop and target of a position, for the ``attempt``-th time.
    ``execution_id`` is the amend's, ``position_of`` the one that holds the position. Unanswered at
    ``answer_due_at`` (ns UTC), it is asked again: the same levels may be set twice.
    """

    request_id: str
    execution_id: str
    account_id: str
    position_of: str
    position_id: str
    symbol: str
    stop_loss: Decimal | None
    take_profit: Decimal | None
    send_before: int
    answer_due_at: int
    attempt: int


class ProtectionAmended(msgspec.Struct, frozen=True, kw_only=True, tag="protection_amended"):
    """The venue says which stop and target are in force for a position."""

    request_id: str
    execution_id: str
    account_id: str
    position_of: str
    position_id: str
    stop_loss: Decimal | None
    take_profit: Decimal | None
    transact_at: int


class StopChecked(msgspec.Struct, frozen=True, kw_only=True, tag="stop_checked"):
    """Whether a position that must have a stop has one at the venue, and how that is known."""

    execution_id: str
    account_id: str
    is_confirmed: bool
    cause: str


class AmendFailed(msgspec.Struct, frozen=True, kw_only=True, tag="amend_failed"):
    """The venue did not change the levels of a position, or did not say. ``due_at``: when it is
    asked again, ns UTC; None where it is not.
    """

    request_id: str
    execution_id: str
    account_id: str
    position_of: str
    position_id: str
    failure_class: FailureClass
    code: str
    text: str
    step: Step
    attempt: int
    due_at: int | None


class ProtectionFailed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="protection_failed"
):
    """A stop or target that is an order of its own ended though it is wanted, or stays as it was
    because a ``request`` about it failed. ``due_at``: when that is tried again, ns UTC; None where
    it is not before something changes.
    """

    client_order_id: str
    execution_id: str
    account_id: str
    role: OrderRole
    position_id: str
    request: Request
    failure_class: FailureClass
    step: Step
    attempt: int
    code: str = ""
    text: str = ""
    due_at: int | None = None
