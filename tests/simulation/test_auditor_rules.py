"""The auditor's own arithmetic on stops that move, opposite sides, overall floors and old views."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.terms.policy import LossLimit, Permission, Trailing
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.simulation.auditor import Auditor, InvariantBroken
from stretto.simulation.auditor_model import PositionNote
from tests.builders import VENUE, Desk, a_config, a_rulebook
from tests.simulation.doctors import Doctor, a_planned_desk, at_once, audit, broken, on, replace

WIDER = Decimal("0.0040")


@pytest.fixture(scope="module")
def widened_desk() -> Desk:
    """An order is refused for a stop 30 pips away where the venue wants 40."""
    desk = Desk(a_config(1))
    (order,) = at_once(desk)
    desk.send(order)
    desk.report(
        order,
        ExecType.REJECTED,
        OrdStatus.REJECTED,
        reject_code="invalid_stops",
        text=f"stop_distance_min={WIDER}",
    )
    return desk


def test_a_stop_that_moves_away_takes_size_with_it(widened_desk: Desk) -> None:
    (leg,) = [e for x in widened_desk.entries for e in x.events if isinstance(e, ev.LegScheduled)]
    assert leg.stop_loss is not None
    assert leg.abandoned > 0
    audit(widened_desk)
    assert broken(widened_desk, on(ev.LegScheduled, lambda e: replace(e, abandoned=0))) == 9
    farther = leg.stop_loss - 2 * WIDER
    assert broken(widened_desk, on(ev.LegScheduled, lambda e: replace(e, stop_loss=farther))) == 9


@pytest.fixture(scope="module")
def planned_desk() -> Desk:
    return a_planned_desk()


def under(**rules: Any) -> Doctor:
    """The same journal, had the firm had these rules."""
    books = {"rules": a_rulebook(**rules)}
    return on(ev.BookConfigured, lambda e: replace(e, config=replace(e.config, rulebooks=books)))


@pytest.mark.parametrize("permission", list(Permission))
def test_an_entry_against_the_other_side_in_another_account_is_found(
    planned_desk: Desk, permission: Permission
) -> None:
    audit(planned_desk, under(opposite_positions=permission))
    auditor = Auditor(planned_desk.config, [VENUE])
    held = PositionNote("EURUSD")
    held.quantity = Decimal(-1_000)
    auditor._model.positions["a3", "adopted/T"] = held
    if permission is Permission.ALLOWED:
        audit(planned_desk, under(opposite_positions=permission), auditor=auditor)
        return
    with pytest.raises(InvariantBroken, match="stands against -1000 EURUSD of a3") as found:
        audit(planned_desk, under(opposite_positions=permission), auditor=auditor)
    assert found.value.number == 10


@pytest.mark.parametrize(
    ("trailing", "locks", "share"),
    [
        (Trailing.STATIC, False, None),
        (Trailing.INTRADAY, False, Decimal("1.1")),
        (Trailing.INTRADAY, True, Decimal(1)),
    ],
)
def test_a_floor_rises_with_the_highest_equity_where_it_trails(
    planned_desk: Desk, trailing: Trailing, locks: bool, share: Decimal | None
) -> None:
    """The accounts once had a fifth more; a tenth of the initial balance may be lost."""
    limit = LossLimit(percent=Decimal(10), trailing=trailing, locks_at_initial=locks)
    doctor = under(overall_loss=limit, daily_loss=None)
    auditor = Auditor(planned_desk.config, [VENUE])
    for account_id, account in planned_desk.config.accounts.items():
        initial = account.initial_balance
        auditor._model.account(account_id).highest = initial * Decimal("1.2")
    if share is None:
        audit(planned_desk, doctor, auditor=auditor)
        return
    with pytest.raises(InvariantBroken) as found:
        audit(planned_desk, doctor, auditor=auditor)
    assert found.value.number == 10
    assert Decimal(found.value.text.rpartition(" ")[2]) == initial * share


def test_a_view_that_is_old_or_comes_again_is_no_comparison(planned_desk: Desk) -> None:
    def at_once_again(event: ev.AccountReconciled) -> tuple[ev.AccountReconciled, ...]:
        return event, event

    assert broken(planned_desk, on(ev.AccountReconciled, at_once_again)) == 10
    old = on(ev.AccountReconciled, lambda e: replace(e, at=e.at - 11_000_000_000))
    assert broken(planned_desk, old) == 10
