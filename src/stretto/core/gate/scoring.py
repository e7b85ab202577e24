"""The five factors of an account's score and the order they give (DESIGN §4.3).

All in integers of 1e-6. No factor falls as its account gets better off. Must not know whether an
account is eligible, nor how correlations come about.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from stretto.core.gate.risk import Room
from stretto.core.gate.trade import AccountView, Trade, TradeContext
from stretto.core.limits import (
    DRAWDOWN_FREE,
    DRAWDOWN_HIGH,
    DRAWDOWN_SCORE_ABOVE,
    DRAWDOWN_SCORE_AT_HIGH,
    HEALTH_DRAWDOWN,
    HEALTH_FRESHNESS,
    HEALTH_LATENCY,
    HEALTH_RELIABILITY,
    LATENCY_HALF_NS,
    PERFORMANCE_PRIOR_TRADES,
    ROTATION_WINDOW_NS,
    SCORE_BAND,
    STATE_AGE_HALF_NS,
)
from stretto.core.terms.account import AccountSnapshot, Ledger
from stretto.core.terms.plan import Factors
from stretto.core.values import PPM

_HALF = PPM // 2
_PPM = Decimal(PPM)
_LATENCY_NUMERATOR = PPM * LATENCY_HALF_NS
_STATE_AGE_NUMERATOR = PPM * STATE_AGE_HALF_NS
_new = tuple.__new__

INPUTS = (
    "account_snapshot",
    "drawdown_use",
    "reliability",
    "acknowledgement_latency",
    "hit_rate",
    "shortfall",
    "correlation",
)
"""What a score rests on. Defaulted are: without a snapshot everything of it; without a loss limit
or its anchor the use of it (none); without a submit reliability and latency (best); without a
closed trade hit rate and shortfall (0.5); without bars the correlation (as the caller gives it).
"""


class Medians(NamedTuple):
    """The book's median hit rate (1e-6) and mean shortfall per trade (1e-6 pips)."""

    hit_rate: int
    shortfall: int


class Record(NamedTuple):
    """An account's closed trades: number, hit rate (1e-6) and mean shortfall (1e-6 pips)."""

    trades: int
    hit_rate: int
    shortfall: int


class Steady(NamedTuple):
    """What of a score follows from ledger, snapshot and room alone. ``health``: its parts but
    freshness, in 1e-9; ``observed``: how many of ``INPUTS`` but correlation; ``record``: None
    without a closed trade; ``of_ledger``: what of health and observed follows from the ledger.
    """

    health: int
    observed: int
    record: Record | None
    of_ledger: tuple[int, int]


class BaseScore(NamedTuple):
    """The four factors that need no correlation (1e-6), their weighted sum in 1e-12, and how many
    of ``INPUTS`` but correlation were observed.
    """

    margin: int
    risk_budget: int
    health: int
    performance: int
    weighted: int
    observed: int


def score(
    view: AccountView,
    trade: Trade,
    room: Room,
    medians: Medians,
    correlation_score: int,
    context: TradeContext,
    *,
    correlation_observed: bool = True,
) -> tuple[Factors, int, int]:
    """The factors, the total and the selection confidence of one account, each in [0, 1e6]."""
    base = base_score(view, trade, room, medians, context)
    return complete(base, correlation_score, context, correlation_observed=correlation_observed)


def base_score(
    view: AccountView,
    trade: Trade,
    room: Room,
    medians: Medians,
    context: TradeContext,
    parts: Steady | None = None,
) -> BaseScore:
    """All but correlation: what chooses the candidates that are correlated. ``parts``: those of
    ``steady``, where they are at hand.
    """
    snapshot = view.snapshot
    if parts is None:
        parts = steady(view.ledger, snapshot, room)
    margin = margin_score(view, trade, room, context.margin_level_min_ppm)
    budget = risk_budget_score(trade, room)
    health = parts.health + HEALTH_FRESHNESS * _freshness(snapshot, context.at)
    venues = context.venue_reliability
    if venues:
        health -= HEALTH_RELIABILITY * _worse_at_venue(view, venues)
    health //= 1_000
    record = parts.record
    performance = _HALF if record is None else _performance(record, medians)
    weights = context.weights
    weighted = (
        weights[0] * margin + weights[1] * budget + weights[2] * health + weights[3] * performance
    )
    return _new(BaseScore, (margin, budget, health, performance, weighted, parts.observed))


