"""What happened in a seed, line by line, up to the first broken invariant.

An auditor who keeps what it is told. Knows nothing of how the run is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.terms.policy import BookConfig
from stretto.core.values import iso, plain
from stretto.ports import Command, ReplaceOrder, SubmitOrder, VenueMessage
from stretto.simulation.auditor import Auditor

_NAME_LENGTH = 6
"""Characters of an order's or execution's id that tell them apart well enough to be read."""


class Line(NamedTuple):
    """One thing that happened, at ``at`` (ns UTC)."""

    at: int
    text: str

    def __str__(self) -> str:
        return f"{iso(self.at)[5:23]}  {self.text}"


class Timeline(Auditor):
    """An auditor who writes down what happens, and checks it as any other does."""

    def __init__(self, config: BookConfig, venues: Sequence[str]) -> None:
        super().__init__(config, venues)
        self.lines: list[Line] = []
        self._at = 0

    def appended(self, entry: ev.Entry, book: Book) -> None:
        """An entry, with a line for each of its events."""
        self._at = entry.at
        said = ", ".join(text for text in (line_of(event) for event in entry.events) if text)
        self._note(entry.at, f"{entry.seq:>5} {_input(entry.input)}: {said}")
        super().appended(entry, book)

    def sending(self, command: Command, at_ns: int, *, overtaken: bool = False) -> None:
        """A command leaves."""
        self._note(at_ns, f"   -> {_command(command)}")
        super().sending(command, at_ns, overtaken=overtaken)

    def said(self, venue: str, message: VenueMessage, at_ns: int) -> None:
        """A venue speaks."""
        self._note(at_ns, f"   <- {venue}: {_message(message)}")
        super().said(venue, message, at_ns)

    def died(self, at_ns: int) -> None:
        """The process is gone."""
        self._note(at_ns, "   -- the process dies")
        super().died(at_ns)

    def resumed(self, book: Book, at_ns: int) -> None:
        """Another goes on."""
        self._note(at_ns, f"   -- a process starts at entry {book.seq}")
        super().resumed(book, at_ns)

    def at_rest(self, book: Book, dumps: Mapping[str, Mapping[str, Any]], at_ns: int) -> None:
        """The end."""
        self._note(at_ns, "   -- at rest: the venues' books are compared")
        super().at_rest(book, dumps, at_ns)

    def struck(self, at_ns: int, fault: str, subject: str) -> None:
        """A fault takes its place among what happened before and after it."""
        place = next((i for i, line in enumerate(self.lines) if line.at > at_ns), len(self.lines))
        if at_ns <= self._at:
            name = subject[:_NAME_LENGTH] if len(subject) > _NAME_LENGTH * 2 else subject
            self.lines.insert(place, Line(at_ns, f"   !! {fault} {name}".rstrip()))

    def _note(self, at_ns: int, text: str) -> None:
        self.lines.append(Line(at_ns, text))


def line_of(event: ev.Event) -> str:
    """An event in a few words."""
    words = _WORDS.get(type(event))
    if words is not None:
        return words(event)
    name, about = ev.kind_of(event), _about(event)
    reason = getattr(event, "reason", "")
    return " ".join(word for word in (name, about, f"({reason})" if reason else "") if word)


def _about(value: Any) -> str:
    order = getattr(value, "client_order_id", "")
    execution, account = getattr(value, "execution_id", ""), getattr(value, "account_id", "")
    if order:
        return f"{_short(order)} of {account}" if account else _short(order)
    return "/".join(name for name in (_short(execution), account) if name)


def _short(name: str) -> str:
    return name[:_NAME_LENGTH]


def _advanced(event: ev.OrderAdvanced) -> str:
    new = event.changes
    shown = [] if new.state is UNSET else [new.state.value]
    if new.cum_qty is not UNSET:
        shown.append(f"filled {plain(new.cum_qty)}")
    if new.leaves_qty is not UNSET:
        shown.append(f"leaves {plain(new.leaves_qty)}")
    return f"{_short(event.client_order_id)} {event.cause} [{' '.join(shown)}]"


def _planned(event: ev.SignalPlanned) -> str:
    plan = event.plan
    shares = ", ".join(f"{a.account_id} {plain(a.position_size)}" for a in plan.allocations)
    closes = f" closes {_short(plan.closes)}" if plan.closes else ""
    signal = plan.signal
    return (
        f"plans {_short(plan.execution_id)} {signal.side.value} {signal.symbol}{closes}: {shares}"
    )


def _intended(event: ev.OrderIntended) -> str:
    order = event.order
    return (
        f"intends {_short(order.client_order_id)} {order.role.value} {order.side.value} "
        f"{plain(order.quantity)} {order.symbol} {order.account_id}"
    )


_WORDS: dict[type, Callable[[Any], str]] = {
    ev.OrderAdvanced: _advanced,
    ev.SignalPlanned: _planned,
    ev.OrderIntended: _intended,
    ev.SignalRefused: lambda e: f"refuses {e.plan.signal.signal_id}",
    ev.FillBooked: lambda e: (
        f"books {plain(e.quantity * e.direction)} {e.symbol} at {plain(e.price)} "
        f"in {e.account_id} ({e.exec_id or e.cause})"
    ),
    ev.AllocationEnded: lambda e: f"ends {_about(e)} ({e.reason})",
    ev.RemainderRerouted: lambda e: (
        f"reroutes {plain(e.quantity)} from {e.account_id} to {e.share.account_id}"
    ),
    ev.LegScheduled: lambda e: (
        f"schedules {plain(e.released - e.abandoned)} of {_about(e)} at {iso(e.due_at)[11:23]} "
        f"({e.reason}, {e.step.value})"
    ),
    ev.AccountUpdated: lambda e: f"snapshot of {e.snapshot.account_id}",
    ev.BarsRecorded: lambda e: f"bars of {e.symbol}",
    ev.HistoryRecorded: lambda e: f"history of {e.account_id}",
    ev.CalendarRecorded: lambda e: f"calendar {e.table.calendar}",
}


def _input(item: ev.Input) -> str:
    if isinstance(item, ev.TimerDue):
        return f"timer {item.timer.value} {_short(item.key)}"
    if isinstance(item, ev.Intervened):
        return f"{item.actor} asks {item.action.__struct_config__.tag}"
    report = getattr(item, "report", None)
    return f"{ev.kind_of(item)} {_message(report)}" if report is not None else ev.kind_of(item)


def _command(command: Command) -> str:
    more = ""
    if isinstance(command, SubmitOrder | ReplaceOrder):
        more = f" {plain(command.quantity)}"
    return f"{type(command).__name__} {_short(command.client_order_id)} {command.account_id}{more}"


def _message(message: Any) -> str:
    words = [type(message).__name__]
    exec_type = getattr(message, "exec_type", None)
    if exec_type is not None:
        words = [exec_type.value, message.exec_id]
        if message.last_qty:
            words.append(f"{plain(message.last_qty)} at {plain(message.last_px)}")
        words.append(f"[{message.ord_status.value} {plain(message.cum_qty)}]")
    return " ".join([*words, _about(message)])
