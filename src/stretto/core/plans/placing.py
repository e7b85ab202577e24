"""Final sizes of the candidates: inside every limit, then dispersed (DESIGN §4.5).

Gives each candidate the smallest of all maxima with its name, and turns a signal's total into
shares. Knows nothing of correlation or time.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from stretto.core.gate.affordability import SizeCap, allows, largest_quantity
from stretto.core.gate.trade import AccountView, Trade, TradeContext, margin_committed, money_up
from stretto.core.plans.screening import Screened
from stretto.core.sizes.sizing import Counted, Sized, SizeLimits, count_steps, disperse
from stretto.core.sizes.total_dispersion import disperse_total
from stretto.core.sizes.total_size import SplitAccount, split_total
from stretto.core.terms.refusal import Refusal
from stretto.core.terms.signal import Split, Total
from stretto.core.values import ONE, PPM, ZERO


class Placed(NamedTuple):
    """A candidate with its final size, and margin and risk of that size in account currency."""

    screened: Screened
    sized: Sized
    margin: Decimal
    risk: Decimal


def size_limits(
    screened: Screened, context: TradeContext, widest: Decimal | None = None
) -> SizeLimits:
    """The lot grid and the smallest of all maxima (base units) with the name of the binding one.

    ``widest``: the caller asks for no more than this; where it passes every rule, the venue's own
    maximum serves.
    """
    view, trade, space = screened.view, screened.trade, screened.room
    terms = trade.terms
    if terms is not None and widest is not None and allows(view, trade, space, context, widest):
        cap = SizeCap(terms.maximum, "lot_max")
    else:
        cap = largest_quantity(view, space, context)
    return SizeLimits(
        step=terms.step if terms is not None else ONE,
        minimum=terms.minimum if terms is not None else ZERO,
        maximum=cap.quantity,
        maximum_rule=cap.rule,
        dispersion_min=context.policy.dispersion_min,
        dispersion_max=context.policy.dispersion_max,
    )


def place_each(
    pool: Sequence[Screened], context: TradeContext, book_key: str, execution_id: str
) -> tuple[list[Placed], list[Refusal]]:
    """Every candidate at its own dispersed size, in the order given."""
    placed: list[Placed] = []
    refusals: list[Refusal] = []
    spread = PPM + context.policy.dispersion_max
    venue: SizeLimits | None = None
    before: Trade | None = None
    counted: Counted | None = None
    for screened in pool:
        view, trade = screened.view, screened.trade
        widest = screened.requested * spread / PPM
        # Where only the venue's maximum binds, accounts that share the trade share the limits.
        roomy = allows(view, trade, screened.room, context, widest)
        if roomy and venue is not None and trade is before:
            limits = venue
            if counted is None:
                counted = count_steps(trade.quantity, limits)
        else:
            limits, counted = size_limits(screened, context, widest), None
            venue, before = limits if roomy else None, trade
        sized = disperse(
            screened.requested,
            limits,
            book_key=book_key,
            execution_id=execution_id,
            account_id=view.account.account_id,
            counted=counted if screened.requested is trade.quantity else None,
        )
        if isinstance(sized, Refusal):
            refusals.append(sized)
        else:
            placed.append(_placed(screened, sized))
    return placed, refusals


def place_total(
    pool: Sequence[Screened],
    size: Total,
    cap: int,
    context: TradeContext,
    book_key: str,
    execution_id: str,
) -> list[Placed] | Refusal:
    """Shares of a total over the best of ``pool`` (best first), dispersed with the sum kept."""
    by_id = {s.view.account.account_id: s for s in pool}
    shared = []
    for screened in pool:
        weight = share_weight(screened.view, size, context)
        if weight is not None and weight > 0:
            shared.append(
                SplitAccount(
                    account_id=screened.view.account.account_id,
                    weight=weight,
                    limits=size_limits(screened, context),
                    size_factor_ppm=screened.view.account.profile.size_factor,
                )
            )
    shares = split_total(size.quantity, shared, cap=cap)
    if isinstance(shares, Refusal):
        return shares
    limits = {each.account_id: each.limits for each in shared}
    dispersed = disperse_total(
        shares,
        [limits[share.account_id] for share in shares],
        book_key=book_key,
        execution_id=execution_id,
    )
    return [_placed(by_id[sized.account_id], sized) for sized in dispersed]


def share_weight(view: AccountView, size: Total, context: TradeContext) -> Decimal | None:
    """The weight of an account's share of a total: 1, the ratio, or equity or free margin in book
    currency; None where it is not known.
    """
    account_id = view.account.account_id
    if size.split is Split.EQUAL:
        return ONE
    if size.split is Split.BY_RATIO:
        return size.ratios.get(account_id, ZERO)
    snapshot = view.snapshot
    rates = context.rates(view.account.currency)
    if snapshot is None or rates is None or context.notional_book is None:
        return None
    # notional of one base unit in book currency over the same in account currency
    to_book = context.notional_book / rates.notional
    if size.split is Split.BY_EQUITY:
        return snapshot.equity * to_book
    return (snapshot.equity - margin_committed(snapshot, view.ledger)) * to_book


def _placed(screened: Screened, sized: Sized) -> Placed:
    trade = screened.trade
    return Placed(
        screened=screened,
        sized=sized,
        margin=_cost(sized.size, trade.margin_per_unit),
        risk=_cost(sized.size, trade.risk_per_unit),
    )


def _cost(quantity: Decimal, per_unit: Decimal | None) -> Decimal:
    return money_up(quantity * per_unit) if per_unit is not None else ZERO


def trade_delta(placed: Placed, context: TradeContext) -> float:
    """Signed notional over equity that the trade adds; one division of exact decimals."""
    view, trade = placed.screened.view, placed.screened.trade
    if view.snapshot is None or trade.conversion is None:
        return 0.0
    notional = placed.sized.size * context.entry * trade.conversion
    return float(notional / view.snapshot.equity) * context.sign
