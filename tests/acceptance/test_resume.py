"""A process may end at any instant: nothing is lost, and no order reaches a venue twice.

A small session is killed at every step of every append, and before and after every send; another
takes over on the same database and venue. At the end venue and book agree.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.effects import SubmitOrder
from stretto.core.errors import JournalUnavailable
from stretto.core.orders.order import OrderState
from stretto.core.terms.report import OrdStatus
from stretto.core.terms.signal import Signal, Urgency
from stretto.core.values import ZERO
from stretto.journal.steps import AppendStep
from tests.book_invariants import holds, replays, spaced
from tests.builders import START, S, a_config, a_signal, names
from tests.scripted_venue import ScriptedVenue
from tests.session import Killed, MovingClock, entries, later, play, projector, sqlite

ACCOUNTS = 3
CONFIG = a_config(ACCOUNTS)
ENDS_AT = START + 50 * S


def arrivals() -> list[tuple[int, Signal]]:
    """One signal at once, one with delays: six orders."""
    first = a_signal("now", START + S, urgency=Urgency.IMMEDIATE)
    return [(START + S, first), (START + 2 * S, a_signal("later", START + 2 * S))]


def action(command: SubmitOrder) -> str:
    """Each account's venue behaves differently."""
    return {"a0": "fill", "a1": "part", "a2": "silent"}[command.account_id]


def agree(book: Book, venue: ScriptedVenue) -> None:
    """What must hold when all is done, whatever happened on the way."""
    holds(book)
    assert len(venue.submits) == len(set(venue.submits)), "an order was submitted twice"
    for order_id, at in venue.submitted_at.items():
        assert at < book.orders[order_id].send_before
    for name in names(ACCOUNTS):
        held = sum((p.quantity for p in book.positions.get(name, {}).values()), ZERO)
        assert held == venue.filled(name)
    for order_id, order in book.orders.items():
        if order.state is OrderState.IN_DOUBT:  # never reached the venue: a person must say so
            assert order_id not in venue.orders
            assert book.interventions[order_id] == "in_doubt"
    for a in book.allocations.values():
        # this venue is deaf to cancels
        waits = (OrderState.IN_DOUBT, OrderState.PARTIALLY_FILLED, OrderState.PENDING_CANCEL)
        is_open = any(book.orders[order_id].state in waits for order_id in a.order_ids)
        assert bool(a.ended) is not is_open


def killed_then_resumed(path: Path, kill_at_step: int, kill_at_send: tuple[int, str]) -> int:
    """Play the session, die at the append step or send with that number, resume; the number of
    append steps and sends that the first process came through.
    """
    steps = sends = 0
    alive = True

    def observe(step: AppendStep) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at_step:
            raise Killed(f"at {step.value}")

    def script(command: SubmitOrder) -> object:
        nonlocal sends
        if not alive:
            return action(command)
        sends += 1
        if sends != kill_at_send[0]:
            return action(command)
        dead = Killed("at a send")
        return dead if kill_at_send[1] == "before" else (action(command), dead)

    clock = MovingClock(START)
    venue = ScriptedVenue(clock, script)
    died = False
    try:
        play(sqlite(path, observe), venue, clock, CONFIG, arrivals(), ends_at=ENDS_AT)
    except Killed:
        died = True
    alive = False
    expected = kill_at_step > 0 or kill_at_send[0] > 0
    assert died is expected
    later(clock)
    writer = play(sqlite(path), venue, clock, CONFIG, arrivals(), ends_at=clock.at + 200 * S)
    agree(writer.book, venue)
    journaled = entries(path)
    replays(writer.book, journaled)
    spaced(journaled)
    intended = [
        e.order for entry in journaled for e in entry.events if isinstance(e, ev.OrderIntended)
    ]
    assert len({order.client_order_id for order in intended}) == len(intended) == 6
    return steps


@pytest.mark.requirement("P1")
def test_a_kill_at_any_step_of_any_append_loses_and_repeats_nothing(tmp_path: Path) -> None:
    steps = killed_then_resumed(tmp_path / "whole.sqlite", 0, (0, ""))
    assert steps > 40
    for number in range(1, steps + 1):
        killed_then_resumed(tmp_path / f"{number}.sqlite", number, (0, ""))


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 7))
def test_a_kill_around_any_send_loses_and_repeats_nothing(
    tmp_path: Path, number: int, when: str
) -> None:
    killed_then_resumed(tmp_path / "book.sqlite", 0, (number, when))


