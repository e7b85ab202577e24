"""The keys with which a person says how failures are answered and what a venue's codes mean.

Shown in docs/configuration.md like every other section. Knows nothing of files.
"""

from __future__ import annotations

from stretto.config import kinds
from stretto.config.section import REQUIRED, UNSET, Key, Section
from stretto.core import limits
from stretto.core.terms.failure import Confidence, FailureClass, Outcome, TextRule

_NAME = kinds.text()
_RETRIES = kinds.whole(0, 100)
_COUNT = kinds.whole(1, limits.CIRCUIT_FAILURES_MAX)

FAILURES = Section(
    "[policy.failures]",
    "How failures are answered; [failures.md](failures.md) says what each number is for. Retries"
    " are counted after the first attempt, for each account of an execution.",
    Key(
        "retry_delay_s",
        kinds.seconds("3600", low="0.001"),
        5,
        "wait before the first retry after a connection failure",
        "retry_delay_first_ns",
    ),
    Key("retry_delay_factor", kinds.whole(1, 10), 2, "by which each further wait is longer"),
    Key("retry_jitter_percent", kinds.percent(), 20, "most that chance adds", "retry_jitter"),
    Key("retries_max", kinds.whole(0, 16), 3, "retries after a connection failure"),
    Key(
        "margin_retry_factor",
        kinds.fraction(high="0.99", above="0"),
        "0.7",
        "by which each retry for want of margin is smaller",
    ),
    Key("margin_retries_max", kinds.whole(0, 16), 2, "retries for want of margin"),
    Key("requotes_max", _RETRIES, 2, "new prices within the signal's slippage"),
    Key(
        "stop_distance_factor_max",
        kinds.fraction("1", "10"),
        "1.5",
        "how far a stop may be moved out, size cut, where the venue finds it too near",
    ),
    Key(
        "rate_limit_wait_s",
        kinds.seconds("3600"),
        10,
        "wait where a venue that limits its rate states none",
        "rate_limit_wait_ns",
    ),
    Key("rate_limit_retries_max", _RETRIES, 5, "retries after a rate limit"),
    Key("session_retries_max", _RETRIES, 3, "sessions that an order still valid waits for"),
    Key(
        "exclusion_hours",
        kinds.hours("8760", low="1"),
        24,
        "how long a suspended account is left out, at least",
        "exclusion_ns",
    ),
    Key(
        "circuit_account_failures", _COUNT, 3, "connection failures that open an account's circuit"
    ),
    Key("circuit_venue_failures", _COUNT, 5, "connection failures that open a venue's circuit"),
    Key(
        "circuit_window_s",
        kinds.seconds("86400", low="1"),
        60,
        "within which they are counted",
        "circuit_window_ns",
    ),
    Key(
        "circuit_probe_s",
        kinds.seconds("86400", low="1"),
        30,
        "after which one order may try; twice as long each time it fails",
        "circuit_probe_ns",
    ),
    Key(
        "circuit_probe_s_max",
        kinds.seconds("86400", low="1"),
        900,
        "longest such wait",
        "circuit_probe_ns_max",
    ),
    Key("rising_count_min", kinds.whole(2, 1_000_000), 5, "failures of a class in the last hour"),
    Key(
        "rising_factor",
        kinds.fraction("1", "1000"),
        3,
        "times the mean hour of the day before, at which the class raises an alert",
    ),
    Key(
        "rising_factor_clear",
        kinds.fraction("0", "1000"),
        "1.5",
        "below which the alert clears, so that it can be raised again",
    ),
)

_ROW = (
    Key("class", kinds.choice(FailureClass), REQUIRED, "what it means", "failure_class"),
    Key("outcome", kinds.choice(Outcome), REQUIRED, "whether the order may be live"),
    Key("confidence", kinds.choice(Confidence), "judged", "the venue's word, or a judgement"),
    Key("name", kinds.text(empty=True), "", "the venue's name of it"),
    Key("note", kinds.text(1_024, empty=True), "", "why"),
)
FAILURE_CODE = Section(
    "[failure_tables.NAME.codes.CODE]",
    "One code of the venue, exactly as its adapter hands it over. FIX reasons are written `103=6`"
    " (OrdRejReason) and `102=1` (CxlRejReason).",
    *_ROW,
    Key(
        "text_decides",
        kinds.flag(),
        False,
        "the code covers many causes: a message of the table comes before it",
    ),
)
FAILURE_MESSAGE = Section(
    "[[failure_tables.NAME.messages]]",
    "A message of the venue, for answers without a code that decides. Case does not matter. The"
    " first that fits is taken; those of the table come before those it extends.",
    Key("text", kinds.text(1_024), REQUIRED, "words of the message"),
    Key("rule", kinds.choice(TextRule), "contains", "how they are compared"),
    Key("code", kinds.text(empty=True), "", "only where it comes with this code"),
    *_ROW,
)
FAILURE_TABLE = Section(
    "[failure_tables.NAME]",
    "What a venue's answers mean, beside or instead of what the table says that it extends. A file"
    " named under `include` holds the same keys at its top; its name without ending is NAME.",
    Key("source", kinds.text(1_024), REQUIRED, "where the meanings were read"),
    Key("as_of", kinds.day(), REQUIRED, "day they were read"),
    Key("extends", _NAME, UNSET, "`builtin:NAME`, or another table of this file"),
    Key(
        "retry_after_ms_text",
        kinds.text(empty=True),
        "",
        "words right before the wait in ms that the venue states where it limits its rate",
    ),
    Key(
        "stop_distance_text",
        kinds.text(empty=True),
        "",
        "words right before the smallest distance of a stop, in price, that the venue states",
    ),
    Key("codes", kinds.MapOf(FAILURE_CODE, unit="table"), {}, "meanings by code"),
    Key("messages", kinds.ListOf(FAILURE_MESSAGE), [], "meanings by message"),
)
SECTIONS = (FAILURE_TABLE, FAILURE_CODE, FAILURE_MESSAGE)
