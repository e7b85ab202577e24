"""Account snapshots taken in: the anchors of the firm's trading day and the running peaks.

How a day began is observed near its reset, unchanged since an older snapshot, stated by a person,
or assumed (ADR 65). A snapshot older than the last one changes nothing. Knows nothing of signals.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.account_exclusion import on_tradable
from stretto.core.accounts.standing import foresee
from stretto.core.book import Book
from stretto.core.gate.risk import trading_day_start
from stretto.core.terms.account import Account, AccountSnapshot, AnchorBasis, DayAnchor

_Start = tuple[Decimal, Decimal, AnchorBasis]


def on_account(book: Book, snapshot: AccountSnapshot) -> tuple[ev.Event, ...]:
    """Take a snapshot in. A new trading day starts at the firm's reset."""
    account = book.configuration.accounts.get(snapshot.account_id)
    if account is None:
        return ()
    previous = book.snapshots.get(snapshot.account_id)
    if previous is not None and (snapshot.at < previous.at or snapshot == previous):
        return ()
    day = _day_of(book, account, snapshot.at)
    anchor = book.ledgers[snapshot.account_id].anchor
    if anchor is None or previous is None:
        balance, equity, basis = _first(book, account, snapshot, day)
        initial = account.initial_balance
        anchor = DayAnchor(
            day_started_at=day,
            balance=balance,
            equity=equity,
            peak_equity=max(initial, equity, snapshot.equity),
            peak_end_of_day=max(initial, balance),
            basis=basis,
        )
    elif day > anchor.day_started_at:
        balance, equity, basis = _next(book, account, previous, snapshot, day)
        anchor = DayAnchor(
            day_started_at=day,
            balance=balance,
            equity=equity,
            peak_equity=max(anchor.peak_equity, equity, snapshot.equity),
            peak_end_of_day=max(anchor.peak_end_of_day, balance),
            basis=basis,
        )
    else:
        stated = _stated(book, account, day)
        if anchor.basis is AnchorBasis.ASSUMED and stated is not None:
            anchor = replace(anchor, balance=stated, equity=stated, basis=AnchorBasis.STATED)
        if snapshot.equity > anchor.peak_equity:
            anchor = replace(anchor, peak_equity=snapshot.equity)
    foresee(book, snapshot)
    updated = ev.AccountUpdated(snapshot=snapshot, anchor=anchor)
    return (updated, *on_tradable(book, snapshot))


def _first(book: Book, account: Account, snapshot: AccountSnapshot, day: int) -> _Start:
    """The day in which an account is seen for the first time."""
    stated = _stated(book, account, day)
    if stated is not None:
        return stated, stated, AnchorBasis.STATED
    if snapshot.at - day <= book.configuration.policy.anchor_age_ns_max:
        return snapshot.balance, snapshot.equity, AnchorBasis.OBSERVED
    most = max(account.initial_balance, snapshot.balance, snapshot.equity)
    return most, most, AnchorBasis.ASSUMED


def _next(
    book: Book, account: Account, previous: AccountSnapshot, snapshot: AccountSnapshot, day: int
) -> _Start:
    """A day that began between two snapshots."""
    stated = _stated(book, account, day)
    if stated is not None:
        return stated, stated, AnchorBasis.STATED
    age_max = book.configuration.policy.anchor_age_ns_max
    if day - previous.at <= age_max:
        return previous.balance, previous.equity, AnchorBasis.OBSERVED
    if snapshot.at - day <= age_max:
        return snapshot.balance, snapshot.equity, AnchorBasis.OBSERVED
    if _untouched(book, previous, snapshot):
        return snapshot.balance, snapshot.equity, AnchorBasis.UNCHANGED
    return (
        max(previous.balance, snapshot.balance),
        max(previous.equity, snapshot.equity),
        AnchorBasis.ASSUMED,
    )


def _untouched(book: Book, previous: AccountSnapshot, snapshot: AccountSnapshot) -> bool:
    """Flat at both, at the same balance, with no fill between: so it was all the time."""
    return (
        previous.balance == previous.equity == snapshot.balance == snapshot.equity
        and not book.positions.get(snapshot.account_id)
        and book.ledgers[snapshot.account_id].last_fill_at <= previous.at
    )


def _stated(book: Book, account: Account, day: int) -> Decimal | None:
    if account.day_start_balance is None or _day_of(book, account, account.day_start_at) != day:
        return None
    return account.day_start_balance


def _day_of(book: Book, account: Account, at_ns: int) -> int:
    rulebook = book.configuration.rulebooks[account.rulebook]
    return trading_day_start(at_ns, rulebook.day_reset, rulebook.day_zone)