def steady(
    ledger: Ledger, snapshot: AccountSnapshot | None, room: Room, before: Steady | None = None
) -> Steady:
    """The parts of a score that no signal and no passing of time moves. ``before``: those of the
    same ledger with another snapshot, where they are at hand.
    """
    if before is None:
        latency = _LATENCY_NUMERATOR // (LATENCY_HALF_NS + ledger.acknowledge_p95_ns)
        of_ledger = (
            HEALTH_RELIABILITY * ledger.reliability + HEALTH_LATENCY * latency,
            (ledger.submits > 0) + (ledger.acknowledge_p95_ns > 0) + 2 * (ledger.trades > 0),
        )
        record = record_of(ledger)
    else:
        of_ledger, record = before.of_ledger, before.record
    use = room.drawdown_use
    drawdown = PPM if use is None or use <= DRAWDOWN_FREE else drawdown_score(use)
    health = HEALTH_DRAWDOWN * drawdown + of_ledger[0]
    observed = (snapshot is not None) + (use is not None) + of_ledger[1]
    return _new(Steady, (health, observed, record, of_ledger))


def complete(
    base: BaseScore,
    correlation_score: int,
    context: TradeContext,
    *,
    correlation_observed: bool = True,
) -> tuple[Factors, int, int]:
    """The factors, the total and the confidence, once the correlation is known."""
    factors = Factors(
        margin_score=base.margin,
        risk_budget_score=base.risk_budget,
        health_score=base.health,
        performance_score=base.performance,
        correlation_score=correlation_score,
    )
    total = total_score(base, correlation_score, context)
    return factors, total, total * (base.observed + correlation_observed) // len(INPUTS)


def total_score(base: BaseScore, correlation_score: int, context: TradeContext) -> int:
    """The weighted mean of the five factors, 1e-6, rounded down."""
    weights = context.weights
    return (base.weighted + weights[4] * correlation_score) // weights[5]


def margin_score(view: AccountView, trade: Trade, room: Room, margin_level_min_ppm: Decimal) -> int:
    """clamp(1 - 1.2 (used + reserved + required) / equity); 0 where equity <= 0 or the margin is
    unknown. 1.2 is the policy's smallest margin level, so that the score ends where the gate does.
    """
    snapshot, required = view.snapshot, trade.margin
    if snapshot is None or required is None or snapshot.equity <= 0:
        return 0
    margin = room.margin_committed + required
    value = PPM - int(margin_level_min_ppm * margin / snapshot.equity)
    return 0 if value < 0 else PPM if value > PPM else value


def risk_budget_score(trade: Trade, room: Room) -> int:
    """clamp(1 - risk / room); 1 where there is no limit, 0 where there is no room or the risk is
    unknown.
    """
    smallest = room.smallest
    if smallest is None:
        return PPM
    if trade.risk is None or smallest <= 0:
        return 0
    value = PPM - int(trade.risk * _PPM / smallest)
    return 0 if value < 0 else value


def _worse_at_venue(view: AccountView, venues: Mapping[str, int]) -> int:
    """By how much the account's venue is less reliable than the account itself, 1e-6: of the two
    the smaller counts (DESIGN §4.9: statistics per venue and account feed health).
    """
    at_venue = venues.get(view.account.venue, PPM)
    return max(0, view.ledger.reliability - at_venue)


def health_score(ledger: Ledger, snapshot: AccountSnapshot | None, room: Room, at_ns: int) -> int:
    """0.4 drawdown use + 0.3 reliability + 0.2 latency + 0.1 freshness of the account's state; at a
    venue without failures (see ``base_score``).

    Latency and age fall as half / (half + value): 1 at 0, a half at 1 s and at 60 s, never 0.
    """
    parts = steady(ledger, snapshot, room)
    return (parts.health + HEALTH_FRESHNESS * _freshness(snapshot, at_ns)) // 1_000


