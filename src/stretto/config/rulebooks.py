"""Rulebooks of a configuration: built in, from files, or written inline.

Knows nothing of how a rule is judged.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from stretto.config import kinds
from stretto.config.calendars import is_zone
from stretto.config.kinds import INVALID
from stretto.config.problems import Problems, join, nearest, show
from stretto.config.sections import NAME, RULEBOOK
from stretto.config.toml_file import load_toml, parse_toml
from stretto.core.errors import InvalidInput
from stretto.core.terms.policy import LossLimit, Rulebook

BUILTIN = "builtin:"
_INCLUDE = kinds.ListOf(kinds.text(1_024), most=1_000)


def builtin_names() -> tuple[str, ...]:
    """Names of the rulebooks that are shipped: all of invented firms."""
    folder = resources.files("stretto").joinpath("rulebooks")
    names = (each.name for each in folder.iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".toml")))


def builtin_rulebook(name: str) -> Rulebook:
    """One shipped rulebook. Raises InvalidInput where there is none of that name."""
    if name not in builtin_names():
        raise InvalidInput(f"{BUILTIN}{name}", "is unknown", nearest(name, builtin_names()))
    source = f"{BUILTIN}{name}"
    data = resources.files("stretto").joinpath("rulebooks", f"{name}.toml").read_bytes()
    problems = Problems(source)
    rulebook = read_rulebook(name, parse_toml(data, source), "", problems)
    problems.raise_if_any()
    if rulebook is None:
        raise InvalidInput(source, "is no rulebook", "the keys of [rulebooks.NAME]")
    return rulebook


def read_rulebooks(
    raw: Any, folder: Path, problems: Problems
) -> tuple[dict[str, Rulebook], frozenset[str]]:
    """The rulebooks of ``[rulebooks]`` by name, and every name stated, read or not. An included
    file's name without its ending is the rulebook's.
    """
    if not isinstance(raw, dict):
        problems.add("rulebooks", f"is {show(raw)}", "a table")
        return {}, frozenset()
    found: dict[str, Rulebook | None] = {}
    included = _INCLUDE.read(raw.get("include", []), "rulebooks.include", problems)
    for number, each in enumerate(() if included is INVALID else included):
        place = f"rulebooks.include[{number}]"
        name = each.removeprefix(BUILTIN) if each.startswith(BUILTIN) else Path(each).stem
        if name in found:
            problems.add(place, f"names {name!r} again", "each rulebook once")
        else:
            found[name] = _included(each, folder, place, problems)
    for name, table in raw.items():
        if name == "include":
            continue
        place = join("rulebooks", name)
        kept = NAME.read(name, place, problems)
        if name in found:
            problems.add(place, "is included already", "each rulebook once")
        elif kept is not INVALID:
            found[name] = read_rulebook(name, table, place, problems)
    read = {name: rulebook for name, rulebook in found.items() if rulebook is not None}
    return read, frozenset(found)


def read_rulebook(name: str, raw: object, place: str, problems: Problems) -> Rulebook | None:
    """One rulebook, or None with its problems noted."""
    values = RULEBOOK.read(raw, place, problems)
    if values is INVALID:
        return None
    sound = _zone_known(values["day_zone"], join(place, "day_zone"), problems)
    for limit in ("daily_loss", "overall_loss"):
        if limit in values:
            fields = values[limit]
            if ("amount" in fields) == ("percent" in fields):
                stated = "both are stated" if "amount" in fields else "neither is stated"
                problems.add(join(place, limit), stated, "exactly one of amount and percent")
                sound = False
            else:
                values[limit] = LossLimit(**fields)
    return Rulebook(rulebook_id=name, **values) if sound else None


def _included(name: str, folder: Path, place: str, problems: Problems) -> Rulebook | None:
    try:
        if name.startswith(BUILTIN):
            return builtin_rulebook(name.removeprefix(BUILTIN))
        path = folder / name
        tables = load_toml(path)
    except InvalidInput as error:
        problems.add(place, f"{error.place} {error.problem}", error.expected)
        return None
    return read_rulebook(path.stem, tables, "", problems.inside(str(path)))


def _zone_known(name: str, place: str, problems: Problems) -> bool:
    if is_zone(name):
        return True
    found = f"is {show(name)}, which is no known zone"
    problems.add(place, found, "an IANA zone like Europe/Berlin")
    return False
