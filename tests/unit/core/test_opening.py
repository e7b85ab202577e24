"""What a plan becomes in the book is the same bytes whether it was just made or read back."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from stretto.core.executions.opening import share_of
from stretto.core.values import ZERO
from tests.builders import Desk, a_config, a_signal


def test_a_share_without_a_reservation_is_the_same_bytes_live_and_replayed() -> None:
    """Seed 7010: an exit sets nothing aside. A field at its default is left out of the bytes of a
    state, whichever zero it was set to.
    """
    plan = Desk(a_config(1)).plan(a_signal())
    share = plan.allocations[0]
    found = {
        msgspec.msgpack.encode(share_of(plan, replace(share, margin=zero, risk=zero)))
        for zero in (ZERO, Decimal("0"))
    }
    assert len(found) == 1
