"""Kinds of values: how a person writes one, how it is checked, what the core gets.

People write seconds, percent and fractions; the core takes nanoseconds, 1e-6 and Decimal, converted
exactly or refused. Knows nothing of which keys there are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

from stretto.config.problems import Problems, join, nearest, show
from stretto.core.values import NS_PER_S, parse_iso

NAME_CHARACTERS_MAX = 128
# Together 27 digits: sums and steps of such numbers are exact in the default 28-digit context.
WHOLE_DIGITS_MAX = 15
FRACTION_DIGITS_MAX = 12
# 1970 to 2199: inside what 64 bits hold in nanoseconds, outside what anybody means.
TIME_END_NS = 7_258_118_400 * NS_PER_S

_NUMBER = re.compile(r"^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?\Z")
_CURRENCY = re.compile(r"^[A-Z]{3}\Z")
_CLOCK_TIME = re.compile(r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")
_HIDDEN = ("C", "Zl", "Zp")


class Invalid(Enum):
    """Stands for a value that was found and is wrong, so that nobody also calls it missing."""

    INVALID = "invalid"


INVALID = Invalid.INVALID


class Wrong(Exception):
    """A value that its kind does not take; ``problem`` where more can be said than what it is."""

    def __init__(self, problem: str = "", expected: str = "") -> None:
        self.problem = problem
        self.expected = expected
        super().__init__(problem)


class Kind:
    """One kind of value: ``unit`` for the documentation, ``expected`` for a message."""

    def __init__(self, unit: str, expected: str, convert: Callable[[object], Any]) -> None:
        self.unit = unit
        self.expected = expected
        self._convert = convert

    def read(self, raw: object, place: str, problems: Problems) -> Any:
        """The core's value, or INVALID with the problem noted."""
        try:
            return self._convert(raw)
        except Wrong as wrong:
            found = f"is {show(raw)}" + (f", {wrong.problem}" if wrong.problem else "")
            problems.add(place, found, wrong.expected or self.expected)
            return INVALID


def exact(raw: object) -> Decimal:
    """A number, or text that is one, as a finite Decimal of a market's magnitude."""
    if isinstance(raw, str):
        if not _NUMBER.match(raw):
            raise Wrong("which is no number")
        value = Decimal(raw)
    elif isinstance(raw, Decimal):
        value = raw
    elif isinstance(raw, int) and not isinstance(raw, bool):
        if raw.bit_length() > 100:
            raise Wrong(expected=f"at most {WHOLE_DIGITS_MAX} digits before the point")
        value = Decimal(raw)
    else:
        raise Wrong()
    if not value.is_finite():
        raise Wrong("which is not finite")
    if value == 0:
        return Decimal(0)
    if value.adjusted() >= WHOLE_DIGITS_MAX:
        raise Wrong(expected=f"at most {WHOLE_DIGITS_MAX} digits before the point")
    if _digits_after_point(value) > FRACTION_DIGITS_MAX:
        raise Wrong(expected=f"at most {FRACTION_DIGITS_MAX} digits after the point")
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else value


def _digits_after_point(value: Decimal) -> int:
    """Decimals that matter, found without rounding: trailing zeros do not count."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise Wrong("which is not finite")
    trailing = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return max(0, -(exponent + trailing))


def number(
    low: str | None = None, high: str | None = None, *, above: str | None = None, unit: str = ""
) -> Kind:
    """A Decimal from ``low`` to ``high``, or greater than ``above``."""
    bounds = _bounds(low, high, above)

    def convert(raw: object) -> Decimal:
        return _within(exact(raw), low, high, above)

    return Kind(unit or "number", f"a number{bounds}", convert)


def scaled(
    digits: int,
    unit: str,
    low: str | None = None,
    high: str | None = None,
    *,
    above: str | None = None,
) -> Kind:
    """A number times 10**digits as an int, exactly: seconds to ns, fractions to 1e-6."""
    noun = {"s": "seconds", "ms": "milliseconds", "%": "a percentage"}.get(unit, f"a {unit}")

    def convert(raw: object) -> int:
        value = _within(exact(raw), low, high, above).scaleb(digits)
        if value != value.to_integral_value():
            raise Wrong(expected=f"{noun} with at most {digits} digits after the point")
        return int(value)

    return Kind(unit, noun + _bounds(low, high, above), convert)


def fraction(low: str = "0", high: str | None = "1", *, above: str | None = None) -> Kind:
    """A fraction, kept in 1e-6."""
    return scaled(6, "fraction", None if above else low, high, above=above)


def percent(low: str = "0", high: str | None = "100", *, above: str | None = None) -> Kind:
    """A percentage, kept in 1e-6 of one: 15 becomes 150,000."""
    return scaled(4, "%", None if above else low, high, above=above)


def seconds(high: str, *, low: str = "0") -> Kind:
    """Seconds, kept in ns."""
    return scaled(9, "s", low, high)


def hours(high: str, *, low: str = "0") -> Kind:
    """Hours, kept in ns."""

    def convert(raw: object) -> int:
        value = _within(exact(raw), low, high, None) * 3_600 * NS_PER_S
        if value != value.to_integral_value():
            raise Wrong()
        return int(value)

    return Kind("h", "hours" + _bounds(low, high, None), convert)


def whole(low: int, high: int, unit: str = "whole number") -> Kind:
    """An int from ``low`` to ``high``."""

    def convert(raw: object) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
            raise Wrong()
        return raw

    return Kind(unit, f"a whole number from {low} to {high}", convert)


def text(characters_max: int = NAME_CHARACTERS_MAX, *, empty: bool = False) -> Kind:
    """Text without control or invisible characters."""

    def convert(raw: object) -> str:
        if not isinstance(raw, str):
            raise Wrong()
        if not raw and not empty:
            raise Wrong("which is empty")
        if len(raw) > characters_max:
            raise Wrong(f"of {len(raw)} characters")
        if raw != raw.strip():
            raise Wrong("with white space around it")
        if any(unicodedata.category(each).startswith(_HIDDEN) for each in raw):
            raise Wrong("with control or invisible characters")
        return raw

    return Kind("text", f"text of at most {characters_max} characters", convert)


def choice(options: type[StrEnum] | tuple[str, ...]) -> Kind:
    """One of a fixed set of words, as the enum's member where it is an enum."""
    words = [str(each) for each in options]

    def convert(raw: object) -> str:
        if not isinstance(raw, str) or raw not in words:
            raise Wrong(expected=nearest(raw if isinstance(raw, str) else "", words))
        return raw if isinstance(options, tuple) else options(raw)

    return Kind(" \\| ".join(f"`{word}`" for word in words), f"one of {', '.join(words)}", convert)


