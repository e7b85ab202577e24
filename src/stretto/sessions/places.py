"""Where the signals of a session stood, so that a refusal can name file and line.

Knows nothing of what becomes of a signal.
"""

from __future__ import annotations

from stretto.core.signal import Signal


class SignalPlaces:
    """The places of the signals read so far, as ``file:line`` or ``standard input:line``."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[tuple[Signal, str]]] = {}

    def note(self, signal: Signal, place: str) -> str:
        """Keep where it stands. Gives the first place of the very same signal, or empty text."""
        first = self.of(signal)
        if not first:
            self._by_id.setdefault(signal.signal_id, []).append((signal, place))
        return first

    def of(self, signal: Signal) -> str:
        """The first place of this signal, or empty text where none is known."""
        for known, place in self._by_id.get(signal.signal_id, ()):
            if known == signal:
                return place
        return ""
