"""What events of people's requests change in the book. Part of ``evolve``.

Knows nothing of what a request may do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.evolving.evolve_accounts import arm_flatten
from stretto.core.evolving.evolve_allocations import put_allocation
from stretto.core.executions.carried import carry
from stretto.core.limits import REQUEST_KEPT_NS
from stretto.core.terms.account import Flattening
from stretto.core.terms.intervention import Approve, Denial, KnownRequest, Reject
from stretto.core.terms.killing import KillSwitch, kill_key


def person_intervened(book: Book, event: ev.PersonIntervened) -> None:
    """The request is known; a plan that was approved or rejected awaits nothing any more."""
    _remember(book, event, None)
    if isinstance(event.action, Approve | Reject):
        execution = book.executions[event.execution_id]
        book.executions[event.execution_id] = replace(execution, awaits=())


def intervention_refused(book: Book, event: ev.InterventionRefused) -> None:
    """The request is known, so that asking again gets the same answer."""
    if event.denied.rule is not Denial.REQUEST_ID_USED:
        _remember(book, event, event.denied.rule)


def _remember(
    book: Book, event: ev.PersonIntervened | ev.InterventionRefused, refused: Denial | None
) -> None:
    horizon = book.at - REQUEST_KEPT_NS
    for known in [name for name, request in book.requests.items() if request.at < horizon]:
        del book.requests[known]
    if event.request_id:
        book.requests[event.request_id] = KnownRequest(
            actor=event.actor,
            reason=event.reason,
            action=event.action,
            at=book.at,
            seq=book.seq,
            refused=refused,
        )


def execution_paused(book: Book, event: ev.ExecutionPaused) -> None:
    """Nothing further of it is sent."""
    execution = book.executions[event.execution_id]
    book.executions[event.execution_id] = replace(execution, paused=event.reason)


def execution_resumed(book: Book, event: ev.ExecutionResumed) -> None:
    """It goes on."""
    execution = book.executions[event.execution_id]
    book.executions[event.execution_id] = replace(execution, paused="")


def release_scheduled(book: Book, event: ev.ReleaseScheduled) -> None:
    """A first order has a new instant and window."""
    execution = book.executions[event.execution_id]
    book.executions[event.execution_id] = replace(execution, redraws=event.redraw)
    key = allocation_key(event.execution_id, event.account_id)
    put_allocation(
        book,
        key,
        replace(
            book.allocations[key],
            release_at=event.release_at,
            window_end=event.window_end,
            gap_ns=event.gap_ns,
            due_at=event.release_at,
            held="",
        ),
    )


def remainder_abandoned(book: Book, event: ev.RemainderAbandoned) -> None:
    """What waited is given up, and what the orders leave will be."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    put_allocation(
        book,
        key,
        replace(
            allocation,
            pending=allocation.pending - event.abandoned,
            abandoned=allocation.abandoned + event.abandoned,
            due_at=None,
            held="",
            closing=event.reason,
        ),
    )
    _carry_less(book, event)


def allocation_reduced(book: Book, event: ev.AllocationReduced) -> None:
    """Part of what waits is given up, or goes out at another limit."""
    key = allocation_key(event.execution_id, event.account_id)
    allocation = book.allocations[key]
    limit = allocation.limit_price if event.limit_price is None else event.limit_price
    put_allocation(
        book,
        key,
        replace(
            allocation,
            pending=allocation.pending - event.abandoned,
            abandoned=allocation.abandoned + event.abandoned,
            limit_price=limit,
        ),
    )
    _carry_less(book, event)


def _carry_less(book: Book, event: ev.RemainderAbandoned | ev.AllocationReduced) -> None:
    execution = book.executions[event.execution_id]
    gone = execution.side.sign * event.abandoned
    carry(book, event.account_id, execution.signal.symbol, -gone)


def kill_switch_thrown(book: Book, event: ev.KillSwitchThrown) -> None:
    """No entry in the scope; the first reason stays."""
    book.kills.setdefault(
        kill_key(event.scope, event.name),
        KillSwitch(
            scope=event.scope,
            name=event.name,
            at=book.at,
            actor=event.actor,
            reason=event.reason,
        ),
    )


def kill_switch_released(book: Book, event: ev.KillSwitchReleased) -> None:
    """Entries in the scope are allowed again."""
    book.kills.pop(kill_key(event.scope, event.name), None)


def account_released(book: Book, event: ev.AccountReleased) -> None:
    """The account may take entries again."""
    ledger = book.ledgers[event.account_id]
    book.ledgers[event.account_id] = replace(ledger, halted="")


def flatten_begun(book: Book, event: ev.FlattenBegun) -> None:
    """The account is looked at until it is proven flat; a request after another replaces it."""
    begun = Flattening(
        execution_id=event.execution_id,
        request_id=event.request_id,
        begun_at=book.at,
        due_at=event.due_at,
    )
    _put_flattening(book, event, begun)


def flatten_awaited(book: Book, event: ev.FlattenAwaited) -> None:
    """It is looked at again, after the next view of the venue at the latest."""
    for each in book.ledgers[event.account_id].flattening:
        if each.execution_id == event.execution_id:
            _put_flattening(book, event, replace(each, due_at=event.due_at))


def flattened(book: Book, event: ev.Flattened) -> None:
    """It is proven."""
    _put_flattening(book, event, None)


def _put_flattening(
    book: Book,
    event: ev.FlattenBegun | ev.FlattenAwaited | ev.Flattened,
    found: Flattening | None,
) -> None:
    ledger = book.ledgers[event.account_id]
    others = [each for each in ledger.flattening if each.execution_id != event.execution_id]
    kept = (*others, found) if found is not None else tuple(others)
    book.ledgers[event.account_id] = replace(ledger, flattening=kept)
    arm_flatten(book, event.account_id)


HANDLERS: dict[type, Callable[[Book, Any], None]] = {
    ev.PersonIntervened: person_intervened,
    ev.InterventionRefused: intervention_refused,
    ev.ExecutionPaused: execution_paused,
    ev.ExecutionResumed: execution_resumed,
    ev.ReleaseScheduled: release_scheduled,
    ev.RemainderAbandoned: remainder_abandoned,
    ev.AllocationReduced: allocation_reduced,
    ev.KillSwitchThrown: kill_switch_thrown,
    ev.KillSwitchReleased: kill_switch_released,
    ev.AccountReleased: account_released,
    ev.FlattenBegun: flatten_begun,
    ev.FlattenAwaited: flatten_awaited,
    ev.Flattened: flattened,
}
