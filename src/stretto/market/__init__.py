"""Market data: recorded quotes, statistics, sessions, daily bars and the ECB demo market.

Knows nothing of accounts, orders or venues; imports only the core and the ports.
"""

from stretto.market.bars import closes, load_daily_bars
from stretto.market.calendars import Calendars, VenueHours
from stretto.market.ecb import ecb_bars, ecb_days, ecb_instrument, ecb_market
from stretto.market.feed import SeriesMarket
from stretto.market.quotes import find_gaps, load_quote_files, load_quotes
from stretto.market.series import QuoteSeries
from stretto.market.sessions import FxWeek

__all__ = [
    "Calendars",
    "FxWeek",
    "QuoteSeries",
    "SeriesMarket",
    "VenueHours",
    "closes",
    "ecb_bars",
    "ecb_days",
    "ecb_instrument",
    "ecb_market",
    "find_gaps",
    "load_daily_bars",
    "load_quote_files",
    "load_quotes",
]
