"""A demo world over the ECB market of the payrolls day, which needs no file."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache
from typing import Any

import msgspec

from stretto.core.terms.market import Bar
from stretto.market import SeriesMarket, ecb_bars, ecb_market
from stretto.simulation.world import DemoWorld, demo_world

SYMBOLS = ("EURUSD", "GBPUSD", "NZDUSD")
DAY = date(2014, 5, 2)


@cache
def market() -> SeriesMarket:
    return SeriesMarket(ecb_market(SYMBOLS, DAY, 7))


@cache
def bars() -> dict[str, tuple[Bar, ...]]:
    return ecb_bars(SYMBOLS, date(2014, 5, 9), 90)


def world(accounts: int = 12, signals: int = 20, seed: int = 7, **changes: Any) -> DemoWorld:
    where = market()
    arguments: dict[str, Any] = {
        "symbols": SYMBOLS,
        "bars": bars(),
        "starts_at": where.starts_at,
        "ends_at": where.ends_at,
        "quote": where.quote,
    }
    return demo_world(accounts=accounts, signals=signals, seed=seed, **(arguments | changes))


def fingerprint(made: DemoWorld) -> str:
    """A digest of everything in the world, in the order in which it stands there."""
    return hashlib.sha256(msgspec.json.encode(made)).hexdigest()


if __name__ == "__main__":
    print(fingerprint(world()))  # noqa: T201 - read by the test that runs this in other processes
