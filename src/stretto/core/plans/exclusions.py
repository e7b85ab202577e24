"""Why a candidate was left out: the pair, the clause or the cap that did it, with the numbers.

Also which candidates exclude each other by the firms' copy rules. Judges nothing that ``copying``,
``correlation`` and ``subset`` have not decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stretto.core.correlations.correlation import PairCorrelation, Projection
from stretto.core.gate.copying import (
    COPY_BETWEEN_OWNERS,
    COPY_WITHIN_OWNER,
    Relation,
    judge_pair,
    pair_refusal,
    permission_of,
)
from stretto.core.gate.trade import AccountView
from stretto.core.plans.placing import Placed
from stretto.core.plans.screening import Screened, accounts_cap
from stretto.core.subsets.subset_problem import bits
from stretto.core.terms.policy import Permission, Policy
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Signal, Split, Total
from stretto.core.values import plain, ppm_to_decimal


def copy_conflicts(views: Sequence[AccountView]) -> list[int]:
    """Bit j of mask i where i and j may not both carry one signal (``copying.judge_pair``)."""
    everyone = (1 << len(views)) - 1
    owned: dict[str, int] = {}
    within = between = 0
    for place, view in enumerate(views):
        bit = 1 << place
        owner = view.account.owner
        owned[owner] = owned.get(owner, 0) | bit
        if permission_of(view.rulebook, COPY_WITHIN_OWNER) is not Permission.ALLOWED:
            within |= bit
        if permission_of(view.rulebook, COPY_BETWEEN_OWNERS) is not Permission.ALLOWED:
            between |= bit
    masks = []
    for place, view in enumerate(views):
        bit = 1 << place
        same = owned[view.account.owner]
        other = everyone & ~same
        mask = same if within & bit else same & within
        mask |= other if between & bit else other & between
        masks.append(mask & ~bit)
    return masks


def why_blocked(
    projection: Projection, ids: Sequence[str], book_ids: Sequence[str], threshold: int
) -> list[Refusal]:
    """Candidates that an exposed account of the book excludes."""
    return [
        bet_refusal(pair, ids[place], book_ids[pair.second], threshold, "which holds a position")
        for place, pair in enumerate(projection.blocked)
        if pair is not None
    ]


def why_not_chosen(
    projection: Projection,
    copies: Sequence[int],
    screened: Sequence[Screened],
    left: Sequence[int],
    chosen: Sequence[int],
    policy: Policy,
    signal: Signal,
) -> list[Refusal]:
    """Candidates the best subset does without: the worst pair with it, the clause, or the cap."""
    refusals = []
    capped: Refusal | None = None
    everyone = sum(1 << place for place in chosen)
    for place in left:
        view = screened[place].view
        account_id = view.account.account_id
        copied = copies[place] & everyone
        if copied:
            first = next(other for other in chosen if copied >> other & 1)
            with_view = screened[first].view
            verdict = judge_pair(
                view.account,
                view.rulebook,
                with_view.account,
                with_view.rulebook,
                Relation.SAME_SIGNAL,
            )
            if verdict is not None:
                refusals.append(pair_refusal(view.account, with_view.account, verdict))
                continue
        against = projection.conflicts[place] & everyone
        if against:
            other = projection.worst_of(place, list(bits(against)))
            pair = projection.pair(place, other)
            name = screened[other].view.account.account_id
            refusals.append(
                bet_refusal(
                    pair, account_id, name, policy.correlation_threshold, "which takes the trade"
                )
            )
            continue
        if capped is None:  # it says the same of all
            capped = _capped(account_id, len(chosen), policy, signal)
        refusals.append(replace(capped, account_id=account_id))
    return refusals


def without_share(
    pool: Sequence[Screened], shared: Sequence[Placed], size: Total, cap: int
) -> list[Refusal]:
    """Candidates that get no part of a total: there are better ones, or their weight is zero."""
    given = {each.screened.view.account.account_id for each in shared}
    refusals = []
    for screened in pool:
        account_id = screened.view.account.account_id
        if account_id in given:
            continue
        compared = {
            "total": plain(size.quantity),
            "split": size.split.value,
            "accounts_sharing": str(len(given)),
            "accounts_max": str(cap),
        }
        need = "a larger total" if len(given) < cap else f"a cap of at least {len(given) + 1}"
        if size.split is Split.BY_RATIO and not size.ratios.get(account_id):
            compared["ratio"], need = "0", "a ratio above 0"
        refusals.append(
            Refusal(
                rule=Rule.ACCOUNT_CAP, account_id=account_id, compared=compared, would_pass=need
            )
        )
    return refusals


def bet_refusal(
    pair: PairCorrelation, account_id: str, other: str, threshold: int, what: str
) -> Refusal:
    """The refusal of an account because of a pair; ``what`` says what the other does."""
    limit = plain(ppm_to_decimal(threshold))
    compared = {
        "other_account": other,
        "correlation_before": plain(ppm_to_decimal(pair.before)),
        "correlation_projected": plain(ppm_to_decimal(pair.projected)),
        "correlation_historical": "unknown"
        if pair.historical is None
        else plain(ppm_to_decimal(pair.historical)),
        "threshold": limit,
    }
    return Refusal(
        rule=pair.rule,
        account_id=account_id,
        compared=compared,
        would_pass=f"a correlation of at most {limit} with account {other}, {what}",
    )


def _capped(account_id: str, chosen: int, policy: Policy, signal: Signal) -> Refusal:
    cap = accounts_cap(signal, policy.accounts_max)
    asked = cap < policy.accounts_max
    compared = {
        "accounts_chosen": str(chosen),
        "count_asked" if asked else "accounts_max": str(cap),
    }
    if chosen >= cap:
        what = "a count" if asked else "an accounts_max"
        would_pass = f"a place among the best {cap}, or {what} of at least {chosen + 1}"
    else:
        would_pass = "a higher owner_accounts_max or exposure_max"
        if policy.owner_accounts_max is not None:
            compared["owner_accounts_max"] = str(policy.owner_accounts_max)
        if policy.exposure_max is not None:
            compared["exposure_max"] = plain(policy.exposure_max)
    return Refusal(
        rule=Rule.ACCOUNT_CAP, account_id=account_id, compared=compared, would_pass=would_pass
    )
