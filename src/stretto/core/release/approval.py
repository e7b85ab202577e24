"""Which plans a person has to approve before anything of them is sent (DESIGN §4.10).

Amounts are compared in the book's currency; what cannot be converted is asked about. Must not know
what becomes of a plan that waits.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core.book import Book
from stretto.core.terms.market import Reads, conversion_rate
from stretto.core.terms.plan import Plan
from stretto.core.values import ZERO, plain


def approval_needed(book: Book, plan: Plan, reads: Reads) -> tuple[str, ...]:
    """Why the plan has to be approved, one phrase for each threshold it is above; empty where it
    may be carried out at once.
    """
    policy, why = book.configuration.policy, []
    if policy.approval_always:
        why.append("every plan")
    accounts = len(plan.allocations)
    if policy.approval_accounts_over is not None and accounts > policy.approval_accounts_over:
        why.append(f"{accounts} accounts, over {policy.approval_accounts_over}")
    if policy.approval_notional_over is not None:
        total = _notional(book, plan, reads)
        if total is None or total > policy.approval_notional_over:
            why.append(f"notional {_text(total)}, over {plain(policy.approval_notional_over)}")
    if policy.approval_risk_over is not None:
        total = _risk(book, plan, reads)
        if total is None or total > policy.approval_risk_over:
            why.append(f"risk {_text(total)}, over {plain(policy.approval_risk_over)}")
    return tuple(why)


def _notional(book: Book, plan: Plan, reads: Reads) -> Decimal | None:
    config = book.configuration
    instrument = config.instruments[plan.signal.symbol]
    rate = conversion_rate(
        instrument.quote_currency, config.currency, reads.quotes, config.instruments
    )
    if rate is None or plan.quote is None:
        return None
    ask = plan.quote.ask
    return rate * sum((a.position_size * (a.limit_price or ask) for a in plan.allocations), ZERO)


def _risk(book: Book, plan: Plan, reads: Reads) -> Decimal | None:
    config, total = book.configuration, ZERO
    for allocation in plan.allocations:
        currency = config.accounts[allocation.account_id].currency
        rate = conversion_rate(currency, config.currency, reads.quotes, config.instruments)
        if rate is None:
            return None
        total += allocation.risk * rate
    return total


def _text(total: Decimal | None) -> str:
    return "not known" if total is None else plain(total.quantize(Decimal("0.01")))
