"""The coordinator's settings and the firms' rulebooks, as data; one book's whole configuration.

Defaults are those of DESIGN (see ``core.limits``). Knows nothing of how any of it is applied.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from stretto.core import limits
from stretto.core.terms.account import Account
from stretto.core.terms.failure import FailureTable
from stretto.core.terms.market import Instrument
from stretto.core.terms.venue import VenueCapabilities


class Permission(StrEnum):
    """Answer of a firm's rule; unknown means no (DESIGN §1.6)."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


class Anchor(StrEnum):
    """What a loss limit is measured from at its reset."""

    BALANCE = "balance"
    EQUITY = "equity"
    HIGHER = "higher"


class Trailing(StrEnum):
    """How the anchor of an overall limit moves."""

    STATIC = "static"
    INTRADAY = "intraday"
    END_OF_DAY = "end_of_day"


class LossLimit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A loss limit: ``amount`` in account currency, or ``percent`` of ``percent_of``; the floor is
    anchor - limit (FTMO: day-start balance - 5 % of initial).
    """

    amount: Decimal | None = None
    percent: Decimal | None = None
    percent_of: str = "initial"
    anchor: Anchor = Anchor.BALANCE
    trailing: Trailing = Trailing.STATIC
    locks_at_initial: bool = False
    clause: str = ""


class Rulebook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A firm's rules for one programme and phase, with source and date. ``day_reset`` is the local
    time (HH:MM) in ``day_zone`` at which the firm's trading day starts. ``None``: no such limit.
    """

    rulebook_id: str
    firm: str
    programme: str
    phase: str
    version: str
    source: str
    as_of: str
    day_reset: str = "00:00"
    day_zone: str = "UTC"
    daily_loss: LossLimit | None = None
    overall_loss: LossLimit | None = None
    risk_per_trade_percent: Decimal | None = None
    positions_max: int | None = None
    orders_per_day_max: int | None = None
    quantity_max: Decimal | None = None
    stop_required: bool = False
    automation: Permission = Permission.UNKNOWN
    copy_within_owner: Permission = Permission.UNKNOWN
    copy_between_owners: Permission = Permission.UNKNOWN
    opposite_positions: Permission = Permission.UNKNOWN
    clauses: dict[str, str] = msgspec.field(default_factory=dict)


class FailurePolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How failures are answered (DESIGN §4.9). Times in ns, factors in 1e-6; ``…_max`` of a kind of
    retry counts the retries after the first attempt.
    """

    retry_delay_first_ns: int = limits.RETRY_DELAY_FIRST_NS
    retry_delay_factor: int = limits.RETRY_DELAY_FACTOR
    retry_jitter: int = limits.RETRY_JITTER
    retries_max: int = limits.RETRIES_MAX
    margin_retry_factor: int = limits.MARGIN_RETRY_FACTOR
    margin_retries_max: int = limits.MARGIN_RETRIES_MAX
    requotes_max: int = limits.REQUOTES_MAX
    stop_distance_factor_max: int = limits.STOP_DISTANCE_FACTOR_MAX
    rate_limit_wait_ns: int = limits.RATE_LIMIT_WAIT_NS
    rate_limit_retries_max: int = limits.RATE_LIMIT_RETRIES_MAX
    session_retries_max: int = limits.SESSION_RETRIES_MAX
    exclusion_ns: int = limits.EXCLUSION_NS
    circuit_account_failures: int = limits.CIRCUIT_ACCOUNT_FAILURES
    circuit_venue_failures: int = limits.CIRCUIT_VENUE_FAILURES
    circuit_window_ns: int = limits.CIRCUIT_WINDOW_NS
    circuit_probe_ns: int = limits.CIRCUIT_PROBE_NS
    circuit_probe_ns_max: int = limits.CIRCUIT_PROBE_NS_MAX
    rising_count_min: int = limits.RISING_COUNT_MIN
    rising_factor: int = limits.RISING_FACTOR
    rising_factor_clear: int = limits.RISING_FACTOR_CLEAR


FAILURE_POLICY = FailurePolicy()


class CompletionPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How marketable orders that do not fill are completed (DESIGN §4.8). Times in ns, shares and
    factors in 1e-6.
    """

    modifies_max: int = limits.MODIFIES_MAX
    modify_wait_ns: int = limits.MODIFY_WAIT_NS
    illiquid_wait_ns: int = limits.ILLIQUID_WAIT_NS
    illiquid_waits_max: int = limits.ILLIQUID_WAITS_MAX
    accept_filled: int = limits.ACCEPT_FILLED
    age_ns_max: int = limits.ORDER_AGE_NS_MAX
    reroutes_max: int = limits.COMPLETION_REROUTES_MAX
    wait_ns: int = limits.COMPLETION_WAIT_NS
    waits_max: int = limits.COMPLETION_WAITS_MAX
    replaces_max: int = limits.COMPLETION_REPLACES_MAX
    spread_factor_max: int = limits.LIQUID_SPREAD_FACTOR
    remainder_legs_max: int = limits.REMAINDER_LEGS_MAX


COMPLETION_POLICY = CompletionPolicy()


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The coordinator's own settings. Ratios in 1e-6, ages in ns, ``exposure_max`` in book currency
    per symbol over all accounts.
    """

    policy_id: str = "default"
    accounts_max: int = 50
    owner_accounts_max: int | None = None
    correlation_threshold: int = limits.CORRELATION_THRESHOLD
    dispersion_min: int = limits.DISPERSION_MIN
    dispersion_max: int = limits.DISPERSION_MAX
    weight_margin: int = limits.WEIGHT_MARGIN
    weight_risk_budget: int = limits.WEIGHT_RISK_BUDGET
    weight_health: int = limits.WEIGHT_HEALTH
    weight_performance: int = limits.WEIGHT_PERFORMANCE
    weight_correlation: int = limits.WEIGHT_CORRELATION
    margin_level_min: int = limits.MARGIN_LEVEL_MIN
    heartbeat_age_ns_max: int = limits.HEARTBEAT_AGE_NS_MAX
    tick_age_ns_max: int = limits.TICK_AGE_NS_MAX
    anchor_age_ns_max: int = limits.ANCHOR_AGE_NS_MAX
    slippage_default: int = limits.SLIPPAGE_DEFAULT
    signal_ahead_ns_max: int = limits.SIGNAL_AHEAD_NS_MAX
    exposure_max: Decimal | None = None
    shared_stop_allowed: bool = True
    subset_nodes_max: int = limits.SUBSET_NODES_MAX
    failures: FailurePolicy = FAILURE_POLICY
    completion: CompletionPolicy = COMPLETION_POLICY
    approval_always: bool = False
    approval_accounts_over: int | None = None
    approval_notional_over: Decimal | None = None
    approval_risk_over: Decimal | None = None


class BookConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a book is opened with. ``book_key`` seeds every draw; ``currency`` is the one in
    which book-wide caps are stated; ``failure_tables`` are by venue, and so are ``maintenance``,
    daily windows in which a venue is closed, each ``HH:MM-HH:MM Zone``, and ``capabilities``, what
    a venue declares of itself where that is not the default.
    """

    book_id: str
    book_key: str
    currency: str
    policy: Policy
    instruments: dict[str, Instrument]
    rulebooks: dict[str, Rulebook]
    accounts: dict[str, Account]
    failure_tables: dict[str, FailureTable] = msgspec.field(default_factory=dict)
    maintenance: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    capabilities: dict[str, VenueCapabilities] = msgspec.field(default_factory=dict)
