"""Why a candidate was left out: copy rules as conflicts, and the reason with its numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.core.gate.copying import Relation, judge_pair
from stretto.core.gate.trade import AccountView
from stretto.core.plans.exclusions import copy_conflicts
from stretto.core.plans.screening import account_views
from stretto.core.terms.account import Account
from stretto.core.terms.policy import Permission, Policy, Rulebook
from stretto.core.terms.refusal import Rule
from stretto.core.terms.signal import PerAccount, Split, Total
from tests.builders import Desk, a_config, a_rulebook, a_signal, an_account, names, the_reads

PERMISSIONS = st.sampled_from(Permission)


@given(st.lists(st.tuples(st.integers(0, 2), PERMISSIONS, PERMISSIONS), min_size=2, max_size=8))
def test_two_candidates_conflict_exactly_where_the_pair_is_refused(
    parties: list[tuple[int, Permission, Permission]],
) -> None:
    desk = Desk(a_config(1))
    (like,) = account_views(desk.book, the_reads(desk.now), ["a0"])
    views: list[AccountView] = []
    pairs: list[tuple[Account, Rulebook]] = []
    for at, (owner, within, between) in enumerate(parties):
        account = an_account(f"a{at}", owner=f"o{owner}")
        rules = a_rulebook(copy_within_owner=within, copy_between_owners=between)
        views.append(like._replace(account=account, rulebook=rules))
        pairs.append((account, rules))
    masks = copy_conflicts(views)
    for i, first in enumerate(pairs):
        for j, second in enumerate(pairs):
            verdict = judge_pair(*first, *second, Relation.SAME_SIGNAL) if i != j else None
            assert bool(masks[i] >> j & 1) is (verdict is not None)


@pytest.mark.parametrize(
    ("split", "ratios", "need"),
    [
        (Split.EQUAL, {}, "a larger total"),
        (Split.BY_RATIO, {"a0": Decimal(1), "a1": Decimal(1)}, "a ratio above 0"),
    ],
)
def test_who_gets_no_part_of_a_total_is_told_why(
    split: Split, ratios: dict[str, Decimal], need: str
) -> None:
    total = Total(quantity=Decimal(2_000), split=split, ratios=ratios)
    plan = Desk(a_config(3)).plan(a_signal(size=total))
    assert plan.intended == 2_000
    (left,) = plan.refusals
    assert left.rule is Rule.ACCOUNT_CAP
    assert left.compared["accounts_sharing"] == "2"
    assert left.would_pass == need


def test_what_the_exposure_cap_leaves_out_is_told_so() -> None:
    policy = Policy(exposure_max=Decimal(23_000))
    plan = Desk(a_config(4, policy)).plan(a_signal(size=PerAccount(quantity=Decimal(10_000))))
    assert 1 <= len(plan.allocations) <= 2
    assert len(plan.refusals) == 4 - len(plan.allocations)
    for refusal in plan.refusals:
        assert refusal.compared["exposure_max"] == "23000"
    assert sorted(names(4)) == sorted(
        [a.account_id for a in plan.allocations] + [r.account_id for r in plan.refusals]
    )
