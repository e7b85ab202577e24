"""Rows of ``execution_audit_log``: one for every event that concerns an execution or an account.

``event_data`` is the event as journaled; the other columns say in words what it was for. Knows
nothing of SQL or of the other tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from stretto.core import events as ev
from stretto.core.errors import check
from stretto.core.failures.circuit import Scope
from stretto.core.terms.intervention import name_of
from stretto.core.terms.killing import KillScope
from stretto.core.terms.protection import PROTECTIVE
from stretto.core.values import plain, ppm_text
from stretto.views.actions import levels_text
from stretto.views.rows import clause_of, clauses, summary
from stretto.views.texts import compared_text, event_json, milliseconds, timestamp

Subject = tuple[str | None, str | None, str | None, str | None]
"""execution_id, account_id, rationale, compliance_notes."""

KIND: dict[type[ev.Event], str] = {
    kind: str(kind.__struct_config__.tag) for kind in get_args(ev.Event)
}
"""``event_type`` of every event: its tag in the journal."""


def audit_rows(
    book_id: str, entry: ev.Entry, stored: Sequence[bytes] = ()
) -> list[tuple[Any, ...]]:
    """Rows for one entry, in the order of its events. ``audit_id`` is ``seq.index``; the
    correlation id is the event's execution, or else the only one that the entry is about.
    ``stored``: the events' stored bytes, where they are at hand.
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
            stored[index].decode() if stored else event_json(events[index]),
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
    return _SUBJECTS[type(event)](event, at_ns)


def _of_order(event: ev.OrderAdvanced | ev.StopChecked | ev.LimitSettled, _at: int) -> Subject:
    return event.execution_id, event.account_id, event.cause, None


def _intended(event: ev.OrderIntended, at_ns: int) -> Subject:
    order = event.order
    why = f"due {timestamp(event.planned_at)}, decided {timestamp(at_ns)}"
    if order.role in PROTECTIVE:
        price = order.limit_price if order.stop_price is None else order.stop_price
        why = f"{order.role.value} of {order.position_id} at {price}, {why}"
    return order.execution_id, order.account_id, why, None


def _filled(event: ev.FillBooked, _at: int) -> Subject:
    notes = f"overfill of {plain(event.overfill)}" if event.overfill else None
    return event.execution_id or None, event.account_id, event.cause, notes


def _decided(event: ev.SignalPlanned | ev.SignalRefused, _at: int) -> Subject:
    return event.plan.execution_id, None, summary(event.plan), clauses(event.plan)


def _with_reason(
    event: ev.CancelRequested | ev.ReplaceRequested | ev.PendingHeld | ev.PendingFreed, _at: int
) -> Subject:
    return event.execution_id, event.account_id, event.reason, None


def _adjusted(event: ev.AllocationAdjusted, _at: int) -> Subject:
    parts = (("pending", event.pending), ("abandoned", event.abandoned), ("excess", event.excess))
    why = ", ".join(f"{name} {change:+f}" for name, change in parts if change)
    return event.execution_id, event.account_id, why, None


def _scheduled(event: ev.LegScheduled, _at: int) -> Subject:
    why = f"{event.reason}: {event.step.value} at {timestamp(event.due_at)}"
    return event.execution_id, event.account_id, f"{why}, attempt {event.attempt}", None


def _rerouted(event: ev.RemainderRerouted, _at: int) -> Subject:
    share = event.share
    why = (
        f"{plain(event.quantity)} to {share.account_id}, score {ppm_text(event.score)}, best of "
        f"{event.considered} judged; due {timestamp(share.release_at)}: {share.timing_rationale}"
    )
    by = f" ({event.actor}: {event.reason})" if event.actor else ""
    return event.execution_id, event.account_id, why + by, None


def _failed(event: ev.OrderFailed, _at: int) -> Subject:
    said = " ".join(word for word in (event.code, event.text) if word) or "no code"
    why = f"{event.failure_class.value} ({said}): {event.step.value}, attempt {event.attempt}"
    return event.execution_id, event.account_id, why, None


