"""Firm rules over pairs: who may carry one signal together, who may stand against whom."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stretto.core.gate.copying import (
    PairVerdict,
    Relation,
    judge_pair,
    opposed_by,
    opposite_refusal,
    pair_refusal,
)
from stretto.core.terms.account import Account
from stretto.core.terms.policy import Permission
from stretto.core.terms.refusal import Rule
from tests.unit.core.trade_samples import RULEBOOK, account, position, view

OPEN = RULEBOOK
WITHIN = replace(
    RULEBOOK,
    rulebook_id="w",
    copy_within_owner=Permission.FORBIDDEN,
    clauses={"copy_within_owner": "6.2 No copying between own accounts"},
)
SILENT = replace(RULEBOOK, rulebook_id="s", copy_between_owners=Permission.UNKNOWN)


def make(account_id: str, owner: str, rulebook: str) -> Account:
    return account(account_id, owner=owner, rulebook=rulebook)


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
def test_the_refusal_of_a_copy_cites_the_clause_and_names_the_other_account() -> None:
    a, b = make("a", "x", "w"), make("b", "x", "r")
    verdict = judge_pair(a, WITHIN, b, OPEN, Relation.SAME_SIGNAL)
    assert verdict is not None
    refusal = pair_refusal(b, a, verdict)
    assert (refusal.rule, refusal.account_id) == (Rule.COPY_POLICY, "b")
    assert refusal.clause == "6.2 No copying between own accounts"
    assert refusal.compared == {
        "firm_rule": "copy_within_owner",
        "other_account": "a",
        "owner": "x",
        "other_owner": "x",
        "rulebook_of": "a",
        "permission": "forbidden",
    }
    assert refusal.would_pass == "without this signal in account a"


def test_opposite_positions_need_leave_of_both_rulebooks() -> None:
    shut = replace(OPEN, opposite_positions=Permission.UNKNOWN)
    short = view(account=account("s"), positions=(position("-1000"),), rulebook=shut)
    opposed = opposed_by([(short.account, short.rulebook)])
    assert opposed is not None
    refusal = opposite_refusal(view(), opposed)
    assert refusal is not None
    assert (refusal.compared["firm_rule"], refusal.compared["other_account"]) == (
        "opposite_positions",
        "s",
    )
    assert refusal.would_pass == "without the opposite position of account s"
    assert opposite_refusal(short, opposed) is None
    free = opposed_by([(short.account, OPEN)])
    assert free is not None
    assert opposite_refusal(view(), free) is None
    assert opposite_refusal(view(rulebook=shut), free) is not None


def test_of_many_against_a_trade_two_of_any_and_two_strict_ones_are_kept() -> None:
    shut = replace(OPEN, opposite_positions=Permission.FORBIDDEN)
    holders = [(account(name), shut if name in "cde" else OPEN) for name in "abcde"]
    opposed = opposed_by(holders)
    assert opposed is not None
    assert [holder[0].account_id for holder in opposed.any] == ["a", "b"]
    assert [holder[0].account_id for holder in opposed.strict] == ["c", "d"]
    assert opposed_by([]) is None
