"""The SQLite journal against a hostile disk: every fault is one clear message with the path."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.core.errors import InvariantViolated, JournalDamaged, JournalUnavailable
from stretto.journal.sqlite import READ_ROWS, SqliteJournal, books
from stretto.journal.sqlite_file import PAGE_BYTES
from tests.journal_files import entries, entry, opened, written

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65_534


# --- settings that durability rests on --------------------------------------------------------


def test_the_writer_runs_with_the_settings_that_make_a_commit_durable(path: Path) -> None:
    found: dict[str, object] = {}

    def look(connection: sqlite3.Connection) -> None:
        for name in ("journal_mode", "synchronous", "foreign_keys", "fullfsync", "application_id"):
            found[name] = connection.execute(f"PRAGMA {name}").fetchone()[0]

    with opened(path) as journal:
        journal.append((), look)
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "fullfsync": 1,
        "application_id": int.from_bytes(b"Strt", "big"),
    }


def test_the_view_offers_the_fields_of_the_header(path: Path) -> None:
    written(path, 3)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        row = connection.execute(
            "SELECT book_id, seq, at, kind, version, engine_version, execution_id, account_id, "
            "correlation_id, actor FROM journal WHERE seq = 2"
        ).fetchone()
    assert row == ("main", 2, 2, "counted", 1, "0.1.0", "", "", "", "system")


# --- files that are no journal ----------------------------------------------------------------


def refused(path: Path, message: str, *, read_only: bool = False, create: bool = True) -> None:
    journal = SqliteJournal(path, "main", read_only=read_only, create=create)
    with pytest.raises(JournalUnavailable, match=message) as caught:
        journal.open()
    assert str(path) in str(caught.value)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is a directory")
    refused(tmp_path, "is a directory", read_only=True)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "absent" / "book.sqlite", "no directory")


def test_a_missing_file_is_created_only_where_that_is_wanted(path: Path) -> None:
    refused(path, "no such journal", create=False)
    refused(path, "no such journal", read_only=True)
    assert not path.exists()
    written(path, 1)
    with opened(path, create=False) as journal:
        assert journal.head[0] == 1


def test_an_empty_file_is_no_journal_to_resume_or_read(path: Path) -> None:
    path.touch()
    refused(path, "is empty", create=False)
    refused(path, "is empty", read_only=True)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_text_file_is_refused_and_left_alone(path: Path, read_only: bool) -> None:
    path.write_text("time_utc,bid,ask\n" * 500)
    with pytest.raises(JournalDamaged, match="not a SQLite database") as caught:
        SqliteJournal(path, "main", read_only=read_only).open()
    assert str(path) in str(caught.value)
    assert path.read_text() == "time_utc,bid,ask\n" * 500


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    refused(path, "another program")
    assert path.read_bytes() == before


def test_a_newer_layout_is_refused(path: Path) -> None:
    written(path, 1)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    refused(path, "newer Stretto")


# --- damaged files ----------------------------------------------------------------------------


def test_a_truncated_file_is_reported_as_damaged(path: Path) -> None:
    written(path, 400)
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
    with pytest.raises(JournalDamaged, match="damaged") as caught, opened(path) as journal:
        list(journal.read())
    assert str(path) in str(caught.value)


def test_a_malformed_page_is_reported_with_the_entries_around_it(path: Path) -> None:
    written(path, 3_000)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    with (
        opened(path, read_only=True) as journal,
        pytest.raises(JournalDamaged, match=r"damaged.*after \d+|entry \d+") as caught,
    ):
        list(journal.read())
    assert str(path) in str(caught.value)


def test_a_flipped_bit_in_the_file_is_found_by_the_chain(path: Path) -> None:
    written(path, 200)
    data = bytearray(path.read_bytes())
    place = data.rindex(b'"seq":120,') + len(b'"seq":120,"at":12')
    data[place] ^= 1
    path.write_bytes(data)
    with opened(path, read_only=True) as journal:
        found = journal.verify()
    assert found.bad_seq == 120
    assert found.entries == 119


# --- rights -----------------------------------------------------------------------------------


@pytest.fixture
def place_of_nobody() -> Iterator[Path]:
    """A directory that an unprivileged user, whom root plays in ``unprivileged``, can enter."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_the_right_to_write_is_refused(place_of_nobody: Path) -> None:
    path = place_of_nobody / "book.sqlite"
    written(path, 2)
    for file in place_of_nobody.iterdir():
        file.chmod(0o444)
    place_of_nobody.chmod(0o555)
    with unprivileged():
        refused(path, "cannot be opened: Permission denied")
        with opened(path, read_only=True) as journal:
            assert journal.verify().entries == 2
    place_of_nobody.chmod(0o755)


