"""Flatten closes everything of an execution or account, and flat is what the venue showed."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Reconciled
from stretto.core.evolve import begin, evolve, finish
from stretto.core.exits.flattening import entered_in, flatten, not_flat
from stretto.core.orders.order import Order
from stretto.core.terms.killing import KillScope
from stretto.core.terms.refusal import Rule
from stretto.core.terms.signal import Urgency
from tests.book_invariants import holds, restored
from tests.builders import S, a_signal, names
from tests.exit_desk import ExitDesk, an_exit, desk


def applied(book: ExitDesk, events: tuple[ev.Event, ...]) -> list[Order]:
    begin(book.book, book.book.seq + 1, book.now)
    for event in events:
        evolve(book.book, event)
    finish(book.book)
    holds(book.book)
    restored(book.book)
    return [event.order for event in events if isinstance(event, ev.OrderIntended)]


def test_an_account_is_flattened_and_the_others_keep_theirs() -> None:
    book = desk()
    book.entered()
    for order in book.released(a_signal("s2", urgency=Urgency.IMMEDIATE)):
        book.send(order)
        book.filled(order, Decimal(4_000))
    others = {name: book.held(name) for name in ("a1", "a2")}
    orders = applied(book, flatten(book.book, entered_in(book.book, "a0"), "r1", book.now, "a0"))
    assert {order.account_id for order in orders} == {"a0"}
    assert sum(order.quantity for order in orders) == book.held("a0")
    assert not_flat(book.book, "a0") == "position_held"
    for order in orders:
        book.send(order)
        book.filled(order)
    assert {name: book.held(name) for name in ("a1", "a2")} == others
    assert not_flat(book.book, "a0") == "order_open"  # the rest of s2 is still to be canceled
    # what fills meanwhile elsewhere is not closed: only a0 was flattened
    for allocation in list(book.book.allocations.values()):
        live = book.book.live_order(allocation)
        if live is not None:
            book.filled(live, Decimal(1_000))
    late = [e for e in book.timers_until(book.now) if isinstance(e, ev.OrderIntended)]
    assert {event.order.account_id for event in late} == {"a0"}


def test_flat_is_only_what_the_venue_showed_after_the_last_fill() -> None:
    book = desk()
    book.entered()
    for order in applied(book, flatten(book.book, entered_in(book.book), "r1", book.now)):
        book.send(order)
        book.filled(order)
    assert [not_flat(book.book, name) for name in names(3)] == ["view_before_last_fill"] * 3
    fill_at = book.book.ledgers["a0"].last_fill_at
    expected = {
        Reconciled(at=fill_at, view_at=fill_at, complete=True): "view_before_last_fill",
        Reconciled(at=fill_at, view_at=fill_at + S, complete=False): "not_reconciled",
        Reconciled(at=fill_at, view_at=fill_at + S, complete=True, strangers=("V1",)): (
            "venue_differs"
        ),
        Reconciled(at=fill_at, view_at=fill_at + S, complete=True): "",
    }
    for seen, why in expected.items():
        book.book.reconciled["a0"] = seen
        assert not_flat(book.book, "a0") == why


def killed(book: ExitDesk) -> None:
    switch = ev.KillSwitchThrown(scope=KillScope.BOOK, name="", actor="ann", reason="news")
    applied(book, (switch,))


def test_after_a_kill_only_what_a_person_asked_for_is_closed() -> None:
    book = desk()
    book.entered()
    killed(book)
    assert book.exit() == []
    waiting = [a for a in book.book.allocations.values() if a.held]
    assert [a.held for a in waiting] == ["kill_switch"] * 3
    assert [a.pending for a in waiting] == [book.held(a.account_id) for a in waiting]
    orders = applied(book, flatten(book.book, entered_in(book.book), "r1", book.now))
    assert sorted(order.account_id for order in orders) == names(3)
    assert not [a for a in book.book.allocations.values() if a.held]


def test_a_kill_leaves_exits_at_work() -> None:
    book = desk()
    book.entered()
    (order, *_) = book.exit()
    book.send(order)
    killed(book)
    book.filled(order)
    assert book.held(order.account_id) == 0


def test_a_strategy_cannot_pass_for_a_person() -> None:
    book = desk()
    book.entered()
    (event,) = book.feed(ev.ExitReceived(exit=an_exit(strategy_id="a person")))
    assert isinstance(event, ev.SignalRefused)
    assert event.plan.refused is not None
    assert event.plan.refused.rule is Rule.MALFORMED
