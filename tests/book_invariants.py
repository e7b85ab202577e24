"""DESIGN §8 and §1.1 recomputed from a book's records, apart from the code that keeps them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core import events as ev
from stretto.core.book import CORRELATION_BREACH, Allocation, Book, BookImage, allocation_key
from stretto.core.engine import decide
from stretto.core.evolve import begin, evolve, finish, restore
from stretto.core.orders.booking import FillStatus
from stretto.core.orders.order import Order, OrderState
from stretto.core.orders.order_table import TABLE, TERMINAL, OrderInput
from stretto.core.terms.report import OrderRole, OrderType
from stretto.core.terms.signal import Action
from stretto.core.values import NS_PER_S, ZERO
from stretto.runtime.recover import image_bytes
from tests.protection_invariants import is_over, owed, stand_apart

_OWN_CAUSES = ("queries_spent", "cancel_wanted", "cancel_open")


def executed(order: Order) -> Decimal:
    """What the order's fills say, without its own totals."""
    counted = [fill.quantity for fill in order.fills if fill.status is FillStatus.BOOKED]
    return sum(counted, ZERO) + (order.inferred.quantity if order.inferred else ZERO)


def holds(book: Book) -> None:
    """Everything that must hold between any two inputs."""
    _quantities(book)
    _money(book)
    _positions(book)
    _entering(book)
    _timers(book)
    _carried(book)
    _stances(book)
    stand_apart(book)


def _stances(book: Book) -> None:
    """By symbol and side: how many positions, and entries that may still come, an account has."""
    expected: dict[tuple[str, int], dict[str, int]] = {}

    def count(symbol: str, quantity: Decimal, account_id: str) -> None:
        if quantity:
            side = expected.setdefault((symbol, 1 if quantity > 0 else -1), {})
            side[account_id] = side.get(account_id, 0) + 1

    for held in book.positions.values():
        for p in held.values():
            count(p.symbol, p.quantity, p.account_id)
    for a in book.allocations.values():
        if book.executions[a.execution_id].closes:
            continue
        signal = book.executions[a.execution_id].signal
        coming = (a.intended - a.filled - a.abandoned + a.excess) * signal.side.sign
        count(signal.symbol, coming, a.account_id)
    assert {key: side for key, side in book.stances.items() if side} == expected


def _carried(book: Book) -> None:
    """Per symbol and account, signed: positions, and what is intended and may still come."""
    expected: dict[tuple[str, str], Decimal] = {}
    for held in book.positions.values():
        for p in held.values():
            key = (p.symbol, p.account_id)
            expected[key] = expected.get(key, ZERO) + p.quantity
    for a in book.allocations.values():
        if book.executions[a.execution_id].closes:  # counts once it is filled
            continue
        signal = book.executions[a.execution_id].signal
        key = (signal.symbol, a.account_id)
        coming = (a.intended - a.filled - a.abandoned + a.excess) * signal.side.sign
        expected[key] = expected.get(key, ZERO) + coming
    found = {(s, name): q for s, each in book.carried.items() for name, q in each.items()}
    assert found == {key: quantity for key, quantity in expected.items() if quantity}


def orders_of(book: Book, a: Allocation) -> list[Order]:
    return [order for order in book.orders.values() if order.client_order_id in a.order_ids]


def still_open(order: Order) -> Decimal:
    """What may still fill, from the order's own terms."""
    if is_over(order):
        return ZERO
    if order.replacing is not None and order.replacing.quantity > order.asked_qty:
        return max(ZERO, order.replacing.quantity - order.cum_qty)
    if not order.leaves_qty:
        return ZERO
    return max(ZERO, min(order.quantity, order.asked_qty) - order.cum_qty)


