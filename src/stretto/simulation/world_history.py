"""Sixty bars of past returns for every account, from what its strategy would have held.

Accounts of one strategy family share exposures to the symbols' real bars and differ by their own
noise, so that their correlation is high and everybody else's is what the market made it. Whole
numbers in 1e-9 throughout. Knows nothing of firms or signals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from struct import iter_unpack

from stretto.core.limits import CORRELATION_WINDOW_BARS
from stretto.core.terms.account import BarReturn
from stretto.core.terms.market import Bar
from stretto.core.values import digest, draw, draw_below, iso

_PPB = 1_000_000_000
_HOLD_BARS = 3
_LOOKBACK_BARS_MAX = 10
# Standard deviation of the sum of four even draws of 16 bits: 65,536 / √3.
_NOISE_DEVIATION = 37_837
_WORDS_PER_DIGEST = 16
# An account's own noise against its family's returns: accounts of a family correlate near 0.85.
_NOISE_SHARE_PERCENT = 42

Returns = list[int]


def demo_histories(
    account_ids: Sequence[str],
    world_key: str,
    symbols: Sequence[str],
    bars: Mapping[str, tuple[Bar, ...]],
    starts_at: int,
) -> dict[str, tuple[BarReturn, ...]]:
    """Up to 60 bars of every account, oldest first, all on days before that of ``starts_at``. Where
    fewer than two common days are known, there is no history.
    """
    days, returns = _symbol_returns(symbols, bars, iso(starts_at)[:10])
    families = _family_count(len(account_ids))
    known: dict[int, Returns] = {}
    histories = {}
    for index, account_id in enumerate(account_ids):
        family = index % families
        if family not in known:
            known[family] = _family_returns(world_key, family, returns, len(days))
        own = _account_returns(world_key, account_id, known[family])
        histories[account_id] = tuple(
            BarReturn(day=day, return_ppb=value)
            for day, value in list(zip(days, own, strict=True))[-CORRELATION_WINDOW_BARS:]
        )
    return histories


def _family_count(accounts: int) -> int:
    """Seven families for twelve accounts, and so on: few accounts share one."""
    return max(min(accounts, 7), accounts * 7 // 12)


def _symbol_returns(
    symbols: Sequence[str], bars: Mapping[str, tuple[Bar, ...]], before: str
) -> tuple[list[str], list[Returns]]:
    """The days that all symbols have a bar for, and each symbol's returns in 1e-9 (first one 0)."""
    closes = [{bar.day: bar.close for bar in bars.get(symbol, ())} for symbol in symbols]
    closes = [each for each in closes if each]
    if not closes:
        return [], []
    days = [day for day in sorted(closes[0]) if day < before and all(day in c for c in closes)]
    # The first exposures look back, so some bars more than the window are used where there are.
    days = days[-(CORRELATION_WINDOW_BARS + _LOOKBACK_BARS_MAX + 1) :]
    if len(days) < 2:
        return [], []
    returns = []
    for close in closes:
        prices = [close[day] for day in days]
        moves = [int((later - earlier) * _PPB / earlier) for earlier, later in pairwise(prices)]
        returns.append(moves)
    return days[1:], returns


def _family_returns(world_key: str, family: int, returns: Sequence[Returns], count: int) -> Returns:
    """What the family's exposures, held for three bars each, made of the symbols' returns."""
    name = str(family)
    # A quarter follow trends, an eighth fade them, the others decide by their own lights.
    style = _below(world_key, name, "style", 8)
    lookback = 2 + _below(world_key, name, "lookback", _LOOKBACK_BARS_MAX - 1)
    total = [0] * count
    for place, moves in enumerate(returns):
        scale = 400 + _below(world_key, name, f"scale-{place}", 1_600)
        views = _words(-(-count // _HOLD_BARS), "views", world_key, name, str(place))
        level = list(accumulate(moves, initial=0))
        exposure = 0
        for bar in range(count):
            if bar % _HOLD_BARS == 0:
                opinion = views[bar // _HOLD_BARS] * 2_001 // 65_536 - 1_000
                past = level[bar] - level[max(0, bar - lookback)]
                if style < 3 and past:
                    sign = 1 if past > 0 else -1
                    opinion = (sign if style < 2 else -sign) * (500 + abs(opinion) // 2)
                exposure = opinion * scale
            total[bar] += moves[bar] * exposure // 1_000_000
    return total


def _account_returns(world_key: str, account_id: str, family: Returns) -> Returns:
    """The family's returns at the account's own leverage, and noise of its own."""
    if not family:
        return []
    leverage = 700 + _below(world_key, account_id, "leverage", 800)
    # The mean absolute deviation of a normal variable is 4/5 of its standard deviation.
    deviation = sum(abs(each) for each in family) * 5 // (4 * len(family))
    noise = _noise(world_key, account_id, len(family))
    share = deviation * _NOISE_SHARE_PERCENT
    return [
        (common + each * share // (100 * _NOISE_DEVIATION)) * leverage // 1_000
        for common, each in zip(family, noise, strict=True)
    ]


def _noise(world_key: str, account_id: str, count: int) -> Returns:
    """``count`` draws of nearly normal shape, mean 0: four even draws of 16 bits each, summed."""
    words = _words(4 * count, "noise", world_key, account_id)
    return [sum(words[at : at + 4]) - 2 * 65_535 for at in range(0, 4 * count, 4)]


def _words(count: int, *parts: str) -> list[int]:
    """``count`` even draws of 16 bits."""
    digests = (digest(*parts, str(number)) for number in range(-(-count // _WORDS_PER_DIGEST)))
    data = b"".join(digests)
    return [value for (value,) in iter_unpack(">H", data[: 2 * count])]


def _below(world_key: str, name: str, purpose: str, bound: int) -> int:
    return draw_below(bound, draw(world_key, "history", name, purpose))
