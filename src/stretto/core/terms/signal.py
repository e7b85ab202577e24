"""The signal: an instruction from a strategy, and what makes one well-formed (DESIGN §4.1).

Knows instruments and quotes, nothing of accounts or plans.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import assert_never

import msgspec

from stretto.core.terms.market import Quote
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import OrderType, TimeInForce
from stretto.core.values import Side, iso


class Action(StrEnum):
    """What the strategy asks for."""

    OPEN = "open"
    CLOSE = "close"
    REDUCE = "reduce"
    AMEND = "amend"


class Urgency(StrEnum):
    """``immediate`` releases at once; the others say how a partial fill is to be completed."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    IMMEDIATE = "immediate"


class Split(StrEnum):
    """How a total is shared out."""

    EQUAL = "equal"
    BY_EQUITY = "by_equity"
    BY_FREE_MARGIN = "by_free_margin"
    BY_RATIO = "by_ratio"


class PerAccount(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="per_account"):
    """The same nominal quantity (base units) in each account."""

    quantity: Decimal


class RiskPercent(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="risk_percent"):
    """Percent of equity lost at the stop."""

    percent: Decimal


class Total(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="total"):
    """A total in base units, shared out over the accounts."""

    quantity: Decimal
    split: Split = Split.EQUAL
    ratios: dict[str, Decimal] = msgspec.field(default_factory=dict)


class Share(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="share"):
    """A fraction of what each account holds, in (0, 1]: what an exit closes."""

    fraction: Decimal


Size = PerAccount | RiskPercent | Total | Share


def size_value(size: Size) -> Decimal:
    """The one number of a size, in the unit of its mode."""
    match size:
        case RiskPercent():
            return size.percent
        case Share():
            return size.fraction
        case PerAccount() | Total():
            return size.quantity
        case _:
            assert_never(size)


class AllAccounts(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="all"):
    """Every account that passes."""


class BestAccounts(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="best"):
    """The best ``count`` that pass."""

    count: int


class GroupAccounts(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="group"):
    """Those of one configured group."""

    group: str


class ListedAccounts(msgspec.Struct, frozen=True, kw_only=True, tag_field="mode", tag="list"):
    """Those named."""

    account_ids: tuple[str, ...]


Addressing = AllAccounts | BestAccounts | GroupAccounts | ListedAccounts


