"""A plan without consequences: what the book would decide about a signal, and nothing written.

On the book as its journal left it, or on a book opened in memory from its configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stretto.bootstrap import Scenario, opening_of
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.engine import decide
from stretto.core.evolve import begin, evolve, finish
from stretto.core.exits.exits import plan_exit
from stretto.core.release.intake import plan_signal, reads_for_signal
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.exit_signal import AnySignal, ExitSignal
from stretto.core.terms.market import Reads, VenueState
from stretto.core.terms.plan import Plan
from stretto.core.terms.venue import MassStatus
from stretto.core.values import ZERO
from stretto.sessions.reading import book_of, replayed
from stretto.sessions.scenario import of_settings
from stretto.sessions.started import RunArguments


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """The plan, at which instant (ns UTC), and the entry of the journal it stands on; 0 where the
    book was opened in memory.
    """

    plan: Plan
    at: int
    seq: int


def dry_run(started: RunArguments, signal: AnySignal, db: Path, at_ns: int | None) -> DryRun:
    """Plan ``signal`` at ``at_ns``, by default when it was generated (never before the book's own
    time). Raises InvalidInput, JournalUnavailable, JournalDamaged.
    """
    scenario = of_settings(started).scenario
    seq = 0
    if db.exists():
        book, _ = replayed(db, book_of(db, scenario.config.book_id))
        seq = book.seq
    else:
        book = Book()
    at = max(book.at, signal.generated_at if at_ns is None else at_ns)
    for item in opening_of(scenario).inputs(book, at):
        _apply(book, item, at)
    if not seq:
        for item in _first_views(scenario, at):
            _apply(book, item, at)
    reads = _reads(book, scenario, at)
    if isinstance(signal, ExitSignal):
        plan = plan_exit(book, signal, reads, at)
    else:
        plan = plan_signal(book, signal, reads, at)
    return DryRun(plan=plan, at=at, seq=seq)


def _apply(book: Book, item: ev.Input, at_ns: int) -> None:
    events = decide(book, item, Reads(), at_ns)
    if not events:
        return
    begin(book, book.seq + 1, at_ns)
    for event in events:
        evolve(book, event)
    finish(book)


def _first_views(scenario: Scenario, at_ns: int) -> list[ev.MassStatusObserved]:
    """What the venues would show of accounts without positions."""
    return [
        ev.MassStatusObserved(
            status=MassStatus(
                account_id=account_id,
                venue=account.venue,
                at=at_ns,
                since=at_ns,
                complete=True,
                account=AccountSnapshot(
                    account_id=account_id,
                    at=at_ns,
                    balance=scenario.balances[account_id],
                    equity=scenario.balances[account_id],
                    margin_used=ZERO,
                ),
                position_mode=account.position_mode,
            ),
            absence_is_proof=False,
            settle_time_ns=0,
        )
        for account_id, account in sorted(scenario.config.accounts.items())
    ]


def _reads(book: Book, scenario: Scenario, at_ns: int) -> Reads:
    market = scenario.market.reads(reads_for_signal(book), at_ns)
    venues = {
        name: VenueState(venue=name, connected=True, heartbeat_at=at_ns)
        for name in sorted(scenario.venues)
    }
    return Reads(quotes=market.quotes, statistics=market.statistics, venues=venues)
