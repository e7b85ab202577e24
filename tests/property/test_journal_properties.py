"""The journal's laws over any history: one chain whatever the storage, and no byte unguarded."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.core.errors import JournalUnavailable
from stretto.journal.chain import GENESIS, StoredRow, entry_hash, examine
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.journal.sqlite import SqliteJournal
from stretto.journal.steps import AppendStep
from stretto.ports import EntryHeader, PreparedEntry

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
drafts = st.builds(
    lambda step, kind, account, payload: (step, kind, account, payload),
    st.integers(0, 10**12),
    text,
    text,
    st.binary(max_size=80),
)
batches = st.lists(st.lists(drafts, max_size=5), max_size=8)


def prepare(batch: list[tuple[int, str, str, bytes]], seq: int, at: int) -> list[PreparedEntry]:
    prepared = []
    for step, kind, account, payload in batch:
        seq, at = seq + 1, at + step
        header = EntryHeader(
            book_id="main",
            seq=seq,
            at=at,
            kind=kind,
            version=1,
            engine_version="0.1.0",
            account_id=account,
        )
        prepared.append(PreparedEntry(header=header, payload=payload))
    return prepared


class Interrupted:
    """An observer that fails the append at the step it is armed with."""

    def __init__(self) -> None:
        self.step: AppendStep | None = None

    def __call__(self, step: AppendStep) -> None:
        if step is self.step:
            self.step = None
            raise OSError(5, "Input/output error")


@given(
    batches,
    st.lists(st.sampled_from(["go", "reopen", *AppendStep]), min_size=8, max_size=8),
)
@settings(max_examples=40)
def test_any_sequence_of_appends_failures_and_reopenings_gives_one_chain(
    history: list[list[tuple[int, str, str, bytes]]], happenings: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        disk_fault, memory_fault = Interrupted(), Interrupted()
        disk = SqliteJournal(Path(directory) / "book.sqlite", "main", observer=disk_fault)
        memory = MemoryJournal("main", MemoryStore(), observer=memory_fault)
        disk.open()
        memory.open()
        at = 0
        for batch, happening in zip(history, happenings, strict=False):
            prepared = prepare(batch, memory.head[0], at)
            if isinstance(happening, AppendStep):
                for journal, fault in ((disk, disk_fault), (memory, memory_fault)):
                    fault.step = happening
                    with contextlib.suppress(JournalUnavailable):
                        journal.append(prepared)
                    fault.step = None
                    journal.close()
                    journal.open()
                survives = happening is AppendStep.COMMITTED
            else:
                disk.append(prepared)
                memory.append(prepared)
                if happening == "reopen":
                    disk.close()
                    disk.open()
                survives = True
            if survives and prepared:
                at = prepared[-1].header.at
            assert disk.head == memory.head
        assert list(disk.read()) == list(memory.read())
        assert disk.verify(memory.head).intact
        disk.close()
        memory.close()


def stored_rows(history: list[list[tuple[int, str, str, bytes]]]) -> list[StoredRow]:
    store = MemoryStore()
    journal = MemoryJournal("main", store)
    journal.open()
    at = 0
    for batch in history:
        prepared = prepare(batch, journal.head[0], at)
        journal.append(prepared)
        at = prepared[-1].header.at if prepared else at
    journal.close()
    return store.rows["main"]


@given(st.lists(st.lists(drafts, min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_flipping_any_stored_bit_is_found_at_its_entry(
    history: list[list[tuple[int, str, str, bytes]]], data: st.DataObject
) -> None:
    rows = stored_rows(history)
    index = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from([c for c in (1, 2, 3) if rows[index][c]]))
    cell = rows[index][column]
    assert isinstance(cell, bytes)
    place = data.draw(st.integers(0, len(cell) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = list(rows[index])
    changed[column] = cell[:place] + bytes([cell[place] ^ (1 << bit)]) + cell[place + 1 :]
    seq, header, payload, stored = changed
    damaged: list[StoredRow] = [
        *rows[:index],
        (seq, header, payload, stored),  # type: ignore[list-item]
        *rows[index + 1 :],
    ]
    found = examine(damaged, "main")
    assert found.bad_seq == rows[index][0]
    assert found.entries == index
    assert found.problem


@given(st.lists(st.lists(drafts, min_size=1, max_size=4), min_size=2, max_size=4), st.data())
def test_removing_doubling_or_moving_any_entry_is_found(
    history: list[list[tuple[int, str, str, bytes]]], data: st.DataObject
) -> None:
    rows = stored_rows(history)
    change = data.draw(st.sampled_from(["remove", "double", "move"]))
    index = data.draw(st.integers(0, len(rows) - 2))
    other = data.draw(st.integers(index + 1, len(rows) - 1))
    changed = list(rows)
    if change == "remove":
        del changed[index]
    elif change == "double":
        changed.insert(index, rows[index])
    else:
        changed[index] = (rows[index][0], *rows[other][1:])
        changed[other] = (rows[other][0], *rows[index][1:])
    found = examine(changed, "main")
    assert not found.intact
    assert found.bad_seq == (index + 2 if change == "double" else index + 1)


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 40))
def test_moving_bytes_between_header_and_payload_changes_the_hash(
    header: bytes, payload: bytes, moved: int
) -> None:
    joined = header + payload
    cut = min(moved, len(joined))
    if cut != len(header):
        assert entry_hash(GENESIS, joined[:cut], joined[cut:]) != entry_hash(
            GENESIS, header, payload
        )


@given(st.data())
@settings(max_examples=25)
def test_flipping_any_bit_of_a_stored_cell_on_disk_is_found(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "book.sqlite"
        journal = SqliteJournal(path, "main")
        journal.open()
        journal.append(prepare([(1, "k", "a", b'{"n":%d}' % n) for n in range(6)], 0, 0))
        journal.close()
        seq = data.draw(st.integers(1, 6))
        column = data.draw(st.sampled_from(["header", "payload", "hash"]))
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            query = f"SELECT {column} FROM journal_entries WHERE seq = ?"
            cell = connection.execute(query, (seq,)).fetchone()[0]
            bit = data.draw(st.integers(0, len(cell) * 8 - 1))
            flipped = bytearray(cell)
            flipped[bit // 8] ^= 1 << bit % 8
            connection.execute(
                f"UPDATE journal_entries SET {column} = ? WHERE seq = ?", (bytes(flipped), seq)
            )
        reader = SqliteJournal(path, "main", read_only=True)
        reader.open()
        assert reader.verify().bad_seq == seq
        reader.close()
