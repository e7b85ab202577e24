"""Every key of the configuration file, with its unit, default and meaning: the one list.

docs/configuration.md shows these tables and a test holds the two together. Knows nothing of files.
"""

from __future__ import annotations

from stretto.config import calendars, failure_sections, kinds, venue_sections
from stretto.config.completion_sections import COMPLETION
from stretto.config.section import REQUIRED, UNSET, Key, Partial, Section
from stretto.core import limits
from stretto.core.terms.account import AccountMode, PositionMode
from stretto.core.terms.policy import Anchor, Permission, Trailing

NAME = kinds.text()
_COUNT = kinds.whole(1, 1_000_000)
_POSITIVE = kinds.number(above="0")
BOOK = Section(
    "[book]",
    "The book: the accounts that are run together.",
    Key("id", NAME, REQUIRED, "name of the book; part of every order id", "book_id"),
    Key("key", NAME, REQUIRED, "seeds every draw of sizes and delays", "book_key"),
    Key("currency", kinds.currency(), REQUIRED, "in which book-wide caps are stated"),
    Key("journal", kinds.text(1_024), "stretto.sqlite", "path of the journal's database"),
)

_WEIGHT = kinds.fraction()
POLICY = Section(
    "[policy]",
    "The coordinator's own settings. The five weights must sum to 1.",
    Key("id", NAME, "default", "name of the policy; cited by every plan", "policy_id"),
    Key("accounts_max", kinds.whole(1, limits.ACCOUNTS_MAX), 50, "accounts in one execution"),
    Key("owner_accounts_max", _COUNT, UNSET, "accounts of one owner in one execution"),
    Key(
        "correlation_threshold",
        kinds.fraction(high="1", above="0"),
        "0.7",
        "two accounts above this absolute correlation are the same bet",
    ),
    Key(
        "dispersion_percent_min",
        kinds.percent(high="99", above="0"),
        5,
        "least deviation of a size from its base",
        "dispersion_min",
    ),
    Key(
        "dispersion_percent_max",
        kinds.percent(high="99", above="0"),
        15,
        "largest deviation of a size from its base",
        "dispersion_max",
    ),
    Key("weight_margin", _WEIGHT, "0.30", "share of the margin factor in the score"),
    Key("weight_risk_budget", _WEIGHT, "0.25", "share of the risk budget factor"),
    Key("weight_health", _WEIGHT, "0.20", "share of the health factor"),
    Key("weight_performance", _WEIGHT, "0.15", "share of the performance factor"),
    Key("weight_correlation", _WEIGHT, "0.10", "share of the correlation factor"),
    Key(
        "margin_level_percent_min",
        kinds.percent("100", "100000"),
        120,
        "equity over margin after the trade, at least",
        "margin_level_min",
    ),
    Key(
        "heartbeat_age_s_max",
        kinds.seconds("3600"),
        5,
        "oldest sign of life of a venue that takes entries",
        "heartbeat_age_ns_max",
    ),
    Key(
        "tick_age_s_max",
        kinds.seconds("86400"),
        60,
        "oldest quote that may price an entry, convert money or mark a position",
        "tick_age_ns_max",
    ),
    Key(
        "anchor_age_s_max",
        kinds.seconds("86400"),
        60,
        "how far from the firm's reset a snapshot may lie and still say how the day began",
        "anchor_age_ns_max",
    ),
    Key(
        "slippage_percent_default",
        kinds.percent(high="10", above="0"),
        "0.1",
        "of the touch at release: the largest slippage of an entry whose signal states none; part"
        " of its risk",
        "slippage_default",
    ),
    Key(
        "signal_ahead_s_max",
        kinds.seconds("3600"),
        5,
        "how far a signal's `generated_at` may lie after the book's time",
        "signal_ahead_ns_max",
    ),
    Key(
        "exposure_max",
        _POSITIVE,
        UNSET,
        "cap on one symbol over all accounts, in the book's currency",
    ),
    Key("shared_stop_allowed", kinds.flag(), True, "accounts may share one stop price"),
    Key(
        "subset_nodes_max",
        kinds.whole(1, limits.SUBSET_NODES_MAX),
        limits.SUBSET_NODES_MAX,
        "search nodes before the best subset is stated with a bound instead of a proof",
    ),
    Key("failures", failure_sections.FAILURES, {}, "how failures are answered"),
    Key("completion", COMPLETION, {}, "how partial fills are completed"),
    Key("approval_always", kinds.flag(), False, "every plan waits for a person's approval"),
    Key("approval_accounts_over", _COUNT, UNSET, "a plan of more accounts waits for approval"),
    Key(
        "approval_notional_over",
        _POSITIVE,
        UNSET,
        "a plan of a larger notional waits for approval, book currency",
    ),
    Key(
        "approval_risk_over",
        _POSITIVE,
        UNSET,
        "a plan of a larger risk waits for approval, book currency",
    ),
)