def _freshness(snapshot: AccountSnapshot | None, at_ns: int) -> int:
    if snapshot is None:
        return 0
    age = at_ns - snapshot.at
    return _STATE_AGE_NUMERATOR // (STATE_AGE_HALF_NS + age) if age > 0 else PPM


def drawdown_score(use: int) -> int:
    """1 up to 50 % of the limit, falling to 0.4 at 80 %, 0.1 above; ``use`` in 1e-6."""
    if use <= DRAWDOWN_FREE:
        return PPM
    if use > DRAWDOWN_HIGH:
        return DRAWDOWN_SCORE_ABOVE
    fall = (PPM - DRAWDOWN_SCORE_AT_HIGH) * (use - DRAWDOWN_FREE)
    return PPM - fall // (DRAWDOWN_HIGH - DRAWDOWN_FREE)


def performance_score(ledger: Ledger, medians: Medians) -> int:
    """Mean of two parts, shrunk to 0.5 with the weight of 20 trades.

    Hit rate: 0.5 + (own - median) / 2. Shortfall: clamp(0.5 + (median - own) / 2 scale), scale the
    larger of 1 pip and the median's size, so that a book's own level of cost sets the measure.
    """
    record = record_of(ledger)
    return _HALF if record is None else _performance(record, medians)


def _performance(record: Record, medians: Medians) -> int:
    hit = (PPM + record.hit_rate - medians.hit_rate) // 2
    median = medians.shortfall
    scale = median if median > PPM else -median if median < -PPM else PPM
    cost = (PPM + (median - record.shortfall) * PPM // scale) // 2
    cost = 0 if cost < 0 else PPM if cost > PPM else cost
    raw = (hit + cost) // 2
    prior, trades = PERFORMANCE_PRIOR_TRADES, record.trades
    return (trades * raw + prior * _HALF) // (trades + prior)


def record_of(ledger: Ledger) -> Record | None:
    """The record of an account's closed trades; None where there is none."""
    trades = ledger.trades
    if trades <= 0:
        return None
    return Record(trades, PPM * ledger.hits // trades, _shortfall(ledger))


def medians(ledgers: Iterable[Ledger]) -> Medians:
    """``medians_of`` the records of these accounts."""
    return medians_of(record_of(ledger) for ledger in ledgers)


def medians_of(records: Iterable[Record | None]) -> Medians:
    """Of the accounts with a closed trade; 0.5 and 0 where there is none. Of an even number, the
    mean of the middle two, rounded down.
    """
    traded = [record for record in records if record is not None]
    if not traded:
        return Medians(_HALF, 0)
    return Medians(
        _median([record.hit_rate for record in traded]),
        _median([record.shortfall for record in traded]),
    )


def executions_given(ledger: Ledger, at_ns: int) -> int:
    """Executions of the last 30 days; ``ledger.load`` holds their times in ascending order."""
    load = ledger.load
    return len(load) - bisect_right(load, at_ns - ROTATION_WINDOW_NS) if load else 0


def fair_share(ledgers: Sequence[Ledger], at_ns: int) -> int:
    """Executions of the last 30 days for each account of the book, 1e-6; 0 for an empty book."""
    return fair_share_of([executions_given(ledger, at_ns) for ledger in ledgers])


def fair_share_of(given: Sequence[int]) -> int:
    """The mean of what accounts were given, 1e-6; 0 where there is none."""
    return sum(given) * PPM // len(given) if given else 0


def rotation(ledger: Ledger, at_ns: int, fair: int) -> int:
    """Executions of the last 30 days above (below: negative) the fair share, 1e-6."""
    return executions_given(ledger, at_ns) * PPM - fair


def order_key(total: int, rotation_ppm: int, account_id: str) -> tuple[int, int, str]:
    """Sorts best first: band of 0.02 of the score, then furthest below its fair share, then id."""
    return (-(total // SCORE_BAND), rotation_ppm, account_id)


def _shortfall(ledger: Ledger) -> int:
    total: Decimal = ledger.shortfall_pips_sum
    return int(total * _PPM) // ledger.trades if total else 0


def _median(values: list[int]) -> int:
    values.sort()
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle]
    return (values[middle - 1] + values[middle]) // 2
