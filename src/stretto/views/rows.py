"""Rows of signals, decisions, accounts and instruments, from the values in the events.

Every function returns values in the table's column order; the JSON of a decision is in
``decision_json``. Knows nothing of SQL.
"""

from __future__ import annotations

from typing import Any

from stretto.core import events as ev
from stretto.core.terms.account import Account
from stretto.core.terms.exit_signal import LEVELS
from stretto.core.terms.market import Instrument
from stretto.core.terms.plan import Plan
from stretto.core.terms.refusal import Refusal
from stretto.core.terms.signal import Action, Signal, Urgency, size_value
from stretto.core.values import plain
from stretto.views import decision_json
from stretto.views.texts import event_json, maybe_plain, table_json, timestamp

REFUSED = "refused"
EXIT = "exit"


def decision_id(plan: Plan, seq: int) -> str:
    """The execution's id for a plan; a signal can be refused again, so refusals add the entry."""
    return plan.execution_id if plan.refused is None else f"{plan.execution_id}.{seq}"


def decision_row(book_id: str, plan: Plan, seq: int) -> tuple[Any, ...]:
    """A row of ``execution_decisions``."""
    quote = plan.quote
    return (
        book_id,
        decision_id(plan, seq),
        plan.execution_id,
        plan.signal.signal_id,
        seq,
        execution_strategy(plan),
        plan.signal.symbol,
        _side(plan),
        plain(plan.intended),
        None if quote is None else plain(quote.bid),
        None if quote is None else plain(quote.ask),
        table_json(decision_json.selected(plan)),
        table_json(decision_json.rationale(plan, summary(plan))),
        table_json(decision_json.distribution(plan)),
        table_json(decision_json.timing(plan)),
        table_json(decision_json.correlation(plan.correlation, refused=plan.refused is not None)),
        table_json(decision_json.inputs(plan)),
        None if plan.refused is None else plan.refused.rule.value,
        timestamp(plan.decided_at),
    )


def execution_strategy(plan: Plan) -> str:
    """How the plan is carried out: ``staggered``, ``immediate``, ``exit`` or ``refused``."""
    if plan.refused is not None:
        return REFUSED
    if plan.closes:
        return EXIT
    return "immediate" if plan.signal.urgency is Urgency.IMMEDIATE else "staggered"


def summary(plan: Plan) -> str:
    """One sentence for a person: what was decided."""
    if plan.refused is not None:
        refusal = plan.refused
        account = f" ({refusal.account_id})" if refusal.account_id else ""
        hint = f"; would pass with: {refusal.would_pass}" if refusal.would_pass else ""
        return f"refused by {refusal.rule.value}{account}{hint}"
    shares = len(plan.allocations)
    if plan.closes:
        signal = plan.signal
        if signal.action is Action.AMEND:
            levels = ((name, getattr(signal, name)) for name in LEVELS)
            wanted = ", ".join(f"{name} {plain(v)}" for name, v in levels if v is not None)
            return (
                f"amend of {signal.refers_to}: {wanted} in every account that holds or enters it; "
                f"accounts left out: {len(plan.refusals)}"
            )
        return (
            f"{signal.action} of {signal.refers_to}: {shares} accounts {signal.side} "
            f"{plain(plan.intended)} {signal.symbol} at once; "
            f"without a position: {len(plan.refusals)}"
        )
    return (
        f"{shares} of {len(plan.candidates)} eligible accounts take {plain(plan.intended)} "
        f"{plan.signal.symbol} {plan.signal.side.value}; "
        f"accounts refused: {plan.refused_accounts}; {execution_strategy(plan)} release"
    )


def _side(plan: Plan) -> str:
    """The side that trades; empty for an exit that closes nothing known."""
    signal = plan.signal
    return signal.side.value if plan.closes or signal.action is Action.OPEN else ""


def clauses(plan: Plan) -> str | None:
    """The firms' clauses that a plan followed, one line each; None where no clause decided."""
    refusals = plan.refusals if plan.refused is None else (*plan.refusals, plan.refused)
    found = [clause_of(r) for r in refusals if r.clause]
    return "\n".join(found) if found else None


def clause_of(refusal: Refusal) -> str:
    """A refusal's clause with the account and rule it decided."""
    account = f"{refusal.account_id}: " if refusal.account_id else ""
    return f"{account}{refusal.rule.value}: {refusal.clause}"


def signal_row(book_id: str, plan: Plan, seq: int, at_ns: int) -> tuple[Any, ...]:
    """A row of ``trading_signals``: the signal as first received, and what became of it."""
    signal = plan.signal
    size = signal.size
    return (
        book_id,
        signal.signal_id,
        seq,
        1,
        plan.execution_id,
        signal.strategy_id,
        signal.action.value,
        signal.symbol,
        _side(plan),
        signal.order_type.value,
        str(type(size).__struct_config__.tag),
        plain(size_value(size)),
        maybe_plain(signal.limit_price),
        maybe_plain(signal.stop_price),
        maybe_plain(signal.stop_loss),
        maybe_plain(signal.stop_distance),
        maybe_plain(signal.take_profit),
        signal.time_in_force.value,
        plain(signal.confidence),
        signal.urgency.value,
        maybe_plain(signal.max_slippage),
        *_times(signal),
        timestamp(at_ns),
        "planned" if plan.refused is None else REFUSED,
        None if plan.refused is None else plan.refused.rule.value,
        event_json(signal),
    )


def account_row(book_id: str, account: Account, seq: int) -> tuple[Any, ...]:
    """``ACCOUNT_CONFIGURED`` columns of ``trading_accounts``, preceded by the key."""
    return (book_id, account.account_id, *account_values(account, seq))


def account_values(account: Account, seq: int) -> tuple[Any, ...]:
    """Values of ``ACCOUNT_CONFIGURED``."""
    return (
        account.firm,
        account.owner,
        account.venue,
        account.currency,
        account.rulebook,
        account.group,
        account.mode.value,
        account.position_mode.value,
        plain(account.initial_balance),
        event_json(account),
        1,
        seq,
    )


ACCOUNT_CONFIGURED = (
    "firm",
    "owner",
    "venue",
    "currency",
    "rulebook",
    "account_group",
    "account_mode",
    "position_mode",
    "initial_balance",
    "account_data",
    "configured",
    "updated_seq",
)
ACCOUNT_OBSERVED = (
    "balance",
    "equity",
    "margin_used",
    "tradable",
    "snapshot_at",
    "day_started_at",
    "day_start_balance",
    "day_start_equity",
    "peak_equity",
    "peak_end_of_day",
    "updated_seq",
)


def observed_values(event: ev.AccountUpdated, seq: int) -> tuple[Any, ...]:
    """Values of ``ACCOUNT_OBSERVED``."""
    snapshot, anchor = event.snapshot, event.anchor
    return (
        plain(snapshot.balance),
        plain(snapshot.equity),
        plain(snapshot.margin_used),
        int(snapshot.tradable),
        timestamp(snapshot.at),
        timestamp(anchor.day_started_at),
        plain(anchor.balance),
        plain(anchor.equity),
        plain(anchor.peak_equity),
        plain(anchor.peak_end_of_day),
        seq,
    )


def instrument_row(book_id: str, instrument: Instrument) -> tuple[Any, ...]:
    """A row of ``trading_instruments``."""
    return (
        book_id,
        instrument.symbol,
        instrument.base_currency,
        instrument.quote_currency,
        plain(instrument.pip),
        plain(instrument.tick),
    )


def _times(signal: Signal) -> tuple[str, str]:
    return timestamp(signal.generated_at), timestamp(signal.valid_until)
