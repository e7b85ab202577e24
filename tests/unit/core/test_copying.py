"""Firm rules over pairs: who may carry one signal together, who may stand against whom."""

from __future__ import annotations

from itertools import combinations

import pytest
from msgspec.structs import replace

from stretto.core.account import Account
from stretto.core.copying import (
    CopyGroup,
    PairVerdict,
    Relation,
    copy_groups,
    judge_pair,
    keep_best,
    opposed_accounts,
    opposite_refusal,
)
from stretto.core.policy import Permission
from stretto.core.refusal import Refusal, Rule
from stretto.core.values import Side
from tests.unit.core.trade_samples import RULEBOOK, account, position, view

OPEN = RULEBOOK
WITHIN = replace(
    RULEBOOK,
    rulebook_id="w",
    copy_within_owner=Permission.FORBIDDEN,
    clauses={"copy_within_owner": "6.2 No copying between own accounts"},
)
SILENT = replace(RULEBOOK, rulebook_id="s", copy_between_owners=Permission.UNKNOWN)
BOOKS = {"r": OPEN, "w": WITHIN, "s": SILENT}


def make(account_id: str, owner: str, rulebook: str) -> Account:
    return account(account_id, owner=owner, rulebook=rulebook)


def refusals(
    groups: tuple[CopyGroup, ...], accounts: list[Account], scores: dict[str, int]
) -> dict[str, Refusal]:
    return keep_best(groups, scores, {a.account_id: a for a in accounts}, BOOKS)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_rulebook_that_forbids_is_enough_whatever_the_order(order: tuple[int, int]) -> None:
    pair = [(make("a", "x", "r"), OPEN), (make("b", "x", "w"), WITHIN)]
    (a, a_rules), (b, b_rules) = (pair[i] for i in order)
    assert judge_pair(a, a_rules, b, b_rules, Relation.SAME_SIGNAL) == PairVerdict(
        "copy_within_owner",
        "b",
        Permission.FORBIDDEN,
        "6.2 No copying between own accounts",
    )


def test_rules_within_an_owner_say_nothing_about_two_owners() -> None:
    a, b = make("a", "x", "w"), make("b", "y", "w")
    assert judge_pair(a, WITHIN, b, WITHIN, Relation.SAME_SIGNAL) is None
    silent = judge_pair(make("a", "x", "s"), SILENT, b, OPEN, Relation.SAME_SIGNAL)
    assert silent is not None
    assert (silent.rule_id, silent.permission) == ("copy_between_owners", Permission.UNKNOWN)


@pytest.mark.requirement("U4")
def test_of_one_owners_accounts_the_best_stays_and_the_others_cite_the_clause() -> None:
    accounts = [make(name, "x", "w") for name in "abc"]
    groups = copy_groups(accounts, BOOKS)
    assert [group.parties for group in groups] == [(("a",), ("b",), ("c",))]
    got = refusals(groups, accounts, {"a": 5, "b": 9, "c": 7})
    assert sorted(got) == ["a", "c"]
    assert got["a"].rule is Rule.COPY_POLICY
    assert got["a"].clause == "6.2 No copying between own accounts"
    assert got["a"].compared["other_account"] == "b"
    assert got["a"].would_pass == "without this signal in account b"


def test_those_that_may_copy_stand_together_against_one_that_may_not() -> None:
    accounts = [make("a", "x", "r"), make("b", "x", "r"), make("c", "x", "w")]
    (group,) = copy_groups(accounts, BOOKS)
    assert group.parties == (("a", "b"), ("c",))
    assert sorted(refusals((group,), accounts, {"a": 5, "b": 5, "c": 9})) == ["c"]
    assert sorted(refusals((group,), accounts, {"a": 2, "b": 2, "c": 9})) == ["a", "b"]


def test_an_account_that_carries_the_signal_leaves_no_place() -> None:
    accounts = [make(name, "x", "w") for name in "abc"]
    (group,) = copy_groups(accounts, BOOKS, carrying=("a",))
    assert (group.carrying, group.parties) == (("a",), (("a",),))
    assert sorted(refusals((group,), accounts, {"b": 1, "c": 2})) == ["b", "c"]


def test_two_that_carry_it_against_the_rule_leave_no_party() -> None:
    accounts = [make(name, "x", "w") for name in "abc"]
    (group,) = copy_groups(accounts, BOOKS, carrying=("a", "b"))
    assert group.parties == ()
    assert sorted(refusals((group,), accounts, {"c": 2})) == ["c"]


def test_between_owners_all_of_one_or_all_that_may() -> None:
    accounts = [make("a", "x", "s"), make("b", "x", "r"), make("c", "y", "r"), make("d", "z", "s")]
    (group,) = copy_groups(accounts, BOOKS)
    assert group.parties == (("b", "c"), ("a", "b"), ("d",))
    got = refusals((group,), accounts, {"a": 9, "b": 9, "c": 8, "d": 9})
    assert sorted(got) == ["c", "d"]
    assert got["c"].compared["rulebook_of"] == "a"


def test_accounts_without_a_rule_between_them_make_no_group() -> None:
    assert copy_groups([make("a", "x", "r"), make("b", "x", "r")], BOOKS) == ()
    assert copy_groups([make("a", "x", "w"), make("b", "y", "w")], BOOKS) == ()


def test_whatever_is_kept_no_pair_of_it_breaks_a_rule() -> None:
    shapes = [("x", "r"), ("x", "w"), ("x", "s"), ("y", "w"), ("y", "r"), ("z", "s")]
    accounts = [make(f"a{i}", owner, book) for i, (owner, book) in enumerate(shapes)]
    for size in range(len(accounts) + 1):
        for some in combinations(accounts, size):
            scores = {a.account_id: 3 + 7 * i % 5 for i, a in enumerate(some)}
            refused = refusals(copy_groups(some, BOOKS), list(some), scores)
            kept = [a for a in some if a.account_id not in refused]
            assert bool(kept) == bool(some)
            assert all(pair_allowed(a, b) for a, b in combinations(kept, 2))


def pair_allowed(a: Account, b: Account) -> bool:
    verdict = judge_pair(a, BOOKS[a.rulebook], b, BOOKS[b.rulebook], Relation.SAME_SIGNAL)
    return verdict is None


def test_opposite_positions_need_leave_of_both_rulebooks() -> None:
    shut = replace(OPEN, opposite_positions=Permission.UNKNOWN)
    short = view(account=account("s"), positions=(position("-1000"),), rulebook=shut)
    opposed = opposed_accounts([short], "EURUSD", Side.BUY)
    assert opposed is not None
    refusal = opposite_refusal(view(), opposed)
    assert refusal is not None
    assert (refusal.compared["firm_rule"], refusal.compared["other_account"]) == (
        "opposite_positions",
        "s",
    )
    assert refusal.would_pass == "without the opposite position of account s"
    assert opposite_refusal(short, opposed) is None
    free = opposed_accounts([short._replace(rulebook=OPEN)], "EURUSD", Side.BUY)
    assert free is not None
    assert opposite_refusal(view(), free) is None
    assert opposite_refusal(view(rulebook=shut), free) is not None


def test_only_the_other_side_of_the_same_symbol_stands_against_a_trade() -> None:
    views = [
        view(account=account("l"), positions=(position("1000"),)),
        view(account=account("g"), positions=(position("-1000", symbol="GBPUSD"),)),
    ]
    assert opposed_accounts(views, "EURUSD", Side.BUY) is None
    entering = opposed_accounts(views, "EURUSD", Side.BUY, entering=("g",))
    assert entering is not None
    assert [holder[0].account_id for holder in entering.any] == ["g"]
