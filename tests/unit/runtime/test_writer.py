"""The single writer: order of lanes, append before effect, timers on time, halting for good."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from stretto.bootstrap import EntryCodec
from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.effects import SubmitOrder
from stretto.core.errors import BrokerUnreachable, InvariantViolated, JournalUnavailable
from stretto.core.limits import BATCH_INPUTS_MAX
from stretto.core.orders.order import OrderState
from stretto.core.release import at_once
from stretto.core.terms.intervention import Kill
from stretto.core.terms.killing import KillScope
from stretto.core.terms.policy import BookConfig, Policy
from stretto.core.terms.signal import Urgency
from stretto.journal.memory import MemoryJournal
from stretto.journal.steps import AppendStep
from stretto.runtime.clock import LoopClock, VirtualTimeLoop
from stretto.runtime.writer import Writer
from tests.builders import START, VENUE, Desk, FixedMarket, S, a_config, a_signal, a_snapshot
from tests.scripted_venue import ScriptedVenue


class Bench:
    """A writer over an opened book with a journal in memory, on virtual time."""

    def __init__(
        self,
        script: Callable[[SubmitOrder], Any] = lambda _: "fill",
        observer: Callable[[AppendStep], None] = lambda _: None,
        venue_name: str = VENUE,
        config: BookConfig | None = None,
        snapshot: Callable[[Book], None] | None = None,
        snapshot_every: int = 100_000,
    ) -> None:
        self.loop = VirtualTimeLoop(START)
        self.clock = LoopClock(self.loop)
        self.venue = ScriptedVenue(self.clock, script, venue=venue_name)
        self.journal = MemoryJournal("book", observer=observer)
        self.journal.open()
        desk = Desk(config)
        codec = EntryCodec("book")
        self.journal.append([codec.prepare(entry) for entry in desk.entries])
        self.book = desk.book
        self.entries: list[ev.Entry] = []
        self.writer = Writer(
            book=self.book,
            journal=self.journal,
            codec=codec,
            projector=None,
            brokers=(self.venue,),
            market=FixedMarket(),
            clock=self.clock,
            snapshot=snapshot,
            snapshot_every=snapshot_every,
        )
        self.writer.on_entry.append(self.entries.append)

    def run(self, seconds: int, *items: ev.Input) -> None:
        async def main() -> None:
            await self.writer.connect()
            for item in items:
                assert self.writer.post(item)
            running = self.loop.create_task(self.writer.run())
            self.loop.call_later(seconds, self.writer.stop)
            await running

        try:
            self.loop.run_until_complete(main())
        finally:
            self.loop.close()
            self.journal.close()

    def kinds(self) -> list[str]:
        return [ev.kind_of(entry.input) for entry in self.entries]


def signal(name: str = "s1", **changes: Any) -> ev.SignalReceived:
    return ev.SignalReceived(signal=a_signal(name, **changes))


def observed(name: str, after_ns: int = 1) -> ev.AccountObserved:
    return ev.AccountObserved(snapshot=a_snapshot(name, START + after_ns))


NOW = Urgency.IMMEDIATE


def test_reports_go_before_timers_and_timers_before_signals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(at_once, "INTENTS_AT_ONCE_MAX", 0)
    bench = Bench()
    bench.run(0, signal("first", urgency=NOW), signal("second", urgency=NOW), observed("a0"))
    # the report posted last is first; the first signal's releases are due before the second signal,
    # which waits for the next batch: what was just decided must go out in time
    assert bench.kinds()[:5] == [
        "account_observed", "signal_received", "timer_due", "timer_due", "timer_due",
    ]  # fmt: skip
    assert bench.kinds().index("order_reported") == 5


def test_the_journal_rests_once_orders_have_left_and_not_before_a_signal_is_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened: list[str] = []

    def filled(_: SubmitOrder) -> str:
        happened.append("written")
        return "fill"

    def observe(step: AppendStep) -> None:
        if step is AppendStep.COMMITTED:
            happened.append("durable")

    bench = Bench(filled, observe)
    happened.clear()
    monkeypatch.setattr(bench.journal, "rest", lambda: happened.append("rest"))
    bench.run(1, observed("a0"), signal("only", urgency=NOW))
    first = happened.index("written")
    assert happened[:first] == ["durable"], "what sends nothing is followed by no rest"
    assert happened.count("rest") == 1
    assert happened.index("rest") > first


def test_a_snapshot_is_kept_once_nothing_waits_to_be_written() -> None:
    happened: list[object] = []

    def filled(_: SubmitOrder) -> str:
        happened.append("written")
        return "fill"

    bench = Bench(filled, snapshot=lambda book: happened.append(book.seq), snapshot_every=2)
    first = bench.book.seq + 1
    bench.run(1, signal("only", urgency=NOW))
    assert happened[:3] == ["written"] * 3
    assert happened[3] == bench.entries[-1].seq == first + 3, "when the fills are booked"
    assert len(happened) == 4


def test_a_snapshot_is_kept_at_last_though_inputs_wait() -> None:
    kept: list[int] = []
    bench = Bench(snapshot=lambda book: kept.append(book.seq), snapshot_every=BATCH_INPUTS_MAX)
    first = bench.book.seq
    bench.run(1, *[observed("a0", 1 + each) for each in range(3 * BATCH_INPUTS_MAX)])
    assert [seq - first for seq in kept] == [2 * BATCH_INPUTS_MAX, 3 * BATCH_INPUTS_MAX]


def test_orders_that_left_with_their_plan_are_written_before_the_next_signal_is_planned() -> None:
    batches: list[AppendStep] = []
    bench = Bench(observer=batches.append)
    bench.run(1, signal("first", urgency=NOW), signal("second", urgency=NOW))
    assert sum(isinstance(e, ev.OrderIntended) for e in bench.entries[0].events) == 3
    kinds = bench.kinds()
    assert kinds[:5] == ["signal_received", *["order_reported"] * 3, "signal_received"]
    assert batches.count(AppendStep.COMMITTED) == 4, "opening, plan, its fills with the next plan"


def test_a_book_is_opened_before_a_person_can_ask_anything_of_it() -> None:
    """Its socket listens before the first entry, and a person's request goes before all others."""
    bench = Bench()
    journal = MemoryJournal("new")
    journal.open()
    writer = Writer(
        book=Book(),
        journal=journal,
        codec=EntryCodec("new"),
        projector=None,
        brokers=(bench.venue,),
        market=FixedMarket(),
        clock=bench.clock,
    )
    handled: list[str] = []
    writer.on_entry.append(lambda entry: handled.append(ev.kind_of(entry.input)))
    kill = ev.Intervened(
        request_id="k", actor="Ada", reason="enough", action=Kill(scope=KillScope.BOOK)
    )

    async def main() -> None:
        writer.post(ev.BookOpened(config=a_config()))
        assert writer.ask(kill, lambda _: None)
        running = bench.loop.create_task(writer.run())
        bench.loop.call_later(1, writer.stop)
        await running

    bench.loop.run_until_complete(main())
    bench.loop.close()
    assert handled == ["book_opened", "intervened"]


