"""``stretto venue``: a book in one process, its venues in another, both as a user starts them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.cli import app
from tests.acceptance.cli_runner import BOOK, SIGNALS
from tests.command_line import run_here_json
from tests.outside.auditor import audit
from tests.outside.soak import said_of
from tests.venue_process import VenueProcess, serving, short_folder

SPEED = "30"


def remote_book(folder: Path, name: str = "book.toml") -> Path:
    """The example book with its venues at a socket in ``folder``, open just before a signal."""
    text = BOOK.read_text(encoding="utf-8")
    for venue in ("east", "west"):
        text = text.replace(f"[venues.{venue}]", f'[venues.{venue}]\naddress = "venue.sock"')
    text = text.replace('kind = "ecb"', 'kind = "ecb"\nstart = 2014-05-02T08:59:50Z')
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueProcess]:
    with short_folder() as folder, serving(remote_book(folder), SPEED) as found:
        yield found


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    """What a command that must end with ``code`` says on standard error: one message."""
    assert app.run_command(list(map(str, arguments))) == code
    said = capsys.readouterr().err
    assert said.startswith("stretto: ")
    return said


def test_a_book_and_its_venues_in_two_processes_agree(
    venue: VenueProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = venue.config.parent
    signals = folder / "one.jsonl"
    first = SIGNALS.read_text("utf-8").splitlines()[0]
    far_off = {
        **json.loads(first), "signal_id": "rests", "order_type": "limit", "limit_price": "1.30",
    }  # fmt: skip
    signals.write_text(f"{first}\n{json.dumps(far_off)}\n", encoding="utf-8")
    db = folder / "book.sqlite"
    summary = run_here_json("run", venue.config, "--signals", signals, "--db", db)
    assert summary["filled"] > 0
    dump = venue.dump()
    assert [str(each) for each in audit(said_of(db, summary, dump))] == []
    orders = {name for each in dump["venues"].values() for name in each["orders"]}
    submits = [t["command"] for t in venue.taken() if t["command"]["type"] == "SubmitOrder"]
    assert sorted(each["client_order_id"] for each in submits) == sorted(orders)
    # What rests may fill while no book listens: the session is not over.
    assert summary["working"] > 0
    assert summary["continue_with"]
    waited = ("resume", "--db", db, "--downtime", "5", "--signals", "-")
    capsys.readouterr()
    assert "the venue's own time passes" in refused(capsys, 2, *waited)
    again = run_here_json("resume", "--db", db)
    assert again["journal_entries"] > summary["journal_entries"]
    assert again["working"] > 0


def test_what_does_not_go_with_a_venue_elsewhere_is_said(
    venue: VenueProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("run", venue.config, "--signals", SIGNALS, "--db", tmp_path / "x.sqlite")
    said = refused(capsys, 2, *run, "--speed", "3")
    assert "--speed: is 3, and the venue's time passes at 30" in said
    assert "is served there already" in refused(capsys, 2, "venue", venue.config)
    dump = tmp_path / "venues.json"
    assert run_here_json("venue-dump", venue.config, "--output", dump)["venues"] == ["east", "west"]
    assert set(json.loads(dump.read_text("utf-8"))["venues"]) == {"east", "west"}
    said = refused(capsys, 2, "venue-dump", venue.config, "--output", dump)
    assert "exists already" in said


def test_another_configuration_than_the_venues_is_refused(
    venue: VenueProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = venue.config.with_name("other.toml")
    text = venue.config.read_text(encoding="utf-8")
    other.write_text(text.replace("initial_balance = 50_000", "initial_balance = 60_000", 1))
    said = refused(capsys, 2, "run", other, "--signals", SIGNALS, "--db", tmp_path / "x.sqlite")
    assert "was started with other settings of this venue" in said


def test_without_a_venue_there_the_message_says_what_to_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "x.sqlite"
    with short_folder() as folder:
        book = remote_book(folder)
        said = refused(capsys, 5, "run", book, "--signals", SIGNALS, "--db", db)
        assert "start it with `stretto venue BOOK.toml`" in said
        assert "no venue answers there" in refused(capsys, 5, "venue-dump", book)
    assert not db.exists()
    assert "no venue has an address" in refused(capsys, 2, "venue", BOOK)
    assert "is max" in refused(capsys, 2, "venue", BOOK, "--speed", "max")


def test_an_address_too_long_for_a_socket_is_a_problem_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    said = refused(capsys, 2, "venue", remote_book(deep))
    assert "venues.east.address: makes the path" in said
    assert "at most 100 bytes" in said