def flag() -> Kind:
    """True or false."""

    def convert(raw: object) -> bool:
        if not isinstance(raw, bool):
            raise Wrong()
        return raw

    return Kind("true or false", "true or false", convert)


def currency() -> Kind:
    """A three-letter currency code."""

    def convert(raw: object) -> str:
        if not isinstance(raw, str) or not _CURRENCY.match(raw):
            raise Wrong()
        return raw

    return Kind("currency", "three capital letters, like USD", convert)


def day() -> Kind:
    """A calendar day, as text of the form YYYY-MM-DD."""

    def convert(raw: object) -> str:
        if isinstance(raw, date) and not isinstance(raw, datetime):
            return raw.isoformat()
        try:
            parsed = date.fromisoformat(raw) if isinstance(raw, str) else None
        except ValueError:
            parsed = None
        if parsed is None or parsed.isoformat() != raw:
            raise Wrong()
        return parsed.isoformat()

    return Kind("date", "a date like 2026-01-31", convert)


def clock_time() -> Kind:
    """A local time of day, HH:MM."""

    def convert(raw: object) -> str:
        if not isinstance(raw, str) or not _CLOCK_TIME.match(raw):
            raise Wrong()
        return raw

    return Kind("HH:MM", "a time of day like 17:00", convert)


def moment() -> Kind:
    """An instant with its zone, kept in ns UTC."""
    expected = "a time with its zone from 1970 to 2199, like 2014-05-02T12:30:00Z"

    def convert(raw: object) -> int:
        if isinstance(raw, datetime):
            raw = raw.isoformat()
        if not isinstance(raw, str):
            raise Wrong()
        try:
            at_ns = parse_iso(raw)
        except (ValueError, OverflowError) as error:
            raise Wrong("which has no time zone" if "zone" in str(error) else "") from None
        if not 0 <= at_ns < TIME_END_NS:
            raise Wrong()
        return at_ns

    return Kind("time", expected, convert)


class ListOf(Kind):
    """A list of values of one kind, as a tuple."""

    def __init__(self, item: Kind, *, least: int = 0, most: int = 10_000) -> None:
        super().__init__(f"list of {item.unit}", f"a list of {least} to {most}", lambda raw: raw)
        self._item = item
        self._least, self._most = least, most

    def read(self, raw: object, place: str, problems: Problems) -> Any:
        """The items, or INVALID where the list or any of them is wrong."""
        if not isinstance(raw, list) or not self._least <= len(raw) <= self._most:
            problems.add(place, f"is {show(raw)}", self.expected)
            return INVALID
        items = tuple(
            self._item.read(each, f"{place}[{number}]", problems) for number, each in enumerate(raw)
        )
        return INVALID if INVALID in items else items


class MapOf(Kind):
    """A table from free names to values of one kind."""

    def __init__(self, item: Kind, *, names: Kind | None = None, unit: str = "") -> None:
        super().__init__(unit or f"table of {item.unit}", "a table", lambda raw: raw)
        self._item = item
        self._names = names or text()

    def read(self, raw: object, place: str, problems: Problems) -> Any:
        """The entries in the file's order, or INVALID where the table or any of it is wrong."""
        if not isinstance(raw, dict):
            problems.add(place, f"is {show(raw)}", self.expected)
            return INVALID
        found = {}
        for name, value in raw.items():
            at = join(place, name)
            kept = self._names.read(name, at, problems)
            item = self._item.read(value, at, problems)
            found[name] = INVALID if kept is INVALID else item
        return INVALID if INVALID in found.values() else found


def _within(value: Decimal, low: str | None, high: str | None, above: str | None) -> Decimal:
    if (
        (low is not None and value < Decimal(low))
        or (high is not None and value > Decimal(high))
        or (above is not None and value <= Decimal(above))
    ):
        raise Wrong()
    return value


def _bounds(low: str | None, high: str | None, above: str | None) -> str:
    least = f" from {low}" if low is not None else f" above {above}" if above is not None else ""
    if high is None:
        return f"{least} up" if low is not None else least
    return f"{least} to {high}" if low is not None else f"{least}, at most {high}"
