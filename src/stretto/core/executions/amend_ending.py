"""When an amend is over: with the last of the venues that it asked for other levels or prices, or
with a later amend of the same.

Knows nothing of how levels and prices are set.
"""

from __future__ import annotations

from collections.abc import Container

from stretto.core import events as ev
from stretto.core.book import Book, allocation_key
from stretto.core.terms.amendment import amendment_key

REFUSED = "refused:"
"""Before the id of an amend whose price an account did not get."""


def is_amending(book: Book, name: str, but: Container[str] = ()) -> bool:
    """True where levels of the amend ``name`` are still being set, those of ``but`` (keys of the
    book's amendments, protections or allocations) apart.
    """
    if any(key not in but for key in _repricing(book, name)):
        return True
    return any(
        each.execution_id == name and each.due_at is not None and key not in but
        for key, each in book.amendments.items()
    ) or any(each.amend == name and key not in but for key, each in book.protections.items())


def ends_amend(book: Book, name: str, but: Container[str], *, is_set: bool) -> list[ev.Event]:
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
    refused = refused or any(key not in but for key in _repricing(book, f"{REFUSED}{name}"))
    status = "completed" if is_set and not refused else "abandoned"
    return [ev.ExecutionEnded(execution_id=name, status=status)]


def superseded(book: Book, events: list[ev.Event]) -> list[ev.Event]:
    """ExecutionEnded of earlier amends whose last open request one of ``events`` takes the place
    of.
    """
    requests = [each for each in events if isinstance(each, ev.AmendRequested)]
    keys = {amendment_key(each.position_of, each.account_id, each.position_id) for each in requests}
    changed = [each for each in events if isinstance(each, ev.LevelsChanged | ev.LimitChanged)]
    keys |= {allocation_key(each.execution_id, each.account_id) for each in changed}
    names = [
        each.execution_id
        for key, each in book.amendments.items()
        if each.due_at is not None and key in keys
    ]
    names += [each.amend for key, each in book.protections.items() if each.amend and key in keys]
    prices = [each for each in changed if isinstance(each, ev.LimitChanged)]
    keys_of = [allocation_key(each.execution_id, each.account_id) for each in prices]
    found = [book.allocations[key].repricing for key in keys_of]
    names += [name for name in found if name and not name.startswith(REFUSED)]
    return [
        ended
        for name in dict.fromkeys(names)
        for ended in ends_amend(book, name, keys, is_set=False)
    ]


def _repricing(book: Book, mark: str) -> list[str]:
    """Keys of the allocations that wait for the price of the amend, or did not get it."""
    execution = book.executions.get(mark.removeprefix(REFUSED))
    target = book.executions.get(execution.closes) if execution is not None else None
    if target is None:
        return []
    keys = [allocation_key(target.execution_id, name) for name in target.accounts]
    return [key for key in keys if book.allocations[key].repricing == mark]
