"""What every journal promises, held by every journal: order, chain, all or nothing, one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from stretto.core.errors import InvariantViolated, JournalDamaged, JournalUnavailable
from stretto.journal.chain import GENESIS, ChainBroken, StoredRow, Verification, entry_hash
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.journal.sqlite import SqliteJournal
from stretto.journal.steps import AppendStep, Observer, unobserved
from stretto.ports import EntryHeader, Journal, PreparedEntry, Snapshot

BOOK = "main"


class VerifiableJournal(Journal, Protocol):
    """What both journals offer beyond the port."""

    def verify(self, expected: tuple[int, bytes] | None = None) -> Verification: ...


class World:
    """One kind of journal and the place where its entries survive a crash."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.path = directory / "book.sqlite"
        self._store = MemoryStore() if kind == "memory" else None
        self._journals: list[VerifiableJournal] = []

    def journal(self, book: str = BOOK, observer: Observer = unobserved) -> VerifiableJournal:
        journal: VerifiableJournal = (
            SqliteJournal(self.path, book, observer=observer)
            if self._store is None
            else MemoryJournal(book, self._store, observer=observer)
        )
        self._journals.append(journal)
        return journal

    def opened(self, book: str = BOOK, observer: Observer = unobserved) -> VerifiableJournal:
        journal = self.journal(book, observer)
        journal.open()
        return journal

    def rows(self) -> list[StoredRow]:
        if self._store is not None:
            return list(self._store.rows[BOOK])
        with sqlite3.connect(self.path) as connection:
            found = connection.execute(
                "SELECT seq, header, payload, hash FROM journal_entries WHERE book_id = ? "
                "ORDER BY seq",
                (BOOK,),
            ).fetchall()
        connection.close()
        return found

    def overwrite(self, rows: Sequence[StoredRow]) -> None:
        """Change what is stored behind the journal's back."""
        if self._store is not None:
            self._store.rows[BOOK] = list(rows)
            return
        with sqlite3.connect(self.path) as connection:
            connection.execute("DELETE FROM journal_entries WHERE book_id = ?", (BOOK,))
            connection.executemany(
                "INSERT INTO journal_entries VALUES (?, ?, ?, ?, ?)", [(BOOK, *row) for row in rows]
            )
        connection.close()

    def close(self) -> None:
        for journal in self._journals:
            journal.close()


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = World(request.param, tmp_path)
    yield made
    made.close()


def entry(seq: int, *, at: int | None = None, book: str = BOOK, payload: str = "") -> PreparedEntry:
    header = EntryHeader(
        book_id=book,
        seq=seq,
        at=1_000 + seq if at is None else at,
        kind="counted",
        version=1,
        engine_version="0.1.0",
        execution_id=f"E{seq}",
    )
    return PreparedEntry(header=header, payload=(payload or f'{{"n":{seq}}}').encode())


def entries(first: int, last: int) -> list[PreparedEntry]:
    return [entry(seq) for seq in range(first, last + 1)]


# --- order and chain --------------------------------------------------------------------------


def test_an_empty_journal_ends_at_the_genesis_hash(world: World) -> None:
    journal = world.opened()
    assert journal.head == (0, GENESIS)
    assert list(journal.read()) == []
    assert journal.verify().intact


def test_what_was_appended_is_read_back_in_order_and_byte_for_byte(world: World) -> None:
    journal = world.opened()
    prepared = entries(1, 7)
    journal.append(prepared[:1])
    journal.append(prepared[1:])
    stored = list(journal.read())
    assert [s.header for s in stored] == [p.header for p in prepared]
    assert [s.payload for s in stored] == [p.payload for p in prepared]
    assert journal.head == (7, stored[-1].hash)


def test_each_hash_covers_its_predecessor_and_its_stored_bytes(world: World) -> None:
    journal = world.opened()
    journal.append(entries(1, 4))
    previous = GENESIS
    for stored in journal.read():
        previous = entry_hash(previous, stored.header_bytes, stored.payload)
        assert stored.hash == previous


def test_both_journals_store_the_same_bytes(tmp_path: Path) -> None:
    heads = []
    for kind in ("memory", "sqlite"):
        world = World(kind, tmp_path)
        journal = world.opened()
        journal.append(entries(1, 3))
        journal.append(entries(4, 9))
        heads.append((journal.head, world.rows()))
        world.close()
    assert heads[0] == heads[1]


