"""A person has a book flattened: what follows, in which states, and what proves it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.exits.flattening import NOT_FLAT, flatten_key
from stretto.core.orders.order import Order
from stretto.core.reconciling.reconciliation_due import is_open
from stretto.core.terms import intervention as iv
from stretto.core.terms.choices import choices
from stretto.core.terms.intervention import Denial
from stretto.core.terms.killing import KillScope
from stretto.core.terms.report import OrderRole
from stretto.core.terms.signal import Urgency
from tests.book_invariants import holds, replays, restored
from tests.builders import S, a_config, a_signal, an_account, names
from tests.exit_desk import SIGNAL, ExitDesk
from tests.people import People
from tests.venue_views import a_position, a_view

pytestmark = pytest.mark.requirement("P7")


class FlatDesk(ExitDesk, People):
    """A desk with positions, at which somebody asks for things and the venue shows accounts."""

    def look(self, account_id: str, *tickets: tuple[str, Decimal]) -> list[ev.Event]:
        """A whole view, one second later, and what is due after it."""
        self.now += S
        positions = tuple(a_position(quantity, ticket=name) for name, quantity in tickets)
        status = a_view(account_id, self.now, positions=positions)
        events = [*self.see(status), *self.timers_until(self.now)]
        holds(self.book)
        restored(self.book)
        return events

    def closing(self, action: iv.Flatten) -> list[Order]:
        events = self.ask(action)
        assert isinstance(events[0], ev.PersonIntervened)
        return [event.order for event in events if isinstance(event, ev.OrderIntended)]

    def fill_all(self, orders: list[Order]) -> None:
        for order in orders:
            self.send(order)
            self.filled(order)


def at_desk() -> FlatDesk:
    found = FlatDesk(a_config([an_account(name) for name in names(3)]))
    found.entered()
    return found


def kinds(events: list[ev.Event], *wanted: type) -> list[type]:
    return [type(event) for event in events if isinstance(event, wanted)]


@pytest.mark.parametrize(
    ("named", "accounts"),
    [
        (lambda _: iv.Flatten(), names(3)),
        (lambda _: iv.Flatten(account_id="a1"), ["a1"]),
        (lambda e: iv.Flatten(execution_id=e), names(3)),
        (lambda e: iv.Flatten(execution_id=e, account_id="a2"), ["a2"]),
    ],
)
def test_what_is_named_is_closed_and_the_rest_stays(
    named: Callable[[str], iv.Flatten], accounts: list[str]
) -> None:
    book = at_desk()
    held = {name: book.held(name) for name in names(3)}
    orders = book.closing(named(book.execution_id))
    assert {order.account_id: order.quantity for order in orders} == {
        name: held[name] for name in accounts
    }
    assert all(order.role is OrderRole.EXIT for order in orders)
    book.fill_all(orders)
    assert {name: book.held(name) for name in names(3)} == {
        name: Decimal(0) if name in accounts else held[name] for name in names(3)
    }
    flat = [event for name in names(3) for event in book.look(name)]
    assert [e.account_id for e in flat if isinstance(e, ev.Flattened)] == accounts
    assert not any(ledger.flattening for ledger in book.book.ledgers.values())
    replays(book.book, book.entries)


@pytest.mark.parametrize("hold", ["kill", "halt", "pause"])
def test_nothing_that_stops_entries_holds_it_up(hold: str) -> None:
    book = at_desk()
    for order in book.released(a_signal("s2", urgency=Urgency.IMMEDIATE)):
        book.send(order)
        book.filled(order, Decimal(4_000))
    target = next(iter(book.book.open_executions))
    asked: dict[str, iv.Action] = {
        "kill": iv.Kill(scope=KillScope.BOOK),
        "halt": iv.HaltAccount(account_id="a0"),
        "pause": iv.Pause(execution_id=target),
    }
    assert isinstance(book.ask(asked[hold])[0], ev.PersonIntervened)
    orders = book.closing(iv.Flatten(account_id="a0"))
    assert sum(order.quantity for order in orders) == book.held("a0") > 0
    book.checked()


def test_no_fill_is_flat_before_the_venue_has_shown_it() -> None:
    book = at_desk()
    ticket = next(iter(book.book.positions["a0"].values()))
    orders = book.closing(iv.Flatten(account_id="a0"))
    assert is_open(book.book, "a0"), "compared every 30 seconds until it is proven"
    events = book.look("a0", (f"T-{orders[0].client_order_id}", ticket.quantity))
    assert kinds(events, ev.FlattenAwaited, ev.Flattened) == [ev.FlattenAwaited]
    book.fill_all(orders)
    assert book.timers_until(book.now) == []
    (waiting,) = book.book.ledgers["a0"].flattening
    assert waiting.due_at is not None
    assert kinds(book.look("a0"), ev.Flattened) == [ev.Flattened]
    assert not is_open(book.book, "a0")


def test_a_person_is_called_once_where_it_is_not_flat_a_minute_after_the_last_exit() -> None:
    book = at_desk()
    began = book.now
    orders = book.closing(iv.Flatten(account_id="a0"))
    book.fill_all(orders)
    events = book.timers_until(began + 59 * S)
    assert kinds(events, ev.InterventionRequired) == []
    (called,) = [
        event
        for event in book.timers_until(began + 61 * S)
        if isinstance(event, ev.InterventionRequired)
    ]
    assert (called.account_id, called.reason) == ("a0", NOT_FLAT)
    assert called.known == {"why": "view_before_last_fill", **choices(NOT_FLAT)}
    assert book.book.is_at_rest, "nothing more is armed: the next view decides"
    book.checked()
    assert flatten_key("", "a0") in book.book.interventions
    settled = book.look("a0")
    assert kinds(settled, ev.Flattened, ev.InterventionResolved) == [
        ev.Flattened,
        ev.InterventionResolved,
    ]
    assert flatten_key("", "a0") not in book.book.interventions
    book.checked()


def test_what_is_left_is_named_while_an_exit_is_not_over() -> None:
    book = at_desk()
    (order,) = book.closing(iv.Flatten(account_id="a0"))
    book.send(order)
    book.timers_until(book.now + 61 * S)
    (waiting,) = book.book.ledgers["a0"].flattening
    assert waiting.due_at is not None, "an exit that goes on has its own alarms; this one waits"
    assert waiting.due_at > book.now


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (iv.Flatten(account_id="nobody"), Denial.UNKNOWN_ACCOUNT),
        (iv.Flatten(execution_id="nothing"), Denial.UNKNOWN_EXECUTION),
        (iv.Flatten(), Denial.NOTHING_TO_FLATTEN),
        (iv.Flatten(account_id="a0"), Denial.NOTHING_TO_FLATTEN),
    ],
)
def test_what_cannot_be_flattened_is_refused_by_name(action: iv.Flatten, expected: Denial) -> None:
    book = FlatDesk(a_config([an_account(name) for name in names(3)]))
    assert book.refused(action) is expected


def test_an_exit_and_an_account_without_a_part_are_refused() -> None:
    book = FlatDesk(a_config([an_account(name) for name in names(3)]))
    target = book.plan(SIGNAL)
    absent = iv.Flatten(execution_id=target.execution_id, account_id="nobody")
    assert book.refused(absent) is Denial.UNKNOWN_ACCOUNT
    book = at_desk()
    book.closing(iv.Flatten(account_id="a0"))
    (exit_id,) = [e.execution_id for e in book.book.executions.values() if e.closes]
    assert book.refused(iv.Flatten(execution_id=exit_id)) is Denial.IS_EXIT
