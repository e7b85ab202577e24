"""A firm's rules for entries: each a row of one table, with its verdict (DESIGN §5).

A row says whether a rulebook states the rule, whether the trade keeps it, and what was compared.
``holds`` is on the way of every account and builds nothing; ``explain`` is asked afterwards.
Unknown means no. Knows one account at a time; rules over pairs of accounts are in ``copying``.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from stretto.core.gate.freshness import blind, why_not_converted, why_not_marked
from stretto.core.gate.risk import (
    Room,
    anchor_assumed,
    day_start,
    firm_risk_per_trade,
    next_trading_day,
    orders_today,
    positions_after,
)
from stretto.core.gate.trade import AccountView, Trade, TradeContext, size_at_most
from stretto.core.terms.account import AccountMode, AnchorBasis
from stretto.core.terms.policy import Permission, Rulebook
from stretto.core.values import ZERO, floor_to_step, iso, plain

_ACTIVE = AccountMode.ACTIVE
_ALLOWED = Permission.ALLOWED

Case = tuple[AccountView, Trade, Room, TradeContext]
Explanation = tuple[dict[str, str], str]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says. ``compared`` maps the name of each number, unit in the name, to its value
    as text; ``clause`` cites the rulebook; ``would_pass`` is the smallest change that passes, empty
    where the rule is kept.
    """

    rule_id: str
    passed: bool
    compared: dict[str, str]
    clause: str
    would_pass: str


class FirmRule(NamedTuple):
    """One row. ``needs_risk``: it compares the loss at the stop. ``of_account``: what it compares
    differs between accounts of one rulebook.
    """

    rule_id: str
    states: Callable[[Rulebook], bool]
    holds: Callable[[AccountView, Trade, Room, TradeContext], bool]
    explain: Callable[[AccountView, Trade, Room, TradeContext], Explanation]
    needs_risk: bool = False
    of_account: bool = True


def judge(
    view: AccountView, trade: Trade, room: Room, context: TradeContext, *, risk_known: bool = True
) -> Verdict | None:
    """The first rule that the trade breaks, or None. Without ``risk_known`` the rules that compare
    the loss at the stop are left out: a caller says so only where it refuses for that itself.
    """
    book = view.rulebook
    stated = context.firm_rules.get(book.rulebook_id)
    if stated is None:
        every = tuple(rule for rule in REGISTRY if rule.states(book))
        stated = (every, tuple(rule for rule in every if not rule.needs_risk))
        context.firm_rules[book.rulebook_id] = stated
    risk, smallest = trade.risk, room.smallest
    # Within the smallest room, no rule that compares the risk with a room can be broken.
    within = risk is not None and not room.unknown and (smallest is None or risk <= smallest)
    for rule in stated[1] if within or not risk_known else stated[0]:
        if not rule.holds(view, trade, room, context):
            return _verdict(rule, (view, trade, room, context))
    return None


