"""The same inputs give the same bytes: in any process, on any processor, from the journal."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from stretto.bootstrap import EntryCodec
from stretto.core.book import Book
from stretto.core.terms.signal import PerAccount, Urgency
from stretto.runtime.recover import apply_entry, image_bytes, recover, snapshot_of
from tests.builders import START, S, a_config, a_signal
from tests.scripted_venue import ScriptedVenue
from tests.session import ENGINE, MovingClock, play, redecide, sqlite

# OpenBLAS chooses its kernels by these names; the order of its sums differs between them.
ENVIRONMENTS = [
    {"PYTHONHASHSEED": "0", "OPENBLAS_CORETYPE": "Prescott"},
    {"PYTHONHASHSEED": "1", "OPENBLAS_CORETYPE": "Haswell"},
    {"PYTHONHASHSEED": "4711", "OPENBLAS_CORETYPE": "SkylakeX"},
]


def small_session(path: Path) -> str:
    """Six accounts that conflict in part, three signals, fills and silence; the chain's head."""
    clock = MovingClock(START)
    ways = ("fill", "part", "reject", "silent", "lost", "fill")
    venue = ScriptedVenue(clock, lambda c: ways[int(c.account_id[1])])
    arrivals = [
        (
            START + second * S,
            a_signal(
                f"s{second}", START + second * S, size=PerAccount(quantity=Decimal(150_000)),
                urgency=Urgency.IMMEDIATE if second == 3 else Urgency.NORMAL,
                symbol="GBPUSD" if second == 9 else "EURUSD",
            ),
        )
        for second in (1, 3, 9)
    ]  # fmt: skip
    play(sqlite(path), venue, clock, a_config(6), arrivals, ends_at=START + 150 * S)
    journal = sqlite(path)
    journal.open()
    try:
        seq, head = journal.head
    finally:
        journal.close()
    return f"{seq} {head.hex()}"


@pytest.mark.timeout(120)
def test_the_journal_is_the_same_bytes_in_any_process(tmp_path: Path, repository: Path) -> None:
    heads = []
    for number, environment in enumerate(ENVIRONMENTS):
        result = subprocess.run(
            [sys.executable, "-m", "tests.acceptance.test_replay", str(tmp_path / f"{number}")],
            env={**os.environ, **environment, "PYTHONPATH": f"src{os.pathsep}."},
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        heads.append(result.stdout.strip())
    assert heads == [small_session(tmp_path / "here")] * len(ENVIRONMENTS)
    assert int(heads[0].split()[0]) > 40


def test_a_journal_replayed_says_and_gives_what_was_lived(tmp_path: Path) -> None:
    path = tmp_path / "book"
    small_session(path)
    codec, journal = EntryCodec("book"), sqlite(path)
    journal.open()
    try:
        for entry, events in redecide(journal, codec):
            assert events == entry.events
        book = recover(journal, codec, ENGINE)
        middle = list(journal.read(limit=25))[-1]
        # a snapshot half-way, then the rest: the same book
        half = Book()
        for stored in journal.read(limit=25):
            apply_entry(half, codec.restore(stored))
        journal.save_snapshot(snapshot_of(half, middle.hash, ENGINE))
        assert image_bytes(recover(journal, codec, ENGINE)) == image_bytes(book)
    finally:
        journal.close()


if __name__ == "__main__":
    sys.stdout.write(small_session(Path(sys.argv[1])) + "\n")
