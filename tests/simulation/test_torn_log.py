"""A disk that lost what it had acknowledged: the log is cut or changed between two lives.

Promised is this. What is left is a prefix of whole appends, tables included, and the chain of it
verifies. An order that was sent and whose intent is lost is never doubled: planned again it has the
same client order id, which the venue refuses, and the book asks instead of sending again; what is
not planned again is reported to a person. Without such a disk nothing that was sent is ever lost:
every append is forced to disk before anything leaves.
"""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stretto.brokers.sim import SimVenue, sim_accounts
from stretto.core.terms.signal import Signal, Urgency
from stretto.core.values import ZERO
from stretto.market.calendars import Calendars, VenueHours
from tests.book_invariants import holds, replays
from tests.builders import BALANCE, INSTRUMENTS, START, VENUE, S, a_config, a_signal, names
from tests.session import MovingClock, entries, later, play, projector, sqlite
from tests.simulation.boundaries import a_venue, world_of

CONFIG = a_config(2)
PLACES = 16


def arrivals() -> list[tuple[int, Signal]]:
    first = a_signal("now", START + S, urgency=Urgency.IMMEDIATE, stop_distance=None)
    return [(START + S, first), (START + 20 * S, a_signal("later", START + 20 * S))]


def a_sim_venue(clock: MovingClock) -> SimVenue:
    return SimVenue(
        a_venue(),
        clock,
        world_of("an order that fills").market.quotes,
        VenueHours(Calendars(INSTRUMENTS.values(), {}), VENUE, INSTRUMENTS),
        INSTRUMENTS,
        sim_accounts(CONFIG.accounts.values(), VENUE, dict.fromkeys(names(2), BALANCE)),
        seed=1,
    )


def lived(path: Path) -> tuple[MovingClock, SimVenue, list[str]]:
    """A whole first life, its database and log copied as its last entry left them; its orders."""
    clock = MovingClock(START)
    venue = a_sim_venue(clock)
    folder = path.parent / "first"
    folder.mkdir()
    first = folder / path.name

    def copy(_: object) -> None:
        for end in ("", "-wal"):
            shutil.copy(folder / f"{path.name}{end}", path.with_name(path.name + end))

    writer = play(
        sqlite(first), venue, clock, CONFIG, arrivals(), ends_at=START + 60 * S,
        projector=projector(), on_writer=lambda writer: writer.on_entry.append(copy),
    )  # fmt: skip
    return clock, venue, sorted(writer.book.orders)


def filled(venue: SimVenue) -> dict[str, str]:
    """What the venue filled of each order."""
    orders: Any = venue.dump()["orders"]
    return {name: order["cumulative_quantity"] for name, order in sorted(orders.items())}


def damaged(log: bytes, place: int) -> bytes:
    """The log cut, or with one byte changed, at a place that follows from its number."""
    at = len(log) * place // PLACES + place * 37 % 4_096
    if place % 2:
        return log[:at] + bytes([log[at] ^ 0x40]) + log[at + 1 :] if at < len(log) else log
    return log[:at]


@pytest.mark.parametrize("place", range(PLACES))
def test_a_log_that_lost_its_end_leaves_a_prefix_and_doubles_no_order(
    tmp_path: Path, place: int
) -> None:
    path = tmp_path / "book.sqlite"
    clock, venue, sent = lived(path)
    before = entries(tmp_path / "first" / path.name)
    done = filled(venue)
    assert sorted(done) == sent
    log = path.with_name(path.name + "-wal")
    log.write_bytes(damaged(log.read_bytes(), place))
    later(clock)
    left = entries(path) if path.stat().st_size or log.stat().st_size else []
    assert left == before[: len(left)], "what is left is no prefix"
    writer = play(
        sqlite(path), venue, clock, CONFIG, arrivals(), ends_at=clock.at + 300 * S,
        projector=projector(),
    )  # fmt: skip
    book = writer.book
    holds(book)
    replays(book, entries(path))
    assert filled(venue) == done, "something was sent that had been sent before"
    for name in names(2):
        held = sum((p.quantity for p in book.positions.get(name, {}).values()), ZERO)
        theirs: Any = venue.dump()["accounts"]
        at_venue = sum((Decimal(p["quantity"]) for p in theirs[name]["positions"].values()), ZERO)
        asked = [key for key in book.interventions if name in key or key in book.orders]
        assert held == at_venue or asked, f"{name}: {held} of {at_venue}, and nobody was asked"
