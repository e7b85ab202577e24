"""Splits a total over accounts so that the shares sum to it exactly (DESIGN §4.5).

Precedence: limits > exactness > dispersion (see ``total_dispersion``). Everything runs in integers
of one common unit, so sums are exact for any mix of lot steps. Must not know where weights or
limits come from. Searches are bounded in nodes, never in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import chain, combinations, groupby, islice
from math import gcd

from msgspec import Struct

from stretto.core.errors import check
from stretto.core.limits import (
    TOTAL_GRID_NODES_MAX,
    TOTAL_SETS_MAX,
    TOTAL_SUGGESTIONS_MAX,
    TOTAL_SWAPS_MAX,
    TOTAL_VISITS_MAX,
)
from stretto.core.sizes.sizing import EXACT, Dispersal, Sized, SizeLimits
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.values import PPM

# No total or weight of a market needs more digits on either side of the point.
_EXPONENT_MAX = 24


class SplitAccount(Struct, frozen=True, kw_only=True):
    """An account a total may be split over.

    ``weight`` (> 0 to take part) is 1 for ``equal``, the equity for ``by_equity``, the free margin
    for ``by_free_margin`` (one currency for all), the ratio for ``by_ratio``; it is multiplied by
    the profile's size factor. Units of ``limits``: base units.
    """

    account_id: str
    weight: Decimal
    limits: SizeLimits
    size_factor_ppm: int = PPM


class _Part(Struct, frozen=True):
    """An account in integers: ``step`` and ``weight`` in common units, limits in steps."""

    rank: int
    account: SplitAccount
    weight: int
    step: int
    least: int
    most: int


def split_total(
    total: Decimal, accounts: Sequence[SplitAccount], *, cap: int
) -> tuple[Sized, ...] | Refusal:
    """Shares that sum to exactly ``total`` (base units, > 0), by weight with largest remainders.

    ``accounts`` best first, each once; at most ``cap`` take part. Starts with the longest run of
    them for which count x largest minimum fits the total, drops who would fall below its minimum,
    then tries other sets and fewer until one carries the total inside all limits: every set where
    ten accounts or fewer have room, the likely ones where more do. Shares come in
    the order given, not dispersed. Else ``total_not_representable`` with the nearest total that
    would have passed. Source: Hamilton's largest-remainder apportionment, with bounds.
    """
    check(total > 0 and cap >= 1, "a total and a cap must be positive")
    check(
        len({account.account_id for account in accounts}) == len(accounts),
        "an account takes part in a total once",
    )
    if abs(total.adjusted()) > _EXPONENT_MAX:
        return _refused({"total": str(total)}, f"a total below 1E+{_EXPONENT_MAX}")
    live = [
        account
        for account in accounts
        if account.weight > 0
        and abs(account.weight.adjusted()) <= _EXPONENT_MAX
        and account.size_factor_ppm > 0
        and account.limits.least <= account.limits.most
    ]
    places = decimal_places([total, *(account.limits.step for account in live)])
    parts = _parts(live, places)
    units = int(EXACT.scaleb(total, places))
    found = _search(units, parts, cap)
    if found is None:
        return _not_representable(total, units, places, parts, cap)
    chosen, steps = found
    weights = sum(part.weight for part in chosen)
    return tuple(
        _share(part, steps[part.rank], Fraction(units * part.weight, weights), places)
        for part in chosen
    )


def decimal_places(values: Sequence[Decimal]) -> int:
    """Digits after the point that all of ``values`` fit in."""
    exponents = [EXACT.normalize(value).as_tuple().exponent for value in values]
    return max([0, *(-int(exponent) for exponent in exponents)])


def _parts(live: Sequence[SplitAccount], places: int) -> list[_Part]:
    weight_places = decimal_places([each.weight for each in live])
    return [
        _Part(
            rank,
            account,
            int(EXACT.scaleb(account.weight, weight_places)) * account.size_factor_ppm,
            int(EXACT.scaleb(account.limits.step, places)),
            account.limits.least,
            account.limits.most,
        )
        for rank, account in enumerate(live)
    ]


def _share(part: _Part, steps: int, quota: Fraction, places: int) -> Sized:
    limits = part.account.limits
    base = limits.quantity(steps)
    return Sized(
        account_id=part.account.account_id,
        requested=EXACT.scaleb(Decimal(int(quota)), -places),
        base=base,
        size=base,
        variance_applied_ppm=0,
        dispersal=Dispersal.NOT_ASKED,
        clipped_by=limits.maximum_rule if quota > part.most * part.step else None,
    )


def _not_representable(
    total: Decimal, units: int, places: int, parts: list[_Part], cap: int
) -> Refusal:
    """The refusal with the nearest smaller total found to pass, or the smallest possible one."""
    compared = {"total": str(total), "accounts_with_room": str(len(parts)), "cap": str(cap)}
    if not parts:
        return _refused(compared, "an account with weight and room for its minimum lot")
    smallest = min(part.least * part.step for part in parts)
    capacity = sum(sorted((part.most * part.step for part in parts), reverse=True)[:cap])
    compared["minimum_lot_smallest"] = str(EXACT.scaleb(Decimal(smallest), -places))
    compared["capacity"] = str(EXACT.scaleb(Decimal(capacity), -places))
    if units < smallest:
        return _refused(compared, f"a total of at least {compared['minimum_lot_smallest']}")
    reachable = min(units, capacity)
    grids = sorted({reachable - reachable % part.step for part in parts}, reverse=True)
    for candidate in grids[:TOTAL_SUGGESTIONS_MAX]:
        if candidate > 0 and _search(candidate, parts, cap) is not None:
            passing = EXACT.scaleb(Decimal(candidate), -places)
            return _refused(compared, f"a total of {passing}")
    return _refused(compared, "more accounts, or accounts with a finer lot step")


def _refused(compared: dict[str, str], would_pass: str) -> Refusal:
    return Refusal(rule=Rule.TOTAL_NOT_REPRESENTABLE, compared=compared, would_pass=would_pass)


def _search(total: int, parts: list[_Part], cap: int) -> tuple[list[_Part], dict[int, int]] | None:
    able = [part for part in parts if part.least * part.step <= total]
    capacity = sum(sorted((part.most * part.step for part in able), reverse=True)[:cap])
    if capacity < total or total % gcd(*(part.step for part in able)):
        return None
    visits = 0
    for chosen in _sets(total, able, cap):
        visits += len(chosen) + 1
        if visits > TOTAL_VISITS_MAX:
            return None
        steps = _shares(total, chosen)
        if steps is not None:
            return chosen, steps
    return None


def _sets(total: int, able: list[_Part], cap: int) -> Iterator[list[_Part]]:
    """Sets of accounts to try, best first, each stable: every quota reaches its minimum."""
    stable = _gate(total, able, _start(total, able, cap))
    yield stable
    yield _gate(total, able, cap)
    # One other account in place of the last (or beside it): more room, or a finer grid.
    inside = {part.rank for part in stable}
    kept = stable if len(stable) < cap else stable[:-1]
    others = [part for part in able if part.rank not in inside]
    for other in others[:TOTAL_SWAPS_MAX]:
        yield _gate(total, _ranked([*kept, other]), cap)
    # The roomiest accounts, where the best are too small; the finest, where they are too coarse.
    yield _gate(total, sorted(able, key=lambda part: (-part.most * part.step, part.rank)), cap)
    yield _gate(total, sorted(able, key=lambda part: (part.step, part.rank)), cap)
    for fewer in range(len(stable) - 1, max(0, len(stable) - TOTAL_SWAPS_MAX), -1):
        yield _gate(total, able, fewer)
    # Every set of at most cap accounts, large ones first: all of them up to ten accounts.
    sizes = range(min(cap, len(able)), 0, -1)
    every = chain.from_iterable(combinations(able, size) for size in sizes)
    for subset in islice(every, TOTAL_SETS_MAX):
        yield _gate(total, list(subset), len(subset))


def _ranked(parts: list[_Part]) -> list[_Part]:
    return sorted(parts, key=lambda part: part.rank)


def _start(total: int, able: list[_Part], cap: int) -> int:
    """Longest run of the best accounts with count x largest minimum <= total, at most ``cap``."""
    largest = 0
    for count, part in enumerate(able[:cap], start=1):
        largest = max(largest, part.least * part.step)
        if count * largest > total:
            return count - 1
    return min(cap, len(able))


def _gate(total: int, able: list[_Part], count: int) -> list[_Part]:
    """The first ``count`` whose quota reaches their minimum; who falls short gives way to the next.

    Each round drops one account for good, so it ends after at most ``len(able)`` rounds.
    """
    remaining = list(able)
    while True:
        chosen = remaining[:count]
        quotas = _quotas(total, chosen)
        short = [
            part
            for part, (numerator, denominator) in zip(chosen, quotas, strict=True)
            if numerator < part.least * part.step * denominator
        ]
        if not short:
            return _ranked(chosen)
        remaining.remove(short[-1])


def _quotas(total: int, chosen: Sequence[_Part], lower: bool = False) -> list[tuple[int, int]]:
    """Proportional quotas as exact fractions, clamped to the maxima (and minima where ``lower``).

    Repeats: who would leave its bounds is fixed there and the rest share what is left, the side
    with the larger excess first, which keeps the unclamped shares proportional (water filling).
    """
    fixed: dict[int, int] = {}
    while True:
        free = [part for part in chosen if part.rank not in fixed]
        left = total - sum(fixed.values())
        weights = sum(part.weight for part in free)
        over, under, excess = [], [], 0
        for part in free:
            scaled = left * part.weight
            if scaled > part.most * part.step * weights:
                over.append(part)
                excess += scaled - part.most * part.step * weights
            elif lower and scaled < part.least * part.step * weights:
                under.append(part)
                excess -= part.least * part.step * weights - scaled
        if not over and not under:
            return [
                (fixed[part.rank], 1) if part.rank in fixed else (left * part.weight, weights)
                for part in chosen
            ]
        if excess >= 0:
            fixed.update((part.rank, part.most * part.step) for part in over)
        if excess <= 0:
            fixed.update((part.rank, part.least * part.step) for part in under)


def _shares(total: int, chosen: list[_Part]) -> dict[int, int] | None:
    """Steps by rank summing to exactly ``total`` inside all limits, or None."""
    if not chosen:
        return None
    by_step = sorted(chosen, key=lambda part: (-part.step, part.rank))
    groups = [list(group) for _, group in groupby(by_step, key=lambda part: part.step)]
    return _fill(total, groups, [TOTAL_GRID_NODES_MAX])


def _fill(total: int, groups: list[list[_Part]], nodes: list[int]) -> dict[int, int] | None:
    """Depth first over lot steps, coarsest first; each takes the feasible count nearest its quota.

    A count K of the coarse step s must leave a multiple of g, the gcd of the finer ones:
    K s ≡ total (mod g), one residue class. The finest step takes what is left. With up to two steps
    this is complete; with more it is complete within ``nodes``.
    """
    group, rest = groups[0], groups[1:]
    step = group[0].step
    least, most = sum(part.least for part in group), sum(part.most for part in group)
    if not rest:
        if total % step or not least <= total // step <= most:
            return None
        return _largest_remainder(total // step, group)
    rest_least, rest_most = _reach(rest)
    low = max(least, -(-(total - rest_most) // step))
    high = min(most, (total - rest_least) // step)
    finer = gcd(*(each[0].step for each in rest))
    common = gcd(step, finer)
    if total % common or low > high:
        return None
    period = finer // common
    first = total // common * pow(step // common, -1, period) % period
    quotas = _quotas(total, [part for each in groups for part in each], lower=True)
    quota = sum(Fraction(*each) for each in quotas[: len(group)]) / step
    ideal = min(max(round(quota), low), high)
    for count in _nearest_first(ideal, low, high, first, period):
        nodes[0] -= 1
        if nodes[0] < 0:
            return None
        others = _fill(total - count * step, rest, nodes)
        if others is not None:
            return _largest_remainder(count, group) | others
    return None


def _reach(groups: list[list[_Part]]) -> tuple[int, int]:
    parts = [part for group in groups for part in group]
    return (
        sum(part.least * part.step for part in parts),
        sum(part.most * part.step for part in parts),
    )


def _nearest_first(ideal: int, low: int, high: int, first: int, period: int) -> Iterator[int]:
    """The integers ≡ first (mod period) of [low, high], nearest to ``ideal`` first."""
    below = ideal - (ideal - first) % period
    above = below + period
    while below >= low or above <= high:
        if below >= low and (above > high or ideal - below <= above - ideal):
            yield below
            below -= period
        else:
            yield above
            above += period


def _largest_remainder(count: int, group: list[_Part]) -> dict[int, int]:
    """``count`` steps over accounts of one step: floors of the quotas, then largest remainders.

    The clamped quotas sum to the count, so the floors leave fewer steps than there are accounts
    with a fraction; those lie strictly below their maximum, a whole number of steps.
    """
    step = group[0].step
    quotas = _quotas(count * step, group, lower=True)
    steps, remainders = {}, []
    for part, (numerator, denominator) in zip(group, quotas, strict=True):
        whole, rest = divmod(numerator, denominator * step)
        steps[part.rank] = whole
        # All fractions share one denominator: the fixed ones are whole.
        remainders.append((-rest, part.rank))
    remainders.sort()
    for _, rank in remainders[: count - sum(steps.values())]:
        steps[rank] += 1
    return steps
