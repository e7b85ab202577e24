"""A position that must have a stop and has none that the venue confirmed reaches a person."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.limits import STOP_CONFIRMED_NS_MAX
from stretto.core.orders.order import Order
from stretto.core.terms.report import ExecType, OrdStatus, ProtectionAnswer
from stretto.core.terms.signal import Action, Urgency
from stretto.core.terms.venue import PositionView
from tests.builders import S, a_config, a_rulebook, a_signal, an_account, names, only
from tests.exit_desk import SIGNAL, ExitDesk, an_exit, desk
from tests.venue_views import a_position, a_view

WITH_STOP = a_signal(urgency=Urgency.IMMEDIATE, stop_loss=Decimal("1.09000"), stop_distance=None)


def entered(book: ExitDesk) -> Order:
    order = book.released(WITH_STOP)[0]
    book.send(order)
    book.filled(order)
    return book.book.orders[order.client_order_id]


def shown(book: ExitDesk, order: Order, stop_loss: Decimal | None) -> tuple[ev.Event, ...]:
    book.now += 10 * S
    position: PositionView = a_position(
        order.cum_qty, order.symbol, order.side, f"T-{order.client_order_id}"
    )
    position = msgspec.structs.replace(position, stop_loss=stop_loss)
    return book.see(a_view(order.account_id, book.now, positions=(position,)))


def reasons(book: ExitDesk) -> list[str]:
    return sorted(book.book.interventions.values())


@pytest.mark.requirement("P5")
def test_a_venue_that_took_the_order_and_lost_its_stop() -> None:
    book = desk()
    order = entered(book)
    assert not book.book.unprotected  # the order that carried it was accepted
    assert not any(isinstance(e, ev.StopChecked) for e in shown(book, order, order.stop_loss))
    events = shown(book, order, None)
    required = only(events, ev.InterventionRequired)
    assert required.reason == "stop_missing_at_venue"
    assert required.known["position_id"] == f"T-{order.client_order_id}"
    assert not any(isinstance(e, ev.InterventionRequired) for e in shown(book, order, None))
    settled = only(shown(book, order, order.stop_loss), ev.InterventionResolved)
    assert settled.reason == "stop_missing_at_venue"
    assert not book.book.interventions
    book.checked()


def test_a_view_from_before_the_fill_says_nothing_of_its_stop() -> None:
    book = desk()
    order = entered(book)
    position = a_position(order.cum_qty, order.symbol, order.side, f"T-{order.client_order_id}")
    book.see(a_view(order.account_id, book.now - S, positions=(position,)))
    assert not book.book.interventions


def busted(book: ExitDesk, entry: Order) -> None:
    """The position is closed, and the close taken back by the venue."""
    (order,) = [o for o in book.exit() if o.account_id == entry.account_id]
    book.send(order)
    book.filled(order, exec_id="close")
    done = book.book.orders[order.client_order_id]
    book.report(
        done, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_id="bust", exec_ref_id="close",
        leaves_qty=order.quantity,
    )  # fmt: skip
    assert book.held(entry.account_id) == entry.quantity


def test_a_position_that_a_bust_gave_back_without_a_word_of_its_stop() -> None:
    book = desk()
    entry = entered(book)
    busted(book, entry)
    (due_at,) = book.book.unprotected.values()
    assert due_at == book.now + STOP_CONFIRMED_NS_MAX
    book.timers_until(due_at)
    assert "stop_not_confirmed" in reasons(book)
    assert not book.book.unprotected
    book.checked()


def test_a_stop_that_the_venue_shows_in_time_reaches_nobody() -> None:
    book = desk()
    entry = entered(book)
    busted(book, entry)
    book.now += S
    position = a_position(entry.cum_qty, entry.symbol, entry.side, f"T-{entry.client_order_id}")
    position = msgspec.structs.replace(position, stop_loss=entry.stop_loss)
    events = book.see(a_view(entry.account_id, book.now, positions=(position,)))
    assert only(events, ev.StopChecked).is_confirmed
    book.timers_until(book.now + STOP_CONFIRMED_NS_MAX)
    assert "stop_not_confirmed" not in reasons(book)
    book.checked()


def bare(**changes: Any) -> ExitDesk:
    """A book whose firm wants a stop only after the entry was planned without one."""
    config = a_config([an_account(name) for name in names(3)])
    book = ExitDesk(config)
    order = book.order(SIGNAL if SIGNAL.stop_distance is None else _without(SIGNAL))
    assert order.stop_loss is None
    strict = {name: a_rulebook(stop_required=True) for name in config.rulebooks}
    book.feed(ev.BookOpened(config=msgspec.structs.replace(config, rulebooks=strict)))
    book.filled(book.book.orders[order.client_order_id])
    return book


def _without(signal: Any) -> Any:
    return msgspec.structs.replace(signal, stop_loss=None, stop_distance=None)


def test_a_firm_that_wants_a_stop_and_an_entry_without_one() -> None:
    book = bare()
    assert len(book.book.unprotected) == 1
    book.timers_until(book.now + STOP_CONFIRMED_NS_MAX)
    assert reasons(book) == ["stop_not_confirmed"]
    book.checked()


def test_a_stop_set_by_an_amend_is_confirmed_by_its_answer() -> None:
    book = bare()
    events = book.feed(
        ev.ExitReceived(exit=an_exit("m1", Action.AMEND, stop_loss=Decimal("1.09000")))
    )
    request = only(events, ev.AmendRequested)
    book.feed(
        ev.ProtectionAnswered(
            answer=ProtectionAnswer(
                client_order_id=request.request_id, account_id=request.account_id,
                position_id=request.position_id, accepted=True, transact_at=book.now,
                stop_loss=request.stop_loss,
            )
        )
    )  # fmt: skip
    assert not book.book.unprotected
    book.timers_until(book.now + STOP_CONFIRMED_NS_MAX)
    assert not book.book.interventions
    book.checked()


def test_a_view_of_the_fills_own_instant_says_nothing_of_its_stop() -> None:
    book = desk()
    order = entered(book)
    position = a_position(order.cum_qty, order.symbol, order.side, f"T-{order.client_order_id}")
    book.see(a_view(order.account_id, book.now, positions=(position,)))
    assert not book.book.interventions
    book.see(a_view(order.account_id, book.now + 1, positions=(position,)))
    assert reasons(book) == ["stop_missing_at_venue"]


def test_a_view_taken_while_a_stop_is_being_set_says_nothing_of_it() -> None:
    book = desk()
    order = entered(book)
    book.feed(ev.ExitReceived(exit=an_exit("m1", Action.AMEND, stop_loss=Decimal("1.08000"))))
    book.now += S
    shown_without = a_position(
        order.cum_qty, order.symbol, order.side, f"T-{order.client_order_id}"
    )
    book.see(a_view(order.account_id, book.now, positions=(shown_without,)))
    assert not book.book.interventions


def test_each_ticket_of_a_position_needs_its_stop() -> None:
    book = desk()
    order = book.released(WITH_STOP)[0]
    book.send(order)
    book.filled(order, Decimal(4_000), position_id="T-1")
    book.filled(book.book.orders[order.client_order_id], position_id="T-2")
    book.now += S
    with_stop = msgspec.structs.replace(
        a_position(4_000, order.symbol, order.side, "T-1"), stop_loss=order.stop_loss
    )
    bare_one = a_position(order.quantity - 4_000, order.symbol, order.side, "T-2")
    book.see(a_view(order.account_id, book.now, positions=(with_stop, bare_one)))
    (name,) = book.book.interventions
    assert name.startswith("stop:")
    assert reasons(book) == ["stop_missing_at_venue"]


def test_a_position_that_needs_no_stop_and_has_none_reaches_nobody() -> None:
    book = desk()
    order = book.order(_without(SIGNAL))
    book.filled(order)
    assert not any(isinstance(e, ev.StopChecked) for e in shown(book, order, None))
    assert not book.book.interventions


def test_a_view_without_the_stop_that_is_awaited_is_believed_at_once_and_once() -> None:
    book = bare()
    (order,) = (o for o in book.book.orders.values() if o.cum_qty)
    position = a_position(order.cum_qty, order.symbol, order.side, f"T-{order.client_order_id}")
    book.now += S
    events = book.see(a_view(order.account_id, book.now, positions=(position,)))
    assert not only(events, ev.StopChecked).is_confirmed
    assert reasons(book) == ["stop_missing_at_venue"]
    assert not book.book.unprotected
    assert not any(
        isinstance(e, ev.InterventionRequired)
        for e in book.timers_until(book.now + STOP_CONFIRMED_NS_MAX)
    )
    book.checked()


def test_a_timer_of_a_stop_that_is_awaited_anew_changes_nothing() -> None:
    book = bare()
    ((key, due_at),) = book.book.unprotected.items()
    book.now = due_at - 1
    early = ev.TimerDue(timer=ev.TimerKind.PROTECTION, key=key, due_at=book.now)
    assert book.feed(early) == ()
