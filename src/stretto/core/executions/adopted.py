"""What a person adopted without an execution, as something that an exit can close (DESIGN §4.10).

No plan made such a position and no order of the book opened it. An exit needs of it what it needs
of an execution: account, symbol, side, and which exits close it already. That follows from the
position and those exits and is never stored. Knows nothing of how an exit trades.
"""

from __future__ import annotations

from decimal import Decimal

from stretto.core.book import Book, Execution
from stretto.core.reconciliation_events import ADOPTED
from stretto.core.terms.exit_signal import PERSON
from stretto.core.terms.signal import Action, PerAccount, Signal
from stretto.core.values import ZERO, Side


def closed_of(book: Book, exiting: Execution) -> Execution:
    """What an exit with allocations closes: an execution, or what was adopted in its account."""
    found = book.executions.get(exiting.closes)
    if found is not None:
        return found
    (account_id,) = exiting.accounts
    return _target(
        book, exiting.closes, account_id, exiting.signal.symbol, exiting.side.opposite, ZERO
    )


def adopted_in(book: Book, account_id: str = "") -> list[Execution]:
    """What is held by no execution, in one account or in any, as far as the account has terms for
    its symbol: an order needs them.
    """
    found = []
    for name in (account_id,) if account_id else sorted(book.positions):
        account = book.configuration.accounts.get(name)
        for holder, position in sorted(book.positions.get(name, {}).items()):
            symbol, quantity = position.symbol, position.quantity
            if holder.startswith(ADOPTED) and account is not None and symbol in account.symbols:
                side = Side.BUY if quantity > 0 else Side.SELL
                found.append(_target(book, holder, name, symbol, side, abs(quantity)))
    return found


def _target(
    book: Book, holder: str, account_id: str, symbol: str, side: Side, quantity: Decimal
) -> Execution:
    exits = tuple(
        each.execution_id
        for each in book.executions.values()
        if each.closes == holder and account_id in each.accounts
    )
    signal = Signal(
        signal_id=holder,
        strategy_id=PERSON,
        action=Action.OPEN,
        symbol=symbol,
        side=side,
        size=PerAccount(quantity=quantity),
        generated_at=0,
        valid_until=0,
    )
    return Execution(
        execution_id=holder,
        signal=signal,
        decided_at=0,
        decision_seq=0,
        arrival_bid=ZERO,
        arrival_ask=ZERO,
        side=side,
        accounts=(account_id,),
        open_allocations=0,
        status="completed",
        exits=exits,
        closed_by=exits[-1] if exits else "",
    )
