"""Room: how much an account may still lose before one of its limits is reached (DESIGN §4.3, §5).

room = equity - open risk - reserved risk - floor; floor = anchor - limit. What is not known counts
as no room. Money in account currency. Must not know scores, other accounts or how a plan is made.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from stretto.core.errors import check
from stretto.core.gate.trade import AccountView, Trade, TradeContext, margin_committed, money_up
from stretto.core.terms.account import (
    AccountSnapshot,
    AnchorBasis,
    DayAnchor,
    Entering,
    Position,
    PositionMode,
)
from stretto.core.terms.policy import Anchor, LossLimit, Rulebook, Trailing
from stretto.core.values import NS_PER_S, PPM, ZERO

_HUNDREDTH = Decimal("0.01")
_new = tuple.__new__
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_NS = 60 * NS_PER_S
_BALANCE, _EQUITY = Anchor.BALANCE, Anchor.EQUITY
_STATIC, _INTRADAY = Trailing.STATIC, Trailing.INTRADAY
_HEDGING = PositionMode.HEDGING


class Room(NamedTuple):
    """Each room in account currency, None where there is no such limit; ``smallest`` of them and
    the name of the one that binds ("" where none does). ``per_trade`` is the smaller of the firm's
    and the account's own. ``drawdown_use``: the larger share of the loss limits that equity alone
    has used, 1e-6, None without a limit. ``unknown`` names what is missing; then the loss rooms
    are 0. ``margin_committed``: margin used, reserved, or of fills newer than the snapshot.
    """

    daily: Decimal | None
    overall: Decimal | None
    per_trade: Decimal | None
    smallest: Decimal | None
    binding: str
    open_risk: Decimal
    drawdown_use: int | None
    unknown: str
    margin_committed: Decimal


NO_SNAPSHOT = Room(ZERO, ZERO, ZERO, ZERO, "account_snapshot", ZERO, None, "account_snapshot", ZERO)


class Floors(NamedTuple):
    """What the daily and the overall limit are measured from, and their floors (``loss_bounds``),
    for as long as ``anchor`` is that of the day.
    """

    anchor: DayAnchor
    daily: tuple[Decimal, Decimal] | None
    overall: tuple[Decimal, Decimal] | None


def floors_of(view: AccountView, context: TradeContext) -> Floors | None:
    """The floors that no snapshot of the same day moves; None where one may."""
    anchor, initial = view.ledger.anchor, view.account.initial_balance
    limits = (view.rulebook.daily_loss, view.rulebook.overall_loss)
    if anchor is None or anchor.day_started_at < day_start(view.rulebook, context):
        return None
    if any(limit is not None and limit.trailing is _INTRADAY for limit in limits):
        return None
    daily, overall = limits
    return Floors(
        anchor,
        None if daily is None else loss_bounds(daily, True, initial, ZERO, anchor),
        None if overall is None else loss_bounds(overall, False, initial, ZERO, anchor),
    )


def room(view: AccountView, context: TradeContext, floors: Floors | None = None) -> Room:
    """The rooms of one account before the trade. ``floors``: those of its anchor, where at hand."""
    snapshot = view.snapshot
    if snapshot is None:
        return NO_SNAPSHOT
    daily_limit, overall_limit = view.rulebook.daily_loss, view.rulebook.overall_loss
    if daily_limit is None and overall_limit is None:
        return _room(view, snapshot, ZERO, None, None)
    risk_open = open_risk(view, context) if view.positions else ZERO
    if floors is not None:
        return _room(view, snapshot, risk_open, floors.daily, floors.overall)
    equity, initial = snapshot.equity, view.account.initial_balance
    day = day_anchor(view, snapshot, context)
    daily = overall = None
    if daily_limit is not None:
        daily = loss_bounds(daily_limit, True, initial, equity, day)
    if overall_limit is not None:
        overall = loss_bounds(overall_limit, False, initial, equity, day)
    return _room(view, snapshot, risk_open, daily, overall)


def room_at_rest(view: AccountView, snapshot: AccountSnapshot, floors: Floors) -> Room:
    """The rooms of an account without positions: no price moves them."""
    return _room(view, snapshot, ZERO, floors.daily, floors.overall)


def _room(
    view: AccountView,
    snapshot: AccountSnapshot,
    risk_open: Decimal | None,
    daily_bounds: tuple[Decimal, Decimal] | None,
    overall_bounds: tuple[Decimal, Decimal] | None,
) -> Room:
    daily = overall = smallest = use = None
    unknown = "open_risk" if risk_open is None else ""
    binding = ""
    equity, ledger, rulebook = snapshot.equity, view.ledger, view.rulebook
    open_known = ZERO if risk_open is None else risk_open
    available = equity - open_known - ledger.reserved_risk
    if rulebook.daily_loss is not None:
        if daily_bounds is None or unknown:
            daily, unknown = ZERO, unknown or "day_anchor"
        else:
            base, floor = daily_bounds
            daily, use = available - floor, 0 if equity >= base else _use(equity, base, floor)
        smallest, binding = daily, "daily_loss"
    if rulebook.overall_loss is not None:
        if overall_bounds is None or unknown:
            overall, unknown = ZERO, unknown or "day_anchor"
        else:
            base, floor = overall_bounds
            overall = available - floor
            overall_use = 0 if equity >= base else _use(equity, base, floor)
            if use is None or overall_use > use:
                use = overall_use
        if smallest is None or overall < smallest:
            smallest, binding = overall, "overall_loss"
    per_trade = None
    if rulebook.risk_per_trade_percent is not None or view.account.risk_percent_max is not None:
        per_trade, per_trade_name = per_trade_room(view, snapshot)
        if per_trade is not None and (smallest is None or per_trade < smallest):
            smallest, binding = per_trade, per_trade_name
    margin = margin_committed(snapshot, ledger)
    return _new(
        Room, (daily, overall, per_trade, smallest, binding, open_known, use, unknown, margin)
    )


def per_trade_room(view: AccountView, snapshot: AccountSnapshot) -> tuple[Decimal | None, str]:
    """What one trade may lose, and whose limit that is: the firm's percentage is of the smaller of
    initial balance and equity, the account's own of equity.
    """
    firm, own = view.rulebook.risk_per_trade_percent, view.account.risk_percent_max
    firm_room = None
    if firm is not None:
        firm_room = firm_risk_per_trade(firm, view.account.initial_balance, snapshot.equity)
    if own is None:
        return firm_room, "risk_per_trade"
    own_room = max(ZERO, own * snapshot.equity * _HUNDREDTH)
    if firm_room is not None and firm_room <= own_room:
        return firm_room, "risk_per_trade"
    return own_room, "risk_percent_max"


def firm_risk_per_trade(percent: Decimal, initial: Decimal, equity: Decimal) -> Decimal:
    """``percent`` of the smaller of initial balance and equity, never negative."""
    return max(ZERO, percent * min(initial, equity) * _HUNDREDTH)


def day_anchor(
    view: AccountView, snapshot: AccountSnapshot, context: TradeContext
) -> DayAnchor | None:
    """The anchor of the trading day that ``context.at`` lies in; None where there never was one.

    Where the day has turned since the last snapshot, that snapshot is the last word before the
    reset, and becomes the anchor here as it will when the next one arrives.
    """
    anchor = view.ledger.anchor
    if anchor is None:
        return None
    start = day_start(view.rulebook, context)
    if anchor.day_started_at >= start:
        return anchor
    near = start - snapshot.at <= context.policy.anchor_age_ns_max
    return DayAnchor(
        basis=AnchorBasis.OBSERVED if near else AnchorBasis.ASSUMED,
        day_started_at=start,
        balance=snapshot.balance,
        equity=snapshot.equity,
        peak_equity=anchor.peak_equity,
        peak_end_of_day=max(anchor.peak_end_of_day, snapshot.balance),
    )


def anchor_assumed(view: AccountView, context: TradeContext) -> bool:
    """Whether a loss limit is measured from a start of the day that nobody has seen."""
    if view.snapshot is None or (
        view.rulebook.daily_loss is None and view.rulebook.overall_loss is None
    ):
        return False
    day = day_anchor(view, view.snapshot, context)
    return day is not None and day.basis is AnchorBasis.ASSUMED


def loss_bounds(
    limit: LossLimit, daily: bool, initial: Decimal, equity: Decimal, day: DayAnchor | None
) -> tuple[Decimal, Decimal] | None:
    """What the limit is measured from, and its floor; None where a needed anchor is missing.

    A static daily limit is measured from the start of the day, a static overall one from the
    initial balance. A floor that locks stops rising there. A limit that states no size is 0.
    """
    trailing = limit.trailing
    if trailing is _STATIC:
        base = _at_day_start(limit, day) if daily else initial
    elif day is None:
        return None
    else:
        intraday = trailing is _INTRADAY
        base = max(day.peak_equity, equity) if intraday else day.peak_end_of_day
    if base is None:
        return None
    size = limit.amount
    if size is None:
        percent, percent_of = limit.percent, limit.percent_of
        of: Decimal | None = initial
        if percent_of != "initial":
            check(percent_of == "day_start", "a loss limit is a percentage of initial or day_start")
            of = _at_day_start(limit, day)
        if of is None:
            return None
        size = percent * of * _HUNDREDTH if percent is not None else ZERO
    floor = base - size
    return base, min(floor, initial) if limit.locks_at_initial else floor


def _at_day_start(limit: LossLimit, day: DayAnchor | None) -> Decimal | None:
    if day is None:
        return None
    anchor = limit.anchor
    if anchor is _BALANCE:
        return day.balance
    if anchor is _EQUITY or day.equity >= day.balance:
        return day.equity
    return day.balance


def open_risk(view: AccountView, context: TradeContext) -> Decimal | None:
    """Loss from the mark to the stops of all positions, plus spread and commission, in account
    currency; 3 σ of the hold where there is no stop. A position never lowers it. None where a
    position cannot be marked.
    """
    total = ZERO
    account = view.account
    for position in view.positions:
        mark = context.mark(position.symbol, account.currency)
        if mark is None:
            return None
        quantity, stop = position.quantity, position.stop_loss
        if stop is None:
            if mark.hold_distance is None:
                return None
            distance = mark.hold_distance
        else:
            distance = max(ZERO, mark.bid - stop if quantity > 0 else stop - mark.ask)
        quantity = abs(quantity)
        risk = (distance + mark.spread) * quantity * mark.conversion
        terms = account.symbols.get(position.symbol)
        if terms is not None and terms.commission_per_lot:
            risk += quantity * terms.commission_per_lot / terms.contract_size
        total += money_up(risk)
    return total


def positions_after(view: AccountView, trade: Trade) -> int:
    """Open positions once all entries on their way and the trade are filled. A netting account
    keeps one for each symbol, a hedging one for each execution, partly filled or not.
    """
    hedging, own = view.account.position_mode is _HEDGING, view.execution_id
    if not view.entering and not own:
        if hedging:
            return len(view.positions) + 1
        return len({trade.symbol, *(position.symbol for position in view.positions)})
    every: tuple[Position | Entering, ...] = (*view.positions, *view.entering)
    if hedging:
        return len({own, *(each.execution_id for each in every)})
    return len({trade.symbol, *(each.symbol for each in every)})


def orders_today(view: AccountView, context: TradeContext) -> int:
    """Orders sent since the start of the firm's trading day."""
    ledger = view.ledger
    if ledger.anchor is None or ledger.order_day >= day_start(view.rulebook, context):
        return ledger.orders_today
    return 0


