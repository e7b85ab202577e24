"""One account, one rulebook, one signal, for the tests of eligibility, risk and score to vary."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from stretto.core.gate.risk import Room
from stretto.core.gate.rules import REGISTRY, Verdict, _verdict
from stretto.core.gate.trade import AccountView, Trade, TradeContext
from stretto.core.terms.account import (
    Account,
    AccountSnapshot,
    DayAnchor,
    Entering,
    Ledger,
    Position,
    SymbolTerms,
)
from stretto.core.terms.calendar import Hours
from stretto.core.terms.market import Instrument, MarketStatistics, Quote, Reads
from stretto.core.terms.policy import LossLimit, Permission, Policy, Rulebook
from stretto.core.values import Side, parse_iso

AT = parse_iso("2014-05-02T12:30:00Z")
DAY = parse_iso("2014-05-02T00:00:00Z")
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base_currency=symbol[:3],
        quote_currency=symbol[3:],
        pip=Decimal("0.0001"),
        tick=Decimal("0.00001"),
    )
    for symbol in ("EURUSD", "GBPUSD", "USDJPY")
}
TERMS = SymbolTerms(
    venue_symbol="EURUSD",
    contract_size=Decimal(100_000),
    lot_step=Decimal("0.01"),
    lot_min=Decimal("0.01"),
    lot_max=Decimal(50),
    margin_rate=Decimal("0.02"),
)
RULEBOOK = Rulebook(
    rulebook_id="r",
    firm="Firm",
    programme="standard",
    phase="funded",
    version="1",
    source="General terms",
    as_of="2014-01-01",
    automation=Permission.ALLOWED,
    copy_within_owner=Permission.ALLOWED,
    copy_between_owners=Permission.ALLOWED,
    opposite_positions=Permission.ALLOWED,
)
DAILY = LossLimit(percent=Decimal(5), clause="3.1 Maximum daily loss")


def quote(symbol: str, bid: str, ask: str, at: int = AT) -> Quote:
    return Quote(symbol=symbol, at=at, bid=Decimal(bid), ask=Decimal(ask))


QUOTES = {
    "EURUSD": quote("EURUSD", "1.3860", "1.3861"),
    "GBPUSD": quote("GBPUSD", "1.6880", "1.6882"),
}
STATISTICS = {
    "EURUSD": MarketStatistics(
        symbol="EURUSD",
        at=AT,
        volatility_ppm=100,
        volatility_median_ppm=100,
        spread_median=Decimal("0.0001"),
    )
}


def account(account_id: str = "a", **changes: Any) -> Account:
    fields: dict[str, Any] = {
        "account_id": account_id,
        "firm": "Firm",
        "owner": "owner",
        "venue": "venue",
        "currency": "USD",
        "rulebook": "r",
        "initial_balance": Decimal(100_000),
        "symbols": {"EURUSD": TERMS, "GBPUSD": TERMS},
    }
    return Account(**(fields | changes))


def anchor(value: str = "100000", **changes: Any) -> DayAnchor:
    made = DayAnchor(
        day_started_at=DAY,
        balance=Decimal(value),
        equity=Decimal(value),
        peak_equity=Decimal(value),
        peak_end_of_day=Decimal(value),
    )
    return replace(made, **changes)


def snapshot(equity: str = "100000", **changes: Any) -> AccountSnapshot:
    fields: dict[str, Any] = {
        "account_id": "a",
        "at": AT,
        "balance": Decimal(equity),
        "equity": Decimal(equity),
        "margin_used": Decimal(0),
    }
    return AccountSnapshot(**(fields | changes))


def position(quantity: str, symbol: str = "EURUSD", **changes: Any) -> Position:
    fields: dict[str, Any] = {
        "execution_id": "e1",
        "account_id": "a",
        "symbol": symbol,
        "quantity": Decimal(quantity),
        "average_price": Decimal("1.38"),
    }
    return Position(**(fields | changes))


def entering(quantity: str, execution_id: str = "e9", **changes: Any) -> Entering:
    made = Entering(execution_id, "EURUSD", Decimal(quantity), Decimal("1.3821"))
    return made._replace(**changes)


def view(**changes: Any) -> AccountView:
    made = AccountView(
        account=account(),
        snapshot=snapshot(),
        ledger=Ledger(anchor=anchor()),
        positions=(),
        rulebook=RULEBOOK,
        heartbeat_at=AT,
        entering=(),
    )
    return made._replace(**changes)


IN_SESSION = Hours(calendar="fx_week", is_open=True, known=True)


def context(**changes: Any) -> TradeContext:
    fields: dict[str, Any] = {
        "at": AT,
        "symbol": "EURUSD",
        "side": Side.BUY,
        "entry": Decimal("1.3861"),
        "stop_loss": Decimal("1.3821"),
        "expected_hold_ns": 0,
        "reads": Reads(quotes=QUOTES, statistics=STATISTICS),
        "instruments": INSTRUMENTS,
        "policy": Policy(),
        "book_currency": "USD",
        "session": IN_SESSION,
    }
    return TradeContext(**(fields | changes))


def verdicts_of(
    of: AccountView, trade: Trade, room: Room, within: TradeContext
) -> tuple[Verdict, ...]:
    """The verdict of every rule that the account's rulebook states, in the order of the table."""
    case = (of, trade, room, within)
    return tuple(_verdict(rule, case) for rule in REGISTRY if rule.states(of.rulebook))