def open_rules(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> tuple[FirmRule, ...]:
    """The rules that an account of this rulebook may still break where it is active and its risk
    lies within its smallest room. Of those that are the same for all accounts only the broken.
    """
    name = view.rulebook.rulebook_id
    found = context.open_rules.get(name)
    if found is None:
        found = context.open_rules[name] = tuple(
            rule
            for rule in REGISTRY
            if rule.states(view.rulebook)
            and not rule.needs_risk
            and rule.holds is not _status_holds
            and (rule.of_account or not rule.holds(view, trade, room, context))
        )
    return found


def clause_of(rulebook: Rulebook, rule_id: str) -> str:
    """The firm's words on a rule, or where they were looked for and not found."""
    limit = {"daily_loss": rulebook.daily_loss, "overall_loss": rulebook.overall_loss}.get(rule_id)
    clause = limit.clause if limit is not None else ""
    return (
        clause
        or rulebook.clauses.get(rule_id, "")
        or f"{rule_id}, as recorded from {rulebook.source!r} as of {rulebook.as_of}"
    )


def _verdict(rule: FirmRule, case: Case) -> Verdict:
    passed = rule.holds(*case)
    compared, would_pass = rule.explain(*case)
    return Verdict(
        rule_id=rule.rule_id,
        passed=passed,
        compared=compared,
        clause=clause_of(case[0].rulebook, rule.rule_id),
        would_pass="" if passed else would_pass,
    )


def _always(_rulebook: Rulebook) -> bool:
    return True


def _status_holds(view: AccountView, _t: Trade, _r: Room, _c: TradeContext) -> bool:
    return view.account.mode is _ACTIVE and (view.snapshot is None or view.snapshot.tradable)


def _status_explain(view: AccountView, _t: Trade, _r: Room, _c: TradeContext) -> Explanation:
    tradable = "unknown" if view.snapshot is None else "yes" if view.snapshot.tradable else "no"
    compared = {"status": view.account.mode.value, "tradable_at_venue": tradable}
    return compared, "status active and tradable at the venue"


def _automation_holds(view: AccountView, _t: Trade, _r: Room, _c: TradeContext) -> bool:
    return view.rulebook.automation is _ALLOWED


def _automation_explain(view: AccountView, _t: Trade, _r: Room, _c: TradeContext) -> Explanation:
    return {
        "automation": view.rulebook.automation.value
    }, "a rulebook that states automation allowed"


def _stop_holds(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> bool:
    return trade.stop_loss is not None or not view.rulebook.stop_required


def _stop_explain(_v: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> Explanation:
    stop = "none" if trade.stop_loss is None else plain(trade.stop_loss)
    return {"stop_loss": stop}, "an order with a stop_loss"


def _daily_holds(_v: AccountView, trade: Trade, room: Room, _c: TradeContext) -> bool:
    return room.daily is None or (
        not room.unknown and trade.risk is not None and trade.risk <= room.daily
    )


def _daily_explain(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> Explanation:
    return explain_room("daily", room.daily, view, trade, room, context)


def _overall_holds(_v: AccountView, trade: Trade, room: Room, _c: TradeContext) -> bool:
    return room.overall is None or (
        not room.unknown and trade.risk is not None and trade.risk <= room.overall
    )


def _overall_explain(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> Explanation:
    return explain_room("overall", room.overall, view, trade, room, context)


def _firm_per_trade(view: AccountView) -> Decimal | None:
    percent, snapshot = view.rulebook.risk_per_trade_percent, view.snapshot
    if percent is None:
        return None
    if snapshot is None:
        return ZERO
    return firm_risk_per_trade(percent, view.account.initial_balance, snapshot.equity)


def _per_trade_holds(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> bool:
    allowed = _firm_per_trade(view)
    return allowed is None or (trade.risk is not None and trade.risk <= allowed)


def _per_trade_explain(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> Explanation:
    return explain_room("per_trade", _firm_per_trade(view), view, trade, room, context)


def _positions_holds(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> bool:
    most = view.rulebook.positions_max
    return most is None or positions_after(view, trade) <= most


def _positions_explain(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> Explanation:
    most, after = view.rulebook.positions_max or 0, positions_after(view, trade)
    compared = {"positions_after": str(after), "positions_max": str(most)}
    return compared, f"{after - most} fewer open positions before the trade"


def _orders_holds(view: AccountView, _t: Trade, _r: Room, context: TradeContext) -> bool:
    most = view.rulebook.orders_per_day_max
    return most is None or orders_today(view, context) < most


def _orders_explain(view: AccountView, _t: Trade, _r: Room, context: TradeContext) -> Explanation:
    book, today = view.rulebook, orders_today(view, context)
    compared = {
        "orders_today": str(today),
        "orders_per_day_max": str(book.orders_per_day_max),
        "day_started_at": iso(day_start(book, context)),
    }
    if not book.orders_per_day_max:
        return compared, "an orders_per_day_max of at least 1"
    return (
        compared,
        f"wait until {iso(next_trading_day(context.at, book.day_reset, book.day_zone))}",
    )


def _quantity_holds(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> bool:
    most = view.rulebook.quantity_max
    return most is None or trade.quantity <= most


def _quantity_explain(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> Explanation:
    return explain_quantity(view.rulebook.quantity_max or ZERO, trade)


def explain_quantity(most: Decimal, trade: Trade) -> Explanation:
    """A size against the largest size allowed, base units."""
    compared = {"quantity_base_units": plain(trade.quantity), "quantity_max": plain(most)}
    fits = most if trade.terms is None else floor_to_step(most, trade.terms.step)
    if trade.terms is not None and fits < trade.terms.minimum:
        return compared, f"a quantity_max of at least {plain(trade.terms.minimum)} base units"
    return compared, f"a size of at most {plain(fits)} base units"


def explain_room(
    name: str,
    amount: Decimal | None,
    view: AccountView,
    trade: Trade,
    room: Room,
    context: TradeContext,
) -> Explanation:
    """A trade's risk against what may be lost, and the size or the room that would pass."""
    currency = view.account.currency
    if trade.risk is None:
        return _risk_unknown(view, trade, context)
    compared = {f"risk_{currency}": plain(trade.risk)}
    if room.unknown and name != "per_trade":
        missing, need = _room_known_by(room.unknown, view, context)
        room_unknown = {f"{name}_room_{currency}": "unknown", "missing": room.unknown}
        return compared | room_unknown | missing, need
    amount = amount if amount is not None else ZERO
    compared[f"{name}_room_{currency}"] = plain(amount)
    if view.snapshot is not None:
        compared[f"equity_{currency}"] = plain(view.snapshot.equity)
        compared[f"open_risk_{currency}"] = plain(room.open_risk)
        compared[f"reserved_risk_{currency}"] = plain(view.ledger.reserved_risk)
    otherwise = f"at least {plain(trade.risk)} {currency} of {name} room"
    if name == "daily" and anchor_assumed(view, context):
        compared["day_anchor"] = AnchorBasis.ASSUMED.value
        otherwise += ", or a day_start_balance in the configuration"
    return compared, size_at_most(amount, trade.risk_per_unit, trade.terms, otherwise)


def _risk_unknown(view: AccountView, trade: Trade, context: TradeContext) -> Explanation:
    currency = view.account.currency
    compared = {f"risk_{currency}": "unknown"}
    if trade.conversion is not None:
        return compared, f"a stop_loss with a quote, or market statistics of {trade.symbol}"
    missing, need = why_not_converted(trade.instrument.quote_currency, currency, context)
    return compared | missing, need


def _room_known_by(missing: str, view: AccountView, context: TradeContext) -> Explanation:
    if missing == "open_risk":
        currency = view.account.currency
        for position in view.positions:
            has_stop = position.stop_loss is not None
            if blind(context.mark(position.symbol, currency), has_stop):
                return why_not_marked(position.symbol, currency, has_stop, context)
    return {}, {
        "account_snapshot": "a first snapshot of the account",
        "day_anchor": "a snapshot that anchors the firm's trading day",
        "open_risk": "a fresh quote of every held symbol, its conversion, and a stop or statistics",
    }[missing]


REGISTRY: tuple[FirmRule, ...] = (
    FirmRule("account_status", _always, _status_holds, _status_explain),
    FirmRule("automation", _always, _automation_holds, _automation_explain, of_account=False),
    FirmRule(
        "stop_required",
        lambda book: book.stop_required,
        _stop_holds,
        _stop_explain,
        of_account=False,
    ),
    FirmRule(
        "daily_loss", lambda book: book.daily_loss is not None, _daily_holds, _daily_explain, True
    ),
    FirmRule(
        "overall_loss",
        lambda book: book.overall_loss is not None,
        _overall_holds,
        _overall_explain,
        True,
    ),
    FirmRule(
        "risk_per_trade",
        lambda book: book.risk_per_trade_percent is not None,
        _per_trade_holds,
        _per_trade_explain,
        True,
    ),
    FirmRule(
        "positions_max",
        lambda book: book.positions_max is not None,
        _positions_holds,
        _positions_explain,
    ),
    FirmRule(
        "orders_per_day_max",
        lambda book: book.orders_per_day_max is not None,
        _orders_holds,
        _orders_explain,
    ),
    FirmRule(
        "quantity_max",
        lambda book: book.quantity_max is not None,
        _quantity_holds,
        _quantity_explain,
    ),
)
