"""Signals from standard input while a book runs, one JSON object a line.

On paced time a signal arrives when its line is read. On virtual time the book's time stands still
while standard input is silent, and moves to a signal's ``generated_at`` before it arrives.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal

from stretto.config import read_signal
from stretto.core.errors import InvalidInput
from stretto.core.terms.exit_signal import AnySignal
from stretto.ports import Clock

SOURCE = "standard input"
LINE_BYTES_MAX = 1 << 20
_CHUNK_BYTES = 1 << 16
_POLL_S = 0.01
_SILENCE_S = 0.1


async def from_standard_input(
    clock: Clock,
    speed: Decimal | None,
    until: int | None,
    on_malformed: Callable[[str], None],
    on_read: Callable[[AnySignal, str], object],
    is_stopped: Callable[[], bool],
) -> AsyncIterator[AnySignal]:
    """Every signal read until end of file, ``until`` (ns UTC) or a stop, each told to ``on_read``
    with its place before it arrives. A malformed line is told to ``on_malformed`` and passed over:
    the book goes on with what it holds.
    """
    lines = _Lines(sys.stdin.fileno())
    number = 0
    while not is_stopped() and (until is None or clock.now_ns() < until):
        line = lines.next(_SILENCE_S if speed is None else 0)
        if line is None:
            if lines.ended:
                return
            if speed is not None:
                await asyncio.sleep(_POLL_S * float(speed))
            continue
        number += 1
        if not line.strip():
            continue
        place = f"{SOURCE}:{number}"
        try:
            signal = read_signal(line, place)
        except InvalidInput as error:
            on_malformed(str(error))
            continue
        if speed is None:
            if until is not None and signal.generated_at >= until:
                continue
            await clock.sleep_until(signal.generated_at)
        on_read(signal, place)
        yield signal


class _Lines:
    """Whole lines of a descriptor, without ever waiting longer than asked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self.ended = False

    def next(self, wait_s: float) -> str | None:
        """The next line, or None where there is none yet or no more."""
        while b"\n" not in self._buffer and not self.ended:
            if not select.select([self._descriptor], [], [], wait_s)[0]:
                return None
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
            self.ended = not chunk
            self._buffer += chunk
            if len(self._buffer) > LINE_BYTES_MAX and b"\n" not in self._buffer:
                raise InvalidInput(SOURCE, "a line is too long", "one signal per line")
        if not self._buffer:
            return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace")
