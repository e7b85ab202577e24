"""A person moves what waits to an account of their choice, and only where the gate lets it."""

from __future__ import annotations

import pytest

from stretto.core import events as ev
from stretto.core.terms import intervention as iv
from stretto.core.terms.intervention import Denial
from stretto.core.terms.policy import Policy
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.terms.signal import BestAccounts
from tests.builders import a_config, a_signal, names
from tests.people import People

pytestmark = pytest.mark.requirement("R5.5")


def test_what_waits_for_a_person_goes_to_the_account_that_is_named() -> None:
    desk = People(a_config(3, Policy(dispersion_min=1, dispersion_max=2)))
    (order,) = desk.released(a_signal(accounts=BestAccounts(count=1)))
    desk.send(order)
    desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="no such code")
    waits = desk.allocation(order).pending
    first, last = order.account_id, max(n for n in names(3) if n != order.account_id)
    named = {"execution_id": desk.execution_id, "account_id": first}
    assert desk.refused(iv.RerouteTo(**named, to="nobody")) is Denial.UNKNOWN_ACCOUNT
    desk.ask(iv.HaltAccount(account_id=last))
    assert desk.refused(iv.RerouteTo(**named, to=last)) is Denial.NOT_REROUTED
    desk.ask(iv.ReleaseAccount(account_id=last))
    events = desk.ask(iv.RerouteTo(**named, to=last))
    (moved,) = [event for event in events if isinstance(event, ev.RemainderRerouted)]
    assert (moved.account_id, moved.share.account_id) == (first, last)
    assert 0 < moved.quantity <= waits
    assert desk.allocation(order).pending == waits - moved.quantity
