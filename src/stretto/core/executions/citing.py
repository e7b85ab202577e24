"""What of the journal a decision rests on, by name, in a form that does not grow with the book.

``book`` is the last entry that the decision saw: reservations, positions and entries on their way
are those of that moment. Every record in force then is the last of its name up to there, so one
number stands for all accounts; those that the plan shows by name are cited by name besides. Knows
nothing of what was decided.
"""

from __future__ import annotations

from collections.abc import Iterable

from stretto.core.book import Book

_WHOLE = ("policy", "accounts", "histories")


def cited(book: Book, account_ids: Iterable[str] = ()) -> dict[str, int]:
    """Sequence of each input relied on: ``book``; ``policy`` (the configuration); ``bars:SYMBOL``
    of every symbol, for each is part of the covariance; ``calendar:NAME`` of every calendar;
    ``accounts`` and ``histories`` (the newest snapshot and history of all accounts of the book:
    candidates, refused, exposed ones); and ``account:ID`` and ``history:ID`` of ``account_ids``.
    """
    names = [*_WHOLE, *(f"bars:{symbol}" for symbol in sorted(book.bars))]
    names += [f"calendar:{name}" for name in sorted(book.calendars)]
    for account_id in account_ids:
        names += [f"account:{account_id}", f"history:{account_id}"]
    cites = book.cites
    return {"book": book.seq} | {name: cites[name] for name in names if name in cites}
