"""The best subset: time on one core, nodes and gap for conflicts as factor models make them.

Two candidates conflict where the product of their random factor directions exceeds 0.7, in 2 to 6
dimensions, with and without a cap on their number. Targets: 100 candidates proven in 150 ms;
200 within 12,000 nodes with a stated bound. ``python -m bench subset`` prints it.
"""

from __future__ import annotations

import random
import time
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.scale import scaled
from stretto.core.subsets.subset import Subset, best_subset

DIMENSIONS = (2, 3, 4, 5, 6)
CAPS = (10, 20, 30)
SEEDS = scaled(3, 1)


def instance(size: int, dimensions: int, seed: int) -> tuple[list[int], list[int]]:
    """Scores in 1e-6 and conflicts as bit masks."""
    draw = random.Random(1_000 * dimensions + seed)
    directions = []
    for _ in range(size):
        vector = [draw.gauss(0, 1) for _ in range(dimensions)]
        length = sum(part * part for part in vector) ** 0.5
        directions.append([part / length for part in vector])
    conflicts = [0] * size
    for i, first in enumerate(directions):
        for j, second in enumerate(directions[:i]):
            if abs(sum(a * b for a, b in zip(first, second, strict=True))) > 0.7:
                conflicts[i] |= 1 << j
                conflicts[j] |= 1 << i
    return [draw.randint(300_000, 900_000) for _ in range(size)], conflicts


def mostly_free(size: int, in_conflict: int, seed: int) -> tuple[list[int], list[int]]:
    """The common case: only some of the candidates are in any conflict."""
    _, inner = instance(in_conflict, 4, seed)
    draw = random.Random(seed)
    places = sorted(draw.sample(range(size), in_conflict))
    conflicts = [0] * size
    for i, mask in enumerate(inner):
        conflicts[places[i]] = sum(1 << places[j] for j in range(in_conflict) if mask >> j & 1)
    return [draw.randint(300_000, 900_000) for _ in range(size)], conflicts


def solved(scores: list[int], conflicts: list[int], cap: int) -> tuple[float, Subset]:
    """CPU milliseconds, and the subset."""
    started = time.process_time_ns()
    subset = best_subset(scores, conflicts, accounts_max=cap)
    return (time.process_time_ns() - started) / 1e6, subset


def row(name: str, runs: list[tuple[float, Subset]]) -> tuple[str, ...]:
    """Medians and worst of a set of runs."""
    spent = [milliseconds for milliseconds, _ in runs]
    nodes = [subset.nodes for _, subset in runs]
    gaps = [subset.gap_ppm / 10_000 for _, subset in runs]
    return (
        name,
        f"{median(spent):.0f}",
        f"{max(spent):.0f}",
        f"{median(nodes):.0f}",
        f"{max(nodes)}",
        f"{sum(subset.proven for _, subset in runs)}/{len(runs)}",
        f"{median(gaps):.2f}",
        f"{max(gaps):.2f}",
    )


def rows(seeds: int) -> list[tuple[str, ...]]:
    """One row for each shape of problem, and one over all of 100 and of 200 candidates."""
    made = []
    for size in (100, 200):
        everything = []
        for dimensions in DIMENSIONS:
            problems = [instance(size, dimensions, seed) for seed in range(seeds)]
            for cap in (*CAPS, size):
                runs = [solved(scores, conflicts, cap) for scores, conflicts in problems]
                everything += runs
                name = f"{size}, {dimensions} factors, {f'cap {cap}' if cap < size else 'no cap'}"
                made.append(row(name, runs))
        made.append(row(f"{size}, all of these", everything))
    for cap in (30, 60, 200):
        problems = [mostly_free(200, 50, seed) for seed in range(max(seeds, 8))]
        runs = [solved(scores, conflicts, cap) for scores, conflicts in problems]
        made.append(row(f"200, 50 linked, cap {cap}", runs))
    return made


def main() -> None:
    """Print the table."""
    table = Table(title=f"Best subset, medians, CPU time, seeds a row: {SEEDS}", box=None)
    table.add_column("candidates", no_wrap=True)
    for name in ("ms", "worst", "nodes", "worst", "proven", "gap %", "worst"):
        table.add_column(name, justify="right")
    for cells in rows(SEEDS):
        table.add_row(*cells)
    Console().print(table)


if __name__ == "__main__":
    main()
