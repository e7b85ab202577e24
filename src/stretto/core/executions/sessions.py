"""When an instrument of the book trades, at which venue: calendars and maintenance together.

Asks the tables that the journal brought into the book. Knows nothing of accounts or orders, and not
how a table is made.
"""

from __future__ import annotations

from stretto.core.book import Book
from stretto.core.terms.calendar import Hours, SessionTable, common, hours, next_open
from stretto.core.terms.market import venue_calendar


def session_hours(book: Book, symbol: str, at_ns: int) -> Hours:
    """How the instrument's own calendar stands. Raises KeyError for an unknown instrument."""
    name = book.configuration.instruments[symbol].session_calendar
    return hours(name, book.calendars.get(name), at_ns)


def closed_venues(book: Book, symbol: str, at_ns: int) -> dict[str, Hours]:
    """The venues with maintenance at which the instrument does not trade now, each with how it
    stands there; every other venue trades it as its calendar says.
    """
    found = {}
    for venue in sorted(book.configuration.maintenance):
        stands = venue_hours(book, symbol, venue, at_ns)
        if not stands.is_open:
            found[venue] = stands
    return found


def venue_hours(book: Book, symbol: str, venue: str, at_ns: int) -> Hours:
    """How the instrument stands at a venue: in session, and not in the venue's maintenance."""
    if venue not in book.configuration.maintenance:
        return session_hours(book, symbol, at_ns)
    name = book.configuration.instruments[symbol].session_calendar
    return hours(f"{name} and {venue_calendar(venue)}", _table(book, symbol, venue), at_ns)


def next_session(book: Book, symbol: str, venue: str, at_ns: int) -> int | None:
    """When the instrument next opens at a venue after ``at_ns``, ns UTC; None where that is not
    known. Asked in an open session it answers with the one after: a venue that says it is closed
    knows better than a calendar.
    """
    table = _table(book, symbol, venue)
    return None if table is None else next_open(table, at_ns)


def _table(book: Book, symbol: str, venue: str) -> SessionTable | None:
    table = book.calendars.get(book.configuration.instruments[symbol].session_calendar)
    if table is None or venue not in book.configuration.maintenance:
        return table
    own = book.calendars.get(venue_calendar(venue))
    return None if own is None else common(table, own)
