"""Kills a book's process at random instants, with SIGKILL, until a last one may end; then compares.

The venue lives in another process all the while. Nothing here knows how the book works: it compares
what ``stretto`` prints with the venue's own books and with the record of what the venue was sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from stretto.cli.errors import EXIT_JOURNAL, EXIT_REFUSED
from stretto.core.values import NS_PER_S
from tests.command_line import run_here_json
from tests.kills.book import STARTS_AT, write_book, write_closes, write_signals
from tests.outside.auditor import Said, faults
from tests.outside.soak import said_of
from tests.venue_process import VenueProcess, serving, short_folder, wait_until

LIFE_S_MAX = 120.0
LAST_LIVES_MAX = 10
SIGKILLED = -signal.SIGKILL


class Plan(NamedTuple):
    """How often and how fast: ``kills``, book seconds per real second, seconds between signals, the
    longest that a process lives after its first entry, real seconds, and ``pauses``: how often a
    process is stopped, overtaken by another and woken.
    """

    kills: int
    speed: int
    apart_s: int
    lives_s_max: float
    seed: int
    pauses: int = 0


@dataclass
class Lived:
    """What the lives came to."""

    killed: int = 0
    entries_at_kill: list[int] = field(default_factory=list)
    before_first_entry: int = 0
    overtaken: int = 0
    stopped_in_append: int = 0
    seconds: float = 0.0
    said: Said | None = None
    submits: Counter[str] = field(default_factory=Counter)
    late_ns: list[int] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)


class Lives:
    """Processes of ``stretto``, one after another (see ``lives``)."""

    def __init__(self, book: Path, name: str) -> None:
        self._folder = book.parent
        self._name = name
        self._pid = 0
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.lives", str(book)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "NO_COLOR": "1"},
        )

    def start(self, *arguments: object) -> int:
        """Start a command; its process id."""
        files = [str(self._folder / f"{self._name}.{end}") for end in ("out", "err")]
        _pipe(self._server.stdin).write(json.dumps([*files, *map(str, arguments)]) + "\n")
        _pipe(self._server.stdin).flush()
        self._pid = int(_pipe(self._server.stdout).readline())
        return self._pid

    @property
    def runs(self) -> bool:
        """True until the command has ended."""
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    def ended(self) -> int:
        """Wait for the command's end; its exit code, negative the signal that ended it."""
        code = int(_pipe(self._server.stdout).readline())
        self._pid = 0
        return code

    def said(self) -> tuple[str, str]:
        """What the command wrote to standard output and error."""
        files = [self._folder / f"{self._name}.{end}" for end in ("out", "err")]
        return files[0].read_text("utf-8"), files[1].read_text("utf-8")

    def close(self) -> None:
        """End the server of lives, and whatever still runs."""
        if self._pid and self.runs:
            os.kill(self._pid, signal.SIGKILL)
        self._server.communicate(timeout=LIFE_S_MAX)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


@contextlib.contextmanager
def lives(book: Path, name: str = "first") -> Iterator[Lives]:
    """Lives of one book, ended with the block."""
    found = Lives(book, name)
    try:
        yield found
    finally:
        found.close()


def killed_over_and_over(plan: Plan) -> Lived:
    """Play the plan in a folder of its own; what both sides say at the end."""
    with short_folder() as folder:
        book = write_book(folder)
        with serving(book, str(plan.speed)) as venue, lives(book) as process:
            return _play(plan, folder, venue, process)


def _play(plan: Plan, folder: Path, venue: VenueProcess, process: Lives) -> Lived:
    lived, drawn = Lived(), random.Random(plan.seed)
    db, signals = folder / "killed.sqlite", folder / "signals.jsonl"
    lasts_s = int((plan.kills + 3 * plan.pauses + 5) * (plan.lives_s_max + 4) * plan.speed)
    write_signals(signals, STARTS_AT + lasts_s * NS_PER_S, plan.apart_s)
    began = time.monotonic()
    for _ in range(plan.kills):
        _one_life(plan, drawn, db, venue, process, signals, lived)
    with lives(venue.config, "second") as successor:
        while lived.overtaken < plan.pauses:
            _overtaken(plan, drawn, db, (process, successor), lived)
            assert lived.stopped_in_append <= 10 * plan.pauses
    # Nothing new in the last life: everything that was opened is closed in its first moments.
    write_closes(signals, _opened(db), _book_time(db) + plan.speed * NS_PER_S)
    for _ in range(LAST_LIVES_MAX):
        process.start("resume", "--db", db, "--json")
        code = process.ended()
        out, err = process.said()
        assert code in (0, EXIT_REFUSED), err
        lived.summary = json.loads(out, parse_float=Decimal)
        if not lived.summary["working"]:  # what rests at a venue that lives on may fill meanwhile
            break
    lived.seconds = time.monotonic() - began
    lived.said = said_of(db, lived.summary, venue.dump())
    for taken in venue.taken():
        command = taken["command"]
        if command["type"] == "SubmitOrder":
            lived.submits[command["client_order_id"]] += 1
            lived.late_ns.append(taken["at"] - command["send_before"])
    check(plan, lived, db)
    return lived


