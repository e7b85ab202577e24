"""What failed at a book's venues and accounts, by class; circuits, exclusions and alerts in force.

Replays the book to the journal's head, so that it shows what the next decision would read. Writes
nothing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from stretto.core.accounts.conduct import stands
from stretto.core.book import Book
from stretto.core.failures.failure_statistics import failures_counted, reliability
from stretto.core.values import iso
from stretto.sessions.reading import replayed


class FailureLine(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one class in one ``scope`` (venue or account) called ``name``: in the last hour,
    in the 24 hours before it, and the weighted ``share`` of requests, 1e-6. ``reliability`` is that
    of the venue or account over all classes, 1e-6.
    """

    scope: str
    name: str
    failure_class: str
    last_hour: int
    day_before: int
    share: int
    reliability: int


class CircuitLine(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit that is not closed, and how it ``stands``."""

    scope: str
    name: str
    state: str
    openings: int
    stands: str


class ExclusionLine(msgspec.Struct, frozen=True, kw_only=True):
    """An account left out: by whom, why, and what ends it."""

    account_id: str
    reason: str
    actor: str
    since: str
    until: str | None
    until_tradable: bool


class AlertLine(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that stands."""

    about: str
    failure_class: str
    rising: bool
    raised_at: str
    last_hour: int
    day_before: int
    text: str


class FailuresView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about failures in a book at book time ``at``, entry ``seq``. ``throttled``: venues
    that limit their rate, each with the time from which it takes entries.
    """

    book_id: str
    seq: int
    at: str
    failures: tuple[FailureLine, ...]
    circuits: tuple[CircuitLine, ...]
    exclusions: tuple[ExclusionLine, ...]
    alerts: tuple[AlertLine, ...]
    throttled: dict[str, str]


def failures_view(db: Path, book_id: str) -> FailuresView:
    """What failed, and what follows from it now. Raises JournalDamaged where the journal does not
    verify.
    """
    book, _reads = replayed(db, book_id)
    return view_of(book, book_id)


def view_of(book: Book, book_id: str) -> FailuresView:
    """The same of a book at hand."""
    return FailuresView(
        book_id=book_id,
        seq=book.seq,
        at=iso(book.at),
        failures=tuple(_failures(book)),
        circuits=tuple(
            CircuitLine(
                scope=circuit.scope.value,
                name=circuit.name,
                state=circuit.state.value,
                openings=circuit.openings,
                stands=stands(circuit),
            )
            for _, circuit in sorted(book.circuits.items())
            if circuit.openings
        ),
        exclusions=tuple(_exclusions(book)),
        alerts=tuple(
            AlertLine(
                about=alert.about,
                failure_class=alert.failure_class.value,
                rising=alert.rising,
                raised_at=iso(alert.raised_at),
                last_hour=alert.last_hour,
                day_before=alert.day_before,
                text=alert.text,
            )
            for _, alert in sorted(book.alerts.items())
        ),
        throttled={
            venue: iso(until) for venue, until in sorted(book.throttled.items()) if until > book.at
        },
    )


def _failures(book: Book) -> list[FailureLine]:
    lines = []
    for key, statistics in sorted(book.failures.items()):
        scope, _, name = key.partition(":")
        for failure_class, record in sorted(statistics.classes.items()):
            last_hour, day_before = failures_counted(statistics, failure_class, book.at)
            lines.append(
                FailureLine(
                    scope=scope,
                    name=name,
                    failure_class=failure_class.value,
                    last_hour=last_hour,
                    day_before=day_before,
                    share=record.share,
                    reliability=reliability(statistics),
                )
            )
    return lines


def _exclusions(book: Book) -> list[ExclusionLine]:
    lines = []
    for account_id, ledger in sorted(book.ledgers.items()):
        held = ledger.exclusion
        if held is not None:
            lines.append(
                ExclusionLine(
                    account_id=account_id,
                    reason=held.reason,
                    actor=held.actor,
                    since=iso(held.since),
                    until=None if held.until is None else iso(held.until),
                    until_tradable=held.until_tradable,
                )
            )
    return lines
