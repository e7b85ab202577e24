"""What can go wrong at the simulated venue, by name, and the draws that decide when it does.

A draw is a hash of (seed, kind, subject, instant): the same commands at the same times meet the
same faults, on any machine and after a crash. Knows nothing of orders, messages or connections.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from stretto.brokers.sim_market import draws
from stretto.core.errors import InvalidInput
from stretto.core.values import NS_PER_S, PPM

RATE_PPM = 50_000
ALL = "all"


class FaultKind(StrEnum):
    """One thing that goes wrong. The first block concerns what is said and when, the second is real
    and stands in the venue's books.
    """

    REQUEST_LOST = "request-lost"
    NO_ANSWER = "no-answer"
    ACKNOWLEDGEMENT_LOST = "acknowledgement-lost"
    REPORT_DELAYED = "report-delayed"
    REPORT_REORDERED = "report-reordered"
    REPORT_DUPLICATED = "report-duplicated"
    DUPLICATE_ANSWER = "duplicate-answer"
    PARTITION = "partition"
    HALF_OPEN = "half-open"
    VENUE_RESTART = "venue-restart"
    STALE_STATUS = "stale-status"
    STALE_VIEW = "stale-view"
    PARTIAL_VIEW = "partial-view"
    MISSING_SYMBOL = "missing-symbol"

    PARTIAL_FILL = "partial-fill"
    FILL_CANCEL_RACE = "fill-cancel-race"
    LATE_FILL = "late-fill"
    UNSOLICITED_CANCEL = "unsolicited-cancel"
    OVERFILL = "overfill"
    TRADE_BUST = "trade-bust"
    TRADE_CORRECTION = "trade-correction"
    VENUE_CLOSE = "venue-close"
    REQUOTE = "requote"
    CHANCE_REJECT = "chance-reject"
    RATE_LIMIT = "rate-limit"
    STOPS_WIDENED = "stops-widened"
    SUSPENSION = "suspension"
    MARGIN_CHANGE = "margin-change"
    SESSION_END = "session-end"


_K = FaultKind
GROUPS: dict[str, tuple[FaultKind, ...]] = {
    "timeout": (_K.NO_ANSWER, _K.REPORT_DELAYED),
    "lost": (_K.REQUEST_LOST, _K.ACKNOWLEDGEMENT_LOST),
    "duplicate": (_K.REPORT_DUPLICATED, _K.DUPLICATE_ANSWER),
    "reorder": (_K.REPORT_REORDERED,),
    "disconnect": (_K.PARTITION, _K.HALF_OPEN),
    "restart": (_K.VENUE_RESTART,),
    "stale": (_K.STALE_STATUS, _K.STALE_VIEW, _K.PARTIAL_VIEW, _K.MISSING_SYMBOL),
    "partial": (_K.PARTIAL_FILL,),
    "race": (_K.FILL_CANCEL_RACE, _K.LATE_FILL),
    "cancel": (_K.UNSOLICITED_CANCEL,),
    "overfill": (_K.OVERFILL,),
    "bust": (_K.TRADE_BUST, _K.TRADE_CORRECTION),
    "close": (_K.VENUE_CLOSE,),
    "requote": (_K.REQUOTE,),
    "reject": (_K.CHANCE_REJECT,),
    "ratelimit": (_K.RATE_LIMIT,),
    "stops": (_K.STOPS_WIDENED,),
    "suspend": (_K.SUSPENSION,),
    "margin": (_K.MARGIN_CHANGE,),
    "session": (_K.SESSION_END,),
}
"""Names that stand for several kinds, or say one shortly; each kind has its own name besides."""


class FaultPlan(Struct, frozen=True, kw_only=True):
    """Which faults occur, each in ``rate_ppm`` of its occasions. ``heals_at`` (ns UTC): from then
    on no fault begins, and what began has ended; None: never. Raises InvalidInput.
    """

    kinds: tuple[FaultKind, ...]
    rate_ppm: int = RATE_PPM
    seed: str = ""
    heals_at: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate_ppm <= PPM:
            raise InvalidInput("fault plan.rate_ppm", f"{self.rate_ppm}", "0 to 1,000,000")


class Fault(Struct, frozen=True, kw_only=True):
    """A fault that occurred, and to what: an order, account, symbol or message."""

    at: int
    kind: FaultKind
    subject: str


def kinds_named(names: Iterable[str], place: str = "--faults") -> tuple[FaultKind, ...]:
    """The kinds that names of groups and kinds stand for, in the order of their declaration. Raises
    InvalidInput, naming ``place``.
    """
    found: set[FaultKind] = set()
    known = {kind.value: (kind,) for kind in FaultKind} | GROUPS | {ALL: tuple(FaultKind)}
    for name in names:
        if name not in known:
            offered = ", ".join((ALL, *GROUPS))
            raise InvalidInput(place, f"there is no fault {name!r}", f"of {offered}, or one kind")
        found.update(known[name])
    return tuple(kind for kind in FaultKind if kind in found)


class Faults:
    """Decides when the faults of one venue occur, and keeps what did."""

    def __init__(self, plan: FaultPlan, seed: str) -> None:
        self.occurred: list[Fault] = []
        self._kinds = frozenset(plan.kinds)
        self._rate = plan.rate_ppm
        self._seed = f"{seed}:{plan.seed}"
        self._heals_at = plan.heals_at

    def strikes(self, kind: FaultKind, subject: str, at: int) -> tuple[int, ...] | None:
        """Seven further draws where the fault occurs to the subject at this instant, else None."""
        if kind not in self._kinds or (self._heals_at is not None and at >= self._heals_at):
            return None
        first, *further = draws("fault", self._seed, kind.value, subject, str(at))
        if first * PPM >> 64 >= self._rate:
            return None
        self.occurred.append(Fault(at=at, kind=kind, subject=subject))
        return tuple(further)

    def until(self, at: int, least_s: float, most_s: float, draw: int) -> int:
        """An instant so long after ``at``, no later than everything is healed."""
        least, most = round(least_s * NS_PER_S), round(most_s * NS_PER_S)
        drawn = at + least + ((most - least) * draw >> 64)
        return drawn if self._heals_at is None else min(drawn, max(at, self._heals_at))


def share(quantity_steps: int, least_percent: int, most_percent: int, draw: int) -> int:
    """A drawn share of a number of steps, at least one."""
    percent = least_percent + ((most_percent - least_percent + 1) * draw >> 64)
    return max(1, quantity_steps * percent // 100)
