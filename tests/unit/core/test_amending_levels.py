"""Amend: which levels pass the market, whose they become, and which request they take over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS
from stretto.core.terms.market import Reads
from stretto.core.terms.plan import Plan
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.terms.signal import Urgency
from stretto.core.values import ZERO, Side
from tests.builders import DAY_NS, START, S, a_signal, names, only, sessions
from tests.exit_desk import SIGNAL, ExitDesk, desk, stop
from tests.unit.core.test_amending import STOP, TARGET, amend, answer, asked, levels, requests

pytestmark = pytest.mark.requirement("P5")
BID, ASK, BETWEEN = Decimal("1.10000"), Decimal("1.10010"), Decimal("1.10005")
TICK = Decimal("0.00001")


def holding(side: Side) -> ExitDesk:
    book = desk()
    for order in book.released(a_signal(urgency=Urgency.IMMEDIATE, side=side)):
        book.send(order)
        book.filled(order)
    return book


def judged(book: ExitDesk, reads: Reads | None = None, **stated: Any) -> Plan:
    (first, *_) = book.feed(ev.ExitReceived(exit=amend(**stated)), reads)
    assert isinstance(first, ev.SignalPlanned | ev.SignalRefused)
    return first.plan


def refused(book: ExitDesk, **stated: Decimal) -> Rule | None:
    plan = judged(book, None, **stated)
    return None if plan.refused is None else plan.refused.rule


@pytest.mark.parametrize(
    ("side", "touch", "inside"), [(Side.BUY, BID, -TICK), (Side.SELL, ASK, TICK)]
)
def test_a_level_is_held_against_the_price_at_which_the_position_would_close(
    side: Side, touch: Decimal, inside: Decimal
) -> None:
    """A stop between bid and ask would close the position at once, and so would one at the touch;
    a target there is not reached yet, but at the touch it is.
    """
    for level in (touch, BETWEEN):
        assert refused(holding(side), stop_loss=level) is Rule.STOP_ON_WRONG_SIDE
    assert refused(holding(side), stop_loss=touch + inside) is None
    for target in (touch, touch + inside):
        assert refused(holding(side), take_profit=target) is Rule.TARGET_ON_WRONG_SIDE
    assert refused(holding(side), take_profit=touch - inside) is None


def test_without_a_quote_a_level_is_a_price_all_the_same() -> None:
    plan = judged(holding(Side.SELL), Reads(), stop_loss=TICK / 10)  # comes to 0 on the grid
    assert plan.refused is not None
    assert plan.refused.rule is Rule.STOP_ON_WRONG_SIDE


def test_an_entry_that_may_still_come_is_not_gone() -> None:
    book = desk()
    book.plan(a_signal())
    assert judged(book, stop_loss=STOP).refusals == ()


def test_a_target_alone_leaves_the_stop_where_it_is() -> None:
    book = desk()
    book.entered()
    before = {name: levels(book, name)[0] for name in names(3)}
    assert None not in before.values()
    for request in asked(book, amend(take_profit=TARGET)):
        assert (request.stop_loss, request.take_profit) == (before[request.account_id], TARGET)


def test_a_target_keeps_the_stop_that_is_still_being_set() -> None:
    """The venue has not answered yet: what is in force is older than what is wanted."""
    book = desk()
    book.entered()
    assert len(asked(book, amend("m1", stop_loss=STOP))) == 3
    for request in asked(book, amend("m2", take_profit=TARGET)):
        assert (request.stop_loss, request.take_profit) == (STOP, TARGET)


def test_an_account_that_has_nothing_any_more_is_left_alone() -> None:
    book = desk()
    entries = book.entered()
    book.exit()
    (closing,) = [o for o in book.book.orders.values() if o.role.value == "exit"][:1]
    book.send(closing)
    book.filled(closing, exec_id="close")
    (gone,) = [name for name in names(3) if not book.held(name)]
    events = book.feed(ev.ExitReceived(exit=amend(stop_loss=STOP)))
    changed = [e.account_id for e in events if isinstance(e, ev.LevelsChanged)]
    assert sorted(changed) == sorted(o.account_id for o in entries if o.account_id != gone)


def test_an_amend_lives_on_where_a_later_one_takes_over_only_some_of_it() -> None:
    book = desk()
    entries = book.entered()
    asked(book, amend("m1", stop_loss=STOP))
    stop(book, entries[0])
    before = len(book.commands)
    events = book.feed(ev.ExitReceived(exit=amend("m2", stop_loss=STOP - TICK)))
    assert len(requests(book, before)) == 2
    assert not any(isinstance(e, ev.ExecutionEnded) for e in events), "m1 waits for its answer"
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
    ended = [e for e in book.book.executions.values() if e.signal.signal_id == "m1"]
    assert [e.status for e in ended] == ["completed"], "the position is gone"
    book.checked()


# --- answers


def test_an_answer_about_another_account_says_nothing() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    other = next(name for name in names(3) if name != first.account_id)
    assert answer(book, first, account_id=other) == ()


def test_a_late_word_counts_where_it_says_something_new() -> None:
    """Nobody waits for it any more: a refusal is over, and what is in force is known."""
    book = desk()
    book.entered()
    sent = asked(book)
    for request in sent:
        answer(book, request)
    (first, *_) = sent
    assert answer(book, first) == ()
    other = STOP - TICK
    assert answer(book, first, accepted=False, stop_loss=other) == ()
    only(answer(book, first, stop_loss=other), ev.ProtectionAmended)
    assert levels(book, first.account_id)[0] == other


def test_levels_that_the_venue_set_otherwise_reach_a_person() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    events = answer(book, first, stop_loss=STOP - TICK)
    required = only(events, ev.InterventionRequired)
    assert required.reason == "protection_differs"
    assert required.known["in_force"] == f"stop_loss {STOP - TICK}, take_profit None"
    assert required.known["wanted"] == f"stop_loss {STOP}, take_profit None"
    assert levels(book, first.account_id)[0] == STOP - TICK, "the book follows the venue"


def test_a_timer_of_a_request_that_was_made_again_since_changes_nothing() -> None:
    book = desk()
    book.entered()
    asked(book)
    key = sorted(book.book.amendments)[0]
    old_due = book.now + ACKNOWLEDGE_TIMEOUT_NS
    book.now += S
    asked(book, amend("m2"))
    book.now = old_due
    late = ev.TimerDue(timer=ev.TimerKind.AMEND, key=key, due_at=old_due)
    assert book.feed(late) == ()
    book.now += S
    assert book.feed(msgspec.structs.replace(late, due_at=book.now))


def test_a_ticket_that_is_gone_is_done_though_the_account_holds_another() -> None:
    book = desk()
    (order, *_) = book.released(SIGNAL)
    book.send(order)
    book.filled(order, Decimal(4_000), position_id="T-1")
    book.filled(book.book.orders[order.client_order_id], position_id="T-2")
    first, second = asked(book)
    assert {first.position_id, second.position_id} == {"T-1", "T-2"}
    stopped = order.quantity - 4_000
    book.feed(ev.VenueReported(report=closed(book, order.account_id, "T-2", stopped)))
    before = len(book.commands)
    book.timers_until(book.now + ACKNOWLEDGE_TIMEOUT_NS)
    assert [request.position_id for request in requests(book, before)] == ["T-1"]
    book.checked()


def closed(book: ExitDesk, account_id: str, ticket: str, quantity: Decimal) -> ExecutionReport:
    """The venue stops one of its positions out."""
    return ExecutionReport(
        client_order_id="", account_id=account_id, exec_id=f"stop-{ticket}",
        exec_type=ExecType.TRADE, ord_status=OrdStatus.FILLED, cum_qty=quantity, leaves_qty=ZERO,
        avg_px=Decimal(1), order_qty=quantity, trading_day="2024-03-15", transact_at=book.now,
        last_qty=quantity, last_px=Decimal(1), position_id=ticket, text="stop_loss",
    )  # fmt: skip


def test_a_refusal_of_a_closed_market_waits_for_the_next_session() -> None:
    book = desk()
    book.entered()
    (first, *_) = asked(book)
    opens_at = book.now + 7_200 * S
    hours = sessions((START - DAY_NS, book.now - S), (opens_at, opens_at + DAY_NS))
    book.feed(ev.CalendarObserved(table=hours))
    events = answer(book, first, accepted=False, reject_code="market_closed")
    assert only(events, ev.AmendFailed).due_at == opens_at
    book.checked()


def test_an_amend_that_one_account_refused_is_not_complete() -> None:
    book = desk()
    book.entered()
    first, *others = asked(book)
    answer(book, first, accepted=False, reject_code="invalid_stops")
    ended = [event for request in others for event in answer(book, request)]
    assert only(ended, ev.ExecutionEnded).status == "abandoned"
    book.checked()


def test_an_amend_ends_once() -> None:
    book = desk()
    book.entered()
    asked(book, amend("m1"))
    for request in asked(book, amend("m2", stop_loss=STOP - TICK)):
        answer(book, request)
    for request in [c for c in requests(book) if c.stop_loss == STOP]:
        answer(book, request)  # the older levels reach the venue last
    book.timers_until(book.now)
    for request in requests(book)[6:]:
        answer(book, request)
    ended = [
        e.execution_id for x in book.entries for e in x.events if isinstance(e, ev.ExecutionEnded)
    ]
    assert len(ended) == len(set(ended)) == 3, "the entries, and each amend once"
    book.checked()
