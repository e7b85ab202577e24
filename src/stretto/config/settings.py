"""What a configuration file says, in the core's units: the book, its market and its venues.

Data only. ``bootstrap`` turns market and venues into adapters; nothing here names one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stretto.core.policy import BookConfig


class QuoteFiles(msgspec.Struct, frozen=True, kw_only=True, tag="files"):
    """Recorded quotes: paths of quote files and of daily bars; ``start`` in ns UTC, if stated."""

    quotes: tuple[str, ...]
    daily: tuple[str, ...] = ()
    start: int | None = None


class EcbMarket(msgspec.Struct, frozen=True, kw_only=True, tag="ecb"):
    """Real ECB reference rates with a seeded path between them: ``days`` UTC days from ``day``."""

    day: str
    days: int = 1
    seed: int = 0
    start: int | None = None


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One venue. ``options`` has the fields of the simulated venue's own settings, in its units."""

    venue: str
    kind: str = "simulated"
    seed: int = 0
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One file, checked as a whole. Paths are absolute or relative to the working directory."""

    source: str
    book: BookConfig
    journal: str
    market: QuoteFiles | EcbMarket
    venues: dict[str, VenueSettings]