MARKET = Section(
    "[market]",
    "Where quotes come from: recorded files, or ECB reference rates with a seeded path between.",
    Key("kind", kinds.choice(("files", "ecb")), REQUIRED, "the source"),
    Key(
        "quotes",
        kinds.ListOf(kinds.text(1_024), least=1, most=1_000),
        UNSET,
        "`files` only, required there: quote files, named like `EURUSD-20140502.csv.gz`",
    ),
    Key(
        "daily",
        kinds.ListOf(kinds.text(1_024), most=1_000),
        UNSET,
        "`files` only: daily bars for covariances, named like `EURUSD.csv`",
    ),
    Key("day", kinds.day(), UNSET, "`ecb` only, required there: first UTC day"),
    Key("days", kinds.whole(1, 31), UNSET, "`ecb` only: UTC days, 1 where not stated"),
    Key(
        "seed", kinds.whole(0, 2**63 - 1), UNSET, "`ecb` only: seed of the path, 0 where not stated"
    ),
    Key("start", kinds.moment(), UNSET, "when the book opens; else with the first quotes"),
)

INSTRUMENT = Section(
    "[instruments.SYMBOL]",
    "One tradable symbol. Six-letter pairs know their own values: an empty table is enough.",
    Key(
        "base",
        kinds.currency(),
        UNSET,
        "what is bought and sold; else from the name",
        "base_currency",
    ),
    Key(
        "quote", kinds.currency(), UNSET, "what it is paid in; else from the name", "quote_currency"
    ),
    Key("pip", _POSITIVE, UNSET, "price step in which slippage is stated; else by convention"),
    Key("tick", _POSITIVE, UNSET, "smallest price step; else by convention"),
    Key(
        "calendar",
        calendars.calendar(),
        "fx_week",
        "when it trades: `fx_week` (Sunday 17:00 to Friday 17:00 New York), `always_open`, or the"
        " code of an exchange, like `XNYS` or `CMES`, with its holidays and half days",
    ),
    Key(
        "pauses",
        calendars.daily_windows(),
        [],
        "daily windows in which it does not trade, like `17:00-18:00 America/New_York`",
    ),
)

LOSS_LIMIT = Section(
    "[rulebooks.NAME.daily_loss], [rulebooks.NAME.overall_loss]",
    "A loss limit: exactly one of `amount` and `percent`.",
    Key("amount", _POSITIVE, UNSET, "in the account's currency"),
    Key("percent", kinds.number(above="0", high="100", unit="%"), UNSET, "of `percent_of`"),
    Key("percent_of", kinds.choice(("initial", "day_start")), "initial", "what the percent is of"),
    Key("anchor", kinds.choice(Anchor), "balance", "what is measured at the day's start"),
    Key("trailing", kinds.choice(Trailing), "static", "how the anchor of an overall limit moves"),
    Key("locks_at_initial", kinds.flag(), False, "the floor never rises above the initial balance"),
    Key("clause", kinds.text(2_000, empty=True), "", "the firm's words"),
)

_PERMISSION = kinds.choice(Permission)
RULEBOOK = Section(
    "[rulebooks.NAME]",
    "A firm's rules for one programme and phase; `unknown` means no. A file named under `include`"
    " holds the same keys at its top.",
    Key("firm", NAME, REQUIRED, "the firm"),
    Key("programme", NAME, REQUIRED, "its programme"),
    Key("phase", NAME, REQUIRED, "phase of the programme"),
    Key("version", NAME, REQUIRED, "version of this record"),
    Key("source", kinds.text(1_024), REQUIRED, "title of the page the rules were read on"),
    Key("as_of", kinds.day(), REQUIRED, "day they were read"),
    Key("day_reset", kinds.clock_time(), "00:00", "local time at which the trading day starts"),
    Key("day_zone", NAME, "UTC", "IANA zone of `day_reset`"),
    Key("daily_loss", LOSS_LIMIT, UNSET, "daily loss limit"),
    Key("overall_loss", LOSS_LIMIT, UNSET, "overall loss limit"),
    Key(
        "risk_per_trade_percent",
        kinds.number(above="0", high="100", unit="%"),
        UNSET,
        "largest loss at the stop",
    ),
    Key("positions_max", kinds.whole(0, 1_000_000), UNSET, "open positions"),
    Key("orders_per_day_max", kinds.whole(0, 1_000_000), UNSET, "orders in one trading day"),
    Key("quantity_max", _POSITIVE, UNSET, "size of one order, base units"),
    Key("stop_required", kinds.flag(), False, "every entry needs a stop loss"),
    Key("automation", _PERMISSION, "unknown", "trading by program"),
    Key("copy_within_owner", _PERMISSION, "unknown", "one signal in several accounts of one owner"),
    Key("copy_between_owners", _PERMISSION, "unknown", "one signal in accounts of several owners"),
    Key("opposite_positions", _PERMISSION, "unknown", "opposite positions across accounts"),
    Key("clauses", kinds.MapOf(kinds.text(2_000)), {}, "the firm's words, by name of the rule"),
)

