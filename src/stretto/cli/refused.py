"""The signals of a session that nothing was done about, each with the place where it stood.

The journal holds a refusal in full; here it becomes one line on standard error and an exit code.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stretto.cli.output import Output
from stretto.cli.render_summary import in_words
from stretto.core import events as ev
from stretto.core.terms.plan import Plan
from stretto.core.terms.refusal import Rule
from stretto.sessions.places import SignalPlaces

SHOWN_MAX = 50


class RefusedSignals:
    """A listener of entries. Keeps the first ``SHOWN_MAX`` refusals and counts them all."""

    def __init__(self, places: SignalPlaces) -> None:
        self._places = places
        self._shown: list[dict[str, str]] = []
        self.count = 0

    def __call__(self, entry: ev.Entry) -> None:
        """Take one journaled entry in."""
        for event in entry.events:
            if isinstance(event, ev.SignalRefused):
                place = self._places.of(event.plan.signal)
                self._add(place, event.plan.signal.signal_id, *rule_and_words(event.plan))

    def repeated(self, signal_id: str, place: str, first: str) -> None:
        """Take in that the very same signal stands at a second place."""
        words = f"the same signal as {first}; it changes nothing"
        self._add(place, signal_id, Rule.DUPLICATE_SIGNAL.value, words)

    @property
    def as_json(self) -> list[dict[str, str]]:
        """The refusals kept: place, signal_id, rule, text."""
        return self._shown

    def tell(self, output: Output) -> None:
        """One line for each on standard error."""
        for each in self._shown:
            output.said(f"stretto: {line_of(**each)}", "yellow")
        if self.count > len(self._shown):
            hidden = self.count - len(self._shown)
            output.said(f"stretto: and {hidden} more: stretto status lists them", "yellow")

    def _add(self, place: str, signal_id: str, rule: str, text: str) -> None:
        self.count += 1
        if len(self._shown) < SHOWN_MAX:
            found = {"place": place, "signal_id": signal_id, "rule": rule, "text": text}
            self._shown.append(found)


def line_of(place: str, signal_id: str, rule: str, text: str) -> str:
    """One refusal as one line."""
    return f"{place}{': ' if place else ''}signal {signal_id}: refused: {rule}: {text}"


def rule_and_words(plan: Plan) -> tuple[str, str]:
    """The rule that refused the whole signal, and what it said."""
    refusal: dict[str, Any] = msgspec.to_builtins(plan.refused)
    return refusal["rule"], in_words(refusal)
