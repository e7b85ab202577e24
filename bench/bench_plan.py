"""A full plan: screening, sizes, correlation, best subset, timing, every reason kept.

Targets: 1,000 accounts and 30 symbols ≤ 25 ms, 10,000 accounts ≤ 400 ms.
"""

from __future__ import annotations

import gc
import time
from statistics import median

from bench import books
from bench.scale import scaled
from bench.table import show
from stretto.core.intake import plan_signal

ROUNDS = scaled(15, 3)
SYMBOLS = 30


def rows() -> list[tuple[str, ...]]:
    """(accounts, milliseconds: median and least, µs an account, chosen, pairs in conflict)."""
    made = []
    for accounts in (100, 1_000, 10_000):
        book = books.opened(books.config(accounts, SYMBOLS), SYMBOLS)
        given = books.reads(SYMBOLS)
        signal = books.signal(1, books.symbols(SYMBOLS)[3])
        plan = plan_signal(book, signal, given, books.START_NS)
        gc.collect()
        gc.freeze()
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            plan_signal(book, signal, given, books.START_NS)
            taken.append((time.perf_counter() - began) * 1e3)
        gc.unfreeze()
        pairs = len(plan.correlation.pairs) if plan.correlation else 0
        made.append(
            (
                f"{accounts:,}",
                f"{median(taken):.1f}",
                f"{min(taken):.1f}",
                f"{median(taken) * 1e3 / accounts:.1f}",
                str(len(plan.allocations)),
                str(pairs),
            )
        )
    return made


HEADER = ("accounts", "ms median", "ms least", "µs/account", "chosen", "pairs")


def main() -> None:
    """Print the table."""
    show("A full plan, 30 symbols", HEADER, rows())


if __name__ == "__main__":
    main()
