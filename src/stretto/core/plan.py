"""The plan: selection + allocation + timing + the reasons, before anything is sent (DESIGN §2).

Data only: every factor of every candidate, every refusal, the alternatives, the seeds. Scores,
ratios and correlations are integers in 1e-6; sizes base units; times ns UTC.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.market import Quote
from stretto.core.refusal import Refusal
from stretto.core.signal import Signal
from stretto.core.values import PPM


class Factors(msgspec.Struct, frozen=True, kw_only=True):
    """The five factors of DESIGN §4.3, each in [0, 1e6]."""

    margin_score: int
    risk_budget_score: int
    health_score: int
    performance_score: int
    correlation_score: int


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
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


class PlannedAllocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided about one signal; ``refused`` is the plan-level "no", if any.

    ``reads_seq`` maps the name of each journaled input the decision rests on to its sequence number
    (see ``citing``).
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

    @property
    def intended(self) -> Decimal:
        """Base units over all allocations."""
        return sum((a.position_size for a in self.allocations), Decimal(0))
