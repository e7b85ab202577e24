"""How a defect is planted: a function that patches Stretto for as long as a test lasts.

Each is registered under its name with the invariants by which the simulator may find it (0: an
error that no part of Stretto raises on purpose, such as a check of its own).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

Plant = Callable[[pytest.MonkeyPatch], None]


class Defect(NamedTuple):
    """``fault``: what has to go wrong for it to show; ``finds``: the invariants that name it."""

    name: str
    fault: str
    finds: tuple[int, ...]
    plant: Plant


DEFECTS: dict[str, Defect] = {}


def defect(*finds: int, fault: str) -> Callable[[Plant], Plant]:
    """Register a planted defect under its function's name."""

    def register(plant: Plant) -> Plant:
        name = plant.__name__.replace("_", "-")
        assert name not in DEFECTS
        DEFECTS[name] = Defect(name, fault, finds, plant)
        return plant

    return register


def everywhere(patch: pytest.MonkeyPatch, original: Callable[..., Any], replacement: Any) -> None:
    """Put a replacement wherever a module of Stretto holds the original under its name."""
    attribute, found = original.__name__, 0
    for name, module in list(sys.modules.items()):
        if name.startswith("stretto.") and getattr(module, attribute, None) is original:
            patch.setattr(module, attribute, replacement)
            found += 1
    assert found, original


def without(*kinds: type) -> Callable[[Any], Any]:
    """Events without those of some kinds."""
    return lambda events: type(events)(e for e in events if not isinstance(e, kinds))
