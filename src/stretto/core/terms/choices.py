"""What a person can do about each thing that the book asks about, in words for the question.

Knows nothing of how a request is judged: the book decides, and refuses by name.
"""

from __future__ import annotations

ENTRY_HELD = (
    "`stretto intervene` retry-now, reroute-to or cancel-remaining; what is held expires with the "
    "signal"
)
EXIT_HELD = (
    "`stretto intervene` retry-now, or close the position at the venue; it waits without an end"
)
_COMPARE = "see at the venue what is held (`stretto reconcile`)"
_RELEASE = "and `stretto account` release once that is settled"
CHOICES = {
    "in_doubt": (
        "see at the venue what became of it, then `stretto resolve` it dead, filled or working, "
        "with the evidence; its quantity is held until then"
    ),
    "overfill": f"keep what is too much or close it, at the venue or by an exit, {_RELEASE}",
    "late_fill": (
        "cancel what still works (`stretto intervene` cancel-remaining), keep or close what is too "
        f"much, {_RELEASE}"
    ),
    "dead_order_alive": f"cancel it at the venue, {_COMPARE}, {_RELEASE}",
    "contradiction": (
        "ask the venue about the order, and compare (`stretto reconcile`); where it works and "
        "should not, cancel it there or by `stretto intervene` cancel-remaining"
    ),
    "cancel_unanswered": "cancel it at the venue: its report, or the next view, ends it here",
    "change_refused": "change it again, `stretto intervene` cancel-remaining, or leave it as it is",
    "replace_unanswered": (
        "see at the venue which quantity and limit are in force, or `stretto intervene` "
        "cancel-remaining"
    ),
    "refused_request_never_made": "find out who else uses the order at the venue; nothing is owed",
    "kill_switch": (
        "`stretto release` the kill switch and `stretto intervene` retry-now, or `stretto "
        "intervene` flatten, which no kill switch holds"
    ),
    "ticket_unknown": "close the position at the venue, which names its ticket in its views",
    "not_flat": "close at the venue what is left; the next view that shows nothing proves it",
    "amend_failed": "amend the levels again, set them at the venue, or close the position",
    "protection_differs": "amend the levels again, or leave those that the venue has",
    "unknown_venue_order": (
        "find out at the venue whose it is; nothing is adopted. `stretto order dismiss` leaves "
        "it there, `stretto order cancel` has it cancelled while it is live"
    ),
    "close_before_entry": (
        "nothing: the next view shows its entry too; where it does not, `stretto reconcile`"
    ),
    "closed_beyond_position": f"{_COMPARE}, {_RELEASE}",
    "unknown_close_busted": f"{_COMPARE}, {_RELEASE}",
    "venue_close_corrected": f"{_COMPARE}, {_RELEASE}",
}


def choices(reason: str, otherwise: str = "") -> dict[str, str]:
    """``can_be_done`` of a question, for its ``known``; ``otherwise`` is for reasons that are a
    class of failure. Empty where there are no words for it.
    """
    found = CHOICES.get(reason, otherwise)
    return {"can_be_done": found} if found else {}
