"""A full plan: screening, sizes, correlation, best subset, timing, every reason kept.

Each round is another signal: a later instant, another symbol and side, prices moved a little, and a
new snapshot of every account before it, so that little of what the book keeps is of use again. Of
the 200 candidates 50 have returns of four common factors and conflict among themselves; in one case
accounts have trades on their way besides. Garbage is collected as while a book runs. Targets: 1,000
accounts and 30 symbols ≤ 25 ms, 10,000 accounts ≤ 400 ms.
"""

from __future__ import annotations

import gc
import time
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from msgspec.structs import replace

from bench import books
from bench.scale import scaled
from bench.table import show
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.release.intake import plan_signal
from stretto.core.terms.account import AccountSnapshot, BarReturn
from stretto.core.terms.market import Quote, Reads
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import Policy
from stretto.core.terms.signal import GroupAccounts, Signal
from stretto.core.values import Side, draw, draw_below
from stretto.runtime.collector import collecting_rarely

ROUNDS = scaled(25, 3)
SYMBOLS = 30
FACTORS = 4
LINKED = 50
"""So many accounts follow the common factors. They lost nothing, so that all are candidates."""


class Case(NamedTuple):
    """A size of book; ``linked``: with common factors; ``carrying``: accounts with open trades;
    ``accounts_max``: the policy's cap on a plan.
    """

    accounts: int
    linked: bool
    carrying: int = 0
    accounts_max: int = 50


CASES = (
    Case(100, True),
    Case(1_000, False),
    Case(1_000, True),
    Case(1_000, True, 0, 200),
    Case(1_000, True, 100),
    Case(10_000, False),
    Case(10_000, True),
)


def book_of(case: Case) -> Book:
    """A book whose accounts, but for the linked, have lost 2 to 4.5 % today and score for it."""
    policy = Policy(accounts_max=case.accounts_max)
    book = books.opened(books.config(case.accounts, SYMBOLS, policy), SYMBOLS)
    for at, account_id in enumerate(book.configuration.accounts):
        linked = case.linked and at < LINKED
        lost = 2_000_000 + draw_below(2_500_001, draw(books.KEY, "", account_id, "lost"))
        snapshot = AccountSnapshot(
            account_id=account_id,
            at=books.START_NS,
            balance=Decimal(1_000_000),
            equity=Decimal(100_000_000 - (0 if linked else lost)).scaleb(-2),
            margin_used=Decimal(0),
        )
        _take(book, ev.AccountObserved(snapshot=snapshot))
        if linked:
            bars = _factor_returns(account_id, book.history[account_id])
            _take(book, ev.HistoryObserved(account_id=account_id, bars=bars))
    for group in range(case.carrying // 50):
        to = GroupAccounts(group=f"group-{group:03d}")
        given = books.signal(10_000 + group, books.symbols(SYMBOLS)[group], accounts=to)
        _take(book, ev.SignalReceived(signal=given), books.reads(SYMBOLS))
    return book


def _take(book: Book, item: ev.Input, reads: Reads | None = None) -> None:
    books.handle(book, item, reads or Reads(), books.START_NS)


def _factor_returns(account_id: str, bars: tuple[BarReturn, ...]) -> tuple[BarReturn, ...]:
    """A random direction in the factors, and a hundredth of noise."""
    loads = [sum(_unit(account_id, part, str(die)) for die in range(12)) for part in range(FACTORS)]
    made = []
    for bar in bars:
        common = sum(load * _unit("factor", part, bar.day) for part, load in enumerate(loads))
        made.append(BarReturn(day=bar.day, return_ppb=common // 1_000_000 + bar.return_ppb // 100))
    return tuple(made)


def _unit(name: str, part: int, purpose: str) -> int:
    """Even in [-1, 1], 1e-6."""
    return draw_below(2_000_001, draw(books.KEY, name, str(part), purpose)) - 1_000_000


def round_of(number: int) -> tuple[Signal, Reads, int]:
    """One signal, what is read with it, and when."""
    at_ns = books.START_NS + number * 100_000_000
    moved = Decimal(number).scaleb(-5)
    calm = books.reads(SYMBOLS, at_ns)
    quotes = {
        name: Quote(symbol=name, at=at_ns, bid=quote.bid + moved, ask=quote.ask + moved)
        for name, quote in calm.quotes.items()
    }
    signal = books.signal(
        number,
        books.symbols(SYMBOLS)[number % SYMBOLS],
        side=Side.BUY if number % 2 else Side.SELL,
        at_ns=at_ns,
    )
    return signal, Reads(quotes=quotes, statistics=calm.statistics, venues=calm.venues), at_ns


def measured(case: Case) -> tuple[list[float], list[float], list[Plan]]:
    """Wall and CPU milliseconds of each round, and the plans."""
    book = book_of(case)
    rounds = [round_of(number) for number in range(ROUNDS + 1)]
    signal, given, at_ns = rounds.pop(0)
    plan_signal(book, signal, given, at_ns)
    gc.collect()
    wall, busy, plans = [], [], []
    with collecting_rarely():
        for signal, given, at_ns in rounds:
            for known in tuple(book.snapshots.values()):
                _take(book, ev.AccountObserved(snapshot=replace(known, at=at_ns)))
            began, spent = time.perf_counter_ns(), time.process_time_ns()
            plans.append(plan_signal(book, signal, given, at_ns))
            busy.append((time.process_time_ns() - spent) / 1e6)
            wall.append((time.perf_counter_ns() - began) / 1e6)
    return wall, busy, plans


def row(case: Case) -> tuple[str, ...]:
    """Medians and the worst of one case."""
    wall, busy, plans = measured(case)
    last = plans[-1]
    found = [plan.correlation for plan in plans if plan.correlation is not None]
    return (
        f"{case.accounts:,}",
        str(LINKED if case.linked else 0),
        str(case.carrying),
        str(case.accounts_max),
        f"{median(wall):.1f}",
        f"{max(wall):.1f}",
        f"{median(busy):.1f}",
        f"{median(wall) * 1e3 / case.accounts:.1f}",
        str(len(last.allocations)),
        f"{median(each.nodes for each in found):.0f}",
        f"{sum(each.proven for each in found)}/{len(found)}",
    )


def rows() -> list[tuple[str, ...]]:
    """One row for each case."""
    return [row(case) for case in CASES]


HEADER = (
    "accounts",
    "linked",
    "carrying",
    "cap",
    "ms median",
    "worst",
    "CPU ms",
    "µs/account",
    "chosen",
    "nodes",
    "proven",
)


def main() -> None:
    """Print the table."""
    show("A full plan, 30 symbols", HEADER, rows())


if __name__ == "__main__":
    main()
