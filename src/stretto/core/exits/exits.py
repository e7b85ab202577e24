"""Exits: close and reduce what an earlier signal opened, in every account that holds it.

No score, correlation, dispersion, delay or expiry, and no rule of entries: the first leg is
intended in the entry that takes the signal in. A close also withdraws what has not been entered
yet, and closes what fills nevertheless. Knows nothing of orders once they are sent.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.executions.amend_ending import superseded
from stretto.core.executions.citing import cited
from stretto.core.executions.giving_up import give_up
from stretto.core.executions.held_positions import at_venue, exits_of, held, live_orders
from stretto.core.executions.opening import opened_by, share_of
from stretto.core.exits.amending import amended, judge_levels, without_position
from stretto.core.exits.exit_legs import next_leg
from stretto.core.exits.repricing import judge_limit, limit_refusals, repriced
from stretto.core.terms.exit_signal import PERSON, ExitSignal, as_signal, judge_exit_form
from stretto.core.terms.market import Quote, Reads
from stretto.core.terms.plan import Plan, PlannedAllocation
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import OrderRole
from stretto.core.terms.signal import Action, ListedAccounts, PerAccount, Share, Signal, judge_clock
from stretto.core.values import ZERO, Side, execution_id, floor_to_step, iso

Events = list[ev.Event]


def on_exit(book: Book, item: ExitSignal, reads: Reads, at_ns: int) -> tuple[ev.Event, ...]:
    """SignalPlanned with what is closed where, and its first orders; or SignalRefused. The same
    exit again changes nothing.
    """
    known = book.signals.get(item.signal_id)
    if known is not None and known.signal == as_signal(
        item, known.signal.symbol, known.signal.side
    ):
        return ()
    plan = plan_exit(book, item, reads, at_ns)
    if plan.refused is not None:
        return (ev.SignalRefused(plan=plan),)
    return tuple(carried_out(book, plan, book.executions[plan.closes], at_ns))


def reads_for_exit(book: Book, item: ExitSignal) -> tuple[str, ...]:
    """The symbol that is closed, for its touch; an exit is not held up where there is none."""
    target = referred_to(book, item.refers_to)
    return () if target is None else (target.signal.symbol,)


def referred_to(book: Book, name: str) -> Execution | None:
    """The execution of a signal id or an execution id; an exit is none that could be closed."""
    found = book.executions.get(name)
    if found is None and name:
        found = book.executions.get(execution_id(book.configuration.book_id, name))
    return None if found is None or found.role is not OrderRole.ENTRY else found


def plan_exit(book: Book, item: ExitSignal, reads: Reads, at_ns: int) -> Plan:
    """What an exit would close in each account, or what refuses it; changes nothing (this is also
    the dry run).
    """
    target = referred_to(book, item.refers_to)
    if target is None:
        signal = as_signal(item, item.symbol, item.side or Side.SELL)
        no = _gate(book, item, at_ns) or _unknown(item)
        return plan_of(book, signal, None, None, at_ns, refused=no)
    signal = as_signal(item, target.signal.symbol, target.side.opposite)
    quote = reads.quotes.get(signal.symbol)
    refusal = _gate(book, item, at_ns) or _other_symbol(item, signal)
    if signal.action is Action.AMEND:
        refusal = refusal or judge_levels(book, signal, quote) or judge_limit(book, signal, target)
        none = () if refusal is not None else _unamended(book, signal, target)
        return plan_of(book, signal, target, quote, at_ns, refusals=none, refused=refusal)
    if refusal is not None:
        return plan_of(book, signal, target, quote, at_ns, refused=refusal)
    shares, refusals = shared(book, signal, target, at_ns)
    return plan_of(book, signal, target, quote, at_ns, tuple(shares), tuple(refusals))


def addressed(signal: Signal, target: Execution) -> tuple[str, ...]:
    """The accounts that an exit reaches: every one with a part, or the one a person names."""
    if isinstance(signal.accounts, ListedAccounts):
        return tuple(name for name in target.accounts if name in signal.accounts.account_ids)
    return target.accounts


def shared(
    book: Book, signal: Signal, target: Execution, at_ns: int
) -> tuple[list[PlannedAllocation], list[Refusal]]:
    """What the exit closes in each account that has a part in the execution."""
    shares: list[PlannedAllocation] = []
    refusals: list[Refusal] = []
    for account_id in addressed(signal, target):
        quantity, refusal = _share(book, signal, target, account_id)
        if refusal is None:
            shares.append(allocated(account_id, quantity, len(shares) + 1, at_ns))
        else:
            refusals.append(refusal)
    return shares, refusals


def plan_of(
    book: Book,
    signal: Signal,
    target: Execution | None,
    quote: Quote | None,
    at_ns: int,
    shares: tuple[PlannedAllocation, ...] = (),
    refusals: tuple[Refusal, ...] = (),
    refused: Refusal | None = None,
) -> Plan:
    """The plan of an exit: no candidate is scored, nothing is correlated."""
    return Plan(
        execution_id=execution_id(book.configuration.book_id, signal.signal_id),
        signal=signal,
        decided_at=at_ns,
        quote=quote,
        candidates=(),
        refusals=refusals,
        allocations=shares,
        alternatives=(),
        correlation=None,
        reads_seq=cited(book),
        refused=refused,
        closes="" if target is None else target.execution_id,
    )


def allocated(account_id: str, quantity: Decimal, place: int, at_ns: int) -> PlannedAllocation:
    """An account's part of an exit, due at once."""
    return PlannedAllocation(
        account_id=account_id,
        base_size=quantity,
        position_size=quantity,
        variance_applied=0,
        size_rationale="what the account holds",
        execution_priority=place,
        delay_ns=0,
        drawn_ns=0,
        release_at=at_ns,
        window_end=at_ns,
        timing_rationale="an exit goes at once",
        margin=ZERO,
        risk=ZERO,
    )


