"""The auditor: its own model of a simulated book, from the journal and from what venues say.

One auditor watches one seed over all its process lives. It must not know the core's bookkeeping:
events and messages are data to it, and every number it compares it has added up itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.report import ExecType, ExecutionReport
from stretto.ports import AmendProtection, Command, ReplaceOrder, SubmitOrder, VenueMessage
from stretto.runtime.recover import image_bytes
from stretto.simulation import auditor_gate as gate
from stretto.simulation import auditor_orders as orders
from stretto.simulation import auditor_shares as shares
from stretto.simulation import auditor_timing as timing
from stretto.simulation.auditor_model import ZERO, Model
from stretto.simulation.auditor_rest import (
    compare_book,
    compare_money,
    compare_venues,
    liveness,
    overfills,
    protection,
)
from stretto.simulation.invariants import InvariantBroken

__all__ = ["Auditor", "InvariantBroken"]

OVERDUE_NS = 60_000_000_000


class Auditor:
    """Told of everything in the order in which it happens; raises InvariantBroken."""

    def __init__(self, config: BookConfig, venues: Sequence[str]) -> None:
        self._model = Model(config)
        self._venues = tuple(venues)
        self._live: Book | None = None
        self._image: bytes | None = None
        self._timers: dict[str, int] = {}
        self._said: dict[tuple[str, str, str], None] = {}
        # by close of a venue's own that was told to this process: the position it is about
        self._closes: dict[tuple[str, str, str], str] = {}
        self._handlers = self._handled()

    # --- what the stage tells

    def appended(self, entry: ev.Entry, book: Book) -> None:
        """An entry is durable. ``book`` is the live state, which may be ahead of the entry by what
        else was in its batch.
        """
        model, item = self._model, entry.input
        if entry.seq != model.seq + 1 or entry.at < model.at:
            model.broken(14, f"entry {entry.seq} of {entry.at} follows {model.seq} of {model.at}")
        model.seq, model.at = entry.seq, entry.at
        self._check_heard(item)
        if isinstance(item, ev.TimerDue):
            timing.fired(model, item)
        orders.heard(model, item)
        handlers = self._handlers
        for event in entry.events:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(entry, event)
        if any(isinstance(event, ev.FillBooked) for event in entry.events):
            self._check_closes(entry)
        if isinstance(item, ev.TimerDue):
            timing.spent(model, item)
        for event in entry.events:
            if isinstance(event, ev.KillSwitchThrown):
                orders.cancelled_by(
                    model, partial(gate.covers, model, event.scope.value, event.name)
                )
        self._check_touched()
        self._live = book
        if book.seq == entry.seq:
            compare_book(model, book)

    def sending(self, command: Command, at_ns: int, *, overtaken: bool = False) -> None:
        """A command leaves the process at ``at_ns`` of the process's clock (ns UTC). ``overtaken``:
        another process took the book over while this one stood still, and it does not know.
        """
        model = self._model
        if isinstance(command, SubmitOrder):
            self._submitting(command, at_ns, overtaken=overtaken)
        elif isinstance(command, AmendProtection):
            if at_ns >= command.send_before:
                model.broken(14, f"request {command.client_order_id} is sent too late")
        elif command.client_order_id not in model.orders:
            model.broken(14, f"a request names order {command.client_order_id}, never intended")
        elif isinstance(command, ReplaceOrder):
            order = model.orders[command.client_order_id]
            wanted = (command.quantity, command.send_before)
            if wanted in order.replaces:
                order.replaces.remove(wanted)
            elif not overtaken:
                model.broken(14, f"a replace of order {command.client_order_id} is in no entry")
            if at_ns >= command.send_before:
                model.broken(14, f"a replace of order {command.client_order_id} is sent too late")

    def said(self, venue: str, message: VenueMessage, at_ns: int) -> None:
        """A venue's message reached the process."""
        del venue, at_ns
        if isinstance(message, ExecutionReport) and message.exec_type is ExecType.TRADE:
            self._said[message.account_id, message.trading_day, message.exec_id] = None
            if not message.client_order_id:
                key = (message.account_id, message.exec_id, message.trading_day)
                self._closes[key] = f"{message.account_id}/{message.position_id}"

    def died(self, at_ns: int) -> None:
        """The process ended without an orderly stop."""
        del at_ns
        live, model = self._live, self._model
        self._closes.clear()  # what the process heard and did not journal died with it
        self._image = None
        if live is not None and live.seq == model.seq:
            self._image, self._timers = image_bytes(live), dict(live.timers)
        self._live = None

    def resumed(self, book: Book, at_ns: int) -> None:
        """A process recovered ``book``; every durable entry was passed to ``appended``."""
        del at_ns
        model = self._model
        if book.seq != model.seq:
            model.broken(15, f"the journal ends at {model.seq}, the recovered book at {book.seq}")
        compare_book(model, book, everything=True)
        if self._image is not None:
            if self._image != image_bytes(book):
                model.broken(15, "the recovered book differs from the one that died")
            if self._timers != dict(book.timers):
                model.broken(12, "the timers of the recovered book differ from those before")
        self._image = None
        model.life += 1
        for order in model.orders.values():
            order.replaces.clear()

    def at_rest(self, book: Book, dumps: Mapping[str, Mapping[str, Any]], at_ns: int) -> None:
        """Everything is healed and has had its time; ``dumps`` are the venues' own books."""
        model = self._model
        compare_book(model, book, everything=True)
        timing.forgotten(model, at_ns, OVERDUE_NS)
        for close, position in self._closes.items():
            if close not in model.closed and position not in model.asked_ever:
                model.broken(4, f"the venue's close {close} was told and is not booked")
        compare_venues(model, dumps)
        compare_money(model, book, dumps)
        overfills(model)
        liveness(model, at_ns)
        protection(model)

    def struck(self, at_ns: int, fault: str, subject: str) -> None:
        """Told after the end of every fault that struck, in order; nothing is checked."""

    # --- one entry

    def _handled(self) -> dict[type, Callable[[ev.Entry, Any], None]]:
        model = self._model

        def about(function: Callable[[Model, Any], None]) -> Callable[[ev.Entry, Any], None]:
            return lambda _, event: function(model, event)

        def booked(_: ev.Entry, event: ev.FillBooked) -> None:
            if event.client_order_id:
                orders.booked(model, event)
            shares.filled(model, event)

        def leg(entry: ev.Entry, event: ev.LegScheduled) -> None:
            shares.leg_scheduled(model, event)
            timing.moved(model, event)
            timing.check_attempt(model, event, entry)

        def planned(_: ev.Entry, event: ev.SignalPlanned) -> None:
            shares.planned(model, event)
            timing.planned(model, event)
            if not event.plan.closes:
                gate.copies_allowed(model, event)

        def rerouted(_: ev.Entry, event: ev.RemainderRerouted) -> None:
            shares.rerouted(model, event)
            timing.rerouted(model, event)

        return {
            ev.BookConfigured: self._configured,
            ev.AccountUpdated: self._updated,
            ev.SignalPlanned: planned,
            ev.OrderIntended: self._intended,
            ev.OrderAdvanced: lambda entry, event: orders.advanced(model, entry, event),
            ev.FillBooked: booked,
            ev.OrderQueried: about(orders.queried),
            ev.PositionAdopted: lambda entry, event: shares.adopted(model, entry, event),
            ev.PositionDismissed: lambda entry, event: shares.dismissed(model, entry, event),
            ev.OrderMissed: lambda entry, event: orders.missed(model, entry, event),
            ev.CompletionAssessed: about(timing.assessed),
            ev.CancelRequested: about(orders.requested),
            ev.ReplaceRequested: self._replace_requested,
            ev.AllocationAdjusted: about(shares.adjusted),
            ev.AllocationReduced: about(shares.given_up),
            ev.RemainderAbandoned: about(shares.given_up),
            ev.AllocationEnded: about(shares.ended),
            ev.LegScheduled: leg,
            ev.LevelsChanged: about(shares.levels_changed),
            ev.LimitChanged: about(shares.limit_changed),
            ev.RemainderRerouted: rerouted,
            ev.ReleaseScheduled: about(timing.scheduled),
            ev.ReleaseDeferred: about(timing.moved),
            ev.PendingHeld: about(timing.moved),
            ev.PendingFreed: about(timing.moved),
            ev.InterventionRequired: about(gate.asked),
            ev.InterventionResolved: about(gate.answered),
            ev.ExecutionPaused: self._paused,
            ev.ExecutionResumed: self._paused,
            ev.PersonIntervened: self._decided,
            **dict.fromkeys(
                (
                    ev.AccountHalted, ev.AccountReleased, ev.AccountExcluded, ev.AccountRestored,
                    ev.AccountReconciled, ev.ReconciliationRequired, ev.KillSwitchThrown,
                    ev.KillSwitchReleased, ev.CircuitChanged, ev.VenueThrottled,
                    ev.CalendarRecorded,
                ),
                about(gate.barred),
            ),
        }  # fmt: skip

    def _configured(self, _: ev.Entry, event: ev.BookConfigured) -> None:
        self._model.config = event.config

    def _updated(self, _: ev.Entry, event: ev.AccountUpdated) -> None:
        shares.snapshot_taken(self._model, event.snapshot)
        anchor = event.anchor
        note = self._model.account(event.snapshot.account_id)
        note.anchor = (anchor.day_started_at, anchor.balance, anchor.equity)

    def _intended(self, entry: ev.Entry, event: ev.OrderIntended) -> None:
        model = self._model
        order = orders.intended(model, event)
        if order.role not in ("entry", "exit"):
            return
        share = model.share_of(order.execution_id, order.account_id)
        due_at = share.due_at
        shares.intended(model, order)
        gate.counted(model, order.account_id)
        timing.leaves(model, order, share, due_at)
        gate.may_go(model, entry, order)

    def _replace_requested(self, _: ev.Entry, event: ev.ReplaceRequested) -> None:
        model = self._model
        orders.requested(model, event)
        order = model.orders[event.client_order_id]
        switch = gate.killed(model, order.account_id, order.symbol)
        if order.is_entry and switch:
            name = order.client_order_id
            model.broken(11, f"order {name} is replaced under the kill switch of {switch}")

    def _paused(self, _: ev.Entry, event: ev.ExecutionPaused | ev.ExecutionResumed) -> None:
        paused = isinstance(event, ev.ExecutionPaused)
        self._model.executions[event.execution_id].paused = paused

    def _decided(self, _: ev.Entry, event: ev.PersonIntervened) -> None:
        if event.action.__struct_config__.tag in ("approve", "reject"):
            self._model.executions[event.execution_id].awaits = False

    def _check_touched(self) -> None:
        model = self._model
        for name in model.touched_orders:
            order = model.orders[name]
            orders.ended_entry(model, order)
            key = f"{order.execution_id}/{order.account_id}"
            share = model.shares.get(key)
            if share is not None:
                model.touched_shares[key] = None
                if order in share.orders and not order.is_over:
                    share.ended = ""  # a bust or a late word brought it back
        for key in model.touched_shares:
            shares.ended_entry(model, key, model.shares[key])
        if model.excess_tries:
            timing.ended_entry(model)
        for account_id, (number, text) in model.flagged.items():
            if not model.account(account_id).halted:
                model.broken(number, f"{text}, and {account_id} is not halted")
        model.flagged.clear()

    # --- single checks

    def _check_heard(self, item: ev.Input) -> None:
        """Executions in the journal are those that a venue reported."""
        if not self._said or not isinstance(item, ev.VenueReported | ev.OrderReported):
            return
        for report in orders.reports_of(item):
            key = (report.account_id, report.trading_day, report.exec_id)
            if report.exec_type is ExecType.TRADE and key not in self._said:
                self._model.broken(4, f"no venue reported the execution {key}")

    def _check_closes(self, entry: ev.Entry) -> None:
        """What a venue closes by itself is booked once and whole, and taken back as it was."""
        model, total = self._model, ZERO
        fills = [e for e in entry.events if isinstance(e, ev.FillBooked) and not e.client_order_id]
        if not fills:
            return
        total = sum((fill.quantity for fill in fills), ZERO)
        first = fills[0]
        key = (first.account_id, first.exec_id, first.trading_day)
        reports = orders.reports_of(entry.input)
        if first.reverses:
            wanted = (first.account_id, first.reverses)
            days = [k[2] for k in model.closes if k[:2] == wanted and k[2] <= first.trading_day]
            booked = model.closes.pop((*wanted, max(days)), None) if days else None
            if booked is None or total != -booked:
                model.broken(4, f"the bust of {first.reverses} takes {total} back, not {booked}")
            return
        if model.closes.get(key) or not reports or reports[0].last_qty != total:
            model.broken(4, f"the venue's close {key} is booked with {total}")
        model.closes[key] = total
        model.closed[key] = None

    def _submitting(self, command: SubmitOrder, at_ns: int, *, overtaken: bool) -> None:
        model, name = self._model, command.client_order_id
        order = model.orders.get(name)
        if order is None:
            model.broken(14, f"order {name} is sent and its intent is in no entry")
        if order.sent_at is not None:
            model.broken(1, f"order {name} is sent twice")
        order.sent_at = at_ns
        if at_ns >= min(command.send_before, order.send_before):
            model.broken(14, f"order {name} is sent {at_ns - order.send_before} ns too late")
        if order.life != model.life and not overtaken:
            model.broken(14, f"order {name} is sent by a later process than intended it")
        if order.is_over:
            model.broken(7, f"order {name} is {order.state} and is sent")
        if (command.quantity, command.symbol, command.account_id, command.side.sign) != (
            order.quantity, order.symbol, order.account_id, order.sign
        ):  # fmt: skip
            model.broken(14, f"order {name} is sent as {command}, which was not intended")
        if overtaken:
            return  # what its successor decided meanwhile it cannot know; send_before bounds it
        switch = gate.killed(model, order.account_id, order.symbol) if order.is_entry else ""
        if switch:
            model.broken(11, f"order {name} is sent under the kill switch of {switch}")
