"""Good subsets fast: greedy orders, then swaps until none helps, then forced insertions.

Deterministic and bounded by counts. Knows nothing of bounds or of the search.
"""

from __future__ import annotations

from collections.abc import Sequence

from stretto.core.limits import SUBSET_SWAP_ROUNDS_MAX
from stretto.core.subsets.subset_problem import Problem, bits, total_of


def greedy(problem: Problem, order: Sequence[int], chosen: int = 0) -> int:
    """``chosen`` plus every vertex of ``order`` that still fits, in that order."""
    adjacency = problem.adjacency
    blocked = chosen
    for vertex in bits(chosen):
        blocked |= adjacency[vertex]
    counts = [(cap.members, cap.limit) for cap in problem.caps if cap.amounts is None]
    loads = [cap for cap in problem.caps if cap.amounts is not None]
    left = [cap.limit - cap.used(chosen) for cap in loads]
    for vertex in order:
        bit = 1 << vertex
        if blocked & bit:
            continue
        if loads:
            rest = [most - cap.amount(vertex) for most, cap in zip(left, loads, strict=True)]
            if min(rest) < 0:
                continue
        more = chosen | bit
        for members, limit in counts:
            if (more & members).bit_count() > limit:
                break
        else:
            chosen = more
            blocked |= adjacency[vertex] | bit
            if loads:
                left = rest
    return chosen


def starting_subset(problem: Problem) -> int:
    """The best of several greedy orders, improved by swaps."""
    weights = problem.weights
    degree = [mask.bit_count() for mask in problem.adjacency]
    vertices = range(problem.size)
    orders = [
        list(vertices),
        sorted(vertices, key=lambda v: -weights[v]),
        sorted(vertices, key=lambda v: -(weights[v] * 1_000 // (degree[v] + 1))),
        sorted(vertices, key=lambda v: -(weights[v] * 1_000 // (degree[v] + 8))),
    ]
    found = [greedy(problem, order) for order in orders]
    best = max(found, key=lambda chosen: (problem.weight(chosen), problem.preference(chosen)))
    return improve(problem, best, orders[1])


def improve(problem: Problem, chosen: int, order: Sequence[int]) -> int:
    """Swap one in against those it excludes, or two in against one, until nothing gains."""
    for _ in range(SUBSET_SWAP_ROUNDS_MAX):
        better = _swap_in_one(problem, chosen, order)
        if better == chosen:
            better = _swap_in_two(problem, chosen, order)
        if better == chosen:
            return chosen
        chosen = greedy(problem, order, better)
    return chosen


def shaken(problem: Problem, chosen: int, rounds_max: int) -> int:
    """Force each vertex in once, repair and improve; keep what is better; repeat while it helps."""
    order = sorted(range(problem.size), key=lambda v: -problem.weights[v])
    best = problem.weight(chosen)
    for _ in range(rounds_max):
        before = best
        for vertex in order:
            if chosen >> vertex & 1:
                continue
            forced = _insert(problem, chosen, vertex)
            trial = improve(problem, greedy(problem, order, forced), order)
            weight = problem.weight(trial)
            if weight > best:
                best, chosen = weight, trial
        if best == before:
            break
    return chosen


def _insert(problem: Problem, chosen: int, vertex: int) -> int:
    """``chosen`` with ``vertex``, without its neighbours, and without the lightest while a cap
    is exceeded. ``vertex`` alone must fit.
    """
    chosen = chosen & ~problem.adjacency[vertex] | 1 << vertex
    for cap in problem.caps:
        while cap.used(chosen) > cap.limit:
            inside = bits(chosen & cap.members & ~(1 << vertex))
            chosen ^= 1 << min(inside, key=lambda v: (problem.weights[v], -v))
    return chosen


def _swap_in_one(problem: Problem, chosen: int, order: Sequence[int]) -> int:
    weights, adjacency = problem.weights, problem.adjacency
    lightest = min((weights[vertex] for vertex in bits(chosen)), default=0)
    for vertex in order:
        if chosen >> vertex & 1:
            continue
        rivals = adjacency[vertex] & chosen
        # Without a rival it was left out by a cap, so at least one must leave.
        if (total_of(weights, rivals) if rivals else lightest) >= weights[vertex]:
            continue
        trial = _insert(problem, chosen, vertex)
        if problem.weight(trial) > problem.weight(chosen):
            return trial
    return chosen


def _swap_in_two(problem: Problem, chosen: int, order: Sequence[int]) -> int:
    """Two non-adjacent vertices whose only chosen neighbour is the same one, against that one."""
    weights, adjacency = problem.weights, problem.adjacency
    waiting: dict[int, list[int]] = {}
    for vertex in order:
        rivals = adjacency[vertex] & chosen
        if rivals and not rivals & (rivals - 1) and not chosen >> vertex & 1:
            waiting.setdefault(rivals, []).append(vertex)
    for rival in sorted(waiting):
        entrants = waiting[rival]
        worth = weights[rival.bit_length() - 1]
        for place, first in enumerate(entrants):
            for second in entrants[place + 1 :]:
                if weights[first] + weights[second] <= worth:
                    break
                if not adjacency[first] >> second & 1:
                    trial = chosen ^ rival | 1 << first | 1 << second
                    if problem.within_caps(trial):
                        return trial
    return chosen
