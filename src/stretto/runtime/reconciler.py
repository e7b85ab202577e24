"""Asks the venues for views of the accounts, again and again, and hands them to the writer.

One account at a time and venue, several venues side by side, so that a venue that is away holds up
nobody else's accounts. When an account is due follows from the book. Knows nothing of what a view
means.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeGuard

import msgspec

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.errors import BrokerUnreachable
from stretto.core.failures.backoff import query_delay_ns
from stretto.core.limits import (
    ACKNOWLEDGE_TIMEOUT_NS,
    QUERIES_MAX,
    RECONCILE_OPEN_NS,
    VIEW_AGE_NS_MAX,
)
from stretto.core.messages.reconciliation import inputs_of, is_current
from stretto.core.messages.reconciliation_standing import Standing, standing_of
from stretto.core.messages.reports import CLOSE_BEFORE_ENTRY, awaits_entry
from stretto.core.orders.order import Fill, OrderState
from stretto.core.orders.order_changes import OrderChanges
from stretto.core.reconciling.reconciliation_due import interval_ns, live_orders, since
from stretto.core.terms.venue import MassStatus
from stretto.core.timers import Timers
from stretto.core.values import NS_PER_S
from stretto.ports import Broker, Clock
from stretto.runtime.writer import Writer


class Comparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person who asked for a comparison is told of one account: how it stands, or in
    ``problem`` why it could not be compared.
    """

    account_id: str
    standing: Standing | None = None
    problem: str = ""


Asking = tuple[asyncio.Future[Comparison], ...]
STOPPED = "the book is being stopped"