PROFILE = Section(
    "[accounts.NAME.profile]",
    "An account's execution profile.",
    Key("pace", kinds.fraction("0.5", "2"), "1", "multiplies its delays"),
    Key("size_factor", kinds.fraction(high="10", above="0"), "1", "multiplies its size"),
    Key(
        "aggression",
        kinds.fraction("0.1"),
        "1",
        "share (0.1 to 1) of what is left of `max_slippage` that a market order may give away",
    ),
    Key(
        "patience",
        kinds.fraction(),
        "0.5",
        "waits on partial fills last 0.5 + `patience` times as long",
    ),
    Key("sessions", kinds.ListOf(NAME, most=16), [], "sessions it prefers; has no effect yet"),
)

SYMBOL = Section(
    "[accounts.NAME.symbols.SYMBOL]",
    "Trading terms of one symbol in one account: exactly one of `leverage` and `margin_percent`.",
    Key("venue_symbol", NAME, UNSET, "the venue's name of it; else the same"),
    Key("contract_size", _POSITIVE, REQUIRED, "base units of one lot"),
    Key("lot_step", _POSITIVE, REQUIRED, "lots: every order is a multiple"),
    Key("lot_min", _POSITIVE, UNSET, "lots: smallest order; else one step"),
    Key("lot_max", _POSITIVE, REQUIRED, "lots: largest order"),
    Key("leverage", kinds.number("1", "10000"), UNSET, "notional over margin"),
    Key(
        "margin_percent",
        kinds.number(above="0", high="100", unit="%"),
        UNSET,
        "margin over notional",
    ),
    Key("commission_per_lot", kinds.number("0"), 0, "in the account's currency, each way"),
    Key("stop_distance_pips_min", kinds.number("0", unit="pips"), 0, "smallest distance of a stop"),
)

ACCOUNT = Section(
    "[accounts.NAME]",
    "One account. `[account_templates.NAME]` holds the same keys, all of them optional; an account"
    " names the templates it rests on and states only what differs.",
    Key("firm", NAME, UNSET, "the firm; else that of its rulebook"),
    Key("owner", NAME, REQUIRED, "legal owner; copying is judged by it"),
    Key("venue", NAME, REQUIRED, "a venue of this file"),
    Key("currency", kinds.currency(), REQUIRED, "of its balance"),
    Key("rulebook", NAME, REQUIRED, "a rulebook of this file"),
    Key("initial_balance", _POSITIVE, REQUIRED, "what the firm's limits are measured from"),
    Key("mode", kinds.choice(AccountMode), "active", "what it may do"),
    Key("position_mode", kinds.choice(PositionMode), "hedging", "how the venue keeps positions"),
    Key("group", kinds.text(empty=True), "", "by which signals may address it"),
    Key("positions_max", kinds.whole(0, 1_000_000), UNSET, "its own cap on open positions"),
    Key("orders_max", kinds.whole(0, 1_000_000), UNSET, "its own cap on open orders"),
    Key("quantity_max", _POSITIVE, UNSET, "its own cap on one order, base units"),
    Key(
        "risk_percent_max",
        kinds.number(above="0", high="100", unit="%"),
        UNSET,
        "its own cap on the loss at the stop, of equity",
    ),
    Key(
        "day_start_balance",
        _POSITIVE,
        UNSET,
        "what it had when the trading day of `day_start_at` began; else the first day is assumed",
    ),
    Key("day_start_at", kinds.moment(), UNSET, "any instant of that trading day"),
    Key("profile", Partial(PROFILE), {}, "execution profile"),
    Key("symbols", kinds.MapOf(Partial(SYMBOL), unit="table"), {}, "terms by symbol"),
)

SECTIONS = (
    BOOK,
    POLICY,
    failure_sections.FAILURES,
    COMPLETION,
    MARKET,
    INSTRUMENT,
    *venue_sections.SECTIONS,
    *failure_sections.SECTIONS,
    RULEBOOK,
    LOSS_LIMIT,
    ACCOUNT,
    PROFILE,
    SYMBOL,
)
TABLES = (
    "book",
    "policy",
    "market",
    "instruments",
    "venues",
    "failure_tables",
    "rulebooks",
    "account_templates",
    "accounts",
)
