"""Everything that is wrong with one file, collected and reported at once.

A place is a dotted key as its file writes it. Knows nothing of what the keys mean.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from stretto.core.errors import InvalidInput

PROBLEMS_SHOWN_MAX = 20
_BARE = re.compile(r"^[A-Za-z0-9_-]+\Z")
_SHOWN_CHARACTERS_MAX = 60


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong: in which source, at which key, what was found, what was expected."""

    source: str
    key: str
    found: str
    expected: str

    def text(self, within: str = "") -> str:
        """One line; the source is left out where it is ``within``."""
        where = ": ".join(part for part in (self.source, self.key) if part and part != within)
        return f"{where}: {self.found}" + (f"; expected {self.expected}" if self.expected else "")


class MalformedInput(InvalidInput):
    """A file or signal with one or more ``problems``; its text lists the first twenty."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        if len(self.problems) == 1:
            place = ": ".join(part for part in (first.source, first.key) if part)
            super().__init__(place, first.found, first.expected)
            return
        lines = [f"  {problem.text(source)}" for problem in self.problems[:PROBLEMS_SHOWN_MAX]]
        if len(self.problems) > PROBLEMS_SHOWN_MAX:
            lines.append(f"  and {len(self.problems) - PROBLEMS_SHOWN_MAX} more")
        super().__init__(source, f"{len(self.problems)} problems\n" + "\n".join(lines))


class Problems:
    """Collects the problems of one ``source`` and of the files that it includes."""

    def __init__(self, source: str, found: list[Problem] | None = None) -> None:
        self.source = source
        self.found: list[Problem] = [] if found is None else found

    def inside(self, source: str) -> Problems:
        """A collector for another source that adds to the same list."""
        return Problems(source, self.found)

    def add(self, key: str, found: str, expected: str = "") -> None:
        """Note one problem."""
        self.found.append(Problem(source=self.source, key=key, found=found, expected=expected))

    def raise_if_any(self) -> None:
        """Raise MalformedInput with everything noted so far, if there is anything."""
        if self.found:
            raise MalformedInput(self.source, self.found)


def join(place: str, name: str) -> str:
    """The dotted key of ``name`` under ``place``, quoted where TOML would have it quoted."""
    shown = name if _BARE.match(name) else show(name)
    return f"{place}.{shown}" if place else shown


def nearest(name: str, known: Iterable[str]) -> str:
    """What is probably meant by ``name``: the nearest of ``known``, else a list of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"{close[0]!r}, which is nearest"
    if not names:
        return "none here"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"one of {', '.join(names[:12])}{more}"


def show(value: object) -> str:
    """A value as a person would recognise it, shortened and without control characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table" if value else "an empty table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "null"
    if isinstance(value, int):
        # Turning a number of thousands of digits into text is refused by Python.
        text = str(value) if value.bit_length() < 400 else "a number of over 100 digits"
    else:
        text = str(value) if isinstance(value, Decimal) else ascii(value)
    if len(text) > _SHOWN_CHARACTERS_MAX:
        text = text[:_SHOWN_CHARACTERS_MAX] + "…"
    return text
