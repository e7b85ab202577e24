"""Which accounts could take over a quantity that another cannot trade, best first (DESIGN §4.9).

The whole gate of a plan for accounts without a part in the execution: rules, copying, caps, pairs,
margin and risk, at the size they would take. Decides nothing about the account that failed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from stretto.core.accounts.standing import standings
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.correlations.correlation import Projection, Trade, project
from stretto.core.executions.exposures import returns_of
from stretto.core.gate.affordability import refuse
from stretto.core.gate.copying import Relation, judge_pair, pair_refusal
from stretto.core.gate.eligibility import judge_account
from stretto.core.gate.scoring import (
    base_score,
    complete,
    executions_given,
    fair_share_of,
    medians_of,
    order_key,
)
from stretto.core.gate.trade import AccountView, TradeContext, trade_for
from stretto.core.limits import CORRELATED_CANDIDATES_MAX, REROUTE_CANDIDATES_MAX
from stretto.core.plans.allocation import Setting, factors_for, with_known_covariance
from stretto.core.plans.exclusions import bet_refusal
from stretto.core.plans.placing import Placed, share_weight, size_limits, trade_delta
from stretto.core.plans.planning import ordered_accounts
from stretto.core.plans.screening import (
    Screened,
    account_views,
    addressed,
    opposed_to,
    requested_size,
    trade_context,
)
from stretto.core.sizes.entry import EntryPrices
from stretto.core.sizes.sizing import disperse
from stretto.core.terms.market import Reads
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Total
from stretto.core.values import PPM, ZERO, floor_to_step, plain


class Alternative(NamedTuple):
    """An account that passed everything: its trade at the size it would take, ``own`` the size that
    a plan would have given it (base units), its score in 1e-6 and its place in the order.
    """

    placed: Placed
    own: Decimal
    score: int = 0
    order: tuple[int, int, str] = (0, 0, "")

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.placed.screened.view.account.account_id


class Found(NamedTuple):
    """Alternatives, best first; how many were looked at, and why the others were left out."""

    alternatives: list[Alternative]
    considered: int
    refusals: list[Refusal]


def alternatives(
    book: Book,
    allocation: Allocation,
    prices: EntryPrices,
    reads: Reads,
    at_ns: int,
    slippage: Decimal | None,
    only: str = "",
) -> Found:
    """Who could take what ``allocation`` has pending, at these prices. ``slippage``: what is left
    of the signal's bound, price; ``only``: one account is asked about.
    """
    execution = book.executions[allocation.execution_id]
    signal = execution.signal
    ids, _named_by_the_plan = addressed(signal, book.configuration.accounts, ordered_accounts(book))
    inside = frozenset(execution.accounts)
    ids = [name for name in ids if name not in inside and only in ("", name)]
    context = trade_context(book, signal, prices, reads, at_ns, allocation.pending, slippage)
    context.opposed = opposed_to(book, signal)
    return _Search(book, allocation, execution, context).among(ids)


def taking_part(book: Book, execution: Execution, leaving: Allocation) -> list[str]:
    """Accounts that have filled some of an execution or may, once what is pending left one."""
    found = []
    for name in execution.accounts:
        allocation = book.allocations[allocation_key(execution.execution_id, name)]
        left = allocation.intended - allocation.abandoned + allocation.excess
        left += allocation.overfilled - (leaving.pending if allocation is leaving else ZERO)
        if left > 0:
            found.append(name)
    return found


class _Search:
    """One look for an account that takes over."""

    def __init__(
        self, book: Book, allocation: Allocation, execution: Execution, context: TradeContext
    ) -> None:
        self._book = book
        self._allocation = allocation
        self._execution = execution
        self._signal = execution.signal
        self._context = context
        self._taking = taking_part(book, execution, allocation)
        self._refusals: list[Refusal] = []

    def among(self, ids: list[str]) -> Found:
        """Judge these accounts and put them in order."""
        book, context = self._book, self._context
        if self._is_full(ids):
            return Found([], len(ids), self._refusals)
        views = account_views(book, context.reads, ids)
        standing = standings(book, views, context)
        middle = medians_of(each.steady.record for each in standing)
        given = [executions_given(view.ledger, context.at) for view in views]
        fair = fair_share_of(given)
        pool = []
        for view, held, load in zip(views, standing, given, strict=True):
            trade = trade_for(view, self._least(view), context)
            base = base_score(view, trade, held.room, middle, context, held.steady)
            at_least = Screened(view, trade, held.room, ZERO, base, load * PPM - fair)
            fits = self._fit(at_least)
            if isinstance(fits, Refusal):
                self._refusals.append(fits)
            else:
                screened = fits.placed.screened
                base = base_score(view, screened.trade, held.room, middle, context, held.steady)
                placed = fits.placed._replace(screened=screened._replace(base=base))
                pool.append(fits._replace(placed=placed))
        pool.sort(key=self._order_without_correlation)
        passed = self._correlated(pool[:REROUTE_CANDIDATES_MAX])
        return Found(sorted(passed, key=_order), len(ids), self._refusals)

    def _is_full(self, ids: list[str]) -> bool:
        """Whether one more account is one too many for the policy; then all are refused for it. The
        number of best accounts that a signal asks for says who begins, not who may help out.
        """
        cap = self._book.configuration.policy.accounts_max
        taking = len(self._taking)
        if taking < cap:
            return False
        compared = {"accounts_taking_part": str(taking), "accounts_max": str(cap)}
        would_pass = f"an accounts_max of at least {taking + 1}"
        self._refusals += [
            Refusal(
                rule=Rule.ACCOUNT_CAP, account_id=name, compared=compared, would_pass=would_pass
            )
            for name in ids
        ]
        return True

    def _least(self, view: AccountView) -> Decimal:
        terms = view.account.symbols.get(self._signal.symbol)
        return self._allocation.pending if terms is None else terms.minimum

    def _fit(self, least: Screened) -> Alternative | Refusal:
        """The account at the size it would take, or the first rule that refuses it. Who is refused
        at the smallest order is at any.
        """
        view, context = least.view, self._context
        refusal = judge_account(view, least.trade, least.room, context) or self._pairwise(view)
        terms = least.trade.terms
        if refusal is not None or terms is None:
            return refusal or refuse(Rule.NOT_MAPPED, view, {}, "terms of the symbol")
        screened = least._replace(requested=self._requested(view))
        own = disperse(
            screened.requested,
            size_limits(screened, context),
            book_key=self._book.configuration.book_key,
            execution_id=self._allocation.execution_id,
            account_id=view.account.account_id,
        )
        if isinstance(own, Refusal):
            return own
        quantity = floor_to_step(min(own.size, self._allocation.pending), terms.step)
        if quantity < terms.minimum:
            compared = {
                "pending_base_units": plain(self._allocation.pending),
                "lot_step_base_units": plain(terms.step),
                "lot_min_base_units": plain(terms.minimum),
            }
            need = f"at least {plain(terms.minimum)} base units to move"
            return refuse(Rule.SIZE_NOT_REPRESENTABLE, view, compared, need)
        trade = trade_for(view, quantity, context)
        refusal = judge_account(view, trade, least.room, context)
        if refusal is not None:
            return refusal
        return Alternative(
            Placed(
                screened=screened._replace(trade=trade),
                sized=replace(own, size=quantity),
                margin=trade.margin or ZERO,
                risk=trade.risk or ZERO,
            ),
            own.size,
        )

    def _requested(self, view: AccountView) -> Decimal:
        """What a plan would have asked of the account: of a total in proportion to the share of the
        account that failed.
        """
        size, context = self._signal.size, self._context
        if not isinstance(size, Total):
            return requested_size(self._signal, view, context)
        (first,) = account_views(self._book, context.reads, (self._allocation.account_id,))
        mine, other = share_weight(view, size, context), share_weight(first, size, context)
        if mine is None or other is None or mine <= 0 or other <= 0:
            return ZERO
        return (self._allocation.planned + self._allocation.moved_in) * mine / other

    def _pairwise(self, view: AccountView) -> Refusal | None:
        """Copying between the account and those that take part, and how many an owner may have."""
        config, owned = self._book.configuration, 0
        for name in self._taking:
            other = config.accounts.get(name)
            if other is None:
                continue
            rules = config.rulebooks[other.rulebook]
            verdict = judge_pair(view.account, view.rulebook, other, rules, Relation.SAME_SIGNAL)
            if verdict is not None:
                return pair_refusal(view.account, other, verdict)
            owned += other.owner == view.account.owner
        most = config.policy.owner_accounts_max
        if most is None or owned < most:
            return None
        compared = {"accounts_of_the_owner": str(owned), "owner_accounts_max": str(most)}
        need = f"an owner_accounts_max of at least {owned + 1}"
        return refuse(Rule.ACCOUNT_CAP, view, compared, need)

    def _order_without_correlation(self, fits: Alternative) -> tuple[int, int, str]:
        screened = fits.placed.screened
        total = screened.base.weighted // self._context.weights[5]
        return order_key(total, screened.rotation, fits.account_id)

    def _correlated(self, pool: list[Alternative]) -> list[Alternative]:
        """Those whose pairs with all who take part, and with the rest of the book, are in order."""
        symbol, context = self._signal.symbol, self._context
        setting = Setting(
            self._book, self._signal, context, context.reads, self._allocation.execution_id
        )
        signed = self._execution.side.sign * self._allocation.pending
        factors, column, refused = factors_for(
            setting, {(self._allocation.account_id, symbol): signed}
        )
        if refused is not None or factors is None:
            self._refusals += [] if refused is None else [refused]
            return []
        screened = [fits.placed.screened for fits in pool]
        known = with_known_covariance(setting, factors, screened, self._refusals)
        ids = {each.view.account.account_id for each in known}
        pool = [fits for fits in pool if fits.account_id in ids]
        if not pool:
            return []
        row_of = returns_of(self._book).row_of
        taking = [row_of[name] for name in self._taking if name in row_of]
        rows = [row_of[fits.account_id] for fits in pool]
        deltas = [trade_delta(fits.placed, context) for fits in pool]
        most = CORRELATED_CANDIDATES_MAX - len(pool)
        projections = [
            project(
                factors,
                Trade(
                    symbol=column,
                    accounts=np.array(rows + part, np.int64),
                    delta=np.array(deltas + [0.0] * len(part), np.float64),
                ),
                threshold=self._book.configuration.policy.correlation_threshold,
            )
            for part in [taking[at : at + most] for at in range(0, len(taking), most)] or [[]]
        ]
        scored = [self._paired(fits, at, len(pool), projections) for at, fits in enumerate(pool)]
        return [fits for fits in scored if fits is not None]

    def _paired(
        self, fits: Alternative, place: int, pool: int, projections: list[Projection]
    ) -> Alternative | None:
        """The alternative with its whole score, unless it would be the same bet as another. Those
        after the first ``pool`` of a projection take part in the execution.
        """
        names = returns_of(self._book).account_ids
        for projection in projections:
            pair, what = projection.blocked[place], "which holds a position"
            others = projection.conflicts[place] >> pool
            if others:
                first = pool + (others & -others).bit_length() - 1
                pair, what = projection.pair(place, first), "which takes the trade"
            if pair is not None:
                threshold = self._book.configuration.policy.correlation_threshold
                other = names[pair.second]
                refusal = bet_refusal(pair, fits.account_id, other, threshold, what)
                self._refusals.append(refusal)
                return None
        largest = max(projection.largest[place] for projection in projections)
        base = fits.placed.screened.base
        _, total, _ = complete(base, PPM - largest, self._context)
        order = order_key(total, fits.placed.screened.rotation, fits.account_id)
        return fits._replace(score=total, order=order)


def _order(fits: Alternative) -> tuple[int, int, str]:
    return fits.order
