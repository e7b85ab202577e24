"""Python's collector of cyclic garbage while a book runs.

What a book keeps is kept for good, and what it drops holds no cycles: looking through all of it
again and again finds nothing, and a full look at a big book holds up what waits. Knows nothing of
books.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

THRESHOLDS = (50_000, 20, 100)
"""Objects made and kept before the youngest are looked at, and how often before the older are."""

REST_OBJECTS = 5_000
"""Objects made and kept before a rest is used to look at them: 1 or 2 ms."""


@contextlib.contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look rarely, and not at what is there already; afterwards all is as it was."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def collect_at_rest() -> None:
    """While ``collecting_rarely``: look now at what was made since the last rest, and leave out of
    later looks what of it is kept. Else the look at ten times as many falls where it happens to.
    """
    if gc.get_threshold() == THRESHOLDS and gc.get_count()[0] >= REST_OBJECTS:
        gc.collect(0)
        gc.freeze()
