"""What every journal promises, held by every journal: order, chain, all or nothing, one writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.core.errors import InvariantViolated, JournalUnavailable
from stretto.journal.chain import GENESIS, entry_hash
from stretto.journal.steps import AppendStep
from stretto.ports import PreparedEntry, Snapshot
from tests.contract.journal_world import KINDS, VerifiableJournal, World, entries, entry


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = World(request.param, tmp_path)
    yield made
    made.close()


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
    for kind in KINDS:
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


def test_a_writer_whose_lock_ran_out_appends_nothing(world: World) -> None:
    first = world.opened()
    first.append(entries(1, 2))
    world.let_the_lock_run_out()
    second = world.opened()
    second.append([entry(3)])
    before = world.rows()
    with pytest.raises(JournalUnavailable):
        first.append(entries(3, 4))
    with pytest.raises(JournalUnavailable):
        first.append(entries(4, 4))
    assert world.rows() == before
    assert second.verify().intact


def test_a_writer_whose_append_failed_still_holds_the_book(world: World) -> None:
    failing = FailingAt(AppendStep.WRITTEN, OSError(5, "Input/output error"))
    first = world.opened(observer=failing)
    failing.armed = True
    with pytest.raises(JournalUnavailable):
        first.append([entry(1)])
    with pytest.raises(JournalUnavailable, match="another writer"):
        world.journal().open()
