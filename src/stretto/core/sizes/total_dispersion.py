"""Disperses the shares of a total by exchanging lot steps: the sum stays (DESIGN §4.5).

Some accounts give, others receive, each 5–15 % of its own base and inside its limits. Applied once,
after ``total_size``. Must not know weights, markets or why the total is what it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import lcm

from msgspec import Struct
from msgspec.structs import replace

from stretto.core.errors import check
from stretto.core.sizes.sizing import (
    EXACT,
    Dispersal,
    Sized,
    SizeLimits,
    band,
    steps_down,
    variance_ppm,
)
from stretto.core.sizes.total_size import decimal_places
from stretto.core.values import PPM, draw, draw_below


class _Place(Struct, frozen=True):
    """One share in integer units: its base, step and limits, its own draw and band (1e-6)."""

    at: int
    base: int
    step: int
    least: int
    most: int
    draw: int
    band: tuple[int, int]


class _Mover(Struct, frozen=True):
    """What one share may move, in exchange units: at least ``low``, at most ``down`` or ``up``."""

    at: int
    draw: int
    low: int
    down: int
    up: int


def disperse_total(
    shares: Sequence[Sized],
    limits: Sequence[SizeLimits],
    *,
    book_key: str,
    execution_id: str,
) -> tuple[Sized, ...]:
    """``shares`` (with their ``limits``, same order) dispersed, their sum unchanged.

    As many as a greedy balance of givers and receivers allows deviate 5–15 %; the others keep their
    base and say why. The result does not depend on the order of the shares.
    """
    check(len(shares) == len(limits), "every share needs its limits")
    if not shares:
        return ()
    places = decimal_places([each.step for each in limits])
    places_of = [
        _Place(
            at,
            int(EXACT.scaleb(share.base, places)),
            int(EXACT.scaleb(bound.step, places)),
            int(EXACT.scaleb(bound.quantity(bound.least), places)),
            int(EXACT.scaleb(bound.quantity(bound.most), places)),
            draw(book_key, execution_id, share.account_id, "size"),
            (bound.dispersion_min, bound.dispersion_max),
        )
        for at, (share, bound) in enumerate(zip(shares, limits, strict=True))
    ]
    total_draw = draw(book_key, execution_id, "", "size_total")
    moves = _moves(places_of, total_draw)
    check(sum(moves.values()) == 0, "dispersion must not change the total")
    return tuple(
        _moved(share, bound, place, moves.get(place.at))
        for share, bound, place in zip(shares, limits, places_of, strict=True)
    )


def _moves(places: list[_Place], total_draw: int) -> dict[int, int]:
    """Signed moves by index: within each lot step and then over all on their lcm, or the reverse.

    Whichever moves more; the first where both move as many.
    """
    every = sorted({place.step for place in places})
    groups = [[step] for step in every]
    best: dict[int, int] = {}
    for order in ([*groups, every], [every, *groups]):
        moves: dict[int, int] = {}
        for group in order:
            left = [each for each in places if each.step in group and each.at not in moves]
            moves |= _exchange(left, lcm(*(each.step for each in left)), total_draw)
        if len(moves) > len(best):
            best = moves
        if len(best) == len(places):
            break
    return best


def _moved(share: Sized, limits: SizeLimits, place: _Place, move: int | None) -> Sized:
    base_steps = steps_down(share.base, limits.step)
    low, high = band(base_steps, limits)
    if move is not None:
        dispersal = Dispersal.DISPERSED
    elif low > high:
        dispersal = Dispersal.NO_MULTIPLE_IN_BAND
    elif base_steps - low < limits.least and base_steps + low > limits.most:
        dispersal = Dispersal.LIMITS
    else:
        dispersal = Dispersal.NO_COUNTERPART
    steps = base_steps + (move or 0) // place.step
    return replace(
        share,
        size=limits.quantity(steps),
        variance_applied_ppm=variance_ppm(base_steps, steps),
        dispersal=dispersal,
    )


def _exchange(places: list[_Place], unit: int, total_draw: int) -> dict[int, int]:
    """Signed moves (integer units, multiples of ``unit``) that sum to zero, by index of share."""
    movers: list[_Mover] = []
    for place in places:
        low = -(-place.base * place.band[0] // (PPM * unit))
        high = place.base * place.band[1] // (PPM * unit)
        down = min(high, (place.base - place.least) // unit)
        up = min(high, (place.most - place.base) // unit)
        if max(down, up) >= low:
            movers.append(_Mover(place.at, place.draw, low, down, up))
    givers, receivers = _balance(movers)
    if not givers:
        return {}
    from_total = max(sum(each.low for each in givers), sum(each.low for each in receivers))
    to_total = min(sum(each.down for each in givers), sum(each.up for each in receivers))
    amount = from_total + draw_below(to_total - from_total + 1, total_draw)
    moves = {at: -part * unit for at, part in _spread(amount, givers, down=True).items()}
    return moves | {at: part * unit for at, part in _spread(amount, receivers, down=False).items()}


def _balance(movers: list[_Mover]) -> tuple[list[_Mover], list[_Mover]]:
    """Givers and receivers whose possible sums overlap, as many as a greedy choice finds.

    Those that can move one way only come first, then large before small, each to the side that has
    less. While the least sum of one side exceeds the most of the other, that side gives up the
    fewest members; who was given up may join again where it fits.
    """
    sides = _Sides()
    order = sorted(
        movers,
        key=lambda each: (min(each.down, each.up) >= each.low, -each.low, each.draw, each.at),
    )
    for mover in order:
        sides.join(mover)
    for mover in sides.settle():
        sides.rejoin(mover)
    return sides.givers, sides.receivers


class _Sides:
    """Both sides with the least and most each can move."""

    def __init__(self) -> None:
        self.givers: list[_Mover] = []
        self.receivers: list[_Mover] = []
        self.give = (0, 0)
        self.receive = (0, 0)

    def _add(self, mover: _Mover, *, gives: bool) -> None:
        if gives:
            self.givers.append(mover)
            self.give = (self.give[0] + mover.low, self.give[1] + mover.down)
        else:
            self.receivers.append(mover)
            self.receive = (self.receive[0] + mover.low, self.receive[1] + mover.up)

    def join(self, mover: _Mover) -> None:
        """Add to the side that has less, where both are open; by the draw where they are equal."""
        difference = sum(self.give) - sum(self.receive)
        prefers_giving = difference < 0 or (difference == 0 and mover.draw & 1 == 1)
        can_give, can_receive = mover.down >= mover.low, mover.up >= mover.low
        self._add(mover, gives=can_give and (prefers_giving or not can_receive))

    def settle(self) -> list[_Mover]:
        """Give up members until the sums overlap; returns them, smallest first."""
        self.givers.sort(key=_low)
        self.receivers.sort(key=_low)
        out: list[_Mover] = []
        while True:
            if self.give[0] > self.receive[1]:
                mover = _give_up(self.givers, self.give[0] - self.receive[1])
                self.give = (self.give[0] - mover.low, self.give[1] - mover.down)
            elif self.receive[0] > self.give[1]:
                mover = _give_up(self.receivers, self.receive[0] - self.give[1])
                self.receive = (self.receive[0] - mover.low, self.receive[1] - mover.up)
            else:
                break
            out.append(mover)
        return sorted(out, key=_low)

    def rejoin(self, mover: _Mover) -> None:
        """Add ``mover`` to a side on which the sums still overlap, if there is one."""
        if mover.down >= mover.low:
            low, high = self.give[0] + mover.low, self.give[1] + mover.down
            if low <= self.receive[1] and self.receive[0] <= high:
                self._add(mover, gives=True)
                return
        if mover.up >= mover.low:
            low, high = self.receive[0] + mover.low, self.receive[1] + mover.up
            if low <= self.give[1] and self.give[0] <= high:
                self._add(mover, gives=False)


def _low(mover: _Mover) -> tuple[int, int, int]:
    return mover.low, mover.draw, mover.at


def _give_up(side: list[_Mover], excess: int) -> _Mover:
    """The smallest member that settles the excess alone, else the largest (``side`` is sorted)."""
    index = bisect_left(side, excess, key=lambda each: each.low)
    return side.pop(min(index, len(side) - 1))


def _spread(amount: int, side: list[_Mover], *, down: bool) -> dict[int, int]:
    """``amount`` drawn over the members of one side, each within its own bounds."""
    ordered = sorted(side, key=lambda each: (each.draw, each.at))
    low_left = sum(each.low for each in ordered)
    high_left = sum(each.down if down else each.up for each in ordered)
    parts: dict[int, int] = {}
    for mover in ordered:
        high = mover.down if down else mover.up
        low_left -= mover.low
        high_left -= high
        from_part = max(mover.low, amount - high_left)
        to_part = min(high, amount - low_left)
        part = from_part + draw_below(to_part - from_part + 1, mover.draw)
        parts[mover.at] = part
        amount -= part
    check(amount == 0, "a side of the exchange must move the whole amount")
    return parts