def _levels(event: ev.LevelsChanged | ev.ProtectionAmended | ev.LimitChanged, _at: int) -> Subject:
    return event.execution_id, event.account_id, levels_text(event), None


def _amend_requested(event: ev.AmendRequested, _at: int) -> Subject:
    why = f"position {event.position_id or event.symbol}: {levels_text(event)}"
    return event.execution_id, event.account_id, f"{why}, attempt {event.attempt}", None


def _amend_failed(event: ev.AmendFailed | ev.ProtectionFailed, _at: int) -> Subject:
    said = " ".join(word for word in (event.code, event.text) if word) or "no code"
    again = "" if event.due_at is None else f", again at {timestamp(event.due_at)}"
    why = f"{event.failure_class.value} ({said}): {event.step.value}{again}"
    if isinstance(event, ev.ProtectionFailed):
        why = f"{event.request.value} of a {event.role.value} of {event.position_id}: {why}"
    return event.execution_id, event.account_id, why, None


def _breached(event: ev.CorrelationBreached, _at: int) -> Subject:
    past = "" if event.historical is None else f", in their past {ppm_text(event.historical)}"
    why = (
        f"with what is pending, {event.first} and {event.second} correlate by "
        f"{ppm_text(event.now)}, without it by {ppm_text(event.before)}{past}; "
        f"at most {ppm_text(event.threshold)}"
    )
    return event.execution_id, event.first, why, None


def _assessed(event: ev.CompletionAssessed, _at: int) -> Subject:
    market = "liquid" if event.is_liquid else "not liquid"
    why = (
        f"{event.strategy.value}, attempt {event.attempt}: {event.reason}; "
        f"{plain(event.remainder)} left, urgency {event.urgency.value}, {market}, "
        f"{milliseconds(event.age_ns)} ms old, again at {timestamp(event.due_at)}"
    )
    return event.execution_id, event.account_id, why, None


def _halted(event: ev.AccountHalted, _at: int) -> Subject:
    return None, event.account_id, event.reason, "no entry until a person releases it"


def _circuit(event: ev.CircuitChanged, _at: int) -> Subject:
    circuit = event.circuit
    account = circuit.name if circuit.scope is Scope.ACCOUNT else None
    why = f"{circuit.key} {event.change.value}: {event.cause}"
    return None, account, why, None


def _alerted(event: ev.AlertRaised, _at: int) -> Subject:
    alert = event.alert
    why = f"{alert.about}: {alert.failure_class.value} {alert.text}".rstrip()
    if alert.rising:
        why += f", {alert.last_hour} in the last hour, {alert.day_before} in the day before it"
    return None, event.account_id or None, why, None


def _excluded(event: ev.AccountExcluded, _at: int) -> Subject:
    ends = [] if event.until is None else [f"until {timestamp(event.until)}"]
    ends += ["until the venue says tradable"] if event.until_tradable else []
    lasts = " and ".join(ends) or "until a person restores it"
    return None, event.account_id, f"{event.reason} ({event.actor})", f"no entry {lasts}"


def _asked(event: ev.InterventionRequired, _at: int) -> Subject:
    return event.execution_id or None, event.account_id or None, event.reason, None


def _proven(event: ev.OrderProvenDead, _at: int) -> Subject:
    shown = ", ".join(f"{name} {text}" for name, text in sorted(event.evidence.items()))
    return event.execution_id, event.account_id, f"{event.proof.value}: {shown}", None


def _differs(event: ev.DifferenceFound, _at: int) -> Subject:
    why = f"{event.kind.value} {event.subject}: book {event.book}; venue {event.venue}"
    return event.execution_id or None, event.account_id, f"{why} ({event.cause})", None


def _reconciled(event: ev.AccountReconciled, _at: int) -> Subject:
    whole = "complete view" if event.complete else "a view that is not whole"
    why = f"{whole} of {timestamp(event.at)}, differences: {event.differences}"
    return None, event.account_id, why, event.unreconciled or None


