"""The auditor's word on what bars an entry: invariants 10 and 11.

Keeps halts, exclusions, kills, circuits and sessions from events and reads the firm's rules from
the configuration. Checks what must hold of every entry that is intended; must not know the gate.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from stretto.core import events as ev
from stretto.core.terms.account import Account
from stretto.core.terms.market import venue_calendar
from stretto.core.terms.policy import LossLimit, Permission, Rulebook
from stretto.simulation.auditor_model import Model, OrderNote

_S = 1_000_000_000
PERSON = "a person"
POSITION_DIFFERENCE = "position_difference"


def barred(model: Model, event: ev.Event) -> None:
    """What bars accounts, venues or scopes, or frees them again."""
    match event:
        case ev.AccountHalted():
            model.account(event.account_id).halted = event.reason
        case ev.AccountReleased():
            model.account(event.account_id).halted = ""
        case ev.AccountExcluded():
            model.account(event.account_id).excluded = event.reason or "excluded"
        case ev.AccountRestored():
            model.account(event.account_id).excluded = ""
        case ev.AccountReconciled():
            compared(model, event)
            model.account(event.account_id).unreconciled = event.unreconciled
        case ev.ReconciliationRequired():
            for account_id in model.config.accounts:
                model.account(account_id).unreconciled = event.reason
        case ev.KillSwitchThrown():
            model.kills[event.scope.value, event.name] = None
        case ev.KillSwitchReleased():
            model.kills.pop((event.scope.value, event.name), None)
        case ev.CircuitChanged():
            circuit = event.circuit
            key = f"{circuit.scope.value}:{circuit.name}"
            model.circuits[key] = (circuit.state.value, circuit.probe)
        case ev.VenueThrottled():
            model.throttled[event.venue] = event.until
        case ev.CalendarRecorded():
            model.calendars[event.table.calendar] = event.table


def asked(model: Model, event: ev.InterventionRequired) -> None:
    """A person has to look."""
    key = event.client_order_id or f"{event.execution_id}/{event.account_id}"
    model.asked_ever[key] = None
    model.asked[key] = (event.reason, event.account_id, event.known.get("symbol", ""))


def answered(model: Model, event: ev.InterventionResolved) -> None:
    """Nobody has to look any more."""
    key = event.client_order_id or f"{event.execution_id}/{event.account_id}"
    model.asked.pop(key, None)
    if event.reason == POSITION_DIFFERENCE:
        prefix = f"{event.account_id}/position/"
        if not any(k.startswith(prefix) and v[0] == event.reason for k, v in model.asked.items()):
            model.account(event.account_id).unreconciled = ""


def killed(model: Model, account_id: str, symbol: str) -> str:
    """The kill switch over entries of a symbol in an account, in words; empty where none is."""
    for scope, name in model.kills:
        if _over(model, scope, name, account_id, symbol):
            return f"{scope} {name}".strip()
    return ""


def covers(model: Model, scope: str, name: str, order: OrderNote) -> bool:
    """Whether one kill switch is over an order. One thrown before it asked for its own cancels, and
    what a venue refused then is not asked for again by another.
    """
    return _over(model, scope, name, order.account_id, order.symbol)


def _over(model: Model, scope: str, name: str, account_id: str, symbol: str) -> bool:
    account = model.configured(account_id)
    over = {"book": name, "symbol": symbol, "account": account_id}
    if account is not None:
        over |= {"firm": account.firm, "group": account.group}
    return scope in over and over[scope] == name


def may_go(model: Model, entry: ev.Entry, order: OrderNote) -> None:
    """Nothing forbids the order that was just intended."""
    execution = model.executions[order.execution_id]
    switch = killed(model, order.account_id, order.symbol)
    name = f"order {order.client_order_id} of {order.account_id}"
    if not order.is_entry:
        if switch and order.role == "exit" and execution.signal.strategy_id != PERSON:
            model.broken(
                11, f"{name} closes under the kill switch of {switch}, nobody asked for it"
            )
        return
    if switch:
        model.broken(11, f"{name} enters under the kill switch of {switch}")
    if execution.awaits:
        model.broken(11, f"{name} enters though nobody approved the plan")
    if execution.paused:
        model.broken(11, f"{name} enters though a person paused the execution")
    _check_account(model, order, name)
    account = model.configured(order.account_id)
    if account is None:
        model.broken(10, f"{name} enters an account that is not configured")
    _check_session(model, order, account, name)
    _check_freshness(model, entry, order, account, name)
    rulebook = model.config.rulebooks[account.rulebook]
    _check_rules(model, order, account, rulebook, name)
    _check_loss(model, order, account, rulebook, name)
    _check_overall_loss(model, order, account, rulebook, name)
    _check_opposite(model, order, account, rulebook, name)


def counted(model: Model, account_id: str) -> None:
    """One more order of the account on its firm's trading day."""
    account = model.configured(account_id)
    if account is None:
        return
    rulebook = model.config.rulebooks[account.rulebook]
    note, start = model.account(account_id), day_start(model.at, rulebook)
    if note.order_day != start:
        note.order_day, note.orders_today = start, 0
    note.orders_today += 1


