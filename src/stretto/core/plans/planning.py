"""From a well-formed signal to a plan: screening, allocation, timing, and every reason kept.

The pipeline of DESIGN §3, each stage in its own module. Changes nothing: the dry run is the same
function. Knows nothing of orders.
"""

from __future__ import annotations

import numpy as np

from stretto.core.book import Book
from stretto.core.executions.citing import cited
from stretto.core.executions.exposures import returns_of
from stretto.core.failures.failure_statistics import unreliable_venues
from stretto.core.gate.risk import anchor_assumed
from stretto.core.limits import ALTERNATIVES_MAX, PAIRS_KEPT_MAX
from stretto.core.plans.allocation import Allocated, Scored, Setting, allocate, score_and_bound
from stretto.core.plans.resizing import resize_hint
from stretto.core.plans.screening import account_views, addressed, screen, trade_context
from stretto.core.sizes.entry import EntryPrices, entry_prices
from stretto.core.terms.market import Quote, Reads
from stretto.core.terms.plan import (
    Beyond,
    Candidate,
    CorrelationAnalysis,
    Pair,
    Plan,
    PlannedAllocation,
)
from stretto.core.terms.refusal import PRECEDENCE, Refusal, Rule
from stretto.core.terms.report import OrderType
from stretto.core.terms.signal import Signal, Urgency
from stretto.core.times.timing import ReleaseRequest, Timing, market_urgency_ppm, release_times
from stretto.core.values import PPM


def make_plan(book: Book, signal: Signal, reads: Reads, at_ns: int, execution_id: str) -> Plan:
    """The plan for a signal that passed intake; ``refused`` is set where nobody takes part."""
    config = book.configuration
    quote = reads.quotes[signal.symbol]
    prices = entry_prices(signal, config.instruments[signal.symbol], quote)
    draft = _Draft(book, signal, quote, at_ns, execution_id)
    if isinstance(prices, Refusal):
        return draft.refused(prices)
    ids, unknown = addressed(signal, config.accounts, ordered_accounts(book))
    draft.refusals += unknown
    context = trade_context(book, signal, prices, reads, at_ns)
    screened, refusals = screen(book, signal, context, account_views(book, reads, ids))
    draft.refusals += refusals
    if not screened:
        return draft.refused(_nobody_eligible(len(ids), refusals))
    setting = Setting(book, signal, context, reads, execution_id)
    allocated = allocate(setting, screened)
    draft.take(allocated, setting)
    if allocated.refused is not None:
        return draft.refused(allocated.refused)
    chosen = [allocated.candidates[place] for place in allocated.chosen]
    timing = _timing(book, signal, reads, chosen, at_ns, execution_id)
    if isinstance(timing, Refusal):
        return draft.refused(timing)
    return draft.planned(chosen, timing, prices)


def ordered_accounts(book: Book) -> tuple[str, ...]:
    """Every account of the configuration, by id; kept until that changes."""
    key = book.versions["config"]
    held = book.cache.get("accounts")
    if held is not None and held[0] == key and isinstance(held[1], tuple):
        return held[1]
    made = tuple(sorted(book.configuration.accounts))
    book.cache["accounts"] = (key, made)
    return made


def _timing(
    book: Book,
    signal: Signal,
    reads: Reads,
    chosen: list[Scored],
    at_ns: int,
    execution_id: str,
) -> Timing | Refusal:
    return release_times(
        [
            ReleaseRequest(
                account_id=each.account_id,
                pace_ppm=each.placed.screened.view.account.profile.bounded_pace(),
            )
            for each in chosen
        ],
        book_key=book.configuration.book_key,
        execution_id=execution_id,
        approved_at_ns=at_ns,
        pending_ns=tuple(sorted(book.scheduled.get(signal.symbol, {}).values())),
        market_urgency_ppm=urgency_now(signal, reads),
        immediate=signal.urgency is Urgency.IMMEDIATE,
        valid_until_ns=signal.valid_until,
    )


def urgency_now(signal: Signal, reads: Reads) -> int:
    """Factor on delays by the market at this instant, 1e-6 (``timing.market_urgency_ppm``)."""
    statistics, quote = reads.statistics.get(signal.symbol), reads.quotes.get(signal.symbol)
    if statistics is None or quote is None:
        return PPM
    return market_urgency_ppm(
        statistics.volatility_ppm,
        statistics.volatility_median_ppm,
        quote.spread,
        statistics.spread_median,
    )


def _nobody_eligible(addressed_count: int, refusals: list[Refusal]) -> Refusal:
    counts = {rule: sum(1 for r in refusals if r.rule is rule) for rule in PRECEDENCE}
    compared = {"accounts_addressed": str(addressed_count), "accounts_eligible": "0"}
    compared |= {f"refused_{rule.value}": str(count) for rule, count in counts.items() if count}
    return Refusal(
        rule=Rule.NO_ELIGIBLE_ACCOUNT,
        compared=compared,
        would_pass="at least one addressed account that passes every rule",
    )


