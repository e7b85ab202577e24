"""What an order's fate says of its account and venue: circuits, and failures that are rising.

Asks the pure functions of ``circuit`` and makes their answers events. Guards entries only: queries,
cancels and exits never ask here. Knows nothing of allocations.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.accounts.alerts import rising_alerts
from stretto.core.book import Book
from stretto.core.errors import check
from stretto.core.failures.circuit import (
    Change,
    Circuit,
    CircuitState,
    CircuitStep,
    Scope,
    admit,
    is_admitting,
    on_failure,
    on_probe_due,
    on_success,
)
from stretto.core.failures.failure_actions import Step
from stretto.core.orders.order import Order
from stretto.core.orders.order_table import is_newly_doubtful
from stretto.core.terms.failure import Confidence, Failure, FailureClass, Match, Outcome, Request
from stretto.core.values import iso


def conducted(
    book: Book, before: Order, after: Order, failed: ev.OrderFailed | None, at_ns: int
) -> list[ev.Event]:
    """Circuits that change, and alerts, by one step of an order: ``failed`` where it ended without
    all it was for, in doubt from here, or acknowledged. Anything else says nothing.
    """
    failure = _failure(before, after, failed)
    if failure is None:
        if before.acknowledged_at is not None or after.acknowledged_at is None:
            return []
        noted = _noted(book, after.account_id)
        return _changes([on_success(each, after.client_order_id) for each in noted])
    circuits = _circuits(book, after.account_id)
    policy = book.configuration.policy.failures
    # What fails again on being tried again says nothing new, until the retries are spent.
    is_retry = failed is not None and failed.attempt > 1 and failed.step is Step.RETRY
    steps = [
        on_failure(policy, each, failure, after.client_order_id, at_ns)
        for each in circuits
        if not is_retry or each.state is not CircuitState.CLOSED
    ]
    names = [each.key for each in circuits]
    alerts = rising_alerts(book, names, after.account_id, failure.failure_class, at_ns)
    return [*_changes(steps), *alerts]


def probes(book: Book, order: Order) -> list[ev.Event]:
    """The entry about to be sent is what a half-open circuit lets through."""
    steps = [admit(each, order.client_order_id) for each in _noted(book, order.account_id)]
    check(None not in steps, "an entry passed a circuit that is open")
    return _changes([each for each in steps if each is not None])


def on_circuit_due(book: Book, key: str, at_ns: int) -> tuple[ev.Event, ...]:
    """The wait of an open circuit is over: one entry may try."""
    circuit = book.circuits.get(key)
    return () if circuit is None else tuple(_changes([on_probe_due(circuit, at_ns)]))


def circuits_closed_to_entries(book: Book) -> dict[str, str]:
    """Circuits that let no entry pass, each with how it stands."""
    return {key: stands(each) for key, each in book.circuits.items() if not is_admitting(each)}


def stands(circuit: Circuit) -> str:
    """A circuit in words: until when it is open, or which order is trying."""
    if circuit.probe_at is not None:
        return f"open until {iso(circuit.probe_at)}"
    return f"order {circuit.probe} is trying" if circuit.probe else circuit.state.value


def _circuits(book: Book, account_id: str) -> list[Circuit]:
    account = book.configuration.accounts.get(account_id)
    if account is None:
        return []
    found = [Circuit(scope=Scope.ACCOUNT, name=account_id)]
    found.append(Circuit(scope=Scope.VENUE, name=account.venue))
    return [book.circuits.get(each.key, each) for each in found]


def _noted(book: Book, account_id: str) -> list[Circuit]:
    """Those of which anything is known; what is not is closed, and stays so where nothing fails."""
    if not book.circuits:
        return []
    return [each for each in _circuits(book, account_id) if each.key in book.circuits]


def _changes(steps: list[CircuitStep]) -> list[ev.Event]:
    return [
        ev.CircuitChanged(change=each.change, circuit=each.after, cause=each.cause)
        for each in steps
        if each.change is not Change.NONE
    ]


def _failure(before: Order, after: Order, failed: ev.OrderFailed | None) -> Failure | None:
    if failed is not None:
        return _of(failed.failure_class, failed.outcome)
    if is_newly_doubtful(before.state, after.state):
        return _of(FailureClass.UNKNOWN_OUTCOME, Outcome.UNKNOWN)
    return None


def _of(failure_class: FailureClass, outcome: Outcome) -> Failure:
    return Failure(
        failure_class=failure_class,
        outcome=outcome,
        request=Request.SUBMIT,
        table="",
        row="",
        match=Match.NONE,
        confidence=Confidence.NONE,
    )
