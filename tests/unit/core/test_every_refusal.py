"""A refused account keeps every rule that refuses it, the first in precedence in front."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core.terms.account import AccountMode
from stretto.core.terms.refusal import Rule
from tests.builders import Desk, a_config, an_account


@pytest.mark.requirement("R1.4", "U4")
def test_an_account_with_several_faults_names_them_all() -> None:
    faulty = an_account("a0", mode=AccountMode.SUSPENDED, quantity_max=Decimal(500))
    plan = Desk(a_config([faulty, an_account("a1")])).plan()
    (refusal,) = plan.refusals
    assert (refusal.account_id, refusal.rule) == ("a0", Rule.ACCOUNT_STATUS)
    assert [each.rule for each in refusal.also] == [Rule.FIRM_RULE, Rule.ORDER_LIMIT]
    assert all(each.compared and each.would_pass for each in refusal.also)
    assert not any(each.also for each in refusal.also)
