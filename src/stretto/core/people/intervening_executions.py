"""What a person may ask about one execution: pause, resume, give up, retry, approve, reject.

Each is refused by name where the execution's state forbids it. Must not know prices, sizes or kill
scopes.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import AWAITING, Allocation, Book, Execution, NextStep, allocation_key
from stretto.core.executions.giving_up import give_up, has_left
from stretto.core.release.dispatch import rerouted_by_person
from stretto.core.release.holding import PAUSED, held
from stretto.core.release.redrawing import redrawn
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import covering, described
from stretto.core.terms.market import Reads
from stretto.core.terms.refusal import Refusal
from stretto.core.values import ZERO, iso

Outcome = list[ev.Event] | iv.Denied


def pause(book: Book, action: iv.Pause, reason: str, at_ns: int) -> Outcome:
    """ExecutionPaused, and what is scheduled is held."""
    execution = _open(book, action.execution_id)
    if isinstance(execution, iv.Denied):
        return execution
    if execution.paused:
        return _denied(iv.Denial.ALREADY_PAUSED, execution, "an execution that goes on")
    expired = _expired(execution, at_ns)
    if expired is not None:
        return expired
    events: list[ev.Event] = [
        ev.ExecutionPaused(execution_id=execution.execution_id, reason=reason)
    ]
    for allocation in _allocations(book, execution):
        if allocation.pending > 0 and not allocation.held:
            events.append(held(execution, allocation, PAUSED))
    return events


def resume(book: Book, action: iv.Resume, reason: str, reads: Reads, at_ns: int) -> Outcome:
    """ExecutionResumed; further legs go at once, first orders after delays drawn anew."""
    execution = _open(book, action.execution_id)
    if isinstance(execution, iv.Denied):
        return execution
    if not execution.paused:
        return _denied(iv.Denial.NOT_PAUSED, execution, "an execution that is paused")
    waiting = [a for a in _allocations(book, execution) if a.held == PAUSED]
    freed = _freed(book, execution, waiting, reads, at_ns, "resumed")
    if isinstance(freed, iv.Denied):
        return freed
    return [ev.ExecutionResumed(execution_id=execution.execution_id, reason=reason), *freed]


def cancel_remaining(book: Book, action: iv.CancelRemaining, at_ns: int) -> Outcome:
    """Nothing more is sent, what works is cancelled; what is filled stays."""
    execution = _open(book, action.execution_id, may_await=False)
    if isinstance(execution, iv.Denied):
        return execution
    named = _named(book, execution, action.account_id)
    if isinstance(named, iv.Denied):
        return named
    left = [allocation for allocation in named if has_left(book, allocation)]
    if not left:
        return _denied(iv.Denial.ALREADY_ENDING, execution, "something that still waits or works")
    return give_up(book, left, "cancelled_by_person", at_ns)


def accept_partial(book: Book, action: iv.AcceptPartial, at_ns: int) -> Outcome:
    """As cancel_remaining, for accounts that have a fill."""
    execution = _open(book, action.execution_id, may_await=False)
    if isinstance(execution, iv.Denied):
        return execution
    named = _named(book, execution, action.account_id)
    if isinstance(named, iv.Denied):
        return named
    left = [a for a in named if a.filled > 0 and has_left(book, a)]
    if left:
        return give_up(book, left, "partial_accepted", at_ns)
    if any(allocation.filled > 0 for allocation in named):
        return _denied(iv.Denial.ALREADY_ENDING, execution, "something that still waits or works")
    return _denied(
        iv.Denial.NOTHING_FILLED, execution, "a fill; cancel_remaining ends what has none"
    )


def retry_now(book: Book, action: iv.RetryNow, reads: Reads, at_ns: int) -> Outcome:
    """What waits for a retry, or for a person, is due now; first orders get new delays."""
    execution = _open(book, action.execution_id, may_await=False, may_exit=True)
    if isinstance(execution, iv.Denied):
        return execution
    if execution.paused:
        return _denied(iv.Denial.PAUSED, execution, "resume first")
    named = _named(book, execution, action.account_id)
    if isinstance(named, iv.Denied):
        return named
    waiting = [
        a
        for a in named
        if a.pending > 0 and not a.ended and (a.held or (a.order_ids and a.due_at != at_ns))
    ]
    if not waiting:
        return _denied(
            iv.Denial.NOTHING_WAITS,
            execution,
            "quantity that is held, or waits for another leg; what is in doubt is never sent again",
        )
    bars = None
    if not execution.closes:  # no entry rule and no expiry holds an exit up
        bars = _killed(book, execution, waiting) or _expired(execution, at_ns)
    return bars or _freed(book, execution, waiting, reads, at_ns, "retry_now")


def reroute_to(
    book: Book, action: iv.RerouteTo, actor: str, reason: str, reads: Reads, at_ns: int
) -> Outcome:
    """What waits in one account goes to the one a person chose, if that passes the whole gate."""
    execution = _open(book, action.execution_id, may_await=False)
    if isinstance(execution, iv.Denied):
        return execution
    named = _named(book, execution, action.account_id)
    if isinstance(named, iv.Denied):
        return named
    (allocation,) = named
    if execution.paused:
        return _denied(iv.Denial.PAUSED, execution, "resume first")
    if action.to not in book.configuration.accounts:
        return iv.Denied(
            rule=iv.Denial.UNKNOWN_ACCOUNT,
            compared={"account": action.to, "in_the_book": "no"},
            expected="an account of the book",
        )
    if allocation.pending <= 0 or not allocation.order_ids:
        return _denied(
            iv.Denial.NOTHING_WAITS,
            execution,
            "what a dead order left; what works or is in doubt stays where it is",
        )
    moved = rerouted_by_person(book, allocation, reads, at_ns, action.to, actor, reason)
    if not isinstance(moved, Refusal):
        return list(moved)
    why = moved.also[0] if moved.also else moved
    return iv.Denied(
        rule=iv.Denial.NOT_REROUTED,
        compared={"rule": why.rule.value} | why.compared,
        expected=why.would_pass,
    )


def approve(book: Book, action: iv.Approve, reads: Reads, at_ns: int) -> Outcome:
    """The plan's entries get their delays, counted from now."""
    execution = _awaiting(book, action.execution_id)
    if isinstance(execution, iv.Denied):
        return execution
    expired = _expired(execution, at_ns)
    if expired is not None:
        return expired
    waiting = [a for a in _allocations(book, execution) if not a.ended]
    killed = _killed(book, execution, waiting)
    if killed is not None:
        return killed
    if execution.paused:
        return [
            held(execution, allocation, PAUSED) for allocation in waiting if allocation.pending > 0
        ]
    return _freed(book, execution, waiting, reads, at_ns, "approved")


