"""The moment of release: the gate once more, then the order is intended (DESIGN §4.1, §4.6).

Past its window an allocation expires, it never fires late. Whatever refuses here ends the
allocation with its name; only the gap to the last release of the symbol, or an account that was
not yet compared with its venue, makes it wait. Knows nothing of how the plan was made.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.conduct import probes
from stretto.core.book import Allocation, Book, Execution, NextStep
from stretto.core.executions.deferral import deferrals, next_session_release
from stretto.core.executions.ending import ends_execution, refused
from stretto.core.gate.eligibility import judge_account
from stretto.core.gate.risk import room, trading_day_start
from stretto.core.gate.trade import trade_for
from stretto.core.limits import DISPATCH_WINDOW_NS, SEND_BEFORE_NS
from stretto.core.orders.order import OrderInput, intend, step
from stretto.core.plans.screening import account_views, opposed_to, trade_context
from stretto.core.protective.protecting import has_own_stops
from stretto.core.reconciliation_events import POSITION_DIFFERENCE
from stretto.core.release.holding import PAUSED, held
from stretto.core.release.in_flight import held_back, moved_since_plan
from stretto.core.release.rerouting import reroute
from stretto.core.sizes.entry import EntryPrices
from stretto.core.sizes.slippage import slippage_allowed
from stretto.core.terms.market import Quote, Reads
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import OrderRole, OrderType
from stretto.core.terms.signal import Signal
from stretto.core.values import PPM, ZERO, Side, client_order_id, iso, ppm_to_decimal


def on_release_due(book: Book, key: str, reads: Reads, at_ns: int) -> tuple[ev.Event, ...]:
    """OrderIntended for what is pending, ReleaseDeferred (for all that is overdue in the symbol)
    where its last release is too near, PendingHeld where a pair of accounts would become too alike
    or the account has yet to be compared with its venue, or AllocationEnded with the rule that
    refused it.
    """
    allocation = book.allocations[key]
    due_at = allocation.due_at
    if allocation.ended or allocation.pending <= 0:
        return ()
    if due_at is None or at_ns < due_at:
        return ()
    execution = book.executions[allocation.execution_id]
    if allocation.held and at_ns <= execution.signal.valid_until:
        return ()
    if execution.paused and not allocation.held and at_ns <= execution.signal.valid_until:
        return (held(execution, allocation, PAUSED),)
    refusal = _too_late(allocation, execution.signal, at_ns, at_ns)
    if refusal is None:
        if allocation.step is NextStep.REROUTE:
            moved = _reroute(book, allocation, execution, reads, at_ns)
            if not isinstance(moved, Refusal):
                return moved
            return _given_up(book, allocation, moved)
        venue = book.configuration.accounts[allocation.account_id].venue
        free_at = book.throttled.get(venue, 0)
        if free_at > at_ns:
            refusal = _too_late(allocation, execution.signal, at_ns, free_at)
            if refusal is None:
                return (_again(allocation, free_at, "rate_limited", NextStep.SEND),)
            return _given_up(book, allocation, refusal)
        waits = deferrals(book, key, at_ns)
        if not waits:
            refusal = judge_again(book, allocation, execution, reads, at_ns)
        else:
            refusal = _too_late(allocation, execution.signal, at_ns, waits[0].deferred_to)
            if refusal is None:
                return waits
    if refusal is not None:
        return _instead(book, allocation, execution, refusal, at_ns)
    return held_back(book, key, reads) or _goes(book, allocation, execution, reads, at_ns)


def _goes(
    book: Book, allocation: Allocation, execution: Execution, reads: Reads, at_ns: int
) -> tuple[ev.Event, ...]:
    event = intended(book, allocation, execution, reads, at_ns)
    return (event, *probes(book, event.order))


_ELSEWHERE = (Rule.EXCLUDED, Rule.CIRCUIT_OPEN)
"""Refusals that say that the way to the account is barred: what waits goes to another."""


def _instead(
    book: Book, allocation: Allocation, execution: Execution, refusal: Refusal, at_ns: int
) -> tuple[ev.Event, ...]:
    """What becomes of a release that was refused: elsewhere, later, or nothing more."""
    if refusal.rule in _ELSEWHERE:
        return (_again(allocation, at_ns, refusal.rule.value, NextStep.REROUTE),)
    if _waits_for_a_view(book, refusal):
        held = ev.PendingHeld(
            execution_id=allocation.execution_id,
            account_id=allocation.account_id,
            reason=Rule.NOT_RECONCILED.value,
            until=execution.signal.valid_until + 1,
        )
        return (held,)
    if refusal.rule is Rule.SESSION_CLOSED:
        later = next_session_release(book, allocation, at_ns)
        if later is not None and later[1] <= execution.signal.valid_until:
            return (_next_session(allocation, execution, *later),)
    return _given_up(book, allocation, refusal)


def _next_session(
    allocation: Allocation, execution: Execution, opens_at: int, due_at: int
) -> ev.Event:
    """What found the market closed waits for the next session; the window of a first order too."""
    reason = Rule.SESSION_CLOSED.value
    if allocation.order_ids:
        return _again(allocation, due_at, reason, NextStep.SEND)
    return ev.ReleaseScheduled(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        release_at=due_at,
        window_end=due_at + DISPATCH_WINDOW_NS,
        gap_ns=allocation.gap_ns,
        delay_ns=due_at - opens_at,
        redraw=execution.redraws,
        reason=reason,
    )


def _again(allocation: Allocation, due_at: int, reason: str, step: NextStep) -> ev.LegScheduled:
    """What is pending goes on later, or elsewhere."""
    return ev.LegScheduled(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        client_order_id="",
        released=ZERO,
        due_at=due_at,
        reason=reason,
        attempt=1,
        step=step,
        leg_quantity=allocation.leg_quantity,
    )


def _given_up(book: Book, allocation: Allocation, refusal: Refusal) -> tuple[ev.Event, ...]:
    ended = refused(allocation.pending, allocation, refusal)
    return (ended, *ends_execution(book, ended, allocation.filled > 0))


def _reroute(
    book: Book, allocation: Allocation, execution: Execution, reads: Reads, at_ns: int
) -> tuple[ev.Event, ...] | Refusal:
    quote = _quoted(allocation, execution, reads, at_ns)
    if isinstance(quote, Refusal):
        return quote
    left = slippage_left(book, execution, quote)
    refusal = _judge_slippage(book, allocation, execution, quote)
    return refusal or reroute(book, allocation, reads, at_ns, left)


def rerouted_by_person(
    book: Book,
    allocation: Allocation,
    reads: Reads,
    at_ns: int,
    to: str,
    actor: str,
    reason: str,
) -> tuple[ev.Event, ...] | Refusal:
    """What waits goes to one account that a person chose; expiry and slippage bind all the same."""
    execution = book.executions[allocation.execution_id]
    late = _too_late(allocation, execution.signal, at_ns, at_ns)
    if late is not None:
        return late
    quote = _quoted(allocation, execution, reads, at_ns)
    if isinstance(quote, Refusal):
        return quote
    left = slippage_left(book, execution, quote)
    slipped = _judge_slippage(book, allocation, execution, quote)
    return slipped or reroute(
        book, allocation, reads, at_ns, left, only=to, actor=actor, reason=reason
    )


def intended(
    book: Book, allocation: Allocation, execution: Execution, reads: Reads, at_ns: int
) -> ev.OrderIntended:
    """The next order of what the allocation has pending, which the gate let pass."""
    signal, due_at = execution.signal, allocation.due_at
    leg = len(allocation.order_ids) + 1
    is_apart = has_own_stops(book, allocation.account_id)
    order = intend(
        client_order_id=client_order_id(
            book.configuration.book_id, allocation.execution_id, allocation.account_id, leg
        ),
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        leg=leg,
        role=OrderRole.ENTRY,
        symbol=signal.symbol,
        side=execution.side,
        order_type=signal.order_type,
        quantity=min(allocation.leg_quantity or allocation.pending, allocation.pending),
        created_at=at_ns,
        send_before=at_ns + SEND_BEFORE_NS,
        time_in_force=signal.time_in_force,
        limit_price=allocation.limit_price,
        stop_price=allocation.stop_price,
        stop_loss=None if is_apart else allocation.stop_loss,
        take_profit=None if is_apart else allocation.take_profit,
    )
    return ev.OrderIntended(
        order=step(order, OrderInput.SUBMIT, at_ns).order,
        planned_at=due_at if due_at is not None and allocation.order_ids else allocation.release_at,
        slippage_max=_slippage_first(book, allocation, execution, reads.quotes[signal.symbol]),
        trading_day=_trading_day(book, allocation.account_id, at_ns),
    )


def _waits_for_a_view(book: Book, refusal: Refusal) -> bool:
    """True where only the next view of the account has to say that it agrees with the book: what
    was planned before a restart is not given up for that.
    """
    if refusal.rule is not Rule.NOT_RECONCILED:
        return False
    return book.ledgers[refusal.account_id].unreconciled != POSITION_DIFFERENCE


def _trading_day(book: Book, account_id: str, at_ns: int) -> int:
    config = book.configuration
    rulebook = config.rulebooks[config.accounts[account_id].rulebook]
    return trading_day_start(at_ns, rulebook.day_reset, rulebook.day_zone)


def reads_for_release(book: Book, key: str) -> tuple[str, ...]:
    """Symbols the gate needs: the traded one, those the account holds, those that convert; all
    where pairs of accounts are judged anew.
    """
    allocation = book.allocations[key]
    if allocation.ended or allocation.held or allocation.due_at is None:
        return ()
    if book.executions[allocation.execution_id].closes:
        return ()
    if allocation.step is NextStep.REROUTE or moved_since_plan(book, allocation):
        return tuple(sorted(book.configuration.instruments))
    return symbols_of_gate(book, allocation)


def symbols_of_gate(book: Book, allocation: Allocation) -> tuple[str, ...]:
    """The symbols whose quotes judging the allocation needs, sorted."""
    config = book.configuration
    if allocation.account_id not in config.accounts:
        return (book.executions[allocation.execution_id].signal.symbol,)
    symbols = [book.executions[allocation.execution_id].signal.symbol]
    symbols += [p.symbol for p in book.positions.get(allocation.account_id, {}).values()]
    currency = config.accounts[allocation.account_id].currency
    capped = config.policy.exposure_max is not None and config.currency != currency
    for name in symbols:
        if capped or config.instruments[name].quote_currency != currency:
            return tuple(sorted(config.instruments))
    return tuple(sorted(dict.fromkeys(symbols)))


def _too_late(allocation: Allocation, signal: Signal, at_ns: int, free_at: int) -> Refusal | None:
    """Whether the window or the signal ends before ``free_at``, the first instant it could leave:
    now, or where the gap to other releases ends.
    """
    ends = ((Rule.WINDOW_PASSED, allocation.window_end), (Rule.EXPIRED, signal.valid_until))
    for rule, end in ends[1:] if allocation.order_ids or allocation.held else ends:
        if free_at > end:
            name = "window_end" if rule is Rule.WINDOW_PASSED else "valid_until"
            would_pass = f"a valid_until at or after {iso(free_at)}"
            if rule is Rule.WINDOW_PASSED:
                would_pass = f"a dispatch at or before {iso(end)}"
            compared = {"now": iso(at_ns), name: iso(end)}
            if free_at > at_ns:
                compared["earliest_release"] = iso(free_at)
            if allocation.held:
                compared["held"] = allocation.held
            return Refusal(
                rule=rule,
                account_id=allocation.account_id,
                compared=compared,
                would_pass=would_pass,
            )
    return None


def judge_again(
    book: Book, allocation: Allocation, execution: Execution, reads: Reads, at_ns: int
) -> Refusal | None:
    """Why what the allocation has pending may not be sent now; None where it may."""
    quote = _quoted(allocation, execution, reads, at_ns)
    if isinstance(quote, Refusal):
        return quote
    return _judge_slippage(book, allocation, execution, quote) or _judge_account(
        book, allocation, execution, quote, reads, at_ns
    )


def _quoted(
    allocation: Allocation, execution: Execution, reads: Reads, at_ns: int
) -> Quote | Refusal:
    symbol = execution.signal.symbol
    return reads.quotes.get(symbol) or Refusal(
        rule=Rule.NO_QUOTE,
        account_id=allocation.account_id,
        compared={"symbol": symbol, "at": iso(at_ns)},
        would_pass=f"a quote of {symbol}",
    )


def _judge_slippage(
    book: Book, allocation: Allocation, execution: Execution, quote: Quote
) -> Refusal | None:
    left = slippage_left(book, execution, quote)
    signal = execution.signal
    if left is None or left >= 0 or signal.max_slippage is None:
        return None
    touch, now = _touches(execution, quote)
    pip = book.configuration.instruments[signal.symbol].pip
    moved = (signal.max_slippage * pip - left) / pip
    return Refusal(
        rule=Rule.SLIPPAGE_EXCEEDED,
        account_id=allocation.account_id,
        compared={
            "touch_at_intake": str(touch),
            "touch_now": str(now),
            "moved_pips": f"{moved:f}",
            "max_slippage_pips": str(signal.max_slippage),
        },
        would_pass=f"a max_slippage of at least {moved:f} pips",
    )


def _slippage_first(
    book: Book, allocation: Allocation, execution: Execution, quote: Quote
) -> Decimal | None:
    """What the first order may give away: the account's share (its aggression) of what is left of
    the signal's bound (orders after it: all that is left); price from the present touch, None where
    unbounded.
    """
    left = slippage_left(book, execution, quote)
    if left is None or allocation.order_ids or allocation.aggression == PPM:
        return left
    return left * ppm_to_decimal(allocation.aggression).normalize()


def slippage_left(book: Book, execution: Execution, quote: Quote) -> Decimal | None:
    """Price a market order may still give away from the present touch; None for other orders."""
    signal, config = execution.signal, book.configuration
    if signal.order_type is not OrderType.MARKET:
        return None
    touch, now = _touches(execution, quote)
    allowed = slippage_allowed(signal, now, config.instruments[signal.symbol], config.policy)
    if signal.max_slippage is None:
        return allowed
    return allowed - (now - touch) * signal.side.sign


def _touches(execution: Execution, quote: Quote) -> tuple[Decimal, Decimal]:
    if execution.signal.side is Side.BUY:
        return execution.arrival_ask, quote.ask
    return execution.arrival_bid, quote.bid


def _judge_account(
    book: Book, allocation: Allocation, execution: Execution, quote: Quote, reads: Reads, at_ns: int
) -> Refusal | None:
    """The whole gate of planning for this one account, without its own reservation."""
    signal = execution.signal
    touch = quote.ask if signal.side is Side.BUY else quote.bid
    prices = EntryPrices(
        entry=allocation.limit_price or allocation.stop_price or touch,
        limit_price=allocation.limit_price,
        stop_price=allocation.stop_price,
        stop_loss=allocation.stop_loss,
        take_profit=allocation.take_profit,
    )
    left = slippage_left(book, execution, quote)
    context = trade_context(book, signal, prices, reads, at_ns, allocation.pending, left)
    context.opposed = opposed_to(book, signal)
    (view,) = account_views(book, reads, (allocation.account_id,))
    ledger = replace(
        view.ledger,
        reserved_margin=view.ledger.reserved_margin - allocation.margin,
        reserved_risk=view.ledger.reserved_risk - allocation.risk,
    )
    others = tuple(e for e in view.entering if e.execution_id != allocation.execution_id)
    view = view._replace(ledger=ledger, entering=others, execution_id=allocation.execution_id)
    trade = trade_for(view, allocation.pending, context)
    return judge_account(view, trade, room(view, context), context)
