"""Orders whose fate is unknown: when they are asked about, and when a person has to be.

Never re-sends anything. A query may repeat; after the last one the order stays in doubt, its
quantity goes nowhere, and an intervention says what is known (DESIGN §1.2, §4.9).
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.accounts.alarms import CANCEL_UNANSWERED, IN_DOUBT, REPLACE_UNANSWERED, ask
from stretto.core.book import Book
from stretto.core.executions.giving_up import cancel_unanswered, cancels_owed
from stretto.core.limits import QUERIES_MAX, QUERY_DELAY_FIRST_NS, REQUEST_PENDING_NS_MAX
from stretto.core.messages.advancing import advance
from stretto.core.orders.order import LIVE_STATES, Order, OrderInput, OrderState, is_done
from stretto.core.orders.order_changes import OrderChanges
from stretto.core.terms.choices import choices
from stretto.core.terms.report import CancelReject, OrdStatus
from stretto.core.values import iso


def on_acknowledge_due(book: Book, client_order_id: str, at_ns: int) -> tuple[ev.Event, ...]:
    """No answer in time: the order (or a request about it) is in doubt, and is asked about."""
    order = book.orders[client_order_id]
    if order.answer_due_at is None or order.answer_due_at > at_ns:
        return ()
    doubt = advance(book, order, OrderInput.OUTCOME_UNKNOWN, at_ns, None)
    if order.state not in LIVE_STATES or order.state in _UNANSWERED:
        return doubt
    asked = (*doubt, _queried(order, 1, None))
    since = order.pending_since
    if since is not None and at_ns >= since + REQUEST_PENDING_NS_MAX:
        return (*asked, *_undecided(book, order, doubt))
    return (*asked, *cancel_unanswered(book, order, at_ns))


def _undecided(book: Book, order: Order, doubt: tuple[ev.Event, ...]) -> list[ev.Event]:
    """The venue took a request in and does not decide on it: a person is asked, unless ``doubt``
    asks one already or says what is done instead.
    """
    if any(isinstance(each, ev.InterventionRequired | ev.ProtectionFailed) for each in doubt):
        return []
    is_cancel = order.state is OrderState.PENDING_CANCEL
    reason = CANCEL_UNANSWERED if is_cancel else REPLACE_UNANSWERED
    known = {
        "order_state": order.state.value,
        "pending_since": iso(order.pending_since or 0),
        "order_qty": str(order.quantity),
        "cum_qty": str(order.cum_qty),
    }
    return ask(book, order, reason, known)


def on_replace_sent(book: Book, item: ev.ReplaceReported, at_ns: int) -> tuple[ev.Event, ...]:
    """A replace that certainly did not leave is withdrawn; one that may have left is asked about at
    once. Either way the larger quantity counts until it is known which one is in force.
    """
    order = book.orders[item.client_order_id]
    if order.replacing is None or item.outcome is ev.SendOutcomeKind.SENT:
        return ()
    if item.outcome is ev.SendOutcomeKind.UNKNOWN:
        doubt = advance(book, order, OrderInput.OUTCOME_UNKNOWN, at_ns, None, item.detail)
        return (*doubt, _queried(order, order.queries, None))
    withdrawn = CancelReject(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        ord_status=OrdStatus.PARTIALLY_FILLED if order.cum_qty else OrdStatus.NEW,
        transact_at=order.reported_at,
        for_replace=True,
        reject_code="not_sent",
    )
    return advance(book, order, withdrawn, at_ns, None, item.detail)


def on_query_due(book: Book, client_order_id: str, at_ns: int) -> tuple[ev.Event, ...]:
    """Ask again, each time after twice the wait; after the last, ask a person."""
    order = book.orders[client_order_id]
    if order.state is not OrderState.IN_DOUBT or order.query_at is None or order.query_at > at_ns:
        return ()
    if order.queries >= QUERIES_MAX:
        return (
            ev.OrderAdvanced(
                client_order_id=client_order_id,
                execution_id=order.execution_id,
                account_id=order.account_id,
                cause="queries_spent",
                changes=OrderChanges(query_at=None),
            ),
            ev.InterventionRequired(
                execution_id=order.execution_id,
                account_id=order.account_id,
                client_order_id=client_order_id,
                reason=IN_DOUBT,
                known={
                    **choices(IN_DOUBT),
                    "order_qty": str(order.quantity),
                    "cum_qty": str(order.cum_qty),
                    "intended_at": iso(order.created_at),
                    "sent_at": iso(order.sent_at) if order.sent_at is not None else "not known",
                    "queries": str(order.queries),
                },
            ),
        )
    attempt = order.queries + 1
    return (_queried(order, attempt, at_ns + (QUERY_DELAY_FIRST_NS << attempt)),)


def on_recovered(book: Book, at_ns: int) -> tuple[ev.Event, ...]:
    """A new process took over: intents without an outcome are in doubt, live orders asked about,
    cancels repeated, and no account takes an entry before it was compared with its venue.
    """
    events: list[ev.Event] = []
    if any(not ledger.unreconciled for ledger in book.ledgers.values()):
        events.append(ev.ReconciliationRequired(reason="recovered"))
    for client_order_id in sorted(book.orders):
        order = book.orders[client_order_id]
        if order.state is OrderState.SUBMITTING:
            events += advance(book, order, OrderInput.OUTCOME_UNKNOWN, at_ns, None)
            events.append(_queried(order, 1, at_ns + 2 * QUERY_DELAY_FIRST_NS))
        elif order.state is OrderState.IN_DOUBT:
            attempt = min(order.queries + 1, QUERIES_MAX)
            events.append(_queried(order, attempt, at_ns + (QUERY_DELAY_FIRST_NS << attempt)))
        elif not is_done(order):
            events.append(_queried(order, order.queries, None))
        events += cancels_owed(book, order, at_ns)
    return tuple(events)


_UNANSWERED = frozenset({OrderState.INITIALIZED, OrderState.SUBMITTING, OrderState.IN_DOUBT})


def _queried(order: Order, attempt: int, next_at: int | None) -> ev.OrderQueried:
    return ev.OrderQueried(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        attempt=attempt,
        next_at=next_at,
    )