class _Venue:
    """The accounts of one venue, when each is due and who waits for its next view."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.due = Timers()
        self.asked_at: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        self.asking: dict[str, Asking] = {}
        # Accounts of which only totals told a fill, and since when: no report explained it yet.
        self.unexplained: dict[str, int] = {}
        self.rouse: asyncio.Future[None] | None = None


class Reconciler:
    """Keeps one book's accounts compared with their venues."""

    def __init__(self, writer: Writer, brokers: Mapping[str, Broker], clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._venues = {name: _Venue(brokers[name]) for name in sorted(brokers)}
        self._waiting: dict[asyncio.Future[Comparison], str] = {}
        self._is_stopped = False
        writer.on_entry.append(self._notice)

    @property
    def _book(self) -> Book:
        return self._writer.book

    async def once(self, account_ids: Sequence[str]) -> None:
        """Ask for a view of each account; one that cannot be had is asked for again by ``run``."""
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(self._in_turn(venue, [a for a in account_ids if self._is_at(a, name)]))
            for name, venue in self._venues.items()
        ]
        try:
            for task in tasks:
                await task
        finally:
            for task in tasks:
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    def compare(self, account_ids: Sequence[str]) -> list[asyncio.Future[Comparison]]:
        """Have each account compared now, by ``run``, with a view that is asked for after this.
        Whoever asks before the venue is asked gets the answer of the same view.
        """
        return [self._compare(account_id) for account_id in account_ids]

    def _compare(self, account_id: str) -> asyncio.Future[Comparison]:
        asking: asyncio.Future[Comparison] = asyncio.get_running_loop().create_future()
        venue = self._venue_of(account_id)
        if venue is None or self._is_stopped:
            problem = STOPPED if self._is_stopped else "no venue of this book has the account"
            asking.set_result(Comparison(account_id=account_id, problem=problem))
            return asking
        self._waiting[asking] = account_id
        asking.add_done_callback(lambda done: self._waiting.pop(done, None))
        venue.asking[account_id] = (*venue.asking.get(account_id, ()), asking)
        venue.asked_at.pop(account_id, None)
        venue.due.set(account_id, self._clock.now_ns())
        _wake(venue)
        return asking

    def stop(self) -> None:
        """Tell whoever waits that no further view is asked for."""
        self._is_stopped = True
        for asking, account_id in list(self._waiting.items()):
            _answer((asking,), Comparison(account_id=account_id, problem=STOPPED))

    async def run(self) -> None:
        """Ask for every account when it is due, until cancelled. Raises what a venue's client
        raises beyond being unreachable.
        """
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._keep(venue)) for venue in self._venues.values()]
        ended: asyncio.Future[None] = loop.create_future()

        def end(_: asyncio.Task[None]) -> None:
            if not ended.done():
                ended.set_result(None)

        for task in tasks:
            task.add_done_callback(end)
        try:
            await ended
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def in_doubt(self) -> list[str]:
        """Accounts with an order in doubt, sorted."""
        book = self._book
        return [
            account_id
            for account_id in sorted(book.ledgers)
            if any(o.state is OrderState.IN_DOUBT for o in live_orders(book, account_id))
        ]

    def unexplained(self) -> list[str]:
        """Accounts with a fill that only a total told, and that no view was asked about, sorted."""
        return sorted(name for venue in self._venues.values() for name in venue.unexplained)

    # --- one venue

    async def _keep(self, venue: _Venue) -> None:
        while True:
            now = self._clock.now_ns()
            due = venue.due.due(now, 1)
            if not due:
                await self._rest(venue)
                continue
            account_id = due[0][0]
            asked_at = venue.asked_at.get(account_id)
            if asked_at is not None and not venue.failures.get(account_id):
                again_at = asked_at + self._interval_ns(venue, account_id)
                if again_at > now:
                    venue.due.set(account_id, again_at)
                    continue
            await self._ask(venue, account_id)

    def _interval_ns(self, venue: _Venue, account_id: str) -> int:
        if account_id in venue.unexplained:
            return RECONCILE_OPEN_NS
        return interval_ns(self._book, account_id)

    async def _rest(self, venue: _Venue) -> None:
        """Wait until the next account is due, or one is brought forward."""
        loop = asyncio.get_running_loop()
        venue.rouse = loop.create_future()
        next_at = venue.due.next_at()
        alarm = None
        if next_at is not None:
            left = max(0, next_at - self._clock.now_ns()) / NS_PER_S
            alarm = loop.call_later(left, _wake, venue)
        try:
            await venue.rouse
        finally:
            venue.rouse = None
            if alarm is not None:
                alarm.cancel()

    async def _in_turn(self, venue: _Venue, account_ids: Sequence[str]) -> None:
        for account_id in account_ids:
            await self._ask(venue, account_id)

    async def _ask(self, venue: _Venue, account_id: str) -> None:
        book, now = self._book, self._clock.now_ns()
        venue.asked_at[account_id] = now
        asking = venue.asking.pop(account_id, ())
        if account_id not in book.configuration.accounts:
            venue.due.set(account_id, None)
            _answer(asking, Comparison(account_id=account_id, problem="left the configuration"))
            return
        venue.due.set(account_id, now + RECONCILE_OPEN_NS)
        try:
            async with asyncio.timeout(VIEW_AGE_NS_MAX / NS_PER_S):
                status = await venue.broker.mass_status(account_id, since(book, account_id, now))
        except (BrokerUnreachable, TimeoutError) as error:
            self._failed(venue, account_id)
            problem = f"venue {venue.broker.venue} {_silence(error)}"
            _answer(asking, Comparison(account_id=account_id, problem=problem))
            return
        held = book.reconciled.get(account_id)
        if is_current(held, status, self._clock.now_ns()):
            venue.failures.pop(account_id, None)
            if status.at >= venue.unexplained.get(account_id, status.at):
                venue.unexplained.pop(account_id, None)
        else:
            self._failed(venue, account_id)
            if not status.complete or held is None or status.at != held.view_at:
                how = "is older than it may be" if status.complete else "is not complete"
                problem = f"the view of venue {venue.broker.venue} {how}: nothing is compared"
                _answer(asking, Comparison(account_id=account_id, problem=problem))
        items = inputs_of(book, status, venue.broker.capabilities)
        handled = _Handled(book, self._clock, status, asking)
        for item in items:
            if not asking:
                self._writer.post(item)
            elif not self._writer.ask(item, handled.last if item is items[-1] else handled.note):
                _answer(asking, Comparison(account_id=account_id, problem=STOPPED))

    def _failed(self, venue: _Venue, account_id: str) -> None:
        """Ask again after 2, 4, 8 ... s, at most as long as between two views of an open one."""
        failures = min(venue.failures.get(account_id, 0) + 1, QUERIES_MAX)
        venue.failures[account_id] = failures
        wait = min(query_delay_ns(failures), RECONCILE_OPEN_NS)
        venue.due.set(account_id, self._clock.now_ns() + wait)

    # --- what brings an account forward

    def _notice(self, entry: ev.Entry) -> None:
        """What opens in an account makes it due 30 s after it was last asked for; so does a fill
        that only the venue's total told, for its price and fee stand in a view, and the cancel of
        an order that is not the book's, which only a view proves. A close that was told
        before its entry makes it due now, and that entry again: a view shows both.
        """
        for event in entry.events:
            if _is_early_close(event, self._book):
                self._hasten(event.account_id)
            elif isinstance(event, ev.SignalPlanned):
                for planned in event.plan.allocations:
                    self._bring_forward(planned.account_id)
            elif isinstance(event, ev.VenueOrderCancelRequested):
                self._bring_forward(event.account_id, ACKNOWLEDGE_TIMEOUT_NS)
            elif isinstance(event, ev.OrderAdvanced) and _is_unexplained(event.changes):
                venue = self._venue_of(event.account_id)
                if venue is not None:
                    venue.unexplained[event.account_id] = entry.at
                    self._bring_forward(event.account_id)

    def _bring_forward(self, account_id: str, in_ns: int = 0) -> None:
        """Due 30 s after it was last asked for, and ``in_ns`` from now at the earliest."""
        venue = self._venue_of(account_id)
        if venue is None or venue.failures.get(account_id):
            return
        asked_at = venue.asked_at.get(account_id)
        if asked_at is not None:
            earliest = self._clock.now_ns() + in_ns if in_ns else 0
            venue.due.set(account_id, max(earliest, asked_at + RECONCILE_OPEN_NS))
            _wake(venue)

    def _hasten(self, account_id: str) -> None:
        venue = self._venue_of(account_id)
        if venue is not None and not venue.failures.get(account_id):
            venue.asked_at.pop(account_id, None)
            venue.due.set(account_id, self._clock.now_ns())
            _wake(venue)

    def _is_at(self, account_id: str, venue: str) -> bool:
        account = self._book.configuration.accounts.get(account_id)
        return account is not None and account.venue == venue

    def _venue_of(self, account_id: str) -> _Venue | None:
        account = self._book.configuration.accounts.get(account_id)
        return None if account is None else self._venues.get(account.venue)


