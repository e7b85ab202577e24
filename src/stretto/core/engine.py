"""``decide(book, input, reads, at) -> events``: the only way anything is decided (DESIGN §3).

A table of contents: every input leads to the module that knows what it means; effects follow from
events alone. Live running, recovery and replay call the same two functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from stretto.core import events as ev
from stretto.core.accounts.account_exclusion import on_exclusion_due
from stretto.core.accounts.accounting import on_account
from stretto.core.accounts.alerts import on_alert_due
from stretto.core.accounts.conduct import on_circuit_due
from stretto.core.accounts.configuring import on_opened
from stretto.core.book import Book
from stretto.core.effects import (
    AmendProtection,
    CancelOrder,
    Command,
    QueryOrder,
    ReplaceOrder,
    SubmitOrder,
)
from stretto.core.errors import check
from stretto.core.exits.amend_outcomes import on_amend_sent
from stretto.core.exits.amending import on_amend_due, on_protection_answer
from stretto.core.exits.exit_legs import on_exit_due
from stretto.core.exits.exits import on_exit, reads_for_exit
from stretto.core.exits.flattening import on_flatten_due
from stretto.core.messages.reconciliation import on_mass_status, on_shown
from stretto.core.messages.recovery import (
    on_acknowledge_due,
    on_query_due,
    on_recovered,
    on_replace_sent,
)
from stretto.core.messages.reports import on_answer, on_cancel_reject, on_report, on_send
from stretto.core.messages.together import on_order
from stretto.core.orders.order import Replacement
from stretto.core.people.intervening import on_intervened, reads_for_intervention
from stretto.core.protective.protective_orders import on_protect_due
from stretto.core.protective.stop_checks import on_stop_due
from stretto.core.release.completing import on_completion_due, reads_for_completion
from stretto.core.release.dispatch import on_release_due, reads_for_release
from stretto.core.release.in_flight import on_correlation_due
from stretto.core.release.intake import on_signal, reads_for_signal
from stretto.core.terms.market import Reads

Events = tuple[ev.Event, ...]


def decide(book: Book, item: ev.Input, reads: Reads, at_ns: int) -> Events:
    """What the book does about one input; empty where nothing changes. Never writes ``book``."""
    match item:
        case ev.OrderReported():
            return on_order(book, item, at_ns)
        case ev.VenueReported():
            return on_report(book, item.report, at_ns)
        case ev.SendReported():
            return on_send(book, item, at_ns)
        case ev.TimerDue():
            return _on_timer(book, item, reads, at_ns)
        case ev.SignalReceived() | ev.ExitReceived():
            return _on_arrival(book, item, reads, at_ns)
        case ev.AccountObserved():
            return on_account(book, item.snapshot)
        case ev.VenueAnswered() | ev.CancelRejected() | ev.ProtectionAnswered():
            return _on_answered(book, item, at_ns)
        case ev.BookOpened():
            return on_opened(book, item.config)
        case ev.HistoryObserved() | ev.BarsObserved() | ev.CalendarObserved():
            return _on_fact(book, item)
        case (
            ev.ViewReported() | ev.MassStatusObserved() | ev.ReplaceReported() | ev.AmendReported()
        ):
            return _on_found_out(book, item, at_ns)
        case ev.Intervened():
            return on_intervened(book, item, reads, at_ns)
        case ev.BookRecovered():
            return on_recovered(book, at_ns)
        case _:
            assert_never(item)


def _on_arrival(
    book: Book, item: ev.SignalReceived | ev.ExitReceived, reads: Reads, at_ns: int
) -> Events:
    """A signal that opens something, or one that closes it."""
    if isinstance(item, ev.SignalReceived):
        return on_signal(book, item.signal, reads, at_ns)
    return on_exit(book, item.exit, reads, at_ns)


def _on_answered(
    book: Book, item: ev.VenueAnswered | ev.CancelRejected | ev.ProtectionAnswered, at_ns: int
) -> Events:
    """What a venue says to a query or a request."""
    match item:
        case ev.VenueAnswered():
            return on_answer(book, item.answer, at_ns)
        case ev.CancelRejected():
            return on_cancel_reject(book, item.reject, at_ns)
        case ev.ProtectionAnswered():
            return on_protection_answer(book, item.answer, at_ns)
        case _:
            assert_never(item)


def _on_fact(
    book: Book, item: ev.HistoryObserved | ev.BarsObserved | ev.CalendarObserved
) -> Events:
    """What replaces what was known, unless it is the same."""
    match item:
        case ev.HistoryObserved():
            if book.history.get(item.account_id) == item.bars:
                return ()
            return (ev.HistoryRecorded(account_id=item.account_id, bars=item.bars),)
        case ev.BarsObserved():
            if book.bars.get(item.symbol) == item.bars:
                return ()
            return (ev.BarsRecorded(symbol=item.symbol, bars=item.bars),)
        case ev.CalendarObserved():
            if book.calendars.get(item.table.calendar) == item.table:
                return ()
            return (ev.CalendarRecorded(table=item.table),)
        case _:
            assert_never(item)


def _on_found_out(
    book: Book,
    item: ev.ViewReported | ev.MassStatusObserved | ev.ReplaceReported | ev.AmendReported,
    at_ns: int,
) -> Events:
    """What is learned of the venue's side without being told."""
    match item:
        case ev.ViewReported():
            return on_shown(book, item.report, at_ns)
        case ev.MassStatusObserved():
            return on_mass_status(book, item, at_ns)
        case ev.ReplaceReported():
            return on_replace_sent(book, item, at_ns)
        case ev.AmendReported():
            return on_amend_sent(book, item, at_ns)
        case _:
            assert_never(item)