def test_reading_starts_after_a_sequence_and_stops_at_a_limit(world: World) -> None:
    journal = world.opened()
    journal.append(entries(1, 9))
    assert [s.header.seq for s in journal.read(4)] == [5, 6, 7, 8, 9]
    assert [s.header.seq for s in journal.read(4, 2)] == [5, 6]
    assert list(journal.read(9)) == []
    assert list(journal.read(0, 0)) == []


def test_reading_after_an_entry_that_is_not_there_is_an_error(world: World) -> None:
    journal = world.opened()
    journal.append(entries(1, 2))
    with pytest.raises(InvariantViolated, match="no entry 3"):
        list(journal.read(3))


def test_a_reopened_journal_continues_the_chain(world: World) -> None:
    first = world.opened()
    first.append(entries(1, 3))
    head = first.head
    first.close()
    second = world.opened()
    assert second.head == head
    second.append(entries(4, 5))
    assert second.verify().entries == 5
    assert second.verify().intact


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry(3), "3 appended where 2 is next"),
        (entry(1), "1 appended where 2 is next"),
        (entry(2, at=5), "before its predecessor"),
        (entry(2, book="other"), "book 'other' in 'main'"),
    ],
    ids=["gap", "repeated", "backwards", "other-book"],
)
def test_an_entry_that_does_not_continue_the_chain_is_refused(
    world: World, wrong: PreparedEntry, message: str
) -> None:
    journal = world.opened()
    journal.append([entry(1)])
    with pytest.raises(InvariantViolated, match=message):
        journal.append([wrong])
    assert journal.head[0] == 1
    journal.append([entry(2, at=1_001)])
    assert journal.verify().intact


def test_a_batch_with_one_wrong_entry_stores_none_of_it(world: World) -> None:
    journal = world.opened()
    with pytest.raises(InvariantViolated):
        journal.append([entry(1), entry(2), entry(2)])
    assert journal.head == (0, GENESIS)
    assert list(journal.read()) == []


def test_the_time_of_the_last_entry_binds_a_reopened_journal_too(world: World) -> None:
    first = world.opened()
    first.append([entry(1, at=5_000)])
    first.close()
    with pytest.raises(InvariantViolated, match="before its predecessor"):
        world.opened().append([entry(2, at=4_999)])


def test_books_share_a_place_and_nothing_else(world: World) -> None:
    one, two = world.opened("one"), world.opened("two")
    one.append([entry(1, book="one"), entry(2, book="one")])
    two.append([entry(1, book="two")])
    one.append([entry(3, book="one")])
    assert (one.head[0], two.head[0]) == (3, 1)
    assert [s.header.book_id for s in two.read()] == ["two"]
    assert one.verify().intact
    assert two.verify().intact


# --- one transaction, all or nothing ----------------------------------------------------------


def create_notes(connection: Any) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS notes (seq INTEGER PRIMARY KEY, text TEXT)")


def note(seq: int) -> Callable[[Any], None]:
    return lambda connection: connection.execute("INSERT INTO notes VALUES (?, 'x')", (seq,))


def notes(journal: VerifiableJournal) -> list[int]:
    found: list[int] = []
    journal.append((), lambda c: found.extend(seq for (seq,) in c.execute("SELECT seq FROM notes")))
    return found


def test_what_apply_writes_is_stored_with_the_entries(world: World) -> None:
    journal = world.opened()
    journal.append((), create_notes)
    journal.append(entries(1, 2), note(2))
    journal.close()
    journal = world.opened()
    assert journal.head[0] == 2
    assert notes(journal) == [2]


class FailingAt:
    """Raises at one step, once, as a disk or a process does."""

    def __init__(self, step: AppendStep, error: BaseException) -> None:
        self.step, self.error, self.armed = step, error, False

    def __call__(self, step: AppendStep) -> None:
        if self.armed and step is self.step:
            self.armed = False
            raise self.error


