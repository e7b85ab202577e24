"""Historical correlations of candidates with the book, each pair over its common active bars.

Exact like ``factors``: standardised rows are whole numbers in 2**-24, so their products and
the sums of their squares over any bars are exact; one product, one root and one division make the
correlation. Knows nothing of trades or of what follows from a correlation.
"""

from __future__ import annotations

import numpy as np

from stretto.core.correlations.factors import Alike, Flags, Floats, History, Indices
from stretto.core.values import PPM

# The correlation of a pair with too few common bars.
UNKNOWN = 2 * PPM
_BLOCK_ACCOUNTS, _BLOCK_ENTRIES = 256, 51_200
# One pair costs what this many entries of a whole product cost.
_SPARSE = 32


class HistoricalCorrelations:
    """Of ``accounts``, the candidates, with any others; ``bars_min`` common bars are needed.

    Arrays inside are candidates x bars, so that products need not turn them.
    """

    def __init__(self, bars: History, accounts: Indices, bars_min: int) -> None:
        self._bars, self._accounts, self._bars_min = bars, accounts, bars_min
        self._own, self._energy, self._active = (
            np.ascontiguousarray(rows.take(accounts, axis=1).T)
            for rows in (bars.own, bars.energy, bars.active)
        )
        self._enough = bars.bars[accounts] >= bars_min
        self._energy_all = bars.energy_all[accounts, None]
        self._complete = bool(bars.complete[accounts].all())

    def correlations(self, others: Indices) -> Indices:
        """In 1e-6, or ``UNKNOWN``: all candidates by accounts ``others``."""
        theirs = self._bars.active.take(others, axis=1)
        covariance = self._own @ self._bars.own.take(others, axis=1)
        scale = self._energy @ theirs
        scale *= self._active @ self._bars.energy.take(others, axis=1)
        return self._ppm(covariance, scale, self._active @ theirs)

    def among(self) -> Indices:
        """The same, all candidates by all candidates."""
        covariance = self._own @ self._own.T
        if self._complete:
            common = np.full(covariance.shape, float(self._own.shape[1]))
            return self._ppm(covariance, self._energy_all * self._energy_all.T, common)
        energy = self._energy @ self._active.T
        return self._ppm(covariance, energy * energy.T, self._active @ self._active.T)

    def correlations_of(self, places: Indices, others: Indices) -> Indices:
        """The same for pairs: candidate ``places[i]`` with account ``others[i]``."""
        covariance = entries_of(self._own, places, self._bars.own, others)
        scale = entries_of(self._energy, places, self._bars.active, others)
        scale *= entries_of(self._active, places, self._bars.energy, others)
        common = entries_of(self._active, places, self._bars.active, others)
        return self._ppm(covariance, scale, common)

    def near(self, least: float) -> Flags:
        """A sieve (candidates x accounts of the book): wherever |historical| may reach ``least``.
        What it says of a candidate is kept with the bars that it follows from.
        """
        bars, accounts = self._bars, self._accounts
        count, key = bars.accounts, (least, self._bars_min)
        alike = bars.alike.get(key)
        if alike is None:
            bars.alike.clear()
            rows = np.zeros((count, (count + 7) // 8), np.uint8)
            alike = bars.alike[key] = Alike(np.zeros(count, np.bool_), rows)
        missing = np.flatnonzero(~alike.known[accounts])
        if missing.size:
            alike.bits[accounts[missing]] = np.packbits(self._near(missing, least), axis=1)
            alike.known[accounts[missing]] = True
        return np.unpackbits(alike.bits[accounts], axis=1, count=count).view(np.bool_)

    def _near(self, places: Indices, least: float) -> Flags:
        bars = self._bars
        own, energy, active = self._own[places], self._energy[places], self._active[places]
        complete = self._complete and bool(bars.complete.all())
        suspect = np.empty((places.size, bars.accounts), np.bool_)
        rooms = spaces_for(3, places.size, bars.accounts)
        width = block_accounts(places.size)
        for start in range(0, bars.accounts, width):
            block = slice(start, start + width)
            covariance = product_into(own, bars.own[:, block], rooms[0])
            if complete:
                # Every bar is common to all, and so is what is summed over the common bars.
                scale = self._energy_all[places] * bars.energy_all[block]
            else:
                scale = product_into(energy, bars.active[:, block], rooms[1])
                scale *= product_into(active, bars.energy[:, block], rooms[2])
            scale *= least * least
            covariance *= covariance
            np.greater(covariance, scale, out=suspect[:, block])
        suspect &= self._enough[places, None]
        suspect &= bars.bars >= self._bars_min
        return suspect

    def _ppm(self, covariance: Floats, scale: Floats, common: Floats) -> Indices:
        root = np.sqrt(scale, out=scale)
        root[root == 0] = 1.0  # where nothing moved there is no covariance either
        covariance /= root
        covariance *= PPM
        np.rint(covariance, out=covariance)
        whole = np.clip(covariance, -PPM, PPM, out=covariance).astype(np.int64)
        whole[common < self._bars_min] = UNKNOWN
        return whole


def block_accounts(candidates: int) -> int:
    """So many accounts are set against the candidates at a time: what fits the processor's cache,
    and of few candidates in few calls.
    """
    return max(_BLOCK_ACCOUNTS, _BLOCK_ENTRIES // max(1, candidates))


def spaces_for(count: int, candidates: int, accounts: int) -> Floats:
    """Room for ``count`` products of a block of a book: fresh memory for each would cost more."""
    return np.empty((count, candidates * min(accounts, block_accounts(candidates))))


def entries_of(left: Floats, places: Indices, right: Floats, others: Indices) -> Floats:
    """Entries of ``left`` @ ``right`` at (``places``, ``others``), exact either way."""
    low, high = int(others.min(initial=right.shape[1])), int(others.max(initial=0)) + 1
    if _SPARSE * places.size > left.shape[0] * max(0, high - low):
        entries: Floats = (left @ right[:, low:high])[places, others - low]
        return entries
    total: Floats = (left.T.take(places, axis=1) * right.take(others, axis=1)).sum(axis=0)
    return total


def product_into(left: Floats, right: Floats, space: Floats) -> Floats:
    """``left`` @ ``right`` in ``space``, overwritten by the next."""
    shape = left.shape[0], right.shape[1]
    return np.matmul(left, right, out=space[: shape[0] * shape[1]].reshape(shape))