def _quantities(book: Book) -> None:
    for key, a in book.allocations.items():
        orders = orders_of(book, a)
        assert [o.client_order_id for o in sorted(orders, key=lambda o: o.leg)] == list(a.order_ids)
        for order in orders:
            assert order.cum_qty == executed(order)
            assert order.state not in TERMINAL or order.leaves_qty == 0
        executed_in_all = sum((o.cum_qty for o in orders), ZERO)
        assert a.filled == min(executed_in_all, a.intended), key
        assert a.overfilled == executed_in_all - a.filled
        at_venues = sum((still_open(o) for o in orders), ZERO)
        assert a.excess == max(ZERO, at_venues - (a.intended - a.filled)), key
        assert a.intended == a.filled + at_venues - a.excess + a.pending + a.abandoned, key
        assert a.intended == a.planned + a.moved_in - a.moved_out, key
        assert not a.moved_in or (a.planned == 0 and a.hops > 0)
        shown = book.quantities(a)
        assert shown.working + shown.in_doubt == at_venues - a.excess
        assert shown.accounted == shown.intended
        assert min(a.pending, a.abandoned, a.overfilled, a.excess, shown.working) >= 0
        live = a.pending > 0 or any(not is_over(o) for o in orders)
        assert bool(a.ended) is not live, key
        assert not (shown.in_doubt and a.pending), "quantity in doubt went somewhere else"
    for execution_id, execution in book.executions.items():
        parts = [
            book.allocations[allocation_key(execution_id, name)] for name in execution.accounts
        ]
        assert sum(p.intended for p in parts) == sum(p.planned for p in parts), "moved, not lost"
        unfinished = sum(1 for part in parts if not part.ended)
        assert execution.open_allocations == unfinished
        assert (execution_id in book.open_executions) is (unfinished > 0)
        if execution.signal.action is Action.AMEND:
            is_open = any(
                each.execution_id == execution_id and each.due_at is not None
                for each in book.amendments.values()
            ) or any(each.amend == execution_id for each in book.protections.values())
            is_open = is_open or any(a.repricing == execution_id for a in book.allocations.values())
            assert is_open or execution.status != "working", "an amend that nobody works on"
        elif unfinished:
            assert execution.status == "working"
        else:
            done = execution.closes or any(part.filled for part in parts)
            assert execution.status == ("completed" if done else "abandoned")


def _money(book: Book) -> None:
    for account_id, ledger in book.ledgers.items():
        mine = [a for a in book.allocations.values() if a.account_id == account_id]
        assert ledger.reserved_margin == sum((a.margin for a in mine), ZERO)
        assert ledger.reserved_risk == sum((a.risk for a in mine), ZERO)
        assert ledger.unconfirmed_margin >= 0
        orders = [o for o in book.orders.values() if o.account_id == account_id]
        assert ledger.open_orders == sum(1 for o in orders if not is_over(o))
        for a in mine:
            assert 0 <= a.margin <= a.margin_planned
            assert 0 <= a.risk <= a.risk_planned
            if a.ended:
                assert a.margin == a.risk == 0


def _positions(book: Book) -> None:
    for held in book.positions.values():
        for position in held.values():
            assert position.quantity != 0
            assert sum(position.tickets.values(), ZERO) == position.quantity
            assert ZERO not in position.tickets.values()
    for a in book.allocations.values():
        orders = orders_of(book, a)
        assert a.notional == sum((o.notional for o in orders), ZERO)
        assert a.fees == sum((o.fees for o in orders), ZERO)


def _entering(book: Book) -> None:
    expected = {
        (a.account_id, a.execution_id): a.intended - a.filled - a.abandoned + a.excess
        for a in book.allocations.values()
        if a.intended - a.filled - a.abandoned + a.excess
        and not book.executions[a.execution_id].closes
    }
    found = {
        (account_id, execution_id): abs(entry.quantity)
        for account_id, entries in book.entering.items()
        for execution_id, entry in entries.items()
    }
    assert found == expected
    assert all(book.entering.values())


def _amending(book: Book) -> dict[str, int]:
    for key, each in book.amendments.items():
        assert key == f"{each.position_of}/{each.account_id}/{each.position_id}"
        execution = book.executions[each.execution_id]
        assert execution.closes == each.position_of
    for key in book.unprotected:
        a = book.allocations[key]
        assert a.execution_id in book.positions[a.account_id]
    awaited = {f"protection:{key}": due_at for key, due_at in book.unprotected.items()}
    awaited |= owed(book)
    due = {f"amend:{key}": each.due_at for key, each in book.amendments.items()}
    for name, ledger in book.ledgers.items():
        looks = [each.due_at for each in ledger.flattening if each.due_at is not None]
        due[f"flatten:{name}"] = min(looks, default=None)
    return awaited | {key: due_at for key, due_at in due.items() if due_at is not None}