def _resolved(event: ev.InterventionResolved, _at: int) -> Subject:
    why = f"{event.reason}: {event.resolution}"
    return event.execution_id or None, event.account_id or None, why, None


def _person(event: ev.PersonIntervened, _at: int) -> Subject:
    why = f"{name_of(event.action)} by {event.actor}: {event.reason}"
    return event.execution_id or None, event.account_id or None, why, None


def _person_refused(event: ev.InterventionRefused, _at: int) -> Subject:
    compared = ", ".join(f"{name} {value}" for name, value in sorted(event.denied.compared.items()))
    why = (
        f"{name_of(event.action)} by {event.actor} refused: {event.denied.rule.value} ({compared});"
        f" expected {event.denied.expected}"
    )
    return event.execution_id or None, event.account_id or None, why, None


def _switched(event: ev.KillSwitchThrown | ev.KillSwitchReleased, _at: int) -> Subject:
    over = f"{event.scope.value} {event.name}".strip()
    account_id = event.name if event.scope is KillScope.ACCOUNT else None
    notes = "no entry until a person releases it"
    why = f"{over}, by {event.actor}: {event.reason}"
    return None, account_id, why, notes if isinstance(event, ev.KillSwitchThrown) else None


def _begun(event: ev.FlattenBegun, _at: int) -> Subject:
    notes = "flat once a view of the venue after the last fill shows it"
    return event.execution_id or None, event.account_id, f"request {event.request_id}", notes


def _not_flat(event: ev.FlattenAwaited, _at: int) -> Subject:
    again = "" if event.due_at is None else f"; looked at again at {timestamp(event.due_at)}"
    return event.execution_id or None, event.account_id, f"{event.reason}{again}", None


def _flat(event: ev.Flattened, _at: int) -> Subject:
    why = f"request {event.request_id}: the venue's view of {timestamp(event.view_at)}"
    return event.execution_id or None, event.account_id, why, None


def _rescheduled(event: ev.ReleaseScheduled, _at: int) -> Subject:
    why = f"{event.reason}: at {timestamp(event.release_at)}"
    return event.execution_id, event.account_id, why, None


def _given_up(event: ev.RemainderAbandoned | ev.AllocationReduced, _at: int) -> Subject:
    return event.execution_id, event.account_id, event.reason, None


def _adopted(event: ev.PositionAdopted, _at: int) -> Subject:
    why = f"{plain(event.quantity)} {event.symbol}, position {event.position_id}, to {event.holder}"
    why += f": {event.reason} ({event.actor})"
    return event.execution_id or None, event.account_id, why, None


def _missed(event: ev.OrderMissed, _at: int) -> Subject:
    why = f"not in the view of {timestamp(event.view_at)}"
    return event.execution_id, event.account_id, why, None


def _dismissed(event: ev.PositionDismissed, _at: int) -> Subject:
    why = f"{plain(event.quantity)} {event.symbol} not ours: {event.reason} ({event.actor})"
    return None, event.account_id, why, None


def _stranger(event: ev.VenueOrderDismissed | ev.VenueOrderCancelRequested, _at: int) -> Subject:
    why = f"order {event.subject} not ours: {event.reason} ({event.actor})"
    return None, event.account_id, why, None


def _of_book(_event: ev.Event, _at: int) -> None:
    return None


def _deferred(event: ev.ReleaseDeferred, _at: int) -> Subject:
    why = (
        f"due {timestamp(event.planned_at)}, waits until {timestamp(event.deferred_to)}: "
        f"{event.symbol} entries keep {milliseconds(event.gap_ns)} ms apart, "
        f"the last left {timestamp(event.last_release_at)}"
    )
    return event.execution_id, event.account_id, why, None


def _ended(event: ev.AllocationEnded, _at: int) -> Subject:
    refusal = event.refusal
    if refusal is None:
        return event.execution_id, event.account_id, event.reason, None
    compared = ", ".join(compared_text(*each) for each in sorted(refusal.compared.items()))
    hint = f"; would pass with: {refusal.would_pass}" if refusal.would_pass else ""
    reason = f"{event.reason} ({compared})" if compared else event.reason
    clause = clause_of(refusal) if refusal.clause else None
    return event.execution_id, event.account_id, reason + hint, clause