def test_a_read_only_file_in_a_writable_directory_is_refused(place_of_nobody: Path) -> None:
    path = place_of_nobody / "book.sqlite"
    written(path, 2)
    path.chmod(0o444)
    for file in place_of_nobody.glob("*.lock"):
        file.unlink()
    place_of_nobody.chmod(0o777)
    with unprivileged():
        refused(path, "read-only")


# --- other processes --------------------------------------------------------------------------


def test_a_database_locked_by_another_program_is_reported(path: Path) -> None:
    with opened(path) as journal, contextlib.closing(sqlite3.connect(path)) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable, match="locked by another process"):
            journal.append([entry(1)])


def test_a_second_writer_past_the_lock_fails_and_does_not_fork_the_chain(path: Path) -> None:
    with opened(path) as first:
        first.append(entries(1, 2))
        for lock in path.parent.glob("*.lock"):
            lock.unlink()
        with opened(path) as second:
            second.append(entries(3, 4))
            with pytest.raises(JournalUnavailable, match="already has an entry 3: another writer"):
                first.append([entry(3, size=10)])
            assert second.verify().entries == 4
            assert second.verify().intact


def test_the_lock_names_the_process_that_holds_it(path: Path) -> None:
    with opened(path), pytest.raises(JournalUnavailable, match=f"process {os.getpid()}"):
        SqliteJournal(path, "main").open()


def test_a_reader_needs_no_lock_and_sees_what_is_appended(path: Path) -> None:
    with opened(path) as writer, opened(path, read_only=True) as reader:
        writer.append(entries(1, 2))
        assert reader.head == writer.head
        reading = reader.read()
        assert next(reading).header.seq == 1
        writer.append(entries(3, 2 * READ_ROWS))
        assert [e.header.seq for e in reading][-1] >= 2
        assert reader.verify(writer.head).entries == 2 * READ_ROWS
        with pytest.raises(InvariantViolated, match="opened for reading"):
            reader.append([entry(2 * READ_ROWS + 1)])


def test_a_reader_says_which_entry_is_bad_even_the_last(path: Path) -> None:
    written(path, 3)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE journal_entries SET payload = x'7b7d' WHERE seq IN (2, 3)")
    with opened(path, read_only=True) as journal:
        assert journal.verify().bad_seq == 2


def test_books_are_listed(path: Path) -> None:
    with opened(path, "b/ü") as one, opened(path, "a") as two:
        one.append([entry(1, book="b/ü")])
        two.append([entry(1, book="a")])
    assert books(path) == ["a", "b/ü"]
    with pytest.raises(JournalUnavailable, match="no such journal"):
        books(path.with_name("absent"))


WRITE_UNTIL_KILLED = """
import sys
from stretto.journal.sqlite import SqliteJournal
from stretto.ports import EntryHeader, PreparedEntry
from tests.journal_files import entries, entry, opened, written

journal = SqliteJournal(sys.argv[1], "main")
journal.open()
seq = journal.head[0]
while True:
    batch = []
    for _ in range(5):
        seq += 1
        header = EntryHeader(
            book_id="main", seq=seq, at=seq, kind="counted", version=1, engine_version="0.1.0"
        )
        batch.append(PreparedEntry(header=header, payload=b'{"x":"%d"}' % seq))
    journal.append(batch)
    print(seq, flush=True)
"""


def child(script: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_was_acknowledged_survives_a_kill_at_any_moment(path: Path) -> None:
    for lines in (1, 7, 20):
        with child(WRITE_UNTIL_KILLED, path) as process:
            assert process.stdout is not None
            seen = [int(process.stdout.readline()) for _ in range(lines)]
            process.send_signal(signal.SIGKILL)
            seen += [int(line) for line in process.stdout if line.endswith("\n")]
        with opened(path) as journal:
            assert journal.head[0] in (seen[-1], seen[-1] + 5)
            assert journal.verify().entries == journal.head[0]
            assert journal.verify().intact


def test_a_new_file_has_pages_that_hold_a_whole_row_and_an_old_one_keeps_its_own(
    path: Path,
) -> None:
    with opened(path) as journal:
        journal.append(entries(1, 3))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("VACUUM")
    with opened(path) as journal:
        journal.append(entries(4, 5))
        assert journal.verify().entries == 5
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (4_096,)
