"""Failure tables of a configuration: built in, from files, or written inline.

Knows how tables extend each other; nothing of how an answer is classified.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from stretto.config import kinds
from stretto.config.failure_sections import FAILURE_TABLE
from stretto.config.kinds import INVALID
from stretto.config.problems import Problems, join, nearest, show
from stretto.config.toml_file import load_toml, parse_toml
from stretto.core.errors import InvalidInput
from stretto.core.terms.failure import FailureRow, FailureTable, MessageRow

BUILTIN = "builtin:"
_FOLDER = "failure_tables"
_INCLUDE = kinds.ListOf(kinds.text(1_024), most=1_000)
_NAME = kinds.text()


def builtin_names() -> tuple[str, ...]:
    """Names of the tables that are shipped."""
    names = (each.name for each in resources.files("stretto").joinpath(_FOLDER).iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".toml")))


def builtin_table(name: str) -> FailureTable:
    """One shipped table, with what it extends. Raises InvalidInput where there is none."""
    if name not in builtin_names():
        raise InvalidInput(f"{BUILTIN}{name}", "is unknown", nearest(name, builtin_names()))
    source = f"{BUILTIN}{name}"
    data = resources.files("stretto").joinpath(_FOLDER, f"{name}.toml").read_bytes()
    problems = Problems(source)
    values = FAILURE_TABLE.read(parse_toml(data, source), "", problems)
    problems.raise_if_any()
    table = _table_of(name, values)
    base = values.get("extends", "")
    return extended(table, builtin_table(base.removeprefix(BUILTIN))) if base else table


def extended(table: FailureTable, base: FailureTable) -> FailureTable:
    """``table`` with everything of ``base`` that it does not say itself."""
    return FailureTable(
        name=table.name,
        source=table.source,
        as_of=table.as_of,
        codes={**base.codes, **table.codes},
        messages=table.messages + base.messages,
        retry_after_ms_text=table.retry_after_ms_text or base.retry_after_ms_text,
        stop_distance_text=table.stop_distance_text or base.stop_distance_text,
    )


def read_failure_tables(
    raw: Any, folder: Path, problems: Problems
) -> tuple[dict[str, FailureTable], tuple[str, ...]]:
    """The tables of ``[failure_tables]`` by name, and every name stated, read or not."""
    if not isinstance(raw, dict):
        problems.add("failure_tables", f"is {show(raw)}", "a table")
        return {}, ()
    found: dict[str, tuple[dict[str, Any], str, Problems] | None] = {}
    included = _INCLUDE.read(raw.get("include", []), "failure_tables.include", problems)
    for number, each in enumerate(() if included is INVALID else included):
        place = f"failure_tables.include[{number}]"
        name = Path(each).stem
        if name in found:
            problems.add(place, f"names {name!r} again", "each table once")
        else:
            found[name] = _included(folder / each, place, problems)
    for name, table in raw.items():
        if name == "include":
            continue
        place = join("failure_tables", name)
        if _NAME.read(name, place, problems) is INVALID:
            continue
        if name in found:
            problems.add(place, "is included already", "each table once")
            continue
        values = FAILURE_TABLE.read(table, place, problems)
        found[name] = None if values is INVALID else (values, place, problems)
    sound = {name: each for name, each in found.items() if each is not None}
    tables = {name: _resolved(name, sound, tuple(found)) for name in sound}
    return {name: table for name, table in tables.items() if table is not None}, tuple(found)


def table_named(
    name: str,
    tables: dict[str, FailureTable],
    known: tuple[str, ...],
    place: str,
    problems: Problems,
) -> FailureTable | None:
    """The table of the file, or a built-in one, that a venue names; None with the problem noted,
    or where the table itself is faulty.
    """
    if name.startswith(BUILTIN):
        try:
            return builtin_table(name.removeprefix(BUILTIN))
        except InvalidInput as error:
            problems.add(place, f"{error.place} {error.problem}", error.expected)
            return None
    if name not in known:
        problems.add(place, f"is {show(name)}", nearest(name, _choices(known)))
    return tables.get(name)


def _included(
    path: Path, place: str, problems: Problems
) -> tuple[dict[str, Any], str, Problems] | None:
    try:
        raw = load_toml(path)
    except InvalidInput as error:
        problems.add(place, f"{error.place} {error.problem}", error.expected)
        return None
    inside = problems.inside(str(path))
    values = FAILURE_TABLE.read(raw, "", inside)
    return None if values is INVALID else (values, "", inside)


def _resolved(
    name: str, sound: dict[str, tuple[dict[str, Any], str, Problems]], known: tuple[str, ...]
) -> FailureTable | None:
    """The table with all that it extends. A fault in what it extends is noted there only."""
    layers: list[FailureTable] = []
    seen: list[str] = []
    here = name
    while True:
        values, place, problems = sound[here]
        noted = problems if here == name else Problems("")
        layers.append(_table_of(name, values))
        seen.append(here)
        base = values.get("extends")
        if base is None:
            break
        at = join(place, "extends")
        if base not in sound:
            found = table_named(base, {}, known, at, noted)
            if found is None:
                return None
            layers.append(found)
            break
        if base in seen:
            if base == name:
                problems.add(at, f"is {show(base)}, a circle", "a table that extends no other")
            return None
        here = base
    table = layers[-1]
    for layer in reversed(layers[:-1]):
        table = extended(layer, table)
    return table


def _choices(known: tuple[str, ...]) -> tuple[str, ...]:
    return (*known, *(f"{BUILTIN}{each}" for each in builtin_names()))


def _table_of(name: str, values: dict[str, Any]) -> FailureTable:
    messages = []
    for each in values["messages"]:
        fields = dict(each)
        text, rule, code = fields.pop("text"), fields.pop("rule"), fields.pop("code")
        messages.append(MessageRow(text=text, rule=rule, code=code, row=FailureRow(**fields)))
    return FailureTable(
        name=name,
        source=values["source"],
        as_of=values["as_of"],
        codes={code: FailureRow(**fields) for code, fields in values["codes"].items()},
        messages=tuple(messages),
        retry_after_ms_text=values["retry_after_ms_text"],
        stop_distance_text=values["stop_distance_text"],
    )
