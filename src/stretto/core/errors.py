"""Exceptions and the always-on invariant check.

A refusal is a value (see ``plan.Refusal``); an exception here is a bug or the world. Knows
nothing of any domain type.
"""

from __future__ import annotations


class StrettoError(Exception):
    """Base of every error Stretto raises on purpose; its text is meant for a person."""


class InvariantViolated(StrettoError):
    """Something that must never happen did: the book halts, nothing more is sent."""


class InvalidInput(StrettoError):
    """Data from outside is malformed. ``place`` says where, ``expected`` what would be right."""

    def __init__(self, place: str, problem: str, expected: str = "") -> None:
        self.place = place
        self.problem = problem
        self.expected = expected
        super().__init__(f"{place}: {problem}" + (f"; expected {expected}" if expected else ""))


class BrokerUnreachable(StrettoError):
    """The venue could not be reached and the outcome is unknown: never a rejection."""


class JournalUnavailable(StrettoError):
    """An append failed or its outcome is unknown: memory is discarded, nothing is performed."""


class JournalDamaged(StrettoError):
    """Stored entries do not verify; names the first bad entry."""


def check(condition: bool, message: str, *values: object) -> None:
    """Raise InvariantViolated with ``message`` unless ``condition`` holds. Never compiled away.

    ``values`` take the places of ``{}`` in the message; where a check is passed thousands of times
    a second, that spares the text that nobody will read.
    """
    if not condition:
        raise InvariantViolated(message.format(*values) if values else message)