def test_two_signals_in_one_batch_see_each_other() -> None:
    batches: list[AppendStep] = []
    bench = Bench(observer=batches.append)
    bench.run(0, signal("first"), signal("second"))
    assert batches.count(AppendStep.COMMITTED) == 2, "the opening, and one batch for both"
    released = sorted(a.release_at for a in bench.book.allocations.values())
    assert len(set(released)) == 6
    gaps = [b - a for a, b in pairwise(released)]
    assert min(gaps) >= S, "the second plan keeps the gap to the first one's releases"
    for ledger in bench.book.ledgers.values():
        assert len(ledger.load) == 2


@pytest.mark.requirement("P4")
def test_no_timer_fires_early_and_each_at_its_instant() -> None:
    bench = Bench()
    bench.run(400, signal())
    fired = [e for e in bench.entries if isinstance(e.input, ev.TimerDue)]
    assert len(fired) == 3
    for entry in fired:
        assert isinstance(entry.input, ev.TimerDue)
        # the loop's seconds are floating point: a microsecond late at most, never early
        assert 0 <= entry.at - entry.input.due_at <= 1_000


def test_effects_wait_for_the_append() -> None:
    bench: Bench | None = None
    sent_at_append: list[int] = []

    def observe(step: AppendStep) -> None:
        if step is AppendStep.COMMITTED and bench is not None:
            sent_at_append.append(len(bench.venue.submits))

    bench = Bench(observer=observe)
    bench.run(1, signal(urgency=NOW))
    assert sent_at_append[0] == 0
    assert len(bench.venue.submits) == 3


