"""A stop that fills between plan and release makes two accounts alike: the later order waits."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.brokers.sim_config import SimVenueConfig
from stretto.core import events as ev
from stretto.core.book import CORRELATION_BREACH
from stretto.core.terms.signal import ListedAccounts, PerAccount, Signal, Urgency
from stretto.market import Calendars, VenueHours
from stretto.market.feed import SeriesMarket
from tests.acceptance.cli_runner import assert_identity, stretto_json
from tests.book_invariants import holds, replays
from tests.builders import BALANCE, INSTRUMENTS, START, SYMBOLS, S, a_config, a_signal
from tests.session import MovingClock, entries, play, projector, sqlite
from tests.unit.market.series_maker import series_of

CONFIG = a_config(2)
FALLS_AFTER_S, RISES_AFTER_S = 13, 200


def a_market() -> SeriesMarket:
    """GBPUSD falls by 30 pips as the second plan waits; EURUSD rises by 30 much later."""
    rows: dict[str, list[tuple[int, int, int]]] = {symbol: [] for symbol in SYMBOLS}
    for second in range(-600, 900):
        at = START + second * S
        pound = 110_000 - (300 if second > FALLS_AFTER_S else 0)
        euro = 110_000 + (300 if second > RISES_AFTER_S else 0)
        rows["GBPUSD"].append((at, pound, pound + 10))
        rows["EURUSD"].append((at, euro, euro + 10))
    return SeriesMarket({symbol: series_of(symbol, rows[symbol]) for symbol in SYMBOLS})


def a_venue(clock: MovingClock, market: SeriesMarket) -> SimVenue:
    config = SimVenueConfig(depth_lots=Decimal(10), reject_ppm={}, requote_ppm=0)
    accounts = sim_accounts(
        CONFIG.accounts.values(), "sim", dict.fromkeys(CONFIG.accounts, BALANCE)
    )
    hours = VenueHours(Calendars(INSTRUMENTS.values(), {}), "sim", INSTRUMENTS)
    return SimVenue(config, clock, market, hours, INSTRUMENTS, accounts, seed=5)


def arrivals() -> list[tuple[int, Signal]]:
    """a0 buys GBPUSD at once; then both buy EURUSD, staggered."""
    hedge = a_signal(
        "hedge", START + S, symbol="GBPUSD", urgency=Urgency.IMMEDIATE,
        accounts=ListedAccounts(account_ids=("a0",)),
        size=PerAccount(quantity=Decimal(500_000)), stop_distance=Decimal("0.0007"),
    )  # fmt: skip
    both = a_signal(
        "both", START + 12 * S, size=PerAccount(quantity=Decimal(250_000)),
        stop_distance=Decimal("0.0007"), take_profit=Decimal("1.1020"),
    )  # fmt: skip
    return [(signal.generated_at, signal) for signal in (hedge, both)]


@pytest.mark.requirement("R2.5")
def test_a_fill_in_flight_holds_what_is_unsent_until_the_pair_passes_again(tmp_path: Path) -> None:
    path, clock, market = tmp_path / "book.sqlite", MovingClock(START), a_market()
    writer = play(
        sqlite(path), a_venue(clock, market), clock, CONFIG, arrivals(),
        ends_at=START + 400 * S, market=market, projector=projector(),
    )  # fmt: skip
    holds(writer.book)
    journaled = entries(path)
    replays(writer.book, journaled)
    happened = [event for entry in journaled for event in entry.events]
    kinds = Counter(type(event) for event in happened)
    assert kinds[ev.CorrelationBreached] >= 1
    stopped = next(i for i, e in enumerate(happened) if getattr(e, "cause", "") == "stop_loss")
    breached = next(i for i, e in enumerate(happened) if isinstance(e, ev.CorrelationBreached))
    freed = next(i for i, e in enumerate(happened) if isinstance(e, ev.PendingFreed))
    took_profit = next(
        i for i, e in enumerate(happened) if getattr(e, "cause", "") == "take_profit"
    )
    assert stopped < breached < took_profit < freed
    shown = stretto_json("status", "both", "--db", path)
    assert_identity(shown)
    (event,) = (e for e in shown["timeline"] if e["event_type"] == "correlation_breached")
    held = event["account_id"]
    assert "correlate by 0." in event["rationale"]
    (allocation,) = (a for a in shown["allocations"] if a["account_id"] == held)
    actions = [(a["action"], a.get("reason")) for a in allocation["recovery_actions"]]
    assert actions[:2] == [("held", CORRELATION_BREACH), ("freed", CORRELATION_BREACH)]
    assert allocation["orders"] == 1
