"""What becomes of quantity that an order's end left unfilled: the one place that decides it.

What a failure means stands in the venue's table, what follows in ``failure_actions``; here it
becomes events. Every later leg passes the whole gate again. Must not know quotes: what needs them
is armed as a timer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from stretto.core import events as ev
from stretto.core.accounts.failing import failed, table_of
from stretto.core.book import Allocation, Book, Execution, NextStep
from stretto.core.executions.completion_steps import follow
from stretto.core.executions.deferral import next_session_release
from stretto.core.failures.backoff import smaller_quantity, wider_stop
from stretto.core.failures.failure_actions import Response, Step
from stretto.core.orders.order import Order, OrderState
from stretto.core.orders.settling import Settlement
from stretto.core.terms.choices import ENTRY_HELD
from stretto.core.terms.failure import (
    Failure,
    Outcome,
    Request,
    classify,
    stated_number,
    unsent,
)
from stretto.core.terms.report import ExecType, ExecutionReport
from stretto.core.values import ZERO, iso

_ENDED_BY_VENUE = (OrderState.REJECTED, OrderState.CANCELED, OrderState.EXPIRED)


class Remedy(NamedTuple):
    """Events, and whether the allocation goes on; where not, what is left is abandoned, for
    ``reason`` where the order's own end does not say it.
    """

    events: tuple[ev.Event, ...] = ()
    goes_on: bool = False
    reason: str = ""


def is_doubtful(book: Book, order: Order, report: ExecutionReport) -> bool:
    """True for a refusal that leaves open whether the order lives (a duplicate id, say)."""
    if report.exec_type is not ExecType.REJECTED:
        return False
    table = table_of(book, order.account_id)
    failure = classify(table, code=report.reject_code, text=report.text, is_final=True)
    return failure.outcome is Outcome.UNKNOWN


def after_leg(
    book: Book,
    allocation: Allocation,
    before: Order,
    order: Order,
    settled: Settlement,
    detail: str,
    at_ns: int,
) -> Remedy:
    """What follows from an order that ended with ``settled.freed`` and ``settled.pending`` left;
    ``detail`` is what our own side knows of it.
    """
    wanted = follow(book, allocation, before, order, settled, at_ns)
    if wanted is not None:
        if wanted.leg is None:
            return Remedy(reason=wanted.reason)
        return Remedy((wanted.leg,), goes_on=True)
    failure = _failure(book, before, order)
    if failure is None:
        return Remedy()
    response, events = failed(book, allocation, order, failure, detail, at_ns)
    next_leg = _Next(book, allocation, order, settled, response, at_ns)
    further = next_leg.events()
    return Remedy((*events, *further), next_leg.goes_on, next_leg.reason)


def _failure(book: Book, before: Order, order: Order) -> Failure | None:
    """Why the order ended; None where that was our wish, or its time in force's."""
    table = table_of(book, order.account_id)
    if order.state is OrderState.DEAD:
        if before.cancel_requested:
            return None
        return unsent(table, Request.SUBMIT)
    if order.state not in _ENDED_BY_VENUE:
        return None
    if not order.reject_code and (before.cancel_requested or order.state is OrderState.EXPIRED):
        return None
    return classify(table, code=order.reject_code, text=order.text, is_final=True)


