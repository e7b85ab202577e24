"""The auditor's word on time: timers (invariant 12), delays, gaps and attempts (13).

Keeps when what is due from the facts of events. Must not know the book's timers or how a delay is
drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from stretto.core import events as ev
from stretto.core.terms.market import venue_calendar
from stretto.core.terms.signal import Urgency
from stretto.simulation.auditor_model import Model, OrderNote, ShareNote

_S = 1_000_000_000
DELAY_NS_MIN = 1 * _S
DELAY_NS_MAX = 30 * _S
WINDOW_NS = 30 * _S
SPAN_NS = DELAY_NS_MAX - DELAY_NS_MIN
VARIATION_MIN = 0.2
PPM = 1_000_000
SESSION_CLOSED = "session_closed"
_ONCE = (
    ev.TimerKind.EXCLUSION,
    ev.TimerKind.CIRCUIT,
    ev.TimerKind.ALERT,
    ev.TimerKind.PROTECTION,
)


def planned(model: Model, event: ev.SignalPlanned) -> None:
    """The delays of a plan lie in their window, apart and not alike."""
    plan = event.plan
    if plan.closes or plan.signal.urgency is Urgency.IMMEDIATE:
        return
    releases = sorted(a.release_at for a in plan.allocations)
    for each in plan.allocations:
        name = f"{plan.execution_id}/{each.account_id}"
        _check_delay(model, name, each.delay_ns, each.release_at - plan.decided_at)
        _check_window(model, name, each.release_at, each.window_end)
    gap_ns = min(1 * _S, plan.timing_gap_ns)
    if gap_ns <= 0 or any(b - a < gap_ns for a, b in pairwise(releases)):
        model.broken(13, f"{plan.execution_id}: releases {releases} keep no gap of {gap_ns} ns")
    is_cut = plan.signal.valid_until < plan.decided_at + DELAY_NS_MAX
    if (
        len(releases) >= 3
        and not is_cut
        and _variation([r - plan.decided_at for r in releases]) < VARIATION_MIN
    ):
        model.broken(13, f"{plan.execution_id}: the delays vary by less than {VARIATION_MIN}")


def _variation(delays: Sequence[int]) -> float:
    """The sample's coefficient of variation, the larger of the two in use."""
    mean = sum(delays) / len(delays)
    square = sum((delay - mean) ** 2 for delay in delays) / (len(delays) - 1)
    return float(square**0.5 / mean)


def _check_delay(model: Model, name: str, stated_ns: int, delay_ns: int) -> None:
    if not DELAY_NS_MIN <= stated_ns < DELAY_NS_MAX or delay_ns != stated_ns:
        model.broken(13, f"{name}: a delay of {delay_ns} ns, stated as {stated_ns}")


def _check_window(model: Model, name: str, release_at: int, window_end: int) -> None:
    if not release_at <= window_end <= release_at + WINDOW_NS:
        model.broken(13, f"{name}: the window ends {window_end - release_at} ns after its begin")


def rerouted(model: Model, event: ev.RemainderRerouted) -> None:
    """What comes to another account keeps a delay of its own."""
    signal = model.executions[event.execution_id].signal
    each, name = event.share, f"{event.execution_id}/{event.share.account_id}"
    if signal.urgency is not Urgency.IMMEDIATE:
        _check_delay(model, name, each.delay_ns, each.release_at - model.at)
    _check_window(model, name, each.release_at, each.window_end)


def scheduled(model: Model, event: ev.ReleaseScheduled) -> None:
    """The first order of a share got a new instant."""
    share = model.share_of(event.execution_id, event.account_id)
    signal = model.executions[event.execution_id].signal
    name = f"{event.execution_id}/{event.account_id}"
    if signal.urgency is not Urgency.IMMEDIATE and event.reason != SESSION_CLOSED:
        _check_delay(model, name, event.delay_ns, event.release_at - model.at)
    _check_window(model, name, event.release_at, event.window_end)
    share.release_at, share.window_end = event.release_at, event.window_end
    share.gap_ns, share.held = event.gap_ns, ""
    _arm(model, share, event.release_at)


