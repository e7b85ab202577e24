"""A person has a running book compared with its venues, and is told what differs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.cli.app import run_command
from stretto.core.errors import BrokerUnreachable
from stretto.core.terms.report import OrdStatus
from stretto.core.terms.venue import MassStatus
from tests.acceptance.test_people_reach_a_book import audit
from tests.acceptance.test_people_reach_a_book import running as running_process
from tests.builders import START
from tests.paced import running
from tests.scripted_venue import ScriptedVenue
from tests.session import MovingClock
from tests.venue_views import a_position

pytestmark = pytest.mark.requirement("P2")


@dataclass
class Viewed(ScriptedVenue):
    """A venue whose views a test changes by ``edit``, and counts."""

    edit: Callable[[MassStatus], MassStatus] = lambda view: view
    asked: list[str] = field(default_factory=list)
    hangs: bool = False

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        self.asked.append(account_id)
        if self.hangs:
            await self.clock.sleep_until(self.clock.now_ns() + 10**12)
        return self.edit(await super().mass_status(account_id, since_ns, after))


@pytest.fixture
def venue() -> Viewed:
    return Viewed(MovingClock(START))


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "b.sqlite"


@pytest.fixture
def ask(db: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """The command's exit code and its JSON object."""

    def run(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run_command(["reconcile", "--db", str(db), "--json", *arguments])
        return code, json.loads(capsys.readouterr().out)

    return run


Ask = Callable[..., tuple[int, Any]]


def test_a_book_that_agrees_says_so_for_every_account(
    db: Path, venue: Viewed, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(db, venue, accounts=2):
        before = len(venue.asked)
        code, found = ask()
        assert len(venue.asked) >= before + 2, "each account is asked about anew"
        assert run_command(["reconcile", "--db", str(db), "--account", "a1"]) == 0
        said = capsys.readouterr().out
    assert code == 0
    assert [each["account_id"] for each in found["accounts"]] == ["a0", "a1"]
    for each in found["accounts"]:
        (line,) = each["positions"]
        assert line["book"] == line["venue"] > 0
        assert each["open_orders"] == {"book": 0, "venue": 0, "in_doubt": 0}
        assert each["balance"]["venue"] == 100_000
        assert each["compared_at"] >= each["view_at"] > each["fills"]["since"]
    assert (found["compared"], found["not_compared"], found["differences_remaining"]) == (2, 0, 0)
    assert "a0" not in said
    assert "Book and venues agree." in said


def test_a_position_that_differs_exits_with_one_and_is_left_to_a_person_by_the_second_view(
    db: Path, venue: Viewed, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(db, venue):
        venue.edit = lambda view: replace(view, positions=())
        code, first = ask("--account", "a0")
        again, second = ask("--account", "a0")
        run_command(["reconcile", "--db", str(db)])
        said = capsys.readouterr().out
        venue.edit = lambda view: view
        restored, third = ask()
    assert (code, again, restored) == (1, 1, 0)
    (difference,) = first["accounts"][0]["differences"]
    assert (difference["kind"], difference["outcome"]) == ("position", "followed")
    (difference,) = second["accounts"][0]["differences"]
    assert difference["outcome"] == "person"
    assert "without a report" in difference["cause"]
    assert second["accounts"][0]["blocked"] == "position_difference"
    assert "left to you: make the position at the venue what the book says" in said
    assert "1 difference remains." in said
    (settled,) = third["accounts"][0]["differences"]
    assert (settled["outcome"], third["differences_settled"]) == ("settled", 1)
    assert len(audit(db, "difference_found")) == 1, "journaled once, however often it is shown"


@pytest.mark.requirement("R5.5")
def test_a_person_accepts_a_position_that_differs_and_it_remains_no_more(
    db: Path, venue: Viewed, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    who = ("--db", str(db), "--actor", "ada", "--reason", "opened by hand")
    theirs = a_position(7_000, ticket="M1")
    with running(db, venue):
        venue.edit = lambda view: replace(view, positions=(*view.positions, theirs))
        ask()
        _, found = ask()
        (difference,) = found["accounts"][0]["differences"]
        asked = run_command(["position", "adopt", difference["subject"], *who])
        code, after = ask()
        refused = run_command(["position", "dismiss", difference["subject"], *who])
        said = capsys.readouterr()
    assert (asked, code, refused) == (0, 0, 6)
    assert "no_position_difference" in said.err
    (line,) = after["accounts"][0]["positions"]
    assert (line["book"], line["adopted"]) == (line["venue"], 7_000)
    assert after["accounts"][0]["blocked"] is None
    capsys.readouterr()
    run_command(["accounts", "--db", str(db), "--json"])
    (account,) = json.loads(capsys.readouterr().out)["accounts"]
    assert {p["execution_id"]: p["quantity"] for p in account["positions"]}["adopted/M1"] == 7_000
    ((_, kind),) = audit(db, "position_adopted")
    assert kind == "position_adopted"
    assert run_command(["position", "adopt", "a0/EURUSD", *who]) == 2
    assert "names no position" in capsys.readouterr().err


def test_a_fill_that_was_missed_is_booked_and_said_to_be(db: Path, venue: Viewed, ask: Ask) -> None:
    venue.script = lambda _: "rest"
    with running(db, venue):
        ((name, (order, _, _)),) = venue.orders.items()
        venue.orders[name] = (order, OrdStatus.FILLED, order.quantity)
        code, found = ask()
    assert code == 0
    (each,) = found["accounts"]
    (difference,) = each["differences"]
    assert (difference["kind"], difference["outcome"]) == ("order_state", "settled")
    assert difference["subject"] == name
    assert each["positions"][0]["book"] == each["positions"][0]["venue"] == order.quantity
    assert each["open_orders"]["book"] == 0


def test_a_venue_that_does_not_answer_within_its_bound_is_said_so(
    db: Path, venue: Viewed, ask: Ask
) -> None:
    with running(db, venue):
        venue.hangs = True
        code, found = ask()

        def away(_: MassStatus) -> MassStatus:
            raise BrokerUnreachable("the line is cut")

        venue.hangs, venue.edit = False, away
        cut, unreachable = ask()
        venue.edit = lambda view: replace(view, complete=False)
        partial, incomplete = ask()
    assert (code, cut, partial) == (5, 5, 5)
    assert found["accounts"][0]["problem"] == "venue sim did not answer within 10 s"
    assert "the line is cut" in unreachable["accounts"][0]["problem"]
    assert "not complete" in incomplete["accounts"][0]["problem"]
    assert (found["compared"], found["not_compared"]) == (0, 1)


def test_two_who_ask_at_once_are_both_answered(db: Path, venue: Viewed) -> None:
    codes: dict[int, int] = {}

    def one(number: int) -> None:
        codes[number] = run_command(["reconcile", "--db", str(db)])

    with running(db, venue, accounts=3):
        threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert codes == dict.fromkeys(range(4), 0)


def test_an_account_that_the_book_does_not_have_is_named(db: Path, venue: Viewed, ask: Ask) -> None:
    with running(db, venue):
        before = len(venue.asked)
        code, found = ask("--account", "a0", "--account", "a9")
        assert len(venue.asked) == before
    assert code == 2
    assert found["error"]["place"] == "--account"
    assert "a9" in found["error"]["problem"]


def test_a_book_that_stops_meanwhile_answers_for_each_account(
    db: Path, venue: Viewed, ask: Ask
) -> None:
    with running(db, venue):
        venue.hangs = True
        answered: list[tuple[int, Any]] = []
        thread = threading.Thread(target=lambda: answered.append(ask()))
        before = len(venue.asked)
        thread.start()
        while len(venue.asked) == before:
            time.sleep(0.01)
    thread.join(20)
    ((code, found),) = answered
    assert code == 5
    assert found["accounts"][0]["problem"] == "the book is being stopped"


def test_a_run_is_compared_from_another_process_and_a_book_that_does_not_run_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "book.sqlite"
    run = running_process(tmp_path, path)
    code = run_command(["reconcile", "--db", str(path), "--json"])
    run.kill()
    run.communicate(timeout=60)
    found = json.loads(capsys.readouterr().out)
    assert (code, found["compared"], found["differences_remaining"]) == (0, 12, 0)
    assert run_command(["reconcile", "--db", str(path)]) == 5
    assert "stretto resume --db" in capsys.readouterr().err