class _Next:
    """Turns one response into events."""

    def __init__(
        self,
        book: Book,
        allocation: Allocation,
        order: Order,
        settled: Settlement,
        response: Response,
        at_ns: int,
    ) -> None:
        self._book = book
        self._allocation = allocation
        self._order = order
        self._settled = settled
        self._response = response
        self._at = at_ns
        self.goes_on = False
        self.reason = ""

    def events(self) -> tuple[ev.Event, ...]:
        """What follows; ``goes_on`` is set where the quantity waits for another leg."""
        step = self._response.step
        due_at = self._at + self._response.delay_ns
        if step in (Step.RETRY, Step.WAIT, Step.REPRICE):
            return self._leg(due_at)
        if step is Step.RETRY_SMALLER:
            return self._smaller(due_at)
        if step is Step.WIDEN_STOP:
            return self._wider(due_at)
        if step is Step.REROUTE:
            return self._leg(due_at, step=NextStep.REROUTE)
        if step is Step.NEXT_SESSION:
            return self._next_session()
        if step is Step.INTERVENE:
            return self._for_a_person()
        return ()

    def _next_session(self) -> tuple[ev.Event, ...]:
        """At the next open, with a delay drawn anew and apart from what is scheduled there."""
        book = self._book
        later = next_session_release(book, self._allocation, self._at)
        if later is None:
            self.reason = f"{self._response.failure_class}: no next session is known"
            return ()
        opens_at, due_at = later
        valid_until = book.executions[self._order.execution_id].signal.valid_until
        if due_at > valid_until:
            self.reason = (
                f"{self._response.failure_class}: the next session opens {iso(opens_at)}, the "
                f"signal ends {iso(valid_until)}"
            )
            return ()
        return self._leg(due_at)

    def _leg(
        self,
        due_at: int,
        *,
        step: NextStep = NextStep.SEND,
        leg_quantity: Decimal | None = None,
        stop_loss: Decimal | None = None,
        abandoned: Decimal = ZERO,
    ) -> tuple[ev.Event, ...]:
        self.goes_on = True
        return (
            ev.LegScheduled(
                execution_id=self._order.execution_id,
                account_id=self._order.account_id,
                client_order_id=self._order.client_order_id,
                released=self._settled.freed,
                due_at=due_at,
                reason=self._response.failure_class.value,
                attempt=self._response.attempt,
                step=step,
                abandoned=abandoned,
                leg_quantity=leg_quantity,
                stop_loss=stop_loss,
            ),
        )

    @property
    def _left(self) -> Decimal:
        return self._settled.freed + self._settled.pending

    def _smaller(self, due_at: int) -> tuple[ev.Event, ...]:
        config = self._book.configuration
        terms = config.accounts[self._order.account_id].symbols[self._order.symbol]
        quantity = smaller_quantity(
            config.policy.failures,
            self._left,
            self._response.attempt,
            terms.step,
            terms.minimum,
        )
        if quantity is None:
            return self._leg(self._at, step=NextStep.REROUTE)
        return self._leg(due_at, leg_quantity=quantity)

    def _wider(self, due_at: int) -> tuple[ev.Event, ...]:
        allocation, config = self._allocation, self._book.configuration
        if allocation.stop_loss is None:
            return ()
        execution = self._book.executions[allocation.execution_id]
        entry = allocation.limit_price or allocation.stop_price or _arrival(execution)
        terms = config.accounts[allocation.account_id].symbols[self._order.symbol]
        wider = wider_stop(
            config.policy.failures,
            abs(entry - allocation.stop_loss),
            max(terms.stop_distance_min, self._stated_distance()),
            self._left,
            terms.step,
            terms.minimum,
        )
        if wider is None:
            return ()
        return self._leg(
            due_at,
            stop_loss=entry - execution.side.sign * wider.distance,
            abandoned=self._left - wider.quantity,
        )

    def _stated_distance(self) -> Decimal:
        words = table_of(self._book, self._order.account_id).stop_distance_text
        return stated_number(words, self._order.text) or ZERO

    def _for_a_person(self) -> tuple[ev.Event, ...]:
        """Nothing is skipped: the quantity waits, until the signal expires, for what a person
        decides.
        """
        execution = self._book.executions[self._order.execution_id]
        until = execution.signal.valid_until + 1
        asked = ev.InterventionRequired(
            execution_id=self._order.execution_id,
            account_id=self._order.account_id,
            client_order_id=self._order.client_order_id,
            reason=self._response.failure_class.value,
            known={
                "can_be_done": ENTRY_HELD,
                "order_qty": str(self._order.quantity),
                "left": str(self._left),
                "code": self._order.reject_code,
                "text": self._order.text,
                "order_state": self._order.state.value,
            },
        )
        if until <= self._at:
            return (asked,)
        held = ev.PendingHeld(
            execution_id=self._order.execution_id,
            account_id=self._order.account_id,
            reason=self._response.failure_class.value,
            until=until,
        )
        return (asked, *self._leg(until), held)


def _arrival(execution: Execution) -> Decimal:
    return execution.arrival_ask if execution.side.sign > 0 else execution.arrival_bid
