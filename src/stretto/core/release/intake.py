"""A signal arrives: known already, malformed, not for this market now, or worth a plan.

The first gate of DESIGN §3; what passes goes to ``planning``. Exits are refused by name until they
have their own path. Knows nothing of accounts.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.executions.citing import cited
from stretto.core.plans.planning import make_plan
from stretto.core.release.approval import approval_needed
from stretto.core.release.at_once import sent_at_once
from stretto.core.terms.market import Quote, Reads
from stretto.core.terms.plan import Plan
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Action, Signal, judge_clock, judge_form, judge_market
from stretto.core.values import execution_id, iso


def on_signal(book: Book, signal: Signal, reads: Reads, at_ns: int) -> tuple[ev.Event, ...]:
    """SignalPlanned with the whole plan and the orders that leave at once, or SignalRefused with
    what refused it. The same signal again changes nothing; another signal under a known id is
    refused.
    """
    known = book.signals.get(signal.signal_id)
    if known is not None and known.signal == signal:
        return ()
    plan = plan_signal(book, signal, reads, at_ns)
    if plan.refused is not None:
        return (ev.SignalRefused(plan=plan),)
    return (ev.SignalPlanned(plan=plan), *sent_at_once(book, plan, reads, at_ns))


def plan_signal(book: Book, signal: Signal, reads: Reads, at_ns: int) -> Plan:
    """The plan, or the plan that says no; changes nothing (this is also the dry run)."""
    execution = execution_id(book.configuration.book_id, signal.signal_id)
    quote = reads.quotes.get(signal.symbol)
    refusal = _gate(book, signal, execution, quote, at_ns)
    if refusal is not None or quote is None:
        return Plan(
            execution_id=execution,
            signal=signal,
            decided_at=at_ns,
            quote=quote,
            candidates=(),
            refusals=(),
            allocations=(),
            alternatives=(),
            correlation=None,
            reads_seq=cited(book),
            refused=refusal,
        )
    plan = make_plan(book, signal, reads, at_ns, execution)
    if plan.refused is not None:
        return plan
    awaits = approval_needed(book, plan, reads)
    return replace(plan, awaits=awaits) if awaits else plan


def reads_for_signal(book: Book) -> tuple[str, ...]:
    """Every symbol of the book: positions are marked and money converted in any of them."""
    if book.config is None:
        return ()
    return tuple(sorted(book.config.instruments))


def _gate(
    book: Book, signal: Signal, execution: str, quote: Quote | None, at_ns: int
) -> Refusal | None:
    # An execution is known for ever, for its client order ids are; a refused signal for 30 days.
    known = book.signals.get(signal.signal_id)
    carried = book.executions.get(execution)
    if known is not None or carried is not None:
        first = known.at if known is not None else carried.decided_at if carried is not None else 0
        return Refusal(
            rule=Rule.DUPLICATE_SIGNAL,
            compared={"signal_id": signal.signal_id, "first_received": iso(first)},
            would_pass="a signal_id that was not used before",
        )
    refusal = judge_form(signal)
    if refusal is not None:
        return refusal
    if signal.action is not Action.OPEN:
        return Refusal(
            rule=Rule.ACTION_NOT_SUPPORTED,
            compared={"action": signal.action.value},
            would_pass="action open",
        )
    instrument = book.configuration.instruments.get(signal.symbol)
    if instrument is None:
        return Refusal(
            rule=Rule.UNKNOWN_INSTRUMENT,
            compared={
                "symbol": signal.symbol,
                "known": ", ".join(sorted(book.configuration.instruments)),
            },
            would_pass=f"an instrument {signal.symbol} in the book's configuration",
        )
    if quote is None:
        return Refusal(
            rule=Rule.NO_QUOTE,
            compared={"symbol": signal.symbol, "at": iso(at_ns)},
            would_pass=f"a quote of {signal.symbol} before the signal",
        )
    ahead = judge_clock(signal.generated_at, at_ns, book.configuration.policy.signal_ahead_ns_max)
    return ahead or judge_market(signal, quote, at_ns)
