"""``stretto simulate``: the whole system on virtual time, seed after seed, with everything that can
go wrong; ends with an error where an invariant breaks.
"""

from __future__ import annotations

import re
from typing import Annotated

import typer

from stretto.cli.errors import EXIT_DIFFERENT, EXIT_INTERRUPTED
from stretto.cli.explain_seed import explain_seed
from stretto.cli.options import Json, output_of
from stretto.cli.output import Output
from stretto.cli.render_simulation import Totals, render_summary
from stretto.core.errors import InvalidInput
from stretto.simulation.drawn import HOURS_MAX, HOURS_MIN
from stretto.simulation.outcome import Outcome
from stretto.simulation.schedule import faults_named
from stretto.simulation.seeds import outcomes

_SEEDS = re.compile(r"(\d{1,12})(?:\.\.(\d{1,12}))?\Z")
_JOBS_MAX = 64
_LINE = "{:>9} {:<12} {:>7} {:>7} {:>5} {:>6} {:>6} {:>6}  {}"


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
    totals, found = Totals(allowed), []
    if not output.json:
        output.line(_LINE.format(*_HEADINGS), "bold")
    try:
        for outcome in outcomes(numbers, hours, allowed, jobs):
            totals.add(outcome)
            if output.json:
                found.append(outcome)
            else:
                _print(output, outcome)
            if totals.is_time_to_tell():
                output.said(f"stretto: {totals.so_far()} of {len(numbers):,} seeds")
        is_interrupted = False
    except KeyboardInterrupt:
        is_interrupted = True
    summary = totals.summary()
    if output.json:
        output.object({"summary": summary, "seeds": found})
    else:
        render_summary(output, summary)
    for outcome in totals.broken:
        output.said(_failure(outcome, faults), "bold red")
    if is_interrupted:
        output.said(f"stretto: interrupted after {summary.seeds:,} of {len(numbers):,} seeds")
        return EXIT_INTERRUPTED
    return EXIT_DIFFERENT if summary.broken else 0


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
