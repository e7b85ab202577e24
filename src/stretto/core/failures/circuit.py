"""Circuit breakers of venues and accounts: closed, open, half-open (DESIGN §4.9).

Opens after a few connection failures within a minute; after a wait, which doubles each time, one
order may try; its success closes the circuit, its failure opens it again. Every function takes a
circuit and returns the next one with what happened, to be journaled. Guards entries: queries,
cancels and exits never ask here. Knows no book and no clock.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from stretto.core.errors import check
from stretto.core.terms.failure import Failure, FailureClass, Outcome
from stretto.core.terms.policy import FailurePolicy


class CircuitState(StrEnum):
    """Whether entries pass: all, none, or one at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Scope(StrEnum):
    """What a circuit guards."""

    VENUE = "venue"
    ACCOUNT = "account"


class Change(StrEnum):
    """What a step did. ``none`` and only ``none``: the circuit is as it was."""

    NONE = "none"
    COUNTED = "counted"
    OPENED = "opened"
    HALF_OPENED = "half_opened"
    PROBE_SENT = "probe_sent"
    PROBE_WITHDRAWN = "probe_withdrawn"
    CLOSED = "closed"


class Circuit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One circuit. ``failures_at``: connection failures within the window, oldest first;
    ``openings``: how often it opened since it was last closed; ``probe_at``: when one order may
    try, the due time of the timer ``circuit:KEY``; ``probe``: the client order id that is trying.
    """

    scope: Scope
    name: str
    state: CircuitState = CircuitState.CLOSED
    failures_at: tuple[int, ...] = ()
    openings: int = 0
    probe_at: int | None = None
    probe: str = ""

    @property
    def key(self) -> str:
        """The name under which a book keeps it and its timer."""
        return f"{self.scope}:{self.name}"


class CircuitStep(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a circuit; ``after`` is what the book then holds. ``cause`` names the class
    of failure or the client order id that did it.
    """

    change: Change
    after: Circuit
    cause: str = ""


# Failures that say something about the way to the venue; what a venue answers in good order is no
# reason to stop talking to it.
COUNTED = (
    FailureClass.CONNECTION_TEMPORARY,
    FailureClass.CONNECTION_PERSISTENT,
    FailureClass.VENUE_ERROR,
    FailureClass.UNKNOWN_OUTCOME,
)
# Failures that open a circuit at once: nothing more can pass until something is changed.
TRIPS = {
    Scope.VENUE: (FailureClass.CONNECTION_PERSISTENT,),
    Scope.ACCOUNT: (FailureClass.CONNECTION_PERSISTENT, FailureClass.ACCESS_DENIED),
}


def on_failure(
    policy: FailurePolicy, circuit: Circuit, failure: Failure, client_order_id: str, at_ns: int
) -> CircuitStep:
    """After a failure of an order. While half-open only that of the probe counts; while open none
    does: those orders were sent before.
    """
    if circuit.state is CircuitState.OPEN:
        return CircuitStep(change=Change.NONE, after=circuit)
    failure_class = failure.failure_class
    trips = failure_class in TRIPS[circuit.scope]
    counts = failure_class in COUNTED and failure.outcome is not Outcome.ACCEPTED
    if circuit.state is CircuitState.HALF_OPEN:
        if not circuit.probe or circuit.probe != client_order_id:
            return CircuitStep(change=Change.NONE, after=circuit)
        if trips or counts:
            return _opened(policy, circuit, failure_class, at_ns)
        if failure.outcome is Outcome.UNKNOWN:
            return CircuitStep(change=Change.NONE, after=circuit)
        # Refused for a reason of its own: the way there and back is open.
        return _closed(circuit, client_order_id)
    if not trips and not counts:
        return CircuitStep(change=Change.NONE, after=circuit)
    since = at_ns - policy.circuit_window_ns
    recent = (*(at for at in circuit.failures_at if at > since), at_ns)
    counted = msgspec.structs.replace(circuit, failures_at=recent)
    if trips or len(recent) >= failures_max(policy, circuit.scope):
        return _opened(policy, counted, failure_class, at_ns)
    return CircuitStep(change=Change.COUNTED, after=counted, cause=failure_class)


