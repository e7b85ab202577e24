"""Every addressed account at the trade's base size: refused with the reason, or scored.

Joins ``eligibility``, ``risk`` and the four factors of ``scoring`` that need no correlation. Knows
nothing of other accounts' trades, subsets or time of release.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from stretto.core.accounts.conduct import circuits_closed_to_entries
from stretto.core.accounts.standing import kinds_of, standings
from stretto.core.book import Book
from stretto.core.executions.carried import stances_version
from stretto.core.executions.sessions import closed_venues, session_hours
from stretto.core.failures.failure_statistics import unreliable_venues
from stretto.core.gate.copying import opposed_by
from stretto.core.gate.eligibility import all_refusals, judge_account, nothing_forbids
from stretto.core.gate.risk import Room
from stretto.core.gate.rules import open_rules
from stretto.core.gate.scoring import (
    BaseScore,
    base_score,
    executions_given,
    fair_share_of,
    medians_of,
)
from stretto.core.gate.trade import AccountView, Opposed, Trade, TradeContext, trade_for
from stretto.core.sizes.entry import EntryPrices
from stretto.core.sizes.sizing import per_account, risk_percent
from stretto.core.sizes.slippage import slippage_allowed
from stretto.core.terms.account import Account
from stretto.core.terms.killing import switches_over
from stretto.core.terms.market import Reads
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import (
    BestAccounts,
    GroupAccounts,
    ListedAccounts,
    PerAccount,
    RiskPercent,
    Signal,
)
from stretto.core.values import PPM, ZERO

_new = tuple.__new__


class Screened(NamedTuple):
    """An account that passed, with what its score without correlation came from."""

    view: AccountView
    trade: Trade
    room: Room
    requested: Decimal
    base: BaseScore
    rotation: int


def account_views(book: Book, reads: Reads, account_ids: Iterable[str]) -> list[AccountView]:
    """What a decision reads of these accounts, in their order."""
    config = book.configuration
    accounts, rulebooks = config.accounts, config.rulebooks
    snapshots, ledgers, positions = book.snapshots, book.ledgers, book.positions
    on_their_way = book.entering
    heartbeats = {name: state.heartbeat_at for name, state in reads.venues.items()}
    views = []
    for account_id in account_ids:
        account = accounts[account_id]
        held, entering = positions.get(account_id), on_their_way.get(account_id)
        view = (
            account,
            snapshots.get(account_id),
            ledgers[account_id],
            held.values() if held else (),
            rulebooks[account.rulebook],
            heartbeats.get(account.venue, 0),
            entering.values() if entering else (),
            "",
        )
        views.append(_new(AccountView, view))
    return views


def trade_context(
    book: Book,
    signal: Signal,
    prices: EntryPrices,
    reads: Reads,
    at_ns: int,
    own: Decimal = ZERO,
    slippage: Decimal | None = None,
) -> TradeContext:
    """What all accounts share for this signal at this instant. ``own``: base units of the trade
    itself that the book has on its way already; ``slippage``: what is left of the price that the
    entry may give away, else all of it.
    """
    config = book.configuration
    if slippage is None:
        instrument = config.instruments[signal.symbol]
        slippage = slippage_allowed(signal, prices.entry, instrument, config.policy)
    context = TradeContext(
        at=at_ns,
        symbol=signal.symbol,
        side=signal.side,
        entry=prices.entry,
        stop_loss=prices.stop_loss,
        expected_hold_ns=signal.expected_hold_ns,
        reads=reads,
        instruments=config.instruments,
        policy=config.policy,
        book_currency=config.currency,
        slippage=slippage,
        session=session_hours(book, signal.symbol, at_ns),
        venue_sessions=closed_venues(book, signal.symbol, at_ns),
    )
    context.kills = switches_over(book.kills, signal.symbol)
    context.circuits = circuits_closed_to_entries(book)
    context.venue_reliability = unreliable_venues(book.failures)
    cap = config.policy.exposure_max
    if cap is not None:
        per_unit = context.notional_book
        carried = _carried(book, signal.symbol) - own
        context.exposure_remaining = (
            ZERO if per_unit is None else max(ZERO, cap - carried * per_unit)
        )
    return context


def screen(
    book: Book,
    signal: Signal,
    context: TradeContext,
    views: Sequence[AccountView],
) -> tuple[list[Screened], list[Refusal]]:
    """Judge and score every view at its base size; a total, which is shared out later, is judged at
    the account's smallest order.
    """
    context.opposed = opposed_to(book, signal)
    at_ns = context.at
    given = [executions_given(view.ledger, at_ns) for view in views]
    fair = fair_share_of(given)
    passed: list[Screened] = []
    refusals: list[Refusal] = []
    # One stage for all before the next: a quarter faster than account after account.
    trades = _trades(book, signal, views, context)
    standing = standings(book, views, context)
    middle = medians_of(each.steady.record for each in standing)
    clear = nothing_forbids(context)
    for view, trade, held, load in zip(views, trades, standing, given, strict=True):
        space = held.room
        base = base_score(view, trade, space, middle, context, held.steady)
        if (
            not (clear and held.in_order and affords_by_score(view, trade, space, base, context))
            and judge_account(view, trade, space, context) is not None
        ):
            first, *others = all_refusals(view, trade, space, context)
            refusals.append(replace(first, also=tuple(others)) if others else first)
            continue
        screened = (view, trade, space, trade.quantity, base, load * PPM - fair)
        passed.append(_new(Screened, screened))
    return passed, refusals


def affords_by_score(
    view: AccountView, trade: Trade, room: Room, base: BaseScore, context: TradeContext
) -> bool:
    """Whether an account that is ``passing.in_order`` passes where ``nothing_forbids``: a margin
    factor above 0 says that the margin level holds, a risk factor above 0 that the risk lies within
    the smallest room. True of most; False says nothing.
    """
    return (
        base.margin > 0
        and base.risk_budget > 0
        and trade.in_lots
        and trade.risk is not None
        and view.heartbeat_at >= context.heartbeat_min
        and not open_rules(view, trade, room, context)
    )


def _trades(
    book: Book, signal: Signal, views: Sequence[AccountView], context: TradeContext
) -> list[Trade]:
    """Every view's trade at its base size: one for all of a kind, unless equity sets it."""
    if isinstance(signal.size, RiskPercent):
        return [trade_for(view, requested_size(signal, view, context), context) for view in views]
    kinds = kinds_of(book, signal.symbol)
    made: dict[int, Trade] = {}
    trades = []
    for view in views:
        kind = kinds[view.account.account_id]
        trade = made.get(kind)
        if trade is None:
            trade = made[kind] = trade_for(view, requested_size(signal, view, context), context)
        trades.append(trade)
    return trades


