"""Whatever happens: nothing is sent while a circuit is open, one probe at a time, it recovers."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stretto.core.failures.circuit import (
    Change,
    Circuit,
    CircuitState,
    CircuitStep,
    Scope,
    admit,
    failures_max,
    is_admitting,
    on_failure,
    on_probe_due,
    on_success,
    withdraw,
)
from stretto.core.terms.failure import FailureClass, Outcome
from stretto.core.terms.policy import FAILURE_POLICY as POLICY
from stretto.core.values import NS_PER_S
from tests.unit.core.failure_samples import a_failure


class CircuitMachine(RuleBasedStateMachine):
    """Plays orders against one circuit and holds a simple model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = Circuit(scope=Scope.ACCOUNT, name="a")
        self.at = 1_000 * NS_PER_S
        self.number = 0
        self.sent: list[str] = []
        self.opened_until = 0

    def take(self, step: CircuitStep) -> None:
        """Adopt a step as evolve would, through its bytes."""
        if step.change is Change.NONE:
            assert step.after == self.circuit
        if step.change is Change.OPENED:
            assert step.after.probe_at is not None
            assert step.after.probe_at >= self.at + POLICY.circuit_probe_ns
            self.opened_until = step.after.probe_at
        self.circuit = msgspec.json.decode(msgspec.json.encode(step.after), type=Circuit)
        assert self.circuit == step.after

    @rule(seconds=st.integers(0, 100))
    def time_passes(self, seconds: int) -> None:
        self.at += seconds * NS_PER_S
        self.take(on_probe_due(self.circuit, self.at))

    @rule()
    def an_entry_asks(self) -> None:
        self.number += 1
        order = f"o{self.number}"
        state, was_admitting = self.circuit.state, is_admitting(self.circuit)
        step = admit(self.circuit, order)
        assert (step is not None) == was_admitting
        if step is None:
            return
        assert state is not CircuitState.OPEN
        assert self.at >= self.opened_until
        self.take(step)
        if state is CircuitState.HALF_OPEN:
            assert self.circuit.probe == order
            assert not is_admitting(self.circuit)
        self.sent.append(order)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), failure_class=st.sampled_from(FailureClass), doubt=st.booleans())
    def an_order_fails(self, data: st.DataObject, failure_class: FailureClass, doubt: bool) -> None:
        order = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
        outcome = Outcome.UNKNOWN if doubt else Outcome.REJECTED_CERTAIN
        step = on_failure(POLICY, self.circuit, a_failure(failure_class, outcome), order, self.at)
        if self.circuit.state is CircuitState.OPEN:
            assert step.change is Change.NONE
        self.take(step)

    @rule()
    def the_connection_is_lost(self) -> None:
        lost = a_failure(FailureClass.CONNECTION_PERSISTENT)
        step = on_failure(POLICY, self.circuit, lost, "earlier", self.at)
        assert (step.change is Change.OPENED) == (self.circuit.state is CircuitState.CLOSED)
        self.take(step)

    @precondition(lambda self: self.circuit.state is CircuitState.OPEN)
    @rule()
    def the_probe_is_due(self) -> None:
        self.at = max(self.at, self.opened_until)
        self.take(on_probe_due(self.circuit, self.at))
        assert self.circuit.state is CircuitState.HALF_OPEN

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def an_order_is_acknowledged(self, data: st.DataObject) -> None:
        order = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
        is_probe = self.circuit.probe == order
        step = on_success(self.circuit, order)
        assert (step.change is Change.CLOSED) == is_probe
        self.take(step)
        if is_probe:
            assert self.circuit == Circuit(scope=Scope.ACCOUNT, name="a")

    @precondition(lambda self: self.sent)
    @rule()
    def an_order_is_not_sent(self) -> None:
        self.take(withdraw(self.circuit, self.sent.pop()))

    @invariant()
    def the_state_is_whole(self) -> None:
        circuit = self.circuit
        assert (circuit.probe_at is not None) == (circuit.state is CircuitState.OPEN)
        assert not circuit.probe or circuit.state is CircuitState.HALF_OPEN
        assert (circuit.openings > 0) == (circuit.state is not CircuitState.CLOSED)
        assert len(circuit.failures_at) <= failures_max(POLICY, circuit.scope)
        assert list(circuit.failures_at) == sorted(circuit.failures_at)

    def teardown(self) -> None:
        """Left alone, it lets an order through, and that order's success closes it."""
        if self.circuit.probe:
            self.take(withdraw(self.circuit, self.circuit.probe))
        self.at += POLICY.circuit_probe_ns_max
        self.take(on_probe_due(self.circuit, self.at))
        step = admit(self.circuit, "last")
        assert step is not None
        self.take(step)
        self.take(on_success(self.circuit, "last"))
        assert self.circuit.state is CircuitState.CLOSED


TestCircuit = CircuitMachine.TestCase
