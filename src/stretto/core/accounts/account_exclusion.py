"""Accounts left out for a while: how long, and what ends it (DESIGN §4.9, §4.10).

An exclusion concerns entries only and ends by an event, never by itself: at its time, and where
that was asked not before the venue says that the account is tradable. Knows nothing of why.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.terms.account import AccountSnapshot

SYSTEM = "system"
"""Who acts where no person does."""


def exclude(
    book: Book,
    account_id: str,
    reason: str,
    actor: str,
    *,
    until: int | None = None,
    until_tradable: bool = False,
) -> tuple[ev.AccountExcluded, ...]:
    """AccountExcluded, joined with the exclusion in force: neither is cut short by the other.
    Empty where nothing changes. Without ``until`` (ns UTC) and ``until_tradable`` only a person
    ends it.
    """
    held = book.ledgers[account_id].exclusion
    if held is not None:
        if held.until is None and not held.until_tradable:
            return ()
        if until is not None or until_tradable:
            times = [time for time in (until, held.until) if time is not None]
            until = max(times, default=None)
            until_tradable = until_tradable or held.until_tradable
            if (until, until_tradable) == (held.until, held.until_tradable):
                return ()
    return (
        ev.AccountExcluded(
            account_id=account_id,
            reason=reason,
            actor=actor,
            until=until,
            until_tradable=until_tradable,
        ),
    )


def on_exclusion_due(book: Book, account_id: str, at_ns: int) -> tuple[ev.Event, ...]:
    """The time of an exclusion is over: the account is restored, or waits for the venue's word."""
    ledger = book.ledgers.get(account_id)
    held = None if ledger is None else ledger.exclusion
    if held is None or held.until is None or held.until > at_ns:
        return ()
    snapshot = book.snapshots.get(account_id)
    said = snapshot is not None and snapshot.tradable and snapshot.at > held.since
    if said or not held.until_tradable:
        return (_restored(account_id, held.reason),)
    return (
        ev.AccountExcluded(
            account_id=account_id, reason=held.reason, actor=held.actor, until_tradable=True
        ),
    )


def on_tradable(book: Book, snapshot: AccountSnapshot) -> tuple[ev.Event, ...]:
    """AccountRestored, where an exclusion waited for nothing but this word of the venue."""
    held = book.ledgers[snapshot.account_id].exclusion
    if held is None or held.until is not None or not held.until_tradable:
        return ()
    if not snapshot.tradable or snapshot.at <= held.since:
        return ()
    return (_restored(snapshot.account_id, held.reason),)


def _restored(account_id: str, reason: str) -> ev.AccountRestored:
    return ev.AccountRestored(
        account_id=account_id, reason=f"the exclusion for {reason} ended", actor=SYSTEM
    )
