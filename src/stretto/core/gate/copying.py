"""Firm rules over pairs of accounts: one signal in several accounts, and opposite positions.

Judged by legal owner, over all firms; both rulebooks must allow it and unknown means no (DESIGN
§1.6, §5). Different sizes, delays or prices never make a copy acceptable: nothing here reads them.
Which of several accounts gives way is the subset's choice (``exclusions.copy_conflicts`` hands it
the pairs). Must not know scores, or anything of one account's own limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from stretto.core.gate.rules import clause_of
from stretto.core.gate.trade import AccountView, Opposed
from stretto.core.terms.account import Account
from stretto.core.terms.policy import Permission, Rulebook
from stretto.core.terms.refusal import Refusal, Rule

_ALLOWED = Permission.ALLOWED
COPY_WITHIN_OWNER = "copy_within_owner"
COPY_BETWEEN_OWNERS = "copy_between_owners"
OPPOSITE_POSITIONS = "opposite_positions"


class Relation(StrEnum):
    """How two accounts would stand to each other."""

    SAME_SIGNAL = "same_signal"
    OPPOSITE = "opposite"


class PairVerdict(NamedTuple):
    """Why two accounts may not stand so: the rule, the account whose rulebook says no, what it
    says, and the clause.
    """

    rule_id: str
    decided_by: str
    permission: Permission
    clause: str


def judge_pair(
    a: Account, a_rules: Rulebook, b: Account, b_rules: Rulebook, relation: Relation
) -> PairVerdict | None:
    """Why accounts ``a`` and ``b`` may not stand in this relation, or None where they may."""
    if relation is Relation.OPPOSITE:
        rule_id = OPPOSITE_POSITIONS
    else:
        rule_id = COPY_WITHIN_OWNER if a.owner == b.owner else COPY_BETWEEN_OWNERS
    for account, rulebook in ((a, a_rules), (b, b_rules)):
        permission = permission_of(rulebook, rule_id)
        if permission is not _ALLOWED:
            return PairVerdict(
                rule_id, account.account_id, permission, clause_of(rulebook, rule_id)
            )
    return None


def permission_of(rulebook: Rulebook, rule_id: str) -> Permission:
    """What a rulebook says on one of the three rules of this module."""
    if rule_id == COPY_WITHIN_OWNER:
        return rulebook.copy_within_owner
    if rule_id == COPY_BETWEEN_OWNERS:
        return rulebook.copy_between_owners
    return rulebook.opposite_positions


def opposed_by(holders: Iterable[tuple[Account, Rulebook]]) -> Opposed | None:
    """What is to be known of the accounts that stand against a trade, each with its rulebook; None
    where there is none.
    """
    every = list(holders)
    if not every:
        return None
    strict = [holder for holder in every if holder[1].opposite_positions is not _ALLOWED]
    return Opposed(tuple(every[:2]), tuple(strict[:2]))


def opposite_refusal(view: AccountView, opposed: Opposed) -> Refusal | None:
    """Refused where another account stands against the trade and either rulebook forbids that."""
    account, rulebook = view.account, view.rulebook
    allowed = rulebook.opposite_positions is _ALLOWED
    for other, other_rules in opposed.strict if allowed else opposed.any:
        if other.account_id != account.account_id:
            verdict = judge_pair(account, rulebook, other, other_rules, Relation.OPPOSITE)
            return None if verdict is None else pair_refusal(account, other, verdict)
    return None


def pair_refusal(account: Account, other: Account, verdict: PairVerdict) -> Refusal:
    """The refusal of ``account`` because of ``other``, citing the clause."""
    what = (
        f"without the opposite position of account {other.account_id}"
        if verdict.rule_id == OPPOSITE_POSITIONS
        else f"without this signal in account {other.account_id}"
    )
    return Refusal(
        rule=Rule.COPY_POLICY,
        account_id=account.account_id,
        compared={
            "firm_rule": verdict.rule_id,
            "other_account": other.account_id,
            "owner": account.owner,
            "other_owner": other.owner,
            "rulebook_of": verdict.decided_by,
            "permission": verdict.permission.value,
        },
        would_pass=what,
        clause=verdict.clause,
    )
