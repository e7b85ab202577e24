"""The book of a seed: one to three firms with rulebooks, two to eight accounts at their venues.

Most rules permit what a coordinator wants to do, or nothing would be sent; every rule is drawn to
bind somewhere. Knows nothing of signals, faults or what runs the book.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from stretto.brokers.sim_config import RejectCode, SimVenueConfig
from stretto.config.failure_tables import builtin_table
from stretto.config.instruments import contract_size_of
from stretto.core.terms.account import (
    Account,
    AccountMode,
    BarReturn,
    ExecutionProfile,
    PositionMode,
    SymbolTerms,
)
from stretto.core.terms.market import Instrument
from stretto.core.terms.policy import (
    Anchor,
    BookConfig,
    CompletionPolicy,
    LossLimit,
    Permission,
    Policy,
    Rulebook,
    Trailing,
)
from stretto.core.terms.report import TimeInForce
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import NS_PER_MS, NS_PER_S, PPM
from stretto.simulation.draws import Draws

BOOK_ID = "simulated"
ACCOUNTS = (2, 8)
_ZONES = ("UTC", "America/New_York", "Europe/London", "Asia/Tokyo")
_RETURN_PPB = 5_000_000


def draw_config(seed: Draws, instruments: Mapping[str, Instrument], zone: str) -> BookConfig:
    """The configuration; where ``zone`` is named, a firm's day may begin there."""
    draws = seed.within("book")
    venues = tuple(f"venue-{letter}" for letter in "abc"[: draws.between("venues", 1, 3)])
    firms = tuple(f"Firm {letter}" for letter in "ABC"[: draws.between("firms", 1, 3)])
    rulebooks = {firm: _rulebook(draws.within(firm), firm, zone) for firm in firms}
    modes = {
        venue: draws.pick(f"mode {venue}", (2, PositionMode.HEDGING), (1, PositionMode.NETTING))
        for venue in venues
    }
    accounts = {}
    for number in range(draws.between("accounts", *ACCOUNTS)):
        own = draws.within("account", str(number))
        venue = venues[own.below("venue", len(venues))]
        firm = firms[own.below("firm", len(firms))]
        account = _account(own, f"acc-{number + 1}", firm, venue, modes[venue], instruments)
        accounts[account.account_id] = account
    return BookConfig(
        book_id=BOOK_ID,
        book_key=str(draws.below("key", 1 << 63)),
        currency="USD",
        policy=_policy(draws, len(accounts)),
        instruments=dict(instruments),
        rulebooks={book.rulebook_id: book for book in rulebooks.values()},
        accounts=accounts,
        failure_tables={venue: builtin_table("sim") for venue in venues},
        maintenance={
            venue: ("17:00-17:05 America/New_York",)
            for venue in venues
            if draws.chance(f"maintenance {venue}", 20)
        },
        capabilities={venue: _declared(seed.within("venue", venue)) for venue in venues},
    )


def draw_venues(seed: Draws, config: BookConfig) -> dict[str, SimVenueConfig]:
    """How each venue of the configuration behaves; none answers within the call."""
    return {
        venue: _venue(seed.within("venue", venue), venue) for venue in sorted(config.failure_tables)
    }


def draw_balances(seed: Draws, config: BookConfig) -> dict[str, Decimal]:
    """What each account holds when the book opens; some are near their floor or nearly empty."""
    draws, balances = seed.within("balances"), {}
    for name, account in config.accounts.items():
        permille = draws.pick(f"state {name}", (24, 1_000), (1, 952), (1, 905), (1, 40))
        permille += draws.between(f"off {name}", -15, 25)
        balances[name] = (account.initial_balance * permille / 1_000).quantize(Decimal("0.01"))
    return balances