def moved(
    model: Model,
    event: ev.ReleaseDeferred | ev.PendingHeld | ev.PendingFreed | ev.LegScheduled,
) -> None:
    """What waits has another instant, or may not go before it."""
    share = model.share_of(event.execution_id, event.account_id)
    if isinstance(event, ev.ReleaseDeferred):
        if event.deferred_to <= model.at:
            model.broken(12, f"{event.execution_id}/{event.account_id} is deferred to the past")
        share.gap_ns = event.gap_ns
        _arm(model, share, event.deferred_to)
    elif isinstance(event, ev.PendingHeld):
        share.held = event.reason or "held"
        _arm(model, share, event.until)
    elif isinstance(event, ev.PendingFreed):
        share.held = ""
        _arm(model, share, event.due_at)
    else:
        _arm(model, share, event.due_at)


def _arm(model: Model, share: ShareNote, due_at: int | None) -> None:
    share.due_at, share.armed_seq = due_at, model.seq
    model.waiting.setdefault(share.symbol, {})[share.key] = None


def check_attempt(model: Model, event: ev.LegScheduled, entry: ev.Entry) -> None:
    """What failed is tried again as often as the policy says, and not too soon. What the same entry
    keeps for a person is not tried again.
    """
    held = [each.account_id for each in entry.events if isinstance(each, ev.PendingHeld)]
    if event.step.value != "send" or event.account_id in held:
        return
    policy, reason = model.config.policy.failures, event.reason
    most = {
        "connection_temporary": policy.retries_max,
        "venue_error": policy.retries_max,
        "insufficient_margin": policy.margin_retries_max,
        "price_moved": policy.requotes_max,
        "rate_limited": policy.rate_limit_retries_max,
        "market_closed": policy.session_retries_max,
        "immediate_remainder": model.config.policy.completion.remainder_legs_max,
    }.get(reason)
    name = f"{event.execution_id}/{event.account_id}"
    if most is not None and event.attempt > most:
        model.excess_tries[name] = f"{name}: retry {event.attempt} for {reason}, at most {most}"
    if reason == "market_closed":
        _check_session(model, event)
    if reason == "insufficient_margin":
        share = model.shares[f"{event.execution_id}/{event.account_id}"]
        asked = share.pending if event.leg_quantity is None else event.leg_quantity
        if asked * PPM**event.attempt > share.pending * policy.margin_retry_factor**event.attempt:
            model.broken(13, f"{name}: {asked} of {share.pending} again for want of margin")
    if reason in ("connection_temporary", "venue_error"):
        least = policy.retry_delay_first_ns * policy.retry_delay_factor ** (event.attempt - 1)
        if event.due_at - model.at < least:
            model.broken(13, f"{name}: retry {event.attempt} after {event.due_at - model.at} ns")


def _check_session(model: Model, event: ev.LegScheduled) -> None:
    """What a closed market refused waits for an opening, of the market or of the venue."""
    share = model.shares[f"{event.execution_id}/{event.account_id}"]
    account = model.configured(event.account_id)
    names = [model.config.instruments[share.symbol].session_calendar]
    if account is not None and account.venue in model.config.maintenance:
        names.append(venue_calendar(account.venue))
    openings = [
        opens
        for name in names
        for opens, _ in (model.calendars[name].sessions if name in model.calendars else ())
        if opens > model.at
    ]
    if openings and event.due_at < min(openings) and not share.held:
        model.excess_tries[share.key] = f"{share.key}: due {event.due_at}, before the next session"


def ended_entry(model: Model) -> None:
    """After an entry: what was tried too often goes on only where a person was asked."""
    for key, text in model.excess_tries.items():
        if not model.shares[key].held:
            model.broken(13, text)
    model.excess_tries.clear()


def assessed(model: Model, event: ev.CompletionAssessed) -> None:
    """A partial fill was looked at; each way of seeing to it has its bound."""
    order = model.order(event.client_order_id)
    order.complete_at = event.due_at
    share = model.share_of(event.execution_id, event.account_id)
    name, policy = event.strategy.value, model.config.policy.completion
    share.choices[name] = share.choices.get(name, 0) + 1
    most = {
        "modify": policy.modifies_max,
        "wait": max(policy.waits_max, policy.illiquid_waits_max),
        "replace": policy.replaces_max,
        "reroute": policy.reroutes_max,
    }.get(name)
    if most is not None and share.choices[name] > most:
        model.broken(13, f"{share.key}: {name} for the {share.choices[name]}th time")


