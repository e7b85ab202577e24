"""What goes wrong in a seed and when: faults of the venues, deaths of the process, a failing disk,
clocks that jump, pauses. Data and draws; what it means is in ``ports`` and ``stage``.

A schedule can be shortened, item by item: no item's draws depend on another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from stretto.brokers.sim_faults import ALL, GROUPS, FaultKind, kinds_named
from stretto.core.errors import InvalidInput
from stretto.core.values import NS_PER_MS, NS_PER_S
from stretto.simulation.draws import Draws

_K = FaultKind


class Boundary(StrEnum):
    """Where a process can die: each instant at which it has just done something, or is about to."""

    APPEND_BEGUN = "append-begun"
    APPEND_WRITTEN = "append-written"
    APPEND_PROJECTED = "append-projected"
    APPEND_COMMITTED = "append-committed"
    SEND_BEFORE = "send-before"
    SEND_AFTER = "send-after"
    VIEW_BEFORE = "view-before"
    VIEW_AFTER = "view-after"
    SNAPSHOT_BEFORE = "snapshot-before"
    SNAPSHOT_AFTER = "snapshot-after"
    CONNECT = "connect"
    RECEIVED = "received"
    ENTRY = "entry"


class ProcessFault(StrEnum):
    """What goes wrong in the process and around it, as ``--faults`` names it."""

    CRASH = "crash"
    DISK = "disk"
    CLOCK = "clock"
    PAUSE = "pause"
    TAKEOVER = "takeover"


MEETS_NS = 3 * 3_600 * NS_PER_S
"""How long what is to meet an order in some state waits for one, before it strikes all the same."""


class Crash(Struct, frozen=True, kw_only=True):
    """The process dies at the boundary passed after ``skipped`` others of its kind from ``at`` on
    (ns UTC), and starts again after ``down_ns``. ``resent``: the venues say again what they said in
    between; otherwise it is lost but for what only they know. ``meets``, here and below: it waits
    until an order is in that state, for some hours.
    """

    at: int
    boundary: Boundary
    skipped: int = 0
    down_ns: int = NS_PER_S
    resent: bool = False
    meets: str = ""


class DiskFailure(Struct, frozen=True, kw_only=True):
    """Appends fail at ``boundary`` from ``at`` until ``until`` (ns UTC): once where they are the
    same. At COMMITTED the entries are durable and nobody was told.
    """

    at: int
    boundary: Boundary
    until: int
    meets: str = ""


class ClockChange(Struct, frozen=True, kw_only=True):
    """From ``at`` on the machine's clock is ``offset_ns`` ahead of the venues'."""

    at: int
    offset_ns: int


class Pause(Struct, frozen=True, kw_only=True):
    """At the first boundary from ``at`` on the process stands still for ``length_ns``."""

    at: int
    length_ns: int
    meets: str = ""


class Takeover(Struct, frozen=True, kw_only=True):
    """At the first call of a port from ``at`` on the process stands still; its lock runs out and
    after ``after_ns`` another one takes the book over. After ``wakes_ns`` more the first goes on.
    Where the lock cannot run out, it only stands still.
    """

    at: int
    after_ns: int
    wakes_ns: int
    meets: str = ""


class Schedule(Struct, frozen=True, kw_only=True):
    """Everything that goes wrong in a seed; ``venue_faults`` by venue, each in ``rate_ppm`` of its
    occasions. ``yields``: the process gives way to others at its ports.
    """

    venue_faults: dict[str, tuple[FaultKind, ...]]
    rate_ppm: int
    crashes: tuple[Crash, ...] = ()
    disk: tuple[DiskFailure, ...] = ()
    clock: tuple[ClockChange, ...] = ()
    pauses: tuple[Pause, ...] = ()
    takeovers: tuple[Takeover, ...] = ()
    yields: bool = True


class Struck(NamedTuple):
    """A fault that struck the process or its machine, at a time (ns UTC)."""

    at: int
    kind: str
    subject: str = ""


NAMES = (ALL, *(each.value for each in ProcessFault), *GROUPS)
_APPENDS = tuple(each for each in Boundary if each.value.startswith("append"))


class Named(Struct, frozen=True):
    """The faults that a call allows."""

    venue: tuple[FaultKind, ...]
    process: tuple[ProcessFault, ...]


def faults_named(names: Iterable[str]) -> Named:
    """The faults that names stand for. Raises InvalidInput for one that is none."""
    venue, process = [], []
    for name in names:
        if name == ALL:
            return Named(tuple(FaultKind), tuple(ProcessFault))
        if name in {each.value for each in ProcessFault}:
            process.append(ProcessFault(name))
        else:
            venue.append(name)
    try:
        return Named(kinds_named(venue), tuple(process))
    except InvalidInput as wrong:
        offered = ", ".join(NAMES)
        raise InvalidInput("--faults", wrong.problem, f"of {offered}, or one kind") from None


class Span(NamedTuple):
    """From when to when things may go wrong (ns UTC), and the instants about which most do."""

    starts_at: int
    heals_at: int
    busy_at: Sequence[int]

    def instant(self, draws: Draws) -> int:
        """Mostly within a minute after something arrived, else anywhere."""
        anywhere = self.starts_at + draws.below("at", self.heals_at - self.starts_at)
        if not self.busy_at or draws.chance("anywhere", 20):
            return anywhere
        near = self.busy_at[draws.below("near", len(self.busy_at))]
        return near + draws.spread("after", 1, 60_000) * NS_PER_MS


def draw_schedule(seed: Draws, venues: Iterable[str], allowed: Named, span: Span) -> Schedule:
    """The schedule of a seed among the faults that are ``allowed``. A few seeds have none: what
    happens without faults must hold as well.
    """
    draws = seed.within("schedule")
    share = draws.pick("share", (1, 0), (3, 10), (4, 30), (2, 70), (2, 100))
    process = allowed.process if share else ()

    def count(fault: ProcessFault, *weighted: tuple[int, int]) -> int:
        return draws.pick(fault.value, *weighted) if fault in process else 0

    return Schedule(
        venue_faults={
            venue: draws.some(f"kinds {venue}", allowed.venue, share) for venue in sorted(venues)
        },
        rate_ppm=draws.pick("rate", (2, 10_000), (3, 50_000), (2, 150_000), (1, 400_000)),
        crashes=_crashes(draws, count(_P.CRASH, (3, 0), (3, 2), (3, 5), (1, 20)), span),
        disk=_disk(draws, count(_P.DISK, (4, 0), (2, 1), (1, 3)), span),
        clock=_clock(draws, count(_P.CLOCK, (3, 0), (1, 1), (1, 3)), span),
        pauses=_pauses(draws, count(_P.PAUSE, (3, 0), (1, 2), (1, 6)), span),
        takeovers=_takeovers(draws, count(_P.TAKEOVER, (2, 0), (1, 1), (1, 4)), span),
        yields=draws.chance("yields", 80),
    )


_P = ProcessFault


_MEETS = (
    (8, ""),
    (1, "in_doubt"),
    (1, "partially_filled"),
    (1, "pending_cancel"),
    (2, "pending_replace"),
)


def _state(draws: Draws) -> str:
    return draws.pick("meets", *_MEETS)


def _crashes(draws: Draws, count: int, span: Span) -> tuple[Crash, ...]:
    boundaries = tuple(Boundary)
    crashes = []
    for number in range(count):
        own = draws.within("crash", str(number))
        crashes.append(
            Crash(
                at=span.instant(own),
                boundary=boundaries[own.below("boundary", len(boundaries))],
                skipped=own.pick("skipped", (2, 0), (1, own.between("more", 1, 12))),
                down_ns=own.spread("down", 1, 900_000) * NS_PER_MS,
                resent=own.chance("resent", 40),
                meets=_state(own),
            )
        )
    return tuple(sorted(crashes, key=lambda crash: crash.at))


def _disk(draws: Draws, count: int, span: Span) -> tuple[DiskFailure, ...]:
    failures = []
    for number in range(count):
        own = draws.within("disk", str(number))
        at = span.instant(own)
        length = own.pick("length", (2, 0), (1, own.spread("full", 1, 600)))
        until = min(at + length * NS_PER_S, span.heals_at)
        boundary = _APPENDS[own.below("boundary", len(_APPENDS))]
        failures.append(DiskFailure(at=at, boundary=boundary, until=until, meets=_state(own)))
    return tuple(failures)


def _clock(draws: Draws, count: int, span: Span) -> tuple[ClockChange, ...]:
    """Within what venues and book may differ by, mostly; some jumps are larger, and end."""
    changes = []
    for number in range(count):
        own = draws.within("clock", str(number))
        at = span.instant(own)
        most = own.pick("most", (4, 2_000), (1, 30_000), (1, 900_000))
        offset = own.between("offset", -most, most) * NS_PER_MS
        changes.append(ClockChange(at=at, offset_ns=offset))
        if most > 2_000:
            back_at = min(at + own.spread("lasts", 1, 600) * NS_PER_S, span.heals_at)
            changes.append(ClockChange(at=back_at, offset_ns=0))
    if count:
        changes.append(ClockChange(at=span.heals_at, offset_ns=0))
    return tuple(sorted(changes, key=lambda change: change.at))


def _pauses(draws: Draws, count: int, span: Span) -> tuple[Pause, ...]:
    pauses = []
    for number in range(count):
        own = draws.within("pause", str(number))
        length = own.spread("length", 50, 60_000) * NS_PER_MS
        pauses.append(Pause(at=span.instant(own), length_ns=length, meets=_state(own)))
    return tuple(sorted(pauses, key=lambda pause: pause.at))


def _takeovers(draws: Draws, count: int, span: Span) -> tuple[Takeover, ...]:
    found = []
    for number in range(count):
        own = draws.within("takeover", str(number))
        found.append(
            Takeover(
                at=span.instant(own),
                after_ns=own.spread("after it", 10, 60_000) * NS_PER_MS,
                wakes_ns=own.spread("wakes", 1, 120_000) * NS_PER_MS,
                meets=_state(own),
            )
        )
    return tuple(sorted(found, key=lambda each: each.at))
