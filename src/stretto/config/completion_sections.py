"""The keys with which a person says how marketable orders that do not fill are completed.

Shown in docs/configuration.md like every other section. Knows nothing of files.
"""

from __future__ import annotations

from stretto.config import kinds
from stretto.config.section import Key, Section

_TIMES = kinds.whole(0, 16)

COMPLETION = Section(
    "[policy.completion]",
    "How market orders that do not fill are completed; [partial-fills.md](partial-fills.md) says"
    " when each is used. An account's `patience` multiplies the waits by 0.5 to 1.5.",
    Key("modifies_max", _TIMES, 3, "more aggressive prices for one allocation"),
    Key(
        "modify_wait_s",
        kinds.seconds("3600", low="1"),
        10,
        "wait after each of them, and before the first where nothing fills",
        "modify_wait_ns",
    ),
    Key(
        "illiquid_wait_s",
        kinds.seconds("86400", low="1"),
        300,
        "wait where urgency is low and the market is not liquid",
        "illiquid_wait_ns",
    ),
    Key("illiquid_waits_max", _TIMES, 3, "such waits"),
    Key(
        "accept_filled_percent",
        kinds.percent(high="99", above="0"),
        80,
        "a larger filled share is accepted",
        "accept_filled",
    ),
    Key(
        "age_s_max",
        kinds.seconds("86400", low="1"),
        600,
        "age at which the rest goes to another account",
        "age_ns_max",
    ),
    Key("reroutes_max", _TIMES, 1, "reroutes of one allocation's rest"),
    Key("wait_s", kinds.seconds("86400", low="1"), 120, "wait in all other cases", "wait_ns"),
    Key("waits_max", _TIMES, 2, "such waits, for each order"),
    Key("replaces_max", _TIMES, 1, "new market orders for the rest"),
    Key(
        "spread_factor_max",
        kinds.fraction("1", "100"),
        "1.5",
        "largest spread of a liquid market, over its median",
    ),
    Key("remainder_legs_max", _TIMES, 3, "orders for what an IOC or FOK order left"),
)
