"""The journal on disk: entries appended durably by batch size, verification, size per entry.

``python -m bench journal`` prints the table. Every append is one transaction with
``synchronous=FULL``; payloads have the size of an execution report with its events.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.scale import scaled
from stretto.journal.chain import Head, link
from stretto.journal.codec import PayloadCodec
from stretto.journal.sqlite import SqliteJournal
from stretto.ports import EntryHeader, PreparedEntry

ENTRIES = scaled(20_000, 4_000)
RUNS = scaled(3, 1)
BATCHES = (1, 8, 64, 256)
START_NS = 1_718_000_000_000_000_000


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """What a venue said, in the size that an execution report has."""

    client_order_id: str
    exec_id: str
    cum_qty: str
    price: str
    transact_at: int
    text: str


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A payload: an input and its events."""

    input: Report
    events: tuple[Report, ...]
    reads: dict[str, str] = {}


def body(seq: int) -> Body:
    """A payload of about 600 bytes."""
    report = Report(
        client_order_id="AAAABBBBCCCCDDDDEEEE",
        exec_id=f"x{seq}",
        cum_qty="100000.00",
        price="1.08501",
        transact_at=START_NS + seq,
        text="filled at the touch",
    )
    return Body(input=report, events=(report, report), reads={"mid": "1.085005"})


def prepared(count: int) -> list[PreparedEntry]:
    """Entries 1 to ``count``, payloads encoded."""
    encode = PayloadCodec(Body, {"report": 1}).encode
    return [
        PreparedEntry(
            header=EntryHeader(
                book_id="main",
                seq=seq,
                at=START_NS + seq,
                kind="report",
                version=1,
                engine_version="0.1.0",
                execution_id="ABCDEFGHIJKLMNOP",
                account_id="ftmo-07",
            ),
            payload=encode(body(seq)),
        )
        for seq in range(1, count + 1)
    ]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def append_all(path: Path, entries: list[PreparedEntry], batch: int) -> float:
    """Append in batches to a new journal; gives seconds."""
    journal = SqliteJournal(path, "main")
    journal.open()

    def work() -> None:
        for start in range(0, len(entries), batch):
            journal.append(entries[start : start + batch])

    spent = seconds(work)
    assert journal.head[0] == len(entries)
    journal.close()
    return spent


def measure() -> list[tuple[str, float, str]]:
    """Rows of the table: what, median, unit."""
    entries = prepared(ENTRIES)
    rows: list[tuple[str, float, str]] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        path = Path(directory) / "book.sqlite"
        for batch in BATCHES:
            part = entries[: min(ENTRIES, batch * 1_000)]
            rates = []
            for run in range(RUNS):
                path = Path(directory) / f"{batch}-{run}.sqlite"
                rates.append(len(part) / append_all(path, part, batch))
            rows.append((f"append, {batch} a transaction", statistics.median(rates), "entries/s"))
        size = path.stat().st_size / ENTRIES
        rows += verification(path)
        rows.append(("size on disk", size, "bytes/entry"))
    spent = statistics.median(seconds(lambda: link("main", Head(), entries)) for _ in range(RUNS))
    rows.append(("header and hash, in memory", spent / ENTRIES * 1e6, "µs/entry"))
    return rows + decoding(entries)


def verification(path: Path) -> list[tuple[str, float, str]]:
    """Verification of a whole journal, read from disk."""
    journal = SqliteJournal(path, "main", read_only=True)
    journal.open()
    spent = []
    for _ in range(RUNS):
        spent.append(seconds(journal.verify))
        assert journal.verify().entries == ENTRIES
    journal.close()
    return [("verify", ENTRIES / statistics.median(spent), "entries/s")]


def decoding(entries: list[PreparedEntry]) -> list[tuple[str, float, str]]:
    """Typed decoding of payloads."""
    codec = PayloadCodec(Body, {"report": 1})
    payloads = [entry.payload for entry in entries]

    def work() -> None:
        for payload in payloads:
            codec.decode(payload, "report", 1)

    spent = statistics.median(seconds(work) for _ in range(RUNS)) / len(payloads) * 1e6
    return [
        ("payload", statistics.mean(map(len, payloads)), "bytes"),
        ("decode a payload", spent, "µs/entry"),
    ]


def main() -> None:
    """Print the table."""
    table = Table(title="Journal on SQLite, WAL, synchronous=FULL")
    table.add_column("what")
    table.add_column("median", justify="right")
    table.add_column("unit")
    for what, median, unit in measure():
        table.add_row(what, f"{median:,.0f}" if median >= 100 else f"{median:.2f}", unit)
    Console().print(table)


if __name__ == "__main__":
    main()
