"""What one order's reports come to, in any order, repeated and lost, against a small model.

The model knows a venue that keeps one list of what it did: nothing of booking, and no rule of it.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from stretto.core.orders.booking import FillStatus
from stretto.core.orders.order import Order, OrderState, step
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.core.values import ZERO
from tests.unit.core.order_samples import QUANTITY, a_report, in_state

D = Decimal
Live = dict[str, tuple[Decimal, Decimal]]
"""What a venue holds as executed: quantity and price by execution id."""


class Venue(Struct, frozen=True):
    """Everything a venue reported of one order of 10,000, in its order, and what it holds then."""

    reports: list[ExecutionReport]
    live: Live

    @property
    def takes_back(self) -> bool:
        """True where it busted or corrected anything."""
        return any(report.exec_ref_id for report in self.reports)


def quantity_of(live: Live) -> Decimal:
    return sum((quantity for quantity, _ in live.values()), ZERO)


def notional_of(live: Live) -> Decimal:
    return sum((quantity * price for quantity, price in live.values()), ZERO)


def _said(kind: str, number: int, live: Live, last: Decimal, ref: str) -> ExecutionReport:
    cum = quantity_of(live)
    status = OrdStatus.FILLED if cum == QUANTITY else OrdStatus.PARTIALLY_FILLED
    return a_report(
        ExecType(kind),
        status if cum else OrdStatus.NEW,
        cum,
        last=last,
        price=live[f"x{number}"][1] if last else ZERO,
        average=notional_of(live) / cum if cum else ZERO,
        exec_id=f"x{number}",
        ref=ref,
        at=10 * (number + 1),
    )


@st.composite
def venues(draw: st.DrawFn) -> Venue:
    """Executions, busts, corrections of price or quantity, totals alone. A bust or correction names
    the execution in force or, where the venue words it so, the first of its chain.
    """
    names_first = draw(st.booleans())
    live: Live = {}
    first_of: dict[str, str] = {}
    reports = [a_report(ExecType.NEW, OrdStatus.NEW, at=1)]
    kinds = ["trade", "trade", "trade_cancel", "trade_correct", "order_status"]
    for number in range(draw(st.integers(1, 8))):
        name, kind = f"x{number}", draw(st.sampled_from(kinds))
        room, last, ref = QUANTITY - quantity_of(live), ZERO, ""
        price = D(draw(st.integers(100, 140))) / 100
        if kind in ("trade_cancel", "trade_correct"):
            if not live:
                continue
            taken = draw(st.sampled_from(sorted(live)))
            room += live.pop(taken)[0]
            first = first_of.get(taken, taken)
            ref = first if names_first else taken
            first_of[name] = first
        if kind in ("trade", "trade_correct"):
            if not room:
                continue
            whole = draw(st.booleans())
            last = room if whole else D(draw(st.integers(1, int(room))))
            live[name] = (last, price)
        reports.append(_said(kind, number, live, last, ref))
    return Venue(reports, live)


def held(seen: list[ExecutionReport]) -> Live:
    """What the reports seen come to if nothing else was ever said: of each chain of corrections the
    newest, unless a bust of it was seen.
    """
    by_name = {report.exec_id: report for report in seen if report.last_qty}
    live: Live = {}
    for name, report in by_name.items():
        first = report.exec_ref_id or name
        taken_back = any(
            other.exec_ref_id in (name, first)
            and other is not report
            and (other.exec_type is ExecType.TRADE_CANCEL or other.transact_at > report.transact_at)
            for other in seen
            if other.exec_ref_id
        )
        if not taken_back:
            live[name] = (report.last_qty, report.last_px)
    return live


def deliver(venue: Venue, reports: list[ExecutionReport]) -> Order:
    """The order after the reports; after each the book is where the venue's word puts it, and
    nothing halts the account: no total of the venue is more than was asked for.
    """
    order = in_state(OrderState.SUBMITTING)
    seen: list[ExecutionReport] = []
    for at, report in enumerate(reports, start=1_000):
        done = step(order, report, at)
        is_new = report not in seen
        seen.append(report)
        told = held(seen)
        newest = max(seen, key=lambda each: each.transact_at)
        proven = max(quantity_of(told), newest.cum_qty)
        assert done.order.cum_qty >= proven
        if is_new and report.exec_ref_id:
            assert done.order.cum_qty == proven
        elif done.order.cum_qty > proven:
            assert done.order.cum_qty == order.cum_qty, "it never rises beyond what is proven"
        if not venue.takes_back and done.order.cum_qty == newest.cum_qty:
            assert abs(done.order.notional - newest.avg_px * newest.cum_qty) < D("1e-6")
        assert not done.halts_account
        order = done.order
    return order


def booked(order: Order) -> Live:
    return {
        fill.exec_id: (fill.quantity, fill.price)
        for fill in order.fills
        if fill.status is FillStatus.BOOKED
    }


@pytest.mark.requirement("R4.5")
@pytest.mark.requirement("U1")
@given(venue=venues(), data=st.data())
def test_in_any_order_and_repeated_the_book_ends_at_what_the_venue_holds(
    venue: Venue, data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(venue.reports), max_size=4))
    order = deliver(venue, data.draw(st.permutations(venue.reports + repeats)))
    assert booked(order) == venue.live
    assert order.inferred is None
    assert order.total_qty is None
    assert order.cum_qty == quantity_of(venue.live)
    assert order.notional == notional_of(venue.live)
    assert order.overfilled_qty == 0


@pytest.mark.requirement("R4.5")
@given(venue=venues(), data=st.data())
def test_lost_executions_are_in_the_total_and_what_was_taken_back_once_a_bust_is_known(
    venue: Venue, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(venue.reports), unique_by=id))
    order = deliver(venue, kept)
    status = _said("order_status", 90, venue.live, ZERO, "")
    order = step(order, status, 5_000).order
    truth = quantity_of(venue.live)
    known = quantity_of(held(kept))
    assert order.cum_qty >= max(truth, known)
    lost = [report for report in venue.reports if report not in kept]
    if not any(report.exec_ref_id for report in lost):
        assert order.cum_qty == truth
        assert abs(order.notional - notional_of(venue.live)) < D("1e-6")
    for at, report in enumerate(data.draw(st.permutations(lost)), start=6_000):
        order = step(order, report, at).order
    assert booked(order) == venue.live
    assert order.cum_qty == truth
    assert order.notional == notional_of(venue.live)
