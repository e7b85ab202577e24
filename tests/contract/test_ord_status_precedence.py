"""Which state an order shows that is in several at once, and how states follow, by FIX 4.4.

The facts are those of Volume 4: the precedence of OrdStatus, and the matrices of state changes
in Appendix D. They stand here, so that no data from elsewhere is needed.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core.orders.order import Order, OrderInput, OrderState, Replacement, step
from stretto.core.orders.order_table import PRECEDENCE, STATE_OF_STATUS, TABLE, outranking
from stretto.core.terms.report import ExecType, OrdStatus
from tests.unit.core.order_samples import a_message, a_report, an_order, in_state, played

RANKS = {
    OrdStatus.PENDING_CANCEL: 11,
    OrdStatus.PENDING_REPLACE: 10,
    OrdStatus.DONE_FOR_DAY: 9,
    OrdStatus.CALCULATED: 8,
    OrdStatus.FILLED: 7,
    OrdStatus.STOPPED: 6,
    OrdStatus.SUSPENDED: 5,
    OrdStatus.CANCELED: 4,
    OrdStatus.EXPIRED: 4,
    OrdStatus.PARTIALLY_FILLED: 3,
    OrdStatus.NEW: 2,
    OrdStatus.REJECTED: 2,
    OrdStatus.PENDING_NEW: 2,
    OrdStatus.ACCEPTED_FOR_BIDDING: 1,
}
ILLUSTRATED = {
    "pending_new": "new rejected",
    "new": (
        "new partially_filled filled done_for_day pending_cancel pending_replace rejected stopped"
    ),
    "partially_filled": (
        "partially_filled filled done_for_day pending_cancel pending_replace canceled"
    ),
    "filled": "partially_filled filled pending_replace",
    "done_for_day": "partially_filled",
    "pending_cancel": "new partially_filled filled pending_cancel canceled",
    "pending_replace": "new partially_filled filled pending_replace canceled",
    "stopped": "partially_filled",
}
"""States that follow each other in the examples of Appendix D."""
PAIRS = [(before, after) for before, found in ILLUSTRATED.items() for after in found.split()]


@pytest.mark.requirement("R4.1")
def test_precedence_is_that_of_the_specification() -> None:
    assert set(RANKS) == set(OrdStatus)
    for status, rank in RANKS.items():
        if status is not OrdStatus.ACCEPTED_FOR_BIDDING:  # no state of ours: kept as new
            assert PRECEDENCE[STATE_OF_STATUS[status]] == rank
    for first in PRECEDENCE:
        for second in PRECEDENCE:
            if PRECEDENCE[first] != PRECEDENCE[second]:
                expected = max(first, second, key=PRECEDENCE.__getitem__)
                assert outranking(first, second) is expected


@pytest.mark.requirement("R4.1")
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_every_illustrated_transition_takes_one_message(first: str, second: str) -> None:
    before = STATE_OF_STATUS[OrdStatus(first)]
    after = STATE_OF_STATUS[OrdStatus(second)]
    order = unfilled(before) if after is OrderState.NEW else in_state(before)
    reached = set()
    for kind in OrderInput:
        if (before, kind) in TABLE:
            reached.add(step(order, a_message(order, kind), 100).order.state)
    assert after in reached


def unfilled(state: OrderState) -> Order:
    """A working order without fills in a state that may go back to new."""
    new = played(an_order(), OrderInput.SUBMIT, a_report(ExecType.NEW, OrdStatus.NEW, at=5))
    if state is OrderState.PENDING_CANCEL:
        return played(new, OrderInput.CANCEL_REQUESTED)
    if state is OrderState.PENDING_REPLACE:
        return played(new, Replacement(quantity=Decimal(8_000)))
    return new if state is OrderState.NEW else in_state(state)
