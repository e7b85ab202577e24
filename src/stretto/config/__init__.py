"""Configuration and signals as people write them, checked and converted to the core's units.

Knows files and the core's types; no adapter, no runtime.
"""

from stretto.config.problems import MalformedInput, Problem
from stretto.config.reader import read_settings
from stretto.config.settings import EcbMarket, QuoteFiles, Settings, VenueSettings
from stretto.config.signals import read_placed_signals, read_signal, read_signals, signal_to_json

__all__ = [
    "EcbMarket",
    "MalformedInput",
    "Problem",
    "QuoteFiles",
    "Settings",
    "VenueSettings",
    "read_placed_signals",
    "read_settings",
    "read_signal",
    "read_signals",
    "signal_to_json",
]
