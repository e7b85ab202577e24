"""How often entries fill in parts, how long until they are complete, what was done, what it cost.

From the query tables; never writes. Quantities of different symbols are never added up: where a
line spans symbols it has shares and pips, each allocation counting once. Knows nothing of how a
strategy is chosen.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from stretto.core.values import ZERO, iso
from stretto.views.fills_read import BEFORE, Filled, entries_filled

MEANING = {
    "sent": "allocations of entries of which at least one order was decided",
    "partial": "of them those with a fill that left part of the intended quantity open",
    "complete": "of the partial ones those that filled whole in their own account; the others gave "
    "a rest up, moved it to another account, or are still open",
    "until_complete": "from the first send to the last fill of the complete ones, seconds; the "
    "median by nearest rank",
    "slippage_pips": "volume-weighted price against the touch at the decision, positive where "
    "worse; a mean over allocations, each counting once",
    "abandoned_share": "given up of what was planned or received; a mean over the partial ones",
    "strategies": "how often each was chosen; again: the rest of an IOC or FOK order sent anew",
    "before": "what filled before any strategy was chosen",
    "after": "fills count under the strategy that the order in the market comes from: the last one "
    "before them but waits (a fill during a cancel under the one that cancels); what was given up "
    "or moved under the last one of its allocation; pips weigh by quantity",
}

STEP_PIPS = Decimal("0.0001")
STEP_SHARE = Decimal("0.000001")
Scope = Literal["venue", "symbol", "account"]


class ScopeFills(msgspec.Struct, frozen=True, kw_only=True):
    """One venue, symbol or account. ``partial`` = ``complete`` + ``given_up`` + ``moved`` +
    ``open``. Times in seconds, shares as fractions, slippage in pips; None where nothing counts.
    """

    scope: Scope
    name: str
    sent: int
    partial: int
    partial_share: Decimal
    complete: int
    given_up: int
    moved: int
    open: int
    until_complete_s_median: Decimal | None
    until_complete_s_max: Decimal | None
    slippage_pips_partial: Decimal | None
    slippage_pips_at_once: Decimal | None
    abandoned_share: Decimal | None
    strategies: dict[str, int]


class StrategyFills(msgspec.Struct, frozen=True, kw_only=True):
    """What came after one strategy in one symbol; quantities in its base units, slippage in pips.
    ``last_of``: allocations in which it was chosen last, ``complete`` of those.
    """

    strategy: str
    symbol: str
    chosen: int
    allocations: int
    last_of: int
    complete: int
    filled_quantity: Decimal
    slippage_pips: Decimal | None
    abandoned_quantity: Decimal
    moved_quantity: Decimal


class FillsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Partial fills of the entries decided after ``since`` and up to ``until``, ISO 8601."""

    book_id: str
    since: str
    until: str
    sent: int
    partial: int
    scopes: tuple[ScopeFills, ...]
    strategies: tuple[StrategyFills, ...]
    meaning: dict[str, str]


def fills_report(
    connection: sqlite3.Connection, book_id: str, since_ns: int, until_ns: int
) -> FillsReport:
    """The partial fills of entries decided in (since, until], ns UTC."""
    filled = entries_filled(connection, book_id, since_ns, until_ns)
    return FillsReport(
        book_id=book_id,
        since=iso(since_ns),
        until=iso(until_ns),
        sent=len(filled),
        partial=sum(each.is_partial for each in filled),
        scopes=(
            *_scopes("venue", ((each.venue, each) for each in filled)),
            *_scopes("symbol", ((each.symbol, each) for each in filled)),
            *_scopes("account", ((each.account_id, each) for each in filled)),
        ),
        strategies=tuple(_strategies(filled)),
        meaning=MEANING,
    )


def _scopes(scope: Scope, named: Iterable[tuple[str, Filled]]) -> list[ScopeFills]:
    found: dict[str, list[Filled]] = {}
    for name, each in named:
        found.setdefault(name, []).append(each)
    return [_scope(scope, name, found[name]) for name in sorted(found)]


def _scope(scope: Scope, name: str, filled: list[Filled]) -> ScopeFills:
    partial = [each for each in filled if each.is_partial]
    outcomes = Counter(each.outcome for each in partial)
    took = sorted(
        each.until_complete_ns
        for each in partial
        if each.outcome == "complete" and each.until_complete_ns is not None
    )
    return ScopeFills(
        scope=scope,
        name=name,
        sent=len(filled),
        partial=len(partial),
        partial_share=(Decimal(len(partial)) / len(filled)).quantize(STEP_SHARE),
        complete=outcomes["complete"],
        given_up=outcomes["given_up"],
        moved=outcomes["moved"],
        open=outcomes["open"],
        until_complete_s_median=_seconds(took[(len(took) - 1) // 2]) if took else None,
        until_complete_s_max=_seconds(took[-1]) if took else None,
        slippage_pips_partial=_mean_pips(partial),
        slippage_pips_at_once=_mean_pips(each for each in filled if not each.is_partial),
        abandoned_share=_mean((each.abandoned_share for each in partial), STEP_SHARE),
        strategies=dict(sorted(Counter(word for each in filled for word in each.chosen).items())),
    )


def _strategies(filled: list[Filled]) -> Iterable[StrategyFills]:
    """One line for each strategy and symbol; ``before`` is what filled before any was chosen."""
    looked_at = [each for each in filled if each.is_partial or each.chosen]
    keys = {(word, each.symbol) for each in looked_at for word in (BEFORE, *each.chosen)}
    for strategy, symbol in sorted(keys):
        of = [each for each in looked_at if each.symbol == symbol]
        last = [each for each in of if each.last == strategy]
        legs = [each.after[strategy] for each in of if strategy in each.after]
        quantity = sum((leg.quantity for leg in legs), ZERO)
        worse = [leg.worse_pips for leg in legs if leg.worse_pips is not None]
        weighs = len(worse) == len(legs) and quantity > 0
        yield StrategyFills(
            strategy=strategy,
            symbol=symbol,
            chosen=sum(each.chosen.count(strategy) for each in of),
            allocations=sum(strategy in each.chosen for each in of),
            last_of=len(last),
            complete=sum(each.outcome == "complete" for each in last),
            filled_quantity=quantity,
            slippage_pips=(sum(worse, ZERO) / quantity).quantize(STEP_PIPS) if weighs else None,
            abandoned_quantity=sum((each.abandoned for each in last), ZERO),
            moved_quantity=sum((each.moved for each in last), ZERO),
        )


def _mean_pips(filled: Iterable[Filled]) -> Decimal | None:
    known = (each.slippage_pips for each in filled if each.slippage_pips is not None)
    return _mean(known, STEP_PIPS)


def _mean(values: Iterable[Decimal], step: Decimal) -> Decimal | None:
    known = list(values)
    return (sum(known, ZERO) / len(known)).quantize(step) if known else None


def _seconds(duration_ns: int) -> Decimal:
    return Decimal(duration_ns).scaleb(-9)
