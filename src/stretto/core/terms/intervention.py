"""What a person can ask of a running book, and the names under which it is refused (DESIGN §4.10).

Data only: what follows stands in ``intervening`` and the modules it names. Must not know how a
request reaches the book.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from stretto.core.terms.killing import KillScope


class Fate(StrEnum):
    """What a person found out about an order whose fate the venue does not tell."""

    DEAD = "dead"
    FILLED = "filled"
    WORKING = "working"


class Pause(msgspec.Struct, frozen=True, kw_only=True, tag="pause"):
    """Nothing further of the execution is sent until it is resumed; what works goes on working."""

    execution_id: str


class Resume(msgspec.Struct, frozen=True, kw_only=True, tag="resume"):
    """A paused execution goes on; first orders get new delays, counted from now."""

    execution_id: str


class CancelRemaining(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="cancel_remaining"
):
    """Cancel what works, abandon what waits; in one account, or in all where it is empty."""

    execution_id: str
    account_id: str = ""


class AcceptPartial(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="accept_partial"
):
    """What is filled is enough: cancel, prove, abandon the rest. Accounts without a fill go on."""

    execution_id: str
    account_id: str = ""


class RetryNow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="retry_now"):
    """What waits for a retry or for a person is sent again now, through the whole gate."""

    execution_id: str
    account_id: str = ""


class RerouteTo(msgspec.Struct, frozen=True, kw_only=True, tag="reroute_to"):
    """What waits in one account goes to another, which a person chose, through the whole gate."""

    execution_id: str
    account_id: str
    to: str


class Approve(msgspec.Struct, frozen=True, kw_only=True, tag="approve"):
    """A plan that waits for approval is carried out; its delays count from now."""

    execution_id: str


class Reject(msgspec.Struct, frozen=True, kw_only=True, tag="reject"):
    """A plan that waits for approval is abandoned."""

    execution_id: str


class ChangePrice(msgspec.Struct, frozen=True, kw_only=True, tag="change_price"):
    """Another limit price for what one account has working or waiting, quote currency."""

    execution_id: str
    account_id: str
    limit_price: Decimal


class ChangeSize(msgspec.Struct, frozen=True, kw_only=True, tag="change_size"):
    """A smaller total for one account, what is filled included, base units."""

    execution_id: str
    account_id: str
    quantity: Decimal


class ResolveInDoubt(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="resolve_in_doubt"
):
    """A person's word on an order in doubt, and what it rests on. ``quantity`` (base units) and
    ``price`` are what the venue says it filled in all; where that is not everything, a filled order
    is over and a working one goes on.
    """

    client_order_id: str
    fate: Fate
    evidence: str
    quantity: Decimal | None = None
    price: Decimal | None = None


class ExcludeAccount(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="exclude_account"
):
    """No entry in the account until a time (ns UTC), or until a person restores it."""

    account_id: str
    until: int | None = None


class RestoreAccount(msgspec.Struct, frozen=True, kw_only=True, tag="restore_account"):
    """An exclusion ends, whatever it waited for."""

    account_id: str


class Flatten(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="flatten"):
    """Withdraw every entry, close every position: of an execution, of an account, of an execution
    in one account, or, where both are empty, of the whole book.
    """

    execution_id: str = ""
    account_id: str = ""


class HaltAccount(msgspec.Struct, frozen=True, kw_only=True, tag="halt_account"):
    """No further entry in the account until a person releases it."""

    account_id: str


class ReleaseAccount(msgspec.Struct, frozen=True, kw_only=True, tag="release_account"):
    """Entries in a halted account are allowed again."""

    account_id: str


class AdoptPosition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="adopt_position"
):
    """What the venue shows of a position that differs is the book's from now on: held by the
    execution, or by none where it is empty. ``side`` is empty where the venue nets.
    """

    account_id: str
    symbol: str
    side: str = ""
    execution_id: str = ""


class DismissPosition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="dismiss_position"
):
    """What the venue shows beyond the book's is somebody else's: it counts for nothing."""

    account_id: str
    symbol: str
    side: str = ""


class DismissVenueOrder(msgspec.Struct, frozen=True, kw_only=True, tag="dismiss_venue_order"):
    """An order that the book never sent is somebody else's: it is left alone and counts for
    nothing. ``subject`` is the name under which the book asks about it.
    """

    subject: str


class CancelVenueOrder(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_venue_order"):
    """An order that the book never sent, and that the venue shows live, is to be cancelled."""

    subject: str


class Kill(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="kill"):
    """No entry in the scope any more, what works is cancelled; ``name`` is empty for the book."""

    scope: KillScope
    name: str = ""


class Release(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="release"):
    """A kill switch is taken back. What it abandoned stays abandoned."""

    scope: KillScope
    name: str = ""


Action = (
    Pause
    | Resume
    | CancelRemaining
    | AcceptPartial
    | RetryNow
    | RerouteTo
    | Approve
    | Reject
    | ChangePrice
    | ChangeSize
    | ResolveInDoubt
    | Flatten
    | ExcludeAccount
    | RestoreAccount
    | HaltAccount
    | ReleaseAccount
    | AdoptPosition
    | DismissPosition
    | DismissVenueOrder
    | CancelVenueOrder
    | Kill
    | Release
)


class Denial(StrEnum):
    """Why a request is refused."""

    ACTOR_MISSING = "actor_missing"
    REASON_MISSING = "reason_missing"
    REQUEST_ID_MISSING = "request_id_missing"
    REQUEST_ID_USED = "request_id_used"
    UNKNOWN_EXECUTION = "unknown_execution"
    UNKNOWN_ACCOUNT = "unknown_account"
    NOT_TAKING_PART = "account_not_taking_part"
    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_NAME = "unknown_name"
    EXECUTION_OVER = "execution_over"
    IS_EXIT = "exit_not_stopped"
    AWAITING_APPROVAL = "awaiting_approval"
    NOT_AWAITING_APPROVAL = "not_awaiting_approval"
    ALREADY_PAUSED = "already_paused"
    PAUSED = "paused"
    NOT_PAUSED = "not_paused"
    ALREADY_ENDING = "already_ending"
    KILL_SWITCH = "kill_switch"
    SIGNAL_EXPIRED = "signal_expired"
    NOTHING_FILLED = "nothing_filled"
    NOTHING_WAITS = "nothing_waits"
    NOTHING_TO_FLATTEN = "nothing_to_flatten"
    TIMING = "timing"
    NOT_REROUTED = "not_rerouted"
    ORDER_BUSY = "order_busy"
    NO_LIMIT_PRICE = "no_limit_price"
    PRICE_OUTSIDE_LIMITS = "price_outside_limits"
    SIZE_OUTSIDE_LIMITS = "size_outside_limits"
    NOT_IN_DOUBT = "not_in_doubt"
    EVIDENCE_MISSING = "evidence_missing"
    FILL_NOT_STATED = "fill_not_stated"
    TIME_PASSED = "time_passed"
    ALREADY_EXCLUDED = "already_excluded"
    NOT_EXCLUDED = "not_excluded"
    ALREADY_HALTED = "already_halted"
    NOT_HALTED = "not_halted"
    NOT_KILLED = "not_killed"
    NO_DIFFERENCE = "no_position_difference"
    DIFFERENCE_MOVED = "position_moved_since"
    EXECUTION_NOT_NAMED = "execution_not_named"
    OTHER_POSITION = "position_of_other_kind"
    POSITION_IS_OURS = "position_is_ours"
    ORDER_IS_OURS = "order_is_ours"
    ORDER_NOT_SHOWN = "order_not_shown"
    ALREADY_DISMISSED = "already_dismissed"


class Denied(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One "no" to a person: the rule, the numbers and states compared, and what was expected."""

    rule: Denial
    compared: dict[str, str] = msgspec.field(default_factory=dict)
    expected: str = ""


class KnownRequest(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A request that was handled, at ``at`` (ns UTC) in entry ``seq``, and why it was refused."""

    actor: str
    reason: str
    action: Action
    at: int
    seq: int
    refused: Denial | None


def about(action: Action) -> tuple[str, str]:
    """Execution and account that an action names; empty where it names none."""
    execution_id = getattr(action, "execution_id", "")
    account_id = getattr(action, "account_id", "")
    if isinstance(action, Kill | Release) and action.scope is KillScope.ACCOUNT:
        account_id = action.name
    return execution_id, account_id


def name_of(action: Action) -> str:
    """The action's name, as the journal and the command line give it."""
    return str(action.__struct_config__.tag)
