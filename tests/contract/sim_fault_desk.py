"""A desk whose venue has one kind of fault, always; and the laws that its books keep meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from stretto.brokers.sim_faults import FaultKind, FaultPlan
from stretto.core.values import NS_PER_S, PPM
from tests.unit.brokers.desk import START, Desk, at_desk

Scenario = Callable[[Desk], Awaitable[None]]
SEEDS = range(12)


def always(*kinds: FaultKind, seed: int = 0, healed_s: float | None = None) -> FaultPlan:
    """The kinds at every occasion, until ``healed_s`` after START."""
    healed = None if healed_s is None else START + round(healed_s * NS_PER_S)
    return FaultPlan(kinds=kinds, rate_ppm=PPM, seed=str(seed), heals_at=healed)


def with_fault(
    kind: FaultKind,
    scenario: Scenario,
    *,
    seed: int = 0,
    healed_s: float | None = None,
    **terms: Any,
) -> Desk:
    """Play a scenario; the fault occurred, and the books are sound."""
    desk = at_desk(scenario, faults=always(kind, seed=seed, healed_s=healed_s), **terms)
    faults: Any = desk.venue.dump()["faults"]
    assert {fault["kind"] for fault in faults} == {kind.value}
    sound(desk)
    return desk


def every_seed(
    kind: FaultKind, scenario: Scenario, *, healed_s: float | None = None, **terms: Any
) -> list[Desk]:
    """The scenario under several seeds, so that each variant of the fault is met."""
    return [with_fault(kind, scenario, seed=seed, healed_s=healed_s, **terms) for seed in SEEDS]


def sound(desk: Desk) -> None:
    """Positions are the sum of fills; money is what was there, gained and paid."""
    dump: Any = desk.venue.dump()
    orders = [*dump["orders"].values(), *dump["venue_orders"].values()]
    for name, account in dump["accounts"].items():
        filled = sum(
            Decimal(order["cumulative_quantity"]) * (1 if order["side"] == "buy" else -1)
            for order in orders
            if order["account_id"] == name
        )
        held = sum(Decimal(position["quantity"]) for position in account["positions"].values())
        assert held == filled
        money = Decimal(account["initial_balance"]) + Decimal(account["realized"])
        assert Decimal(account["balance"]) == money - Decimal(account["fees"])
        assert (Decimal(account["margin_used"]) > 0) is bool(account["positions"])