def draw_histories(
    seed: Draws, config: BookConfig, days: tuple[str, ...]
) -> dict[str, tuple[BarReturn, ...]]:
    """Past returns of each account: its own, in part those of a family, in some books too few."""
    draws, histories = seed.within("histories"), {}
    families = draws.between("families", 1, 4)
    for place, name in enumerate(config.accounts):
        share = draws.pick(f"share {name}", (4, 0), (2, 50), (1, 90))
        count = draws.pick(f"known {name}", (8, len(days)), (1, 15), (1, 0))
        returns = []
        for day in days[len(days) - count :]:
            own = draws.between(f"return {name} {day}", -_RETURN_PPB, _RETURN_PPB)
            common = draws.between(f"family {place % families} {day}", -_RETURN_PPB, _RETURN_PPB)
            value = (own * (100 - share) + common * share) // 100
            returns.append(BarReturn(day=day, return_ppb=value))
        histories[name] = tuple(returns)
    return histories


def _rulebook(draws: Draws, firm: str, zone: str) -> Rulebook:
    def permission(name: str) -> Permission:
        return draws.pick(
            name, (30, Permission.ALLOWED), (1, Permission.FORBIDDEN), (1, Permission.UNKNOWN)
        )

    zones = (_ZONES + (zone,) * 4) if zone else _ZONES
    daily = LossLimit(
        percent=Decimal(draws.between("daily", 2, 6)),
        anchor=draws.pick("anchor", *((1, each) for each in Anchor)),
    )
    overall = LossLimit(
        percent=Decimal(draws.between("overall", 6, 12)),
        trailing=draws.pick("trailing", *((1, each) for each in Trailing)),
        locks_at_initial=draws.chance("locks", 30),
    )
    return Rulebook(
        rulebook_id=f"rules of {firm}",
        firm=firm,
        programme="simulated",
        phase="funded",
        version="1",
        source="drawn",
        as_of="2024-01-01",
        day_reset=draws.pick("reset", (3, "00:00"), (2, "17:00"), (1, "08:30")),
        day_zone=zones[draws.below("zone", len(zones))],
        daily_loss=daily if draws.chance("has daily", 70) else None,
        overall_loss=overall if draws.chance("has overall", 70) else None,
        risk_per_trade_percent=draws.pick("per trade", (3, None), (1, Decimal(1))),
        positions_max=draws.pick("positions", (8, None), (2, 5), (1, 1)),
        orders_per_day_max=draws.pick("orders", (5, None), (1, 30), (1, 5)),
        quantity_max=draws.pick("quantity", (6, None), (1, Decimal(30_000))),
        stop_required=draws.chance("stop", 40),
        automation=draws.pick("automation", (20, Permission.ALLOWED), (1, Permission.UNKNOWN)),
        copy_within_owner=permission("within"),
        copy_between_owners=permission("between"),
        opposite_positions=permission("opposite"),
    )


def _account(
    draws: Draws,
    account_id: str,
    firm: str,
    venue: str,
    mode: PositionMode,
    instruments: Mapping[str, Instrument],
) -> Account:
    mapped = [s for s in sorted(instruments) if s == "EURUSD" or not draws.chance(f"un{s}", 10)]
    return Account(
        account_id=account_id,
        firm=firm,
        owner=f"owner {draws.pick('owner', (3, account_id), (1, 'common'))}",
        venue=venue,
        currency=draws.pick("currency", (4, "USD"), (1, "EUR")),
        rulebook=f"rules of {firm}",
        initial_balance=Decimal(draws.pick("balance", (1, 50_000), (2, 100_000), (1, 200_000))),
        mode=draws.pick(
            "status",
            (24, AccountMode.ACTIVE),
            (1, AccountMode.CLOSE_ONLY),
            (1, AccountMode.SUSPENDED),
        ),
        position_mode=mode,
        group=draws.pick("group", (1, "one"), (1, "two")),
        profile=ExecutionProfile(
            pace=PPM * draws.between("pace", 50, 200) // 100,
            size_factor=PPM * draws.between("size", 70, 130) // 100,
            aggression=PPM * draws.pick("aggression", (3, 100), (1, 40), (1, 10)) // 100,
        ),
        symbols={symbol: _terms(draws, symbol, instruments[symbol]) for symbol in mapped},
        positions_max=draws.pick("positions", (3, None), (1, 20), (1, 2)),
        orders_max=draws.pick("orders", (4, None), (1, 3)),
        risk_percent_max=draws.pick("risk", (2, None), (1, Decimal(1))),
    )


