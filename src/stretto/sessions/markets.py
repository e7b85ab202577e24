"""The market of a session: recorded quote files, or ECB reference rates with a seeded path.

Also finds each symbol's daily bars. Knows nothing of accounts, signals or books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from stretto.core.errors import InvalidInput
from stretto.core.terms.market import Bar
from stretto.market import (
    SeriesMarket,
    closes,
    ecb_bars,
    ecb_market,
    load_daily_bars,
    load_quote_files,
)
from stretto.market.bars import HEADER as BARS_HEADER
from stretto.market.quotes import symbol_of
from stretto.market.sessions import utc_date

DEMO_DAY = date(2024, 3, 15)
"""A Friday: fixed, so that the demo does not change as the package with the rates grows."""
DEMO_SYMBOLS = ("AUDUSD", "EURGBP", "EURUSD", "GBPUSD", "NZDUSD", "USDCAD")
ECB = "ECB reference rates"


@dataclass(frozen=True, kw_only=True)
class SessionMarket:
    """Quotes and daily bars. ``bars_from`` says of each symbol where its bars came from; those in
    ``without_bars`` have none, so that no account can be given them.
    """

    market: SeriesMarket
    bars: Mapping[str, tuple[Bar, ...]]
    bars_from: Mapping[str, str]
    source: str

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that have quotes, sorted."""
        return self.market.symbols

    @property
    def without_bars(self) -> tuple[str, ...]:
        """Symbols without daily bars, sorted."""
        return tuple(symbol for symbol in self.symbols if symbol not in self.bars)


def recorded_market(quotes: Sequence[str], daily: Sequence[str]) -> SessionMarket:
    """The market of quote files. Bars of a symbol come from ``daily``, else from beside its quotes
    (``SYMBOL.csv`` or ``daily/SYMBOL.csv`` there, or ``../daily/SYMBOL.csv``), else from the ECB.
    Raises InvalidInput with file and line.
    """
    series = load_quote_files(quotes)
    market = SeriesMarket(series)
    folders: dict[str, list[Path]] = {}
    for each in quotes:
        folders.setdefault(symbol_of(Path(each)), []).append(Path(each).absolute().parent)
    given = {symbol_of(Path(each)): Path(each) for each in daily}
    for symbol in sorted(given):
        if symbol not in market.symbols:
            raise InvalidInput(
                str(given[symbol]), f"there are no quotes of {symbol}", "bars of a quoted symbol"
            )
    bars: dict[str, tuple[Bar, ...]] = {}
    bars_from: dict[str, str] = {}
    path: Path | None
    for symbol in market.symbols:
        until = utc_date(series[symbol].starts_at) - timedelta(days=1)
        path = given.get(symbol) or _beside(symbol, folders.get(symbol, []), quotes)
        if path is not None:
            found = closes(load_daily_bars(path)[1], until)
            if found:
                bars[symbol], bars_from[symbol] = found, str(path)
        elif (rates := _ecb_bars(symbol, until)) is not None:
            bars[symbol], bars_from[symbol] = rates, ECB
    return SessionMarket(
        market=market, bars=bars, bars_from=bars_from, source=f"{len(quotes)} quote file(s)"
    )


def drawn_market(symbols: Sequence[str], day: date, seed: int, days: int = 1) -> SessionMarket:
    """Real ECB fixings, a seeded path between them, from ``day`` on; bars up to the day before."""
    market = SeriesMarket(ecb_market(symbols, day, seed, days))
    bars = ecb_bars(symbols, day - timedelta(days=1))
    return SessionMarket(
        market=market,
        bars=bars,
        bars_from=dict.fromkeys(symbols, ECB),
        source=f"ECB reference rates around {day.isoformat()}, a seeded path between fixings",
    )


def _beside(symbol: str, folders: Sequence[Path], quotes: Sequence[str]) -> Path | None:
    taken = {Path(path).resolve() for path in quotes}
    for folder in dict.fromkeys(folders):
        for place in (folder, folder / "daily", folder.parent / "daily"):
            for name in (f"{symbol}.csv", f"{symbol}.csv.gz"):
                path = place / name
                if path.is_file() and path.resolve() not in taken and _holds_bars(path):
                    return path
    return None


def _holds_bars(path: Path) -> bool:
    """A plain file beside the quotes counts as bars only where its first line says so."""
    if path.suffix == ".gz":
        return True
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.readline(200).strip() == BARS_HEADER
    except OSError:
        return False


def _ecb_bars(symbol: str, until: date) -> tuple[Bar, ...] | None:
    try:
        return ecb_bars((symbol,), until)[symbol]
    except InvalidInput:
        return None
