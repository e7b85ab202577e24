"""Refusals: every rule that can say no, in its fixed precedence, and what it said.

A refusal is a value: the rule, the numbers compared and the smallest change that would have passed
(DESIGN §1.5). Knows nothing of how a rule is judged.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Rule(StrEnum):
    """Names of the rules; account rules stand in the precedence of DESIGN §4.2."""

    # the signal itself (DESIGN §4.1)
    MALFORMED = "malformed"
    DUPLICATE_SIGNAL = "duplicate_signal"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    FUTURE_DATED = "future_dated"
    EXPIRED = "expired"
    SIZE_NOT_POSITIVE = "size_not_positive"
    STOP_ON_WRONG_SIDE = "stop_on_wrong_side"
    TARGET_ON_WRONG_SIDE = "target_on_wrong_side"
    LIMIT_BEYOND_PLAN = "limit_beyond_plan"
    STOP_REQUIRED_FOR_SIZE = "stop_required_for_size"
    PRICE_REQUIRED = "price_required"
    ACTION_NOT_SUPPORTED = "action_not_supported"
    UNKNOWN_REFERENCE = "unknown_reference"
    NO_QUOTE = "no_quote"
    # the account, in precedence (DESIGN §4.2)
    NOT_ADDRESSED = "not_addressed"
    ACCOUNT_STATUS = "account_status"
    EXCLUDED = "excluded"
    HALTED = "halted"
    KILL_SWITCH = "kill_switch"
    CIRCUIT_OPEN = "circuit_open"
    NOT_RECONCILED = "not_reconciled"
    NOT_MAPPED = "instrument_not_mapped"
    SESSION_UNKNOWN = "session_unknown"
    SESSION_CLOSED = "session_closed"
    DATA_STALE = "data_stale"
    FIRM_RULE = "firm_rule"
    COPY_POLICY = "copy_policy"
    WOULD_NET = "would_net"
    SHARED_STOP = "shared_stop"
    POSITION_LIMIT = "position_limit"
    ORDER_LIMIT = "order_limit"
    EXPOSURE_CAP = "exposure_cap"
    RISK_BUDGET = "risk_budget"
    MARGIN_LEVEL = "margin_level"
    SIZE_NOT_REPRESENTABLE = "size_not_representable"
    CONVERSION_MISSING = "conversion_missing"
    # the plan (DESIGN §4.4, §4.5, §4.6)
    BEYOND_CANDIDATES = "beyond_correlated_candidates"
    SAME_BET = "same_bet"
    OPPOSITE_BET = "opposite_bet"
    COVARIANCE_UNKNOWN = "covariance_unknown"
    ACCOUNT_CAP = "account_cap"
    NO_ELIGIBLE_ACCOUNT = "no_eligible_account"
    CORRELATION_THRESHOLD_EXCEEDED = "CorrelationThresholdExceeded"
    TIMING_PATTERN_DETECTED = "TimingPatternDetected"
    TOTAL_NOT_REPRESENTABLE = "total_not_representable"
    VALIDITY_TOO_SHORT = "validity_too_short"
    # at dispatch (DESIGN §4.1, §4.6)
    WINDOW_PASSED = "window_passed"
    SLIPPAGE_EXCEEDED = "slippage_exceeded"
    NO_ALTERNATIVE = "no_alternative_account"
    # an exit (DESIGN §4.1)
    POSITION_GONE = "position_gone"


PRECEDENCE: tuple[Rule, ...] = tuple(Rule)


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One "no". ``compared`` maps the name of each number to its value as text with its unit in the
    name; ``would_pass`` is the smallest change that would have let it pass, as a sentence;
    ``clause`` cites the firm's rule where one decided; ``also`` are the further rules that would
    have refused the same account, in their precedence.
    """

    rule: Rule
    account_id: str = ""
    compared: dict[str, str] = msgspec.field(default_factory=dict)
    would_pass: str = ""
    clause: str = ""
    also: tuple[Refusal, ...] = ()