def reject(book: Book, action: iv.Reject, at_ns: int) -> Outcome:
    """The plan is abandoned."""
    execution = _awaiting(book, action.execution_id)
    if isinstance(execution, iv.Denied):
        return execution
    return give_up(book, _allocations(book, execution), "rejected_by_person", at_ns)


def execution_named(
    book: Book, execution_id: str, *, may_exit: bool = False
) -> Execution | iv.Denied:
    """The execution, open; or the refusal. What closes a position is not held up or cut short."""
    execution = book.executions.get(execution_id)
    if execution is None:
        return iv.Denied(
            rule=iv.Denial.UNKNOWN_EXECUTION,
            compared={"execution": execution_id},
            expected="an execution that `stretto status` lists",
        )
    if not execution.open_allocations:
        return _denied(iv.Denial.EXECUTION_OVER, execution, "an execution that is not over")
    if execution.closes and not may_exit:
        return _denied(iv.Denial.IS_EXIT, execution, "an execution of entries")
    return execution


def _open(
    book: Book, execution_id: str, *, may_await: bool = True, may_exit: bool = False
) -> Execution | iv.Denied:
    execution = execution_named(book, execution_id, may_exit=may_exit)
    if isinstance(execution, iv.Denied) or may_await or not execution.awaits:
        return execution
    return _denied(iv.Denial.AWAITING_APPROVAL, execution, "approve or reject first")