def _check_account(model: Model, order: OrderNote, name: str) -> None:
    note = model.account(order.account_id)
    for what, why in (
        ("halted", note.halted),
        ("excluded", note.excluded),
        ("not reconciled", note.unreconciled),
        ("not tradable", "" if note.tradable else "the venue says so"),
    ):
        if why:
            model.broken(10, f"{name} enters an account that is {what}: {why}")
    account = model.configured(order.account_id)
    if account is None:
        return
    if account.mode.value != "active":
        model.broken(10, f"{name} enters an account that is {account.mode.value}")
    for key in (f"account:{order.account_id}", f"venue:{account.venue}"):
        state, probe = model.circuits.get(key, ("closed", ""))
        if state == "open" or (state == "half_open" and probe):
            model.broken(10, f"{name} passes the circuit {key}, which is {state} {probe}")
    if model.throttled.get(account.venue, 0) > model.at:
        model.broken(10, f"{name} goes to {account.venue}, which is throttled")


def _check_session(model: Model, order: OrderNote, account: Account, name: str) -> None:
    calendars = [model.config.instruments[order.symbol].session_calendar]
    if account.venue in model.config.maintenance:
        calendars.append(venue_calendar(account.venue))
    for calendar in calendars:
        table = model.calendars.get(calendar)
        sessions = () if table is None else table.sessions
        place = bisect_right(sessions, (model.at, 1 << 63)) - 1
        if place < 0 or not sessions[place][0] <= model.at < sessions[place][1]:
            model.broken(10, f"{name} enters while {calendar} is closed")


def _check_freshness(
    model: Model, entry: ev.Entry, order: OrderNote, account: Account, name: str
) -> None:
    policy = model.config.policy
    quote = entry.reads.quotes.get(order.symbol)
    if quote is None or quote.at < model.at - policy.tick_age_ns_max:
        model.broken(10, f"{name} enters on a quote that is old or not there")
    venue = entry.reads.venues.get(account.venue)
    if venue is None or venue.heartbeat_at < model.at - policy.heartbeat_age_ns_max:
        model.broken(10, f"{name} enters though {account.venue} gives no sign of life")


def _check_rules(
    model: Model, order: OrderNote, account: Account, rulebook: Rulebook, name: str
) -> None:
    if rulebook.automation is not Permission.ALLOWED:
        model.broken(10, f"{name}: {rulebook.rulebook_id} does not allow automation")
    has_stop = order.has_stop
    if model.has_own_stops(order.account_id):
        has_stop = model.shares[f"{order.execution_id}/{order.account_id}"].has_stop
    if rulebook.stop_required and not has_stop:
        model.broken(10, f"{name}: {rulebook.rulebook_id} wants a stop")
    for most in (rulebook.quantity_max, account.quantity_max):
        if most is not None and order.quantity > most:
            model.broken(10, f"{name} is for {order.quantity}, at most {most} are allowed")
    most_orders = rulebook.orders_per_day_max
    today = model.account(order.account_id).orders_today
    if most_orders is not None and today > most_orders:
        model.broken(10, f"{name} is the {today}th of the day, at most {most_orders} are allowed")
    limits = [n for n in (rulebook.positions_max, account.positions_max) if n is not None]
    if limits and account.position_mode.value == "hedging":
        held = {
            owner: None
            for (account_id, owner), position in model.positions.items()
            if account_id == order.account_id and position.quantity
        }
        held[order.execution_id] = None
        if len(held) > min(limits):
            model.broken(10, f"{name} makes {len(held)} positions, at most {min(limits)} may be")


def _check_loss(
    model: Model, order: OrderNote, account: Account, rulebook: Rulebook, name: str
) -> None:
    """A necessary condition of every room: equity less what others reserved is above the floor."""
    note = model.account(order.account_id)
    limit = rulebook.daily_loss
    if limit is None or note.anchor is None or note.equity is None:
        return
    started_at, balance, equity = note.anchor
    allowed = _amount(limit, account.initial_balance, balance)
    if allowed is None or started_at != day_start(model.at, rulebook):
        return
    base = {"balance": balance, "equity": equity}.get(limit.anchor.value, max(balance, equity))
    share = model.shares[f"{order.execution_id}/{order.account_id}"]
    if note.equity - (note.risk - share.risk) <= base - allowed:
        model.broken(10, f"{name}: no room is left above the floor {base - allowed}")