def on_success(circuit: Circuit, client_order_id: str) -> CircuitStep:
    """After the venue acknowledged an order. Only the probe's success closes a circuit: others may
    have been on their way since before.
    """
    if circuit.state is CircuitState.HALF_OPEN and circuit.probe == client_order_id != "":
        return _closed(circuit, client_order_id)
    return CircuitStep(change=Change.NONE, after=circuit)


def on_probe_due(circuit: Circuit, at_ns: int) -> CircuitStep:
    """The timer is due: an open circuit becomes half-open. Early or stale, nothing happens."""
    due = circuit.probe_at
    if circuit.state is not CircuitState.OPEN or due is None or due > at_ns:
        return CircuitStep(change=Change.NONE, after=circuit)
    after = msgspec.structs.replace(circuit, state=CircuitState.HALF_OPEN, probe_at=None)
    return CircuitStep(change=Change.HALF_OPENED, after=after)


def admit(circuit: Circuit, client_order_id: str) -> CircuitStep | None:
    """May this entry be sent? None where not. While half-open the first who asks is the probe, and
    the step must be journaled with the intent to send it.
    """
    check(client_order_id != "", "an entry that asks has a client order id")
    if circuit.state is CircuitState.CLOSED:
        return CircuitStep(change=Change.NONE, after=circuit)
    if circuit.state is CircuitState.OPEN or circuit.probe:
        return None
    after = msgspec.structs.replace(circuit, probe=client_order_id)
    return CircuitStep(change=Change.PROBE_SENT, after=after, cause=client_order_id)


def withdraw(circuit: Circuit, client_order_id: str) -> CircuitStep:
    """The probe was not sent, or its fate cannot be told: another order may try."""
    if circuit.state is not CircuitState.HALF_OPEN or circuit.probe != client_order_id:
        return CircuitStep(change=Change.NONE, after=circuit)
    after = msgspec.structs.replace(circuit, probe="")
    return CircuitStep(change=Change.PROBE_WITHDRAWN, after=after, cause=client_order_id)


def is_admitting(circuit: Circuit) -> bool:
    """True where an entry that asked now would pass; changes nothing, for plans and reroutes."""
    return circuit.state is CircuitState.CLOSED or (
        circuit.state is CircuitState.HALF_OPEN and not circuit.probe
    )


def failures_max(policy: FailurePolicy, scope: Scope) -> int:
    """Failures within the window at which a circuit of this scope opens."""
    return (
        policy.circuit_account_failures if scope is Scope.ACCOUNT else policy.circuit_venue_failures
    )


def probe_delay_ns(policy: FailurePolicy, openings: int) -> int:
    """Wait before the probe of the ``openings``-th opening in a row: 30, 60, 120 … 900 s."""
    check(openings >= 1, "openings count from 1")
    # A shift past 64 would be beyond any largest wait already.
    wait = policy.circuit_probe_ns << min(openings - 1, 64)
    return min(wait, max(policy.circuit_probe_ns_max, policy.circuit_probe_ns))


def _opened(policy: FailurePolicy, circuit: Circuit, cause: str, at_ns: int) -> CircuitStep:
    openings = circuit.openings + 1
    after = Circuit(
        scope=circuit.scope,
        name=circuit.name,
        state=CircuitState.OPEN,
        failures_at=circuit.failures_at,
        openings=openings,
        probe_at=at_ns + probe_delay_ns(policy, openings),
    )
    return CircuitStep(change=Change.OPENED, after=after, cause=cause)


def _closed(circuit: Circuit, cause: str) -> CircuitStep:
    after = Circuit(scope=circuit.scope, name=circuit.name)
    return CircuitStep(change=Change.CLOSED, after=after, cause=cause)
