"""The demo's book: invented firms, owners who hold accounts at several of them, and some trouble.

Accounts come in blocks of twelve that repeat the same relations with other owners, so that a book
of any size has firms that forbid copying, owners at two firms, and accounts that must be refused.
Knows nothing of quotes or signals.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from stretto.brokers.sim_config import RejectCode
from stretto.config.failure_tables import builtin_table
from stretto.config.instruments import contract_size_of, converts
from stretto.config.rulebooks import builtin_rulebook
from stretto.core.terms.account import (
    Account,
    AccountMode,
    ExecutionProfile,
    PositionMode,
    SymbolTerms,
)
from stretto.core.terms.market import Instrument
from stretto.core.terms.policy import BookConfig, Policy
from stretto.core.values import NS_PER_MS, PPM, draw, draw_below

_OWNER_LETTERS = "abcdefgh"
_TROUBLE_ACCOUNTS_MIN = 6


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds when the book opens, in its own currency; no position is open."""

    balance: Decimal
    equity: Decimal


class _Firm(NamedTuple):
    """An invented firm: where it trades and on which terms. ``contract_divisor`` makes its lots
    smaller than the standard ones; ``stop_pips`` is the least distance of a stop.
    """

    name: str
    short: str
    rulebook: str
    venue: str
    suffix: str
    contract_divisor: int
    lot_step: str
    lot_max: str
    leverage: int
    commission: str
    stop_pips: int
    position_mode: PositionMode
    balances: tuple[int, ...]


_GRANITE = _Firm(
    name="Granite Example Funding",
    short="granite",
    rulebook="granite-evaluation",
    venue="alpha",
    suffix="",
    contract_divisor=1,
    lot_step="0.01",
    lot_max="50",
    leverage=100,
    commission="3",
    stop_pips=0,
    position_mode=PositionMode.HEDGING,
    balances=(100_000, 200_000),
)
_HARBOUR = _Firm(
    name="Harbour Example Capital",
    short="harbour",
    rulebook="harbour-funded",
    venue="beta",
    suffix=".r",
    contract_divisor=1,
    lot_step="0.01",
    lot_max="20",
    leverage=25,
    commission="0",
    stop_pips=0,
    position_mode=PositionMode.HEDGING,
    balances=(60_000, 80_000, 120_000),
)
_NORTHFIELD = _Firm(
    name="Northfield Example Markets",
    short="northfield",
    rulebook="northfield-brokerage",
    venue="gamma",
    suffix="",
    contract_divisor=10,
    lot_step="0.1",
    lot_max="300",
    leverage=50,
    commission="0.25",
    stop_pips=2,
    position_mode=PositionMode.NETTING,
    balances=(90_000, 150_000, 250_000),
)


class _Slot(NamedTuple):
    """One place in a block: the firm, the owner (0-7), and what is particular about the account."""

    firm: _Firm
    owner: int
    currency: str = "USD"
    trouble: str = ""
    coarse: bool = False
    unmapped: bool = False


# Owner 0 has an account at Granite, which forbids copying within an owner, and one at Harbour;
# owner 1 two at Harbour, which allows it; owner 2 two at Northfield, which does not say.
_BLOCK = (
    _Slot(_GRANITE, 0),
    _Slot(_HARBOUR, 1),
    _Slot(_NORTHFIELD, 2, "EUR"),
    _Slot(_HARBOUR, 1, coarse=True),
    _Slot(_GRANITE, 3),
    _Slot(_NORTHFIELD, 4, unmapped=True),
    _Slot(_HARBOUR, 5, "EUR", trouble="loss_limit"),
    _Slot(_GRANITE, 5, trouble="close_only"),
    _Slot(_HARBOUR, 0, "GBP"),
    _Slot(_GRANITE, 6, trouble="suspended"),
    _Slot(_NORTHFIELD, 2),
    _Slot(_NORTHFIELD, 7, trouble="low_margin"),
)

_VENUES: dict[str, dict[str, Any]] = {
    "alpha": {
        "latency_request_ns": (5 * NS_PER_MS, 60 * NS_PER_MS),
        "latency_report_ns": (5 * NS_PER_MS, 60 * NS_PER_MS),
    },
    "beta": {
        "latency_request_ns": (20 * NS_PER_MS, 140 * NS_PER_MS),
        "latency_report_ns": (20 * NS_PER_MS, 140 * NS_PER_MS),
        "requote_ppm": 20_000,
        "depth_lots": Decimal(2),
    },
    "gamma": {
        "latency_request_ns": (40 * NS_PER_MS, 300 * NS_PER_MS),
        "latency_report_ns": (40 * NS_PER_MS, 300 * NS_PER_MS),
        "requote_ppm": 30_000,
        "reject_ppm": {RejectCode.OFF_QUOTES: 10_000, RejectCode.TOO_MANY_ORDERS: 4_000},
        # Its lots are a tenth of the others'.
        "depth_lots": Decimal(15),
    },
}


