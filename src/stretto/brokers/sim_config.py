"""Settings of the simulated venue: accounts, latency, depth, and why it refuses.

Knows nothing of matching, and nothing of who sends the orders.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field

from stretto.core.errors import InvalidInput
from stretto.core.terms.account import PositionMode, SymbolTerms
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import NS_PER_MS, NS_PER_S, PPM


class RejectCode(StrEnum):
    """Why the venue refuses an order (``ExecutionReport.reject_code``) or ends it early."""

    ACCOUNT_DISABLED = "account_disabled"
    UNKNOWN_SYMBOL = "unknown_symbol"
    INVALID_ORDER = "invalid_order"
    INVALID_VOLUME = "invalid_volume"
    POSITION_GONE = "position_gone"
    TOO_MANY_ORDERS = "too_many_orders"
    MARKET_CLOSED = "market_closed"
    OFF_QUOTES = "off_quotes"
    INVALID_STOPS = "invalid_stops"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    PRICE_CHANGED = "price_changed"
    DUPLICATE_ORDER = "duplicate_order"
    NOT_SUPPORTED = "not_supported"
    RATE_LIMITED = "rate_limited"
    OTHER = "other"


class SimAccount(Struct, frozen=True, kw_only=True):
    """One account of the venue; ``symbols`` by the symbol that orders name."""

    account_id: str
    currency: str
    balance: Decimal
    symbols: dict[str, SymbolTerms]
    position_mode: PositionMode = PositionMode.HEDGING


class SimVenueConfig(Struct, frozen=True, kw_only=True):
    """How the venue behaves. Ranges are (least, most), drawn evenly per message; (0, 0) in both
    delivers within ``send``.

    ``depth_lots``: mean size of the first price level at median spread and volatility, in lots of
    the account's terms; each level further out shows half of that more. ``requote_ppm`` of market
    orders are refused as ``price_changed``; ``reject_ppm`` is the share refused for each code, for
    no reason that the sender could know. ``quote_age_ns_max``: an older quote trades nothing.
    ``deciding_ns``: how long a cancel or replace is pending; where it is not 0, the venue says so
    first. ``exec_ids_daily``: execution ids are numbers that begin anew with each trading day.
    """

    venue: str = "sim"
    latency_request_ns: tuple[int, int] = (5 * NS_PER_MS, 60 * NS_PER_MS)
    latency_report_ns: tuple[int, int] = (5 * NS_PER_MS, 60 * NS_PER_MS)
    depth_lots: Decimal = Decimal(3)
    depth_levels: int = 5
    requote_ppm: int = 10_000
    reject_ppm: dict[RejectCode, int] = field(
        default_factory=lambda: {RejectCode.OFF_QUOTES: 4_000, RejectCode.TOO_MANY_ORDERS: 1_000}
    )
    orders_working_max: int = 200
    quote_age_ns_max: int = 120 * NS_PER_S
    heartbeat_ns: int = NS_PER_S
    deciding_ns: tuple[int, int] = (0, 0)
    exec_ids_daily: bool = False
    capabilities: VenueCapabilities = VenueCapabilities()

    def __post_init__(self) -> None:
        place = f"venue {self.venue}"
        for name, (least, most) in (
            ("latency_request_ns", self.latency_request_ns),
            ("latency_report_ns", self.latency_report_ns),
            ("deciding_ns", self.deciding_ns),
        ):
            if not 0 <= least <= most:
                raise InvalidInput(f"{place}.{name}", f"{(least, most)}", "0 ≤ least ≤ most")
        shares = (self.requote_ppm, *self.reject_ppm.values())
        if min(shares) < 0 or sum(shares) > PPM:
            raise InvalidInput(f"{place}.reject_ppm", f"{shares}", "shares of together at most 1e6")
        if not 1 <= self.depth_levels <= 7:
            raise InvalidInput(f"{place}.depth_levels", f"{self.depth_levels}", "1 to 7")
        if not self.depth_lots.is_finite() or self.depth_lots <= 0:
            raise InvalidInput(f"{place}.depth_lots", f"{self.depth_lots}", "a positive number")

    @property
    def immediate(self) -> bool:
        """True where nothing takes time: answers arrive within ``send``."""
        return self.latency_request_ns[1] == 0 and self.latency_report_ns[1] == 0


def frictionless(venue: str = "sim") -> SimVenueConfig:
    """A venue without latency, chance refusals or scarcity: for benchmarks and exact tests."""
    return SimVenueConfig(
        venue=venue,
        latency_request_ns=(0, 0),
        latency_report_ns=(0, 0),
        depth_lots=Decimal(1_000_000),
        requote_ppm=0,
        reject_ppm={},
    )