_SUBJECTS: dict[type[ev.Event], Callable[[Any, int], Subject | None]] = {
    ev.OrderAdvanced: _of_order,
    ev.OrderIntended: _intended,
    ev.ReleaseDeferred: _deferred,
    ev.OrderQueried: lambda event, _: (
        event.execution_id,
        event.account_id,
        f"attempt {event.attempt}",
        None,
    ),
    ev.OrderFailed: _failed,
    ev.CompletionAssessed: _assessed,
    ev.CancelRequested: _with_reason,
    ev.ReplaceRequested: _with_reason,
    ev.FillBooked: _filled,
    ev.AllocationEnded: _ended,
    ev.LevelsChanged: _levels,
    ev.ProtectionAmended: _levels,
    ev.LimitChanged: _levels,
    ev.LimitSettled: _of_order,
    ev.AmendRequested: _amend_requested,
    ev.AmendFailed: _amend_failed,
    ev.ProtectionFailed: _amend_failed,
    ev.StopChecked: _of_order,
    ev.AllocationAdjusted: _adjusted,
    ev.LegScheduled: _scheduled,
    ev.RemainderRerouted: _rerouted,
    ev.PendingHeld: _with_reason,
    ev.PendingFreed: _with_reason,
    ev.CorrelationBreached: _breached,
    ev.ExecutionEnded: lambda event, _: (event.execution_id, None, event.status, None),
    ev.SignalPlanned: _decided,
    ev.SignalRefused: _decided,
    ev.AccountUpdated: lambda event, _: (
        None,
        event.snapshot.account_id,
        "snapshot of the venue",
        None,
    ),
    ev.HistoryRecorded: lambda event, _: (
        None,
        event.account_id,
        f"bars: {len(event.bars)}",
        None,
    ),
    ev.AccountHalted: _halted,
    ev.CircuitChanged: _circuit,
    ev.VenueThrottled: lambda event, _: (
        None,
        event.account_id,
        f"{event.venue} until {timestamp(event.until)}: {event.reason}",
        None,
    ),
    ev.AlertRaised: _alerted,
    ev.AlertCleared: lambda event, _: (
        None,
        event.account_id or None,
        f"{event.key}: {event.reason}",
        None,
    ),
    ev.AccountExcluded: _excluded,
    ev.AccountRestored: lambda event, _: (
        None,
        event.account_id,
        f"{event.reason} ({event.actor})",
        None,
    ),
    ev.InterventionRequired: _asked,
    ev.InterventionResolved: _resolved,
    ev.OrderProvenDead: _proven,
    ev.OrderMissed: _missed,
    ev.DifferenceFound: _differs,
    ev.AccountReconciled: _reconciled,
    ev.ReconciliationRequired: _of_book,
    ev.PersonIntervened: _person,
    ev.InterventionRefused: _person_refused,
    ev.ExecutionPaused: lambda event, _: (event.execution_id, None, event.reason, None),
    ev.ExecutionResumed: lambda event, _: (event.execution_id, None, event.reason, None),
    ev.RemainderAbandoned: _given_up,
    ev.AllocationReduced: _given_up,
    ev.ReleaseScheduled: _rescheduled,
    ev.KillSwitchThrown: _switched,
    ev.KillSwitchReleased: _switched,
    ev.AccountReleased: lambda event, _: (None, event.account_id, event.reason, None),
    ev.FlattenBegun: _begun,
    ev.FlattenAwaited: _not_flat,
    ev.Flattened: _flat,
    ev.PositionAdopted: _adopted,
    ev.PositionDismissed: _dismissed,
    ev.VenueOrderDismissed: _stranger,
    ev.VenueOrderCancelRequested: _stranger,
    **dict.fromkeys((ev.BookConfigured, ev.BarsRecorded, ev.CalendarRecorded), _of_book),
}
check(set(_SUBJECTS) == set(get_args(ev.Event)), "every event must say what it is about")
