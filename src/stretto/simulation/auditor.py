"""The auditor: its own model of a simulated book, from the journal and from what venues say.

One auditor watches one seed over all its process lives. It must not know the core's bookkeeping:
events and messages are data to it, and every number it compares it has added up itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.policy import BookConfig
from stretto.core.values import iso
from stretto.ports import Command, SubmitOrder, VenueMessage


class InvariantBroken(Exception):
    """An invariant of DESIGN §8 does not hold: ``number`` 1 to 15, 16 for liveness, 17 for money;
    0 for an error that no part of Stretto raises on purpose. ``seq`` is the last durable entry.
    """

    def __init__(self, number: int, text: str, seq: int) -> None:
        super().__init__(f"invariant {number} broken after entry {seq}: {text}")
        self.number = number
        self.text = text
        self.seq = seq


class Auditor:
    """Told of everything in the order in which it happens; raises InvariantBroken."""

    def __init__(self, config: BookConfig, venues: Sequence[str]) -> None:
        self._config = config
        self._venues = tuple(venues)
        self._seq = 0
        self._intended: dict[str, int] = {}
        self._sent: dict[str, int] = {}

    def appended(self, entry: ev.Entry, book: Book) -> None:
        """An entry is durable. ``book`` is the live state, which may be ahead of the entry by what
        else was in its batch.
        """
        if entry.seq != self._seq + 1:
            self._broken(14, f"entry {entry.seq} follows entry {self._seq}")
        self._seq = entry.seq
        if book.seq < entry.seq:
            self._broken(15, f"the live book is at {book.seq}, behind what is durable")
        for event in entry.events:
            if isinstance(event, ev.OrderIntended):
                if event.order.client_order_id in self._intended:
                    self._broken(1, f"order {event.order.client_order_id} is intended twice")
                self._intended[event.order.client_order_id] = entry.seq

    def sending(self, command: Command, at_ns: int) -> None:
        """A command leaves the process at ``at_ns`` of the process's clock (ns UTC)."""
        if not isinstance(command, SubmitOrder):
            return
        order_id = command.client_order_id
        if order_id not in self._intended:
            self._broken(14, f"order {order_id} is sent and its intent is in no entry")
        if order_id in self._sent:
            self._broken(1, f"order {order_id} is sent twice")
        if at_ns >= command.send_before:
            self._broken(14, f"order {order_id} is sent {at_ns - command.send_before} ns too late")
        self._sent[order_id] = at_ns

    def said(self, venue: str, message: VenueMessage, at_ns: int) -> None:
        """A venue's message reached the process."""

    def died(self, at_ns: int) -> None:
        """The process ended without an orderly stop."""

    def resumed(self, book: Book, at_ns: int) -> None:
        """A new process recovered ``book``; every durable entry was passed to ``appended``."""
        if book.seq != self._seq:
            text = (
                f"the journal ends at {self._seq}, the book recovered at {iso(at_ns)} at {book.seq}"
            )
            self._broken(15, text)

    def at_rest(self, book: Book, dumps: Mapping[str, Mapping[str, object]], at_ns: int) -> None:
        """Everything is healed and has had its time; ``dumps`` are the venues' own books."""

    def _broken(self, number: int, text: str) -> NoReturn:
        raise InvariantBroken(number, text, self._seq)
