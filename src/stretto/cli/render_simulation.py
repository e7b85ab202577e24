"""What simulated seeds came to together: added up one after another, and rendered.

Keeps sums, and of the outcomes only those in which an invariant broke, so that many thousand seeds
take no more memory than few. Must not know how a seed is run.
"""

from __future__ import annotations

import time
from collections import Counter

import msgspec

from stretto.cli.output import Column, Grid, Output
from stretto.simulation.outcome import Outcome
from stretto.simulation.reachable import Coverage, coverage
from stretto.simulation.schedule import Named

_TELLS_S = 30.0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the seeds came to together; per second of processor time, all processes added up."""

    seeds: int
    broken: tuple[int, ...]
    entries: int
    inputs: int
    lives: int
    orders: int
    fills: int
    simulated_s: int
    elapsed_s: float
    processor_s: float
    inputs_per_s: float
    simulated_s_per_s: float
    days: dict[str, int]
    faults: dict[str, int]
    pairs: dict[str, int]
    coverage: Coverage


class Totals:
    """The sums so far; ``broken``: outcomes in which an invariant broke."""

    def __init__(self, allowed: Named) -> None:
        self.broken: list[Outcome] = []
        self._allowed = allowed
        self._began = self._told = time.monotonic()
        self._sums: Counter[str] = Counter()
        self._days: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._pairs: Counter[str] = Counter()
        self._processor_s = 0.0

    def add(self, outcome: Outcome) -> None:
        """One seed more."""
        self._sums["seeds"] += 1
        for name in _SUMMED:
            self._sums[name] += getattr(outcome, name)
        self._days[outcome.day] += 1
        self._faults.update(outcome.faults)
        self._pairs.update(outcome.pairs)
        self._processor_s += outcome.processor_s
        if outcome.broken is not None:
            self.broken.append(outcome)

    def is_time_to_tell(self) -> bool:
        """True now and then, for who waits."""
        now = time.monotonic()
        if now < self._told + _TELLS_S:
            return False
        self._told = now
        return True

    def so_far(self) -> str:
        """How far it has come, in a few words."""
        visited = coverage(self._pairs, self._allowed)
        return (
            f"{len(self.broken):,} broken, {visited.visited} of {visited.reachable} pairs, "
            f"{time.monotonic() - self._began:,.0f} s; {self._sums['seeds']:,}"
        )

    def summary(self) -> Summary:
        """The sums over all that were added."""
        processor_s = max(1e-9, self._processor_s)
        return Summary(
            seeds=self._sums["seeds"],
            broken=tuple(outcome.seed for outcome in self.broken),
            **{name: self._sums[name] for name in _SUMMED},
            elapsed_s=round(time.monotonic() - self._began, 3),
            processor_s=round(processor_s, 3),
            inputs_per_s=round(self._sums["inputs"] / processor_s, 1),
            simulated_s_per_s=round(self._sums["simulated_s"] / processor_s, 1),
            days=dict(sorted(self._days.items())),
            faults=dict(sorted(self._faults.items())),
            pairs=dict(sorted(self._pairs.items())),
            coverage=coverage(self._pairs, self._allowed),
        )


_SUMMED = ("entries", "inputs", "lives", "orders", "fills", "simulated_s")


def render_summary(output: Output, summary: Summary) -> None:
    """The sums, the faults by kind, and which order states each of them met."""
    output.line()
    output.line(
        f"{summary.seeds:,} seeds, {len(summary.broken):,} with a broken invariant; "
        f"{summary.inputs:,} inputs handled, {summary.entries:,} entries, {summary.lives:,} "
        f"processes, {summary.orders:,} orders, {summary.fills:,} fills"
    )
    output.line(
        f"{summary.simulated_s / 86_400:,.1f} simulated days in {summary.elapsed_s:,.1f} s; per "
        f"second of processor time {summary.inputs_per_s:,.0f} inputs and "
        f"{summary.simulated_s_per_s:,.0f} simulated seconds"
    )
    days = Counter[str]()
    for day, count in summary.days.items():
        days[day.rsplit(", ", 1)[0]] += count
    output.line("days: " + ", ".join(f"{name} {count:,}" for name, count in days.items()))
    met: dict[str, list[str]] = {}
    for pair in summary.pairs:
        state, fault = pair.split(" ", 1)
        met.setdefault(fault, []).append(state)
    rows = [
        (fault, f"{count:,}", str(len(met.get(fault, ()))), ", ".join(met.get(fault, ())))
        for fault, count in summary.faults.items()
    ]
    columns = (
        Column("fault"),
        Column("struck", right=True),
        Column("states", right=True),
        Column("order states met", rank=1, wraps=True),
    )
    title = f"Faults ({len(summary.pairs)} pairs of order state and fault)"
    output.grid(Grid(title=title, columns=columns, rows=rows))
    found = summary.coverage
    output.line()
    output.line(
        f"{found.visited} of {found.reachable} reachable pairs visited, and {len(found.by_chance)} "
        "that are met by chance alone"
    )
    if found.missing:
        output.item("missing", ", ".join(found.missing))
    if found.contradicted:
        output.item("visited, though said to be unreachable", ", ".join(found.contradicted))
