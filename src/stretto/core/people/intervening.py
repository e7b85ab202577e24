"""A person's request: known already, refused by name, or granted with what follows (DESIGN §4.10).

Every request is journaled, refused ones too. What an action does stands in the modules it leads to.
Must not know how a request arrived.
"""

from __future__ import annotations

from typing import assert_never

from stretto.core import events as ev
from stretto.core.accounts.alarms import IN_DOUBT
from stretto.core.book import Book, allocation_key
from stretto.core.limits import ACTOR_LENGTH_MAX, REASON_LENGTH_MAX
from stretto.core.people.intervening_accounts import (
    exclude_account,
    halt_account,
    release_account,
    restore_account,
)
from stretto.core.people.intervening_executions import (
    accept_partial,
    approve,
    cancel_remaining,
    pause,
    reject,
    reroute_to,
    resume,
    retry_now,
)
from stretto.core.people.intervening_flatten import flatten_asked
from stretto.core.people.intervening_kills import kill, release
from stretto.core.people.intervening_orders import change_price, change_size, resolve_in_doubt
from stretto.core.people.intervening_positions import adopt_position, dismiss_position
from stretto.core.people.intervening_strangers import cancel_venue_order, dismiss_venue_order
from stretto.core.terms import intervention as iv
from stretto.core.terms.market import Reads
from stretto.core.values import iso

Outcome = list[ev.Event] | iv.Denied


def on_intervened(
    book: Book, item: ev.Intervened, reads: Reads, at_ns: int
) -> tuple[ev.Event, ...]:
    """PersonIntervened and what it changes, or InterventionRefused; nothing where the very request
    was handled before.
    """
    known = book.requests.get(item.request_id)
    if known is not None and (known.actor, known.reason, known.action) == (
        item.actor,
        item.reason,
        item.action,
    ):
        return ()
    denied = _malformed(book, item)
    outcome = denied or _act(book, item, reads, at_ns)
    execution_id, account_id = iv.about(item.action)
    if isinstance(item.action, iv.ResolveInDoubt):
        order = book.orders.get(item.action.client_order_id)
        if order is not None:
            execution_id, account_id = order.execution_id, order.account_id
    if isinstance(item.action, iv.DismissVenueOrder | iv.CancelVenueOrder):
        stranger = book.strangers.get(item.action.subject)
        account_id = "" if stranger is None else stranger.account_id
    if isinstance(outcome, iv.Denied):
        return (
            ev.InterventionRefused(
                request_id=item.request_id,
                actor=item.actor,
                reason=item.reason,
                action=item.action,
                execution_id=execution_id if execution_id in book.executions else "",
                account_id=account_id if account_id in book.ledgers else "",
                denied=outcome,
            ),
        )
    return (
        ev.PersonIntervened(
            request_id=item.request_id,
            actor=item.actor,
            reason=item.reason,
            action=item.action,
            execution_id=execution_id,
            account_id=account_id,
        ),
        *_answered(book, item, execution_id, account_id),
        *outcome,
    )


def reads_for_intervention(book: Book, action: iv.Action) -> tuple[str, ...]:
    """Symbols that a request needs quotes and statistics of: for new delays, or for the gate."""
    if not isinstance(action, iv.Resume | iv.Approve | iv.RetryNow | iv.RerouteTo):
        return ()
    if isinstance(action, iv.RerouteTo) and book.config is not None:
        return tuple(sorted(book.config.instruments))
    execution = book.executions.get(action.execution_id)
    return () if execution is None else (execution.signal.symbol,)


def _answered(
    book: Book, item: ev.Intervened, execution_id: str, account_id: str
) -> list[ev.Event]:
    """What a person was asked about, and now decided. Who decides about the rest of an order in
    doubt has not said yet what became of it.
    """
    if not isinstance(
        item.action, iv.RetryNow | iv.RerouteTo | iv.CancelRemaining | iv.AcceptPartial
    ):
        return []
    events: list[ev.Event] = []
    for name in book.executions[execution_id].accounts:
        if account_id in ("", name):
            key = allocation_key(execution_id, name)
            for order_id in ("", *book.allocations[key].order_ids):
                reason = book.interventions.get(order_id or key, IN_DOUBT)
                if reason != IN_DOUBT:
                    events.append(
                        ev.InterventionResolved(
                            execution_id=execution_id,
                            account_id=name,
                            client_order_id=order_id,
                            reason=reason,
                            resolution=f"{iv.name_of(item.action)} by {item.actor}",
                        )
                    )
    return events


