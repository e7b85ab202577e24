"""Accounts of a configuration: templates laid under them, terms completed, references checked.

Knows what else the file names; nothing of venues' or rulebooks' content but what accounts refer to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

import msgspec

from stretto.config import kinds
from stretto.config.instruments import converts
from stretto.config.kinds import INVALID
from stretto.config.problems import Problems, join, nearest, show
from stretto.config.section import Key, Section
from stretto.config.sections import ACCOUNT, NAME, PROFILE, SYMBOL
from stretto.core.limits import ACCOUNTS_MAX
from stretto.core.terms.account import Account, ExecutionProfile, SymbolTerms
from stretto.core.terms.market import Instrument
from stretto.core.terms.policy import Rulebook
from stretto.core.values import ZERO, is_multiple

_HUNDRED = Decimal(100)
_MARGIN_STEP = Decimal("1e-12")


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What accounts may refer to: all that the file states, with what could be read of it."""

    venues: Collection[str]
    rulebooks: Collection[str]
    rulebooks_read: Mapping[str, Rulebook]
    instruments: Collection[str]
    instruments_read: Mapping[str, Instrument]


class _TemplateNames(kinds.Kind):
    """One name or a list of names."""

    def __init__(self) -> None:
        super().__init__("text or list of text", "the name of a template, or a list", lambda _: ())
        self._list = kinds.ListOf(NAME, most=16)

    def read(self, raw: object, place: str, problems: Problems) -> Any:
        if isinstance(raw, list):
            return self._list.read(raw, place, problems)
        one = NAME.read(raw, place, problems)
        return INVALID if one is INVALID else (one,)


TEMPLATE = Key("template", _TemplateNames(), [], "templates it rests on, later ones over earlier")
ACCOUNT_WITH_TEMPLATE = Section(ACCOUNT.header, ACCOUNT.meaning, TEMPLATE, *ACCOUNT.keys)


def read_accounts(
    raw: Any, raw_templates: Any, names: Names, problems: Problems
) -> dict[str, Account]:
    """Every account that could be read, by id; all problems noted."""
    for key, table in (("accounts", raw), ("account_templates", raw_templates)):
        if not isinstance(table, dict):
            problems.add(key, f"is {show(table)}", "a table")
            return {}
    if not raw:
        problems.add("accounts", "has no account", "at least one [accounts.NAME]")
    if len(raw) > ACCOUNTS_MAX:
        problems.add("accounts", f"has {len(raw)} accounts", f"at most {ACCOUNTS_MAX}")
        return {}
    templates = {
        name: ACCOUNT.take(table, join("account_templates", name), problems)
        for name, table in raw_templates.items()
    }
    accounts = {}
    for account_id, table in raw.items():
        place = join("accounts", account_id)
        if NAME.read(account_id, place, problems) is INVALID:
            continue
        account = _account(account_id, table, place, templates, names, problems)
        if account is not None:
            accounts[account_id] = account
    return accounts


def _account(
    account_id: str,
    raw: object,
    place: str,
    templates: Mapping[str, dict[str, Any]],
    names: Names,
    problems: Problems,
) -> Account | None:
    own = ACCOUNT_WITH_TEMPLATE.take(raw, place, problems)
    stated: dict[str, Any] = {}
    chosen = own.pop("template", ())
    if chosen is INVALID:
        # What is missing cannot be told from what the template would have said.
        return None
    for template in chosen:
        if template not in templates:
            problems.add(
                join(place, "template"), f"is {show(template)}", nearest(template, templates)
            )
            return None
        stated = _laid_over(stated, templates[template])
    stated = _laid_over(stated, own)
    values = ACCOUNT.complete(stated, place, problems)
    if values is None or not _references_hold(values, place, names, problems):
        return None
    profile = PROFILE.complete(values["profile"], join(place, "profile"), problems)
    symbols = {}
    for symbol, terms in values["symbols"].items():
        at = join(join(place, "symbols"), symbol)
        symbols[symbol] = _terms(symbol, terms, at, values["currency"], names, problems)
    rulebook = names.rulebooks_read.get(values["rulebook"])
    if profile is None or None in symbols.values() or rulebook is None:
        return None
    if values.setdefault("firm", rulebook.firm) != rulebook.firm:
        problems.add(
            join(place, "firm"),
            f"is {show(values['firm'])}",
            f"{rulebook.firm!r}, the firm of rulebook {values['rulebook']!r}",
        )
        return None
    if ("day_start_balance" in values) != ("day_start_at" in values):
        problems.add(
            join(place, "day_start_balance"),
            "is stated without day_start_at, or the other way round",
            "both, or neither",
        )
        return None
    values |= {"profile": ExecutionProfile(**profile), "symbols": symbols}
    return Account(account_id=account_id, **values)


def _laid_over(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``over`` wins key by key, also inside the tables ``profile`` and ``symbols``."""
    merged = dict(under)
    for key, value in over.items():
        if key in ("profile", "symbols") and isinstance(value, dict):
            before = merged.get(key)
            merged[key] = _laid_over(before if isinstance(before, dict) else {}, value)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merged[key] | value
        else:
            merged[key] = value
    return merged


def _references_hold(
    values: Mapping[str, Any], place: str, names: Names, problems: Problems
) -> bool:
    count = len(problems.found)
    for key, known in (("venue", names.venues), ("rulebook", names.rulebooks)):
        if values[key] not in known:
            problems.add(join(place, key), f"is {show(values[key])}", nearest(values[key], known))
    for symbol in values["symbols"]:
        if symbol not in names.instruments:
            at = join(join(place, "symbols"), symbol)
            problems.add(at, "is no instrument of this file", nearest(symbol, names.instruments))
    return len(problems.found) == count


def _terms(
    symbol: str,
    stated: dict[str, Any],
    place: str,
    currency: str,
    names: Names,
    problems: Problems,
) -> SymbolTerms | None:
    values = SYMBOL.complete(stated, place, problems)
    instrument = names.instruments_read.get(symbol)
    if values is None or instrument is None:
        return None
    count = len(problems.found)
    values.setdefault("venue_symbol", symbol)
    step = values["lot_step"]
    least = values.setdefault("lot_min", step)
    if not is_multiple(least, step):
        problems.add(join(place, "lot_min"), f"is {least}", f"a multiple of lot_step {step}")
    if values["lot_max"] < least:
        problems.add(join(place, "lot_max"), f"is {values['lot_max']}", f"at least lot_min {least}")
    leverage, percent = values.pop("leverage", None), values.pop("margin_percent", None)
    if (leverage is None) == (percent is None):
        both = "neither is stated" if leverage is None else "both are stated"
        problems.add(place, both, "exactly one of leverage and margin_percent")
    pips = values.pop("stop_distance_pips_min")
    if not converts(instrument.quote_currency, currency, names.instruments_read.values()):
        problems.add(
            place,
            f"no way to convert {instrument.quote_currency} to {currency}",
            f"an instrument that joins them, such as [instruments.{currency}"
            f"{instrument.quote_currency}]",
        )
    if len(problems.found) > count:
        return None
    rate = percent / _HUNDRED if percent is not None else _margin_rate(leverage)
    distance = pips * instrument.pip if pips else ZERO
    return SymbolTerms(margin_rate=rate, stop_distance_min=distance, **values)


def _margin_rate(leverage: Decimal) -> Decimal:
    """1 / leverage, rounded up to 1e-12: never less margin than the venue holds."""
    rate = (1 / leverage).quantize(_MARGIN_STEP, rounding=ROUND_CEILING)
    return rate.normalize()
