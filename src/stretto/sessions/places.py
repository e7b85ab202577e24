"""Where the signals of a session stood, so that a refusal can name file and line.

Knows nothing of what becomes of a signal.
"""

from __future__ import annotations

from stretto.core.terms.exit_signal import AnySignal, ExitSignal, as_signal


class SignalPlaces:
    """The places of the signals read so far, as ``file:line`` or ``standard input:line``."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[tuple[AnySignal, str]]] = {}

    def note(self, signal: AnySignal, place: str) -> str:
        """Keep where it stands. Gives the first place of the very same signal, or empty text."""
        first = self.of(signal)
        if not first:
            self._by_id.setdefault(signal.signal_id, []).append((signal, place))
        return first

    def of(self, signal: AnySignal) -> str:
        """The first place of this signal, or empty text where none is known."""
        for known, place in self._by_id.get(signal.signal_id, ()):
            if known == signal or _is_planned_as(known, signal):
                return place
        return ""


def _is_planned_as(known: AnySignal, signal: AnySignal) -> bool:
    """True where a plan shows the exit ``known`` as ``signal``."""
    if not isinstance(known, ExitSignal) or isinstance(signal, ExitSignal):
        return False
    return as_signal(known, signal.symbol, signal.side) == signal
