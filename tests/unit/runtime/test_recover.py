"""A book from its journal: with a snapshot, without one, with one that does not belong to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from stretto.bootstrap import EntryCodec
from stretto.core.errors import InvariantViolated
from stretto.journal.memory import MemoryJournal
from stretto.journal.sqlite import SqliteJournal
from stretto.ports import Snapshot
from stretto.runtime.recover import apply_entry, image_bytes, recover, snapshot_of
from tests.builders import START, Desk, S
from tests.builders import a_signal as a_signal_of
from tests.session import redecide

ENGINE = "1"
CODEC = EntryCodec("book")


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.order()
    desk.plan(a_signal_of("second", desk.now))
    return desk


@pytest.fixture
def journal(desk: Desk, tmp_path: Path) -> Iterator[SqliteJournal]:
    with contextlib.closing(SqliteJournal(tmp_path / "book.sqlite", "book")) as journal:
        journal.open()
        journal.append([CODEC.prepare(entry) for entry in desk.entries])
        yield journal


def test_without_a_snapshot_every_entry_is_applied(desk: Desk, journal: SqliteJournal) -> None:
    book = recover(journal, CODEC, ENGINE)
    assert image_bytes(book) == image_bytes(desk.book)
    assert dict(book.timers) == dict(desk.book.timers)


def kept(journal: SqliteJournal, upto: int, engine_version: str = ENGINE) -> Snapshot:
    """A snapshot after the entry ``upto``, as a running writer would have taken it."""
    memory = MemoryJournal("book")
    memory.open()
    stored = list(journal.read(limit=upto))
    entries = [CODEC.restore(each) for each in stored]
    memory.append([CODEC.prepare(entry) for entry in entries])
    return snapshot_of(recover(memory, CODEC, ENGINE), stored[-1].hash, engine_version)


def test_a_snapshot_saves_the_entries_before_it(desk: Desk, journal: SqliteJournal) -> None:
    journal.save_snapshot(kept(journal, 8))
    restored = 0

    class Counting:
        def restore(self, stored: object) -> object:
            nonlocal restored
            restored += 1
            return CODEC.restore(stored)  # type: ignore[arg-type]

    book = recover(journal, Counting(), ENGINE)  # type: ignore[arg-type]
    assert image_bytes(book) == image_bytes(desk.book)
    assert restored == len(desk.entries) - 8
    assert dict(book.timers) == dict(desk.book.timers)
    assert book.scheduled == desk.book.scheduled
    assert book.entering == desk.book.entering


@pytest.mark.parametrize("fault", ["engine", "hash", "blob", "shape", "none"])
def test_a_snapshot_that_does_not_fit_is_ignored(
    desk: Desk, journal: SqliteJournal, fault: str
) -> None:
    snapshot = kept(journal, 8)
    wrong = {
        "engine": msgspec.structs.replace(snapshot, engine_version="2"),
        "hash": msgspec.structs.replace(snapshot, hash=bytes(32)),
        "blob": msgspec.structs.replace(snapshot, blob=snapshot.blob[:-5]),
        "shape": msgspec.structs.replace(snapshot, blob=msgspec.msgpack.encode({"seq": 1})),
        "none": msgspec.structs.replace(snapshot, seq=0, hash=bytes(32)),
    }[fault]
    journal.save_snapshot(wrong)
    assert image_bytes(recover(journal, CODEC, ENGINE)) == image_bytes(desk.book)


def test_deciding_anew_says_what_was_journaled(desk: Desk, journal: SqliteJournal) -> None:
    compared = list(redecide(journal, CODEC))
    assert [entry.seq for entry, _ in compared] == list(range(1, len(desk.entries) + 1))
    assert all(entry.events == events for entry, events in compared)


def test_entries_out_of_order_or_back_in_time_are_refused(desk: Desk) -> None:
    last = desk.entries[-1]
    with pytest.raises(InvariantViolated, match="cannot follow"):
        apply_entry(desk.book, last)
    following = msgspec.structs.replace(last, seq=last.seq + 1, at=START - S)
    with pytest.raises(InvariantViolated, match="would fall"):
        apply_entry(desk.book, following)
