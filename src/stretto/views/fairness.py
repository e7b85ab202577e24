"""How the load was shared out over the accounts in a time range, from the query tables.

States facts: who got how many executions, which part of the volume, and went when. Never writes.
Knows nothing of why an account was chosen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from stretto.core.times.fairness import jain_index_ppm, places_ppm
from stretto.core.values import PPM, ZERO, iso, ppm_to_decimal, ratio_ppm
from stretto.views.releases import Released, executions_released

MEANING = {
    "executions": "allocations the account was given by plans decided in the range, sent or not",
    "fair_share": "the same part for every account that is configured as active or took part; "
    "rotation prefers, among accounts of equal score, those furthest below it",
    "volume_share": "mean, over the executions that filled anything, of the account's part of the "
    "filled quantity",
    "release_place": "mean place of its first order in the order of release, 0 first and 1 last; "
    "orders of one instant share a place",
    "jain_index": "(sum x)^2 / (n * sum x^2) over those accounts: 1 is even, 1/n is one account "
    "alone (Jain, Chiu and Hawe, DEC-TR-301, 1984)",
    "limits": "accounts also differ by what rules, room and correlation let through; an uneven "
    "share is no fault by itself",
}


class AccountShare(msgspec.Struct, frozen=True, kw_only=True):
    """One account. Shares are fractions; ``above_fair`` is executions minus the fair number."""

    account_id: str
    account_mode: str
    executions: int
    execution_share: Decimal
    above_fair: Decimal
    volume_share: Decimal
    releases: int
    release_place: Decimal | None


class FairnessReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every account's share of the executions decided after ``since`` and up to ``until``. The
    indices are None where nothing was shared out.
    """

    book_id: str
    since: str
    until: str
    executions: int
    executions_filled: int
    allocations: int
    fair_share: Decimal
    jain_index_executions: Decimal | None
    jain_index_volume: Decimal | None
    accounts: tuple[AccountShare, ...]
    meaning: dict[str, str]


class _Sums:
    """What one account got so far; ``volume`` sums its parts of executions, 1e-6."""

    def __init__(self) -> None:
        self.executions = self.volume = self.releases = self.places = 0


def fairness_report(
    connection: sqlite3.Connection, book_id: str, since_ns: int, until_ns: int
) -> FairnessReport:
    """The shares of executions decided in (since, until], ns UTC."""
    modes = dict(
        connection.execute(
            "SELECT account_id, account_mode FROM trading_accounts "
            "WHERE book_id = ? AND configured = 1",
            (book_id,),
        ).fetchall()
    )
    executions = executions_released(connection, book_id, since_ns, until_ns)
    sums = {account_id: _Sums() for account_id, mode in modes.items() if mode == "active"}
    filled = 0
    for given in executions:
        filled += _count(given, sums)
    allocations = sum(len(given) for given in executions)
    count = max(1, len(sums))
    fair = Decimal(allocations) / count
    return FairnessReport(
        book_id=book_id,
        since=iso(since_ns),
        until=iso(until_ns),
        executions=len(executions),
        executions_filled=filled,
        allocations=allocations,
        fair_share=ppm_to_decimal(PPM // count if sums else 0),
        jain_index_executions=_index([each.executions for each in sums.values()]),
        jain_index_volume=_index([each.volume for each in sums.values()]),
        accounts=tuple(
            AccountShare(
                account_id=account_id,
                account_mode=modes.get(account_id, "not configured"),
                executions=each.executions,
                execution_share=ppm_to_decimal(each.executions * PPM // max(1, allocations)),
                above_fair=(each.executions - fair).quantize(Decimal("0.01")),
                volume_share=ppm_to_decimal(each.volume // max(1, filled)),
                releases=each.releases,
                release_place=ppm_to_decimal(each.places // each.releases)
                if each.releases
                else None,
            )
            for account_id, each in sorted(sums.items())
        ),
        meaning=MEANING,
    )


def _index(values: Sequence[int]) -> Decimal | None:
    found = jain_index_ppm(values)
    return None if found is None else ppm_to_decimal(found)


def _count(given: list[Released], sums: dict[str, _Sums]) -> int:
    """Add one execution to the sums; 1 where it filled anything."""
    total = sum((each.filled for each in given), ZERO)
    for each in given:
        account = sums.setdefault(each.account_id, _Sums())
        account.executions += 1
        if total:
            account.volume += ratio_ppm(each.filled, total)
    released = {each.account_id: each.released_at for each in given if each.released_at is not None}
    for account_id, place in zip(released, places_ppm(list(released.values())), strict=True):
        sums[account_id].releases += 1
        sums[account_id].places += place
    return int(total > 0)
