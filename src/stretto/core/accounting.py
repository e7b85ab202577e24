"""Account snapshots taken in: the anchors of the firm's trading day and the running peaks.

A snapshot older than the last one changes nothing. Knows nothing of signals or orders.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.account import AccountSnapshot, DayAnchor
from stretto.core.book import Book
from stretto.core.risk import trading_day_start


def on_account(book: Book, snapshot: AccountSnapshot) -> tuple[ev.Event, ...]:
    """Take a snapshot in. A new trading day starts at the firm's reset; its anchor is the last word
    before the reset, or this snapshot where there is none.
    """
    account = book.configuration.accounts.get(snapshot.account_id)
    if account is None:
        return ()
    previous = book.snapshots.get(snapshot.account_id)
    if previous is not None and (snapshot.at < previous.at or snapshot == previous):
        return ()
    rulebook = book.configuration.rulebooks[account.rulebook]
    day = trading_day_start(snapshot.at, rulebook.day_reset, rulebook.day_zone)
    anchor = book.ledgers[snapshot.account_id].anchor
    if anchor is None or previous is None:
        anchor = DayAnchor(
            day_started_at=day,
            balance=snapshot.balance,
            equity=snapshot.equity,
            peak_equity=max(account.initial_balance, snapshot.equity),
            peak_end_of_day=max(account.initial_balance, snapshot.balance),
        )
    elif day > anchor.day_started_at:
        anchor = DayAnchor(
            day_started_at=day,
            balance=previous.balance,
            equity=previous.equity,
            peak_equity=max(anchor.peak_equity, snapshot.equity),
            peak_end_of_day=max(anchor.peak_end_of_day, previous.balance),
        )
    elif snapshot.equity > anchor.peak_equity:
        anchor = replace(anchor, peak_equity=snapshot.equity)
    return (ev.AccountUpdated(snapshot=snapshot, anchor=anchor),)
