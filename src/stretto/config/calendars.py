"""Kinds of values that say when something trades: a session calendar, a daily window.

An exchange's code is looked up in exchange_calendars, imported only when a file names one. Knows
nothing of sessions themselves.
"""

from __future__ import annotations

import re
from importlib import resources

from stretto.config.kinds import Kind, ListOf, Wrong
from stretto.config.problems import nearest
from stretto.core.limits import DAILY_WINDOWS_MAX
from stretto.core.terms.calendar import ALWAYS_OPEN, FX_WEEK

_WINDOW = re.compile(
    r"^((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9]) ([A-Za-z0-9_+/-]+)\Z"
)
_EXPECTED = f"{FX_WEEK}, {ALWAYS_OPEN} or the code of an exchange, like XNYS or CMES"


def calendar() -> Kind:
    """The name of a session calendar."""

    def convert(raw: object) -> str:
        if not isinstance(raw, str) or not raw:
            raise Wrong()
        if raw in (FX_WEEK, ALWAYS_OPEN):
            return raw
        from exchange_calendars import get_calendar_names  # noqa: PLC0415

        codes = get_calendar_names(include_aliases=True)
        if raw in codes:
            return raw
        near = nearest(raw, (FX_WEEK, ALWAYS_OPEN, *codes))
        raise Wrong("which is no calendar", near if near.endswith("nearest") else "")

    return Kind("calendar", _EXPECTED, convert)


def daily_windows() -> Kind:
    """A list of daily windows in local time, as text of one form."""
    expected = "a daily window with its zone, like 17:00-18:00 America/New_York"

    def convert(raw: object) -> str:
        match = _WINDOW.match(raw) if isinstance(raw, str) else None
        if match is None:
            raise Wrong()
        if match[1] == match[2]:
            raise Wrong("which would never end")
        if not is_zone(match[3]):
            raise Wrong(f"whose zone {match[3]} is unknown", "an IANA zone, like America/New_York")
        return match[0]

    return ListOf(Kind("window", expected, convert), most=DAILY_WINDOWS_MAX)


def is_zone(name: str) -> bool:
    """True for a zone of the pinned tzdata."""
    parts = name.split("/")
    # Only names can be zones: no part that leads out of the package.
    if not all(part and part.strip(".") for part in parts):
        return False
    file = resources.files("tzdata").joinpath("zoneinfo", *parts)
    return file.is_file() and file.read_bytes()[:4] == b"TZif"