def day_start(rulebook: Rulebook, context: TradeContext) -> int:
    """Start of the rulebook's trading day that ``context.at`` lies in, ns UTC."""
    start = context.day_starts.get(rulebook.rulebook_id)
    if start is None:
        start = trading_day_start(context.at, rulebook.day_reset, rulebook.day_zone)
        context.day_starts[rulebook.rulebook_id] = start
    return start


def trading_day_start(at_ns: int, reset: str, zone: str) -> int:
    """Start (ns UTC) of the trading day that ``at_ns`` lies in: the last instant not after it at
    which the clock of ``zone`` first reached ``reset`` (HH:MM) on a calendar day.

    Where a change of the clock skips that time, the day starts with the change; where it comes
    twice, the first counts. Raises ValueError for a malformed time, ZoneInfoNotFoundError (a
    KeyError) for an unknown zone.
    """
    return _trading_day_start(at_ns // _MINUTE_NS, reset, zone)


@lru_cache(maxsize=4_096)
def _trading_day_start(at_minute: int, reset: str, zone: str) -> int:
    """Of any instant of that minute UTC: days start, and clocks change, on whole minutes."""
    hour, _, minute = reset.partition(":")
    place = ZoneInfo(zone)
    moment = _EPOCH + timedelta(minutes=at_minute)
    today = moment.astimezone(place).date()
    for days in (1, 0, -1):
        start = _reset_at(today + timedelta(days=days), int(hour), int(minute), place)
        if start <= moment:
            return _seconds(start) * NS_PER_S
    start = _reset_at(today - timedelta(days=2), int(hour), int(minute), place)
    return _seconds(start) * NS_PER_S


def next_trading_day(at_ns: int, reset: str, zone: str) -> int:
    """Start (ns UTC) of the trading day after the one that ``at_ns`` lies in."""
    start = trading_day_start(at_ns, reset, zone)
    # Trading days last 23 to 25 hours, so 36 hours on is always within the next one.
    return trading_day_start(start + 36 * 3_600 * NS_PER_S, reset, zone)


def _reset_at(day: date, hour: int, minute: int, place: tzinfo) -> datetime:
    """The first instant (UTC) of ``day`` at which the local clock has reached the time."""
    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=place)
    instant = wall.astimezone(UTC)
    back = instant.astimezone(place)
    if back.replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # The time is skipped: look for the change itself, which lies between its two readings.
    early = wall.replace(fold=1).astimezone(UTC)
    before = early.astimezone(place).utcoffset()
    low, high = 0, int((instant - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (early + timedelta(seconds=middle)).astimezone(place).utcoffset() == before:
            low = middle
        else:
            high = middle
    return early + timedelta(seconds=high)


def _seconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return since.days * 86_400 + since.seconds


def _use(equity: Decimal, base: Decimal, floor: Decimal) -> int:
    return int((base - equity) * PPM / (base - floor)) if base > floor else PPM
