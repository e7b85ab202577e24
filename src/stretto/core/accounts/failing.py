"""An order that failed: what its failure means for the account, its venue and what comes next.

The same for entries and exits; what becomes of the quantity is decided elsewhere. Must not know
allocations beyond their name and what they tried.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.accounts.account_exclusion import SYSTEM, exclude
from stretto.core.accounts.alerts import alert_of_failure
from stretto.core.book import Allocation, Book
from stretto.core.failures.failure_actions import Also, Response, respond
from stretto.core.orders.order import Order
from stretto.core.terms.failure import Failure, FailureTable, stated_number
from stretto.core.terms.report import OrderRole
from stretto.core.values import NS_PER_MS, draw


def failed(
    book: Book, allocation: Allocation, order: Order, failure: Failure, detail: str, at_ns: int
) -> tuple[Response, tuple[ev.Event, ...]]:
    """What to do about ``failure``, and OrderFailed with what happens to the account and its venue
    besides. ``detail`` is what our own side knows of it.
    """
    config = book.configuration
    chance = draw(
        config.book_key,
        allocation.execution_id,
        allocation.account_id,
        f"retry-{failure.failure_class}",
        len(allocation.order_ids),
    )
    response = respond(
        config.policy.failures,
        failure,
        allocation.tries.get(failure.failure_class.value, 0),
        chance,
        is_exit=order.role is not OrderRole.ENTRY,
        stated_wait_ns=stated_wait_ns(book, order.account_id, order.text),
    )
    event = ev.OrderFailed(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        failure_class=response.failure_class,
        outcome=failure.outcome,
        code=order.reject_code,
        text=order.text or detail,
        row=failure.row,
        step=response.step,
        attempt=response.attempt,
    )
    return response, (event, *besides(book, order, response, at_ns))


def table_of(book: Book, account_id: str) -> FailureTable:
    """What the codes of the account's venue mean; one that knows none where nothing is stated."""
    config = book.configuration
    account = config.accounts.get(account_id)
    venue = "" if account is None else account.venue
    return config.failure_tables.get(venue, FailureTable(name=venue, source="", as_of=""))


def stated_wait_ns(book: Book, account_id: str, text: str) -> int | None:
    """How long a venue that limits its rate asks us to wait, ns, as ``text`` has it."""
    wait_ms = stated_number(table_of(book, account_id).retry_after_ms_text, text)
    return None if wait_ms is None else int(wait_ms * NS_PER_MS)


def besides(book: Book, order: Order, response: Response, at_ns: int) -> tuple[ev.Event, ...]:
    """What happens to the account and its venue besides."""
    account_id, events = order.account_id, list[ev.Event]()
    if Also.EXCLUDE_ACCOUNT in response.also:
        events += exclude(
            book,
            account_id,
            response.failure_class.value,
            SYSTEM,
            until=at_ns + book.configuration.policy.failures.exclusion_ns,
            until_tradable=True,
        )
    account = book.configuration.accounts.get(account_id)
    if Also.THROTTLE_VENUE in response.also and account is not None:
        until, reason = at_ns + response.delay_ns, response.failure_class.value
        if until > book.throttled.get(account.venue, 0):
            events.append(
                ev.VenueThrottled(
                    venue=account.venue, account_id=account_id, until=until, reason=reason
                )
            )
    if Also.ALERT in response.also:
        text = " ".join(word for word in (order.reject_code, order.text) if word)
        events += alert_of_failure(book, account_id, response.failure_class, text, at_ns)
    return tuple(events)
