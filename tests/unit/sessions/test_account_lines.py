"""How an account's room is told: a number, what is missing to know it, or a limit breached."""

from __future__ import annotations

import io
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console

from stretto.cli.accounts import render_accounts
from stretto.cli.output import Output
from stretto.core.book import Book
from stretto.core.gate.trade import AccountView
from stretto.core.plans.screening import account_views
from stretto.core.terms.market import Reads
from stretto.sessions.account_lines import AccountLine, AccountsView, account_line
from stretto.sessions.play import play
from stretto.sessions.reading import replayed
from stretto.sessions.scenario import prepare
from stretto.sessions.started import DemoArguments


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, Reads, AccountView]:
    """A demo's book, its last quotes, and an account that holds a position under a loss limit."""
    db = tmp_path_factory.mktemp("lines") / "demo.sqlite"
    started = DemoArguments(accounts=8, signals=6, seed=7)
    play(db, started, prepare(started).scenario, create=True)
    book, reads = replayed(db, "demo")
    for view in account_views(book, reads, sorted(book.configuration.accounts)):
        limit = view.rulebook.daily_loss or view.rulebook.overall_loss
        if limit is not None and any(position.quantity for position in view.positions):
            return book, reads, view
    raise AssertionError("the demo left no position under a loss limit")


def shown(line: AccountLine) -> str:
    text = io.StringIO()
    console = Console(file=text, width=300, no_color=True)
    output = Output(json=False, out=console)
    render_accounts(
        output, AccountsView(book_id="demo", seq=1, at=0, kill_switches=(), accounts=(line,))
    )
    return text.getvalue()


def test_a_known_room_is_a_number(held: tuple[Book, Reads, AccountView]) -> None:
    line = account_line(*held)
    assert line.room is not None
    assert line.room > 0
    assert (line.room_unknown, line.why) == ("", "")
    assert "unknown" not in shown(line)


def test_a_room_that_nobody_knows_is_no_zero(held: tuple[Book, Reads, AccountView]) -> None:
    book, reads, view = held
    other = next(name for name in sorted(reads.quotes) if name not in _symbols(view))
    unmarked = msgspec.structs.replace(reads, quotes={other: reads.quotes[other]})
    line = account_line(book, unmarked, view)
    assert line.room_unknown == "open_risk"
    assert line.room is line.room_daily is line.room_overall is None
    assert "unknown: open_risk" in shown(line)


def test_a_negative_room_names_the_limit(held: tuple[Book, Reads, AccountView]) -> None:
    book, reads, view = held
    assert view.snapshot is not None
    lost = msgspec.structs.replace(view.snapshot, equity=Decimal(1))
    line = account_line(book, reads, view._replace(snapshot=lost))
    assert line.room is not None
    assert line.room < 0
    assert line.why == f"limit breached: {line.room_binding}"
    assert line.why in shown(line)


def _symbols(view: AccountView) -> set[str]:
    return {position.symbol for position in view.positions}
