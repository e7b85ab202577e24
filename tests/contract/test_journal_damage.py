"""What every journal finds: any change behind its back, by name; and what it keeps as a cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stretto.core.errors import JournalDamaged
from stretto.journal.chain import GENESIS, ChainBroken, StoredRow, entry_hash
from stretto.ports import Snapshot
from tests.contract.journal_world import KINDS, VerifiableJournal, World, entries


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = World(request.param, tmp_path)
    yield made
    made.close()


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
