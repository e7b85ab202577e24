"""The people at the book of a seed: what was drawn for them, and what they clear up at the end.

They ask through the writer as people do, and ask again where a process died before it answered.
When everything is healed they look at the venues' own books and settle what waits for a person:
truthfully, for what is tested is the book. Knows nothing of faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from stretto.core import events as ev
from stretto.core import intervention as person
from stretto.core.book import AWAITING, Book, allocation_key
from stretto.core.order import OrderState
from stretto.core.values import NS_PER_S, ZERO
from stretto.ports import Clock
from stretto.runtime.writer import Writer
from stretto.simulation.drawn_people import Asked

Dumps = Mapping[str, Mapping[str, Any]]
_MINUTE_NS = 60 * NS_PER_S
_LEFT_ALONE_NS = 12 * _MINUTE_NS
_ROUND_NS = 4 * _MINUTE_NS
_ROUNDS = 9


class Desk:
    """``attends_ns``: how often somebody looks after orders in doubt, 0 for only at the end;
    ``flattens``: then every position is closed as well.
    """

    def __init__(
        self,
        requests: Sequence[Asked],
        clears_at: int,
        clock: Clock,
        dumps: Callable[[], Dumps],
        *,
        attends_ns: int,
        flattens: bool,
    ) -> None:
        self._waiting = list(requests)
        self._clears_at = clears_at
        self._clock = clock
        self._dumps = dumps
        self._attends_ns = attends_ns
        self._flattens = flattens
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

    async def attend(self, writer: Writer) -> None:
        """Look after what waits for a person now and then, and clear up at the end."""
        while self._attends_ns and self._clock.now_ns() < self._clears_at:
            at_ns = self._clock.now_ns()
            await self._clock.sleep_until(at_ns - at_ns % self._attends_ns + self._attends_ns)
            await self._ask_all(writer, self._resolving(writer.book))
        for number in range(_ROUNDS):
            await self._clock.sleep_until(self._clears_at + _LEFT_ALONE_NS + number * _ROUND_NS)
            await self._ask_all(writer, self._clearing(writer.book, number))

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

    def _resolving(self, book: Book) -> Iterator[person.Action]:
        """The venue's word on every order whose fate the book does not know."""
        dumps = self._dumps()
        for name in sorted(book.orders):
            order = book.orders[name]
            if order.state is not OrderState.IN_DOUBT or name not in book.interventions:
                continue
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
