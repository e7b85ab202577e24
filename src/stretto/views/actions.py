"""Entries of ``recovery_actions``: what was learned or done about an allocation, and the details.

Knows nothing of SQL or of quantities beyond what the event says.
"""

from __future__ import annotations

from typing import Any

from stretto.core import events as ev
from stretto.core.values import plain
from stretto.views.texts import number, timestamp

Acted = (
    ev.OrderFailed
    | ev.CompletionAssessed
    | ev.CancelRequested
    | ev.ReplaceRequested
    | ev.PendingHeld
    | ev.PendingFreed
    | ev.OrderProvenDead
    | ev.OrderMissed
    | ev.ReleaseScheduled
    | ev.LevelsChanged
    | ev.AmendRequested
    | ev.ProtectionAmended
    | ev.AmendFailed
    | ev.StopChecked
    | ev.ProtectionFailed
    | ev.LimitChanged
    | ev.LimitSettled
)
_NAMES: dict[type[ev.Event], str] = {
    ev.CancelRequested: "cancel_requested",
    ev.ReplaceRequested: "replace_requested",
    ev.PendingHeld: "held",
    ev.PendingFreed: "freed",
}


_LEVELS: dict[type[ev.Event], str] = {
    ev.LevelsChanged: "levels_changed",
    ev.AmendRequested: "amend_requested",
    ev.ProtectionAmended: "protection_amended",
}


def levels_text(
    event: ev.LevelsChanged | ev.AmendRequested | ev.ProtectionAmended | ev.LimitChanged,
) -> str:
    """Stop and target, or the limit, in words, quote currency."""
    if isinstance(event, ev.LimitChanged):
        return f"limit_price {plain(event.limit_price)}"
    levels = (("stop_loss", event.stop_loss), ("take_profit", event.take_profit))
    return ", ".join(f"{name} {'none' if v is None else plain(v)}" for name, v in levels)


def acted_on(event: Acted) -> str:
    """The execution whose row keeps it: of an amend the one that holds the position."""
    if isinstance(event, ev.AmendRequested | ev.ProtectionAmended | ev.AmendFailed):
        return event.position_of
    return event.execution_id


def action_of(event: Acted | ev.LegScheduled | ev.RemainderRerouted) -> tuple[str, dict[str, Any]]:
    """Name and details of one entry."""
    if isinstance(event, ev.OrderFailed):
        return "classified", {
            "failure_class": event.failure_class.value,
            "code": event.code,
            "step": event.step.value,
            "attempt": event.attempt,
        }
    if isinstance(event, ev.CompletionAssessed):
        return f"completion_{event.strategy.value}", {
            "reason": event.reason,
            "quantity": number(event.remainder),
            "probability_ppm": event.probability,
            "attempt": event.attempt,
        }
    if isinstance(event, ev.LegScheduled):
        return f"{event.step.value}_scheduled", {
            "reason": event.reason,
            "quantity": number(event.released),
            "due_at": timestamp(event.due_at),
            "attempt": event.attempt,
        }
    if isinstance(event, ev.OrderMissed):
        return "missed_in_view", {"view_at": timestamp(event.view_at)}
    if isinstance(event, ev.OrderProvenDead):
        return "proven_dead", {"proof": event.proof.value}
    if isinstance(event, ev.RemainderRerouted):
        return "rerouted", {
            "to": event.share.account_id,
            "quantity": number(event.quantity),
            "score": event.score,
        }
    if isinstance(event, ev.ReleaseScheduled):
        at = timestamp(event.release_at)
        return "release_scheduled", {"reason": event.reason, "release_at": at}
    if isinstance(event, ev.LevelsChanged | ev.AmendRequested | ev.ProtectionAmended):
        name = _LEVELS[type(event)]
        return name, {"amend": event.execution_id, "levels": levels_text(event)}
    if isinstance(event, ev.AmendFailed):
        return "amend_failed", {
            "failure_class": event.failure_class.value,
            "code": event.code,
            "step": event.step.value,
            "attempt": event.attempt,
        }
    if isinstance(event, ev.ProtectionFailed):
        return "protection_failed", {
            "order_id": event.client_order_id,
            "role": event.role.value,
            "request": event.request.value,
            "failure_class": event.failure_class.value,
            "code": event.code,
            "step": event.step.value,
            "attempt": event.attempt,
        }
    if isinstance(event, ev.LimitChanged):
        price = number(event.limit_price)
        return "limit_changed", {"amend": event.amended_by, "limit_price": price}
    if isinstance(event, ev.LimitSettled):
        return "limit_settled", {"set": event.is_set, "cause": event.cause}
    if isinstance(event, ev.StopChecked):
        return "stop_checked", {"confirmed": event.is_confirmed, "cause": event.cause}
    return _NAMES[type(event)], {"reason": event.reason}
