"""Flatten: close everything of an execution or an account, and when that is proven.

A person's exits are those of ``exits``, under a name of their own; a kill switch does not hold
them. Flat is what the venue showed in a whole view after the last fill, never what the book
believes. Must not know who asked, or how a view is obtained.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, Execution, allocation_key
from stretto.core.exit_signal import PERSON, ExitSignal, as_signal
from stretto.core.exits import Events, carried_out, plan_of, shared
from stretto.core.order import is_done
from stretto.core.report import OrderRole
from stretto.core.signal import Action, AllAccounts, ListedAccounts


def flatten(
    book: Book, executions: Iterable[Execution], name: str, at_ns: int, account_id: str = ""
) -> tuple[ev.Event, ...]:
    """Withdraws every entry and closes every position of these executions, at ``at_ns``, in one
    account where ``account_id`` names it. ``name`` is the request's own, used once. Nothing happens
    about an execution that neither holds anything nor has an entry open.
    """
    events: Events = []
    for target in executions:
        if not is_open(book, target, account_id):
            continue
        item = ExitSignal(
            signal_id=f"{name}/{target.execution_id}",
            strategy_id=PERSON,
            action=Action.CLOSE,
            refers_to=target.execution_id,
            generated_at=at_ns,
        )
        signal = as_signal(item, target.signal.symbol, target.side.opposite)
        accounts = ListedAccounts(account_ids=(account_id,)) if account_id else AllAccounts()
        signal = replace(signal, accounts=accounts)
        shares, refusals = shared(book, signal, target, at_ns)
        plan = plan_of(book, signal, target, None, at_ns, tuple(shares), tuple(refusals))
        events += carried_out(book, plan, at_ns)
    return tuple(events)


def entered_in(book: Book, account_id: str = "") -> list[Execution]:
    """The executions with something to flatten, in the account or anywhere, by id."""
    return [
        execution
        for _, execution in sorted(book.executions.items())
        if execution.role is OrderRole.ENTRY and is_open(book, execution, account_id)
    ]


def is_open(book: Book, execution: Execution, account_id: str = "") -> bool:
    """True where the execution holds a position or has an entry open, in one account or in any."""
    for name in execution.accounts if not account_id else (account_id,):
        allocation = book.allocations.get(allocation_key(execution.execution_id, name))
        if allocation is not None and not allocation.ended:
            return True
        if execution.execution_id in book.positions.get(name, {}):
            return True
    return False


def not_flat(book: Book, account_id: str) -> str:
    """Why the account is not proven flat; empty where it is: nothing held or open in the book, and
    the venue's last whole view, taken after the last fill, agrees with that.
    """
    if book.positions.get(account_id):
        return "position_held"
    orders = (order for order in book.orders.values() if order.account_id == account_id)
    if any(not is_done(order) for order in orders) or entered_in(book, account_id):
        return "order_open"
    seen = book.reconciled.get(account_id)
    if seen is None or not seen.complete:
        return "not_reconciled"
    if seen.view_at <= book.ledgers[account_id].last_fill_at:
        return "view_before_last_fill"
    return "venue_differs" if seen.suspects or seen.strangers else ""