class _Draft:
    """Collects what a plan will hold, whichever way it ends."""

    def __init__(
        self, book: Book, signal: Signal, quote: Quote, at_ns: int, execution_id: str
    ) -> None:
        self._book = book
        self._signal = signal
        self._quote = quote
        self._at = at_ns
        self._execution_id = execution_id
        self.refusals: list[Refusal] = []
        self._beyond: Beyond | None = None
        self._candidates: tuple[Candidate, ...] = ()
        self._alternatives: tuple[str, ...] = ()
        self._correlation: CorrelationAnalysis | None = None

    def take(self, allocated: Allocated, setting: Setting) -> None:
        """Keep candidates, refusals and the correlation analysis."""
        self.refusals += allocated.refusals
        self._beyond = allocated.beyond
        chosen = frozenset(allocated.chosen)
        self._candidates = tuple(
            _candidate(allocated.candidates[place], rank, place in chosen, setting)
            for rank, place in enumerate(allocated.ranked, start=1)
        )
        others = [c.account_id for c in self._candidates if not c.selected]
        self._alternatives = tuple(others[:ALTERNATIVES_MAX])
        self._correlation = _analysis(allocated, setting)

    def refused(self, refusal: Refusal) -> Plan:
        """The plan that says no."""
        return self._plan((), refusal, None)

    def planned(self, chosen: list[Scored], timing: Timing, prices: EntryPrices) -> Plan:
        """The plan with its allocations in order of release."""
        by_id = {each.account_id: each for each in chosen}
        is_market = self._signal.order_type is OrderType.MARKET
        allocations = []
        for priority, release in enumerate(timing.releases, start=1):
            placed = by_id[release.account_id].placed
            profile = placed.screened.view.account.profile
            allocations.append(
                PlannedAllocation(
                    account_id=release.account_id,
                    base_size=placed.sized.base,
                    position_size=placed.sized.size,
                    variance_applied=placed.sized.variance_applied_ppm,
                    size_rationale=placed.sized.reason,
                    execution_priority=priority,
                    delay_ns=release.delay_ns,
                    drawn_ns=release.drawn_ns,
                    release_at=release.release_at,
                    window_end=release.window_end,
                    timing_rationale=release.rationale,
                    margin=placed.margin,
                    risk=placed.risk,
                    limit_price=None if is_market else prices.limit_price,
                    stop_price=None if is_market else prices.stop_price,
                    stop_loss=prices.stop_loss,
                    take_profit=prices.take_profit,
                    size_factor=profile.size_factor,
                    pace=profile.bounded_pace(),
                    aggression=profile.bounded_aggression(),
                )
            )
        return self._plan(tuple(allocations), None, timing)

    def _plan(
        self,
        allocations: tuple[PlannedAllocation, ...],
        refused: Refusal | None,
        timing: Timing | None,
    ) -> Plan:
        config = self._book.configuration
        return Plan(
            execution_id=self._execution_id,
            signal=self._signal,
            decided_at=self._at,
            quote=self._quote,
            candidates=self._candidates,
            refusals=tuple(self.refusals),
            allocations=allocations,
            alternatives=self._alternatives,
            correlation=self._correlation,
            market_urgency=timing.releases[0].market_urgency_ppm if timing else 0,
            timing_nonce=timing.nonce if timing else 0,
            timing_cv=timing.cv_ppm if timing else 0,
            timing_gap_ns=timing.gap_ns if timing else 0,
            book_key=config.book_key,
            policy_id=config.policy.policy_id,
            reads_seq=self._cites(),
            refused=refused,
            beyond=self._beyond,
            venue_reliability=unreliable_venues(self._book.failures),
        )

    def _cites(self) -> dict[str, int]:
        named = [candidate.account_id for candidate in self._candidates]
        if self._correlation is not None:
            named += [
                name for pair in self._correlation.pairs for name in (pair.first, pair.second)
            ]
        return cited(self._book, named)


def _candidate(scored: Scored, rank: int, selected: bool, setting: Setting) -> Candidate:
    placed = scored.placed
    return Candidate(
        account_id=scored.account_id,
        rank=rank,
        total_score=scored.total,
        factors=scored.factors,
        selection_confidence=scored.confidence,
        rotation=placed.screened.rotation,
        base_size=placed.sized.base,
        position_size=placed.sized.size,
        variance_applied=placed.sized.variance_applied_ppm,
        size_rationale=placed.sized.reason,
        required_margin=placed.margin,
        risk=placed.risk,
        selected=selected,
        day_anchor_assumed=anchor_assumed(placed.screened.view, setting.context),
    )


def _analysis(allocated: Allocated, setting: Setting) -> CorrelationAnalysis | None:
    projection, subset, factors = allocated.projection, allocated.subset, allocated.factors
    if projection is None or subset is None or factors is None:
        return None
    ids = [each.account_id for each in allocated.candidates]
    chosen = allocated.chosen
    between = np.abs(projection.projected[np.ix_(chosen, chosen)])
    between.flat[:: len(chosen) + 1] = 0
    names = returns_of(setting.book).account_ids
    score, bound = score_and_bound(subset)
    pairs = list(projection.conflicting_pairs(PAIRS_KEPT_MAX))
    pairs += [pair for pair in projection.blocked if pair is not None][:PAIRS_KEPT_MAX]
    return CorrelationAnalysis(
        is_viable=bool(chosen),
        expected_correlation=int(between.max(initial=0)),
        threshold=setting.book.configuration.policy.correlation_threshold,
        suggested_accounts=tuple(ids[place] for place in chosen),
        pairs=tuple(
            Pair(
                first=names[pair.first],
                second=names[pair.second],
                before=pair.before,
                projected=pair.projected,
                historical=pair.historical,
            )
            for pair in pairs
        ),
        analysed=len(ids),
        score=score,
        bound=bound,
        nodes=subset.nodes,
        proven=subset.proven,
        resize_hint=resize_hint(allocated, setting) if chosen else "",
    )
