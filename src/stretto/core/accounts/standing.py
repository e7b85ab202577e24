"""What of an account stays the same between plans: its room, and what a score takes from its past.

A snapshot or a ledger is replaced whole, so what followed from them follows until another stands in
their place. Also which accounts make the same trade of the same size. Decides nothing, and knows
nothing of the signal but its instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stretto.core.book import Book
from stretto.core.gate.passing import in_order
from stretto.core.gate.risk import Floors, Room, day_start, floors_of, room, room_at_rest
from stretto.core.gate.scoring import Steady, steady
from stretto.core.gate.trade import AccountView, TradeContext
from stretto.core.terms.account import AccountSnapshot, Ledger, SymbolTerms


class Standing(NamedTuple):
    """The room of an account and the steady part of its score, with what they follow from.
    ``in_order``: no rule refuses that looks at nothing but the account (``passing.in_order``).
    ``marked``: the room holds the open risk of positions at the marks of its plan.
    """

    room: Room
    steady: Steady
    in_order: bool
    snapshot: AccountSnapshot | None
    ledger: Ledger
    day_started_at: int
    floors: Floors | None
    marked: bool


def standings(book: Book, views: Sequence[AccountView], context: TradeContext) -> list[Standing]:
    """One for each view. What an account without positions had is taken again where configuration,
    snapshot, ledger and trading day are those it was made from; open risk moves with the market.
    A new snapshot alone leaves what followed from the ledger and the day's anchor.
    """
    kept = _kept(book)
    starts = context.day_starts
    found = []
    for view in views:
        account_id, rulebook = view.account.account_id, view.rulebook
        start = starts.get(rulebook.rulebook_id)
        if start is None:
            start = day_start(rulebook, context)
        held = kept.get(account_id)
        if (
            held is None
            or view.positions
            or held.marked
            or held.snapshot is not view.snapshot
            or held.ledger is not view.ledger
            or held.day_started_at != start
        ):
            kept[account_id] = held = _standing(view, context, start, held)
        found.append(held)
    return found


def foresee(book: Book, snapshot: AccountSnapshot) -> None:
    """Make the standing that follows from a snapshot when it arrives, for the next plan to find:
    where the day's anchor is known and no price has a part in it. A plan compares as ever what it
    was made from, so that nothing is said here that a plan would not say.
    """
    kept, account_id = _kept(book), snapshot.account_id
    held, ledger = kept.get(account_id), book.ledgers[account_id]
    if held is None or book.positions.get(account_id):
        return
    floors = held.floors
    if floors is None or floors.anchor is not ledger.anchor:
        return
    config = book.configuration
    account = config.accounts[account_id]
    view = AccountView(account, snapshot, ledger, (), config.rulebooks[account.rulebook], 0, ())
    space = room_at_rest(view, snapshot, floors)
    kept[account_id] = _made(view, space, held.day_started_at, floors, held)


def _standing(
    view: AccountView, context: TradeContext, start: int, before: Standing | None
) -> Standing:
    floors = None
    if before is not None:
        floors = before.floors
        if floors is not None and (
            floors.anchor is not view.ledger.anchor or before.day_started_at != start
        ):
            floors = None
    if floors is None:
        floors = floors_of(view, context)
    return _made(view, room(view, context, floors), start, floors, before)


def _made(
    view: AccountView, space: Room, start: int, floors: Floors | None, before: Standing | None
) -> Standing:
    ledger, snapshot = view.ledger, view.snapshot
    known = before.steady if before is not None and before.ledger is ledger else None
    parts = steady(ledger, snapshot, space, known)
    marked = bool(view.positions)
    sound = in_order(view, space)
    made = (space, parts, sound, snapshot, ledger, start, floors, marked)
    return tuple.__new__(Standing, made)


def _kept(book: Book) -> dict[str, Standing]:
    config = book.configuration
    held = book.cache.get("standings")
    if held is not None and held[0] is config and isinstance(held[1], dict):
        return held[1]
    made: dict[str, Standing] = {}
    book.cache["standings"] = (config, made)
    return made


def kinds_of(book: Book, symbol: str) -> dict[str, int]:
    """A number for each account of the configuration; accounts of one number have equal terms of
    the symbol, currency and size factor, so that equal sizes are equal trades.
    """
    config = book.configuration
    held = book.cache.get(f"kinds:{symbol}")
    if held is not None and held[0] is config and isinstance(held[1], dict):
        return held[1]
    equal: dict[SymbolTerms | None, int] = {None: 0}
    numbers: dict[tuple[int, str, int], int] = {}
    made = {}
    before: SymbolTerms | None = None
    number = 0
    for account_id, account in config.accounts.items():
        terms = account.symbols.get(symbol)
        if terms is not before:  # neighbours often share the very object
            number = equal.setdefault(terms, len(equal))
            before = terms
        kind = (number, account.currency, account.profile.size_factor)
        made[account_id] = numbers.setdefault(kind, len(numbers))
    book.cache[f"kinds:{symbol}"] = (config, made)
    return made