def _timers(book: Book) -> None:
    expected: dict[str, int] = {}
    for key, a in book.allocations.items():
        if a.pending and a.due_at is not None:
            expected[f"release:{key}"] = a.due_at
            execution = book.executions[a.execution_id]
            scheduled = book.scheduled.get(execution.signal.symbol, {})
            in_turn = not (a.held or execution.closes)
            assert scheduled.get(key) == (a.due_at if in_turn else None)
            assert execution.closes or a.order_ids or a.held or a.due_at <= a.window_end
    for order in book.orders.values():
        if order.answer_due_at is not None:
            expected[f"acknowledge:{order.client_order_id}"] = order.answer_due_at
        if order.state is OrderState.IN_DOUBT and order.query_at is not None:
            expected[f"query:{order.client_order_id}"] = order.query_at
        if order.complete_at is not None:
            expected[f"completion:{order.client_order_id}"] = order.complete_at
        _seen_to(book, order)
    for account_id, ledger in book.ledgers.items():
        if ledger.exclusion is not None and ledger.exclusion.until is not None:
            expected[f"exclusion:{account_id}"] = ledger.exclusion.until
    for key, circuit in book.circuits.items():
        assert circuit.key == key
        if circuit.probe_at is not None:
            expected[f"circuit:{key}"] = circuit.probe_at
    for key, alert in book.alerts.items():
        expected[f"alert:{key}"] = alert.clears_at
    for key, breach in book.breaches.items():
        assert book.allocations[key].held == CORRELATION_BREACH
        assert breach.first == book.allocations[key].account_id != breach.second
        if breach.review_at is not None:
            expected[f"correlation:{key}"] = breach.review_at
    expected |= _amending(book)
    assert dict(book.timers) == expected


def _seen_to(book: Book, order: Order) -> None:
    """A market entry that the venue has and that is not over is looked at again, or by a person."""
    acknowledged = order.acknowledged_at is not None and order.state is not OrderState.IN_DOUBT
    is_entry = order.role is OrderRole.ENTRY and order.order_type is OrderType.MARKET
    if is_entry and acknowledged and not is_over(order):
        asked = order.client_order_id in book.interventions
        assert order.complete_at is not None or asked, order
    else:
        assert order.complete_at is None


def legal(book: Book, before: dict[str, Order], entry: ev.Entry) -> None:
    """Only transitions of the table, and totals that fall only with a bust or correction."""
    for event in entry.events:
        if isinstance(event, ev.OrderIntended):
            assert event.order.client_order_id not in before
            assert event.order.created_at == entry.at
            assert event.order.send_before == entry.at + 2 * NS_PER_S
        if isinstance(event, ev.OrderAdvanced) and event.cause not in _OWN_CAUSES:
            order = before[event.client_order_id]
            state = order.state
            for cause in event.cause.split(", "):
                assert (state, OrderInput(cause)) in TABLE
                state = OrderState.NEW if cause == OrderInput.NEW.value else state
            after = book.orders[event.client_order_id]
            if after.cum_qty < order.cum_qty:
                assert any(fill.reversed_at for fill in after.fills)


def spaced(entries: list[ev.Entry]) -> int:
    """Entries of one symbol leave in their turn, however long the process stood still: each keeps
    the gap to the one before, but for urgency immediate (DESIGN §8.13). How many had to wait.
    """
    turns = _Turns()
    for entry in entries:
        for event in entry.events:
            turns.take(event, entry.at)
    return turns.deferred


Key = tuple[str, str]