def leaves(model: Model, order: OrderNote, share: ShareNote, due_at: int | None) -> None:
    """An order is intended: not early, in its window, and apart from the last of its symbol."""
    share.choices.pop("wait", None)
    if share.is_exit:
        return
    name, signal = share.key, model.executions[order.execution_id].signal
    if share.held:
        model.broken(10, f"{name} enters while it is held: {share.held}")
    if due_at is None or model.at < due_at:
        model.broken(13, f"{name} leaves at {model.at}, due {due_at}")
    is_first = len(share.orders) == 1
    if is_first and model.at > share.window_end:
        model.broken(13, f"{name} leaves {model.at - share.window_end} ns past its window")
    if model.at > signal.valid_until:
        model.broken(13, f"{name} leaves after the signal ended")
    if not share.gap_ns:
        return
    last = model.released.get(order.symbol)
    if last is not None:
        widest = min(last[1], 1 * _S, SPAN_NS // (2 * _waiting(model, share, order)))
        if model.at - last[0] < min(share.gap_ns, widest):
            model.broken(13, f"{name} leaves {model.at - last[0]} ns after the last {order.symbol}")
    model.released[order.symbol] = (model.at, share.gap_ns)


def _waiting(model: Model, own: ShareNote, order: OrderNote) -> int:
    """How many of the symbol wait for their turn, the one that leaves now included."""
    waiting = model.waiting.get(order.symbol, {})
    count = 1
    for key in list(waiting):
        share = model.shares[key]
        if share.pending <= 0 or share.ended:
            del waiting[key]
        elif share is not own and not share.held and share.due_at is not None:
            count += not share.is_exit
    return count


def fired(model: Model, item: ev.TimerDue) -> None:
    """A timer fires: at its time, and as the events armed it."""
    name = f"{item.timer.value}:{item.key}"
    if item.due_at > model.at:
        model.broken(12, f"{name} fires {item.due_at - model.at} ns early")
    armed: int | None = item.due_at
    if item.timer is ev.TimerKind.RELEASE:
        armed = model.shares[item.key].due_at if item.key in model.shares else None
    elif item.key in model.orders:
        order = model.orders[item.key]
        armed = {
            ev.TimerKind.ACKNOWLEDGE: order.answer_due_at,
            ev.TimerKind.QUERY: order.query_at if order.state == "in_doubt" else None,
            ev.TimerKind.COMPLETION: order.complete_at,
        }.get(item.timer, item.due_at)
    if armed != item.due_at:
        model.broken(12, f"{name} fires for {item.due_at}, armed for {armed}")
    if item.timer in _ONCE:
        if model.fired.get(name) == item.due_at:
            model.broken(12, f"{name} fires again for {item.due_at}")
        model.fired[name] = item.due_at


def spent(model: Model, item: ev.TimerDue) -> None:
    """After the entry of a timer: it is not due for the same instant again."""
    share = model.shares.get(item.key) if item.timer is ev.TimerKind.RELEASE else None
    if share is not None and share.due_at == item.due_at and share.armed_seq != model.seq:
        if not share.ended and share.pending > 0:
            model.broken(12, f"release:{item.key} was handled and is still due {item.due_at}")
        return
    order = model.orders.get(item.key)
    if order is None:
        return
    still = {
        ev.TimerKind.ACKNOWLEDGE: order.answer_due_at,
        ev.TimerKind.QUERY: order.query_at,
    }.get(item.timer)
    if still == item.due_at and not order.is_over:
        model.broken(12, f"{item.timer.value}:{item.key} was handled and is still due {still}")


def forgotten(model: Model, at_ns: int, slack_ns: int) -> None:
    """At rest: nothing is overdue that should have fired long ago."""
    latest = at_ns - slack_ns
    for key, share in model.shares.items():
        if share.pending > 0 and not share.ended and (share.due_at or at_ns) < latest:
            model.broken(12, f"release:{key} was due {share.due_at} and never fired")
    for name, order in model.orders.items():
        due = order.answer_due_at
        if due is not None and due < latest and not order.is_over:
            model.broken(12, f"acknowledge:{name} was due {due} and never fired")
        if order.state == "in_doubt" and order.query_at is not None and order.query_at < latest:
            model.broken(12, f"query:{name} was due {order.query_at} and never fired")