@pytest.mark.parametrize("step", AppendStep)
@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(28, "No space left on device"), JournalUnavailable), (KeyError("bug"), KeyError)],
    ids=["world", "bug"],
)
def test_a_failed_append_leaves_everything_or_nothing(
    world: World, step: AppendStep, error: Exception, raised: type[Exception]
) -> None:
    failing = FailingAt(step, error)
    journal = world.opened(observer=failing)
    journal.append(entries(1, 2), create_notes)
    failing.armed = True
    with pytest.raises(raised):
        journal.append(entries(3, 5), note(5))
    journal.open()
    stored = 5 if step is AppendStep.COMMITTED else 2
    assert journal.head[0] == stored
    assert notes(journal) == ([5] if step is AppendStep.COMMITTED else [])
    journal.append(entries(stored + 1, stored + 1))
    assert journal.verify().intact


def test_a_failing_projector_undoes_the_entries(world: World) -> None:
    journal = world.opened()
    journal.append(entries(1, 1), create_notes)
    journal.append(entries(2, 2), note(2))
    with pytest.raises(JournalUnavailable, match=r"UNIQUE|constraint"):
        journal.append(entries(3, 3), note(2))
    journal.open()
    assert journal.head[0] == 2


def test_a_projector_may_not_end_the_transaction(world: World) -> None:
    journal = world.opened()
    with pytest.raises(InvariantViolated, match="ended the journal's transaction"):
        journal.append(entries(1, 1), lambda c: c.execute("COMMIT"))


def test_after_a_failed_append_nothing_works_until_opened_again(world: World) -> None:
    failing = FailingAt(AppendStep.PROJECTED, OSError(5, "Input/output error"))
    journal = world.opened(observer=failing)
    journal.append(entries(1, 3))
    failing.armed = True
    with pytest.raises(JournalUnavailable, match="append"):
        journal.append([entry(4)])
    uses: list[Callable[[], object]] = [
        lambda: journal.head,
        lambda: journal.append([entry(4)]),
        lambda: list(journal.read()),
        journal.verify,
        journal.load_snapshot,
        lambda: journal.save_snapshot(Snapshot(seq=0, hash=GENESIS, engine_version="0", blob=b"")),
    ]
    for use in uses:
        with pytest.raises(JournalUnavailable, match="opened again"):
            use()
    journal.open()
    journal.append([entry(4)])
    assert journal.head[0] == 4


def test_a_journal_is_opened_once(world: World) -> None:
    journal = world.opened()
    with pytest.raises(InvariantViolated, match="already open"):
        journal.open()


def test_a_closed_journal_is_unavailable(world: World) -> None:
    journal = world.opened()
    journal.close()
    journal.close()
    with pytest.raises(JournalUnavailable):
        journal.append([entry(1)])


# --- one writer -------------------------------------------------------------------------------


def test_a_second_writer_is_refused_until_the_first_is_gone(world: World) -> None:
    first = world.opened()
    second = world.journal()
    with pytest.raises(JournalUnavailable, match="another writer"):
        second.open()
    first.append([entry(1)])
    first.close()
    second.open()
    assert second.head[0] == 1


def test_a_writer_whose_append_failed_still_holds_the_book(world: World) -> None:
    failing = FailingAt(AppendStep.WRITTEN, OSError(5, "Input/output error"))
    first = world.opened(observer=failing)
    failing.armed = True
    with pytest.raises(JournalUnavailable):
        first.append([entry(1)])
    with pytest.raises(JournalUnavailable, match="another writer"):
        world.journal().open()


# --- damage -----------------------------------------------------------------------------------


def flipped(data: bytes, place: int = 10) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def swap(rows: list[StoredRow], one: int, other: int) -> list[StoredRow]:
    changed = list(rows)
    changed[one] = (rows[one][0], *rows[other][1:])
    changed[other] = (rows[other][0], *rows[one][1:])
    return changed


def with_row(rows: list[StoredRow], index: int, row: StoredRow) -> list[StoredRow]:
    return [*rows[:index], row, *rows[index + 1 :]]


