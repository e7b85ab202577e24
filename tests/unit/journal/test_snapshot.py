"""A snapshot is believed only whole, of this book, and never needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from stretto.journal.snapshot import SnapshotNotKept, read_snapshot, write_snapshot
from stretto.ports import Snapshot

SNAPSHOT = Snapshot(seq=12, hash=bytes(range(32)), engine_version="0.1.0", blob=b"state" * 50)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "book.sqlite.main.snapshot"


def test_what_was_written_is_read(file: Path) -> None:
    write_snapshot(file, "main", SNAPSHOT)
    assert read_snapshot(file, "main") == SNAPSHOT


def test_the_newer_one_replaces_the_older(file: Path) -> None:
    write_snapshot(file, "main", SNAPSHOT)
    newer = Snapshot(seq=13, hash=SNAPSHOT.hash, engine_version="0.2.0", blob=b"")
    write_snapshot(file, "main", newer)
    assert read_snapshot(file, "main") == newer
    assert list(file.parent.iterdir()) == [file]


def test_none_is_none(file: Path) -> None:
    assert read_snapshot(file, "main") is None


def test_one_of_another_book_is_none(file: Path) -> None:
    write_snapshot(file, "other", SNAPSHOT)
    assert read_snapshot(file, "main") is None


def test_a_damaged_one_is_none_wherever_the_damage_lies(file: Path) -> None:
    write_snapshot(file, "main", SNAPSHOT)
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert read_snapshot(file, "main") is None


def test_a_torn_one_is_none(file: Path) -> None:
    write_snapshot(file, "main", SNAPSHOT)
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert read_snapshot(file, "main") is None


def test_one_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(SnapshotNotKept, match=r"absent/x\.snapshot: snapshot not kept: No such"):
        write_snapshot(tmp_path / "absent" / "x.snapshot", "main", SNAPSHOT)