def _share(
    book: Book, signal: Signal, target: Execution, account_id: str
) -> tuple[Decimal, Refusal | None]:
    """What the exit closes in one account, base units. A close takes over what earlier exits have
    not sent yet, and leaves them what is at the venue.
    """
    position = held(book, target, account_id)
    others = list(exits_of(book, target, account_id))
    taken = sum((at_venue(book, each) for each in others), ZERO)
    is_close = signal.action is Action.CLOSE
    if not is_close:
        taken += sum((each.pending for each in others), ZERO)
    free, size = max(ZERO, position - taken), signal.size
    compared = {"held": str(position), "being_closed": str(taken)}
    if free <= 0:
        return ZERO, Refusal(
            rule=Rule.POSITION_GONE,
            account_id=account_id,
            compared=compared,
            would_pass="a position of the execution in this account",
        )
    wanted = free
    if not is_close:
        asked = position * size.fraction if isinstance(size, Share) else ZERO
        asked = size.quantity if isinstance(size, PerAccount) else asked
        terms = book.configuration.accounts[account_id].symbols[signal.symbol]
        wanted = min(free, floor_to_step(asked, terms.step))
        if asked == position:
            wanted = free
        if wanted <= 0:
            return ZERO, Refusal(
                rule=Rule.SIZE_NOT_REPRESENTABLE,
                account_id=account_id,
                compared=compared | {"asked": str(asked), "step": str(terms.step)},
                would_pass=f"at least {terms.step} of the {position} held",
            )
    return wanted, None


# --- refusals ---------------------------------------------------------------------------------


