"""Reads a configuration file into ``Settings``: every problem of the file in one message.

Knows which tables there are and how they refer to each other; no adapter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stretto.config.accounts import Names, read_accounts
from stretto.config.failure_tables import read_failure_tables, table_named
from stretto.config.instruments import converts, instrument_of
from stretto.config.kinds import INVALID
from stretto.config.problems import Problems, join, nearest, show
from stretto.config.rulebooks import read_rulebooks
from stretto.config.sections import BOOK, INSTRUMENT, MARKET, NAME, POLICY, TABLES
from stretto.config.settings import EcbMarket, QuoteFiles, Settings, VenueSettings
from stretto.config.toml_file import load_toml
from stretto.config.venue_sections import VENUE
from stretto.core.errors import InvariantViolated
from stretto.core.terms.failure import FailureTable
from stretto.core.terms.market import Instrument
from stretto.core.terms.policy import (
    COMPLETION_POLICY,
    FAILURE_POLICY,
    BookConfig,
    CompletionPolicy,
    FailurePolicy,
    Policy,
)
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import NS_PER_S, PPM, is_multiple

ADDRESS_BYTES_MAX = 100
"""Of an AF_UNIX path: 108 on Linux and 104 on macOS, less what may end it."""
_FILES_ONLY = ("quotes", "daily")
_ECB_ONLY = ("day", "days", "seed")


def read_settings(path: Path | str) -> Settings:
    """The settings of one TOML file; paths in it are relative to its own directory. Raises
    InvalidInput: what is wrong with the file as a file, or MalformedInput with all its problems.
    """
    path = Path(path)
    raw = load_toml(path)
    problems = Problems(str(path))
    for name in raw:
        if name not in TABLES:
            problems.add(name, "is no known table", nearest(name, TABLES))
    for name in ("book", "market", "instruments", "venues", "rulebooks", "accounts"):
        if name not in raw:
            problems.add(name, "is missing", f"a table [{name}]")
    book: Any = BOOK.read(raw["book"], "book", problems) if "book" in raw else INVALID
    policy = _policy(raw.get("policy", {}), problems)
    market = _market(raw["market"], path.parent, problems) if "market" in raw else None
    instruments = _instruments(raw["instruments"], problems) if "instruments" in raw else {}
    venues = _venues(raw["venues"], path.parent, problems) if "venues" in raw else {}
    failure_tables = _failure_tables(raw.get("failure_tables", {}), venues, path.parent, problems)
    rulebooks, rulebook_names = read_rulebooks(raw.get("rulebooks", {}), path.parent, problems)
    names = Names(
        venues=_names(raw.get("venues")),
        rulebooks=rulebook_names,
        rulebooks_read=rulebooks,
        instruments=_names(raw.get("instruments")),
        instruments_read=instruments,
    )
    accounts = (
        read_accounts(raw["accounts"], raw.get("account_templates", {}), names, problems)
        if "accounts" in raw
        else {}
    )
    if book is not INVALID and policy is not None and policy.exposure_max is not None:
        _exposure_converts(book["currency"], instruments, problems)
    problems.raise_if_any()
    if policy is None or market is None or book is INVALID:
        raise InvariantViolated("a table without a problem has a value")
    journal = path.parent / book.pop("journal")
    config = BookConfig(
        **book,
        policy=policy,
        instruments=instruments,
        rulebooks=rulebooks,
        accounts=accounts,
        failure_tables=failure_tables,
        maintenance={name: each.maintenance for name, each in venues.items() if each.maintenance},
        capabilities={
            name: each.capabilities
            for name, each in venues.items()
            if each.capabilities != VenueCapabilities()
        },
    )
    return Settings(
        source=str(path),
        book=config,
        journal=str(journal),
        market=market,
        venues=venues,
    )


def _names(raw: object) -> tuple[str, ...]:
    return tuple(raw) if isinstance(raw, dict) else ()


def _policy(raw: object, problems: Problems) -> Policy | None:
    values = POLICY.read(raw, "policy", problems)
    if values is INVALID:
        return None
    count = len(problems.found)
    weights = {name: value for name, value in values.items() if name.startswith("weight_")}
    if sum(weights.values()) != PPM:
        found = " + ".join(f"{value / PPM:g}" for value in weights.values())
        problems.add(
            "policy", f"the five weights sum to {sum(weights.values()) / PPM:g} ({found})", "1"
        )
    if values["dispersion_min"] >= values["dispersion_max"]:
        problems.add(
            "policy.dispersion_percent_min",
            f"is {values['dispersion_min'] / 10_000:g}",
            f"less than dispersion_percent_max, {values['dispersion_max'] / 10_000:g}",
        )
    failures = _failure_policy(values.pop("failures"), problems)
    completion = CompletionPolicy(**values.pop("completion"))
    if completion == COMPLETION_POLICY:  # left out of the journal only where it is the same object
        completion = COMPLETION_POLICY
    if len(problems.found) > count:
        return None
    return Policy(**values, failures=failures, completion=completion)


def _failure_policy(values: dict[str, Any], problems: Problems) -> FailurePolicy:
    policy = FailurePolicy(**values)
    place = "policy.failures"
    if policy.circuit_probe_ns > policy.circuit_probe_ns_max:
        problems.add(
            join(place, "circuit_probe_s"),
            f"is {policy.circuit_probe_ns / NS_PER_S:g}",
            f"at most circuit_probe_s_max, {policy.circuit_probe_ns_max / NS_PER_S:g}",
        )
    if policy.rising_factor_clear >= policy.rising_factor:
        problems.add(
            join(place, "rising_factor_clear"),
            f"is {policy.rising_factor_clear / PPM:g}",
            f"less than rising_factor, {policy.rising_factor / PPM:g}",
        )
    # The default is left out of the journal only where it is the one and same object.
    return FAILURE_POLICY if policy == FAILURE_POLICY else policy


def _failure_tables(
    raw: object, venues: dict[str, VenueSettings], folder: Path, problems: Problems
) -> dict[str, FailureTable]:
    tables, known = read_failure_tables(raw, folder, problems)
    found = {}
    for name, venue in venues.items():
        place = join(join("venues", name), "failures")
        table = table_named(venue.failures, tables, known, place, problems)
        if table is not None:
            found[name] = table
    return found


def _market(raw: object, folder: Path, problems: Problems) -> QuoteFiles | EcbMarket | None:
    values = MARKET.read(raw, "market", problems)
    if values is INVALID:
        return None
    count = len(problems.found)
    kind = values.pop("kind")
    needed, foreign = ("quotes", _ECB_ONLY) if kind == "files" else ("day", _FILES_ONLY)
    for name in foreign:
        if name in values:
            problems.add(
                join("market", name), "does not belong to this kind", f'no {name} in "{kind}"'
            )
    if needed not in values:
        problems.add(join("market", needed), "is missing", f'{needed} for kind "{kind}"')
    for name in _FILES_ONLY:
        if kind == "files" and name in values:
            values[name] = tuple(str(folder / each) for each in values[name])
            for number, each in enumerate(values[name]):
                if not Path(each).is_file():
                    problems.add(f"market.{name}[{number}]", f"there is no file {each}", "a file")
    if len(problems.found) > count:
        return None
    return QuoteFiles(**values) if kind == "files" else EcbMarket(**values)


def _instruments(raw: object, problems: Problems) -> dict[str, Instrument]:
    if not isinstance(raw, dict) or not raw:
        problems.add("instruments", f"is {show(raw)}", "at least one [instruments.SYMBOL]")
        return {}
    found = {}
    for symbol, table in raw.items():
        place = join("instruments", symbol)
        kept = NAME.read(symbol, place, problems)
        values = INSTRUMENT.read(table, place, problems)
        if kept is INVALID or values is INVALID:
            continue
        usual = instrument_of(symbol)
        for key in INSTRUMENT.keys:
            if key.field in values:
                continue
            if usual is not None:
                values[key.field] = getattr(usual, key.field)
            else:
                problems.add(join(place, key.name), "is missing", key.kind.expected)
                values[key.field] = INVALID
        if INVALID in values.values():
            continue
        if values["base_currency"] == values["quote_currency"]:
            problems.add(place, "base and quote are the same", "two different currencies")
        elif not is_multiple(values["pip"], values["tick"]):
            problems.add(
                join(place, "tick"), f"is {values['tick']}", f"a divisor of pip {values['pip']}"
            )
        else:
            found[symbol] = Instrument(symbol=symbol, **values)
    return found


def _venues(raw: object, folder: Path, problems: Problems) -> dict[str, VenueSettings]:
    if not isinstance(raw, dict) or not raw:
        problems.add("venues", f"is {show(raw)}", "at least one [venues.NAME]")
        return {}
    found = {}
    for name, table in raw.items():
        place = join("venues", name)
        kept = NAME.read(name, place, problems)
        values = VENUE.read(table, place, problems)
        if kept is INVALID or values is INVALID:
            continue
        count = len(problems.found)
        for key in ("latency_request", "latency_report", "deciding"):
            least, most = values[f"{key}_ns"]
            if least > most:
                problems.add(join(place, f"{key}_ms"), "has the larger first", "[least, most]")
        shares = values["requote_ppm"] + sum(values["reject_ppm"].values())
        if shares > PPM:
            problems.add(
                place,
                f"requote_percent and reject_percent sum to {shares / 10_000:g}",
                "together at most 100",
            )
        if "address" in values:
            values["address"] = _address(
                values["address"], folder, join(place, "address"), problems
            )
        if len(problems.found) == count:
            capabilities = VenueCapabilities(**values.pop("capabilities"))
            found[name] = VenueSettings(venue=name, capabilities=capabilities, **values)
    return found


def _address(given: str, folder: Path, place: str, problems: Problems) -> str:
    """The socket's absolute path; noted where it is too long for one."""
    path = str(folder.absolute() / given)
    if len(os.fsencode(path)) > ADDRESS_BYTES_MAX:
        problems.add(
            place, f"makes the path {path}", f"at most {ADDRESS_BYTES_MAX} bytes in all: a socket's"
        )
    return path


def _exposure_converts(
    currency: str, instruments: Mapping[str, Instrument], problems: Problems
) -> None:
    for symbol, instrument in instruments.items():
        if not converts(instrument.quote_currency, currency, instruments.values()):
            problems.add(
                "policy.exposure_max",
                f"no way to convert {instrument.quote_currency} of {symbol} to {currency}",
                "an instrument that joins them",
            )
