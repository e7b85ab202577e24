"""Sessions: the configuration comes first, accounts are kept fresh, an end is orderly."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.core.limits import (
    CALENDAR_HORIZON_NS,
    CALENDAR_REMAINING_NS_MIN,
    INBOX_SIGNALS_MAX,
)
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.calendar import SessionTable, covers, is_open
from stretto.core.terms.signal import Urgency
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.ports import VenueMessage
from stretto.runtime.writer import Writer
from tests.builders import (
    DAY_NS,
    START,
    OpenMarkets,
    S,
    a_config,
    a_signal,
    a_snapshot,
    an_account,
    names,
)
from tests.scripted_venue import ScriptedVenue
from tests.session import MovingClock, later, play

NOW = Urgency.IMMEDIATE


class Journaled:
    """What a session journaled, by kind."""

    def __init__(self) -> None:
        self.entries: list[ev.Entry] = []

    def watch(self, writer: Writer) -> None:
        writer.on_entry.append(self.entries.append)

    def kinds(self) -> list[str]:
        return [ev.kind_of(entry.input) for entry in self.entries]


class Talkative(ScriptedVenue):
    """Says how its accounts are as soon as it is connected."""

    async def connect(self, sink: Callable[[VenueMessage], None]) -> None:
        await super().connect(sink)
        for name in names(3):
            sink(a_snapshot(name, self.clock.now_ns(), equity=Decimal(99_000)))


def test_what_a_venue_says_on_connecting_finds_a_configured_book() -> None:
    clock, told = MovingClock(START), Journaled()
    journal = MemoryJournal("book")
    play(journal, Talkative(clock), clock, a_config(), [], ends_at=START + S, on_writer=told.watch)
    kinds = told.kinds()
    assert kinds[0] == "book_opened"
    assert kinds.index("account_observed") > kinds.index("history_observed")


def test_an_account_is_asked_again_after_a_fill_and_at_rest() -> None:
    clock, told = MovingClock(START), Journaled()
    arrivals = [(START + S, a_signal("s", START + S, urgency=NOW))]
    ends_at = START + 1_000 * S
    play(
        MemoryJournal("book"), ScriptedVenue(clock), clock, a_config(1), arrivals,
        ends_at=ends_at, on_writer=told.watch,
    )  # fmt: skip
    asked = [
        (e.at - START) // S
        for e in told.entries
        if isinstance(e.input, ev.AccountObserved | ev.MassStatusObserved)
    ]
    assert asked[0] == 0
    assert any(1 <= at <= 3 for at in asked[1:]), "soon after the fill"
    assert any(900 <= at <= 902 for at in asked), "and every quarter of an hour"


class Unreachable(ScriptedVenue):
    """Cannot be asked about accounts for the first ten seconds after the first fill."""

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        if START + S < self.clock.now_ns() < START + 11 * S:
            raise BrokerUnreachable("no answer")
        return await super().snapshot(account_id)


def test_an_account_that_could_not_be_asked_is_asked_again() -> None:
    clock, told = MovingClock(START), Journaled()
    arrivals = [(START + S, a_signal("s", START + S, urgency=NOW))]
    play(
        MemoryJournal("book"), Unreachable(clock), clock, a_config(1), arrivals,
        ends_at=START + 60 * S, on_writer=told.watch,
    )  # fmt: skip
    after_fill = [e.at for e in told.entries if isinstance(e.input, ev.AccountObserved)]
    assert after_fill
    assert START + 11 * S <= after_fill[0] <= START + 13 * S


def test_a_refresh_that_breaks_ends_the_session_and_says_so() -> None:
    class Gone(ScriptedVenue):
        async def snapshot(self, account_id: str) -> AccountSnapshot:
            if self.clock.now_ns() > START + S:
                raise InvalidInput(account_id, "the venue does not know it")
            return await super().snapshot(account_id)

    clock = MovingClock(START)
    arrivals = [(START + S, a_signal("s", START + S, urgency=NOW))]
    with pytest.raises(InvalidInput, match="does not know it"):
        play(
            MemoryJournal("book"), Gone(clock), clock, a_config(1), arrivals,
            ends_at=START + 900 * S,
        )  # fmt: skip


def test_a_slow_send_does_not_stop_time_while_the_inbox_drains() -> None:
    clock = MovingClock(START)

    async def slow() -> None:
        await clock.sleep_until(clock.now_ns() + S)

    arrivals = [(START, a_signal("s", START, urgency=NOW))]
    venue = ScriptedVenue(clock, lambda _: slow)
    writer = play(MemoryJournal("book"), venue, clock, a_config(1), arrivals, ends_at=None)
    assert len(venue.submits) == 1
    assert writer.idle


def test_without_an_end_a_session_lasts_until_nothing_is_due() -> None:
    clock = MovingClock(START)
    arrivals = [(START + S, a_signal("s", START + S))]
    writer = play(
        MemoryJournal("book"), ScriptedVenue(clock), clock, a_config(), arrivals, ends_at=None
    )
    assert {a.ended for a in writer.book.allocations.values()} == {"filled"}
    assert START + 2 * S < clock.now_ns() < START + 40 * S


def test_signals_beyond_the_lane_are_turned_away_and_counted() -> None:
    clock = MovingClock(START)
    config = a_config([an_account("a0", symbols={})])
    many = [(START, a_signal(f"s{number}", START)) for number in range(INBOX_SIGNALS_MAX + 5)]
    told = Journaled()
    play(
        MemoryJournal("book"), ScriptedVenue(clock), clock, config, many,
        ends_at=START + S, on_writer=told.watch,
    )  # fmt: skip
    assert told.kinds().count("signal_received") == INBOX_SIGNALS_MAX


def test_a_configuration_that_drops_a_held_account_is_refused_with_the_reason() -> None:
    clock, store = MovingClock(START), MemoryStore()
    arrivals = [(START, a_signal("s", START, urgency=NOW))]
    play(
        MemoryJournal("book", store), ScriptedVenue(clock), clock, a_config(2), arrivals,
        ends_at=START + 5 * S,
    )  # fmt: skip
    later(clock)
    with pytest.raises(InvalidInput, match=r"accounts\.a1: missing, though .* EURUSD"):
        play(
            MemoryJournal("book", store), ScriptedVenue(clock), clock, a_config(1), [],
            ends_at=clock.at + S,
        )  # fmt: skip


def test_an_account_that_left_the_configuration_is_no_longer_asked() -> None:
    clock, store = MovingClock(START), MemoryStore()
    venue = ScriptedVenue(clock)
    config = a_config(2)
    play(MemoryJournal("book", store), venue, clock, config, [], ends_at=START + S)
    later(clock)
    told = Journaled()
    play(
        MemoryJournal("book", store), venue, clock, a_config(1), [],
        ends_at=clock.at + 1_000 * S, on_writer=told.watch,
    )  # fmt: skip
    asked = [
        e.input.status.account_id
        for e in told.entries
        if isinstance(e.input, ev.MassStatusObserved)
    ]
    assert set(asked) == {"a0"}


class Holiday(OpenMarkets):
    """Markets that are never closed, but for one day that was declared lately."""

    def __init__(self, day_ns: int) -> None:
        self.day_ns = day_ns

    def table(self, name: str, starts_at: int, ends_at: int) -> SessionTable:
        around = ((starts_at, self.day_ns), (self.day_ns + DAY_NS, ends_at))
        return replace(super().table(name, starts_at, ends_at), sessions=around)


def calendars_told(told: Journaled) -> list[tuple[int, SessionTable]]:
    return [(e.at, e.input.table) for e in told.entries if isinstance(e.input, ev.CalendarObserved)]


@pytest.mark.timeout(60)
def test_a_book_learns_its_sessions_in_time_for_as_long_as_it_runs() -> None:
    clock, told = MovingClock(START), Journaled()
    ends_at = START + 60 * DAY_NS
    writer = play(
        MemoryJournal("book"), ScriptedVenue(clock), clock, a_config(1), [],
        ends_at=ends_at, on_writer=told.watch,
    )  # fmt: skip
    kinds = told.kinds()
    assert kinds.index("calendar_observed") == 1, "right after the configuration"
    tables = calendars_told(told)
    assert tables[0][1].ends_at - tables[0][1].starts_at == CALENDAR_HORIZON_NS
    for (_, before), (at, after) in pairwise(tables):
        assert covers(before, at), "the next comes while the last is still good"
        assert before.ends_at - at <= CALENDAR_REMAINING_NS_MIN
        assert after.ends_at > before.ends_at
    assert len(tables) == 3
    assert covers(writer.book.calendars["fx_week"], ends_at)


def test_a_new_process_corrects_the_sessions_and_repeats_none() -> None:
    clock, store, told = MovingClock(START), MemoryStore(), Journaled()
    venue, config = ScriptedVenue(clock), a_config(1)
    play(MemoryJournal("book", store), venue, clock, config, [], ends_at=START + S)
    later(clock, 3 * 86_400)
    play(
        MemoryJournal("book", store), venue, clock, config, [],
        ends_at=clock.at + S, on_writer=told.watch,
    )  # fmt: skip
    assert calendars_told(told) == []
    holiday = Holiday(START + 10 * DAY_NS)
    writer = play(
        MemoryJournal("book", store), venue, clock, config, [],
        ends_at=clock.at + S, on_writer=told.watch, calendars=holiday,
    )  # fmt: skip
    ((_, corrected),) = calendars_told(told)
    assert writer.book.calendars["fx_week"] == corrected
    assert not is_open(corrected, START + 10 * DAY_NS)
    assert is_open(corrected, START + 11 * DAY_NS)
