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
from stretto.core.executions.adopted import adopted_in
from stretto.core.exits.exits import Events, carried_out, plan_of, shared
from stretto.core.limits import FLAT_WITHIN_NS
from stretto.core.orders.order import Order, is_done
from stretto.core.reconciling.strangers import is_left_alone
from stretto.core.terms.choices import choices
from stretto.core.terms.exit_signal import PERSON, ExitSignal, as_signal
from stretto.core.terms.report import OrderRole
from stretto.core.terms.signal import Action, AllAccounts, ListedAccounts
from stretto.core.values import iso

NOT_FLAT = "not_flat"
"""Why a person has to look at what was flattened."""


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
        of = target.execution_id
        if of not in book.executions:  # adopted: under the same name in several accounts
            of = f"{target.accounts[0]}/{of}"
        item = ExitSignal(
            signal_id=f"{name}/{of}",
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
        events += carried_out(book, plan, target, at_ns)
    return tuple(events)


def entered_in(book: Book, account_id: str = "") -> list[Execution]:
    """The executions with something to flatten, in the account or anywhere, by id; after them what
    a person adopted for none.
    """
    entered = [
        execution
        for _, execution in sorted(book.executions.items())
        if execution.role is OrderRole.ENTRY and is_open(book, execution, account_id)
    ]
    return [*entered, *adopted_in(book, account_id)]


def is_open(book: Book, execution: Execution, account_id: str = "") -> bool:
    """True where the execution holds a position or has an entry open, in one account or in any."""
    for name in execution.accounts:
        if account_id not in ("", name):
            continue
        allocation = book.allocations.get(allocation_key(execution.execution_id, name))
        if allocation is not None and not allocation.ended:
            return True
        if execution.execution_id in book.positions.get(name, {}):
            return True
    return False


def begun(accounts: Iterable[str], execution_id: str, request_id: str, at_ns: int) -> Events:
    """FlattenBegun of these accounts, or of one execution in them."""
    return [
        ev.FlattenBegun(
            execution_id=execution_id,
            account_id=account_id,
            request_id=request_id,
            due_at=at_ns + FLAT_WITHIN_NS,
        )
        for account_id in accounts
    ]


def on_flatten_due(book: Book, account_id: str, at_ns: int) -> tuple[ev.Event, ...]:
    """Flattened where that is proven now; else when it is looked at again. A person is called once
    where it is not proven ``FLAT_WITHIN_NS`` after the last exit ended.
    """
    events: Events = []
    for each in book.ledgers[account_id].flattening:
        if each.due_at is None or each.due_at > at_ns:
            continue
        key = {"execution_id": each.execution_id, "account_id": account_id}
        subject = flatten_key(each.execution_id, account_id)
        asked = subject in book.interventions
        why = not_flat(book, account_id, each.execution_id)
        if not why:
            view_at = book.reconciled[account_id].view_at
            events.append(ev.Flattened(**key, request_id=each.request_id, view_at=view_at))
            if asked:
                by = f"the venue's view of {iso(view_at)}"
                events.append(
                    ev.InterventionResolved(
                        **key, client_order_id=subject, reason=NOT_FLAT, resolution=by
                    )
                )
            continue
        ended_at = _exits_ended(book, account_id, each.execution_id)
        due_at = None if asked else max(each.begun_at, ended_at or at_ns) + FLAT_WITHIN_NS
        if due_at is not None and due_at <= at_ns:
            due_at = None
            events.append(
                ev.InterventionRequired(
                    **key,
                    client_order_id=subject,
                    reason=NOT_FLAT,
                    known={
                        **choices(NOT_FLAT),
                        "why": why,
                        **_left(book, account_id, each.execution_id),
                    },
                )
            )
        events.append(ev.FlattenAwaited(**key, reason=why, due_at=due_at))
    return tuple(events)


def flatten_key(execution_id: str, account_id: str) -> str:
    """Under which name a person is asked about what is not flat."""
    return f"{account_id}/flatten/{execution_id}" if execution_id else f"{account_id}/flatten"


def _exits_ended(book: Book, account_id: str, execution_id: str) -> int | None:
    """When the last exit ended, ns UTC, 0 where there is none; None while one goes on."""
    last = 0
    for execution in book.executions.values():
        if not execution.closes or execution_id not in ("", execution.closes):
            continue
        allocation = book.allocations.get(allocation_key(execution.execution_id, account_id))
        if allocation is not None:
            if not allocation.ended:
                return None
            last = max(last, execution.ended_at)
    return last


def _left(book: Book, account_id: str, execution_id: str) -> dict[str, str]:
    """What is held and which orders are open, by their ids."""
    left = {
        f"held/{name}": str(position.quantity)
        for name, position in sorted(book.positions.get(account_id, {}).items())
        if execution_id in ("", name)
    }
    for order in _open_orders(book, account_id, execution_id):
        left[f"order/{order.client_order_id}"] = order.state.value
    return left


def _open_orders(book: Book, account_id: str, execution_id: str) -> list[Order]:
    found = []
    for order in book.orders.values():
        if order.account_id != account_id or is_done(order):
            continue
        of = book.executions[order.execution_id]
        if execution_id in ("", of.execution_id, of.closes):
            found.append(order)
    return found


def not_flat(book: Book, account_id: str, execution_id: str = "") -> str:
    """Why the account, or one execution in it, is not proven flat; empty where it is: nothing held
    or open in the book, and the venue's last whole view, taken after the last fill, agrees.
    """
    held = book.positions.get(account_id, {})
    if execution_id in held or (held and not execution_id):
        return "position_held"
    entered = (
        is_open(book, book.executions[execution_id], account_id)
        if execution_id
        else bool(entered_in(book, account_id))
    )
    if entered or _open_orders(book, account_id, execution_id):
        return "order_open"
    seen = book.reconciled.get(account_id)
    if seen is None or not seen.complete:
        return "not_reconciled"
    if seen.view_at <= book.ledgers[account_id].last_fill_at:
        return "view_before_last_fill"
    strange = any(not is_left_alone(book, key) for key in seen.strangers)
    return "venue_differs" if seen.suspects or strange else ""
