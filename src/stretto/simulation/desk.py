"""The people at the book of a seed: what was drawn for them, and what they clear up at the end.

They ask through the writer as people do, and ask again where a process died before it answered.
When everything is healed they look at the venues' own books and settle what waits for a person:
truthfully about orders, for what is tested is the book; about positions as its views have it, which
may lie. Knows nothing of faults.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from stretto.core import events as ev
from stretto.core.book import AWAITING, Book, allocation_key
from stretto.core.orders.order import OrderState
from stretto.core.reconciliation_events import ADOPTED, POSITION_DIFFERENCE, Suspect
from stretto.core.reconciling.reconciliation_positions import is_asked
from stretto.core.terms import intervention as person
from stretto.core.values import NS_PER_MS, NS_PER_S, ZERO
from stretto.ports import Clock
from stretto.runtime.reconciler import Comparison
from stretto.runtime.writer import Writer
from stretto.simulation.drawn_people import Asked, what_is_asked
from stretto.simulation.draws import Draws

Dumps = Mapping[str, Mapping[str, Any]]
Compare = Callable[[Sequence[str]], Sequence[asyncio.Future[Comparison]]]
_MINUTE_NS = 60 * NS_PER_S
_LEFT_ALONE_NS = 12 * _MINUTE_NS
_ROUND_NS = 4 * _MINUTE_NS
_ROUNDS = 9
_PATIENCE_S = 90


class Desk:
    """``draws``: how often somebody looks after what waits for a person, what becomes of positions
    that differ, and whether every position is closed at the end.
    """

    def __init__(
        self,
        requests: Sequence[Asked],
        clears_at: int,
        clock: Clock,
        dumps: Callable[[], Dumps],
        draws: Draws,
    ) -> None:
        self._waiting = list(requests)
        self._clears_at = clears_at
        self._clock = clock
        self._dumps = dumps
        self._draws = draws.within("desk")
        self._attends_ns = draws.pick("attends", (1, 0), (2, 1), (2, 7), (2, 30)) * _MINUTE_NS
        self._flattens = draws.chance("flattens", 50)
        self._settles = draws.chance("settles positions", 70)
        self._regrets = draws.pick("regrets", (3, 0), (1, 10), (1, 50))
        self._meddles = draws.pick("meddles", (3, 0), (1, 5), (1, 25))
        self._asked = 0
        self._writer: Writer | None = None

    async def work(self, writer: Writer) -> None:
        """Ask everything that was drawn, each in its time, as long as ``writer`` is the last that
        people were led to.
        """
        self._writer = writer
        while self._waiting and self._writer is writer:
            at_ns, item = self._waiting[0]
            await self._clock.sleep_until(at_ns)
            await self._ask(writer, item)
            if self._writer is writer:
                self._waiting.pop(0)

    async def attend(self, writer: Writer, compare: Compare) -> None:
        """Look after what waits for a person now and then, and clear up at the end. ``compare``
        has accounts compared with their venues now.
        """
        while self._attends_ns and self._clock.now_ns() < self._clears_at:
            at_ns = self._clock.now_ns()
            await self._clock.sleep_until(at_ns - at_ns % self._attends_ns + self._attends_ns)
            await self._ask_all(writer, self._resolving(writer.book))
            await self._compared(writer.book, compare)
            await self._ask_all(writer, self._settling(writer.book))
            await self._ask_all(writer, self._meddling(writer.book))
        for number in range(_ROUNDS):
            await self._clock.sleep_until(self._clears_at + _LEFT_ALONE_NS + number * _ROUND_NS)
            await self._ask_all(writer, self._clearing(writer.book, number))

    async def react(self, writer: Writer) -> None:
        """Say something about a position soon after the book asked about it."""
        async for event in self._heard(writer, _asks_about_position):
            del event
            await self._passes("reacts", NS_PER_S, 60)
            await self._ask_all(writer, self._settling(writer.book))

    async def regret(self, writer: Writer) -> None:
        """Take an order back as it leaves, in some seeds: the cancel crosses all that is said."""
        async for event in self._heard(writer, self._regretted):
            await self._passes("regrets", NS_PER_MS, 3_000)
            action = person.CancelRemaining(
                execution_id=event.order.execution_id, account_id=event.order.account_id
            )
            await self._ask_all(writer, (action,))

    def _regretted(self, event: ev.Event) -> bool:
        return isinstance(event, ev.OrderIntended) and self._draws.chance(
            event.order.client_order_id, self._regrets
        )

    async def _heard(
        self, writer: Writer, concerns: Callable[[ev.Event], bool]
    ) -> AsyncIterator[Any]:
        """Every event from now on that concerns somebody."""
        waiting: asyncio.Queue[ev.Event] = asyncio.Queue()

        def notice(entry: ev.Entry) -> None:
            for event in entry.events:
                if concerns(event):
                    waiting.put_nowait(event)

        writer.on_entry.append(notice)
        while True:
            yield await waiting.get()

    async def _passes(self, purpose: str, unit_ns: int, most: int) -> None:
        """Take one's time, up to ``most`` units."""
        now = self._clock.now_ns()
        length = self._draws.spread(f"{purpose} {now}", 1, most)
        await self._clock.sleep_until(now + length * unit_ns)

    async def _compared(self, book: Book, compare: Compare) -> None:
        """Demand a comparison of each account whose positions differ, and now and then of all."""
        all_of_them = self._draws.chance(f"compare all {self._clock.now_ns()}", 10)
        names = [
            account_id
            for account_id in sorted(book.configuration.accounts)
            if all_of_them or any(True for _ in _differing(book, account_id))
        ]
        asked = compare(names)
        if asked:
            await asyncio.wait(asked, timeout=_PATIENCE_S)

    async def _ask_all(self, writer: Writer, actions: Iterable[person.Action]) -> None:
        for action in list(actions):
            self._asked += 1
            item = ev.Intervened(
                request_id=f"attended-{self._asked}-{self._clock.now_ns()}",
                actor="Bea",
                reason="looks after the book",
                action=action,
            )
            await self._ask(writer, item)

    async def _ask(self, writer: Writer, item: ev.Intervened) -> None:
        """Ask and wait for the answer, or until nobody can answer any more."""
        answered: list[ev.Entry | None] = []
        if not writer.ask(item, answered.append):
            return
        while not answered:
            await self._clock.sleep_until(self._clock.now_ns() + NS_PER_S // 20)

    def _clearing(self, book: Book, number: int) -> Iterator[person.Action]:
        if number >= 1:
            yield from self._resolving(book)
            yield from self._settling(book)
        for name in sorted(book.open_executions):
            execution = book.executions[name]
            if execution.paused:
                yield person.Resume(execution_id=name)
            keys = [allocation_key(name, account_id) for account_id in execution.accounts]
            if any(
                key in book.allocations and book.allocations[key].held == AWAITING for key in keys
            ):
                yield person.Reject(execution_id=name)
            elif number >= 2:
                yield person.CancelRemaining(execution_id=name)
        if self._flattens and number == 4:
            yield person.Flatten()

    def _meddling(self, book: Book) -> Iterator[person.Action]:
        """In some seeds somebody acts on what is still open, though nothing asks for it."""
        if not self._meddles:
            return
        for name in sorted(book.open_executions):
            draws = self._draws.within(name, str(self._clock.now_ns()))
            if draws.chance("meddles", self._meddles):
                execution = book.executions[name]
                yield from what_is_asked(draws, execution.accounts, execution.signal, name)

    def _settling(self, book: Book) -> Iterator[person.Action]:
        """A word on every position that differs: it is an execution's, or nobody's, or no business
        of the book; or no word at all.
        """
        if not self._settles:
            return
        for account_id in sorted(book.configuration.accounts):
            for found in _differing(book, account_id):
                draws = self._draws.within(found.subject, str(self._clock.now_ns()))
                word = draws.pick("word", (3, "adopt"), (3, "name"), (2, "dismiss"), (2, ""))
                symbol, side = found.symbol, found.side
                holders = [
                    name
                    for name, position in sorted(book.positions.get(account_id, {}).items())
                    if position.symbol == symbol and not name.startswith(ADOPTED)
                ]
                if word == "dismiss":
                    yield person.DismissPosition(account_id=account_id, symbol=symbol, side=side)
                elif word == "adopt" or (word and not holders):
                    yield person.AdoptPosition(account_id=account_id, symbol=symbol, side=side)
                elif word:
                    yield person.AdoptPosition(
                        account_id=account_id,
                        symbol=symbol,
                        side=side,
                        execution_id=holders[draws.below("holder", len(holders))],
                    )

    def _resolving(self, book: Book) -> Iterator[person.Action]:
        """The venue's word on every order whose fate the book does not know."""
        asked = [name for name in sorted(book.interventions) if name in book.orders]
        doubtful = [name for name in asked if book.orders[name].state is OrderState.IN_DOUBT]
        dumps = self._dumps() if doubtful else {}
        for name in doubtful:
            order = book.orders[name]
            account = book.configuration.accounts[order.account_id]
            found = dumps[account.venue]["orders"].get(name)
            if found is None:
                yield person.ResolveInDoubt(
                    client_order_id=name, fate=person.Fate.DEAD, evidence="not in its books"
                )
                continue
            filled = Decimal(found["cumulative_quantity"])
            is_over = found["status"] not in ("new", "partially_filled", "pending_cancel")
            fate = person.Fate.WORKING
            if is_over:
                fate = person.Fate.FILLED if filled else person.Fate.DEAD
            price = found["average_price"] if filled > ZERO else None
            yield person.ResolveInDoubt(
                client_order_id=name,
                fate=fate,
                evidence=f"{found['status']} in its books",
                quantity=filled if filled else None,
                price=None if price is None else Decimal(price),
            )


def _asks_about_position(event: ev.Event) -> bool:
    return isinstance(event, ev.InterventionRequired) and event.reason == POSITION_DIFFERENCE


def _differing(book: Book, account_id: str) -> Iterator[Suspect]:
    """The positions of an account that a person is asked about."""
    held = book.reconciled.get(account_id)
    for found in () if held is None else held.suspects:
        if found.confirmed and is_asked(book, found.subject):
            yield found
