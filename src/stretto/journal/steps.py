"""The instants of an append at which the world may fail, as both journals pass through them.

A journal calls the observer it was built with at each step; simulation and tests raise there to see
that a failed append leaves all or nothing. Knows nothing of entries.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class AppendStep(StrEnum):
    """How far an append has come; an error at COMMITTED comes after the entries are durable."""

    BEGUN = "begun"
    WRITTEN = "written"
    PROJECTED = "projected"
    COMMITTED = "committed"


Observer = Callable[[AppendStep], None]


def unobserved(step: AppendStep) -> None:
    """The observer of a journal that nobody watches."""