def _gate(book: Book, item: ExitSignal, at_ns: int) -> Refusal | None:
    known = book.signals.get(item.signal_id)
    carried = book.executions.get(execution_id(book.configuration.book_id, item.signal_id))
    if known is not None or carried is not None:
        first = known.at if known is not None else carried.decided_at if carried is not None else 0
        return Refusal(
            rule=Rule.DUPLICATE_SIGNAL,
            compared={"signal_id": item.signal_id, "first_received": iso(first)},
            would_pass="a signal_id that was not used before",
        )
    if item.strategy_id == PERSON:
        return Refusal(
            rule=Rule.MALFORMED,
            compared={"strategy_id": item.strategy_id},
            would_pass="strategy_id: the strategy's own name",
        )
    return judge_exit_form(item) or judge_clock(
        item.generated_at, at_ns, book.configuration.policy.signal_ahead_ns_max
    )


def _unknown(item: ExitSignal) -> Refusal:
    return Refusal(
        rule=Rule.UNKNOWN_REFERENCE,
        compared={"refers_to": item.refers_to},
        would_pass="the id of a signal that was planned, or of its execution",
    )


def _other_symbol(item: ExitSignal, signal: Signal) -> Refusal | None:
    if item.symbol in ("", signal.symbol):
        return None
    return Refusal(
        rule=Rule.MALFORMED,
        compared={"symbol": item.symbol, "symbol_held": signal.symbol},
        would_pass=f"symbol {signal.symbol}, or none",
    )


# --- carrying it out --------------------------------------------------------------------------


def carried_out(book: Book, plan: Plan, target: Execution, at_ns: int) -> Events:
    """The plan, the entries it withdraws, the exits it takes over, and its first orders."""
    events: Events = [ev.SignalPlanned(plan=plan)]
    if plan.signal.action is Action.AMEND:
        return [*events, *_amended(book, plan, target, at_ns)]
    if plan.signal.action is Action.CLOSE:
        name = plan.signal.signal_id
        events += _taken_over(book, target, addressed(plan.signal, target), name, at_ns)
        keys = (
            allocation_key(target.execution_id, account_id)
            for account_id in addressed(plan.signal, target)
        )
        entered = [book.allocations[key] for key in keys if key in book.allocations]
        events += give_up(book, entered, f"closed by {name}", at_ns)
    # What the plan makes of them is not in the book before the events are applied.
    execution = opened_by(plan, book.seq + 1)
    for share in plan.allocations:
        events += next_leg(book, execution, share_of(plan, share), at_ns)
    if not plan.allocations:
        events.append(ev.ExecutionEnded(execution_id=plan.execution_id, status="completed"))
    return events


def _unamended(book: Book, signal: Signal, target: Execution) -> tuple[Refusal, ...]:
    """The accounts in which an amend finds nothing to change, or may not change it."""
    levels = signal.stop_loss is not None or signal.take_profit is not None
    none = without_position(book, signal, target) if levels else ()
    named = {refusal.account_id for refusal in none}
    prices = limit_refusals(book, signal, target)
    return (*none, *(each for each in prices if each.account_id not in named))


def _amended(book: Book, plan: Plan, target: Execution, at_ns: int) -> Events:
    """Levels and prices; done at once where no venue has to be asked for either."""
    events, is_asked = amended(book, plan, target, at_ns)
    prices, is_repriced = repriced(book, plan, target, at_ns)
    events = [*events, *prices]
    events += superseded(book, events)
    if not (is_asked or is_repriced):
        events.append(ev.ExecutionEnded(execution_id=plan.execution_id, status="completed"))
    return events


def _taken_over(
    book: Book, target: Execution, accounts: tuple[str, ...], by: str, at_ns: int
) -> Events:
    """What earlier exits have pending, a close does: theirs is given up, their orders work on."""
    events: Events = []
    idle: list[Allocation] = []
    for account_id in accounts:
        for allocation in exits_of(book, target, account_id):
            if not allocation.pending:
                continue
            if not live_orders(book, allocation):
                idle.append(allocation)
                continue
            events.append(
                ev.AllocationAdjusted(
                    execution_id=allocation.execution_id,
                    account_id=account_id,
                    pending=-allocation.pending,
                    abandoned=allocation.pending,
                )
            )
    return [*events, *give_up(book, idle, f"taken over by {by}", at_ns)]
