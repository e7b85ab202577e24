"""Every bound and default number of the design in one place, their relations checked at import.

Numbers come from DESIGN; a policy may narrow those that are settings. Knows no domain type.
"""

from __future__ import annotations

from stretto.core.errors import check
from stretto.core.values import NS_PER_S, PPM

# --- score (DESIGN §4.3), weights in 1e-6
WEIGHT_MARGIN = 300_000
WEIGHT_RISK_BUDGET = 250_000
WEIGHT_HEALTH = 200_000
WEIGHT_PERFORMANCE = 150_000
WEIGHT_CORRELATION = 100_000
SCORE_BAND = 20_000
PERFORMANCE_PRIOR_TRADES = 20
ROTATION_WINDOW_NS = 30 * 86_400 * NS_PER_S

# --- correlation (DESIGN §4.4)
CORRELATION_THRESHOLD = 700_000
CORRELATION_WINDOW_BARS = 60
CORRELATION_HALF_LIFE_BARS = 20
CORRELATION_BARS_MIN = 20
CORRELATED_CANDIDATES_MAX = 200
SUBSET_NODES_MAX = 12_000

# --- size (DESIGN §4.5)
DISPERSION_MIN = 50_000
DISPERSION_MAX = 150_000

# --- timing (DESIGN §4.6)
DELAY_MIN_NS = 1 * NS_PER_S
DELAY_MAX_NS = 30 * NS_PER_S
DISPATCH_WINDOW_NS = 30 * NS_PER_S
GAP_MAX_NS = 1 * NS_PER_S
DELAY_CV_MIN = 200_000
DELAY_REDRAWS_MAX = 16
URGENCY_FACTOR_MIN = 250_000
PACE_MIN = 500_000
PACE_MAX = 2_000_000

# --- freshness and sending (DESIGN §3, §4.2)
HEARTBEAT_AGE_NS_MAX = 5 * NS_PER_S
TICK_AGE_NS_MAX = 60 * NS_PER_S
SEND_BEFORE_NS = 2 * NS_PER_S
MARGIN_LEVEL_MIN = 1_200_000
SIGNAL_KEPT_NS = 30 * 86_400 * NS_PER_S

# --- queries of orders in doubt (DESIGN §4.9): 2, 4, 8, 16, 32 s
QUERY_DELAY_FIRST_NS = 2 * NS_PER_S
QUERIES_MAX = 5
ACKNOWLEDGE_TIMEOUT_NS = 5 * NS_PER_S

# --- runtime (DESIGN §3)
INBOX_SIGNALS_MAX = 1_024
BATCH_INPUTS_MAX = 256
ACCOUNTS_MAX = 10_000

check(
    WEIGHT_MARGIN + WEIGHT_RISK_BUDGET + WEIGHT_HEALTH + WEIGHT_PERFORMANCE + WEIGHT_CORRELATION
    == PPM,
    "the five score weights must sum to one",
)
check(DELAY_MIN_NS < DELAY_MAX_NS, "the delay window must not be empty")
check(0 < DISPERSION_MIN < DISPERSION_MAX < PPM, "the dispersion band must lie in (0, 1)")
check(CORRELATION_BARS_MIN <= CORRELATION_WINDOW_BARS, "minimum bars must fit the window")
check(SEND_BEFORE_NS < ACKNOWLEDGE_TIMEOUT_NS, "an order must be unsendable before it is in doubt")
check(GAP_MAX_NS * 2 <= DELAY_MAX_NS - DELAY_MIN_NS, "the gap must fit the delay window")