def _awaiting(book: Book, execution_id: str) -> Execution | iv.Denied:
    execution = execution_named(book, execution_id)
    if isinstance(execution, iv.Denied) or execution.awaits:
        return execution
    return _denied(
        iv.Denial.NOT_AWAITING_APPROVAL, execution, "an execution that `stretto approvals` lists"
    )


def _allocations(book: Book, execution: Execution) -> list[Allocation]:
    keys = (allocation_key(execution.execution_id, name) for name in execution.accounts)
    return [book.allocations[key] for key in keys]


def _named(book: Book, execution: Execution, account_id: str) -> list[Allocation] | iv.Denied:
    if not account_id:
        return _allocations(book, execution)
    allocation = book.allocations.get(allocation_key(execution.execution_id, account_id))
    if allocation is not None:
        return [allocation]
    return iv.Denied(
        rule=iv.Denial.NOT_TAKING_PART,
        compared={"account": account_id, "execution": execution.execution_id},
        expected=f"one of {', '.join(execution.accounts[:20])}",
    )


def _freed(
    book: Book,
    execution: Execution,
    waiting: list[Allocation],
    reads: Reads,
    at_ns: int,
    reason: str,
) -> Outcome:
    """Further legs are due now, in their own account; first orders are drawn anew."""
    firsts = [a for a in waiting if not a.order_ids and not execution.closes]
    scheduled = redrawn(book, execution, firsts, reads, at_ns, reason)
    if isinstance(scheduled, Refusal):
        return iv.Denied(
            rule=iv.Denial.TIMING,
            compared={"rule": scheduled.rule.value} | scheduled.compared,
            expected=scheduled.would_pass,
        )
    events = list(scheduled)
    for allocation in waiting:
        if not allocation.order_ids and not execution.closes:
            continue
        if allocation.step is not NextStep.SEND and allocation.order_ids:
            events.append(
                ev.LegScheduled(
                    execution_id=execution.execution_id,
                    account_id=allocation.account_id,
                    client_order_id=allocation.order_ids[-1],
                    released=ZERO,
                    due_at=at_ns,
                    reason=reason,
                    attempt=0,
                    leg_quantity=allocation.leg_quantity,
                )
            )
        events.append(
            ev.PendingFreed(
                execution_id=execution.execution_id,
                account_id=allocation.account_id,
                reason=reason,
                due_at=at_ns,
            )
        )
    return events


def _killed(book: Book, execution: Execution, waiting: list[Allocation]) -> iv.Denied | None:
    switches = [book.kills[key] for key in sorted(book.kills)]
    for allocation in waiting:
        account = book.configuration.accounts.get(allocation.account_id)
        switch = covering(switches, account, execution.signal.symbol)
        if switch is not None:
            return iv.Denied(
                rule=iv.Denial.KILL_SWITCH,
                compared={"account": allocation.account_id, "kill_switch": described(switch)},
                expected=f"a person releases {described(switch)} first",
            )
    return None


def _expired(execution: Execution, at_ns: int) -> iv.Denied | None:
    valid_until = execution.signal.valid_until
    if at_ns < valid_until:
        return None
    return iv.Denied(
        rule=iv.Denial.SIGNAL_EXPIRED,
        compared={"now": iso(at_ns), "valid_until": iso(valid_until)},
        expected="a signal that is still valid",
    )


def _denied(rule: iv.Denial, execution: Execution, expected: str) -> iv.Denied:
    compared = {"execution": execution.execution_id, "status": execution.status}
    if execution.awaits:
        compared["awaits"] = AWAITING
    if execution.paused:
        compared["paused"] = execution.paused
    return iv.Denied(rule=rule, compared=compared, expected=expected)
