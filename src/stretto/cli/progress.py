"""How far a session has come, on standard error, and only where a person looks at it."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from stretto.bootstrap import Scenario
from stretto.cli.output import Output
from stretto.core import events as ev
from stretto.core.values import iso

_EVERY_ENTRIES = 50


class Progress:
    """A listener of entries that keeps one line up to date; nothing where there is no terminal."""

    def __init__(self, output: Output, scenario: Scenario) -> None:
        self._output = output
        self._start = scenario.starts_at
        last = scenario.arrivals[-1][0] if scenario.arrivals else scenario.starts_at
        self._end = max(last, scenario.ends_at or last, self._start + 1)
        self._entries = self._signals = self._fills = 0
        self._of_signals = len(scenario.arrivals)
        self._task: TaskID | None = None
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            console=output.err,
            transient=True,
            disable=not output.err.is_terminal,
        )

    def __enter__(self) -> Progress:
        self._bar.start()
        self._task = self._bar.add_task("opening the book", total=self._end - self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, entry: ev.Entry) -> None:
        """Take one journaled entry in."""
        self._output.is_playing = True
        self._entries += 1
        self._signals += isinstance(entry.input, ev.SignalReceived)
        self._fills += sum(isinstance(event, ev.FillBooked) for event in entry.events)
        if self._task is None or self._entries % _EVERY_ENTRIES:
            return
        self._bar.update(
            self._task,
            completed=min(entry.at, self._end) - self._start,
            description=f"{iso(entry.at)[:19]} UTC  {self._signals} of {self._of_signals} signals, "
            f"{self._fills} fills",
        )
