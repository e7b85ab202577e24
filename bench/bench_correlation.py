"""Projected correlation of 200 candidates with books of 1,000 and 10,000 accounts, on one core.

60 bars, 30 symbols. Targets: with the book's rows at hand 8 ms for 1,000 accounts and 100 ms for
10,000; the rows themselves 100 ms for 10,000. ``python -m bench correlation`` prints it, on
one thread; ``python bench/bench_correlation.py`` with as many as the library takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.scale import scaled
from stretto.core.correlations.correlation import Trade, project, size_that_would_pass
from stretto.core.correlations.factors import Floats, book_factors, history

BARS = 60
SYMBOLS = 30
CANDIDATES = 200
RUNS = scaled(15, 3)


def book(accounts: int, *, gaps: bool) -> tuple[Floats, Floats, Floats]:
    """Returns, symbol returns and exposures. ``gaps``: one bar in twenty is missing, else every
    fifth account is young.
    """
    draw = np.random.default_rng(accounts)
    factors = draw.normal(0, 0.006, (BARS, 6))
    symbols = factors @ draw.normal(size=(6, SYMBOLS)) * 0.4
    symbols += draw.normal(0, 0.004, (BARS, SYMBOLS))
    returns = (factors @ draw.normal(size=(6, accounts)) * 0.3).T
    returns += draw.normal(0, 0.005, (accounts, BARS))
    if gaps:
        returns[draw.random((accounts, BARS)) < 0.05] = np.nan
    else:
        for account in range(0, accounts, 5):
            returns[account, : draw.integers(0, BARS)] = np.nan
    held = draw.random((accounts, SYMBOLS)) < 0.1
    return returns, symbols, np.where(held, draw.normal(0, 2, (accounts, SYMBOLS)), 0.0)


def spent(work: Callable[[], object]) -> tuple[str, str]:
    """CPU milliseconds: median and least."""
    times = []
    for _ in range(RUNS):
        started = time.process_time_ns()
        work()
        times.append((time.process_time_ns() - started) / 1e6)
    return f"{median(times):.2f}", f"{min(times):.2f}"


def rows() -> list[tuple[str, ...]]:
    """What, in which book, and how long."""
    made: list[tuple[str, ...]] = []
    for accounts in (1_000, 10_000):
        for gaps in (False, True):
            returns, symbols, exposure = book(accounts, gaps=gaps)
            bars = history(returns, symbols)
            factors = book_factors(bars, exposure)
            draw = np.random.default_rng(1)
            candidates = draw.choice(accounts, CANDIDATES, replace=False)
            trade = Trade(symbol=3, accounts=candidates, delta=np.full(CANDIDATES, 1.5))
            seen = project(factors, trade)
            blocked = sum(blocker is not None for blocker in seen.blocked)
            name = f"{accounts:,}, {'gaps' if gaps else 'some young'}, {blocked} blocked"
            cases: list[tuple[str, Callable[[], object]]] = [
                ("prepare the bars", partial(history, returns, symbols)),
                ("rows of the book", partial(book_factors, bars, exposure)),
                ("project one trade", partial(project, factors, trade)),
                (
                    "size that would pass",
                    partial(
                        size_that_would_pass,
                        factors,
                        trade,
                        40,
                        others=candidates[:30],
                        trading=np.ones(30, bool),
                    ),
                ),
            ]
            made += [(name, what, *spent(work)) for what, work in cases]
    return made


def main() -> None:
    """Print the table."""
    table = Table(title=f"Projected correlation, CPU time on one core, {RUNS} runs")
    table.add_column("accounts")
    table.add_column("what")
    for name in ("ms median", "least"):
        table.add_column(name, justify="right")
    for cells in rows():
        table.add_row(*cells)
    Console().print(table)


if __name__ == "__main__":
    main()
