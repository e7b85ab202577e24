"""The invariants of DESIGN §8 by number, and the table of order states that invariant 6 is held to.

The table is written from FIX 4.4, Volume 4, Appendix D and DESIGN §4.7; it must not know the order
machine that it is compared with.
"""

from __future__ import annotations

NAMES: dict[int, str] = {
    0: "an error that no part of Stretto raises on purpose",
    1: "one venue order per client order id",
    2: "every unit of quantity is accounted for",
    3: "cum + leaves = order quantity while live, leaves 0 when terminal",
    4: "each execution report applied once, busts reverse exactly",
    5: "cum_qty never falls without a bust or correction",
    6: "only transitions of the table",
    7: "in-doubt quantity goes nowhere",
    8: "position = sum of fills, and the venue's at rest",
    9: "margin and risk reserved before send, moved on fill, released once",
    10: "no entry to a barred account, a closed session or against a rulebook",
    11: "after a kill only cancels, protection and what a person asked for",
    12: "timers fire once, never early, and survive a restart",
    13: "entry delays in 1-30 s and spaced, attempts within limits",
    14: "intent before the send, nothing past send_before, sequence gap-free",
    15: "replay = live state",
    16: "at rest every execution has ended or a person was asked",
    17: "money equals the venue's at rest",
}


class InvariantBroken(Exception):
    """An invariant does not hold: ``number`` as in ``NAMES``; ``seq`` is the last durable entry."""

    def __init__(self, number: int, text: str, seq: int) -> None:
        super().__init__(f"invariant {number} broken after entry {seq}: {text}")
        self.number = number
        self.text = text
        self.seq = seq


UNANSWERED = frozenset(("initialized", "submitting", "in_doubt"))
FINAL = frozenset(("canceled", "rejected", "expired", "dead"))
TERMINAL = FINAL | {"filled"}
LEAVES_OPTIONAL = frozenset(("done_for_day", "calculated", "pending_cancel", "pending_replace"))
_RESTING = ("new", "partially_filled", "filled")
_PENDING = ("pending_cancel", "pending_replace")
_HALTED = ("stopped", "suspended", "done_for_day", "calculated")
_LIVE = frozenset(("pending_new", "new", "partially_filled", *_PENDING, *_HALTED))
_AFTER_TRADE = frozenset((*_RESTING, *_PENDING, *_HALTED))
_ANYTHING_SAID = _AFTER_TRADE | {"pending_new", "canceled", "rejected", "expired"}

# What each cause may make of an order that the venue may still be working on.
_LEADS_TO: dict[str, frozenset[str]] = {
    "submit": frozenset(("submitting",)),
    "sent": frozenset(),
    "not_sent": frozenset(("dead",)),
    "outcome_unknown": frozenset(("in_doubt",)),
    "queried": frozenset(),
    "queries_spent": frozenset(),
    "cancel_wanted": frozenset(),
    "cancel_open": frozenset(),
    "cancel_requested": frozenset(("pending_cancel",)),
    "replace_requested": frozenset(("pending_replace",)),
    "proven_dead": frozenset(("dead",)),
    "cancel_rejected": _AFTER_TRADE | {"pending_new"},
    "replace_rejected": _AFTER_TRADE | {"pending_new"},
    "status_known": _ANYTHING_SAID,
    "status_unknown": frozenset(),
    "duplicate": frozenset(),
    "pending_new": frozenset(("pending_new",)),
    "new": _ANYTHING_SAID,
    "rejected": frozenset(("rejected",)),
    "partial_fill": _ANYTHING_SAID,
    "full_fill": _ANYTHING_SAID,
    "bust": _ANYTHING_SAID,
    "correction": _ANYTHING_SAID,
    "canceled": frozenset(("canceled", "filled")),
    "expired": frozenset(("expired", "filled")),
    "done_for_day": frozenset(("done_for_day", *_PENDING)),
    "calculated": frozenset(("calculated", "done_for_day", *_PENDING)),
    "stopped": frozenset(("stopped", "filled", *_PENDING)),
    "suspended": frozenset(("suspended", "filled", *_PENDING)),
    "pending_cancel": frozenset(("pending_cancel",)),
    "pending_replace": frozenset(("pending_replace", "pending_cancel")),
    "replaced": _ANYTHING_SAID,
    "restated": _ANYTHING_SAID,
}
_REPORTS = frozenset(
    name
    for name in _LEADS_TO
    if name not in ("submit", "not_sent", "proven_dead", "replace_requested", "queries_spent")
)
_REOPENS_FILLED = frozenset(
    ("bust", "correction", "replaced", "restated", "status_known", "replace_requested")
) | {"pending_replace"}
_COMPLETES = frozenset(("full_fill", "partial_fill"))
_RESTING_STATES = frozenset(_RESTING)
# Reports carry quantities, and those alone tell new, partially filled and filled apart.
_WITH_QUANTITIES = _REPORTS - {
    "sent",
    "outcome_unknown",
    "queried",
    "cancel_wanted",
    "cancel_open",
    "cancel_requested",
    "status_unknown",
    "duplicate",
}


def allows(before: str, cause: str, after: str) -> bool:
    """Whether an order in state ``before`` may be in state ``after`` once ``cause`` (the machine's
    input, or several joined by commas) was taken.
    """
    reached = {before}
    for one in cause.split(", "):
        reached = {later for state in reached for later in _reachable(state, one)}
    return after in reached


def _reachable(before: str, cause: str) -> frozenset[str]:
    leads = _LEADS_TO.get(cause)
    if leads is None:
        return frozenset()
    stays = frozenset((before,))
    if before == "initialized":
        return leads if cause in ("submit", "not_sent") else frozenset()
    if before in FINAL:  # quantities move; only a fill to the full makes another state of it
        if cause in _COMPLETES and before in ("canceled", "expired"):
            return stays | {"filled"}
        return stays if cause in _REPORTS or before == "dead" else frozenset()
    if before == "filled":
        if cause == "partial_fill":  # an execution that was busted before it arrived
            return stays | _RESTING_STATES
        if cause not in _REOPENS_FILLED:
            return stays if cause in _REPORTS else frozenset()
        return stays | (leads - UNANSWERED - {"rejected"})
    if before in ("submitting", "in_doubt"):
        if cause in ("submit", "replace_requested", "cancel_requested", "cancel_rejected"):
            return stays if cause.startswith("cancel") else frozenset()
        if cause == "proven_dead" and before == "submitting":
            return frozenset()
        if cause in _WITH_QUANTITIES and leads:
            return stays | leads | _RESTING_STATES
        return stays | leads
    if before in _LIVE:
        if cause in ("submit", "not_sent"):
            return frozenset()
        stays = stays | _RESTING_STATES if cause in _WITH_QUANTITIES else stays
        return stays | (leads - {"in_doubt", "submitting"})
    return frozenset()
