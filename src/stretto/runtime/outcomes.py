"""What the process knows of a write, as an input of the book.

Knows nothing of connections, nor of what follows.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.ports import AmendProtection, Command, ReplaceOrder, SubmitOrder


def outcome_of(
    command: Command, outcome: ev.SendOutcomeKind, at_ns: int, detail: str
) -> ev.SendReported | ev.ReplaceReported | ev.AmendReported | None:
    """None where nothing has to be told: a cancel or a query may be repeated, its answer is waited
    for; so is that of a replace or an amend that was plainly sent.
    """
    order_id = command.client_order_id
    if isinstance(command, SubmitOrder):
        return ev.SendReported(
            client_order_id=order_id, outcome=outcome, sent_at=at_ns, detail=detail
        )
    if outcome is ev.SendOutcomeKind.SENT:
        return None
    if isinstance(command, ReplaceOrder):
        return ev.ReplaceReported(
            client_order_id=order_id, outcome=outcome, sent_at=at_ns, detail=detail
        )
    if isinstance(command, AmendProtection):
        return ev.AmendReported(
            client_order_id=order_id,
            account_id=command.account_id,
            outcome=outcome,
            sent_at=at_ns,
            detail=detail,
        )
    return None