def _check_overall_loss(
    model: Model, order: OrderNote, account: Account, rulebook: Rulebook, name: str
) -> None:
    """The same of the overall limit, from the initial balance; from the highest equity seen where
    it trails intraday, and no higher than the initial balance where it locks.
    """
    note, limit = model.account(order.account_id), rulebook.overall_loss
    if limit is None or note.equity is None or limit.percent_of != "initial":
        return
    initial = account.initial_balance
    allowed = _amount(limit, initial, initial)
    if allowed is None:
        return
    highest = max(initial, note.highest) if limit.trailing.value == "intraday" else initial
    floor = highest - allowed
    if limit.locks_at_initial:
        floor = min(floor, initial)
    share = model.shares[f"{order.execution_id}/{order.account_id}"]
    if note.equity - (note.risk - share.risk) <= floor:
        model.broken(10, f"{name}: no room is left above the overall floor {floor}")


def _check_opposite(
    model: Model, order: OrderNote, account: Account, rulebook: Rulebook, name: str
) -> None:
    """Nobody else holds the other side of the symbol where either rulebook forbids that."""
    sign = model.executions[order.execution_id].sign
    for (other_id, _), position in model.positions.items():
        if position.symbol != order.symbol or position.quantity * sign >= 0:
            continue
        other = model.configured(other_id)
        if other is None or other_id == account.account_id:
            continue
        for rules in (rulebook, model.config.rulebooks[other.rulebook]):
            if rules.opposite_positions is not Permission.ALLOWED:
                model.broken(
                    10,
                    f"{name} stands against {position.quantity} {order.symbol} of {other_id}, "
                    f"{rules.rulebook_id} forbids it",
                )


def compared(model: Model, event: ev.AccountReconciled) -> None:
    """An account counts as compared by a view of now, newer than the one before."""
    if not event.complete:
        return
    note, late_ns = model.account(event.account_id), model.at - event.at
    if event.at <= note.viewed_at or not -_SKEW_NS <= late_ns <= _VIEW_NS:
        model.broken(
            10,
            f"{event.account_id} counts as compared by a view of {event.at}, {late_ns} ns old, "
            f"after one of {note.viewed_at}",
        )
    note.viewed_at = event.at


def _amount(limit: LossLimit, initial: Decimal, day_start_balance: Decimal) -> Decimal | None:
    if limit.amount is not None:
        return limit.amount
    if limit.percent is None:
        return None
    of = initial if limit.percent_of == "initial" else day_start_balance
    return of * limit.percent / 100


def copies_allowed(model: Model, event: ev.SignalPlanned) -> None:
    """One signal in several accounts only where every two rulebooks allow it (DESIGN §5)."""
    accounts = [model.config.accounts[a.account_id] for a in event.plan.allocations]
    strict = [a for a in accounts if not _copies_all(model, a)]
    for first in strict:
        for other in accounts:
            if other is first:
                continue
            within = first.owner == other.owner
            rulebook = model.config.rulebooks[first.rulebook]
            allowed = rulebook.copy_within_owner if within else rulebook.copy_between_owners
            if allowed is not Permission.ALLOWED:
                model.broken(
                    10, f"{first.account_id} and {other.account_id} share a signal, "
                    f"{rulebook.rulebook_id} forbids it",
                )  # fmt: skip


def _copies_all(model: Model, account: Account) -> bool:
    rulebook = model.config.rulebooks[account.rulebook]
    allowed = Permission.ALLOWED
    return rulebook.copy_within_owner is allowed and rulebook.copy_between_owners is allowed


_SKEW_NS, _VIEW_NS = 5 * _S, 10 * _S
_STARTS: dict[tuple[str, str], tuple[int, int]] = {}


def day_start(at_ns: int, rulebook: Rulebook) -> int:
    """Start of the firm's trading day that ``at_ns`` lies in, ns UTC."""
    key = (rulebook.day_reset, rulebook.day_zone)
    known = _STARTS.get(key)
    if known is not None and known[0] <= at_ns < known[1]:
        return known[0]
    zone = ZoneInfo(rulebook.day_zone)
    hour, minute = (int(part) for part in rulebook.day_reset.split(":"))
    local = datetime.fromtimestamp(at_ns // _S, zone)
    starts = []
    for days in (-1, 0, 1, 2):
        day = (local + timedelta(days=days)).date()
        wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        starts.append(int(wall.timestamp()) * _S)
    place = max(bisect_right(starts, at_ns) - 1, 0)
    _STARTS[key] = (starts[place], starts[min(place + 1, len(starts) - 1)])
    return starts[place]
