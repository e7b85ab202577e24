"""When a market is open, from a table of sessions: pure questions about intervals.

A table says nothing beyond the span it covers: there a market counts as not open, and no opening or
close is known. Knows no zones, holidays or rules; whoever makes a table does.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from stretto.core.errors import InvalidInput
from stretto.core.limits import CALENDAR_SESSIONS_MAX

FX_WEEK = "fx_week"
ALWAYS_OPEN = "always_open"


class SessionTable(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of one calendar, as known over [``starts_at``, ``ends_at``), ns UTC. ``sessions``
    are pairs (opens, closes), open included and close not, sorted, apart from each other and inside
    the span; one that reaches its end may go on beyond it. Raises InvalidInput otherwise.
    """

    calendar: str
    starts_at: int
    ends_at: int
    sessions: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        place = f"calendar {self.calendar!r}"
        if not self.starts_at < self.ends_at:
            raise InvalidInput(place, f"{self.starts_at} to {self.ends_at}", "a span of time")
        if len(self.sessions) > CALENDAR_SESSIONS_MAX:
            found = f"{len(self.sessions)} sessions"
            raise InvalidInput(place, found, f"at most {CALENDAR_SESSIONS_MAX}")
        before = self.starts_at - 1
        for opens, closes in self.sessions:
            if not before < opens < closes <= self.ends_at:
                raise InvalidInput(
                    place,
                    f"session {opens} to {closes}",
                    "sessions in order, apart from each other and inside the span",
                )
            before = closes


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """How a market stands at one instant. ``known``: the instant lies in the table's span;
    ``opens_at``: the next opening (ns UTC) where it is closed, None where unknown or open.
    """

    calendar: str
    is_open: bool
    known: bool
    opens_at: int | None = None


NO_HOURS = Hours(calendar="", is_open=False, known=False)
"""Of a market that nobody asked about: closed."""


def covers(table: SessionTable, at_ns: int) -> bool:
    """True where the table says anything about this instant."""
    return table.starts_at <= at_ns < table.ends_at


def is_open(table: SessionTable, at_ns: int) -> bool:
    """True inside a session; False outside the span too, for unknown means no (DESIGN §1.6)."""
    place = _begun(table, at_ns) - 1
    return place >= 0 and at_ns < table.sessions[place][1]


def next_open(table: SessionTable, at_ns: int) -> int | None:
    """The first opening after ``at_ns``, even where the market is open now; None where the table
    does not know. The beginning of its span is no opening.
    """
    if not covers(table, at_ns):
        return None
    place = _begun(table, at_ns)
    return table.sessions[place][0] if place < len(table.sessions) else None


def next_close(table: SessionTable, at_ns: int) -> int | None:
    """The first close after ``at_ns``, of the session that runs or else of the next; None where the
    table does not know: a session that reaches the end of the span has no known close.
    """
    if not covers(table, at_ns):
        return None
    place = _begun(table, at_ns)
    if place and at_ns < table.sessions[place - 1][1]:
        place -= 1
    if place >= len(table.sessions):
        return None
    closes = table.sessions[place][1]
    return closes if closes < table.ends_at else None


def common(first: SessionTable, second: SessionTable) -> SessionTable | None:
    """When both are open, over the span that both know; None where there is no such span."""
    starts_at = max(first.starts_at, second.starts_at)
    ends_at = min(first.ends_at, second.ends_at)
    if starts_at >= ends_at:
        return None
    found: list[tuple[int, int]] = []
    mine, other = 0, 0
    while mine < len(first.sessions) and other < len(second.sessions):
        one, two = first.sessions[mine], second.sessions[other]
        opens, closes = max(one[0], two[0], starts_at), min(one[1], two[1], ends_at)
        if opens < closes:
            found.append((opens, closes))
        if one[1] <= two[1]:
            mine += 1
        else:
            other += 1
    return SessionTable(
        calendar=f"{first.calendar} and {second.calendar}",
        starts_at=starts_at,
        ends_at=ends_at,
        sessions=tuple(found),
    )


def hours(name: str, table: SessionTable | None, at_ns: int) -> Hours:
    """How a market with this table stands; ``name`` is that of the calendar asked for."""
    if table is None or not covers(table, at_ns):
        return Hours(calendar=name, is_open=False, known=False)
    if is_open(table, at_ns):
        return Hours(calendar=name, is_open=True, known=True)
    return Hours(calendar=name, is_open=False, known=True, opens_at=next_open(table, at_ns))


def _begun(table: SessionTable, at_ns: int) -> int:
    """How many sessions have begun by ``at_ns``."""
    return bisect_right(table.sessions, at_ns, key=lambda session: session[0])
