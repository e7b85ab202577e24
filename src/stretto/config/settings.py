"""What a configuration file says, in the core's units: the book, its market and its venues.

Data only. ``bootstrap`` turns market and venues into adapters; nothing here names one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from stretto.core.terms.policy import BookConfig
from stretto.core.terms.venue import VenueCapabilities


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


_NOT_OPTIONS = ("venue", "kind", "seed", "failures", "maintenance", "address")


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated venue: its seed, the failure table it answers by, its ``maintenance`` (daily
    windows of the form ``HH:MM-HH:MM Zone``), and the fields of that venue's own settings in its
    units. ``address`` is the absolute path of the socket where another process serves it, or empty.
    """

    venue: str
    kind: str
    seed: int
    failures: str
    latency_request_ns: tuple[int, int]
    latency_report_ns: tuple[int, int]
    depth_lots: Decimal
    depth_levels: int
    requote_ppm: int
    reject_ppm: dict[str, int]
    orders_working_max: int
    quote_age_ns_max: int
    heartbeat_ns: int
    deciding_ns: tuple[int, int]
    exec_ids_daily: bool
    capabilities: VenueCapabilities
    maintenance: tuple[str, ...] = ()
    address: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """What the simulated venue's own settings hold, by their fields; reasons to refuse are
        names, so ``msgspec.convert`` is what makes those settings of it.
        """
        fields = msgspec.structs.asdict(self)
        return {name: fields[name] for name in fields if name not in _NOT_OPTIONS}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One file, checked as a whole. Paths are absolute or relative to the working directory."""

    source: str
    book: BookConfig
    journal: str
    market: QuoteFiles | EcbMarket
    venues: dict[str, VenueSettings]
