"""The trade as one account would make it, and the account as a plan sees it.

Rates, marks and thresholds are the same for thousands of accounts: ``TradeContext`` works each out
on first use and keeps it. Knows no rule and no score.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from stretto.core.gate.volatility import three_sigma
from stretto.core.limits import HOLD_DEFAULT_NS
from stretto.core.terms.account import (
    Account,
    AccountSnapshot,
    Entering,
    Ledger,
    Position,
    SymbolTerms,
)
from stretto.core.terms.calendar import NO_HOURS, Hours
from stretto.core.terms.killing import KillSwitch
from stretto.core.terms.market import (
    Instrument,
    MarketStatistics,
    Reads,
    conversion_rate,
    fresh_quotes,
)
from stretto.core.terms.policy import Policy, Rulebook
from stretto.core.values import PPM, ZERO, Side, floor_to_step, plain

if TYPE_CHECKING:
    from stretto.core.gate.eligibility import Check
    from stretto.core.gate.rules import FirmRule

CENT = Decimal("0.01")
"""Money is set aside in whole hundredths, so that sums of reservations come back to zero."""
_TWO = Decimal(2)
# The keyword constructor of a named tuple costs half as much again as all that is put into it.
_new = tuple.__new__


class AccountView(NamedTuple):
    """What a decision reads of one account; cheap to make. ``positions`` are this account's, one
    for each execution. ``heartbeat_at``: last sign of life of its venue, ns UTC, 0 where there is
    none. ``entering``: its entries on their way, one for each execution;
    ``execution_id``: the one that is judged again, whose own entry is not among them.
    """

    account: Account
    snapshot: AccountSnapshot | None
    ledger: Ledger
    positions: Collection[Position]
    rulebook: Rulebook
    heartbeat_at: int
    entering: Collection[Entering]
    execution_id: str = ""


class Trade(NamedTuple):
    """One account's trade. ``quantity`` base units, prices in quote currency; ``conversion`` units
    of account currency for one of quote currency; ``margin`` and ``risk`` account currency in
    whole hundredths, rounded up, and per base unit unrounded. None: not mapped, or not known.
    ``in_lots``: whole lot steps (these divide exactly), from the smallest order to the largest.
    """

    symbol: str
    instrument: Instrument
    terms: SymbolTerms | None
    side: Side
    quantity: Decimal
    entry: Decimal
    stop_loss: Decimal | None
    conversion: Decimal | None
    margin: Decimal | None
    risk: Decimal | None
    margin_per_unit: Decimal | None
    risk_per_unit: Decimal | None
    in_lots: bool


class Rates(NamedTuple):
    """Of one account currency: its conversion from quote currency, and notional and loss (without
    commission; None where unknown) of one base unit in it.
    """

    conversion: Decimal
    notional: Decimal
    loss: Decimal | None


class Mark(NamedTuple):
    """How a held symbol stands: quote-currency prices, its conversion to the account's currency and
    the 3 σ distance of the default hold (None where the volatility is unknown).
    """

    bid: Decimal
    ask: Decimal
    spread: Decimal
    conversion: Decimal
    hold_distance: Decimal | None


class Opposed(NamedTuple):
    """Accounts with a position against the trade: up to two of any, and up to two whose rulebook
    does not allow it. Two suffice to find one that is not the account asked about.
    """

    any: tuple[tuple[Account, Rulebook], ...]
    strict: tuple[tuple[Account, Rulebook], ...]


class TradeContext:
    """One signal at one instant, for any number of accounts.

    ``stop_loss`` is the price where the signal gives a distance. ``exposure_remaining``: what the
    book-wide cap leaves, book currency (None: no cap); a planner lowers it as it gives accounts a
    part. ``opposed``: accounts against the trade. ``slippage``: price by which a fill may be worse
    than ``entry``. ``session``: how the symbol's calendar stands; ``venue_sessions``: at venues in
    maintenance. ``kills``: switches in force. Raises KeyError for a symbol without an instrument.
    """

    __slots__ = (
        "_exposure_remaining",
        "_marks",
        "_opposed",
        "_rates",
        "at",
        "book_currency",
        "checks",
        "checks_beyond_gate",
        "circuits",
        "day_starts",
        "entry",
        "firm_rules",
        "gate_open",
        "heartbeat_min",
        "instrument",
        "instruments",
        "kills",
        "loss_per_unit",
        "margin_level_min",
        "margin_level_min_ppm",
        "notional_book",
        "open_rules",
        "policy",
        "quotes",
        "reads",
        "session",
        "side",
        "sign",
        "stop_loss",
        "symbol",
        "tick_at",
        "tick_fresh",
        "unrestricted",
        "venue_reliability",
        "venue_sessions",
        "weights",
    )

    def __init__(
        self,
        *,
        at: int,
        symbol: str,
        side: Side,
        entry: Decimal,
        stop_loss: Decimal | None,
        expected_hold_ns: int,
        reads: Reads,
        instruments: dict[str, Instrument],
        policy: Policy,
        book_currency: str,
        exposure_remaining: Decimal | None = None,
        opposed: Opposed | None = None,
        slippage: Decimal = ZERO,
        session: Hours = NO_HOURS,
        venue_sessions: dict[str, Hours] | None = None,
    ) -> None:
        self.at, self.symbol = at, symbol
        self.side, self.sign = side, side.sign
        self.entry = entry
        self.stop_loss = stop_loss
        self.reads = reads
        self.instruments, self.instrument = instruments, instruments[symbol]
        self.policy = policy
        self.book_currency = book_currency
        self.kills: tuple[KillSwitch, ...] = ()
        self.checks: tuple[Check, ...] = ()
        """The rules of eligibility that can refuse at all here; kept by ``eligibility``."""
        self.checks_beyond_gate: tuple[Check, ...] = ()
        self.circuits: dict[str, str] = {}  # how each stands that lets no entry pass
        self.venue_reliability: dict[str, int] = {}  # 1e-6, of venues that failed lately
        self.exposure_remaining = exposure_remaining
        self.margin_level_min = Decimal(policy.margin_level_min) / PPM
        self.margin_level_min_ppm = Decimal(policy.margin_level_min)
        self.opposed = opposed
        self.quotes = fresh_quotes(reads, at - policy.tick_age_ns_max)
        """The quotes that may convert money or mark positions."""
        quote, statistics = reads.quotes.get(symbol), reads.statistics.get(symbol)
        self.tick_at = quote.at if quote is not None else None
        self.tick_fresh = quote is not None and at - quote.at <= policy.tick_age_ns_max
        self.heartbeat_min = at - policy.heartbeat_age_ns_max
        self.session = session
        self.venue_sessions = venue_sessions or {}
        hold_ns = expected_hold_ns or HOLD_DEFAULT_NS
        self.loss_per_unit = self._loss_per_unit(statistics, hold_ns, slippage)
        to_book = self._conversion(self.instrument.quote_currency, book_currency)
        self.notional_book = None if to_book is None else entry * to_book
        weights = (
            policy.weight_margin,
            policy.weight_risk_budget,
            policy.weight_health,
            policy.weight_performance,
            policy.weight_correlation,
        )
        self.weights = (*weights, sum(weights))
        self.day_starts: dict[str, int] = {}
        """Start of the trading day by rulebook; kept by ``risk.day_start``."""
        self.firm_rules: dict[str, tuple[tuple[FirmRule, ...], tuple[FirmRule, ...]]] = {}
        """The rules that a rulebook states, and those of them that compare no risk; kept by
        ``rules.judge``."""
        self.open_rules: dict[str, tuple[FirmRule, ...]] = {}
        """What of them is left to ask; kept by ``rules.open_rules``."""
        self.gate_open = self.unrestricted = False
        """A fresh tick, an open session, no kill, no open circuit; no cap, nobody opposed."""
        self._rates: dict[str, Rates | None] = {}
        self._marks: dict[str, dict[str, Mark | None]] = {}

    @property
    def exposure_remaining(self) -> Decimal | None:
        """What the book-wide cap leaves, book currency in whole hundredths; None: no cap."""
        return self._exposure_remaining

    @exposure_remaining.setter
    def exposure_remaining(self, amount: Decimal | None) -> None:
        self._exposure_remaining = None if amount is None else money_down(amount)
        self.checks = ()

    @property
    def opposed(self) -> Opposed | None:
        """Accounts with a position against the trade; None where there is none."""
        return self._opposed

    @opposed.setter
    def opposed(self, opposed: Opposed | None) -> None:
        self._opposed = opposed
        self.checks = ()

    def rates(self, currency: str) -> Rates | None:
        """The rates of an account currency; None where no fresh quotes convert to it."""
        try:
            return self._rates[currency]
        except KeyError:
            pass
        conversion = self._conversion(self.instrument.quote_currency, currency)
        rates = None
        if conversion is not None:
            loss = None if self.loss_per_unit is None else self.loss_per_unit * conversion
            rates = Rates(conversion, self.entry * conversion, loss)
        self._rates[currency] = rates
        return rates

    def mark(self, symbol: str, currency: str) -> Mark | None:
        """The mark of a held symbol for accounts in ``currency``; None where it has no fresh quote,
        no instrument or no conversion.
        """
        marks = self._marks.setdefault(currency, {})
        try:
            return marks[symbol]
        except KeyError:
            pass
        marks[symbol] = mark = self._mark(symbol, currency)
        return mark

    def _mark(self, symbol: str, currency: str) -> Mark | None:
        quote = self.quotes.get(symbol)
        instrument = self.instruments.get(symbol)
        if quote is None or instrument is None:
            return None
        conversion = self._conversion(instrument.quote_currency, currency)
        if conversion is None:
            return None
        statistics = self.reads.statistics.get(symbol)
        hold = None
        if statistics is not None:
            hold = three_sigma(quote.mid, statistics.volatility_ppm, HOLD_DEFAULT_NS)
        return Mark(quote.bid, quote.ask, max(ZERO, quote.spread), conversion, hold)

    def _loss_per_unit(
        self, statistics: MarketStatistics | None, hold_ns: int, slippage: Decimal
    ) -> Decimal | None:
        quote = self.reads.quotes.get(self.symbol)
        if quote is None:
            return None
        costs = max(ZERO, quote.spread) + slippage
        if self.stop_loss is not None:
            return max(ZERO, (self.entry - self.stop_loss) * self.sign) + costs
        if statistics is None:
            return None
        return three_sigma(self.entry, statistics.volatility_ppm, hold_ns) + costs

    def _conversion(self, source: str, target: str) -> Decimal | None:
        return conversion_rate(source, target, self.quotes, self.instruments)


def trade_for(view: AccountView, quantity: Decimal, context: TradeContext) -> Trade:
    """What ``quantity`` base units would be in this account."""
    account = view.account
    terms = account.symbols.get(context.symbol)
    rates = context.rates(account.currency)
    conversion = margin = margin_per_unit = risk = risk_per_unit = None
    in_lots = False
    if terms is not None:
        lots = quantity / terms.contract_size
        in_lots = 0 < lots <= terms.lot_max and lots >= terms.lot_min and not lots % terms.lot_step
    if rates is not None:
        conversion = rates.conversion
        if terms is not None:
            margin_per_unit = rates.notional * terms.margin_rate
            margin = money_up(quantity * margin_per_unit)
            risk_per_unit = rates.loss
            if risk_per_unit is not None:
                if terms.commission_per_lot:
                    risk_per_unit += _TWO * terms.commission_per_lot / terms.contract_size
                risk = money_up(quantity * risk_per_unit)
    return _new(
        Trade,
        (
            context.symbol,
            context.instrument,
            terms,
            context.side,
            quantity,
            context.entry,
            context.stop_loss,
            conversion,
            margin,
            risk,
            margin_per_unit,
            risk_per_unit,
            in_lots,
        ),
    )


def margin_committed(snapshot: AccountSnapshot, ledger: Ledger) -> Decimal:
    """Margin used at the venue, reserved, and of fills newer than the snapshot."""
    return snapshot.margin_used + ledger.reserved_margin + ledger.unconfirmed_margin


def money_up(value: Decimal) -> Decimal:
    """``value`` rounded up to whole hundredths; as it is where it has no room for them (≥ 1e26)."""
    try:
        return value.quantize(CENT, ROUND_CEILING)
    except InvalidOperation:
        return value


def money_down(value: Decimal) -> Decimal:
    """``value`` rounded down to whole hundredths, under the same proviso."""
    try:
        return value.quantize(CENT, ROUND_FLOOR)
    except InvalidOperation:
        return value


def largest_multiple(amount: Decimal, per_unit: Decimal, step: Decimal) -> Decimal | None:
    """Largest multiple of ``step`` (> 0) whose cost ``money_up(multiple * per_unit)`` is within
    ``amount``; 0 where there is none, None where a unit costs nothing.
    """
    if per_unit <= 0:
        return None
    if amount <= 0:
        return ZERO
    multiple = floor_to_step(money_down(amount) / per_unit, step)
    if money_up(multiple * per_unit) > amount:
        return multiple - step
    if money_up((multiple + step) * per_unit) <= amount:
        return multiple + step
    return multiple


def size_at_most(
    amount: Decimal, per_unit: Decimal | None, terms: SymbolTerms | None, otherwise: str
) -> str:
    """Names the largest size whose cost is within ``amount``; ``otherwise`` where that is below the
    smallest order.
    """
    if per_unit is None or terms is None:
        return otherwise
    largest = largest_multiple(amount, per_unit, terms.step)
    if largest is None or largest <= 0 or largest < terms.minimum:
        return otherwise
    return f"a size of at most {plain(largest)} base units"
