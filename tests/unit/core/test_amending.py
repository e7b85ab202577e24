"""Amend: every account that holds it gets the levels, no request is lost, the book follows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.effects import AmendProtection, SubmitOrder
from stretto.core.failures.failure_actions import Step
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS, QUERIES_MAX
from stretto.core.terms.account import PositionMode
from stretto.core.terms.exit_signal import ExitSignal
from stretto.core.terms.market import Reads
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ProtectionAnswer
from stretto.core.terms.signal import Action
from tests.builders import S, a_signal, names, only
from tests.exit_desk import SIGNAL, ExitDesk, an_exit, desk, stop

STOP = Decimal("1.09000")
TARGET = Decimal("1.12000")


def amend(signal_id: str = "m1", **levels: Any) -> ExitSignal:
    return an_exit(signal_id, Action.AMEND, **(levels or {"stop_loss": STOP}))


def asked(book: ExitDesk, item: ExitSignal | None = None) -> list[AmendProtection]:
    before = len(book.commands)
    book.feed(ev.ExitReceived(exit=item or amend()))
    return requests(book, before)


def requests(book: ExitDesk, since: int = 0) -> list[AmendProtection]:
    return [c for c in book.commands[since:] if isinstance(c, AmendProtection)]


def answer(book: ExitDesk, request: AmendProtection, **changes: Any) -> tuple[ev.Event, ...]:
    said = ProtectionAnswer(
        client_order_id=request.client_order_id,
        account_id=request.account_id,
        position_id=request.position_id,
        accepted=True,
        transact_at=book.now,
        stop_loss=request.stop_loss,
        take_profit=request.take_profit,
    )
    return book.feed(ev.ProtectionAnswered(answer=msgspec.structs.replace(said, **changes)))


def levels(book: ExitDesk, account_id: str) -> tuple[Decimal | None, Decimal | None]:
    (position,) = book.book.positions[account_id].values()
    return position.stop_loss, position.take_profit


@pytest.mark.requirement("P5")
def test_an_amend_that_misses_an_account() -> None:
    book = desk()
    entries = book.entered()
    sent = asked(book, amend(stop_loss=STOP, take_profit=TARGET))
    assert {(c.account_id, c.position_id) for c in sent} == {
        (o.account_id, o.position_id) for o in entries
    }
    assert {(c.stop_loss, c.take_profit) for c in sent} == {(STOP, TARGET)}
    assert [levels(book, name)[0] for name in names(3)] != [STOP] * 3  # nobody has answered
    for request in sent:
        answer(book, request)
    assert [levels(book, name) for name in names(3)] == [(STOP, TARGET)] * 3
    (execution,) = (e for e in book.book.executions.values() if e.closes)
    assert execution.status == "completed"
    assert not book.book.amendments
    book.checked()


def test_an_amend_of_the_stop_that_takes_the_target_away() -> None:
    book = desk()
    book.entered()
    for request in asked(book, amend(take_profit=TARGET)):
        answer(book, request)
    (first, *_) = asked(book, amend("m2"))
    assert (first.stop_loss, first.take_profit) == (STOP, TARGET)


def test_an_amend_that_nobody_answers_is_asked_again_and_then_a_person_is() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    before = len(book.commands)
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
    again = requests(book, before)
    assert len(again) == 3
    repeated = next(c for c in again if c.account_id == first.account_id)
    assert (repeated.stop_loss, repeated.position_id) == (STOP, first.position_id)
    assert repeated.client_order_id != first.client_order_id
    book.timers_until(book.now + (QUERIES_MAX + 1) * ACKNOWLEDGE_TIMEOUT_NS)
    assert len(requests(book)) == 3 * (1 + QUERIES_MAX)
    assert sorted(book.book.interventions.values()) == ["amend_failed"] * 3
    (execution,) = (e for e in book.book.executions.values() if e.closes)
    assert execution.status == "abandoned"
    assert book.book.is_at_rest
    book.checked()


def test_an_answer_after_the_request_was_made_again() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
    answer(book, first)
    assert levels(book, first.account_id)[0] == STOP
    for request in requests(book)[3:]:
        answer(book, request)
    assert not book.book.amendments
    book.checked()


def test_older_levels_that_reach_the_venue_last_are_corrected() -> None:
    book = desk()
    book.entered()
    (old, *_) = asked(book)
    newer = asked(book, amend("m2", stop_loss=Decimal("1.09500")))
    statuses = {e.signal.signal_id: e.status for e in book.book.executions.values()}
    assert statuses["m1"] == "abandoned"
    for request in newer:
        answer(book, request)
    assert statuses | {"m2": "completed"} == {
        e.signal.signal_id: e.status for e in book.book.executions.values()
    }
    before = len(book.commands)
    answer(book, old)  # the venue took the old levels after the new ones
    assert levels(book, old.account_id)[0] == STOP
    book.timers_until(book.now)
    (again,) = requests(book, before)
    assert again.stop_loss == Decimal("1.09500")
    answer(book, again)
    assert levels(book, old.account_id)[0] == Decimal("1.09500")
    assert not book.book.amendments
    book.checked()


def test_a_refused_amend_that_is_given_up() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    events = answer(book, first, accepted=False, stop_loss=None, reject_code="invalid_stops")
    failed = only(events, ev.AmendFailed)
    assert (failed.step, failed.due_at) == (Step.INTERVENE, None)
    required = only(events, ev.InterventionRequired)
    assert required.reason == "amend_failed"
    assert required.known["wanted"].startswith(f"stop_loss {STOP}")
    (again, *_) = asked(book, amend("m2", stop_loss=Decimal("1.08000")))
    answered = answer(book, again)
    assert only(answered, ev.InterventionResolved).reason == "amend_failed"
    assert required.client_order_id not in book.book.interventions
    book.checked()


def test_a_refusal_for_now_is_asked_again_within_bounds() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    count, request = 1, first
    while True:
        before = len(book.commands)
        events = answer(book, request, accepted=False, reject_code="off_quotes")
        if any(isinstance(e, ev.InterventionRequired) for e in events):
            break
        due_at = only(events, ev.AmendFailed).due_at
        assert due_at is not None
        book.timers_until(due_at)
        (request,) = (c for c in requests(book, before) if c.account_id == first.account_id)
        count += 1
    assert 1 < count < 10
    book.checked()


def test_a_rate_limited_amend_waits_what_the_venue_says() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    events = answer(
        book, first, accepted=False, reject_code="rate_limited", text="retry_after_ms=9000"
    )
    due_at = only(events, ev.AmendFailed).due_at
    assert due_at is not None
    assert due_at >= book.now + 9 * S
    book.checked()


def test_an_amend_of_a_position_that_is_gone_is_done() -> None:
    book = desk()
    entries = book.entered()
    sent = asked(book)
    for order in entries:
        stop(book, order)
    refused = answer(book, sent[0], accepted=False, reject_code="position_gone")
    assert only(refused, ev.AmendFailed).step is Step.DONE
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)  # the others never hear
    assert len(requests(book)) == 3
    assert not book.book.amendments
    assert not book.book.interventions
    events = book.feed(ev.ExitReceived(exit=amend("m2")))
    assert {r.rule for r in only(events, ev.SignalPlanned).plan.refusals} == {Rule.POSITION_GONE}
    assert only(events, ev.ExecutionEnded).status == "completed"
    book.checked()


def test_an_entry_that_waits_leaves_with_the_old_stop() -> None:
    book = desk()
    book.plan(a_signal())
    assert asked(book) == []
    book.timers_until(book.now + 60 * S)
    submits = [c for c in book.commands if isinstance(c, SubmitOrder)]
    assert [c.stop_loss for c in submits] == [STOP] * 3
    book.checked()


def test_an_entry_that_fills_with_the_old_stop_after_the_amend() -> None:
    book = desk()
    order = book.order(SIGNAL)
    assert asked(book) == []  # nothing is held yet
    book.filled(order)
    before = len(book.commands)
    book.timers_until(book.now)
    (request,) = requests(book, before)
    assert (request.stop_loss, request.position_id) == (STOP, f"T-{order.client_order_id}")
    answer(book, request)
    assert levels(book, order.account_id)[0] == STOP
    book.checked()


def test_two_executions_on_one_netting_position_share_its_levels() -> None:
    book = desk(position_mode=PositionMode.NETTING)
    for order in book.released(SIGNAL):
        book.send(order)
        book.filled(order, position_id="NET")
    (first, *_) = asked(book)
    assert first.position_id == "NET"
    answer(book, first)
    assert levels(book, first.account_id)[0] == STOP


@pytest.mark.parametrize(
    ("stated", "rule"),
    [
        ({"stop_loss": Decimal("1.20000")}, Rule.STOP_ON_WRONG_SIDE),
        ({"take_profit": Decimal("1.00000")}, Rule.TARGET_ON_WRONG_SIDE),
    ],
)
def test_a_level_on_the_wrong_side_of_the_market(stated: dict[str, Decimal], rule: Rule) -> None:
    book = desk()
    book.entered()
    (event,) = book.feed(ev.ExitReceived(exit=amend("m1", **stated)))
    assert isinstance(event, ev.SignalRefused)
    assert event.plan.refused is not None
    assert event.plan.refused.rule is rule


def test_levels_that_contradict_each_other_where_no_quote_says_so() -> None:
    book = desk()
    book.entered()
    item = amend(stop_loss=TARGET, take_profit=STOP)
    (event,) = book.feed(ev.ExitReceived(exit=item), Reads())
    assert isinstance(event, ev.SignalRefused)


def test_a_level_off_the_tick_grid_is_rounded_toward_the_market() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(
        book, amend(stop_loss=Decimal("1.0900001"), take_profit=Decimal("1.2000099"))
    )
    tick = book.config.instruments[first.symbol].tick
    assert first.stop_loss is not None
    assert first.take_profit is not None
    assert first.stop_loss % tick == first.take_profit % tick == 0
    assert first.stop_loss > Decimal("1.0900001")
    assert first.take_profit < Decimal("1.2000099")


def test_a_new_process_asks_again_for_levels_in_flight() -> None:
    book = desk()
    book.entered()
    asked(book)
    book.feed(ev.BookRecovered(engine_version="test"))
    before = len(book.commands)
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
    assert len(requests(book, before)) == 3
    book.checked()


def sent(book: ExitDesk, request: AmendProtection, outcome: ev.SendOutcomeKind) -> list[ev.Event]:
    return list(
        book.feed(
            ev.AmendReported(
                client_order_id=request.client_order_id, account_id=request.account_id,
                outcome=outcome, sent_at=book.now, detail="cut off",
            )
        )
    )  # fmt: skip


def test_a_request_that_did_not_leave_is_known_at_once_and_made_again() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    before = len(book.commands)
    failed = only(sent(book, first, ev.SendOutcomeKind.NOT_SENT), ev.AmendFailed)
    assert (failed.failure_class.value, failed.text) == ("connection_temporary", "cut off")
    assert failed.due_at is not None
    assert failed.due_at > book.now
    assert requests(book, before) == []
    book.timers_until(failed.due_at)
    (again,) = [r for r in requests(book, before) if r.account_id == first.account_id]
    assert (again.stop_loss, again.position_id) == (STOP, first.position_id)
    answer(book, again)
    assert levels(book, first.account_id)[0] == STOP
    book.checked()


def test_a_request_of_unknown_outcome_is_journaled_and_asked_again_when_its_answer_is_overdue() -> (
    None
):
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    before, began = len(book.commands), book.now
    failed = only(sent(book, first, ev.SendOutcomeKind.UNKNOWN), ev.AmendFailed)
    assert failed.failure_class.value == "unknown_outcome"
    assert failed.due_at == began + ACKNOWLEDGE_TIMEOUT_NS
    assert sent(book, first, ev.SendOutcomeKind.UNKNOWN) == [], "once for one request"
    book.timers_until(failed.due_at - 1)
    assert requests(book, before) == [], "a line that is cut is not tried again and again"
    book.timers_until(failed.due_at)
    assert [r for r in requests(book, before) if r.account_id == first.account_id]
    book.checked()


def test_a_request_whose_outcome_stays_unknown_ends_with_a_person() -> None:
    book = desk()
    book.entered()
    (request, *_) = asked(book)
    for _ in range(QUERIES_MAX + 1):
        before = len(book.commands)
        sent(book, request, ev.SendOutcomeKind.UNKNOWN)
        book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
        mine = [r for r in requests(book, before) if r.account_id == request.account_id]
        request = mine[-1] if mine else request
    reasons = [r for k, r in book.book.interventions.items() if f"/{request.account_id}/" in k]
    assert reasons == ["amend_failed"]
    book.checked()


def test_an_answer_after_an_unknown_outcome_is_believed() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    sent(book, first, ev.SendOutcomeKind.UNKNOWN)
    answer(book, first)
    assert levels(book, first.account_id)[0] == STOP
    assert sent(book, first, ev.SendOutcomeKind.SENT) == []
    book.checked()
