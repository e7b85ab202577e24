"""Values of every kind that a journal can hold, made from the types alone: nothing is left out.

A full sample states every field, a bare one only those without a default. Alternatives (members of
a union, of an enumeration) take turns, so that enough samples show all of them. Deterministic.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from stretto.core.events import BookRecovered, Entry, Event, Input
from stretto.core.terms.calendar import SessionTable
from stretto.core.terms.market import Reads

AT = 1_718_000_000_000_000_000
_ROUNDS_MAX = 1000
_DAYS = {"day": "2024-06-07", "trading_day": "2024-06-10"}
_Alternative = type[msgspec.Struct] | Enum


@cache
def reachable(root: Any) -> frozenset[_Alternative]:
    """Every struct and every member of an enumeration that values of a type can hold."""
    found: set[_Alternative] = set()
    waiting = [root]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if not isinstance(kind, type) or kind in found:
            continue
        if issubclass(kind, Enum):
            found |= set(kind)
        elif issubclass(kind, msgspec.Struct):
            found.add(kind)
            waiting += [field.type for field in msgspec.structs.fields(kind)]
    return frozenset(found)


def held(value: Any) -> set[_Alternative]:
    """Every struct and member of an enumeration that a value holds."""
    if isinstance(value, Enum):
        return {value}
    if isinstance(value, msgspec.Struct):
        parts = [getattr(value, name) for name in value.__struct_fields__]
        return {type(value)}.union(*(held(part) for part in parts))
    if isinstance(value, dict):
        return set().union(*(held(part) for pair in value.items() for part in pair))
    if isinstance(value, tuple | list):
        return set().union(*(held(part) for part in value))
    return set()


def tagged(kinds: Collection[_Alternative]) -> set[str]:
    """The tags under which stored bytes tell kinds apart: inputs, events, and parts of them."""
    tags = (each.__struct_config__.tag for each in kinds if isinstance(each, type))
    return {str(tag) for tag in tags if tag is not None}


def meaning(value: Any) -> Any:
    """All that a value says, defaults written out, as plain JSON; fields by name, with tags."""
    if isinstance(value, msgspec.Struct):
        fields = {name: meaning(getattr(value, name)) for name in value.__struct_fields__}
        tag = value.__struct_config__.tag
        return {"": tag, **fields} if tag is not None else fields
    if isinstance(value, dict):
        return {str(meaning(name)): meaning(part) for name, part in sorted(value.items())}
    if isinstance(value, tuple | list):
        return [meaning(part) for part in value]
    if isinstance(value, Enum):
        return value.value
    if value is msgspec.UNSET:
        return {"unset": True}
    return str(value) if isinstance(value, Decimal) else value


def entries(missing: Collection[str] | None = None) -> Iterator[Entry]:
    """Entries that between them hold every input and event, full and bare, and every alternative
    of their parts. ``missing``: only entries that hold what these tags stand for.
    """
    make = _Maker()
    every = [*get_args(Input), *get_args(Event)]
    sought = {
        each
        for each in set[_Alternative]().union(*map(reachable, every))
        if isinstance(each, type) and (missing is None or tagged([each]) & set(missing))
    }
    kinds = [kind for kind in every if reachable(kind) & sought]
    seq = 0
    for is_full in (True, False):
        wanted = set[_Alternative]().union(*map(reachable, sought)) if is_full else set(sought)
        waiting = list(kinds)
        for _ in range(_ROUNDS_MAX):
            for kind in waiting:
                entry = _entry(make, kind, seq + 1, is_full)
                if held(entry) & sought:
                    seq += 1
                    wanted -= held(entry)
                    yield entry
            # Then the smallest kind that can show what is left; a bare one need not be able to.
            left = [kind for kind in kinds if reachable(kind) & wanted and (is_full or missing)]
            waiting = [min(left, key=lambda each: len(reachable(each)))] if left else []
        assert not is_full or not wanted, f"no sample shows {wanted}"


def _entry(make: _Maker, kind: Any, seq: int, is_full: bool) -> Entry:
    is_event = kind in get_args(Event)
    return Entry(
        seq=seq,
        at=AT + seq,
        input=make.struct(BookRecovered if is_event else kind, is_full),
        reads=make.struct(Reads, is_full),
        events=(make.struct(kind, is_full),) if is_event else (),
    )


class _Maker:
    def __init__(self) -> None:
        self._count = 0
        self._turns: dict[Any, int] = {}
        self._within: list[Any] = []

    def struct(self, kind: Any, is_full: bool) -> Any:
        if kind is SessionTable:
            at = AT + self._next()
            return SessionTable(
                calendar="XNYS",
                starts_at=at,
                ends_at=at + 9,
                sessions=((at, at + 2), (at + 3, at + 5)),
            )
        self._within.append(kind)
        made = kind(
            **{
                field.name: self._value(field.type, field.name, is_full)
                for field in msgspec.structs.fields(kind)
                if field.required or (is_full and not self._repeats(field.type))
            }
        )
        self._within.pop()
        return made

    def _repeats(self, kind: Any) -> bool:
        """True for what holds others of the kind that is being made: one within another will do."""
        parts = [kind, *get_args(kind)]
        return any(self._within.count(part) > 1 for part in parts)

    def _next(self) -> int:
        self._count += 1
        return self._count % 89 + 1

    def _turn(self, of: Any, alternatives: list[Any]) -> Any:
        place = self._turns.get(of, 0)
        self._turns[of] = place + 1
        return alternatives[place % len(alternatives)]

    def _value(self, kind: Any, name: str, is_full: bool) -> Any:
        origin, args = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            some = [each for each in args if each not in (type(None), msgspec.UnsetType)]
            return self._value(self._turn(kind, some), name, is_full)
        if origin is Literal:
            return self._turn(kind, list(args))
        if origin in (tuple, list):
            open_end = origin is list or args[-1] is ...
            parts = [self._value(each, name, is_full) for each in (args[:1] if open_end else args)]
            return origin(parts)
        if origin is dict:
            return {self._value(args[0], name, is_full): self._value(args[1], name, is_full)}
        if issubclass(kind, msgspec.Struct):
            return self.struct(kind, is_full)
        return self._scalar(kind, name)

    def _scalar(self, kind: type, name: str) -> Any:
        if issubclass(kind, Enum):
            return self._turn(kind, list(kind))
        if kind is bool:
            return self._turn(kind, [True, False])
        number = self._next()
        if kind is Decimal:
            return Decimal(f"{number}.50")
        if kind is int:
            return number
        assert kind is str, f"{name} is of {kind}, of which no sample is known"
        return _DAYS.get(name, name)