def opposed_to(book: Book, signal: Signal) -> Opposed | None:
    """Who in the whole book, addressed or not, has an opposite position in the symbol or an
    opposite entry on its way.
    """
    symbol, against = signal.symbol, -signal.side.sign
    key = (book.versions["config"], book.versions.get(stances_version(symbol, against)))
    name = f"opposed:{symbol}:{against}"
    held = book.cache.get(name)
    if held is not None and held[0] == key:
        known = held[1]
        return known if isinstance(known, Opposed) else None
    config = book.configuration
    accounts = [
        config.accounts[account_id]
        for account_id in sorted(book.stances.get((symbol, against), ()))
        if account_id in config.accounts
    ]
    found = opposed_by((account, config.rulebooks[account.rulebook]) for account in accounts)
    book.cache[name] = (key, found)
    return found


def addressed(
    signal: Signal, accounts: dict[str, Account], ordered: Sequence[str]
) -> tuple[list[str], list[Refusal]]:
    """The accounts the signal is meant for, by id; a listed one that does not exist is refused."""
    to = signal.accounts
    if isinstance(to, GroupAccounts):
        members = [name for name in ordered if accounts[name].group == to.group]
        if members:
            return members, []
        groups = dict.fromkeys(accounts[name].group for name in ordered if accounts[name].group)
        nobody = Refusal(
            rule=Rule.NOT_ADDRESSED,
            compared={"group": to.group, "groups_known": ", ".join(sorted(groups)) or "none"},
            would_pass="a group that accounts of the book belong to",
        )
        return [], [nobody]
    if isinstance(to, ListedAccounts):
        named = sorted(dict.fromkeys(to.account_ids))
        unknown = [
            Refusal(
                rule=Rule.NOT_ADDRESSED,
                account_id=name,
                compared={"account": name, "in_the_book": "no"},
                would_pass="an account of the book's configuration",
            )
            for name in named
            if name not in accounts
        ]
        return [name for name in named if name in accounts], unknown
    return list(ordered), []


def accounts_cap(signal: Signal, accounts_max: int) -> int:
    """How many accounts may take part: the policy's cap, and the signal's where it is smaller."""
    to = signal.accounts
    return min(accounts_max, to.count) if isinstance(to, BestAccounts) else accounts_max


def requested_size(signal: Signal, view: AccountView, context: TradeContext) -> Decimal:
    """What the size mode asks of this account, base units, before limits and dispersion; of a total
    the smallest order, for its shares depend on who takes part.
    """
    account, size = view.account, signal.size
    terms = account.symbols.get(signal.symbol)
    if terms is None:
        return ZERO
    factor = account.profile.size_factor
    if isinstance(size, PerAccount):
        return per_account(size.quantity, factor, terms.lot_step * terms.contract_size)
    if isinstance(size, RiskPercent):
        rates = context.rates(account.currency)
        snapshot, stop = view.snapshot, context.stop_loss
        if rates is None or snapshot is None or stop is None or snapshot.equity <= 0:
            return terms.minimum
        distance = abs(context.entry - stop)
        return risk_percent(
            snapshot.equity, size.percent, distance, rates.conversion, factor, terms.step
        )
    return terms.minimum


def _carried(book: Book, symbol: str) -> Decimal:
    """Base units of a symbol held, working or scheduled over all accounts."""
    total = ZERO
    for held in book.positions.values():
        for position in held.values():
            if position.symbol == symbol:
                total += abs(position.quantity)
    for execution_id in book.open_executions:
        execution = book.executions[execution_id]
        if execution.signal.symbol == symbol and not execution.closes:
            for account_id in execution.accounts:
                allocation = book.allocations[f"{execution_id}/{account_id}"]
                total += allocation.intended - allocation.filled - allocation.abandoned
    return total
