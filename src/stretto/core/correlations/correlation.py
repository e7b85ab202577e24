"""Which candidates would become the same bet, or opposite ones, by this trade (DESIGN §4.4).

Correlations are projected with the trade at its final size, as whole numbers in 1e-6: the exact
product of two standardised rows, rounded to the nearest. Two accounts conflict where

- both are candidates, and |projected|, or |historical| over enough common active bars, is above
  the threshold;
- one is a candidate and the other exposed as it stands, |projected| or |historical| is above the
  threshold and the trade raises |projected|. The candidate is then blocked. A candidate that is
  already exposed blocks like any other account: whether it will trade too is not known yet.

Knows nothing of scores, sizes in lots or which subset is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np

from stretto.core import limits
from stretto.core.correlations.factors import BookFactors, Flags, Floats, Indices, factor_rows
from stretto.core.correlations.historical import (
    UNKNOWN,
    HistoricalCorrelations,
    block_accounts,
    entries_of,
    product_into,
    spaces_for,
)
from stretto.core.errors import check
from stretto.core.terms.refusal import Rule
from stretto.core.values import PPM

_TO_PPM = PPM / (1 << 48)
_HUNDREDTHS = (10_000, 100, 1)


class PairCorrelation(msgspec.Struct, frozen=True, kw_only=True):
    """Correlations of two accounts of the book (indices) in 1e-6; ``historical`` None: unknown."""

    first: int
    second: int
    before: int
    projected: int
    historical: int | None = None

    @property
    def worst(self) -> int:
        """The projected or the historical correlation, whichever is greater in size."""
        if self.historical is None or abs(self.projected) >= abs(self.historical):
            return self.projected
        return self.historical

    @property
    def rule(self) -> Rule:
        """``same_bet`` or ``opposite_bet``, by the sign of the worst."""
        return Rule.SAME_BET if self.worst > 0 else Rule.OPPOSITE_BET


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Trade:
    """One trade in one symbol: ``delta`` is the signed exposure it adds to each of ``accounts``.

    ``accounts`` are the candidates, distinct indices into the book; ``delta`` notional over equity.
    """

    symbol: int
    accounts: Indices
    delta: Floats


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Projection:
    """Candidates by place in ``accounts``. Bit j of ``conflicts[i]``: i and j exclude each other.

    ``blocked[i]``: the exposed account that excludes candidate i by itself (``first`` is the
    candidate), the worst of several, else None. ``largest[i]``: the largest |projected| with any
    other account of the book, in 1e-6. The matrices hold candidates against candidates, both with
    the trade; ``worst`` is the larger of |projected| and |historical|, 0 on the diagonal, and
    ``close`` where that is a conflict. ``standing`` are the candidates' rows without the trade.
    """

    accounts: Indices
    conflicts: list[int]
    blocked: tuple[PairCorrelation | None, ...]
    largest: tuple[int, ...]
    projected: Indices
    historical: Indices
    worst: Indices
    close: Flags
    standing: Floats

    def pair(self, first: int, second: int) -> PairCorrelation:
        """Two candidates, by place."""
        return pair_of(
            int(self.accounts[first]),
            int(self.accounts[second]),
            _entry_ppm(float(self.standing[:, first] @ self.standing[:, second])),
            int(self.projected[first, second]),
            int(self.historical[first, second]),
        )

    def conflicting_pairs(self, pairs_max: int) -> tuple[PairCorrelation, ...]:
        """The worst ``pairs_max`` conflicts among candidates, worst first, then by place."""
        if not any(self.conflicts):
            return ()
        firsts, seconds = np.nonzero(np.triu(self.close))
        order = np.argsort(-self.worst[firsts, seconds], kind="stable")[:pairs_max]
        places = zip(firsts[order].tolist(), seconds[order].tolist(), strict=True)
        return tuple([self.pair(first, second) for first, second in places])

    def worst_of(self, place: int, others: Sequence[int]) -> int:
        """Which of ``others`` (places) is worst with a candidate; the first of equals."""
        worst: list[int] = self.worst[place].tolist()
        return max(others, key=worst.__getitem__)


def project(
    book: BookFactors,
    trade: Trade,
    *,
    threshold: int = limits.CORRELATION_THRESHOLD,
    bars_min: int = limits.CORRELATION_BARS_MIN,
) -> Projection:
    """The correlations of a trade: among its candidates, and with the rest of the book.

    ``threshold`` in 1e-6. At most CORRELATED_CANDIDATES_MAX candidates; InvariantViolated otherwise
    and for indices outside the book.
    """
    accounts = trade.accounts
    check(accounts.size <= limits.CORRELATED_CANDIDATES_MAX, "too many candidates to correlate")
    check(accounts.shape == trade.delta.shape, "every candidate needs its exposure change")
    check(len(set(accounts.tolist())) == accounts.size, "a candidate is named twice")
    traded = _traded_rows(book, trade)
    standing = book.rows_of(accounts)
    projected = in_ppm(traded.T @ traded)
    past = HistoricalCorrelations(book.history, accounts, bars_min)
    historical = past.among()
    inside = np.abs(projected)
    inside.flat[:: accounts.size + 1] = 0
    worst = np.abs(historical)
    worst[worst == UNKNOWN] = 0
    worst.flat[:: accounts.size + 1] = 0
    np.maximum(worst, inside, out=worst)
    close = worst > threshold
    outside, blocked = _against_book(book, accounts, traded, standing, past, threshold)
    largest = np.maximum(inside.max(axis=1, initial=0), outside)
    return Projection(
        accounts=accounts,
        conflicts=_masks(close),
        blocked=blocked,
        largest=tuple(largest.tolist()),
        projected=projected,
        historical=historical,
        worst=worst,
        close=close,
        standing=standing,
    )


def size_that_would_pass(
    book: BookFactors,
    trade: Trade,
    place: int,
    *,
    others: Indices,
    trading: Flags,
    threshold: int = limits.CORRELATION_THRESHOLD,
    bars_min: int = limits.CORRELATION_BARS_MIN,
) -> int:
    """The largest share of its planned trade (1e-6) at which a candidate conflicts with no other.

    ``others`` are accounts of the book; ``trading`` marks those that take the trade themselves
    (they must be candidates), the rest stand as they are. Looked for in hundredths, then in
    hundredths of these, and again: the share found passes and the next above it does not. 0 where
    none passes.
    """
    candidate = trade.accounts[place : place + 1]
    standing = book.rows_of(others)
    before = np.abs(in_ppm(book.rows_of(candidate).T @ standing))
    against = standing
    against[:, trading] = _traded_rows(book, _only(trade, others[trading]))
    past = HistoricalCorrelations(book.history, candidate, bars_min)
    historical = past.correlations(others)
    alike = (historical != UNKNOWN) & (np.abs(historical) > threshold)
    if (alike & trading).any():
        return 0
    passing = 0
    for step in _HUNDREDTHS:
        shares = np.arange(passing + step, min(passing + 100 * step, PPM) + 1, step)
        same = np.repeat(candidate, shares.size)
        exposure = book.exposure[same]
        exposure[:, trade.symbol] += trade.delta[place] * (shares / PPM)
        rows = factor_rows(book.history, same, exposure)
        after = np.abs(in_ppm(rows.T @ against))
        raised = after > before
        clash = ((after > threshold) | alike) & (raised | trading)
        fits = shares[~clash.any(axis=1)]
        if fits.size:
            passing = int(fits[-1])
    return passing


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Suspects:
    """Pairs that the sieve left: candidate by place, account, correlations in 1e-6.

    ``alike``: |historical| may be above the threshold too.
    """

    places: Indices
    others: Indices
    before: Indices
    projected: Indices
    alike: Flags


def _against_book(
    book: BookFactors,
    accounts: Indices,
    traded: Floats,
    standing: Floats,
    past: HistoricalCorrelations,
    threshold: int,
) -> tuple[Indices, tuple[PairCorrelation | None, ...]]:
    """Candidates with the trade against all accounts as they stand, a block of accounts at a time.

    Returns the largest |projected| with any that is no candidate, and who is blocked by whom.
    """
    trading = np.ascontiguousarray(traded.T)
    candidate = np.zeros(book.history.accounts, np.bool_)
    candidate[accounts] = True
    spaces = spaces_for(2, accounts.size, candidate.size)
    largest = _against_resting(book, trading, candidate, spaces)
    suspects: list[_Suspects] = []
    still = np.ascontiguousarray(standing.T)
    if not book.carrying.size:
        return in_ppm(largest), (None,) * accounts.size
    near = past.near(max(0, threshold - 1) / PPM)
    limit, width = _least_above(threshold), block_accounts(accounts.size)
    for start in range(0, book.carrying.size, width):
        block = book.carrying[start : start + width]
        rows = book.carried[:, start : start + width]
        after = product_into(trading, rows, spaces[0])
        size = np.abs(after, out=spaces[1][: after.size].reshape(after.shape))
        alike = near[:, block]
        # A sieve on exact products leaves few pairs; the rule itself is judged in 1e-6.
        suspect = size >= limit
        suspect |= alike
        suspect &= accounts[:, None] != block
        places, inside = np.divmod(np.flatnonzero(suspect), block.size)
        others = block[inside]
        if places.size:
            suspects.append(
                _Suspects(
                    places=places,
                    others=others,
                    before=in_ppm(entries_of(still, places, rows, inside)),
                    projected=in_ppm(after[places, inside]),
                    alike=alike[places, inside],
                )
            )
        size[:, candidate[block]] = 0.0
        np.maximum(largest, size.max(axis=1, initial=0.0), out=largest)
    return in_ppm(largest), _blockers(accounts, suspects, past, threshold)


def _against_resting(
    book: BookFactors, trading: Floats, candidate: Flags, spaces: Floats
) -> Floats:
    """The largest |product| with an account that carries nothing and is no candidate: the lower
    half of such a row is zero.
    """
    bars = trading.shape[1] // 2
    upper = np.ascontiguousarray(trading[:, :bars])
    largest = np.zeros(trading.shape[0])
    others = candidate | book.exposed
    width = block_accounts(trading.shape[0])
    for start in range(0, others.size, width):
        block = slice(start, start + width)
        if others[block].all():
            continue
        size = product_into(upper, book.history.resting[:bars, block], spaces[0])
        size[:, others[block]] = 0.0
        np.maximum(largest, size.max(axis=1), out=largest)
        np.maximum(largest, -size.min(axis=1), out=largest)
    return largest


def _blockers(
    accounts: Indices, suspects: list[_Suspects], past: HistoricalCorrelations, threshold: int
) -> tuple[PairCorrelation | None, ...]:
    """For each candidate the worst pair that blocks it, the lowest account of equals, or None."""
    found: list[PairCorrelation | None] = [None] * accounts.size
    if not suspects:
        return tuple(found)
    places, others, before, projected, alike = (
        np.concatenate([getattr(part, name) for part in suspects])
        for name in ("places", "others", "before", "projected", "alike")
    )
    worst = np.abs(projected)
    historical = past.correlations_of(places[alike], others[alike])
    known = np.where(historical == UNKNOWN, 0, np.abs(historical))
    worst[alike] = np.maximum(worst[alike], known)
    blocks = np.flatnonzero((worst > threshold) & (np.abs(projected) > np.abs(before)))
    # By candidate, then worst first; the sort is stable, and suspects ascend by account.
    order = blocks[np.lexsort((-worst[blocks], places[blocks]))]
    heads = order[np.flatnonzero(np.diff(places[order], prepend=-1))]
    for place, other, *numbers in zip(
        places[heads].tolist(),
        others[heads].tolist(),
        before[heads].tolist(),
        projected[heads].tolist(),
        past.correlations_of(places[heads], others[heads]).tolist(),
        strict=True,
    ):
        found[place] = pair_of(int(accounts[place]), other, *numbers)
    return tuple(found)


def pair_of(first: int, second: int, before: int, projected: int, past: int) -> PairCorrelation:
    """Two accounts and their correlations; ``past`` may be ``UNKNOWN``."""
    return PairCorrelation(
        first=first,
        second=second,
        before=before,
        projected=projected,
        historical=None if past == UNKNOWN else past,
    )


def _only(trade: Trade, accounts: Indices) -> Trade:
    """The part of a trade that falls to ``accounts``."""
    place = {account: index for index, account in enumerate(trade.accounts.tolist())}
    check(all(account in place for account in accounts.tolist()), "only candidates can trade")
    rows = np.array([place[account] for account in accounts.tolist()], np.int64)
    return Trade(symbol=trade.symbol, accounts=accounts, delta=trade.delta[rows])


def _traded_rows(book: BookFactors, trade: Trade) -> Floats:
    exposure = book.exposure[trade.accounts]
    exposure[:, trade.symbol] += trade.delta
    return factor_rows(book.history, trade.accounts, exposure)


def in_ppm(products: Floats) -> Indices:
    """Exact products in 2**-48 as 1e-6, rounded to the nearest (ties to even), within [-1, 1]."""
    scaled = products * _TO_PPM
    np.rint(scaled, out=scaled)
    np.maximum(scaled, -PPM, out=scaled)  # a third of np.clip
    return np.minimum(scaled, PPM, out=scaled).astype(np.int64)


def _entry_ppm(product: float) -> int:
    """One product, as ``in_ppm``."""
    return max(-PPM, min(PPM, round(product * _TO_PPM)))


@lru_cache(maxsize=16)
def _least_above(threshold: int) -> int:
    """The least product in 2**-48 that ``_ppm`` puts above ``threshold``, if any does."""
    low, high = 0, 1 << 49
    while low < high:
        middle = (low + high) // 2
        if round(middle * _TO_PPM) > threshold:
            high = middle
        else:
            low = middle + 1
    return low


def _masks(flags: Flags) -> list[int]:
    if not flags.any():
        return [0] * flags.shape[0]
    packed = np.packbits(flags, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]
