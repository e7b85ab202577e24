"""The write-ahead log of a journal: moved into the database beside the writer, and kept short."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from stretto.journal import sqlite_file
from stretto.journal.sqlite_file import LOG_BYTES
from tests.journal_files import entries, entry, opened


def test_the_log_is_moved_into_the_database_beside_the_writer_once_it_is_worth_it(
    path: Path,
) -> None:
    with opened(path) as journal:
        journal.append(entries(1, 10))
        before = path.stat().st_size
        assert journal.head[0] == 10, "whatever uses the journal waits for what moves the log"
        assert path.stat().st_size == before, "little was written: the log may wait"
        journal.append(entries(11, 300, size=4_000))
        assert journal.head[0] == 300
        assert path.stat().st_size > before + 1_000_000
        journal.append([entry(301)])
        assert journal.verify().entries == 301


def test_after_the_first_time_the_log_is_moved_when_the_writer_rests(path: Path) -> None:
    with opened(path) as journal:
        journal.append(entries(1, 40, size=4_000))
        assert journal.head[0] == 40
        moved = path.stat().st_size
        journal.append(entries(41, 100, size=4_000))
        journal.rest()
        assert (journal.head[0], path.stat().st_size) == (100, moved), "it may wait"
        journal.append(entries(101, 200, size=4_000))
        assert (journal.head[0], path.stat().st_size) == (200, moved), "no rest came"
        journal.rest()
        assert journal.head[0] == 200
        assert path.stat().st_size > moved + 400_000
        journal.append(entries(201, 300, size=4_000))
        assert journal.verify().entries == 300
    journal.rest()  # closed: there is nothing to do


def test_a_log_that_could_not_be_moved_keeps_everything(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[str] = []

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if "wal_checkpoint(PASSIVE)" in sql:
                failed.append(sql)
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *values)

    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: plain(*a, factory=Failing, **k))
    with opened(path) as journal:
        journal.append(entries(1, 300, size=4_000))
        journal.append([entry(301)])
        assert journal.verify().entries == 301
    assert failed


def test_once_the_log_was_moved_commits_do_not_make_it_longer(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    with opened(path) as journal:
        journal.append(entries(1, 40, size=4_000))
        assert journal.head[0] == 40
        roomy = log.stat().st_size
        assert roomy == LOG_BYTES
        for seq in range(41, 141):
            journal.append([entry(seq, size=4_000)])
        assert log.stat().st_size == roomy
        left = path.with_name("left.sqlite")  # what a kill would leave
        shutil.copy(path, left)
        shutil.copy(log, left.with_name(left.name + "-wal"))
    with opened(left) as found:
        assert found.head[0] == 140
        assert found.verify().intact


def test_a_log_that_is_begun_anew_keeps_what_a_reader_still_reads(path: Path) -> None:
    with opened(path) as journal:
        journal.append(entries(1, 20, size=4_000))
        with contextlib.closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            count = "SELECT count(*) FROM journal_entries"
            assert reader.execute(count).fetchone() == (20,)
            journal.append(entries(21, 80, size=4_000))
            assert journal.head[0] == 80
            assert path.with_name(path.name + "-wal").stat().st_size == LOG_BYTES
            journal.append([entry(81)])
            assert reader.execute(count).fetchone() == (20,)
            reader.execute("COMMIT")
            assert reader.execute(count).fetchone() == (81,)
        assert journal.verify().intact


def test_no_room_is_made_on_a_disk_that_has_little(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "DISK_FREE_BYTES", 1 << 60)
    with opened(path) as journal:
        journal.append(entries(1, 40, size=4_000))
        assert journal.head[0] == 40
        assert path.with_name(path.name + "-wal").stat().st_size < 1 << 20
        journal.append([entry(41)])
        assert journal.verify().entries == 41
