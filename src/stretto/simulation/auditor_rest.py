"""The auditor's word at rest: the venues' own books (8, 17), and that nothing is left open (16).

Compares what it added up with the dump of each venue, and the live book with what the journal says.
Must not know how a view of a venue is reconciled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from stretto.core.book import Book
from stretto.simulation.auditor_model import ZERO, Model, OrderNote
from stretto.simulation.auditor_shares import is_asked
from stretto.simulation.invariants import FINAL

_LIVE = frozenset(("new", "partially_filled", "pending_new", "pending_cancel", "pending_replace"))
_PLACES = Decimal("1e-8")
_DOUBTS = frozenset(("in_doubt", "contradiction", "cancel_unanswered"))
"""Why a person may be asked about an order that book and venue see differently."""

Json = Mapping[str, Any]


def compare_book(model: Model, book: Book, *, everything: bool = False) -> None:
    """The live book is what the journal's events add up to, where they touched it."""
    _compare_shares(model, book, model.shares if everything else model.touched_shares)
    _compare_orders(model, book, model.orders if everything else model.touched_orders)
    _compare_accounts(model, book, model.accounts if everything else model.touched_accounts)
    for place in model.positions if everything else model.touched_positions:
        account_id, owner = place
        position = book.positions.get(account_id, {}).get(owner)
        held = ZERO if position is None else position.quantity
        added_up = model.positions[place].quantity
        if held != added_up:
            model.broken(8, f"{account_id} holds {held} of {owner}, its fills come to {added_up}")
    model.touched_shares.clear()
    model.touched_orders.clear()
    model.touched_accounts.clear()
    model.touched_positions.clear()


def _compare_shares(model: Model, book: Book, keys: Iterable[str]) -> None:
    for key in keys:
        mine, held = model.shares[key], book.allocations.get(key)
        if held is None:
            model.broken(15, f"{key} is not in the book")
        numbers = (mine.intended, mine.filled, mine.pending, mine.abandoned, mine.overfilled)
        kept = (held.intended, held.filled, held.pending, held.abandoned, held.overfilled)
        if numbers != kept:
            model.broken(2, f"{key}: the book has {kept}, the journal {numbers}")
        if (mine.margin, mine.risk) != (held.margin, held.risk):
            model.broken(9, f"{key}: {held.margin}, {held.risk} set aside, not {mine.margin}")


def _compare_orders(model: Model, book: Book, names: Iterable[str]) -> None:
    for name in names:
        order, held = model.orders[name], book.orders.get(name)
        if held is None:
            model.broken(15, f"order {name} is not in the book")
        numbers = (order.state, order.cum, order.leaves, order.quantity)
        kept = (held.state.value, held.cum_qty, held.leaves_qty, held.quantity)
        if numbers != kept:
            model.broken(15, f"order {name}: the book has {kept}, the journal {numbers}")


def _compare_accounts(model: Model, book: Book, names: Iterable[str]) -> None:
    for name in names:
        note, ledger = model.accounts[name], book.ledgers.get(name)
        if ledger is None:
            continue
        reserved = (note.margin, note.risk, note.unconfirmed)
        kept = (ledger.reserved_margin, ledger.reserved_risk, ledger.unconfirmed_margin)
        if reserved != kept:
            model.broken(9, f"{name}: the book has {kept} set aside, the journal {reserved}")
        if bool(note.halted) is not bool(ledger.halted):
            model.broken(15, f"{name} is halted in the book: {ledger.halted!r}")
        if bool(note.excluded) is not (ledger.exclusion is not None):
            model.broken(15, f"{name} is excluded in the journal: {note.excluded!r}")


def overfills(model: Model) -> None:
    """What was filled beyond what was asked for, and not taken back, was told to a person."""
    for name, order in model.orders.items():
        if order.overfilled and name not in model.asked_ever:
            model.broken(2, f"order {name} is overfilled by {order.overfilled}, nobody was asked")


def liveness(model: Model, at_ns: int) -> None:
    """Every execution has ended, a person was asked about what has not, or its time is to come (the
    next session, say).
    """
    for key, share in model.shares.items():
        execution = model.executions[share.execution_id]
        if share.ended or is_asked(model, share) or execution.paused or execution.awaits:
            continue
        if share.pending > 0 and share.due_at is not None and share.due_at > at_ns:
            continue
        if all(order.is_over for order in share.orders) or share.pending > 0:
            model.broken(16, f"{key} has {share.pending} pending and nobody was asked")
        for order in share.orders:
            if order.is_unanswered:
                model.broken(16, f"order {order.client_order_id} is {order.state}, nobody asked")
            if order.is_entry and not order.is_over and order.order_type == "market":
                model.broken(16, f"order {order.client_order_id} is {order.state} for ever")


