"""When an amend is over: with the last of the venues that it asked for other levels.

Knows nothing of how levels are set.
"""

from __future__ import annotations

from collections.abc import Collection

from stretto.core import events as ev
from stretto.core.book import Book


def is_amending(book: Book, name: str, but: Collection[str] = ()) -> bool:
    """True where levels of the amend ``name`` are still being set, those of ``but`` (keys of the
    book's amendments or protections) apart.
    """
    return any(
        each.execution_id == name and each.due_at is not None and key not in but
        for key, each in book.amendments.items()
    ) or any(each.amend == name and key not in but for key, each in book.protections.items())


def ends_amend(book: Book, name: str, but: Collection[str], *, is_set: bool) -> list[ev.Event]:
    """ExecutionEnded, where nothing of the amend is open besides ``but``; ``is_set`` says whether
    the levels of those are in force.
    """
    execution = book.executions.get(name)
    if execution is None or execution.status != "working" or is_amending(book, name, but):
        return []
    refused = any(
        each.execution_id == name and key not in but for key, each in book.amendments.items()
    ) or any(
        each.execution_id == execution.closes and None in each.waits.values() and key not in but
        for key, each in book.protections.items()
    )
    status = "completed" if is_set and not refused else "abandoned"
    return [ev.ExecutionEnded(execution_id=name, status=status)]
