"""Rows of ``execution_audit_log``: one for every event that concerns an execution or an account.

``event_data`` is the event as journaled; the other columns say in words what it was for. Knows
nothing of SQL or of the other tables.
"""

from __future__ import annotations

from typing import Any, assert_never, get_args

from stretto.core import events as ev
from stretto.views.rows import clause_of, clauses, summary
from stretto.views.texts import event_json, milliseconds, plain, timestamp

Subject = tuple[str | None, str | None, str | None, str | None]
"""execution_id, account_id, rationale, compliance_notes."""

KIND: dict[type[ev.Event], str] = {
    kind: str(kind.__struct_config__.tag) for kind in get_args(ev.Event)
}
"""``event_type`` of every event: its tag in the journal."""


def audit_rows(book_id: str, entry: ev.Entry) -> list[tuple[Any, ...]]:
    """Rows for one entry, in the order of its events. ``audit_id`` is ``seq.index``; the
    correlation id is the event's execution, or else the only one that the entry is about.
    """
    seq, events = entry.seq, entry.events
    at = timestamp(entry.at)
    subjects = [subject_of(event, entry.at) for event in events]
    about = dict.fromkeys(s[0] for s in subjects if s is not None and s[0] is not None)
    only = next(iter(about)) if len(about) == 1 else None
    return [
        (
            book_id,
            seq,
            index,
            f"{seq}.{index}",
            subject[0],
            KIND[type(events[index])],
            subject[1],
            event_json(events[index]),
            subject[2],
            subject[3],
            subject[0] or only,
            at,
        )
        for index, subject in enumerate(subjects)
        if subject is not None
    ]


def subject_of(event: ev.Event, at_ns: int) -> Subject | None:
    """What an event is about and why it happened; None for the book's own settings and bars."""
    match event:
        case ev.OrderAdvanced():
            return event.execution_id, event.account_id, event.cause, None
        case ev.OrderIntended():
            order = event.order
            why = f"due {timestamp(event.planned_at)}, decided {timestamp(at_ns)}"
            return order.execution_id, order.account_id, why, None
        case ev.ReleaseDeferred():
            return event.execution_id, event.account_id, _waiting(event), None
        case ev.FillBooked():
            notes = f"overfill of {plain(event.overfill)}" if event.overfill else None
            return event.execution_id or None, event.account_id, event.cause, notes
        case ev.AllocationEnded():
            return event.execution_id, event.account_id, *_ending(event)
        case ev.ExecutionEnded():
            return event.execution_id, None, event.status, None
        case ev.SignalPlanned() | ev.SignalRefused():
            plan = event.plan
            return plan.execution_id, None, summary(plan), clauses(plan)
        case ev.OrderQueried():
            return event.execution_id, event.account_id, f"attempt {event.attempt}", None
        case ev.AccountUpdated():
            return None, event.snapshot.account_id, "snapshot of the venue", None
        case ev.HistoryRecorded():
            return None, event.account_id, f"bars: {len(event.bars)}", None
        case ev.AccountHalted():
            return None, event.account_id, event.reason, "no entry until a person releases it"
        case ev.InterventionRequired():
            return event.execution_id or None, event.account_id or None, event.reason, None
        case ev.BookConfigured() | ev.BarsRecorded():
            return None
        case _:
            assert_never(event)


def _waiting(event: ev.ReleaseDeferred) -> str:
    return (
        f"due {timestamp(event.planned_at)}, waits until {timestamp(event.deferred_to)}: "
        f"{event.symbol} entries keep {milliseconds(event.gap_ns)} ms apart, "
        f"the last left {timestamp(event.last_release_at)}"
    )


def _ending(event: ev.AllocationEnded) -> tuple[str, str | None]:
    refusal = event.refusal
    if refusal is None:
        return event.reason, None
    compared = ", ".join(f"{name} {value}" for name, value in sorted(refusal.compared.items()))
    hint = f"; would pass with: {refusal.would_pass}" if refusal.would_pass else ""
    reason = f"{event.reason} ({compared})" if compared else event.reason
    return reason + hint, clause_of(refusal) if refusal.clause else None