def _malformed(book: Book, item: ev.Intervened) -> iv.Denied | None:
    if not item.request_id.strip():
        return iv.Denied(rule=iv.Denial.REQUEST_ID_MISSING, expected="a request_id")
    known = book.requests.get(item.request_id)
    if known is not None:
        return iv.Denied(
            rule=iv.Denial.REQUEST_ID_USED,
            compared={
                "request_id": item.request_id,
                "used_for": iv.name_of(known.action),
                "used_at": iso(known.at),
            },
            expected="a request_id that was not used for anything else",
        )
    if not item.actor.strip() or len(item.actor) > ACTOR_LENGTH_MAX:
        return iv.Denied(
            rule=iv.Denial.ACTOR_MISSING,
            compared={"actor_length": str(len(item.actor))},
            expected=f"the name of a person, at most {ACTOR_LENGTH_MAX} characters",
        )
    if not item.reason.strip() or len(item.reason) > REASON_LENGTH_MAX:
        return iv.Denied(
            rule=iv.Denial.REASON_MISSING,
            compared={"reason_length": str(len(item.reason))},
            expected=f"a reason, at most {REASON_LENGTH_MAX} characters",
        )
    return None


def _act(book: Book, item: ev.Intervened, reads: Reads, at_ns: int) -> Outcome:
    action = item.action
    match action:
        case iv.Kill():
            return kill(book, action, item.actor, item.reason, at_ns)
        case iv.Release():
            return release(book, action, item.actor, item.reason)
        case iv.HaltAccount():
            return halt_account(book, action, item.actor, item.reason)
        case iv.ReleaseAccount():
            return release_account(book, action, item.reason)
        case iv.ExcludeAccount():
            return exclude_account(book, action, item.actor, item.reason, at_ns)
        case iv.RestoreAccount():
            return restore_account(book, action, item.actor, item.reason)
        case iv.Flatten():
            return flatten_asked(book, action, item.request_id, at_ns)
        case iv.AdoptPosition():
            return adopt_position(book, action, item.actor, item.reason)
        case iv.DismissPosition():
            return dismiss_position(book, action, item.actor, item.reason)
        case iv.DismissVenueOrder():
            return dismiss_venue_order(book, action, item.actor, item.reason)
        case iv.CancelVenueOrder():
            return cancel_venue_order(book, action, item.actor, item.reason)
        case iv.ResolveInDoubt():
            return resolve_in_doubt(book, action, item.request_id, item.actor, at_ns)
        case _:
            return _on_execution(book, action, item.actor, item.reason, reads, at_ns)


def _on_execution(
    book: Book,
    action: iv.Pause
    | iv.Resume
    | iv.CancelRemaining
    | iv.AcceptPartial
    | iv.RetryNow
    | iv.RerouteTo
    | iv.Approve
    | iv.Reject
    | iv.ChangePrice
    | iv.ChangeSize,
    actor: str,
    reason: str,
    reads: Reads,
    at_ns: int,
) -> Outcome:
    match action:
        case iv.Pause():
            return pause(book, action, reason, at_ns)
        case iv.Resume():
            return resume(book, action, reason, reads, at_ns)
        case iv.CancelRemaining():
            return cancel_remaining(book, action, at_ns)
        case iv.AcceptPartial():
            return accept_partial(book, action, at_ns)
        case iv.RetryNow():
            return retry_now(book, action, reads, at_ns)
        case iv.RerouteTo():
            return reroute_to(book, action, actor, reason, reads, at_ns)
        case iv.Approve():
            return approve(book, action, reads, at_ns)
        case iv.Reject():
            return reject(book, action, at_ns)
        case iv.ChangePrice():
            return change_price(book, action, at_ns)
        case iv.ChangeSize():
            return change_size(book, action, at_ns)
        case _:
            assert_never(action)
