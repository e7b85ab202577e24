"""Firm rules over pairs of accounts: one signal in several accounts, and opposite positions.

Judged by legal owner, over all firms; both rulebooks must allow it and unknown means no (DESIGN
§1.6, §5). Different sizes, delays or prices never make a copy acceptable: nothing here reads them.
Must not know scores beyond their order, or anything of one account's own limits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from stretto.core.account import Account
from stretto.core.policy import Permission, Rulebook
from stretto.core.refusal import Refusal, Rule
from stretto.core.rules import clause_of
from stretto.core.trade import AccountView, Opposed
from stretto.core.values import Side

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


class CopyGroup(NamedTuple):
    """Accounts of which those that take part must all lie within one of ``parties``.

    Parties may overlap. Where they are single accounts, at most one takes part; where there is
    none, nobody may. ``carrying``: members that carry the signal already, inside every party.
    ``clause`` is that of the first member whose rulebook does not allow more.
    """

    rule_id: str
    members: tuple[str, ...]
    parties: tuple[tuple[str, ...], ...]
    carrying: tuple[str, ...]
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


def copy_groups(
    accounts: Iterable[Account],
    rulebooks: Mapping[str, Rulebook],
    carrying: Collection[str] = (),
) -> tuple[CopyGroup, ...]:
    """The groups of ``accounts`` within which one signal may not be in all: by owner, then one over
    owners. Exactly those sets of accounts that lie within a party of each group have no pair that
    ``judge_pair`` refuses.

    ``accounts``: candidates and those that carry the signal; ``carrying``: ids of the latter.
    Within an owner: those whose rulebook allows copies, all together, or one of the others alone.
    Between owners: those whose rulebook allows it, or all of one owner.
    """
    ordered = sorted(accounts, key=_account_id)
    owners: dict[str, list[Account]] = {}
    for account in ordered:
        owners.setdefault(account.owner, []).append(account)
    groups = []
    for owner in sorted(owners):
        free, bound = _split(owners[owner], rulebooks, COPY_WITHIN_OWNER)
        if bound and len(owners[owner]) > 1:
            parties = ([free] if free else []) + [[account] for account in bound]
            groups.append(
                _group(COPY_WITHIN_OWNER, owners[owner], parties, bound[0], rulebooks, carrying)
            )
    free, bound = _split(ordered, rulebooks, COPY_BETWEEN_OWNERS)
    if bound and len(owners) > 1:
        strict = dict.fromkeys(account.owner for account in bound)
        parties = ([free] if free else []) + [owners[owner] for owner in sorted(strict)]
        groups.append(_group(COPY_BETWEEN_OWNERS, ordered, parties, bound[0], rulebooks, carrying))
    return tuple(groups)


def keep_best(
    groups: Sequence[CopyGroup],
    scores: Mapping[str, int],
    accounts: Mapping[str, Account],
    rulebooks: Mapping[str, Rulebook],
) -> dict[str, Refusal]:
    """Settle the groups: of each, the party of greatest total score stays, the rest is refused.

    ``scores``: of every candidate, 1e-6; ``accounts``: by id, those that carry the signal included.
    Groups are settled in their order, ties go to the first party. Returns the refusals by id.
    """
    refused: dict[str, Refusal] = {}
    for group in groups:
        best: tuple[str, ...] = ()
        best_total = -1
        for party in group.parties:
            left = [member for member in party if member in scores and member not in refused]
            total = sum(scores[member] for member in left)
            if left and total > best_total:
                best, best_total = party, total
        kept = frozenset(best) | frozenset(group.carrying)
        standing = [
            accounts[member] for member in group.members if member in kept and member not in refused
        ]
        for member in group.members:
            if member in scores and member not in kept and member not in refused:
                refused[member] = _copy_refusal(accounts[member], standing, group, rulebooks)
    return refused


def opposed_accounts(
    views: Iterable[AccountView], symbol: str, side: Side, entering: Collection[str] = ()
) -> Opposed | None:
    """Accounts of the book against a trade of ``side``: those with an opposite position in the
    symbol, and those in ``entering``, whose opposite entry is on its way. None where there is none.
    """
    sign = side.sign
    holders = [
        (view.account, view.rulebook)
        for view in views
        if view.account.account_id in entering
        or any(p.symbol == symbol and p.quantity * sign < 0 for p in view.positions)
    ]
    if not holders:
        return None
    strict = [holder for holder in holders if holder[1].opposite_positions is not _ALLOWED]
    return Opposed(tuple(holders[:2]), tuple(strict[:2]))


def opposite_refusal(view: AccountView, opposed: Opposed) -> Refusal | None:
    """Refused where another account stands against the trade and either rulebook forbids that."""
    account, rulebook = view.account, view.rulebook
    allowed = rulebook.opposite_positions is _ALLOWED
    for other, other_rules in opposed.strict if allowed else opposed.any:
        if other.account_id != account.account_id:
            verdict = judge_pair(account, rulebook, other, other_rules, Relation.OPPOSITE)
            return None if verdict is None else pair_refusal(account, other, verdict)
    return None


def _account_id(account: Account) -> str:
    return account.account_id


def _split(
    accounts: Sequence[Account], rulebooks: Mapping[str, Rulebook], rule_id: str
) -> tuple[list[Account], list[Account]]:
    free: list[Account] = []
    bound: list[Account] = []
    for account in accounts:
        allowed = permission_of(rulebooks[account.rulebook], rule_id) is _ALLOWED
        (free if allowed else bound).append(account)
    return free, bound


def _group(
    rule_id: str,
    members: Sequence[Account],
    parties: Sequence[Sequence[Account]],
    first_bound: Account,
    rulebooks: Mapping[str, Rulebook],
    carrying: Collection[str],
) -> CopyGroup:
    names = [tuple(account.account_id for account in party) for party in parties]
    carriers = tuple(a.account_id for a in members if a.account_id in carrying)
    if carriers:
        names = [party for party in names if set(carriers) <= set(party)]
    return CopyGroup(
        rule_id=rule_id,
        members=tuple(account.account_id for account in members),
        parties=tuple(names),
        carrying=carriers,
        clause=clause_of(rulebooks[first_bound.rulebook], rule_id),
    )


def _copy_refusal(
    account: Account,
    standing: Sequence[Account],
    group: CopyGroup,
    rulebooks: Mapping[str, Rulebook],
) -> Refusal:
    rules = rulebooks[account.rulebook]
    for other in standing:
        verdict = judge_pair(account, rules, other, rulebooks[other.rulebook], Relation.SAME_SIGNAL)
        if verdict is not None and verdict.rule_id == group.rule_id:
            return pair_refusal(account, other, verdict)
    return Refusal(
        rule=Rule.COPY_POLICY,
        account_id=account.account_id,
        compared={"firm_rule": group.rule_id, "carrying": ", ".join(group.carrying)},
        would_pass="no other account that carries this signal",
        clause=group.clause,
    )


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
