"""Staggered release of entries: when each account's first order goes out (DESIGN §4.6).

The stagger limits same-instant venue drops, rate-limit bursts and market impact, and is stated in
the journal as such. Knows accounts only by id and pace; must not know sizes, orders, brokers or
the clock. All times are integer nanoseconds, all ratios integers in 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from math import isqrt
from operator import attrgetter

from msgspec import Struct

from stretto.core.errors import check
from stretto.core.limits import (
    COMPRESSED_GAP_NS_MIN,
    DELAY_CV_MIN,
    DELAY_MAX_NS,
    DELAY_MIN_NS,
    DELAY_REDRAWS_MAX,
    DISPATCH_WINDOW_NS,
    GAP_MAX_NS,
    PACE_MAX,
    PACE_MIN,
    URGENCY_FACTOR_MIN,
)
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.times.spacing import Occupied
from stretto.core.values import NS_PER_MS, NS_PER_S, PPM, ZERO, draw, plain, ratio_ppm

SPAN_NS = DELAY_MAX_NS - DELAY_MIN_NS
_DRAW_BITS = 64
_DELAY = attrgetter("delay_ns")


class Bucket(StrEnum):
    """Which part of the delay distribution a draw fell in, before market urgency and pace."""

    NONE = "none"
    SHORT = "1-5 s"
    MIDDLE = "5-15 s"
    LONG = "15-30 s"


# (share in tenths, bucket, from, to): 10 % [1, 5), 60 % [5, 15), 30 % [15, 30) s.
_BUCKETS = (
    (1, Bucket.SHORT, DELAY_MIN_NS, 5 * NS_PER_S),
    (6, Bucket.MIDDLE, 5 * NS_PER_S, 15 * NS_PER_S),
    (3, Bucket.LONG, 15 * NS_PER_S, DELAY_MAX_NS),
)
_TENTHS = tuple(
    (first, share, bucket, start, end - start)
    for first, (share, bucket, start, end) in zip((0, 1, 7), _BUCKETS, strict=True)
    for _ in range(share)
)
check(len(_TENTHS) == 10, "the bucket shares must sum to one")


class ReleaseRequest(Struct, frozen=True, kw_only=True, gc=False):
    """One account that takes part. ``pace_ppm`` multiplies its delay: 0.5 is brisk, 2 is slow."""

    account_id: str
    pace_ppm: int = PPM


class Release(Struct, frozen=True, kw_only=True, gc=False):
    """When one account's first order goes out, and how that came about.

    ``raw_ns`` is the draw inside its bucket; ``drawn_ns`` the same after market urgency, pace,
    clamp and validity; ``moved_ns`` (signed) what spacing added, so that
    ``delay_ns = drawn_ns + moved_ns``.
    The window [release_at, window_end] binds the first dispatch; the signal's own expiry is
    checked again there.
    """

    account_id: str
    delay_ns: int
    release_at: int
    window_end: int
    bucket: Bucket
    raw_ns: int
    market_urgency_ppm: int
    pace_ppm: int
    drawn_ns: int
    moved_ns: int

    @property
    def rationale(self) -> str:
        """The delay explained in one sentence, from the numbers alone."""
        if self.bucket is Bucket.NONE:
            return "urgency immediate: sent at once, no delay and no spacing"
        return (
            f"drew {_seconds(self.raw_ns)} s in {self.bucket.value}, "
            f"× market urgency {_fraction(self.market_urgency_ppm)} "
            f"× pace {_fraction(self.pace_ppm)}, within the window {_seconds(self.drawn_ns)} s, "
            f"moved {_seconds(self.moved_ns, '+')} s to keep the gap"
        )


class Timing(Struct, frozen=True, kw_only=True):
    """Releases in the order they go out, with what they were held against.

    ``window_ns`` is the length of the delay window (29 s unless validity cuts it), ``cv_ppm`` the
    coefficient of variation that was judged (0 for an immediate or a single release).
    """

    releases: tuple[Release, ...]
    nonce: int
    cv_ppm: int
    gap_ns: int
    pending: int
    window_ns: int
    immediate: bool


def release_times(
    requests: Sequence[ReleaseRequest],
    *,
    book_key: str,
    execution_id: str,
    approved_at_ns: int,
    pending_ns: Sequence[int] = (),
    market_urgency_ppm: int = PPM,
    immediate: bool = False,
    valid_until_ns: int | None = None,
    purpose: str = "delay",
) -> Timing | Refusal:
    """Spread the first dispatches over 1–30 s after approval; the same for any order of requests.

    ``pending_ns``: instants of all other dispatches pending in this symbol in the book, any order.
    Where ``valid_until_ns`` comes sooner than 30 s, the distribution is compressed into
    [1 s, valid_until - approved) and the gap with it, down to 1 ms. Another ``purpose`` draws anew.

    Refusals: ``validity_too_short``, ``TimingPatternDetected``. Raises InvariantViolated on a
    repeated account, or on a pace or urgency outside its bounds. Source: DESIGN §4.6.
    """
    _check_requests(requests, market_urgency_ppm)
    remaining_ns = DELAY_MAX_NS if valid_until_ns is None else valid_until_ns - approved_at_ns
    if immediate:
        return _immediate(requests, approved_at_ns, remaining_ns, len(pending_ns))
    dispatches = len(requests) + len(pending_ns)
    window_ns = min(SPAN_NS, remaining_ns - DELAY_MIN_NS)
    slots, full_gap_ns = 2 * max(dispatches, 1), gap_ns_of(dispatches)
    gap_ns = min(full_gap_ns, window_ns // slots)
    gap_needed_ns = min(full_gap_ns, COMPRESSED_GAP_NS_MIN)
    if gap_ns < gap_needed_ns:
        return _ends_after_validity(remaining_ns, DELAY_MIN_NS + slots * gap_needed_ns)

    occupied = Occupied.of(
        (at - approved_at_ns for at in pending_ns), gap_ns, DELAY_MIN_NS, DELAY_MIN_NS + window_ns
    )
    best_cv_ppm, seed = 0, (book_key, execution_id, purpose)
    for nonce in range(DELAY_REDRAWS_MAX + 1):
        releases = _place(
            _drawn(requests, seed, market_urgency_ppm, window_ns, nonce),
            occupied.copy(),
            approved_at_ns,
            market_urgency_ppm,
        )
        stretched = [release.delay_ns for release in releases]
        if window_ns < SPAN_NS:
            stretched = [_stretched(delay_ns, window_ns) for delay_ns in stretched]
        cv_ppm = coefficient_of_variation_ppm(stretched)
        best_cv_ppm = max(best_cv_ppm, cv_ppm)
        if len(releases) < 3 or cv_ppm >= DELAY_CV_MIN:
            return Timing(
                releases=releases,
                nonce=nonce,
                cv_ppm=cv_ppm,
                gap_ns=gap_ns,
                pending=len(pending_ns),
                window_ns=window_ns,
                immediate=False,
            )
    return Refusal(
        rule=Rule.TIMING_PATTERN_DETECTED,
        compared={
            "coefficient_of_variation_ppm": str(best_cv_ppm),
            "coefficient_of_variation_min_ppm": str(DELAY_CV_MIN),
            "attempts": str(DELAY_REDRAWS_MAX + 1),
            "pending": str(len(pending_ns)),
        },
        would_pass=f"the same plan once some of {len(pending_ns)} pending dispatches have gone out",
    )


def gap_ns_of(dispatches: int) -> int:
    """The gap, ns, that so many dispatches of one symbol keep: min(1 s, 29 s / 2m), DESIGN §4.6."""
    return min(GAP_MAX_NS, SPAN_NS // (2 * max(dispatches, 1)))


def _check_requests(requests: Sequence[ReleaseRequest], market_urgency_ppm: int) -> None:
    check(
        len({request.account_id for request in requests}) == len(requests),
        "an account is released once per execution",
    )
    check(
        URGENCY_FACTOR_MIN <= market_urgency_ppm <= PPM,
        f"market urgency {market_urgency_ppm} is outside [{URGENCY_FACTOR_MIN}, {PPM}]",
    )
    paces = [request.pace_ppm for request in requests] or [PPM]
    check(
        min(paces) >= PACE_MIN and max(paces) <= PACE_MAX,
        f"paces {min(paces)} to {max(paces)} leave [{PACE_MIN}, {PACE_MAX}]",
    )


def _immediate(
    requests: Sequence[ReleaseRequest], approved_at_ns: int, remaining_ns: int, pending: int
) -> Timing | Refusal:
    if remaining_ns <= 0:
        return _ends_after_validity(remaining_ns, 1)
    releases = tuple(
        Release(
            account_id=request.account_id,
            delay_ns=0,
            release_at=approved_at_ns,
            window_end=approved_at_ns + DISPATCH_WINDOW_NS,
            bucket=Bucket.NONE,
            raw_ns=0,
            market_urgency_ppm=PPM,
            pace_ppm=request.pace_ppm,
            drawn_ns=0,
            moved_ns=0,
        )
        for request in sorted(requests, key=lambda request: request.account_id)
    )
    return Timing(
        releases=releases,
        nonce=0,
        cv_ppm=0,
        gap_ns=0,
        pending=pending,
        window_ns=0,
        immediate=True,
    )


def _ends_after_validity(remaining_ns: int, needed_ns: int) -> Refusal:
    return Refusal(
        rule=Rule.VALIDITY_TOO_SHORT,
        compared={"validity_left_ns": str(remaining_ns), "validity_needed_ns": str(needed_ns)},
        would_pass=f"valid_until later by {plain(Decimal(needed_ns - remaining_ns).scaleb(-9))} s",
    )


# (drawn_ns, account_id, raw_ns, bucket, pace_ppm): sorted, it is the order of placing.
_Draw = tuple[int, str, int, Bucket, int]


def _drawn(
    requests: Sequence[ReleaseRequest],
    seed: tuple[str, str, str],
    market_urgency_ppm: int,
    window_ns: int,
    nonce: int,
) -> list[_Draw]:
    draws: list[_Draw] = []
    last_ns, whole = DELAY_MAX_NS - 1, PPM * PPM
    book_key, execution_id, purpose = seed
    for request in requests:
        bucket, raw_ns = delay_from_draw(
            draw(book_key, execution_id, request.account_id, purpose, nonce)
        )
        scaled_ns = raw_ns * (market_urgency_ppm * request.pace_ppm) // whole
        drawn_ns = min(max(scaled_ns, DELAY_MIN_NS), last_ns)
        if window_ns < SPAN_NS:
            drawn_ns = DELAY_MIN_NS + (drawn_ns - DELAY_MIN_NS) * window_ns // SPAN_NS
        draws.append((drawn_ns, request.account_id, raw_ns, bucket, request.pace_ppm))
    draws.sort()  # account ids are unique: ties never reach the bucket
    return draws


def delay_from_draw(draw_64: int) -> tuple[Bucket, int]:
    """Bucket and delay (ns in [1, 30) s) of one draw in [0, 2**64), by inverse transform."""
    scaled = draw_64 * 10
    tenth = scaled >> _DRAW_BITS
    first, share, bucket, start_ns, width_ns = _TENTHS[tenth]
    within = scaled - (first << _DRAW_BITS)
    return bucket, start_ns + (within * width_ns // share >> _DRAW_BITS)


def _place(
    draws: list[_Draw], occupied: Occupied, approved_at_ns: int, market_urgency_ppm: int
) -> tuple[Release, ...]:
    releases: list[Release] = []
    for drawn_ns, account_id, raw_ns, bucket, pace_ppm in draws:
        delay_ns = occupied.take_nearest(drawn_ns)
        release_at = approved_at_ns + delay_ns
        releases.append(
            Release(
                account_id=account_id,
                delay_ns=delay_ns,
                release_at=release_at,
                window_end=release_at + DISPATCH_WINDOW_NS,
                bucket=bucket,
                raw_ns=raw_ns,
                market_urgency_ppm=market_urgency_ppm,
                pace_ppm=pace_ppm,
                drawn_ns=drawn_ns,
                moved_ns=delay_ns - drawn_ns,
            )
        )
    releases.sort(key=_DELAY)
    return tuple(releases)


def _stretched(delay_ns: int, window_ns: int) -> int:
    """A delay of a compressed window put back on the full one, times ``window_ns``.

    The fixed first second would otherwise dominate the mean of a short window and make any draw
    look like a pattern.
    """
    return DELAY_MIN_NS * window_ns + (delay_ns - DELAY_MIN_NS) * SPAN_NS


def coefficient_of_variation_ppm(values: Sequence[int]) -> int:
    """Population standard deviation over mean in 1e-6, rounded down; 0 where the mean is ≤ 0.

    Integer square root of an integer quotient: comparing it with a whole bound is exact, as
    variance · 25 ≥ mean² is for 0.2.
    """
    total = sum(values)
    if total <= 0:
        return 0
    spread = len(values) * sum(value * value for value in values) - total * total
    return isqrt(spread * PPM * PPM // (total * total))


def market_urgency_ppm(
    volatility_ppm: int, volatility_median_ppm: int, spread: Decimal, spread_median: Decimal
) -> int:
    """Factor on all delays in [250_000, 1_000_000]: 1 in a market at or below its medians.

    With v = volatility and s = spread over their medians, each at least 1:
    factor = 1 / (v + (s − 1) / 2), rounded down. It never rises with volatility or spread.

    Volatility: Almgren & Chriss, "Optimal execution of portfolio transactions" (2000), §2.3, give
    the half-life of a trade as 1/κ with κ ≈ √(λσ²/η): the time worth waiting falls as 1/σ. Spread
    is not in their κ; it counts at half weight, as a second sign of how fast the market may move
    away. An unknown median (≤ 0) says nothing and counts as 1.
    """
    over_volatility = PPM
    if volatility_median_ppm > 0:
        over_volatility = max(PPM, volatility_ppm * PPM // volatility_median_ppm)
    over_spread = PPM
    if spread_median > ZERO and spread > spread_median:
        over_spread = max(PPM, ratio_ppm(spread, spread_median))
    pressure = over_volatility + (over_spread - PPM) // 2
    return max(URGENCY_FACTOR_MIN, PPM * PPM // pressure)


def _seconds(ns: int, sign: str = "-") -> str:
    """Nanoseconds as seconds with millisecond resolution, rounded toward zero."""
    whole, rest = divmod(abs(ns) // NS_PER_MS, 1_000)
    mark = "-" if ns < 0 else "+" if sign == "+" else ""
    return f"{mark}{whole}.{rest:03d}"


def _fraction(ppm: int) -> str:
    return f"{ppm // PPM}.{ppm % PPM:06d}".rstrip("0").rstrip(".")