def protection(model: Model) -> None:
    """What is held where stops are orders has them in its size, what is flat has none, or a person
    was asked about either (DESIGN §4.7).
    """
    stops: dict[tuple[str, str], Decimal] = {}
    for order in model.orders.values():
        if order.role in ("stop_loss", "take_profit") and not order.is_over:
            place = (order.account_id, order.execution_id)
            left = order.quantity - order.cum if order.role == "stop_loss" else ZERO
            stops[place] = stops.get(place, ZERO) + left
    for account_id, owner in {**stops, **model.positions}:
        share = model.shares.get(f"{owner}/{account_id}")
        if share is None or not model.has_own_stops(account_id):
            continue
        held = model.positions[account_id, owner].quantity * model.executions[owner].sign
        standing = stops.get((account_id, owner))
        wanted = held if share.has_stop else ZERO
        if (standing or ZERO) == wanted if held > 0 else standing is None:
            continue
        if not any(asked[1] == account_id for asked in model.asked.values()):
            model.broken(
                16, f"{share.key} holds {held}, its stops are for {standing}, nobody asked"
            )


def compare_venues(model: Model, dumps: Mapping[str, Json]) -> None:
    """Orders, positions and money are those of the venues' books."""
    orders = {n: o for dump in dumps.values() for n, o in dump["orders"].items()}
    doubtful: dict[str, None] = {}
    for name in sorted({*orders, *model.orders}):
        mine = model.orders.get(name)
        if mine is not None and model.asked.get(name, ("",))[0] in _DOUBTS:
            doubtful[mine.account_id] = None
            continue
        _compare_order(model, name, mine, orders.get(name))
    for dump in dumps.values():
        for account_id, account in dump["accounts"].items():
            if account_id not in doubtful:
                _compare_positions(model, account_id, account)


def _compare_order(model: Model, name: str, mine: OrderNote | None, theirs: Json | None) -> None:
    if mine is None:
        if name not in model.asked:
            model.broken(14, f"the venue has order {name}, which was never intended")
        return
    if theirs is None:
        if mine.state not in ("dead", "rejected") or mine.cum:
            model.broken(16, f"order {name} is {mine.state} and the venue has no such order")
        return
    if mine.cum != Decimal(theirs["cumulative_quantity"]):
        filled = theirs["cumulative_quantity"]
        model.broken(4, f"order {name} has {mine.cum} filled, at the venue {filled}")
    state, status = mine.state, theirs["status"]
    never_filled = state == "dead" and status in FINAL and not mine.cum
    if state != status and not never_filled and not (state in _LIVE and status in _LIVE):
        model.broken(6, f"order {name} is {state}, at the venue {status}")
    if state not in ("rejected", "dead") and mine.quantity != Decimal(theirs["quantity"]):
        model.broken(2, f"order {name} is for {mine.quantity}, at the venue {theirs['quantity']}")
    if mine.cum:
        mean = (mine.notional / mine.cum).quantize(_PLACES)
        price = Decimal(theirs["average_price"]).quantize(_PLACES)
        if mean != price:
            model.broken(17, f"order {name} filled at {mean}, at the venue at {price}")
        if mine.fees != Decimal(theirs["fees"]):
            model.broken(17, f"order {name} cost {mine.fees}, at the venue {theirs['fees']}")


def _compare_positions(model: Model, account_id: str, account: Json) -> None:
    book: dict[str, Decimal] = {}
    for (owner_account, _), position in model.positions.items():
        if owner_account == account_id:
            held = book.get(position.symbol, ZERO) + position.quantity
            book[position.symbol] = held
    venue: dict[str, Decimal] = {}
    for theirs in account["positions"].values():
        symbol = theirs["symbol"]
        venue[symbol] = venue.get(symbol, ZERO) + Decimal(theirs["quantity"])
    for (owner, symbol, _), quantity in model.dismissed.items():
        if owner == account_id:
            venue[symbol] = venue.get(symbol, ZERO) - quantity
    for symbol in sorted({*book, *venue}):
        mine, other = book.get(symbol, ZERO), venue.get(symbol, ZERO)
        if mine != other and not _asked_of(model, account_id, symbol):
            model.broken(8, f"{account_id} holds {mine} {symbol}, at the venue {other}")


def _asked_of(model: Model, account_id: str, symbol: str) -> bool:
    return any(
        asked[1] == account_id and (asked[2] in (symbol, "") or key.startswith(f"{account_id}/"))
        for key, asked in model.asked.items()
        if asked[0] != "overfill"
    )


def compare_money(model: Model, book: Book, dumps: Mapping[str, Json]) -> None:
    """Balances as the book last heard them, where it heard of them after the last fill."""
    for dump in dumps.values():
        for account_id, account in dump["accounts"].items():
            snapshot, note = book.snapshots.get(account_id), model.account(account_id)
            if snapshot is None or snapshot.at <= note.filled_at:
                continue
            if any(asked[1] == account_id for asked in model.asked.values()):
                continue
            if snapshot.balance != Decimal(account["balance"]):
                model.broken(
                    17,
                    f"{account_id} has a balance of {snapshot.balance}, at the venue "
                    f"{account['balance']}",
                )
