"""A section: the keys a table may have, read into the fields that the core wants.

Reading is in two steps, so that templates can be laid over each other in between: ``take`` checks
what is written, ``complete`` adds defaults and says what is missing. Knows no particular key.
"""

from __future__ import annotations

from typing import Any

from stretto.config.kinds import INVALID, Kind
from stretto.config.problems import Problems, join, nearest, show


class _Mark:
    def __init__(self, shown: str) -> None:
        self.shown = shown


REQUIRED = _Mark("required")
UNSET = _Mark("none")


class Key:
    """One key: its kind, its default as a person would write it, what it means, and the core's
    field where that has another name.
    """

    def __init__(
        self, name: str, kind: Kind, default: object, meaning: str, field: str = ""
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.meaning = meaning
        self.field = field or name

    @property
    def default_shown(self) -> str:
        """The default as the documentation shows it."""
        if isinstance(self.default, _Mark):
            return self.default.shown
        if isinstance(self.default, str) and self.kind.unit in ("text", "HH:MM"):
            return f'`"{self.default}"`'
        return f"`{toml(self.default)}`"


def toml(value: object) -> str:
    """A default as TOML writes it; text that is a number is shown as one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_item(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + "}"
    return str(value)


def _item(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else toml(value)


class Section(Kind):
    """The keys of one kind of table. ``header`` is how the file writes it."""

    def __init__(self, header: str, meaning: str, *keys: Key) -> None:
        super().__init__("table", "a table", lambda raw: raw)
        self.header = header
        self.meaning = meaning
        self.keys = keys
        self._by_name = {key.name: key for key in keys}

    def read(self, raw: object, place: str, problems: Problems) -> Any:
        """The complete table as a dict of fields, or INVALID."""
        values = self.complete(self.take(raw, place, problems), place, problems)
        return INVALID if values is None else values

    def take(self, raw: object, place: str, problems: Problems) -> dict[str, Any]:
        """The fields that the table states; what is wrong is noted and stands as INVALID."""
        if not isinstance(raw, dict):
            problems.add(place, f"is {show(raw)}", self.expected)
            return {key.field: INVALID for key in self.keys}
        for name in raw:
            if name not in self._by_name:
                problems.add(join(place, name), "is no known key", nearest(name, self._by_name))
        return {
            key.field: key.kind.read(raw[key.name], join(place, key.name), problems)
            for key in self.keys
            if key.name in raw
        }

    def complete(
        self, values: dict[str, Any], place: str, problems: Problems
    ) -> dict[str, Any] | None:
        """All fields with defaults; None where one is missing (noted) or was wrong already."""
        whole: dict[str, Any] = {}
        for key in self.keys:
            if key.field in values:
                whole[key.field] = values[key.field]
            elif key.default is REQUIRED:
                problems.add(join(place, key.name), "is missing", key.kind.expected)
                whole[key.field] = INVALID
            elif key.default is not UNSET:
                whole[key.field] = key.kind.read(key.default, join(place, key.name), problems)
        return None if INVALID in whole.values() else whole


class Partial(Kind):
    """A section inside another that is completed later, after templates were laid over it."""

    def __init__(self, section: Section) -> None:
        super().__init__("table", "a table", lambda raw: raw)
        self.section = section

    def read(self, raw: object, place: str, problems: Problems) -> Any:
        """The fields that are stated; never INVALID as a whole."""
        return self.section.take(raw, place, problems)