class _Turns:
    """What waits for its release, by symbol, as the events alone tell it."""

    def __init__(self) -> None:
        self.deferred = 0
        self._gaps: dict[Key, int] = {}
        self._pending: dict[Key, Decimal] = {}
        self._waiting: dict[str, dict[Key, None]] = {}
        self._last: dict[str, tuple[int, int]] = {}
        self._symbols: dict[str, str] = {}

    def take(self, event: ev.Event, at_ns: int) -> None:
        if isinstance(event, ev.SignalPlanned):
            self._symbols[event.plan.execution_id] = event.plan.signal.symbol
            for a in event.plan.allocations:
                key = (event.plan.execution_id, a.account_id)
                self._gaps[key] = event.plan.timing_gap_ns
                self._move(key, a.position_size)
        elif isinstance(event, ev.OrderIntended):
            self._released(event, at_ns)
        elif isinstance(event, ev.ReleaseDeferred):
            self._deferred(event, at_ns)
        elif isinstance(event, ev.RemainderRerouted):
            self._move((event.execution_id, event.account_id), -event.quantity)
            key = (event.execution_id, event.share.account_id)
            self._gaps[key] = event.gap_ns
            self._move(key, event.quantity)
        elif isinstance(event, ev.ReleaseScheduled):
            key = (event.execution_id, event.account_id)
            self._gaps[key] = event.gap_ns
            self._move(key, ZERO)
        else:
            self._shifted(event)

    def _shifted(self, event: ev.Event) -> None:
        """Events that only move what waits, or stop it from going."""
        if isinstance(event, ev.LegScheduled):
            moved = event.released - event.abandoned
            self._move((event.execution_id, event.account_id), moved)
        elif isinstance(event, ev.PendingFreed):
            self._move((event.execution_id, event.account_id), ZERO)
        elif isinstance(event, ev.AllocationAdjusted):
            key = (event.execution_id, event.account_id)
            self._pending[key] += event.pending
            self._stop(key, only_empty=True)
        elif isinstance(event, ev.RemainderAbandoned | ev.AllocationReduced):
            key = (event.execution_id, event.account_id)
            self._pending[key] -= event.abandoned
            self._stop(key, only_empty=True)
        elif isinstance(event, ev.PendingHeld | ev.AllocationEnded):
            key = (event.execution_id, event.account_id)
            if isinstance(event, ev.AllocationEnded):
                self._pending[key] = ZERO
            self._stop(key)

    def _released(self, event: ev.OrderIntended, at_ns: int) -> None:
        order = event.order
        key = (order.execution_id, order.account_id)
        least = 29 * NS_PER_S // (2 * len(self._waiting[order.symbol]))
        self._pending[key] -= order.quantity
        assert key in self._waiting[order.symbol]
        self._stop(key)
        if self._gaps[key]:
            last, gap = self._last.get(order.symbol, (0, 0))
            assert at_ns - last >= min(self._gaps[key], gap, least), (last, at_ns, gap)
            self._last[order.symbol] = (at_ns, self._gaps[key])

    def _deferred(self, event: ev.ReleaseDeferred, at_ns: int) -> None:
        self.deferred += 1
        key = (event.execution_id, event.account_id)
        last, gap = self._last[event.symbol]
        most = 29 * NS_PER_S // (2 * len(self._waiting[event.symbol]))
        assert event.last_release_at == last
        assert event.gap_ns == min(self._gaps[key], gap, NS_PER_S, most)
        assert at_ns < last + event.gap_ns <= event.deferred_to
        self._gaps[key] = event.gap_ns

    def _move(self, key: Key, quantity: Decimal) -> None:
        """More (or less) of it waits, and may go."""
        self._pending[key] = self._pending.get(key, ZERO) + quantity
        if self._pending[key] > 0:
            self._waiting.setdefault(self._symbols[key[0]], {})[key] = None
        else:
            self._stop(key)

    def _stop(self, key: Key, *, only_empty: bool = False) -> None:
        if not only_empty or self._pending[key] <= 0:
            self._waiting.get(self._symbols[key[0]], {}).pop(key, None)


def replays(book: Book, entries: list[ev.Entry]) -> None:
    """Evolving the entries anew gives the same bytes, and deciding anew gives the same events."""
    again = Book()
    for entry in entries:
        assert entry.seq == again.seq + 1
        assert decide(again, entry.input, entry.reads, entry.at) == entry.events
        begin(again, entry.seq, entry.at)
        for event in entry.events:
            evolve(again, event)
        finish(again)
    assert image_bytes(again) == image_bytes(book)


def restored(book: Book) -> Book:
    """The book out of its own snapshot; its derived indexes must come out equal."""
    blob = image_bytes(book)
    copy = restore(msgspec.msgpack.decode(blob, type=BookImage))
    assert image_bytes(copy) == blob
    assert dict(copy.timers) == dict(book.timers)
    assert copy.scheduled == book.scheduled
    assert copy.entering == book.entering
    assert copy.shifted_seq == book.shifted_seq
    assert copy.open_executions == book.open_executions
    _carried(copy)
    _stances(copy)
    return copy