class Signal(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One instruction. Prices in quote currency per base unit, times in ns UTC, ``max_slippage`` in
    pips from the touch at intake, ``expected_hold_ns`` in ns, ``confidence`` in [0, 1].
    """

    signal_id: str
    strategy_id: str
    action: Action
    symbol: str
    side: Side
    size: Size
    generated_at: int
    valid_until: int
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    stop_distance: Decimal | None = None
    take_profit: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    confidence: Decimal = Decimal(1)
    urgency: Urgency = Urgency.NORMAL
    max_slippage: Decimal | None = None
    expected_hold_ns: int = 0
    accounts: Addressing = AllAccounts()
    refers_to: str = ""


def reference_price(signal: Signal, quote: Quote) -> Decimal:
    """The price the signal would trade at: its limit or stop price, else the touch at intake."""
    if signal.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and signal.limit_price:
        return signal.limit_price
    if signal.order_type is OrderType.STOP and signal.stop_price:
        return signal.stop_price
    return quote.ask if signal.side is Side.BUY else quote.bid


def judge_form(signal: Signal) -> Refusal | None:
    """What needs no market: identifiers, finite positive numbers, prices the order type needs."""
    for name in ("signal_id", "strategy_id", "symbol"):
        if not getattr(signal, name):
            return _malformed(name, "empty", "a name")
    for name in (
        "limit_price",
        "stop_price",
        "stop_loss",
        "stop_distance",
        "take_profit",
    ):
        value = getattr(signal, name)
        if value is not None and (not value.is_finite() or value <= 0):
            return _malformed(name, str(value), "a finite number above 0")
    if not signal.confidence.is_finite() or not 0 <= signal.confidence <= 1:
        return _malformed("confidence", str(signal.confidence), "a number from 0 to 1")
    if signal.max_slippage is not None and (
        not signal.max_slippage.is_finite() or signal.max_slippage < 0
    ):
        return _malformed("max_slippage", str(signal.max_slippage), "pips, 0 or more")
    if signal.stop_loss is not None and signal.stop_distance is not None:
        return _malformed("stop_distance", str(signal.stop_distance), "stop_loss or stop_distance")
    return _judge_size(signal) or _judge_prices(signal)


def judge_clock(generated_at: int, now_ns: int, ahead_ns_max: int) -> Refusal | None:
    """A signal dated further ahead of the book than clocks differ: its own age cannot be known."""
    if generated_at - now_ns <= ahead_ns_max:
        return None
    latest = iso(now_ns + ahead_ns_max)
    return Refusal(
        rule=Rule.FUTURE_DATED,
        compared={
            "generated_at": iso(generated_at),
            "now": iso(now_ns),
            "signal_ahead_ns_max": str(ahead_ns_max),
        },
        would_pass=f"a generated_at at or before {latest}",
    )


def judge_market(signal: Signal, quote: Quote, now_ns: int) -> Refusal | None:
    """What needs the market and the time: expiry, and stop and target on their right sides."""
    if now_ns > signal.valid_until:
        return Refusal(
            rule=Rule.EXPIRED,
            compared={"now": iso(now_ns), "valid_until": iso(signal.valid_until)},
            would_pass=f"a valid_until after {iso(now_ns)}",
        )
    entry = reference_price(signal, quote)
    sign = signal.side.sign
    if signal.stop_loss is not None and (entry - signal.stop_loss) * sign <= 0:
        return Refusal(
            rule=Rule.STOP_ON_WRONG_SIDE,
            compared={"side": signal.side, "entry": str(entry), "stop_loss": str(signal.stop_loss)},
            would_pass=f"a stop_loss {'below' if sign > 0 else 'above'} {entry}",
        )
    if signal.stop_distance is not None and sign > 0 and signal.stop_distance >= entry:
        return Refusal(
            rule=Rule.STOP_ON_WRONG_SIDE,
            compared={"entry": str(entry), "stop_distance": str(signal.stop_distance)},
            would_pass=f"a stop_distance below {entry}",
        )
    if signal.take_profit is not None and (signal.take_profit - entry) * sign <= 0:
        return Refusal(
            rule=Rule.TARGET_ON_WRONG_SIDE,
            compared={
                "side": signal.side,
                "entry": str(entry),
                "take_profit": str(signal.take_profit),
            },
            would_pass=f"a take_profit {'above' if sign > 0 else 'below'} {entry}",
        )
    return None


def _judge_size(signal: Signal) -> Refusal | None:
    size = signal.size
    if isinstance(size, Share):
        return _malformed("size.mode", "share", "per_account, risk_percent or total")
    value = size_value(size)
    if not value.is_finite() or value <= 0:
        return Refusal(
            rule=Rule.SIZE_NOT_POSITIVE,
            compared={"size": str(value)},
            would_pass="a finite size above 0",
        )
    if isinstance(size, RiskPercent):
        if size.percent > 100:
            return _malformed("size.percent", str(size.percent), "a percentage up to 100")
        if signal.stop_loss is None and signal.stop_distance is None:
            return Refusal(
                rule=Rule.STOP_REQUIRED_FOR_SIZE,
                compared={"size_mode": "risk_percent"},
                would_pass="a stop_loss or a stop_distance",
            )
    if isinstance(size, Total) and size.split is Split.BY_RATIO:
        for account_id, ratio in size.ratios.items():
            if not ratio.is_finite() or ratio < 0:
                return _malformed(f"size.ratios.{account_id}", str(ratio), "a ratio of 0 or more")
        if sum(size.ratios.values()) <= 0:
            return _malformed("size.ratios", "their sum is 0", "at least one ratio above 0")
    if isinstance(signal.accounts, BestAccounts) and signal.accounts.count < 1:
        return _malformed("accounts.count", str(signal.accounts.count), "1 or more")
    return None


def _judge_prices(signal: Signal) -> Refusal | None:
    needs = {
        OrderType.MARKET: (),
        OrderType.LIMIT: ("limit_price",),
        OrderType.STOP: ("stop_price",),
        OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
    }[signal.order_type]
    for name in needs:
        if getattr(signal, name) is None:
            return Refusal(
                rule=Rule.PRICE_REQUIRED,
                compared={"order_type": signal.order_type, name: "missing"},
                would_pass=f"a {name}",
            )
    for name in ("limit_price", "stop_price"):
        if name not in needs and getattr(signal, name) is not None:
            return Refusal(
                rule=Rule.MALFORMED,
                compared={"order_type": signal.order_type, name: str(getattr(signal, name))},
                would_pass=f"no {name}, or an order_type that uses one",
            )
    return None


def _malformed(field: str, value: str, expected: str) -> Refusal:
    return Refusal(rule=Rule.MALFORMED, compared={field: value}, would_pass=f"{field}: {expected}")