def demo_accounts(
    count: int, world_key: str, instruments: Mapping[str, Instrument]
) -> tuple[dict[str, Account], dict[str, Opening]]:
    """``count`` accounts by id, and what they hold at the start."""
    currencies = {
        each
        for each in ("USD", "EUR", "GBP")
        if all(
            converts(instrument.quote_currency, each, instruments.values())
            for instrument in instruments.values()
        )
    }
    fallback = "USD" if "USD" in currencies else _common_currency(instruments)
    width = max(2, len(str(count)))
    accounts, opening = {}, {}
    for index in range(count):
        slot = _BLOCK[index % len(_BLOCK)]
        account_id = f"{slot.firm.short}-{index + 1:0{width}d}"
        currency = slot.currency if slot.currency in currencies else fallback
        trouble = slot.trouble if count >= _TROUBLE_ACCOUNTS_MIN else ""
        account = _account(account_id, index, slot, currency, trouble, world_key, instruments)
        accounts[account_id] = account
        opening[account_id] = _opening(account, trouble, world_key)
    return accounts, opening


def demo_config(
    world_key: str, instruments: Mapping[str, Instrument], accounts: dict[str, Account]
) -> tuple[BookConfig, dict[str, dict[str, Any]]]:
    """The book of these accounts, and the options of the venues that they use."""
    rulebooks = sorted({account.rulebook for account in accounts.values()})
    currency = next(iter(accounts.values())).currency
    config = BookConfig(
        book_id="demo",
        book_key=world_key,
        currency=currency,
        policy=Policy(policy_id="demo", exposure_max=Decimal(200_000 * len(accounts))),
        instruments=dict(instruments),
        rulebooks={name: builtin_rulebook(name) for name in rulebooks},
        accounts=accounts,
        failure_tables={account.venue: builtin_table("sim") for account in accounts.values()},
    )
    venues = sorted({account.venue for account in accounts.values()})
    return config, {name: dict(_VENUES[name]) for name in venues}


def _common_currency(instruments: Mapping[str, Instrument]) -> str:
    """A quote currency that all the others convert to; the first where there is none."""
    quotes = [instrument.quote_currency for instrument in instruments.values()]
    for currency in quotes:
        if all(converts(other, currency, instruments.values()) for other in quotes):
            return currency
    return quotes[0]


def _account(
    account_id: str,
    index: int,
    slot: _Slot,
    currency: str,
    trouble: str,
    world_key: str,
    instruments: Mapping[str, Instrument],
) -> Account:
    block = index // len(_BLOCK)
    firm = slot.firm
    balances = firm.balances
    initial = balances[_below(world_key, account_id, "balance", len(balances))]
    mode = {"close_only": AccountMode.CLOSE_ONLY, "suspended": AccountMode.SUSPENDED}
    names = list(instruments)
    if slot.unmapped and len(names) > 1:
        names.pop()
    leverage = 2 if trouble == "low_margin" else firm.leverage
    return Account(
        account_id=account_id,
        firm=firm.name,
        owner=f"owner-{_OWNER_LETTERS[slot.owner]}{block + 1 if block else ''}",
        venue=firm.venue,
        currency=currency,
        rulebook=firm.rulebook,
        initial_balance=Decimal(25_000 if trouble == "low_margin" else initial),
        mode=mode.get(trouble, AccountMode.ACTIVE),
        position_mode=firm.position_mode,
        group=firm.short,
        profile=ExecutionProfile(
            pace=PPM * (70 + _below(world_key, account_id, "pace", 81)) // 100,
            size_factor=PPM * (80 + _below(world_key, account_id, "size", 41)) // 100,
        ),
        symbols={
            name: _terms(instruments[name], firm, leverage, coarse=slot.coarse) for name in names
        },
        positions_max=20,
        risk_percent_max=Decimal(1),
    )


def _terms(instrument: Instrument, firm: _Firm, leverage: int, *, coarse: bool) -> SymbolTerms:
    metal = instrument.base_currency in ("XAU", "XAG")
    step = Decimal(firm.lot_step) * (10 if coarse else 1)
    stop_pips = firm.stop_pips * (10 if metal else 1)
    return SymbolTerms(
        venue_symbol=instrument.symbol + firm.suffix,
        contract_size=contract_size_of(instrument.symbol) / firm.contract_divisor,
        lot_step=step,
        lot_min=step,
        lot_max=Decimal(firm.lot_max),
        margin_rate=Decimal(1) / leverage * (2 if metal and leverage > 2 else 1),
        commission_per_lot=Decimal(firm.commission),
        stop_distance_min=instrument.pip * stop_pips,
    )


def _opening(account: Account, trouble: str, world_key: str) -> Opening:
    """Between 1.5 % below and 4 % above the initial balance; near its floor where that is asked."""
    permille = 985 + _below(world_key, account.account_id, "opening", 56)
    if trouble == "loss_limit":
        # Harbour's floor is at 94 % of the initial balance: a hundredth of a percent is left.
        balance = account.initial_balance * 9_401 / 10_000
    elif trouble == "low_margin":
        balance = account.initial_balance * 6 / 10
    else:
        cents = _below(world_key, account.account_id, "cents", 10_000)
        balance = account.initial_balance * permille / 1_000 + Decimal(cents).scaleb(-2)
    balance = balance.quantize(Decimal("0.01"))
    return Opening(balance=balance, equity=balance)


def _below(world_key: str, account_id: str, purpose: str, bound: int) -> int:
    return draw_below(bound, draw(world_key, "account", account_id, purpose))
