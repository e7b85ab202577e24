"""Every bound and default number of the design in one place, their relations checked at import.

Numbers come from DESIGN; a policy may narrow those that are settings. Knows no domain type.
"""

from __future__ import annotations

from stretto.core.errors import check
from stretto.core.values import NS_PER_MS, NS_PER_S, PPM

# --- score (DESIGN §4.3), weights in 1e-6
WEIGHT_MARGIN = 300_000
WEIGHT_RISK_BUDGET = 250_000
WEIGHT_HEALTH = 200_000
WEIGHT_PERFORMANCE = 150_000
WEIGHT_CORRELATION = 100_000
SCORE_BAND = 20_000
PERFORMANCE_PRIOR_TRADES = 20
# Weights of the parts of health, in thousandths.
HEALTH_DRAWDOWN = 400
HEALTH_RELIABILITY = 300
HEALTH_LATENCY = 200
HEALTH_FRESHNESS = 100
DRAWDOWN_FREE = 500_000
DRAWDOWN_HIGH = 800_000
DRAWDOWN_SCORE_AT_HIGH = 400_000
DRAWDOWN_SCORE_ABOVE = 100_000
# Where latency and age of the state halve their part of health.
LATENCY_HALF_NS = 1 * NS_PER_S
STATE_AGE_HALF_NS = 60 * NS_PER_S
ROTATION_WINDOW_NS = 30 * 86_400 * NS_PER_S

# --- correlation (DESIGN §4.4)
CORRELATION_THRESHOLD = 700_000
CORRELATION_WINDOW_BARS = 60
CORRELATION_HALF_LIFE_BARS = 20
CORRELATION_BARS_MIN = 20
CORRELATED_CANDIDATES_MAX = 200
CORRELATED_SYMBOLS_MAX = 512
HISTORY_SHARE = 500_000
PRIOR_DEVIATION = 5_000
PRIOR_BARS = 20
SUBSET_NODES_MAX = 12_000
# Nodes tried before the linear relaxation is worth its cost, at most one in so many of those
# allowed; and the nodes spent on ties.
SUBSET_PROBE_NODES = 300
SUBSET_PROBE_SHARE = 5
SUBSET_TIE_NODES = 500
# With fewer open vertices the search finds the best sooner than local search does.
SUBSET_SHAKE_OPEN_MIN = 30
SUBSET_SHAKE_ROUNDS = 3
SUBSET_SWAP_ROUNDS_MAX = 200
# Cells of the linear relaxation's table; a larger problem does without it.
SUBSET_CELLS_MAX = 400_000
# Kept in a plan: conflicting pairs, and the next best of those who stayed out.
PAIRS_KEPT_MAX = 20
ALTERNATIVES_MAX = 3

# --- size (DESIGN §4.5)
DISPERSION_MIN = 50_000
DISPERSION_MAX = 150_000
# A total: lot-grid combinations tried for one set of accounts, sets tried one swap away, accounts
# of which every set is tried, accounts looked at in all sets of one search, totals suggested.
TOTAL_GRID_NODES_MAX = 2_000
TOTAL_SWAPS_MAX = 64
TOTAL_EXHAUSTIVE_ACCOUNTS = 10
TOTAL_SETS_MAX = (1 << TOTAL_EXHAUSTIVE_ACCOUNTS) - 1
TOTAL_VISITS_MAX = 10_000
TOTAL_SUGGESTIONS_MAX = 4
# Rounds of sharing in which others take the places of those who may not take part; after them only
# those who may share the total.
TOTAL_ROUNDS_MAX = 16
# The hold assumed where neither the signal nor the position says: one day.
HOLD_DEFAULT_NS = 86_400 * NS_PER_S