def _one_life(
    plan: Plan,
    drawn: random.Random,
    db: Path,
    venue: VenueProcess,
    process: Lives,
    signals: Path,
    lived: Lived,
) -> None:
    before = entries(db)
    begun = ("resume", "--db", db) if before else ("run", venue.config, "--signals", signals)
    pid = process.start(*begun, *(() if before else ("--db", db)))
    if before and drawn.random() < 0.2:  # while it reads its journal, connects, asks for views
        time.sleep(drawn.uniform(0, 0.4))
    else:
        grown = wait_until(lambda: entries(db) > before, LIFE_S_MAX)
        assert grown, process.said()
        time.sleep(drawn.uniform(0, plan.lives_s_max))
    os.kill(pid, signal.SIGKILL)
    code = process.ended()
    assert code == SIGKILLED, (code, process.said())
    lived.killed += 1
    after = entries(db)
    lived.before_first_entry += after == before
    lived.entries_at_kill.append(after)


def _overtaken(
    plan: Plan, drawn: random.Random, db: Path, processes: tuple[Lives, Lives], lived: Lived
) -> None:
    """One process is stopped at a random instant, for longer than any ``send_before``; with the
    lock's file gone another takes the book over; the first one wakes. Then both are gone.
    """
    first, second = processes
    before = entries(db)
    pid = first.start("resume", "--db", db)
    assert wait_until(lambda: entries(db) > before, LIFE_S_MAX)
    time.sleep(drawn.uniform(0, plan.lives_s_max))
    os.kill(pid, signal.SIGSTOP)
    for lock in db.parent.glob(f"{db.name}.*.lock"):
        lock.unlink()
    asleep_at = entries(db)
    successor = second.start("resume", "--db", db)
    assert wait_until(lambda: entries(db) > asleep_at or not second.runs, LIFE_S_MAX)
    if not second.runs:  # stopped in the middle of an append, the first one keeps the database
        assert second.ended() == EXIT_JOURNAL
        assert "the database is locked by another process" in second.said()[1]
        lived.stopped_in_append += 1
        os.kill(pid, signal.SIGKILL)
        assert first.ended() == SIGKILLED
        return
    time.sleep(3 / plan.speed)
    os.kill(pid, signal.SIGCONT)
    code = first.ended()
    _, said = first.said()
    assert code == EXIT_JOURNAL, (code, said)
    (told,) = [line for line in said.splitlines() if line.startswith("stretto: ")]
    assert "another writer appended to it; nothing of this batch was stored" in told
    assert "Traceback" not in said
    lived.overtaken += 1
    os.kill(successor, signal.SIGKILL)
    assert second.ended() == SIGKILLED


def check(plan: Plan, lived: Lived, db: Path) -> None:
    """Nothing lost, nothing doubled, and both sides agree on the rest."""
    assert (lived.killed, lived.overtaken) == (plan.kills, plan.pauses)
    assert lived.said is not None
    unexplained = [str(each) for each in faults(lived.said)]
    assert not unexplained, unexplained
    assert set(lived.submits.values()) == {1}, "an order was submitted twice"
    intended = orders_intended(db)
    assert set(intended.values()) == {1}, "a client order id was used twice"
    assert set(lived.submits) <= set(intended), "an order was sent that the journal lacks"
    # What was written in time may arrive a little later: one second of the wall.
    assert max(lived.late_ns) < plan.speed * NS_PER_S
    assert lived.summary["working"] == 0
    assert run_here_json("verify", "--db", db)["intact"]
    assert run_here_json("rebuild", "--db", db)["identical"]


def entries(db: Path) -> int:
    """The journal's last sequence; 0 where there is none yet."""
    found = _one(db, "SELECT coalesce(max(seq), 0) FROM journal_entries")
    return 0 if found is None else int(found)


def _book_time(db: Path) -> int:
    at = _one(db, "SELECT header FROM journal_entries ORDER BY seq DESC LIMIT 1")
    return int(msgspec.json.decode(at)["at"])


def _opened(db: Path) -> list[str]:
    """The signals of which something was opened."""
    query = (
        "SELECT DISTINCT signal_id FROM trading_signals JOIN execution_decisions USING (signal_id)"
    )
    with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        return [name for (name,) in connection.execute(f"{query} WHERE action = 'open'")]


def orders_intended(db: Path) -> Counter[str]:
    """How often the journal intends each client order id."""
    found: Counter[str] = Counter()
    with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        for (payload,) in connection.execute("SELECT payload FROM journal_entries ORDER BY seq"):
            for event in msgspec.json.decode(payload)["events"]:
                if event["type"] == "order_intended":
                    found[event["order"]["client_order_id"]] += 1
    return found


def _one(db: Path, query: str) -> Any:
    if not db.exists():
        return None
    try:
        connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return None
    with contextlib.closing(connection):
        try:
            row = connection.execute(query).fetchone()
        except sqlite3.Error:
            return None
        return None if row is None else row[0]
