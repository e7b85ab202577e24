"""Entries of ``recovery_actions``: what was learned or done about an allocation, and the details.

Knows nothing of SQL or of quantities beyond what the event says.
"""

from __future__ import annotations

from typing import Any

from stretto.core import events as ev
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
)
_NAMES: dict[type[ev.Event], str] = {
    ev.CancelRequested: "cancel_requested",
    ev.ReplaceRequested: "replace_requested",
    ev.PendingHeld: "held",
    ev.PendingFreed: "freed",
}


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
    return _NAMES[type(event)], {"reason": event.reason}
