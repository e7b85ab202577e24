"""Release timing, dispersion and splits of totals: medians in milliseconds, never a timed test."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median

from bench.scale import scaled
from stretto.core.sizes.sizing import SizeLimits, disperse
from stretto.core.sizes.total_dispersion import disperse_total
from stretto.core.sizes.total_size import SplitAccount, split_total
from stretto.core.times.timing import ReleaseRequest, release_times
from stretto.core.values import NS_PER_S, draw

APPROVED = 1_700_000_000 * NS_PER_S
ROUNDS = scaled(9, 3)


def _requests(count: int) -> list[ReleaseRequest]:
    return [ReleaseRequest(account_id=f"account-{i:05d}") for i in range(count)]


def _release(count: int, pending: int) -> Callable[[], object]:
    requests = _requests(count)
    instants = [APPROVED + NS_PER_S + i * 29 * NS_PER_S // max(1, pending) for i in range(pending)]
    return lambda: release_times(
        requests,
        book_key="key",
        execution_id="execution",
        approved_at_ns=APPROVED,
        pending_ns=instants,
    )


def _draws(count: int) -> Callable[[], object]:
    names = [f"account-{i:05d}" for i in range(count)]
    return lambda: [draw("key", "execution", name, "delay", 0) for name in names]


def _disperse(count: int) -> Callable[[], object]:
    limits = SizeLimits(step=Decimal(1_000), minimum=Decimal(1_000), maximum=Decimal(5_000_000))
    return lambda: [
        disperse(
            Decimal(100_000),
            limits,
            book_key="key",
            execution_id="execution",
            account_id=f"account-{i:05d}",
        )
        for i in range(count)
    ]


def _total(count: int, total: int) -> Callable[[], object]:
    accounts = [
        SplitAccount(
            account_id=f"account-{i:05d}",
            weight=Decimal(100 + i % 37),
            limits=SizeLimits(
                step=Decimal(1_000 if i % 3 else 100),
                minimum=Decimal(1_000),
                maximum=Decimal(500_000),
            ),
        )
        for i in range(count)
    ]
    limits = {each.account_id: each.limits for each in accounts}

    def run() -> object:
        shares = split_total(Decimal(total), accounts, cap=count)
        if not isinstance(shares, tuple):
            return shares
        return disperse_total(
            shares,
            [limits[share.account_id] for share in shares],
            book_key="key",
            execution_id="execution",
        )

    return run


def rows() -> list[tuple[str, float]]:
    """(what, median milliseconds of the rounds)."""
    cases: list[tuple[str, Callable[[], object]]] = [
        ("release times: 12 accounts, none pending", _release(12, 0)),
        ("release times: 1,000 accounts, none pending", _release(1_000, 0)),
        ("  of which the 1,000 draws", _draws(1_000)),
        ("release times: 1,000 accounts, 10,000 pending", _release(1_000, 10_000)),
        ("disperse: 1,000 accounts", _disperse(1_000)),
        ("split and disperse a total: 12 accounts", _total(12, 372_300)),
        ("split and disperse a total: 1,000 accounts", _total(1_000, 31_000_300)),
        ("refuse a total off every lot step: 1,000 accounts", _total(1_000, 31_000_301)),
    ]
    return [(name, _milliseconds(case)) for name, case in cases]


def _milliseconds(case: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        case()
        times.append((time.process_time_ns() - start) / 1e6)
    return median(times)


def main() -> None:
    """Print the table."""
    for name, milliseconds in rows():
        print(f"{name:52} {milliseconds:10.2f} ms")


if __name__ == "__main__":
    main()
