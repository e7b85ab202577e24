"""Proven-dead quantity moves to another account, in one event (DESIGN §4.9).

Only what is pending moves, which no venue may still fill. ``alternatives`` says who could take it;
where nobody can it is abandoned, with the reasons. Knows nothing of why the first account failed.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.errors import check
from stretto.core.executions.ending import shortfall_pips
from stretto.core.limits import ALTERNATIVES_MAX, REROUTE_REFUSALS_KEPT_MAX, REROUTES_MAX
from stretto.core.messages.advancing import share_of
from stretto.core.plans.alternatives import Alternative, Found, alternatives
from stretto.core.plans.planning import urgency_now
from stretto.core.sizes.entry import EntryPrices, entry_prices
from stretto.core.terms.market import Quote, Reads
from stretto.core.terms.plan import PlannedAllocation
from stretto.core.terms.refusal import PRECEDENCE, Refusal, Rule
from stretto.core.terms.report import OrderType
from stretto.core.terms.signal import Urgency
from stretto.core.times.timing import ReleaseRequest, Timing, release_times
from stretto.core.values import ZERO, Side


def reroute(
    book: Book,
    allocation: Allocation,
    reads: Reads,
    at_ns: int,
    slippage: Decimal | None = None,
    *,
    only: str = "",
    actor: str = "",
    reason: str = "",
) -> tuple[ev.Event, ...] | Refusal:
    """RemainderRerouted, and AllocationEnded where nothing of the first account goes on; or why no
    account fits. ``slippage``: what is left of the signal's bound, price. ``only``: the one account
    that ``actor`` wants. What is left over stays pending, to be rerouted next. Needs a quote of
    every instrument that converts or is held.
    """
    if allocation.hops >= REROUTES_MAX:
        compared = {"accounts_left": str(allocation.hops), "accounts_left_max": str(REROUTES_MAX)}
        return _nobody(allocation, compared, [], "a person, who decides where it goes")
    prices = _prices(book, allocation, reads)
    if isinstance(prices, Refusal):
        return prices
    found = alternatives(book, allocation, prices, reads, at_ns, slippage, only)
    counted = _counted(found)
    if not found.alternatives:
        compared = {"accounts_considered": str(found.considered)}
        compared |= {f"refused_{rule}": str(count) for rule, count in counted.items()}
        need = "an account without a part in this execution that passes every rule"
        return _nobody(allocation, compared, found.refusals, need)
    best = found.alternatives[0]
    timing = _timing(book, allocation, best, reads, at_ns)
    if isinstance(timing, Refusal):
        return timing
    quantity = best.placed.sized.size
    check(0 < quantity <= allocation.pending, "only what no venue may fill can be rerouted")
    outstanding = allocation.intended - allocation.filled
    moved = ev.RemainderRerouted(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        quantity=quantity,
        margin=share_of(allocation.margin, quantity, outstanding),
        risk=share_of(allocation.risk, quantity, outstanding),
        share=_share(book, allocation, best, prices, timing),
        score=best.score,
        considered=found.considered,
        gap_ns=timing.gap_ns,
        refused=counted,
        alternatives=tuple(each.account_id for each in found.alternatives[1:][:ALTERNATIVES_MAX]),
        reason=reason,
        actor=actor,
    )
    if quantity < allocation.pending or book.live_order(allocation) is not None:
        return (moved,)
    return (moved, _ended(book, allocation, moved))


def _prices(book: Book, allocation: Allocation, reads: Reads) -> EntryPrices | Refusal:
    """The plan's prices, as every account of the execution has them, with what an amend changed
    since. Reckoned at the touch now, or at the planned limit, to which an amend may go back.
    """
    execution = book.executions[allocation.execution_id]
    signal = execution.signal
    arrival = Quote(
        symbol=signal.symbol,
        at=execution.decided_at,
        bid=execution.arrival_bid,
        ask=execution.arrival_ask,
    )
    prices = entry_prices(signal, book.configuration.instruments[signal.symbol], arrival)
    if isinstance(prices, Refusal):
        return prices
    if allocation.amended_by:
        stop, target = allocation.stop_loss, allocation.take_profit
        prices = prices._replace(stop_loss=stop, take_profit=target)
    if signal.order_type is not OrderType.MARKET:
        return prices._replace(limit_price=allocation.limit_price)
    quote = reads.quotes[signal.symbol]
    return prices._replace(
        entry=quote.ask if signal.side is Side.BUY else quote.bid,
        limit_price=None,
        stop_price=None,
    )


def _timing(
    book: Book, allocation: Allocation, best: Alternative, reads: Reads, at_ns: int
) -> Timing | Refusal:
    """A delay of its own, apart from everything that waits in the symbol."""
    signal = book.executions[allocation.execution_id].signal
    own = allocation_key(allocation.execution_id, allocation.account_id)
    waiting = book.scheduled.get(signal.symbol, {})
    profile = best.placed.screened.view.account.profile
    return release_times(
        [ReleaseRequest(account_id=best.account_id, pace_ppm=profile.bounded_pace())],
        book_key=book.configuration.book_key,
        execution_id=allocation.execution_id,
        approved_at_ns=at_ns,
        pending_ns=tuple(sorted(at for name, at in waiting.items() if name != own)),
        market_urgency_ppm=urgency_now(signal, reads),
        immediate=signal.urgency is Urgency.IMMEDIATE,
        valid_until_ns=signal.valid_until,
    )


def _share(
    book: Book, allocation: Allocation, best: Alternative, prices: EntryPrices, timing: Timing
) -> PlannedAllocation:
    (release,) = timing.releases
    placed, profile = best.placed, best.placed.screened.view.account.profile
    execution = book.executions[allocation.execution_id]
    return PlannedAllocation(
        account_id=best.account_id,
        base_size=best.own,
        position_size=placed.sized.size,
        variance_applied=placed.sized.variance_applied_ppm,
        size_rationale=f"rerouted from {allocation.account_id}",
        execution_priority=len(execution.accounts) + 1,
        delay_ns=release.delay_ns,
        drawn_ns=release.drawn_ns,
        release_at=release.release_at,
        window_end=release.window_end,
        timing_rationale=release.rationale,
        margin=placed.margin,
        risk=placed.risk,
        limit_price=prices.limit_price,
        stop_price=prices.stop_price,
        stop_loss=prices.stop_loss,
        take_profit=prices.take_profit,
        size_factor=profile.size_factor,
        pace=profile.bounded_pace(),
        aggression=profile.bounded_aggression(),
    )


def _ended(book: Book, allocation: Allocation, moved: ev.RemainderRerouted) -> ev.AllocationEnded:
    """Nothing is left to do for the first account; the execution goes on in the other."""
    execution = book.executions[allocation.execution_id]
    executed = allocation.filled + allocation.overfilled
    shortfall = None
    if executed:
        shortfall = shortfall_pips(book, execution, allocation.notional, executed)
    return ev.AllocationEnded(
        execution_id=allocation.execution_id,
        account_id=allocation.account_id,
        abandoned=ZERO,
        reason=f"rerouted to {moved.share.account_id}",
        margin=allocation.margin - moved.margin,
        risk=allocation.risk - moved.risk,
        shortfall_pips=shortfall,
    )


def _counted(found: Found) -> dict[str, int]:
    counts = {rule: sum(1 for r in found.refusals if r.rule is rule) for rule in PRECEDENCE}
    return {rule.value: count for rule, count in counts.items() if count}


def _nobody(
    allocation: Allocation, compared: dict[str, str], refusals: list[Refusal], would_pass: str
) -> Refusal:
    return Refusal(
        rule=Rule.NO_ALTERNATIVE,
        account_id=allocation.account_id,
        compared={"pending_base_units": str(allocation.pending)} | compared,
        would_pass=would_pass,
        also=tuple(refusals[:REROUTE_REFUSALS_KEPT_MAX]),
    )