# --- timing (DESIGN §4.6)
DELAY_MIN_NS = 1 * NS_PER_S
DELAY_MAX_NS = 30 * NS_PER_S
DISPATCH_WINDOW_NS = 30 * NS_PER_S
GAP_MAX_NS = 1 * NS_PER_S
# A window cut short by validity must still leave this much between two releases: less is no spacing
# that a venue could see. The full window is never refused for it.
COMPRESSED_GAP_NS_MIN = 1 * NS_PER_MS
DELAY_CV_MIN = 200_000
DELAY_REDRAWS_MAX = 16
URGENCY_FACTOR_MIN = 250_000
PACE_MIN = 500_000
PACE_MAX = 2_000_000
# Overdue releases that one decision spreads anew; the rest wait for the next.
DEFERRALS_MAX = 256
# An account that may give away less than this of a signal's slippage bound would hardly ever fill.
AGGRESSION_MIN = 100_000
CLUSTERING_WINDOW_NS = 7 * 86_400 * NS_PER_S

# --- freshness and sending (DESIGN §3, §4.2)
HEARTBEAT_AGE_NS_MAX = 5 * NS_PER_S
TICK_AGE_NS_MAX = 60 * NS_PER_S
SEND_BEFORE_NS = 2 * NS_PER_S
# How far from the firm's reset a snapshot may lie and still say how the day began.
ANCHOR_AGE_NS_MAX = 60 * NS_PER_S
# Of the price, in 1e-6: how far a market entry may slip whose signal does not say.
SLIPPAGE_DEFAULT = 1_000
# How far a strategy's clock may run ahead of the book's.
SIGNAL_AHEAD_NS_MAX = 5 * NS_PER_S
MARGIN_LEVEL_MIN = 1_200_000
SIGNAL_KEPT_NS = 30 * 86_400 * NS_PER_S

# --- session calendars: how far ahead a table reaches, and how much must be left of it
CALENDAR_HORIZON_NS = 35 * 86_400 * NS_PER_S
CALENDAR_REMAINING_NS_MIN = 14 * 86_400 * NS_PER_S
# Of one table: a year of exchange days with a lunch break and two daily pauses.
CALENDAR_SESSIONS_MAX = 1_500
# Daily windows (pauses of an instrument, maintenance of a venue) of one calendar.
DAILY_WINDOWS_MAX = 8

# --- queries of orders in doubt (DESIGN §4.9): 2, 4, 8, 16, 32 s
QUERY_DELAY_FIRST_NS = 2 * NS_PER_S
QUERIES_MAX = 5
ACKNOWLEDGE_TIMEOUT_NS = 5 * NS_PER_S
# How long a venue may go on saying that it decides on a cancel or replace before a person is asked:
# about as long as an order is in doubt before one is.
REQUEST_PENDING_NS_MAX = QUERY_DELAY_FIRST_NS << (QUERIES_MAX + 1)
# How long a position that must have a stop may be without one that the venue confirmed (§4.7).
STOP_CONFIRMED_NS_MAX = 5 * NS_PER_S
# A stop or target that the venue calls expired sooner than this after it was sent did not run out:
# the venue does not keep it, and how often it is placed again is bounded.
EXPIRY_NS_MIN = 60 * NS_PER_S

# --- absence as proof (DESIGN §4.9, c): the two views' distance, the least time a venue needs to
# show what it took, and how far its clock may be off
ABSENCE_APART_NS = 30 * NS_PER_S
SETTLE_TIME_NS_MIN = 60 * NS_PER_S
CLOCK_SKEW_NS = 5 * NS_PER_S
# --- what people ask for (DESIGN §4.10)
# Cancels of one order before a person has to look why it still works.
CANCELS_MAX = 5
REQUEST_KEPT_NS = 30 * 86_400 * NS_PER_S
ACTOR_LENGTH_MAX = 200
REASON_LENGTH_MAX = 2_000

# --- reconciliation: how often, how old a view may be, and how
# far back it reaches; the span stays within the days for which executions are remembered
RECONCILE_OPEN_NS = 30 * NS_PER_S
FLAT_WITHIN_NS = 60 * NS_PER_S
RECONCILE_AT_REST_NS = 15 * 60 * NS_PER_S
VIEW_AGE_NS_MAX = 10 * NS_PER_S
VIEW_OVERLAP_NS = 60 * NS_PER_S
VIEW_SPAN_NS_MAX = 3 * 86_400 * NS_PER_S

# --- rerouting (DESIGN §4.9): alternatives that are correlated at once, hops of one quantity from
# account to account, and refused accounts that are named where none fits
REROUTE_CANDIDATES_MAX = 50
REROUTES_MAX = 3
REROUTE_REFUSALS_KEPT_MAX = 20