TAMPERED: dict[str, tuple[Callable[[list[StoredRow]], list[StoredRow]], int, str]] = {
    "header": (
        lambda r: with_row(r, 4, (5, r[4][1].replace(b"E5", b"E9"), *r[4][2:])),
        5,
        "header or payload was changed",
    ),
    "header-unreadable": (
        lambda r: with_row(r, 4, (5, b"\xff" + r[4][1][1:], *r[4][2:])),
        5,
        "does not decode",
    ),
    "payload": (
        lambda r: with_row(r, 4, (*r[4][:2], b'{"n":6}', r[4][3])),
        5,
        "header or payload was changed",
    ),
    "payload-of-last": (
        lambda r: with_row(r, 8, (*r[8][:2], b'{"n":6}', r[8][3])),
        9,
        "do not match its hash",
    ),
    "hash": (
        lambda r: with_row(r, 4, (*r[4][:3], flipped(r[4][3]))),
        5,
        "its stored hash was changed",
    ),
    "deleted": (lambda r: r[:4] + r[5:], 5, "missing; the next one stored is 6"),
    "first-deleted": (lambda r: r[1:], 1, "missing; the next one stored is 2"),
    "swapped": (lambda r: swap(r, 4, 6), 5, "the header says 7"),
    "shifted-byte": (
        lambda r: with_row(r, 4, (5, r[4][1] + r[4][2][:1], r[4][2][1:], r[4][3])),
        5,
        "does not decode",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_found_and_the_first_bad_entry_named(world: World, name: str) -> None:
    journal = world.opened()
    journal.append(entries(1, 9))
    tamper, bad, problem = TAMPERED[name]
    journal.close()
    world.overwrite(tamper(world.rows()))
    if name == "payload-of-last":  # the only one that opening looks at
        with pytest.raises(ChainBroken, match=problem):
            journal.open()
        return
    journal.open()
    found = journal.verify()
    assert found.bad_seq == bad
    assert found.entries == bad - 1
    assert problem in found.problem
    with pytest.raises(JournalDamaged, match=f"entry {bad}: "):
        list(journal.read())


def test_a_chain_forged_anew_is_intact_but_not_the_expected_one(world: World) -> None:
    journal = world.opened()
    journal.append(entries(1, 9))
    head = journal.head
    rows = world.rows()
    journal.close()
    previous, forged = GENESIS, []
    for seq, header, payload, _ in rows:
        changed = payload.replace(b"3", b"4")
        previous = entry_hash(previous, header, changed)
        forged.append((seq, header, changed, previous))
    world.overwrite(forged)
    journal.open()
    assert journal.verify().intact
    assert journal.verify(head).bad_seq == 9
    assert "another history" in journal.verify(head).problem


def test_a_cut_off_end_is_seen_against_a_head_known_from_elsewhere(world: World) -> None:
    journal = world.opened()
    journal.append(entries(1, 9))
    head = journal.head
    assert journal.verify(head).intact
    journal.close()
    world.overwrite(world.rows()[:6])
    journal.open()
    found = journal.verify(head)
    assert (found.bad_seq, found.entries) == (9, 6)
    assert "ends at 6" in found.problem


# --- snapshots --------------------------------------------------------------------------------


def snapshot_of(journal: VerifiableJournal, blob: bytes = b"state") -> Snapshot:
    seq, head_hash = journal.head
    return Snapshot(seq=seq, hash=head_hash, engine_version="0.1.0", blob=blob)


def test_the_last_snapshot_comes_back_after_a_restart(world: World) -> None:
    journal = world.opened()
    assert journal.load_snapshot() is None
    journal.save_snapshot(snapshot_of(journal, b"empty"))
    kept = journal.load_snapshot()
    assert kept is not None
    assert kept.blob == b"empty"
    journal.append(entries(1, 3))
    saved = snapshot_of(journal, bytes(range(256)) * 100)
    journal.save_snapshot(saved)
    journal.append(entries(4, 5))
    journal.close()
    assert world.opened().load_snapshot() == saved


def test_a_snapshot_of_another_history_is_no_snapshot(world: World) -> None:
    journal = world.opened()
    journal.append(entries(1, 3))
    right = snapshot_of(journal)
    for wrong in (
        Snapshot(seq=3, hash=flipped(right.hash), engine_version="0.1.0", blob=b""),
        Snapshot(seq=2, hash=right.hash, engine_version="0.1.0", blob=b""),
        Snapshot(seq=4, hash=right.hash, engine_version="0.1.0", blob=b""),
        Snapshot(seq=0, hash=right.hash, engine_version="0.1.0", blob=b""),
    ):
        journal.save_snapshot(wrong)
        assert journal.load_snapshot() is None


def test_snapshots_of_books_are_apart(world: World) -> None:
    one, two = world.opened("one"), world.opened("two")
    one.save_snapshot(snapshot_of(one, b"one"))
    assert two.load_snapshot() is None
