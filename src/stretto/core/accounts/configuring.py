"""A configuration comes into force: refused where it drops what the book still has to look after.

An account with positions or orders keeps its place, venue and currency until it is flat, and its
venue the way of its stops; to stop entries in it, its mode is set. Knows nothing of files.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.errors import InvalidInput, check
from stretto.core.orders.order import is_done
from stretto.core.terms.market import Instrument
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.venue import VenueCapabilities


def on_opened(book: Book, config: BookConfig) -> tuple[ev.Event, ...]:
    """BookConfigured, or nothing where the configuration is the one in force. Raises InvalidInput
    where it misses an account or instrument in use.
    """
    held = book.config
    if held == config:
        return ()
    if held is not None:
        check(held.book_id == config.book_id, f"the journal is of book {held.book_id!r}")
        for account_id, symbols in sorted(_in_use(book).items()):
            _judge(held, config, account_id, sorted(symbols))
    return (ev.BookConfigured(config=config),)


def _in_use(book: Book) -> dict[str, dict[str, None]]:
    """Accounts that hold something, or have it scheduled or with a venue, and the symbols."""
    found: dict[str, dict[str, None]] = {}
    for account_id, held in book.positions.items():
        for position in held.values():
            found.setdefault(account_id, {})[position.symbol] = None
    for execution_id in book.open_executions:
        execution = book.executions[execution_id]
        for account_id in execution.accounts:
            if not book.allocations[allocation_key(execution_id, account_id)].ended:
                found.setdefault(account_id, {})[execution.signal.symbol] = None
    for order in book.orders.values():
        if not is_done(order):
            found.setdefault(order.account_id, {})[order.symbol] = None
    return found


def _judge(held: BookConfig, config: BookConfig, account_id: str, symbols: list[str]) -> None:
    before, after = held.accounts.get(account_id), config.accounts.get(account_id)
    place = f"accounts.{account_id}"
    using = f"it has positions or orders in {', '.join(symbols)}"
    if after is None:
        raise InvalidInput(place, f"missing, though {using}", "the account, with mode close_only")
    if before is None:  # it had left, and a late report brought something of it back to life
        return
    for name in ("venue", "currency", "position_mode"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            raise InvalidInput(f"{place}.{name}", f"changed to {now}, though {using}", f"{was}")
    was_attached, is_attached = _attaches(held, before.venue), _attaches(config, after.venue)
    if was_attached is not is_attached:  # what protects its positions is kept in another way
        raise InvalidInput(
            f"venues.{after.venue}.capabilities.attached_stops",
            f"changed to {str(is_attached).lower()}, though {account_id} has positions or orders",
            f"{str(was_attached).lower()}, until its accounts are flat",
        )
    for symbol in symbols:
        after_change = config.instruments.get(symbol)
        if after_change is None or held.instruments[symbol] != _at_hours_of(
            held.instruments[symbol], after_change
        ):
            raise InvalidInput(
                f"instruments.{symbol}",
                f"missing or changed, though account {account_id} has positions or orders in it",
                "the instrument as it was",
            )


def _attaches(config: BookConfig, venue: str) -> bool:
    return config.capabilities.get(venue, VenueCapabilities()).attached_stops


def _at_hours_of(held: Instrument, changed: Instrument) -> Instrument:
    """The changed instrument with the hours it had: they may change under a position."""
    return replace(changed, calendar=held.calendar, pauses=held.pauses)
