"""``stretto simulate``: the whole system on virtual time, seed after seed, with everything that can
go wrong; ends with an error where an invariant breaks.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from stretto.cli.errors import EXIT_DIFFERENT
from stretto.cli.explain_seed import explain_seed
from stretto.cli.options import Json, output_of
from stretto.cli.output import Column, Grid, Output
from stretto.core.errors import InvalidInput
from stretto.simulation.drawn import HOURS_MAX, HOURS_MIN
from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import faults_named
from stretto.simulation.seeds import outcomes

_SEEDS = re.compile(r"(\d{1,12})(?:\.\.(\d{1,12}))?\Z")
_JOBS_MAX = 64
_LINE = "{:>9} {:<12} {:>7} {:>7} {:>5} {:>6} {:>6} {:>6}  {}"


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


def simulate(
    context: typer.Context,
    seeds: Annotated[
        str, typer.Option("--seeds", "--seed", help="A seed, or A..B.", metavar="A..B")
    ] = "1..10",
    hours: Annotated[
        int, typer.Option(help="Simulated time of each seed; nothing goes wrong in the last hour.")
    ] = 24,
    faults: Annotated[
        str,
        typer.Option(help="What goes wrong: all, none, or some of it.", metavar="NAMES"),
    ] = "all",
    jobs: Annotated[int, typer.Option(help="Processes that work side by side.")] = 1,
    explain: Annotated[
        bool,
        typer.Option(
            help="Of one seed: leave out the faults, signals and requests that do not matter, and "
            "print what happens until the first invariant breaks."
        ),
    ] = False,
    _json: Json = False,
) -> int:
    """Draw a book, a market, people and faults from each seed, run it all, check every invariant.

    The same seed gives the same journal, byte for byte, on any machine.
    """
    output = output_of(context)
    numbers = _numbers(seeds)
    if not HOURS_MIN <= hours <= HOURS_MAX:
        raise InvalidInput("--hours", f"is {hours}", f"{HOURS_MIN} to {HOURS_MAX}")
    if not 1 <= jobs <= _JOBS_MAX:
        raise InvalidInput("--jobs", f"is {jobs}", f"1 to {_JOBS_MAX}")
    named = [name.strip() for name in faults.split(",")]
    allowed = faults_named([name for name in named if name != "none"])
    if explain:
        if len(numbers) != 1:
            raise InvalidInput("--explain", f"{len(numbers)} seeds", "one seed, like --seed 7")
        return explain_seed(output, numbers[0], hours, allowed)
    began, found = time.monotonic(), []
    if not output.json:
        output.line(_LINE.format(*_HEADINGS), "bold")
    for outcome in outcomes(numbers, hours, allowed, jobs):
        found.append(outcome)
        if not output.json:
            _print(output, outcome)
    summary = summary_of(found, time.monotonic() - began)
    if output.json:
        output.object({"summary": summary, "seeds": found})
    else:
        render_summary(output, summary)
    for outcome in found:
        if outcome.broken is not None:
            output.said(_failure(outcome, faults), "bold red")
    return EXIT_DIFFERENT if summary.broken else 0


def summary_of(found: Sequence[Outcome], elapsed_s: float) -> Summary:
    """The sums over all outcomes."""
    faults: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for outcome in found:
        faults.update(outcome.faults)
        pairs.update(outcome.pairs)
    processor_s = max(1e-9, sum(outcome.processor_s for outcome in found))
    inputs = sum(outcome.inputs for outcome in found)
    simulated_s = sum(outcome.simulated_s for outcome in found)
    return Summary(
        seeds=len(found),
        broken=tuple(outcome.seed for outcome in found if outcome.broken is not None),
        entries=sum(outcome.entries for outcome in found),
        inputs=inputs,
        lives=sum(outcome.lives for outcome in found),
        orders=sum(outcome.orders for outcome in found),
        fills=sum(outcome.fills for outcome in found),
        simulated_s=simulated_s,
        elapsed_s=round(elapsed_s, 3),
        processor_s=round(processor_s, 3),
        inputs_per_s=round(inputs / processor_s, 1),
        simulated_s_per_s=round(simulated_s / processor_s, 1),
        days=dict(sorted(Counter(outcome.day for outcome in found).items())),
        faults=dict(sorted(faults.items())),
        pairs=dict(sorted(pairs.items())),
    )


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


_HEADINGS = ("seed", "journal", "entries", "inputs", "lives", "orders", "fills", "faults", "result")


def _print(output: Output, outcome: Outcome) -> None:
    broken = outcome.broken
    result = "holds" if broken is None else f"invariant {broken.invariant} broken"
    output.line(
        _LINE.format(
            outcome.seed,
            outcome.journal_hash[:12],
            outcome.entries,
            outcome.inputs,
            outcome.lives,
            outcome.orders,
            outcome.fills,
            sum(outcome.faults.values()),
            result,
        ),
        "" if broken is None else "bold red",
    )


def _failure(outcome: Outcome, faults: str) -> str:
    broken = outcome.broken
    assert broken is not None  # noqa: S101  # for the type checker: only the broken come here
    again = f"stretto simulate --seeds {outcome.seed} --hours {outcome.hours}"
    again += "" if faults == "all" else f" --faults {faults}"
    return (
        f"stretto: seed {outcome.seed}: invariant {broken.invariant} broken after entry "
        f"{broken.seq}: {broken.text} (again: {again})"
    )


def _numbers(seeds: str) -> list[int]:
    match = _SEEDS.match(seeds)
    if match is None:
        raise InvalidInput("--seeds", f"{seeds!r} is no range", "a seed or A..B, like 1..100")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise InvalidInput("--seeds", f"{seeds} is empty", "A..B with B not below A")
    return list(range(first, last + 1))
