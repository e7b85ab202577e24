"""Requests for other levels whose write fails: the outcome is journaled like that of an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from stretto.core import events as ev
from stretto.core.effects import AmendProtection, Command
from stretto.core.terms.report import ProtectionAnswer
from stretto.core.terms.signal import Action, Urgency
from stretto.journal.memory import MemoryJournal, MemoryStore
from stretto.ports import NotSent, SendOutcome, Sent
from tests.builders import START, S, a_config, a_signal
from tests.exit_desk import an_exit
from tests.scripted_venue import ScriptedVenue
from tests.session import MovingClock, play


@dataclass
class Amending(ScriptedVenue):
    """A venue at which the first request for levels fails as ``first`` says; it sets the next."""

    first: str = "not_sent"
    amends: list[int] = field(default_factory=list)

    async def send(self, command: Command) -> SendOutcome:
        if not isinstance(command, AmendProtection):
            return await super().send(command)
        self.amends.append(self.clock.now_ns())
        if len(self.amends) == 1:
            if self.first == "not_sent":
                return NotSent(reason="no connection")
            raise ConnectionError("cut off")
        self._say(
            ProtectionAnswer(
                client_order_id=command.client_order_id, account_id=command.account_id,
                position_id=command.position_id, accepted=True,
                transact_at=self.clock.now_ns(), stop_loss=command.stop_loss,
                take_profit=command.take_profit,
            )
        )  # fmt: skip
        return Sent(at=self.clock.now_ns())


@pytest.mark.requirement("P5")
@pytest.mark.parametrize(
    ("first", "outcome", "failure"),
    [
        ("not_sent", ev.SendOutcomeKind.NOT_SENT, "connection_temporary"),
        ("raises", ev.SendOutcomeKind.UNKNOWN, "unknown_outcome"),
    ],
)
def test_a_write_that_fails_is_journaled_and_the_levels_are_asked_for_again(
    first: str, outcome: ev.SendOutcomeKind, failure: str
) -> None:
    venue = Amending(MovingClock(START), first=first)
    clock = venue.clock
    assert isinstance(clock, MovingClock)
    amend = an_exit("m1", Action.AMEND, stop_loss=Decimal("1.09000"))
    arrivals: list[Any] = [
        (START + S, a_signal("s1", START + S, urgency=Urgency.IMMEDIATE)),
        (START + 5 * S, amend),
    ]
    told: list[ev.Entry] = []
    journal = MemoryJournal("book", MemoryStore())
    writer = play(
        journal, venue, clock, a_config(1), arrivals, ends_at=START + 60 * S,
        on_writer=lambda w: w.on_entry.append(told.append),
    )  # fmt: skip
    (entry,) = [each for each in told if isinstance(each.input, ev.AmendReported)]
    assert isinstance(entry.input, ev.AmendReported)
    assert entry.input.outcome is outcome
    (failed,) = [e for e in entry.events if isinstance(e, ev.AmendFailed)]
    assert failed.failure_class.value == failure
    assert len(venue.amends) == 2
    assert venue.amends[1] > venue.amends[0]
    assert writer.book.amendments == {}
    assert "amend_failed" not in writer.book.interventions.values()
