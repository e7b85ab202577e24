"""Orders through their whole life, every event durable on SQLite and projected.

Intent, sent, acknowledged, filled; against the zero-latency simulated venue, on one core. Target:
≥ 3,000 orders a second beside planning; signal to first order with urgency immediate: p99 ≤ 5 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np

from bench import books
from bench.scale import scaled
from bench.table import show
from stretto import bootstrap
from stretto.brokers.sim_config import frictionless
from stretto.core import events as ev
from stretto.core.release import intake
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import BookConfig, Policy
from stretto.core.terms.signal import GroupAccounts, ListedAccounts, Urgency
from stretto.core.values import NS_PER_S, PPM
from stretto.market.feed import SeriesMarket
from stretto.market.series import QuoteSeries
from stretto.runtime.clock import LoopClock, VirtualTimeLoop
from stretto.runtime.collector import collecting_rarely
from stretto.runtime.writer import Writer

SYMBOLS = 4
LATENCY_ACCOUNTS = 400
ACCOUNTS = 2_000
SIGNALS = scaled(200, 20)
LATENCY_SIGNALS = scaled(400, 100)
RUNS = scaled(3, 1)


def _market() -> SeriesMarket:
    """One quote a second at one price, from an hour before the start."""
    count = 7_200
    at_ns = np.arange(count, dtype=np.int64) * NS_PER_S + books.START_NS - 3_600 * NS_PER_S
    flat = np.ones(count, dtype=np.int64)
    return SeriesMarket(
        {
            name: QuoteSeries(name, at_ns, flat * 100_000, flat * 100_010, 5)
            for name in books.symbols(SYMBOLS)
        }
    )


class _Bench:
    """A session driven by hand: virtual time that stands still, a real journal."""

    def __init__(self, db: Path, config: BookConfig) -> None:
        self.config = config
        self.loop = VirtualTimeLoop(books.START_NS)
        self.clock = LoopClock(self.loop)
        self.market = _market()
        scenario = bootstrap.Scenario(
            config=config,
            market=self.market,
            venues={"sim": frictionless("sim")},
            balances={name: Decimal(1_000_000) for name in config.accounts},
            arrivals=(),
            starts_at=books.START_NS,
            ends_at=None,
            seed=1,
        )
        self.venues = bootstrap.venues_of(scenario, self.clock)
        self.db = db

    def run(self, opened: bootstrap.OpenBook, work: Any) -> Any:
        """Run ``work(writer)`` beside the writer."""
        writer = Writer(
            book=opened.book,
            journal=opened.journal,
            codec=opened.codec,
            projector=opened.projector,
            brokers=tuple(self.venues.values()),
            market=self.market,
            clock=self.clock,
        )

        async def session() -> Any:
            await writer.connect()
            task = self.loop.create_task(writer.run())
            writer.post(ev.BookOpened(config=self.config))
            writer.post(ev.CalendarObserved(table=books.SESSIONS))
            for name, closes in books.bars(SYMBOLS).items():
                writer.post(ev.BarsObserved(symbol=name, bars=closes))
            for account_id in self.config.accounts:
                snapshot = await self.venues["sim"].snapshot(account_id)
                writer.post(books.first_view(snapshot))
            await _settled(writer)
            result = await work(writer)
            writer.stop()
            await task
            return result

        try:
            with collecting_rarely():  # as a session does
                return self.loop.run_until_complete(session())
        finally:
            self.loop.close()


async def _settled(writer: Writer) -> None:
    while not writer.idle or writer.book.timers.next_at() is not None:
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def throughput(accounts: int = ACCOUNTS, signals: int = SIGNALS) -> tuple[str, ...]:
    """(orders, seconds, seconds of planning, orders/s beside it, orders/s in all, entries)."""
    config = books.config(accounts, SYMBOLS, Policy(correlation_threshold=PPM))
    groups = accounts // 50
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder) / "bench.sqlite", config)
        with bootstrap.open_book(bench.db, "bench", create=True) as opened:

            async def work(writer: Writer) -> float:
                began = time.perf_counter()
                for number in range(signals):
                    writer.post(
                        ev.SignalReceived(
                            signal=books.signal(
                                number,
                                books.symbols(SYMBOLS)[number % SYMBOLS],
                                quantity=10_000,
                                urgency=Urgency.IMMEDIATE,
                                accounts=GroupAccounts(group=f"group-{number % groups:03d}"),
                            )
                        )
                    )
                await _settled(writer)
                return time.perf_counter() - began

            with _planning() as spent:
                seconds = bench.run(opened, work)
            planning = sum(spent)
            orders = len(opened.book.orders)
            entries = opened.journal.head[0]
    return (
        f"{orders:,}",
        f"{seconds:.2f}",
        f"{planning:.2f}",
        f"{orders / (seconds - planning):,.0f}",
        f"{orders / seconds:,.0f}",
        f"{entries:,}",
    )


@contextlib.contextmanager
def _planning() -> Iterator[list[float]]:
    """Seconds that each plan took; what it changes in the book, and the orders that it sends at
    once, are not among them.
    """
    spent: list[float] = []
    make = intake.plan_signal

    def timed(*arguments: Any) -> Plan:
        began = time.perf_counter()
        plan = make(*arguments)
        spent.append(time.perf_counter() - began)
        return plan

    intake.plan_signal = timed  # type: ignore[assignment]
    try:
        yield spent
    finally:
        intake.plan_signal = make


def latency(signals: int = LATENCY_SIGNALS) -> tuple[str, ...]:
    """(signals, accounts each, ms median, p99, worst): posting to the first order at the broker."""
    config = books.config(LATENCY_ACCOUNTS, SYMBOLS, Policy(correlation_threshold=PPM))
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder) / "bench.sqlite", config)
        with bootstrap.open_book(bench.db, "bench", create=True) as opened:
            taken: list[float] = []

            async def work(writer: Writer) -> None:
                venue = bench.venues["sim"]
                arrived: list[float] = []
                send = venue.send

                async def noticed(command: Any) -> Any:
                    arrived.append(time.perf_counter())
                    return await send(command)

                venue.send = noticed  # type: ignore[method-assign]
                names = sorted(config.accounts)
                for number in range(signals):
                    arrived.clear()
                    listed = tuple(names[(number * 5 + k) % len(names)] for k in range(5))
                    began = time.perf_counter()
                    writer.post(
                        ev.SignalReceived(
                            signal=books.signal(
                                number,
                                books.symbols(SYMBOLS)[number % SYMBOLS],
                                quantity=1_000,
                                urgency=Urgency.IMMEDIATE,
                                accounts=ListedAccounts(account_ids=listed),
                            )
                        )
                    )
                    await _settled(writer)
                    taken.append((arrived[0] - began) * 1e3)

            bench.run(opened, work)
    cuts = quantiles(taken, n=100)
    return (
        str(signals),
        "5",
        f"{median(taken):.2f}",
        f"{cuts[98]:.2f}",
        f"{max(taken):.2f}",
    )


def main() -> None:
    """Print both tables."""
    show(
        "Whole order lives, durable and projected (SQLite, synchronous=FULL)",
        ("orders", "s", "s planning", "orders/s beside planning", "orders/s in all", "entries"),
        [throughput() for _ in range(RUNS)],
    )
    show(
        "Signal to first order at the broker, urgency immediate, durable",
        ("signals", "accounts each", "ms median", "ms p99", "ms worst"),
        [latency()],
    )


if __name__ == "__main__":
    main()
