"""May this account take this trade? Every rule of DESIGN §4.2 in its fixed precedence.

Entries only: exits are never judged here. Each rule is one function that returns its refusal or
None; texts are made only when refusing. What compares size and money is in ``affordability``; the
pairwise copy policy is settled by ``copying`` over the whole plan. Must not know scores,
correlations or how sizes are chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from stretto.core.errors import check
from stretto.core.gate.affordability import (
    conversion,
    exposure,
    margin_level,
    order_limit,
    refuse,
    representable,
    risk_budget,
)
from stretto.core.gate.barred import kill_switch, not_reconciled
from stretto.core.gate.copying import opposite_refusal
from stretto.core.gate.passing import affords, is_unlimited, may_enter
from stretto.core.gate.risk import Room, positions_after
from stretto.core.gate.rules import judge
from stretto.core.gate.trade import AccountView, Trade, TradeContext
from stretto.core.terms.account import AccountMode, Entering, Position, PositionMode
from stretto.core.terms.refusal import PRECEDENCE, Refusal, Rule
from stretto.core.values import ZERO, iso, plain

_ACTIVE = AccountMode.ACTIVE
_NETTING = PositionMode.NETTING

Check = Callable[[AccountView, Trade, Room, TradeContext], Refusal | None]


def judge_account(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> Refusal | None:
    """The first refusal in precedence, or None where the account may take the trade."""
    checks = context.checks or _applicable(context)
    if (
        context.gate_open
        and view.heartbeat_at >= context.heartbeat_min
        and trade.terms is not None
        and (not context.venue_sessions or view.account.venue not in context.venue_sessions)
        and may_enter(view)
    ):
        if (
            context.unrestricted
            and is_unlimited(view, room)
            and affords(view, trade, room, context)
        ):
            return None
        checks = context.checks_beyond_gate
    for rule_check in checks:
        refusal = rule_check(view, trade, room, context)
        if refusal is not None:
            return refusal
    return None


def nothing_forbids(context: TradeContext) -> bool:
    """Whether no rule refuses every account, or some, for the symbol, the side or the instant."""
    if not context.checks:
        _applicable(context)
    return context.gate_open and context.unrestricted and not context.venue_sessions


def all_refusals(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> tuple[Refusal, ...]:
    """Every refusal in precedence. A rule whose numbers another refusal shows to be missing is
    silent; the first is that of ``judge_account``.
    """
    found = [rule_check(view, trade, room, context) for _, rule_check in CHECKS]
    return tuple(refusal for refusal in found if refusal is not None)


def _applicable(context: TradeContext) -> tuple[Check, ...]:
    """The rules that can refuse at all for this trade, kept in the context: whether the others do
    rests on nothing of the account. Those beyond the gate are what is left for an account in order.
    """
    context.checks, context.checks_beyond_gate = _selected(
        context.session.is_open and not context.venue_sessions,
        context.opposed is None,
        context.policy.shared_stop_allowed,
        context.exposure_remaining is None,
        not context.kills,
    )
    context.unrestricted = context.opposed is None and context.exposure_remaining is None
    context.gate_open = (
        context.tick_fresh
        and context.session.is_open
        and not context.kills
        and not context.circuits
    )
    return context.checks


@lru_cache(maxsize=32)
def _selected(
    in_session: bool, unopposed: bool, stops_shared: bool, uncapped: bool, unkilled: bool
) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    never: dict[Check, bool] = {
        _session_known: in_session,
        _session: in_session,
        _copy_policy: unopposed,
        _shared_stop: stops_shared,
        exposure: uncapped,
        kill_switch: unkilled,
    }
    checks = tuple(rule for _, rule in CHECKS if not never.get(rule, False))
    return checks, tuple(rule for rule in checks if rule not in _GATE)


def _account_status(view: AccountView, _t: Trade, _r: Room, _c: TradeContext) -> Refusal | None:
    snapshot, mode = view.snapshot, view.account.mode
    if mode is _ACTIVE and (snapshot is None or snapshot.tradable):
        return None
    tradable = "unknown" if snapshot is None else "yes" if snapshot.tradable else "no"
    return refuse(
        Rule.ACCOUNT_STATUS,
        view,
        {"status": mode.value, "tradable_at_venue": tradable},
        "status active" if mode is not _ACTIVE else "a venue that reports the account tradable",
    )


def _excluded(view: AccountView, _t: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    exclusion = view.ledger.exclusion
    if exclusion is None:
        return None
    until, ends = exclusion.until, []
    compared = {"now": iso(context.at), "excluded_for": exclusion.reason}
    if until is not None:
        compared["excluded_until"] = iso(until)
        ends.append(f"wait until {iso(until)}")
    if exclusion.until_tradable:
        ends.append("a venue that reports the account tradable")
    return refuse(Rule.EXCLUDED, view, compared, " and ".join(ends) or "a person restores it")


def _halted(view: AccountView, _t: Trade, _r: Room, _c: TradeContext) -> Refusal | None:
    halted = view.ledger.halted
    if not halted:
        return None
    return refuse(Rule.HALTED, view, {"halted": halted}, "a person releases the account")


def _circuit(view: AccountView, _t: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    for key in (f"account:{view.account.account_id}", f"venue:{view.account.venue}"):
        if key in context.circuits:
            compared = {"circuit": key, "stands": context.circuits[key]}
            return refuse(Rule.CIRCUIT_OPEN, view, compared, "a closed circuit")
    return None


def _mapped(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> Refusal | None:
    if trade.terms is not None:
        return None
    return refuse(
        Rule.NOT_MAPPED,
        view,
        {"symbol": trade.symbol, "symbols_mapped": ", ".join(sorted(view.account.symbols))},
        f"terms of {trade.symbol} in the configuration of the account",
    )


def _session_known(
    view: AccountView, trade: Trade, _r: Room, context: TradeContext
) -> Refusal | None:
    hours = context.venue_sessions.get(view.account.venue, context.session)
    if hours.known:
        return None
    return refuse(
        Rule.SESSION_UNKNOWN,
        view,
        {"symbol": trade.symbol, "calendar": hours.calendar, "now": iso(context.at)},
        f"sessions of {hours.calendar} over a span that holds {iso(context.at)}",
    )


def _session(view: AccountView, trade: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    hours = context.venue_sessions.get(view.account.venue, context.session)
    if hours.is_open or not hours.known:
        return None
    opens = hours.opens_at
    return refuse(
        Rule.SESSION_CLOSED,
        view,
        {
            "symbol": trade.symbol,
            "calendar": hours.calendar,
            "now": iso(context.at),
            "session_opens_at": "unknown" if opens is None else iso(opens),
        },
        f"wait until {iso(opens)}" if opens is not None else "wait for the next session",
    )


def _fresh(view: AccountView, trade: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    if (
        view.heartbeat_at >= context.heartbeat_min
        and context.tick_fresh
        and view.snapshot is not None
    ):
        return None
    policy, now = context.policy, context.at
    if view.heartbeat_at < context.heartbeat_min:
        compared = {
            "venue": view.account.venue,
            "heartbeat_at": iso(view.heartbeat_at) if view.heartbeat_at else "never",
            "now": iso(now),
            "heartbeat_age_ns_max": str(policy.heartbeat_age_ns_max),
        }
        need = f"a heartbeat of {view.account.venue} at or after {iso(context.heartbeat_min)}"
    elif not context.tick_fresh:
        compared = {
            "symbol": trade.symbol,
            "tick_at": iso(context.tick_at) if context.tick_at is not None else "never",
            "now": iso(now),
            "tick_age_ns_max": str(policy.tick_age_ns_max),
        }
        need = f"a tick of {trade.symbol} at or after {iso(now - policy.tick_age_ns_max)}"
    else:
        compared = {"account_snapshot": "never"}
        need = "a first snapshot of the account"
    return refuse(Rule.DATA_STALE, view, compared, need)


def _firm_rule(
    view: AccountView, trade: Trade, room: Room, context: TradeContext
) -> Refusal | None:
    # Where there is no conversion or no terms, that is what is wrong, and is refused under its own
    # name; the other firm rules still speak first.
    known = trade.conversion is not None and trade.terms is not None and view.snapshot is not None
    verdict = judge(view, trade, room, context, risk_known=known)
    if verdict is None:
        return None
    return refuse(
        Rule.FIRM_RULE,
        view,
        {"firm_rule": verdict.rule_id} | verdict.compared,
        verdict.would_pass,
        verdict.clause,
    )


def _copy_policy(view: AccountView, _t: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    return None if context.opposed is None else opposite_refusal(view, context.opposed)


def _would_net(view: AccountView, trade: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    if view.account.position_mode is not _NETTING or not (view.positions or view.entering):
        return None
    symbol, sign = trade.symbol, context.sign
    held = [p for p in view.positions if p.symbol == symbol and p.quantity * sign < 0]
    coming = [e for e in view.entering if e.symbol == symbol and e.quantity * sign < 0]
    if not held and not coming:
        return None
    opposite = sum((abs(p.quantity) for p in held), ZERO)
    entering = sum((abs(e.quantity) for e in coming), ZERO)
    both: tuple[Position | Entering, ...] = (*held, *coming)
    first = []
    if held:
        first.append(f"closing the opposite position of {plain(opposite)} base units")
    if coming:
        first.append(f"the end of the opposite entries of {plain(entering)} base units")
    return refuse(
        Rule.WOULD_NET,
        view,
        {
            "position_mode": _NETTING.value,
            "opposite_base_units": plain(opposite),
            "opposite_base_units_entering": plain(entering),
            "executions": ", ".join(sorted({each.execution_id for each in both})),
        },
        f"{' and '.join(first)} first",
    )


def _shared_stop(
    view: AccountView, trade: Trade, _r: Room, context: TradeContext
) -> Refusal | None:
    if context.policy.shared_stop_allowed or view.account.position_mode is not _NETTING:
        return None
    if not view.positions and not view.entering:
        return None
    every: tuple[Position | Entering, ...] = (*view.positions, *view.entering)
    stops = [
        each.stop_loss
        for each in every
        if each.symbol == trade.symbol
        and each.quantity * context.sign > 0
        and each.stop_loss != trade.stop_loss
    ]
    if not stops:
        return None
    held = sorted({_stop_text(stop) for stop in stops})
    return refuse(
        Rule.SHARED_STOP,
        view,
        {
            "position_mode": _NETTING.value,
            "stop_loss": _stop_text(trade.stop_loss),
            "stops_held": ", ".join(held),
        },
        f"a stop_loss of {held[0]}, or nothing held or entering in {trade.symbol} first",
    )


def _position_limit(view: AccountView, trade: Trade, _r: Room, _c: TradeContext) -> Refusal | None:
    most = view.account.positions_max
    if most is None:
        return None
    after = positions_after(view, trade)
    if after <= most:
        return None
    return refuse(
        Rule.POSITION_LIMIT,
        view,
        {"positions_after": str(after), "positions_max": str(most)},
        f"{after - most} fewer open positions before the trade",
    )


def _stop_text(stop: Decimal | None) -> str:
    return "none" if stop is None else plain(stop)


CHECKS: tuple[tuple[Rule, Check], ...] = (
    (Rule.ACCOUNT_STATUS, _account_status),
    (Rule.EXCLUDED, _excluded),
    (Rule.HALTED, _halted),
    (Rule.KILL_SWITCH, kill_switch),
    (Rule.CIRCUIT_OPEN, _circuit),
    (Rule.NOT_RECONCILED, not_reconciled),
    (Rule.NOT_MAPPED, _mapped),
    (Rule.SESSION_UNKNOWN, _session_known),
    (Rule.SESSION_CLOSED, _session),
    (Rule.DATA_STALE, _fresh),
    (Rule.FIRM_RULE, _firm_rule),
    (Rule.COPY_POLICY, _copy_policy),
    (Rule.WOULD_NET, _would_net),
    (Rule.SHARED_STOP, _shared_stop),
    (Rule.POSITION_LIMIT, _position_limit),
    (Rule.ORDER_LIMIT, order_limit),
    (Rule.EXPOSURE_CAP, exposure),
    (Rule.RISK_BUDGET, risk_budget),
    (Rule.MARGIN_LEVEL, margin_level),
    (Rule.SIZE_NOT_REPRESENTABLE, representable),
    (Rule.CONVERSION_MISSING, conversion),
)
_GATE = (
    _account_status,
    _excluded,
    _halted,
    kill_switch,
    _circuit,
    not_reconciled,
    _mapped,
    _session_known,
    _session,
    _fresh,
)
"""The rules that `judge_account` asks in one condition before it asks them one by one."""
check(
    tuple(rule for _, rule in CHECKS[: len(_GATE)]) == _GATE,
    "what the gate leaves out must stand before what it does not",
)
check(
    [rule for rule, _ in CHECKS] == sorted((rule for rule, _ in CHECKS), key=PRECEDENCE.index),
    "eligibility must judge in the precedence of the rules",
)
