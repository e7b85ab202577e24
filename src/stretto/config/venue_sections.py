"""The keys of a venue: what the simulated one does, and what it declares of itself.

Shown in docs/configuration.md like every other section. Knows no adapter: a test holds the keys to
the simulated venue's own settings.
"""

from __future__ import annotations

from stretto.config import calendars, kinds
from stretto.config.section import UNSET, Key, Section
from stretto.core.terms.report import TimeInForce

# The simulated venue's reasons to refuse by chance; a test holds them to its RejectCode.
REJECT_CODES = (
    "account_disabled",
    "unknown_symbol",
    "invalid_order",
    "invalid_volume",
    "position_gone",
    "too_many_orders",
    "market_closed",
    "off_quotes",
    "invalid_stops",
    "insufficient_margin",
    "price_changed",
    "duplicate_order",
    "not_supported",
    "rate_limited",
    "other",
)

_COUNT = kinds.whole(1, 1_000_000)
_POSITIVE = kinds.number(above="0")
_RANGE = kinds.ListOf(kinds.scaled(6, "ms", "0", "60000"), least=2, most=2)
CAPABILITIES = Section(
    "[venues.NAME.capabilities]",
    "What the simulated venue declares of itself, so that another venue's ways can be rehearsed.",
    Key(
        "absence_is_proof",
        kinds.flag(),
        False,
        "an order missing from two complete views of the account does not exist",
    ),
    Key(
        "settle_time_s",
        kinds.seconds("86400"),
        60,
        "after an order's last moment to be sent, before the first such view",
        "settle_time_ns",
    ),
    Key(
        "attached_stops",
        kinds.flag(),
        True,
        "an entry carries its stop and target; else they are orders of their own",
    ),
    Key("replaces_orders", kinds.flag(), True, "working orders can be changed"),
    Key("amends_protection", kinds.flag(), True, "stop and target of a position can be changed"),
    Key(
        "times_in_force",
        kinds.ListOf(kinds.choice(TimeInForce), least=1, most=len(TimeInForce)),
        [each.value for each in TimeInForce],
        "how long orders may be told to live",
    ),
)
VENUE = Section(
    "[venues.NAME]",
    "One venue. So far there is the simulated venue, which trades the market of `[market]`.",
    Key("kind", kinds.choice(("simulated",)), "simulated", "what the venue is"),
    Key(
        "address",
        kinds.text(),
        UNSET,
        "path of the socket at which `stretto venue` serves it; else the book's own process does",
    ),
    Key(
        "failures",
        kinds.text(),
        "builtin:sim",
        "what its codes mean: `builtin:NAME`, or a table of `[failure_tables]`",
    ),
    Key("seed", kinds.whole(0, 2**63 - 1), 0, "seed of everything the venue draws"),
    Key(
        "latency_request_ms",
        _RANGE,
        [5, 60],
        "least and most time of a message to the venue",
        "latency_request_ns",
    ),
    Key(
        "latency_report_ms",
        _RANGE,
        [5, 60],
        "least and most time of a message from the venue",
        "latency_report_ns",
    ),
    Key("depth_lots", _POSITIVE, 3, "mean size of the first price level, in lots"),
    Key("depth_levels", kinds.whole(1, 7), 5, "price levels shown"),
    Key(
        "requote_percent",
        kinds.percent(),
        1,
        "market orders refused as `price_changed`",
        "requote_ppm",
    ),
    Key(
        "reject_percent",
        kinds.MapOf(kinds.percent(), names=kinds.choice(REJECT_CODES), unit="table of %"),
        {"off_quotes": "0.4", "too_many_orders": "0.1"},
        "orders refused by chance, for each of " + ", ".join(f"`{code}`" for code in REJECT_CODES),
        "reject_ppm",
    ),
    Key("orders_working_max", _COUNT, 200, "working orders of one account"),
    Key(
        "quote_age_s_max",
        kinds.seconds("86400"),
        120,
        "an older quote trades nothing",
        "quote_age_ns_max",
    ),
    Key(
        "maintenance",
        calendars.daily_windows(),
        [],
        "daily windows in which the venue is closed, like `23:55-00:05 Europe/Athens`",
    ),
    Key(
        "heartbeat_s",
        kinds.seconds("3600", low="0.001"),
        1,
        "interval of its signs of life",
        "heartbeat_ns",
    ),
    Key(
        "deciding_ms",
        _RANGE,
        [0, 0],
        "least and most time for which a cancel or a change is pending",
        "deciding_ns",
    ),
    Key("exec_ids_daily", kinds.flag(), False, "execution ids begin anew with each trading day"),
    Key("capabilities", CAPABILITIES, {}, "what it declares of itself"),
)
SECTIONS = (VENUE, CAPABILITIES)