def _on_timer(book: Book, item: ev.TimerDue, reads: Reads, at_ns: int) -> Events:
    check(item.due_at <= at_ns, "timer {}:{} would fire early", item.timer, item.key)
    match item.timer:
        case ev.TimerKind.RELEASE:
            if book.executions[book.allocations[item.key].execution_id].closes:
                return on_exit_due(book, item.key, at_ns)
            return on_release_due(book, item.key, reads, at_ns)
        case ev.TimerKind.ACKNOWLEDGE:
            return on_acknowledge_due(book, item.key, at_ns)
        case ev.TimerKind.QUERY:
            return on_query_due(book, item.key, at_ns)
        case ev.TimerKind.EXCLUSION:
            return on_exclusion_due(book, item.key, at_ns)
        case ev.TimerKind.CIRCUIT:
            return on_circuit_due(book, item.key, at_ns)
        case ev.TimerKind.ALERT:
            return on_alert_due(book, item.key, at_ns)
        case ev.TimerKind.CORRELATION:
            return on_correlation_due(book, item.key, reads, at_ns)
        case ev.TimerKind.COMPLETION:
            return on_completion_due(book, item.key, reads, at_ns)
        case ev.TimerKind.AMEND:
            return on_amend_due(book, item.key, at_ns)
        case ev.TimerKind.PROTECTION:
            return on_stop_due(book, item.key, at_ns)
        case ev.TimerKind.PROTECT:
            return on_protect_due(book, item.key, at_ns)
        case ev.TimerKind.FLATTEN:
            return on_flatten_due(book, item.key, at_ns)
        case _:
            assert_never(item.timer)


def reads_needed(book: Book, item: ev.Input) -> tuple[str, ...]:
    """Symbols whose quotes and statistics ``decide`` has to be handed for this input, sorted."""
    if isinstance(item, ev.TimerDue):
        if item.timer is ev.TimerKind.RELEASE:
            return reads_for_release(book, item.key)
        if item.timer is ev.TimerKind.CORRELATION:
            return tuple(sorted(book.configuration.instruments))
        if item.timer is ev.TimerKind.COMPLETION:
            return reads_for_completion(book, item.key)
        return ()
    if isinstance(item, ev.SignalReceived):
        return reads_for_signal(book)
    if isinstance(item, ev.Intervened):
        return reads_for_intervention(book, item.action)
    if isinstance(item, ev.ExitReceived):
        return reads_for_exit(book, item.exit)
    return ()


def effects_of(book: Book, entry: ev.Entry) -> list[Command]:
    """What has to be done in the world once the entry is durable: a function of its events."""
    commands: list[Command] = []
    for event in entry.events:
        effect = _EFFECTS.get(type(event))
        if effect is not None:
            commands += effect(book, event)
    return commands


def _about_order(
    command: type[CancelOrder | QueryOrder],
) -> Callable[[Book, ev.CancelRequested | ev.OrderQueried], list[Command]]:
    def effect(book: Book, event: ev.CancelRequested | ev.OrderQueried) -> list[Command]:
        account = book.configuration.accounts.get(event.account_id)
        if account is None:  # it left the configuration: there is no venue to ask
            return []
        order_id, venue = event.client_order_id, account.venue
        return [command(client_order_id=order_id, account_id=event.account_id, venue=venue)]

    return effect


def _cancel_stranger(book: Book, event: ev.VenueOrderCancelRequested) -> list[Command]:
    account = book.configuration.accounts.get(event.account_id)
    if account is None:
        return []
    return [
        CancelOrder(
            client_order_id=event.client_order_id,
            account_id=event.account_id,
            venue=account.venue,
            venue_order_id=event.venue_order_id,
        )
    ]


def _replace(book: Book, event: ev.ReplaceRequested) -> list[Command]:
    account = book.configuration.accounts.get(event.account_id)
    wanted = event.changes.replacing
    if account is None or not isinstance(wanted, Replacement):
        return []
    return [
        ReplaceOrder(
            client_order_id=event.client_order_id,
            account_id=event.account_id,
            venue=account.venue,
            quantity=wanted.quantity,
            send_before=event.send_before,
            limit_price=wanted.limit_price,
            stop_price=wanted.stop_price,
        )
    ]


def _amend(book: Book, event: ev.AmendRequested) -> list[Command]:
    account = book.configuration.accounts.get(event.account_id)
    if account is None:
        return []
    return [
        AmendProtection(
            client_order_id=event.request_id,
            account_id=event.account_id,
            venue=account.venue,
            symbol=event.symbol,
            send_before=event.send_before,
            position_id=event.position_id,
            stop_loss=event.stop_loss,
            take_profit=event.take_profit,
        )
    ]


def _submit(book: Book, event: ev.OrderIntended) -> list[Command]:
    order = event.order
    account = book.configuration.accounts[order.account_id]
    submit = SubmitOrder(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        venue=account.venue,
        symbol=order.symbol,
        venue_symbol=account.symbols[order.symbol].venue_symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        send_before=order.send_before,
        role=order.role,
        time_in_force=order.time_in_force,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        slippage_max=event.slippage_max,
        position_id=order.position_id,
    )
    return [submit]


_EFFECTS: dict[type, Callable[[Book, Any], list[Command]]] = {
    ev.OrderIntended: _submit,
    ev.ReplaceRequested: _replace,
    ev.AmendRequested: _amend,
    ev.CancelRequested: _about_order(CancelOrder),
    ev.VenueOrderCancelRequested: _cancel_stranger,
    ev.OrderQueried: _about_order(QueryOrder),
}
