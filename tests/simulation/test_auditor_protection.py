"""The auditor finds a position whose stops are for more or less than it, and nobody asked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.orders.order import Order
from stretto.simulation.auditor_model import Model
from stretto.simulation.auditor_rest import protection
from stretto.simulation.invariants import InvariantBroken
from tests.protection_desk import STOP, ProtectionDesk, own_stops
from tests.simulation.doctors import audit, broken, on, replace


def protected(*, stopped: bool = False) -> tuple[ProtectionDesk, Model, Order]:
    """A filled entry behind its stop and target, or after the stop filled and the target went."""
    desk = ProtectionDesk(own_stops(netting=True))
    entry = desk.guarded_entry()
    if stopped:
        desk.fill(desk.standing(STOP)[0])
    return desk, audit(desk)._model, entry


@pytest.mark.parametrize("share", ["0.5", "2", "0"])
def test_stops_of_another_size_than_what_is_held_are_found(share: str) -> None:
    _, model, entry = protected()
    protection(model)
    model.positions[entry.account_id, entry.execution_id].quantity *= Decimal(share)
    with pytest.raises(InvariantBroken) as found:
        protection(model)
    assert found.value.number == 16
    model.asked["name"] = ("stop_not_confirmed", entry.account_id, "")
    protection(model)


def test_a_target_that_outlives_the_position_is_found() -> None:
    _, model, _ = protected(stopped=True)
    with pytest.raises(InvariantBroken):  # its cancel is on its way, and this is no rest
        protection(model)


def test_a_stop_that_closes_more_than_is_held_has_to_halt_the_account() -> None:
    desk, _, _ = protected(stopped=True)
    (target,) = desk.standing()
    desk.fill(target, 4_000)
    assert broken(desk, on(ev.AccountHalted, lambda _: None)) == 8
    assert broken(desk, on(ev.FillBooked, lambda e: replace(e, direction=1), 1)) == 8
