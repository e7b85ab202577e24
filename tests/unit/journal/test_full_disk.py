"""A full disk, simulated for real: the book stops with one message and loses nothing."""

from __future__ import annotations

import resource
import signal
import sqlite3
from pathlib import Path

import pytest

from stretto.core.errors import JournalUnavailable
from stretto.journal.snapshot import SnapshotNotKept
from stretto.journal.sqlite import SqliteJournal
from stretto.ports import Snapshot
from tests.journal_files import entries, entry, opened, written


def append_until_refused(journal: SqliteJournal, durable: list[int]) -> None:
    """Append batch after batch; ``durable`` ends with the last sequence that was acknowledged."""
    for _ in range(2_000):
        seq = journal.head[0]
        durable.append(seq)
        journal.append(entries(seq + 1, seq + 3))


def test_a_full_database_stops_the_book_and_loses_nothing(path: Path) -> None:
    def limit(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 20}")

    durable: list[int] = []
    with opened(path) as journal:
        journal.append(entries(1, 10), limit)
        with pytest.raises(JournalUnavailable, match="disk is full") as caught:
            append_until_refused(journal, durable)
        assert str(path) in str(caught.value)
        journal.open()
        assert journal.head[0] == durable[-1]
        journal.append(entries(durable[-1] + 1, durable[-1] + 50))
        assert journal.verify().intact


@pytest.mark.parametrize("room", [20_000, 60_000, 150_000])
def test_a_file_that_cannot_grow_stops_the_book_and_loses_nothing(path: Path, room: int) -> None:
    """A limit on file size (RLIMIT_FSIZE) meets the write-ahead log as a full disk would."""
    written(path, 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = SqliteJournal(path, "main")
    journal.open()
    durable: list[int] = []
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(JournalUnavailable, match=r"disk (is full|failed)") as caught:
            append_until_refused(journal, durable)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
        journal.close()
    assert str(path) in str(caught.value)
    with opened(path) as again:
        assert again.head[0] in (durable[-1], durable[-1] + 3)
        assert again.verify().entries == again.head[0]
        assert again.verify().intact
        again.append([entry(again.head[0] + 1)])


def test_room_that_cannot_be_made_for_the_log_is_given_back(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    with opened(path) as journal:
        journal.append(entries(1, 200))
        before, empty = log.stat().st_size, path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (before + 500_000, hard))
        try:
            journal.append(entries(201, 400))
            assert journal.head[0] == 400, "waits for what moves the log"
            assert log.stat().st_size < before + 400_000
            assert path.stat().st_size > empty, "the log was moved"
            journal.append([entry(401)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert journal.verify().entries == 401


def test_a_snapshot_that_does_not_fit_keeps_the_old_one_and_the_book_running(path: Path) -> None:
    with opened(path) as journal:
        journal.append([entry(1)])
        seq, head_hash = journal.head
        kept = Snapshot(seq=seq, hash=head_hash, engine_version="0.1.0", blob=b"small")
        journal.save_snapshot(kept)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(SnapshotNotKept, match="snapshot not kept"):
                journal.save_snapshot(
                    Snapshot(seq=seq, hash=head_hash, engine_version="0.1.0", blob=bytes(200_000))
                )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        assert journal.load_snapshot() == kept
        assert not list(path.parent.glob("*.new"))
        journal.append([entry(2)])
