"""A line for every event worth seeing while a book runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from signal import Signals
from typing import Any, TextIO

from msgspec import UNSET

from stretto.cli.output import Output, quantity
from stretto.core import events as ev
from stretto.core.failures.circuit import Change
from stretto.core.orders.order import OrderState
from stretto.core.terms.intervention import name_of
from stretto.core.values import NS_PER_S, iso, ppm_text
from stretto.sessions.play import Stop
from stretto.views.actions import levels_text
from stretto.views.rows import summary

_TOLD_STATES = (OrderState.REJECTED, OrderState.IN_DOUBT, OrderState.EXPIRED, OrderState.CANCELED)


class EventLines:
    """A listener of entries. Lines go to standard output, or to standard error where that is kept
    for the JSON object. Where nobody reads them any more, the session is asked to stop.
    """

    def __init__(self, output: Output, stop: Stop) -> None:
        self._output = output
        self._to: TextIO = sys.stderr if output.json else sys.stdout
        self._stop = stop
        self.broken = False

    def __call__(self, entry: ev.Entry) -> None:
        """Take one journaled entry in."""
        self._output.is_playing = True
        if self.broken:
            return
        try:
            for event in entry.events:
                text = line_of(event)
                if text:
                    self._to.write(f"{iso(entry.at)[11:23]}  {text}\n")
            self._to.flush()
        except BrokenPipeError:
            self.broken = True
            self._stop.request(int(Signals.SIGPIPE))


def line_of(event: ev.Event) -> str:
    """What to say of an event; empty for what is not worth a line."""
    line = _LINES.get(type(event))
    return "" if line is None else line(event)


def _decided(event: ev.SignalPlanned | ev.SignalRefused) -> str:
    return f"signal {event.plan.signal.signal_id}: {summary(event.plan)}"


def _intended(event: ev.OrderIntended) -> str:
    order = event.order
    return (
        f"order  {order.account_id}: {order.side} {quantity(order.quantity)} "
        f"{order.symbol} {order.order_type} ({order.role})"
    )


def _deferred(event: ev.ReleaseDeferred) -> str:
    return (
        f"waits  {event.account_id}: until {iso(event.deferred_to)[11:23]}, to keep "
        f"{event.gap_ns / NS_PER_S:.3f} s between entries of {event.symbol}"
    )


def _filled(event: ev.FillBooked) -> str:
    side = "bought" if event.direction > 0 else "sold"
    if event.quantity < 0:
        side = f"taken back: {side}"
    return (
        f"fill   {event.account_id}: {side} {quantity(abs(event.quantity))} {event.symbol} "
        f"at {event.price} ({event.cause})"
    )


def _advanced(event: ev.OrderAdvanced) -> str:
    state = event.changes.state
    if state is UNSET or state not in _TOLD_STATES:
        return ""
    return f"order  {event.account_id}: {state.value} ({event.cause})"


def _scheduled(event: ev.LegScheduled) -> str:
    due = iso(event.due_at)[11:23]
    return f"again  {event.account_id}: {event.step.value} at {due}: {event.reason}"


def _rerouted(event: ev.RemainderRerouted) -> str:
    to, due = event.share.account_id, iso(event.share.release_at)[11:23]
    return f"moved  {event.account_id}: {quantity(event.quantity)} to {to}, due {due}"


def _circuit(event: ev.CircuitChanged) -> str:
    if event.change is Change.COUNTED:
        return ""
    return f"circuit {event.circuit.key}: {event.change.value} ({event.cause})"


def _assessed(event: ev.CompletionAssessed) -> str:
    return (
        f"rest   {event.account_id}: {quantity(event.remainder)} not filled: "
        f"{event.strategy.value} ({event.reason})"
    )


def _ended(event: ev.AllocationEnded) -> str:
    if not event.abandoned:
        return ""
    return f"ended  {event.account_id}: {quantity(event.abandoned)} abandoned: {event.reason}"


def _breached(event: ev.CorrelationBreached) -> str:
    return (
        f"alike  {event.first} and {event.second}: {ppm_text(event.now)} with what is pending, "
        f"{ppm_text(event.before)} without it"
    )


def _said(word: str) -> Callable[[Any], str]:
    return lambda event: f"{word:<6} {event.account_id}: {event.reason}"


def _person(event: ev.PersonIntervened) -> str:
    about = event.execution_id or event.account_id
    return f"PERSON {event.actor}: {name_of(event.action)} {about}".rstrip() + f": {event.reason}"


def _switched(word: str) -> Callable[[Any], str]:
    return lambda e: f"{word} {f'{e.scope.value} {e.name}'.strip()}, by {e.actor}: {e.reason}"


_LINES: dict[type[ev.Event], Callable[[Any], str]] = {
    ev.SignalPlanned: _decided,
    ev.SignalRefused: _decided,
    ev.OrderIntended: _intended,
    ev.ReleaseDeferred: _deferred,
    ev.FillBooked: _filled,
    ev.OrderAdvanced: _advanced,
    ev.OrderFailed: lambda e: f"failed {e.account_id}: {e.failure_class.value}, {e.step.value}",
    ev.LegScheduled: _scheduled,
    ev.RemainderRerouted: _rerouted,
    ev.CompletionAssessed: _assessed,
    ev.CancelRequested: _said("cancel"),
    ev.ReplaceRequested: _said("change"),
    ev.PendingHeld: _said("held"),
    ev.PendingFreed: _said("freed"),
    ev.CorrelationBreached: _breached,
    ev.AllocationEnded: _ended,
    ev.ExecutionEnded: lambda event: f"execution {event.execution_id}: {event.status}",
    ev.AccountHalted: _said("HALTED"),
    ev.AccountExcluded: _said("EXCLUDED"),
    ev.AmendRequested: lambda e: f"amend  {e.account_id}: {levels_text(e)}",
    ev.ProtectionAmended: lambda e: f"levels {e.account_id}: {levels_text(e)}",
    ev.AmendFailed: lambda e: f"amend  {e.account_id}: {e.failure_class.value}: {e.step.value}",
    ev.LimitChanged: lambda e: f"limit  {e.account_id}: {levels_text(e)}",
    ev.ProtectionFailed: lambda e: (
        f"failed {e.account_id}: {e.request.value} of {e.role.value}: "
        f"{e.failure_class.value}, {e.step.value}"
    ),
    ev.CircuitChanged: _circuit,
    ev.VenueThrottled: lambda e: f"slower {e.venue}: until {iso(e.until)[11:23]}: {e.reason}",
    ev.AlertRaised: lambda e: f"ALERT  {e.alert.about}: {e.alert.failure_class.value}",
    ev.AlertCleared: lambda e: f"over   {e.key}: {e.reason}",
    ev.AccountRestored: _said("restored"),
    ev.InterventionRequired: _said("A PERSON HAS TO LOOK:"),
    ev.InterventionResolved: lambda e: f"settled {e.account_id}: {e.reason} by {e.resolution}",
    ev.DifferenceFound: lambda e: f"differs {e.account_id}: {e.kind.value}, {e.cause}",
    ev.OrderProvenDead: lambda e: f"dead   {e.account_id}: proven by {e.proof.value}",
    ev.PersonIntervened: _person,
    ev.InterventionRefused: lambda event: (
        f"refused {event.actor}: {name_of(event.action)}: {event.denied.rule.value}"
    ),
    ev.RemainderAbandoned: lambda event: (
        f"ends   {event.account_id}: {quantity(event.abandoned)} abandoned: {event.reason}"
    ),
    ev.KillSwitchThrown: _switched("KILLED"),
    ev.KillSwitchReleased: _switched("released"),
    ev.AccountReleased: _said("released"),
    ev.PositionAdopted: lambda e: (
        f"adopted {e.account_id}: {quantity(e.quantity)} {e.symbol} to {e.holder}, by {e.actor}"
    ),
    ev.PositionDismissed: lambda e: (
        f"set aside {e.account_id}: {quantity(e.quantity)} {e.symbol}, by {e.actor}: {e.reason}"
    ),
    ev.VenueOrderDismissed: lambda e: (
        f"set aside {e.account_id}: order {e.subject}, by {e.actor}: {e.reason}"
    ),
    ev.VenueOrderCancelRequested: lambda e: (
        f"cancel {e.account_id}: order {e.subject}, not the book's: {e.actor}: {e.reason}"
    ),
    ev.FlattenBegun: lambda e: f"flatten {e.account_id}: under way",
    ev.Flattened: lambda e: (
        f"FLAT   {e.account_id}: by the venue's view of {iso(e.view_at)[11:23]}"
    ),
}
