"""``stretto simulate --explain``: what a seed that breaks an invariant needs for it, and its story.

Prints what the shrinker left and the timeline up to the break. Decides nothing.
"""

from __future__ import annotations

from stretto.cli.errors import EXIT_DIFFERENT
from stretto.cli.output import Output
from stretto.core.values import iso
from stretto.simulation.drawn import DrawnWorld
from stretto.simulation.invariants import NAMES
from stretto.simulation.schedule import Named, Schedule
from stretto.simulation.shrink import items_of, shrink
from stretto.simulation.stage import drawn, perform
from stretto.simulation.timeline import Timeline


def explain_seed(output: Output, seed: int, hours: int, allowed: Named) -> int:
    """Shrink the seed and print what is left and what happens; the code to leave with."""
    world, schedule = drawn(seed, hours, allowed)
    whole = len(items_of(world, schedule))
    shrunk = shrink(seed, hours, world, schedule)
    timeline = Timeline(shrunk.world.config, sorted(shrunk.world.venues))
    outcome = perform(seed, hours, shrunk.world, shrunk.schedule, timeline)
    broken = outcome.broken
    needed = _needed(shrunk.world, shrunk.schedule)
    if output.json:
        lines = [{"at": iso(line.at), "text": line.text.strip()} for line in timeline.lines]
        output.object(
            {"seed": seed, "hours": hours, "broken": broken, "needed": needed, "timeline": lines}
        )
        return EXIT_DIFFERENT if broken else 0
    for line in timeline.lines:
        output.line(str(line))
    output.line()
    if broken is None:
        output.line(f"Seed {seed} holds: {outcome.entries:,} entries, every invariant checked.")
        return 0
    left = len(items_of(shrunk.world, shrunk.schedule))
    output.line(f"Needed: {left} of {whole} faults, signals and requests ({shrunk.runs} runs)")
    for text in needed:
        output.line(f"  {text}")
    output.line()
    name = NAMES.get(broken.invariant, "")
    output.line(f"Invariant {broken.invariant} ({name}) broken after entry {broken.seq}:", "bold")
    output.line(f"  {broken.text}", "bold red")
    return EXIT_DIFFERENT


def _needed(world: DrawnWorld, schedule: Schedule) -> list[str]:
    """What is left, in words."""
    rate = schedule.rate_ppm / 10_000
    found = [
        f"fault {kind.value} at {venue}, in {rate:g} % of its occasions"
        for venue, kinds in sorted(schedule.venue_faults.items())
        for kind in kinds
    ]
    found += [f"crash at {iso(c.at)}, {c.boundary.value}" for c in schedule.crashes]
    found += [f"disk fails at {iso(d.at)}, {d.boundary.value}" for d in schedule.disk]
    found += [f"clock jumps at {iso(c.at)} to {c.offset_ns / 1e9:+g} s" for c in schedule.clock]
    found += [f"pause at {iso(p.at)} of {p.length_ns / 1e9:g} s" for p in schedule.pauses]
    found += ["the process gives way at its ports"] if schedule.yields else []
    found += [
        f"{signal.action.value} {signal.signal_id} at {iso(at)}" for at, signal in world.arrivals
    ]
    return found + [
        f"{item.actor} asks {item.action.__struct_config__.tag} at {iso(at)}"
        for at, item in world.requests
    ]
