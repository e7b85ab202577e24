"""Every way a command can fail ends in one message and the exit code that the page promises."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from stretto.cli import app
from stretto.cli.errors import kind_of, report
from stretto.cli.output import Output
from stretto.config.problems import MalformedInput, Problem
from stretto.core.errors import (
    BrokerUnreachable,
    InvalidInput,
    InvariantViolated,
    JournalDamaged,
    JournalUnavailable,
)
from stretto.journal.sqlite import SqliteJournal
from stretto.views.projector import ProjectionBehind

CASES: list[tuple[BaseException, str, int]] = [
    (InvalidInput("book.toml: accounts", "is missing", "a table"), "invalid_input", 2),
    (JournalUnavailable("x.sqlite: the disk is full"), "journal_unavailable", 3),
    (JournalDamaged("entry 3: it is missing"), "journal_damaged", 3),
    (ProjectionBehind("stands at entry 3"), "journal_unavailable", 3),
    (sqlite3.DatabaseError("database disk image is malformed"), "journal_unavailable", 3),
    (PermissionError(13, "Permission denied", "x.csv"), "file_unavailable", 3),
    (InvariantViolated("two orders of one id"), "invariant_violated", 4),
    (BrokerUnreachable("alpha: not connected"), "broker_unreachable", 5),
    (KeyError("oops"), "bug", 70),
    (AssertionError(), "bug", 70),
]


@pytest.mark.parametrize(("error", "kind", "code"), CASES, ids=lambda case: str(case)[:20])
def test_every_error_has_one_message_and_its_exit_code(
    error: BaseException, kind: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kind_of(error) == (kind, code)
    assert report(error, Output(json=True)) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("stretto: ")
    assert captured.err.count("stretto: ") == 1
    assert "Traceback" not in captured.err
    (line,) = captured.out.splitlines()
    problem = json.loads(line)["error"]
    assert (problem["kind"], problem["exit_code"]) == (kind, code)
    assert problem["message"]


def test_without_json_standard_output_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    report(InvalidInput("--db x", "exists already", "--force"), Output(json=False))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "stretto: --db x: exists already; expected --force\n"


def test_all_problems_of_a_file_are_in_the_object(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        Problem(source="book.toml", key=key, found="is 0", expected="more") for key in ("a", "b")
    ]
    report(MalformedInput("book.toml", problems), Output(json=True))
    found = json.loads(capsys.readouterr().out)["error"]["problems"]
    assert [each["key"] for each in found] == ["a", "b"]


def test_a_bug_says_so_and_shows_its_traceback_only_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report(ZeroDivisionError("x"), Output(json=False))
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "This is a bug in Stretto" in said
    assert "STRETTO_DEBUG=1" in said
    monkeypatch.setenv("STRETTO_DEBUG", "1")
    try:
        raise ZeroDivisionError("x")
    except ZeroDivisionError as error:
        report(error, Output(json=False))
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["foo"], "No such command 'foo' (see `stretto --help`)"),
        (["demo", "--accounts", "0"], "see `stretto demo --help`"),
        (["demo", "--frobnicate"], "No such option"),
        (["status"], "Missing option '--db'"),
        (["export", "--db", "x", "--table", "journal"], "Missing option '--format'"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run_command(arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert app.run_command([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "usage"


def no_database(path: Path) -> None:
    path.write_text("this is a text\n" * 100, encoding="utf-8")


def empty_file(path: Path) -> None:
    path.touch()


def other_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    target = path.with_name("target.sqlite")
    journal(target)
    path.symlink_to(target)


def directory(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    assert not path.exists()


COMMANDS = [
    ["status"],
    ["accounts"],
    ["verify"],
    ["rebuild"],
    ["resume"],
    ["export", "--table", "journal", "--format", "csv"],
]


@pytest.mark.parametrize(
    "make", [no_database, empty_file, other_database, directory, pipe, nothing]
)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_what_is_no_journal_is_said_and_left_as_it_was(
    make: Callable[[Path], None],
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "book.sqlite"
    make(place)
    before = place.read_bytes() if place.is_file() else None
    assert app.run_command([*command, "--db", str(place)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"stretto: {place}: ")
    assert len(captured.err.splitlines()) == 1
    assert (place.read_bytes() if place.is_file() else None) == before


@pytest.mark.parametrize("make", [no_database, empty_file, other_database, directory, pipe, link])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_demo_never_removes_what_is_not_its_own(
    make: Callable[[Path], None],
    force: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "mine.sqlite"
    make(place)
    before = place.read_bytes() if place.is_file() else None
    assert app.run_command(["demo", "--db", str(place), *force]) == 2
    assert "stretto: --db" in capsys.readouterr().err
    assert place.exists()
    assert (place.read_bytes() if place.is_file() else None) == before


def exported(db: Path, target: Path, *more: str) -> int:
    arguments = ["--table", "journal", "--format", "csv", "--output", str(target), *more]
    return app.run_command(["export", "--db", str(db), *arguments])


def journal(place: Path) -> None:
    opened = SqliteJournal(place, "b")
    opened.open()
    opened.close()


@pytest.mark.parametrize("make", [no_database, empty_file, other_database, directory, pipe])
def test_an_output_that_exists_is_kept(
    make: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db, target = tmp_path / "b.sqlite", tmp_path / "target"
    journal(db)
    make(target)
    before = target.read_bytes() if target.is_file() else None
    assert exported(db, target) == 2
    assert "exists already" in capsys.readouterr().err
    demo = ["demo", "--db", str(tmp_path / "d.sqlite"), "--venue-dump", str(target)]
    assert app.run_command(demo) == 2
    assert "exists already" in capsys.readouterr().err
    assert not (tmp_path / "d.sqlite").exists()
    assert (target.read_bytes() if target.is_file() else None) == before


@pytest.mark.parametrize(
    "name",
    ["b.sqlite", "b.sqlite-wal", "b.sqlite.b.lock", "link", "hard", "other", "sub/../b.sqlite"],
)
def test_a_database_is_never_an_output(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "b.sqlite"
    journal(db)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(db)
    (tmp_path / "hard").hardlink_to(db)
    other_database(tmp_path / "other")
    before = db.read_bytes()
    assert exported(db, tmp_path / name, "--overwrite") == 2
    assert "it is left alone" in capsys.readouterr().err
    demo = ["demo", "--db", str(db), "--force", "--overwrite"]
    assert app.run_command([*demo, "--venue-dump", str(tmp_path / name)]) == 2
    assert db.read_bytes() == before