@pytest.mark.requirement("P1")
def test_an_intent_without_an_outcome_is_in_doubt_after_a_crash_and_never_sent(
    tmp_path: Path,
) -> None:
    clock = MovingClock(START)
    venue = ScriptedVenue(clock, lambda _: Killed("before the write"))
    with pytest.raises(Killed):
        play(sqlite(tmp_path / "b"), venue, clock, CONFIG, arrivals()[:1], ends_at=ENDS_AT)
    venue.script = action
    resumed_at = later(clock)
    writer = play(
        sqlite(tmp_path / "b"), venue, clock, CONFIG, arrivals()[:1], ends_at=clock.at + 200 * S
    )
    assert venue.submits == []
    states = [order.state for order in writer.book.orders.values()]
    assert states == [OrderState.IN_DOUBT] * ACCOUNTS
    assert len(writer.book.interventions) == ACCOUNTS
    assert [at for at, _ in venue.queries[:ACCOUNTS]] == [resumed_at] * ACCOUNTS
    asked = [at - START for at, order_id in venue.queries if order_id == venue.queries[0][1]]
    waits = [(b - a) // S for a, b in pairwise(asked)]
    assert waits == [4, 8, 16, 32]


@pytest.mark.requirement("P1")
def test_what_a_working_order_did_while_nobody_listened_is_asked_for(tmp_path: Path) -> None:
    path, clock = tmp_path / "book.sqlite", MovingClock(START)
    venue = ScriptedVenue(clock, lambda _: "rest")
    play(sqlite(path), venue, clock, CONFIG, arrivals()[:1], ends_at=START + 5 * S)
    venue.orders = {
        order_id: (command, OrdStatus.FILLED, command.quantity)
        for order_id, (command, _, _) in venue.orders.items()
    }
    later(clock, 3_600)
    writer = play(sqlite(path), venue, clock, CONFIG, [], ends_at=clock.at + S)
    assert {a.ended for a in writer.book.allocations.values()} == {"filled"}
    agree(writer.book, venue)


@pytest.mark.requirement("P1")
@pytest.mark.parametrize(("downtime_s", "sent"), [(5, 3), (80, 0)])
def test_after_a_stop_the_open_window_is_used_once_and_a_passed_one_expires(
    tmp_path: Path, downtime_s: int, sent: int
) -> None:
    path, clock = tmp_path / "book.sqlite", MovingClock(START)
    venue = ScriptedVenue(clock, action)
    later_only = arrivals()[1:]
    first = play(sqlite(path), venue, clock, CONFIG, later_only, ends_at=START + 2 * S)
    assert venue.submits == []
    assert len(first.book.timers) == ACCOUNTS
    later(clock, downtime_s)
    writer = play(sqlite(path), venue, clock, CONFIG, later_only, ends_at=clock.at + 200 * S)
    assert len(venue.submits) == sent
    agree(writer.book, venue)
    if not sent:
        assert {a.ended for a in writer.book.allocations.values()} == {"window_passed"}


@pytest.mark.requirement("R3.6")
def test_what_became_due_meanwhile_leaves_one_gap_apart(tmp_path: Path) -> None:
    path, clock = tmp_path / "book.sqlite", MovingClock(START)
    venue = ScriptedVenue(clock, action)
    later_only = arrivals()[1:]
    first = play(sqlite(path), venue, clock, CONFIG, later_only, ends_at=START + 2 * S)
    due = sorted(a.release_at for a in first.book.allocations.values())
    assert due[-1] < due[0] + 28 * S
    later(clock, (due[-1] + S - clock.at) // S)
    resumed_at = clock.at
    play(sqlite(path), venue, clock, CONFIG, later_only, ends_at=clock.at + 200 * S)
    sent = sorted(venue.submitted_at.values())
    assert sent == [resumed_at, resumed_at + S, resumed_at + 2 * S]
    assert spaced(entries(path)) == 2


@pytest.mark.parametrize("step", AppendStep)
def test_a_failed_append_halts_the_writer_and_lets_nothing_out(
    tmp_path: Path, step: AppendStep
) -> None:
    """A full disk while the first orders are intended: no effect of that batch happens."""
    path, clock = tmp_path / "book.sqlite", MovingClock(START)

    def observe(now: AppendStep) -> None:
        if now is step and clock.now_ns() >= START + S:
            raise OSError(28, "No space left on device")

    venue = ScriptedVenue(clock, action)
    arriving = arrivals()[:1]
    with pytest.raises(JournalUnavailable):
        play(
            sqlite(path, observe), venue, clock, CONFIG, arriving,
            ends_at=ENDS_AT, projector=projector(),
        )  # fmt: skip
    assert venue.submits == []
    assert venue.closed == 1
    later(clock)
    writer = play(
        sqlite(path), venue, clock, CONFIG, arriving,
        ends_at=clock.at + 200 * S, projector=projector(),
    )  # fmt: skip
    agree(writer.book, venue)
    if step is AppendStep.COMMITTED:  # durable after all: the orders may have been sent
        assert venue.submits == []
        assert {o.state for o in writer.book.orders.values()} == {OrderState.IN_DOUBT}
    else:
        assert len(venue.submits) == ACCOUNTS
