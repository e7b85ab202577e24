"""Eligibility, room and score of a plan: µs of processor time per account, medians.

Half of the accounts hold one position; limits daily and overall, ten rulebooks, three currencies.
Run as ``python -m bench eligibility``.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from decimal import Decimal

from bench.scale import scaled
from stretto.core.gate.eligibility import judge_account
from stretto.core.gate.risk import room
from stretto.core.gate.scoring import base_score, complete, medians
from stretto.core.gate.trade import AccountView, TradeContext, trade_for
from stretto.core.terms.account import (
    Account,
    AccountSnapshot,
    DayAnchor,
    Ledger,
    Position,
    SymbolTerms,
)
from stretto.core.terms.calendar import Hours
from stretto.core.terms.market import Instrument, MarketStatistics, Quote, Reads
from stretto.core.terms.policy import Anchor, LossLimit, Permission, Policy, Rulebook
from stretto.core.values import NS_PER_MS, NS_PER_S, Side, parse_iso

AT = parse_iso("2014-05-02T12:30:00Z")
DAY = parse_iso("2014-05-01T22:00:00Z")
RUNS = scaled(15, 3)
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base_currency=symbol[:3],
        quote_currency=symbol[3:],
        pip=Decimal("0.0001"),
        tick=Decimal("0.00001"),
    )
    for symbol in ("EURUSD", "GBPUSD")
}


def make_views(count: int) -> list[AccountView]:
    """Views of ``count`` accounts that all pass."""
    books = [
        Rulebook(
            rulebook_id=f"r{n}",
            firm=f"firm {n}",
            programme="standard",
            phase="funded",
            version="1",
            source="terms",
            as_of="2014-01-01",
            day_zone="Europe/Prague",
            automation=Permission.ALLOWED,
            daily_loss=LossLimit(percent=Decimal(5), anchor=Anchor.HIGHER),
            overall_loss=LossLimit(percent=Decimal(10)),
        )
        for n in range(10)
    ]
    return [_view(n, books[n % 10]) for n in range(count)]


def _view(n: int, rulebook: Rulebook) -> AccountView:
    name, equity = f"a{n:05d}", Decimal(100_000 + n % 977) + Decimal("0.37")
    terms = SymbolTerms(
        venue_symbol="EURUSD",
        contract_size=Decimal(100_000),
        lot_step=Decimal("0.01"),
        lot_min=Decimal("0.01"),
        lot_max=Decimal(50),
        margin_rate=Decimal("0.0333"),
        commission_per_lot=Decimal("3.5"),
    )
    account = Account(
        account_id=name,
        firm=rulebook.firm,
        owner=f"owner {n}",
        venue="v",
        currency=("USD", "EUR", "GBP")[n % 3],
        rulebook=rulebook.rulebook_id,
        initial_balance=Decimal(100_000),
        symbols={"EURUSD": terms, "GBPUSD": terms},
    )
    held = Position(
        execution_id="e",
        account_id=name,
        symbol="GBPUSD",
        quantity=Decimal(20_000),
        average_price=Decimal("1.6880"),
        stop_loss=Decimal("1.6820"),
    )
    anchor = DayAnchor(
        day_started_at=DAY,
        balance=equity,
        equity=equity,
        peak_equity=equity,
        peak_end_of_day=equity,
    )
    return AccountView(
        account=account,
        snapshot=AccountSnapshot(
            account_id=name,
            at=AT - NS_PER_S,
            balance=equity,
            equity=equity,
            margin_used=Decimal("1124.67"),
        ),
        ledger=Ledger(
            anchor=anchor,
            submits=9,
            acknowledge_p95_ns=40 * NS_PER_MS,
            trades=12,
            hits=7,
            shortfall_pips_sum=Decimal("4.2"),
        ),
        positions=(held,) if n % 2 else (),
        rulebook=rulebook,
        heartbeat_at=AT - NS_PER_S,
        entering=(),
    )


def make_context() -> TradeContext:
    """A buy of EURUSD with a stop 40 pips below."""
    reads = Reads(
        quotes={
            "EURUSD": Quote(symbol="EURUSD", at=AT, bid=Decimal("1.38601"), ask=Decimal("1.38610")),
            "GBPUSD": Quote(symbol="GBPUSD", at=AT, bid=Decimal("1.68801"), ask=Decimal("1.68815")),
        },
        statistics={
            "EURUSD": MarketStatistics(
                symbol="EURUSD",
                at=AT,
                volatility_ppm=60,
                volatility_median_ppm=50,
                spread_median=Decimal("0.00009"),
            )
        },
    )
    return TradeContext(
        at=AT,
        symbol="EURUSD",
        side=Side.BUY,
        entry=Decimal("1.38610"),
        stop_loss=Decimal("1.38210"),
        expected_hold_ns=0,
        reads=reads,
        instruments=INSTRUMENTS,
        policy=Policy(exposure_max=Decimal(10) ** 12),
        book_currency="EUR",
        exposure_remaining=Decimal(10) ** 12,
        session=Hours(calendar="fx_week", is_open=True, known=True),
    )


def run_by_stage(views: list[AccountView]) -> int:
    """One plan's worth, each stage over all accounts before the next; returns how many passed."""
    context, quantity = make_context(), Decimal(13_000)
    middle = medians(view.ledger for view in views)
    trades = [trade_for(view, quantity, context) for view in views]
    rooms = [room(view, context) for view in views]
    rows = list(zip(views, trades, rooms, strict=True))
    passed = [row for row in rows if judge_account(*row, context) is None]
    return len([base_score(v, t, r, middle, context) for v, t, r in passed])


def run_by_account(views: list[AccountView]) -> int:
    """One plan's worth, account after account; returns how many passed."""
    context, quantity, passed = make_context(), Decimal(13_000), 0
    middle = medians(view.ledger for view in views)
    for view in views:
        trade = trade_for(view, quantity, context)
        rooms = room(view, context)
        if judge_account(view, trade, rooms, context) is None:
            base_score(view, trade, rooms, middle, context)
            passed += 1
    return passed


def stages(views: list[AccountView]) -> dict[str, Callable[[], object]]:
    """The same, one stage at a time."""
    context, quantity = make_context(), Decimal(13_000)
    middle = medians(view.ledger for view in views)
    trades = [trade_for(view, quantity, context) for view in views]
    rooms = [room(view, context) for view in views]
    rows = list(zip(views, trades, rooms, strict=True))
    bases = [base_score(v, t, r, middle, context) for v, t, r in rows]
    return {
        "by stage": lambda: run_by_stage(views),
        "by account": lambda: run_by_account(views),
        "trade": lambda: [trade_for(view, quantity, context) for view in views],
        "room": lambda: [room(view, context) for view in views],
        "eligibility": lambda: [judge_account(v, t, r, context) for v, t, r in rows],
        "score": lambda: [base_score(v, t, r, middle, context) for v, t, r in rows],
        "medians": lambda: medians(view.ledger for view in views),
        "complete": lambda: [complete(base, 500_000, context) for base in bases],
    }


def main() -> None:
    """Print the table."""
    print(f"{'accounts':>9} {'stage':<12} {'µs per account':>15}")
    for count in (1_000, 10_000):
        views = make_views(count)
        assert run_by_stage(views) == run_by_account(views) == count
        for name, stage in stages(views).items():
            times = []
            for _ in range(RUNS):
                gc.collect()
                start = time.process_time()
                stage()
                times.append(time.process_time() - start)
            print(f"{count:>9} {name:<12} {statistics.median(times) / count * 1e6:>15.2f}")


if __name__ == "__main__":
    main()
