"""Laws of the simulated venue when everything goes wrong: true books, same bytes, a memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.brokers.sim_config import SimVenueConfig
from stretto.brokers.sim_faults import GROUPS, FaultKind, FaultPlan, kinds_named
from stretto.brokers.sim_memory import CommandLog
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.core.terms.account import PositionMode
from stretto.core.terms.report import ExecType, ExecutionReport
from stretto.core.values import NS_PER_S
from tests.contract.sim_fault_desk import sound
from tests.property.test_sim_venue_properties import BALANCE, WAVE, Act, acts, command
from tests.unit.brokers.desk import LOT, START, Desk, account, at_desk

ENDS_S = 600
HEALED_S = 500
modes = st.sampled_from(PositionMode)
seeds = st.integers(0, 1_000)
THIN = SimVenueConfig(depth_lots=Decimal("0.8"), depth_levels=3)


def plan_of(seed: int) -> FaultPlan:
    return FaultPlan(
        kinds=tuple(FaultKind),
        rate_ppm=200_000,
        seed=str(seed),
        heals_at=START + HEALED_S * NS_PER_S,
    )


async def _try(desk: Desk, sending: Any) -> None:
    try:
        await sending
    except BrokerUnreachable:
        assert desk.said is not None


async def act_out(desk: Desk, plan: Sequence[Act], part: int | None = None) -> None:
    """Send the plan (its first ``part`` acts), with cancels, replaces and questions in between."""
    at = 0
    for number, act in enumerate(plan[:part]):
        at += act.wait_s + 1
        await desk.until(at)
        await _try(desk, desk.submit(f"O{number}", **command(number, act)))
        if number % 3 == 1:
            await _try(desk, desk.cancel(f"O{number - 1}", f"A{plan[number - 1].account}"))
        if number % 3 == 2:
            await _try(desk, desk.replace(f"O{number - 1}", LOT))
        await _try(desk, desk.query(f"O{number}", f"A{act.account}"))


def play(plan: Sequence[Act], mode: PositionMode, seed: int) -> Desk:
    async def scenario(desk: Desk) -> None:
        await act_out(desk, plan)
        await desk.until(ENDS_S)

    accounts = [account(name, balance=BALANCE, mode=mode) for name in ("A0", "A1")]
    return at_desk(
        scenario, eurusd=WAVE, accounts=accounts, config=THIN, faults=plan_of(seed), seed=seed
    )


@given(acts, modes, seeds)
def test_the_books_are_true_whatever_goes_wrong(
    plan: list[Act], mode: PositionMode, seed: int
) -> None:
    desk = play(plan, mode, seed)
    sound(desk)
    orders: Any = desk.venue.dump()["orders"]
    for order in orders.values():
        cum, leaves = Decimal(order["cumulative_quantity"]), Decimal(order["leaves_quantity"])
        assert cum >= 0
        assert leaves >= 0
        if order["status"] in ("new", "partially_filled"):
            assert cum + leaves == Decimal(order["quantity"])
        else:
            assert leaves == 0


@given(acts, modes, seeds)
def test_the_same_seed_gives_the_same_bytes(plan: list[Act], mode: PositionMode, seed: int) -> None:
    first, second = play(plan, mode, seed), play(plan, mode, seed)
    assert msgspec.json.encode(first.said) == msgspec.json.encode(second.said)
    assert first.said_at == second.said_at
    assert first.venue.dump() == second.venue.dump()


@given(acts, modes, seeds)
def test_the_view_after_healing_tells_everything(
    plan: list[Act], mode: PositionMode, seed: int
) -> None:
    seen: dict[str, Any] = {}

    async def scenario(desk: Desk) -> None:
        await act_out(desk, plan)
        await desk.until(ENDS_S)
        for name in ("A0", "A1"):
            seen[name] = await desk.venue.mass_status(name, 0)

    accounts = [account(name, balance=BALANCE, mode=mode) for name in ("A0", "A1")]
    desk = at_desk(
        scenario, eurusd=WAVE, accounts=accounts, config=THIN, faults=plan_of(seed), seed=seed
    )
    for name, view in seen.items():
        assert view.complete
        held = {p.position_id: p.quantity * p.side.sign for p in view.positions}
        theirs = desk.books(name)["positions"]
        assert held == {ticket: Decimal(p["quantity"]) for ticket, p in theirs.items()}
        by_order: dict[str, Decimal] = {}
        for trade in view.executions:
            sign = {ExecType.TRADE: 1, ExecType.TRADE_CANCEL: -1, ExecType.TRADE_CORRECT: 0}
            moved = trade.last_qty * sign[trade.exec_type]
            key = trade.venue_order_id
            by_order[key] = by_order.get(key, Decimal(0)) + moved
        for shown in (*view.orders, *view.orders_done):
            report: ExecutionReport = shown.report
            assert by_order.get(report.venue_order_id, Decimal(0)) == report.cum_qty
        keys = [(trade.trading_day, trade.exec_id) for trade in view.executions]
        assert len(set(keys)) == len(keys)


@given(acts, modes, seeds, st.integers(0, 12))
def test_a_crash_loses_nothing_of_the_venues_books(
    plan: list[Act], mode: PositionMode, seed: int, part: int
) -> None:
    """The user of the venue dies after some acts and comes back at the end."""
    accounts = [account(name, balance=BALANCE, mode=mode) for name in ("A0", "A1")]
    terms: dict[str, Any] = {
        "eurusd": WAVE, "accounts": accounts, "config": THIN, "seed": seed,
        "faults": plan_of(seed),
    }  # fmt: skip

    async def first_part(desk: Desk) -> None:
        await act_out(desk, plan, part)

    async def undisturbed(desk: Desk) -> None:
        await act_out(desk, plan, part)
        await desk.until(ENDS_S)

    async def nothing(_: Desk) -> None:
        return

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "venue.jsonl"
        at_desk(first_part, log=CommandLog(path), **terms)
        start = START + ENDS_S * NS_PER_S
        again = at_desk(nothing, log=CommandLog(path), start=start, **terms)
    assert again.venue.dump() == at_desk(undisturbed, **terms).venue.dump()


def test_names_stand_for_kinds() -> None:
    assert kinds_named(["all"]) == tuple(FaultKind)
    assert kinds_named(["bust", "trade-bust"]) == (
        FaultKind.TRADE_BUST, FaultKind.TRADE_CORRECTION,
    )  # fmt: skip
    assert {kind for kinds in GROUPS.values() for kind in kinds} == set(FaultKind)
    with pytest.raises(InvalidInput, match="'gremlins'"):
        kinds_named(["gremlins"])


def test_a_share_beyond_the_whole_is_refused() -> None:
    with pytest.raises(InvalidInput, match="rate_ppm"):
        FaultPlan(kinds=(), rate_ppm=1_000_001)
