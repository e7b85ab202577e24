"""What the book is told of the world: snapshots, histories, bars, calendars, settings, alarms.

Part of ``evolve``. Knows nothing of orders or allocations.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.evolving.evolve_protective import arm, tradable_again
from stretto.core.reconciliation_events import STRANGER, Stranger
from stretto.core.terms.account import Ledger
from stretto.core.values import ZERO

_NO_LEDGER = Ledger(unreconciled="never")


def account_updated(book: Book, event: ev.AccountUpdated) -> None:
    """The venue's snapshot and the anchors of the trading day; it confirms older fills' margin."""
    snapshot = event.snapshot
    ledger = book.ledgers[snapshot.account_id]
    confirmed = snapshot.at > ledger.last_fill_at
    book.snapshots[snapshot.account_id] = snapshot
    book.cites[f"account:{snapshot.account_id}"] = book.seq
    book.cites["accounts"] = book.seq
    unconfirmed = ZERO if confirmed else ledger.unconfirmed_margin
    # The very same objects: what follows from the ledger alone can be kept, and no digit changes.
    if event.anchor is not ledger.anchor or unconfirmed is not ledger.unconfirmed_margin:
        book.ledgers[snapshot.account_id] = replace(
            ledger, anchor=event.anchor, unconfirmed_margin=unconfirmed
        )
    book.versions["accounts"] += 1
    if book.protections and snapshot.tradable:
        tradable_again(book, snapshot.account_id)


def history_recorded(book: Book, event: ev.HistoryRecorded) -> None:
    """Returns of an account in force."""
    book.history[event.account_id] = event.bars
    book.cites[f"history:{event.account_id}"] = book.seq
    book.cites["histories"] = book.seq
    book.versions["history"] += 1


def bars_recorded(book: Book, event: ev.BarsRecorded) -> None:
    """Bars of a symbol in force."""
    book.bars[event.symbol] = event.bars
    book.cites[f"bars:{event.symbol}"] = book.seq
    book.versions["bars"] += 1


def calendar_recorded(book: Book, event: ev.CalendarRecorded) -> None:
    """Sessions of a calendar in force."""
    name = event.table.calendar
    book.calendars[name] = event.table
    book.cites[f"calendar:{name}"] = book.seq


def book_configured(book: Book, event: ev.BookConfigured) -> None:
    """Configuration in force; every account gets a ledger."""
    book.config = event.config
    book.cites["policy"] = book.seq
    for account_id in event.config.accounts:
        book.ledgers.setdefault(account_id, _NO_LEDGER)
    book.versions["config"] += 1
    for key in sorted(book.protections):
        arm(book, key)


def account_halted(book: Book, event: ev.AccountHalted) -> None:
    """No further entry in the account."""
    ledger = book.ledgers[event.account_id]
    book.ledgers[event.account_id] = replace(ledger, halted=event.reason)


def intervention_required(book: Book, event: ev.InterventionRequired) -> None:
    """A person has to look; kept by order, or by allocation."""
    key = event.client_order_id or allocation_key(event.execution_id, event.account_id)
    book.interventions[key] = event.reason
    if event.reason == STRANGER and key not in book.strangers:
        order_id = event.known.get("venue_order_id", "")
        is_named = key != f"{event.account_id}/{order_id}"
        book.strangers[key] = Stranger(
            account_id=event.account_id,
            venue_order_id=order_id,
            client_order_id=key if is_named else "",
        )
