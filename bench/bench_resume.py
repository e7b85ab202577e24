"""Resume and replay: 10,000 open orders in a journal of 1,000,000 entries.

Targets: resume ≤ 5 s (a disposable snapshot and the entries after it); replay with verification of
the hash chain ≥ 50,000 entries a second; memory ≤ 5 KB an open order.
"""

from __future__ import annotations

import gc
import tempfile
import time
import tracemalloc
from decimal import Decimal
from pathlib import Path

from bench import books
from bench.scale import scaled
from bench.table import show
from stretto import __version__, bootstrap
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.engine import decide
from stretto.core.evolve import begin, evolve, finish
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.market import Reads
from stretto.core.terms.policy import Policy
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.signal import GroupAccounts
from stretto.core.values import NS_PER_MS, PPM, ZERO
from stretto.journal.sqlite import SqliteJournal
from stretto.runtime.recover import apply_entry, recover, snapshot_of

ENTRIES = scaled(1_000_000, 40_000)
ORDERS = scaled(10_000, 1_000)
TAIL = scaled(50_000, 2_000)
SYMBOLS = 4
BATCH = 1_000
ACCOUNTS = 2_000


class _Filler:
    """Handles inputs and appends their entries in batches, without query tables."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.book = Book()
        self.journal = journal
        self._codec = bootstrap.EntryCodec("bench")
        self._batch: list[ev.Entry] = []

    def handle(self, item: ev.Input, reads: Reads, at_ns: int) -> tuple[ev.Event, ...]:
        """Decide, evolve and journal one input."""
        book = self.book
        at_ns = max(at_ns, book.at)
        events = decide(book, item, reads, at_ns)
        if events:
            begin(book, book.seq + 1, at_ns)
            for event in events:
                evolve(book, event)
            finish(book)
            entry = ev.Entry(seq=book.seq, at=at_ns, input=item, reads=reads, events=events)
            self._batch.append(entry)
            if len(self._batch) == BATCH:
                self.flush()
        return events

    def flush(self) -> None:
        """Append what waits."""
        self.journal.append([self._codec.prepare(entry) for entry in self._batch])
        self._batch.clear()


def _open_orders(filler: _Filler) -> None:
    """ORDERS acknowledged limit-like orders: intended, sent, new, and left working."""
    reads = books.reads(SYMBOLS)
    at_ns = books.START_NS
    signals = ORDERS // 50
    for number in range(signals):
        group = GroupAccounts(group=f"group-{number % (ACCOUNTS // 50):03d}")
        signal = books.signal(
            number, books.symbols(SYMBOLS)[number % SYMBOLS], quantity=10_000, accounts=group
        )
        filler.handle(ev.SignalReceived(signal=signal), reads, at_ns)
    while (due_at := filler.book.timers.next_at()) is not None:
        key, _ = filler.book.timers.due(due_at, 1)[0]
        kind, _, name = key.partition(":")
        if kind != ev.TimerKind.RELEASE:
            break
        timer = ev.TimerDue(timer=ev.TimerKind.RELEASE, key=name, due_at=due_at)
        fresh = books.reads(SYMBOLS, due_at)
        for event in filler.handle(timer, fresh, due_at):
            if isinstance(event, ev.OrderIntended):
                _acknowledge(filler, event, due_at + NS_PER_MS)


def _acknowledge(filler: _Filler, event: ev.OrderIntended, at_ns: int) -> None:
    order = event.order
    sent = ev.SendReported(
        client_order_id=order.client_order_id, outcome=ev.SendOutcomeKind.SENT, sent_at=at_ns
    )
    filler.handle(sent, Reads(), at_ns)
    report = ExecutionReport(
        client_order_id=order.client_order_id,
        account_id=order.account_id,
        exec_id=order.client_order_id,
        exec_type=ExecType.NEW,
        ord_status=OrdStatus.NEW,
        cum_qty=ZERO,
        leaves_qty=order.quantity,
        avg_px=ZERO,
        order_qty=order.quantity,
        trading_day="2024-03-15",
        transact_at=at_ns,
    )
    filler.handle(ev.VenueReported(report=report), Reads(), at_ns)


def _snapshots(filler: _Filler, until_seq: int) -> None:
    names = sorted(filler.book.configuration.accounts)
    number = 0
    while filler.book.seq < until_seq:
        at_ns = filler.book.at + NS_PER_MS
        snapshot = AccountSnapshot(
            account_id=names[number % len(names)],
            at=at_ns,
            balance=Decimal(1_000_000),
            equity=Decimal(1_000_000 + number % 1_000),
            margin_used=ZERO,
        )
        item: ev.Input = ev.AccountObserved(snapshot=snapshot)
        if snapshot.account_id not in filler.book.reconciled:
            item = books.first_view(snapshot)
        filler.handle(item, Reads(), at_ns)
        number += 1


def _fill(journal: SqliteJournal, entries: int) -> tuple[Book, int]:
    """A journal of ``entries`` with a snapshot TAIL before its end; bytes an open order."""
    filler = _Filler(journal)
    config = books.config(ACCOUNTS, SYMBOLS, Policy(correlation_threshold=PPM))
    filler.handle(ev.BookOpened(config=config), Reads(), books.START_NS)
    filler.handle(ev.CalendarObserved(table=books.SESSIONS), Reads(), books.START_NS)
    for name, closes in books.bars(SYMBOLS).items():
        filler.handle(ev.BarsObserved(symbol=name, bars=closes), Reads(), books.START_NS)
    _snapshots(filler, ACCOUNTS + 10)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _open_orders(filler)
    filler.flush()
    filler.book.cache.clear()
    gc.collect()
    held = (tracemalloc.get_traced_memory()[0] - before) // max(1, len(filler.book.orders))
    tracemalloc.stop()
    _snapshots(filler, entries - TAIL)
    filler.flush()
    journal.save_snapshot(snapshot_of(filler.book, journal.head[1], __version__))
    _snapshots(filler, entries)
    filler.flush()
    return filler.book, held


def measure(entries: int = ENTRIES) -> list[tuple[str, str, str]]:
    """(what, measured, target)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.sqlite"
        journal = SqliteJournal(path, "bench")
        journal.open()
        filled, held = _fill(journal, entries)
        orders = sum(1 for o in filled.orders.values() if not o.done_at)
        del filled
        journal.close()
        size = path.stat().st_size
        codec = bootstrap.EntryCodec("bench")
        gc.collect()

        began = time.perf_counter()
        journal = SqliteJournal(path, "bench")
        journal.open()
        recover(journal, codec, __version__)
        resumed = time.perf_counter() - began

        book = Book()
        began = time.perf_counter()
        for stored in journal.read():
            apply_entry(book, codec.restore(stored))
        replayed = entries / (time.perf_counter() - began)
        journal.close()
    return [
        ("entries / open orders", f"{entries:,} / {orders:,}", ""),
        (f"resume (snapshot + {TAIL:,} entries)", f"{resumed:.2f} s", "≤ 5 s"),
        ("replay with verification", f"{replayed:,.0f} entries/s", "≥ 50,000/s"),
        ("memory an open order", f"{held:,} bytes", "≤ 5,000 bytes"),
        ("journal", f"{size / entries:,.0f} bytes an entry", ""),
    ]


def main() -> None:
    """Print the table."""
    show("Resume and replay", ("what", "measured", "target"), measure())


if __name__ == "__main__":
    main()