# --- what failed (DESIGN §4.9); factors and jitter in 1e-6
RETRY_DELAY_FIRST_NS = 5 * NS_PER_S
RETRY_DELAY_FACTOR = 2
RETRIES_MAX = 3
# A retry is never early: chance only adds, up to this share of the wait.
RETRY_JITTER = 200_000
MARGIN_RETRY_FACTOR = 700_000
MARGIN_RETRIES_MAX = 2
# What the venue has to say of an account's margin before the retry.
MARGIN_REFRESH_NS = 2 * NS_PER_S
REQUOTES_MAX = 2
STOP_DISTANCE_FACTOR_MAX = 1_500_000
# What a venue that names no wait is given, and the longest that one may name.
RATE_LIMIT_WAIT_NS = 10 * NS_PER_S
RATE_LIMIT_WAIT_NS_MAX = 3_600 * NS_PER_S
RATE_LIMIT_RETRIES_MAX = 5
SESSION_RETRIES_MAX = 3
EXCLUSION_NS = 86_400 * NS_PER_S
# An account's circuit opens before its venue's does.
CIRCUIT_ACCOUNT_FAILURES = 3
CIRCUIT_VENUE_FAILURES = 5
CIRCUIT_FAILURES_MAX = 1_000
CIRCUIT_WINDOW_NS = 60 * NS_PER_S
CIRCUIT_PROBE_NS = 30 * NS_PER_S
CIRCUIT_PROBE_NS_MAX = 900 * NS_PER_S
# Failures are counted in steps of ten minutes: six are the last hour, 144 the day before it.
FAILURE_STEP_NS = 600 * NS_PER_S
FAILURE_STEPS_RECENT = 6
FAILURE_STEPS_BEFORE = 144
# How long an alert stands that no count of failures keeps up.
ALERT_NS = 3_600 * NS_PER_S
RISING_COUNT_MIN = 5
RISING_FACTOR = 3_000_000
RISING_FACTOR_CLEAR = 1_500_000

# --- marketable orders that do not fill (DESIGN §4.8); factors and shares in 1e-6
COMPLETION_WAIT_NS = 120 * NS_PER_S
COMPLETION_WAITS_MAX = 2
ILLIQUID_WAIT_NS = 300 * NS_PER_S
ILLIQUID_WAITS_MAX = 3
MODIFIES_MAX = 3
MODIFY_WAIT_NS = 10 * NS_PER_S
ACCEPT_FILLED = 800_000
ORDER_AGE_NS_MAX = 600 * NS_PER_S
COMPLETION_REPLACES_MAX = 1
COMPLETION_REROUTES_MAX = 1
LIQUID_SPREAD_FACTOR = 1_500_000
# Trades of one order come in bursts: so long after the first of them it is looked at.
PARTIAL_FILL_SETTLES_NS = 1 * NS_PER_S
# After so long an open cancel of a partial fill is looked after.
CANCEL_WAIT_NS = 10 * NS_PER_S
REMAINDER_LEGS_MAX = 3
# Terms of the estimate of how probably the rest fills.
COMPLETION_TRADES_MAX = 1_000

# --- runtime (DESIGN §3)
INBOX_SIGNALS_MAX = 1_024
BATCH_INPUTS_MAX = 256
# Orders of an immediate plan intended in its own entry; the others at their releases.
INTENTS_AT_ONCE_MAX = 256
# Messages of one order handled as one input: its write, its acknowledgement, a trade.
ORDER_MESSAGES_MAX = 3
ACCOUNTS_MAX = 10_000

