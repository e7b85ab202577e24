"""The plan: selection + allocation + timing + the reasons, before anything is sent (DESIGN §2).

Data only: every factor of every candidate, every refusal, the alternatives, the seeds. Scores,
ratios and correlations are integers in 1e-6; sizes base units; times ns UTC.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.terms.market import Quote
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Signal
from stretto.core.values import PPM, ppm_text


class Factors(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The five factors of DESIGN §4.3, each in [0, 1e6]."""

    margin_score: int
    risk_budget_score: int
    health_score: int
    performance_score: int
    correlation_score: int


class Candidate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An account that passed eligibility, with all that its place in the order came from."""

    account_id: str
    rank: int
    total_score: int
    factors: Factors
    selection_confidence: int
    rotation: int
    base_size: Decimal
    position_size: Decimal
    variance_applied: int
    size_rationale: str
    required_margin: Decimal
    risk: Decimal
    selected: bool = False
    day_anchor_assumed: bool = False


class PlannedAllocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One account's share. ``variance_applied`` signed 1e-6; ``margin`` and ``risk`` in account
    currency are what is reserved; ``drawn_ns`` is the delay before it was moved to keep the gap.
    ``size_factor``, ``pace`` and ``aggression`` are those of the account's profile, 1e-6.
    """

    account_id: str
    base_size: Decimal
    position_size: Decimal
    variance_applied: int
    size_rationale: str
    execution_priority: int
    delay_ns: int
    drawn_ns: int
    release_at: int
    window_end: int
    timing_rationale: str
    margin: Decimal
    risk: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    size_factor: int = PPM
    pace: int = PPM
    aggression: int = PPM


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two accounts and their correlation: before the trade, projected, and historical (1e-6)."""

    first: str
    second: str
    before: int
    projected: int
    historical: int | None = None


class CorrelationAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """``expected_correlation`` is the largest |projected| between any two selected accounts."""

    is_viable: bool
    expected_correlation: int
    threshold: int
    suggested_accounts: tuple[str, ...]
    pairs: tuple[Pair, ...]
    analysed: int
    score: int
    bound: int
    nodes: int
    proven: bool
    resize_hint: str = ""


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts that passed the gate but stand behind the best ``places_max`` and are not
    correlated: best first, column by column, their scores in 1e-6. ``score`` is without
    correlation; the account at ``i`` has place ``places_max + 1 + i``.
    """

    places_max: int
    account_id: tuple[str, ...]
    score: tuple[int, ...]
    margin_score: tuple[int, ...]
    risk_budget_score: tuple[int, ...]
    health_score: tuple[int, ...]
    performance_score: tuple[int, ...]

    def refusals(self) -> list[Refusal]:
        """Each as a refusal, with its texts: they are made for a reader, not for the plan."""
        columns = (
            self.score,
            self.margin_score,
            self.risk_budget_score,
            self.health_score,
            self.performance_score,
        )
        rows = zip(self.account_id, *columns, strict=True)
        return [
            Refusal(
                rule=Rule.BEYOND_CANDIDATES,
                account_id=account_id,
                compared={
                    "place": str(place),
                    "places_max": str(self.places_max),
                    "score_without_correlation": ppm_text(score),
                    "margin_score": ppm_text(margin),
                    "risk_budget_score": ppm_text(budget),
                    "health_score": ppm_text(health),
                    "performance_score": ppm_text(performance),
                },
                would_pass=f"one of the {self.places_max} best places",
            )
            for place, (account_id, score, margin, budget, health, performance) in enumerate(
                rows, self.places_max + 1
            )
        ]


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided about one signal; ``refused`` is the plan-level "no", if any. ``beyond``
    holds further refusals of accounts, compactly: ``every_refusal`` has them all.

    ``reads_seq`` maps the name of each journaled input the decision rests on to its sequence number
    (see ``citing``). ``closes`` names the execution whose positions an exit closes.
    ``venue_reliability`` (1e-6) is that of venues that failed lately: of an account's own and its
    venue's, the smaller is in its health.
    """

    execution_id: str
    signal: Signal
    decided_at: int
    quote: Quote | None
    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...]
    allocations: tuple[PlannedAllocation, ...]
    alternatives: tuple[str, ...]
    correlation: CorrelationAnalysis | None
    market_urgency: int = 0
    timing_nonce: int = 0
    timing_cv: int = 0
    timing_gap_ns: int = 0
    book_key: str = ""
    policy_id: str = ""
    reads_seq: dict[str, int] = msgspec.field(default_factory=dict)
    refused: Refusal | None = None
    awaits: tuple[str, ...] = ()
    closes: str = ""
    beyond: Beyond | None = None
    venue_reliability: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def every_refusal(self) -> tuple[Refusal, ...]:
        """The refusals of all accounts."""
        if self.beyond is None:
            return self.refusals
        return (*self.refusals, *self.beyond.refusals())

    @property
    def refused_accounts(self) -> int:
        """How many refusals ``every_refusal`` has."""
        return len(self.refusals) + (len(self.beyond.account_id) if self.beyond else 0)

    @property
    def intended(self) -> Decimal:
        """Base units over all allocations."""
        return sum((a.position_size for a in self.allocations), Decimal(0))