def _is_unexplained(changes: OrderChanges) -> bool:
    """True where a venue's total and its executions part: a view brings what is missing."""
    return isinstance(changes.inferred, Fill) or isinstance(changes.total_qty, Decimal)


def _is_early_close(
    event: ev.Event, book: Book
) -> TypeGuard[ev.InterventionRequired | ev.FillBooked]:
    if isinstance(event, ev.InterventionRequired):
        return event.reason == CLOSE_BEFORE_ENTRY
    return isinstance(event, ev.FillBooked) and awaits_entry(
        book, event.account_id, event.position_id
    )


class _Handled:
    """Gathers what the inputs of one view make of the book, and tells who asked."""

    def __init__(self, book: Book, clock: Clock, status: MassStatus, asking: Asking) -> None:
        self._book = book
        self._clock = clock
        self._status = status
        self._asking = asking
        self._known = book.snapshots.get(status.account_id)
        self._events: list[ev.Event] = []

    def note(self, entry: ev.Entry | None) -> None:
        """One input was handled, and made ``entry`` or nothing."""
        if entry is not None:
            self._events += entry.events

    def last(self, entry: ev.Entry | None) -> None:
        """The whole view was handled."""
        self.note(entry)
        at_ns = max(self._book.at, self._clock.now_ns())
        standing = standing_of(self._book, self._status, self._events, self._known, at_ns)
        found = Comparison(account_id=self._status.account_id, standing=standing)
        _answer(self._asking, found)


def _answer(asking: Asking, found: Comparison) -> None:
    for each in asking:
        if not each.done():
            each.set_result(found)


def _silence(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"did not answer within {VIEW_AGE_NS_MAX // NS_PER_S} s"
    return f"cannot be reached: {error}"


def _wake(venue: _Venue) -> None:
    if venue.rouse is not None and not venue.rouse.done():
        venue.rouse.set_result(None)