check(
    WEIGHT_MARGIN + WEIGHT_RISK_BUDGET + WEIGHT_HEALTH + WEIGHT_PERFORMANCE + WEIGHT_CORRELATION
    == PPM,
    "the five score weights must sum to one",
)
check(
    HEALTH_DRAWDOWN + HEALTH_RELIABILITY + HEALTH_LATENCY + HEALTH_FRESHNESS == 1_000,
    "the parts of health must sum to one",
)
check(0 < DRAWDOWN_FREE < DRAWDOWN_HIGH < PPM, "the drawdown band must lie in (0, 1)")
check(
    0 <= DRAWDOWN_SCORE_ABOVE <= DRAWDOWN_SCORE_AT_HIGH <= PPM,
    "a deeper drawdown must not score higher",
)
check(DELAY_MIN_NS < DELAY_MAX_NS, "the delay window must not be empty")
check(0 < DISPERSION_MIN < DISPERSION_MAX < PPM, "the dispersion band must lie in (0, 1)")
check(CORRELATION_BARS_MIN <= CORRELATION_WINDOW_BARS, "minimum bars must fit the window")
check(0 <= HISTORY_SHARE <= PPM, "the history's share must lie in [0, 1]")
check(
    SUBSET_PROBE_NODES + SUBSET_TIE_NODES < SUBSET_NODES_MAX,
    "the probe and the ties must leave nodes for the search",
)
check(
    TOTAL_VISITS_MAX >= (TOTAL_EXHAUSTIVE_ACCOUNTS + 2) << (TOTAL_EXHAUSTIVE_ACCOUNTS - 1),
    "the visits must cover every set of the accounts that are searched in full",
)
check(SEND_BEFORE_NS < ACKNOWLEDGE_TIMEOUT_NS, "an order must be unsendable before it is in doubt")
check(
    ABSENCE_APART_NS <= RECONCILE_OPEN_NS,
    "the next view must come late enough to be the second of a proof",
)
check(
    ACKNOWLEDGE_TIMEOUT_NS < SETTLE_TIME_NS_MIN,
    "a venue must have had time to answer before its silence counts",
)
check(GAP_MAX_NS * 2 <= DELAY_MAX_NS - DELAY_MIN_NS, "the gap must fit the delay window")
check(0 < COMPRESSED_GAP_NS_MIN <= GAP_MAX_NS, "a compressed gap must not exceed the full one")
check(
    2 * ACCOUNTS_MAX * COMPRESSED_GAP_NS_MIN <= DELAY_MAX_NS - DELAY_MIN_NS,
    "all accounts must find a gap in the full window",
)
check(
    REROUTE_CANDIDATES_MAX < CORRELATED_CANDIDATES_MAX,
    "alternatives must leave room for those they are correlated with",
)
check(DEFERRALS_MAX >= 1, "an overdue release must be able to wait")
check(
    0 < CALENDAR_REMAINING_NS_MIN < CALENDAR_HORIZON_NS,
    "a new table must last longer than what makes the old one too short",
)
check(CLUSTERING_WINDOW_NS % (86_400 * NS_PER_S) == 0, "clustering counts whole days")
check(0 < MARGIN_RETRY_FACTOR < PPM, "a retry for want of margin must be smaller")
check(0 <= RETRY_JITTER <= PPM, "chance must add less than the wait itself")
check(STOP_DISTANCE_FACTOR_MAX >= PPM, "a stop must not be moved nearer")
check(RATE_LIMIT_WAIT_NS <= RATE_LIMIT_WAIT_NS_MAX, "the usual wait must not exceed the longest")
check(
    ACKNOWLEDGE_TIMEOUT_NS < CANCEL_WAIT_NS,
    "what a venue knows of an order must be asked before its cancel is asked for again",
)
check(LIQUID_SPREAD_FACTOR >= PPM, "a spread at its median must count as liquid")
check(0 < ACCEPT_FILLED < PPM, "a partial fill that is accepted must be one")
check(CIRCUIT_ACCOUNT_FAILURES <= CIRCUIT_VENUE_FAILURES, "one account must not close its venue")
check(CIRCUIT_VENUE_FAILURES <= CIRCUIT_FAILURES_MAX, "the default must be a permitted count")
check(CIRCUIT_PROBE_NS <= CIRCUIT_PROBE_NS_MAX, "the first probe must not come after the last")
check(RISING_FACTOR_CLEAR < RISING_FACTOR, "an alert must clear below where it is raised")
check(
    FAILURE_STEPS_BEFORE == 24 * FAILURE_STEPS_RECENT,
    "the day before must be 24 times the last hour",
)