def _terms(draws: Draws, symbol: str, instrument: Instrument) -> SymbolTerms:
    step = draws.pick(f"step {symbol}", (4, Decimal("0.01")), (1, Decimal("0.1")))
    return SymbolTerms(
        venue_symbol=symbol + draws.pick("suffix", (2, ""), (1, ".x")),
        contract_size=contract_size_of(symbol),
        lot_step=step,
        lot_min=step,
        lot_max=Decimal(draws.pick(f"most {symbol}", (3, 50), (1, 1))),
        margin_rate=Decimal(1) / draws.pick(f"leverage {symbol}", (2, 100), (2, 30), (1, 5)),
        commission_per_lot=Decimal(draws.pick(f"fee {symbol}", (1, 0), (1, 3))),
        stop_distance_min=instrument.pip * draws.pick(f"stop {symbol}", (2, 0), (1, 3), (1, 15)),
    )


def _policy(draws: Draws, accounts: int) -> Policy:
    shape = draws.pick("approval", (7, "none"), (1, "always"), (1, "many"), (1, "risk"))
    return Policy(
        policy_id="simulated",
        accounts_max=draws.pick("most", (6, 50), (1, 3), (1, 1)),
        owner_accounts_max=draws.pick("owner", (8, None), (1, 1)),
        exposure_max=draws.pick("exposure", (3, None), (1, Decimal(60_000 * accounts))),
        shared_stop_allowed=draws.chance("shared stop", 80),
        completion=CompletionPolicy(
            reroutes_max=draws.pick("reroutes", (3, 1), (1, 0)),
            replaces_max=draws.pick("replaces", (3, 1), (1, 0)),
        ),
        approval_always=shape == "always",
        approval_accounts_over=2 if shape == "many" else None,
        approval_risk_over=Decimal("0.2") if shape == "risk" else None,
    )


def _venue(draws: Draws, venue: str) -> SimVenueConfig:
    def latency(name: str) -> tuple[int, int]:
        least = draws.pick(name, (3, 5), (2, 40), (1, 300))
        return least * NS_PER_MS, least * draws.between(f"{name} spread", 2, 12) * NS_PER_MS

    rejects = draws.pick("rejects", (3, 0), (2, 5_000), (1, 60_000))
    deciding = draws.pick(
        "deciding", (4, (0, 0)), (2, (20, 900)), (2, (500, 4_000)), (1, (3_000, 20_000))
    )
    return SimVenueConfig(
        venue=venue,
        latency_request_ns=latency("request"),
        latency_report_ns=latency("report"),
        depth_lots=draws.pick(
            "depth", (2, Decimal(3)), (1, Decimal("0.3")), (1, Decimal("0.05")), (1, Decimal(50))
        ),
        depth_levels=draws.between("levels", 1, 7),
        requote_ppm=draws.pick("requotes", (2, 0), (2, 10_000), (1, 150_000)),
        reject_ppm={RejectCode.OFF_QUOTES: rejects, RejectCode.OTHER: rejects // 5},
        heartbeat_ns=draws.pick("heartbeat", (3, 1), (1, 3)) * NS_PER_S,
        deciding_ns=(deciding[0] * NS_PER_MS, deciding[1] * NS_PER_MS),
        exec_ids_daily=draws.chance("daily ids", 30),
        capabilities=_declared(draws),
    )


def _declared(draws: Draws) -> VenueCapabilities:
    return VenueCapabilities(
        absence_is_proof=draws.chance("absence", 50),
        attached_stops=draws.chance("attached", 60),
        replaces_orders=draws.chance("replaces", 75),
        amends_protection=draws.chance("amends", 80),
        times_in_force=draws.pick(
            "times in force",
            (4, tuple(TimeInForce)),
            (1, (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC)),
        ),
    )