@pytest.mark.parametrize("step", AppendStep)
def test_a_failed_append_halts_and_performs_nothing(step: AppendStep) -> None:
    appended: list[AppendStep] = []

    def observe(now: AppendStep) -> None:
        appended.append(now)
        if len(appended) > 4 and now is step:
            raise OSError(5, "the disk went away")

    bench = Bench(observer=observe)
    with pytest.raises(JournalUnavailable, match="the disk went away"):
        bench.run(1, signal(urgency=NOW))
    assert isinstance(bench.writer.halted, JournalUnavailable)
    assert bench.venue.submits == []
    assert bench.entries == [], "nothing of the batch was told to anybody"
    assert bench.venue.closed == 1


def test_what_breaks_a_decision_halts_the_book_with_nothing_of_the_batch_done() -> None:
    bench = Bench()
    early = ev.TimerDue(timer=ev.TimerKind.QUERY, key="x", due_at=START + 1_000 * S)
    with pytest.raises(InvariantViolated, match="would fire early"):
        bench.run(1, observed("a0"), early)
    assert isinstance(bench.writer.halted, InvariantViolated)
    assert bench.entries == []


def test_an_order_for_a_venue_without_a_connection_is_proven_unsent() -> None:
    # A heartbeat of any age will do, or the gate would refuse first.
    config = a_config(3, Policy(heartbeat_age_ns_max=2 * START))
    bench = Bench(venue_name="other", config=config)
    bench.run(1, signal(urgency=NOW))
    assert {order.state for order in bench.book.orders.values()} == {OrderState.DEAD}
    failed = [e for entry in bench.entries for e in entry.events if isinstance(e, ev.OrderFailed)]
    assert {e.text for e in failed} == {"there is no connection to venue sim"}
    assert all(a.pending == a.intended for a in bench.book.allocations.values())


def test_where_one_venue_cannot_be_reached_no_connection_stays_open() -> None:
    bench = Bench()
    away = ScriptedVenue(bench.clock, venue="away")

    async def connect(_: object) -> None:
        raise BrokerUnreachable("away")

    away.connect = connect  # type: ignore[assignment]
    writer = Writer(
        book=bench.book,
        journal=bench.journal,
        codec=EntryCodec("book"),
        projector=None,
        brokers=(bench.venue, away),
        market=FixedMarket(),
        clock=bench.clock,
    )
    with pytest.raises(BrokerUnreachable):
        bench.loop.run_until_complete(writer.connect())
    bench.loop.close()
    assert (bench.venue.sink, bench.venue.closed, away.closed) == (None, 1, 1)


def test_a_sender_that_breaks_halts_the_writer() -> None:
    class Broken(BaseException):
        """Not even an error."""

    bench = Bench(lambda _: Broken())
    with pytest.raises(Broken):
        bench.run(5, signal(urgency=NOW))
    assert bench.venue.closed == 1


def test_inputs_that_change_nothing_are_counted_not_journaled() -> None:
    bench = Bench()
    bench.run(0, observed("a0"), observed("a0"))
    assert bench.kinds() == ["account_observed"]
    assert bench.writer.unjournaled == 1


def test_book_time_never_falls_behind_what_was_journaled() -> None:
    bench = Bench()
    bench.book.at = START + 5 * S
    bench.run(0, observed("a0"))
    assert [entry.at for entry in bench.entries] == [START + 5 * S]


def test_stopping_writes_what_is_durable_and_decides_nothing_more() -> None:
    bench = Bench()

    async def slow() -> None:
        await bench.clock.sleep_until(bench.clock.now_ns() + S // 2)

    bench.venue.script = lambda _: slow

    async def main() -> None:
        await bench.writer.connect()
        bench.writer.post(signal("delayed"))
        bench.writer.post(signal(urgency=NOW))
        bench.writer.on_entry.append(lambda _: bench.writer.stop())
        await bench.writer.run()

    bench.loop.run_until_complete(main())
    bench.loop.close()
    assert len(bench.venue.submits) == 3
    assert all(order.sent_at for order in bench.book.orders.values())
    assert bench.kinds().count("send_reported") == 3
    assert len(bench.book.timers) == 6, "the delayed releases and the answers due stay armed"
