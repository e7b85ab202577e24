"""The best subset of candidates without a conflict, under caps, with a stated bound (DESIGN §4.4).

Maximum-weight independent set with side constraints: exact where branch and bound proves it within
a number of nodes, otherwise the best of greedy and local search, and how far off it may be.
Whole numbers throughout, so equal input gives equal output on every machine. Knows nothing of
accounts, correlations or why two candidates conflict.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stretto.core import limits
from stretto.core.errors import check
from stretto.core.subsets.subset_bound import RootBound, count_penalty, root_bound
from stretto.core.subsets.subset_local import shaken, starting_subset
from stretto.core.subsets.subset_problem import Cap, Penalty, Problem, bits
from stretto.core.subsets.subset_search import Outcome, Search
from stretto.core.values import PPM


class Subset(msgspec.Struct, frozen=True, kw_only=True):
    """``selected`` ascending; ``score`` its total; no subset scores more than ``bound``.

    ``proven`` where bound = score; ``gap_ppm`` = (bound - score) / bound in 1e-6, rounded up.
    """

    selected: tuple[int, ...]
    score: int
    bound: int
    nodes: int
    proven: bool
    gap_ppm: int


def best_subset(
    scores: Sequence[int],
    conflicts: Sequence[int],
    *,
    accounts_max: int,
    owner: Sequence[int] | None = None,
    owner_max: int | None = None,
    quantity: Sequence[int] | None = None,
    quantity_max: int | None = None,
    margin: Sequence[int] | None = None,
    margin_max: int | None = None,
    nodes_max: int = limits.SUBSET_NODES_MAX,
) -> Subset:
    """Candidates of the greatest total score, no two in conflict, within every cap.

    ``scores`` >= 0; bit j of ``conflicts[i]`` where i and j exclude each other (symmetric). At most
    ``accounts_max`` candidates; at most ``owner_max`` of equal ``owner``; ``quantity`` and
    ``margin`` (>= 0, any whole unit) in total at most their maximum. A maximum of None is no cap.
    Among subsets of equal score the one is preferred that holds the lowest candidate in which they
    differ; that is exact unless more than 500 nodes would be needed to tell them apart. The search
    visits at most ``nodes_max`` nodes, and the root of each part that conflicts with no other part.
    Malformed input raises InvariantViolated.
    """
    _check_input(scores, conflicts, accounts_max, nodes_max)
    limited = ((owner, owner_max), (quantity, quantity_max), (margin, margin_max))
    if all(most is None for _, most in limited):
        best = _best_alone(scores, conflicts, accounts_max)
        if best is not None:
            return best
    problem = _problem(scores, conflicts, accounts_max, owner, owner_max)
    loads = ((quantity, quantity_max), (margin, margin_max))
    problem = Problem(problem.weights, problem.adjacency, problem.caps + _loads(loads))
    vertices = _best_free(problem, _undominated(problem, _admissible(problem)))
    problem = problem.restrict(vertices)
    chosen = score = bound = nodes = 0
    if problem.caps:
        parts: list[Sequence[int]] = [range(problem.size)]
    else:
        free = [vertex for vertex, mask in enumerate(problem.adjacency) if not mask]
        chosen = sum(1 << vertices[vertex] for vertex in free)
        score = bound = sum(problem.weights[vertex] for vertex in free)
        parts = _components(problem)
    for part in parts:
        alone = problem if len(part) == problem.size else problem.restrict(part)
        outcome = _solve(alone, max(1, nodes_max - nodes))
        chosen |= sum(1 << vertices[part[vertex]] for vertex in bits(outcome.chosen))
        score += outcome.weight
        bound += outcome.bound
        nodes += outcome.nodes
    check(score <= bound, "the bound of a subset lies below its score")
    return Subset(
        selected=tuple(bits(chosen)),
        score=score,
        bound=bound,
        nodes=nodes,
        proven=score == bound,
        gap_ppm=-((score - bound) * PPM // bound) if bound else 0,
    )


def _best_alone(
    scores: Sequence[int], conflicts: Sequence[int], accounts_max: int
) -> Subset | None:
    """The candidates of highest score where no two of them conflict: nothing can be better."""
    best = sorted(range(len(scores)), key=lambda vertex: (-scores[vertex], vertex))[:accounts_max]
    chosen = sum(1 << vertex for vertex in best)
    if any(conflicts[vertex] & chosen for vertex in best):
        return None
    score = sum(scores[vertex] for vertex in best)
    return Subset(
        selected=tuple(sorted(best)), score=score, bound=score, nodes=0, proven=True, gap_ppm=0
    )


def _check_input(
    scores: Sequence[int], conflicts: Sequence[int], accounts_max: int, nodes_max: int
) -> None:
    size = len(scores)
    check(len(conflicts) == size, "scores and conflicts must have equal length")
    check(all(score >= 0 for score in scores), "a score must not be negative")
    check(accounts_max >= 0, "accounts_max must not be negative")
    check(nodes_max >= 1, "at least one node must be allowed")
    above = below = 0
    for vertex, mask in enumerate(conflicts):
        check(0 <= mask < 1 << size, "a conflict names no candidate")
        check(not mask >> vertex & 1, "a candidate conflicts with itself")
        later = mask >> vertex << vertex
        above += later.bit_count()
        below += (mask ^ later).bit_count()
        check(
            all(conflicts[other] >> vertex & 1 for other in bits(later)),
            "conflicts must be symmetric",
        )
    # Each conflict with a later candidate has its other half, and there are no more halves.
    check(above == below, "conflicts must be symmetric")


def _problem(
    scores: Sequence[int],
    conflicts: Sequence[int],
    accounts_max: int,
    owner: Sequence[int] | None,
    owner_max: int | None,
) -> Problem:
    """Scores, conflicts and the caps on numbers; one account an owner is a conflict of them all."""
    size = len(scores)
    everyone = (1 << size) - 1
    adjacency = list(conflicts)
    caps = [Cap(everyone, accounts_max)]
    if owner_max is not None:
        check(owner is not None and len(owner) == size, "owner_max needs an owner of each")
        check(owner_max >= 0, "owner_max must not be negative")
        groups: dict[int, int] = {}
        for vertex, name in enumerate(owner or ()):
            groups[name] = groups.get(name, 0) | 1 << vertex
        for members in groups.values():
            if owner_max == 1:
                for vertex in bits(members):
                    adjacency[vertex] |= members & ~(1 << vertex)
            else:
                caps.append(Cap(members, owner_max))
    return Problem(tuple(scores), tuple(adjacency), tuple(caps))


def _loads(
    loads: tuple[tuple[Sequence[int] | None, int | None], ...],
) -> tuple[Cap, ...]:
    caps = []
    for amounts, limit in loads:
        if limit is not None:
            check(amounts is not None and limit >= 0, "a maximum needs amounts and is >= 0")
            values = tuple(amounts or ())
            check(all(value >= 0 for value in values), "an amount must not be negative")
            caps.append(Cap((1 << len(values)) - 1, limit, values))
    return tuple(caps)


def _admissible(problem: Problem) -> list[int]:
    """The vertices that break no cap by themselves; the others can be in no subset."""
    for cap in problem.caps:
        check(cap.members >> problem.size == 0, "amounts and scores must have equal length")
        check(
            cap.amounts is None or len(cap.amounts) == problem.size,
            "amounts and scores must have equal length",
        )
    return [
        vertex
        for vertex in range(problem.size)
        if all(cap.amount(vertex) <= cap.limit for cap in problem.caps)
    ]


def _undominated(problem: Problem, vertices: list[int]) -> list[int]:
    """``vertices`` without those that a neighbour can replace in every subset at no loss.

    That neighbour conflicts with nothing else, scores at least as much (at equal score it must come
    first, to keep the preference among ties) and takes no more of any cap (Lamm et al. 2019).
    """
    binding = [cap for cap in problem.caps if cap.total > cap.limit]
    weights, adjacency = problem.weights, problem.adjacency
    alive = sum(1 << vertex for vertex in vertices)
    for vertex in vertices:
        closed = adjacency[vertex] & alive | 1 << vertex
        beyond = alive & ~closed
        for other in bits(closed ^ 1 << vertex):
            if (
                not adjacency[other] & beyond
                and (weights[other], -other) > (weights[vertex], -vertex)
                and all(cap.amount(other) <= cap.amount(vertex) for cap in binding)
            ):
                alive ^= 1 << vertex
                break
    return list(bits(alive))


def _best_free(problem: Problem, vertices: list[int]) -> list[int]:
    """``vertices`` without those in no conflict that cannot get in: where one number is all that
    limits, as many better ones in no conflict as it allows come first.
    """
    alive = sum(1 << vertex for vertex in vertices)
    binding = [cap for cap in problem.caps if cap.used(alive) > cap.limit]
    if len(binding) != 1 or binding[0].amounts is not None or alive & ~binding[0].members:
        return vertices
    free = [vertex for vertex in vertices if not problem.adjacency[vertex] & alive]
    free.sort(key=lambda vertex: (-problem.weights[vertex], vertex))
    late = frozenset(free[binding[0].limit :])
    return [vertex for vertex in vertices if vertex not in late]


def _components(problem: Problem) -> list[Sequence[int]]:
    """Parts of two and more without a conflict between them, the smallest first."""
    parts: list[Sequence[int]] = []
    left = sum(1 << vertex for vertex, mask in enumerate(problem.adjacency) if mask)
    while left:
        part = 0
        fresh = left & -left
        while fresh:
            part |= fresh
            reached = 0
            for vertex in bits(fresh):
                reached |= problem.adjacency[vertex]
            fresh = reached & ~part
        left &= ~part
        parts.append(list(bits(part)))
    return sorted(parts, key=lambda part: (len(part), *part))


def _solve(problem: Problem, nodes_max: int) -> Outcome:
    """One part: a short search, then the linear relaxation, fixing, shaking and a long search."""
    if problem.size <= 1:
        everyone = (1 << problem.size) - 1
        weight = problem.weight(everyone)
        return Outcome(everyone, weight, weight, 0, True)
    start = starting_subset(problem)
    search = Search(problem, _penalties(problem, start), start, limits.SUBSET_TIE_NODES)
    probe = max(1, nodes_max // limits.SUBSET_PROBE_SHARE)
    first = search.run(min(limits.SUBSET_PROBE_NODES, probe))
    if first.bound == first.weight:
        first = search.run(nodes_max)
    if first.finished or first.nodes >= nodes_max:
        return first
    return _solve_hard(problem, first, nodes_max)


def _penalties(problem: Problem, chosen: int) -> list[Penalty]:
    """No charge; and where the number is used up, the lightest chosen vertex's weight for each."""
    none = Penalty((0,) * problem.size, 0)
    if not problem.caps or problem.caps[0].amounts is not None:
        return [none]
    cap = problem.caps[0]
    if cap.members != (1 << problem.size) - 1 or cap.used(chosen) < cap.limit:
        return [none]
    price = min((problem.weights[vertex] for vertex in bits(chosen)), default=0)
    return [count_penalty(problem, price), none]


def _solve_hard(problem: Problem, first: Outcome, nodes_max: int) -> Outcome:
    root = root_bound(problem)
    vertices = list(range(problem.size))
    if root is None:
        chosen = shaken(problem, first.chosen, limits.SUBSET_SHAKE_ROUNDS)
        return _finish(problem, vertices, chosen, None, first, nodes_max)
    chosen = first.chosen
    kept = _unfixed(root, vertices, chosen, first.weight)
    if len(kept) - chosen.bit_count() > limits.SUBSET_SHAKE_OPEN_MIN:
        shaken_part = shaken(
            problem.restrict(kept), _narrowed(chosen, kept), limits.SUBSET_SHAKE_ROUNDS
        )
        chosen = _widened(shaken_part, kept)
        kept = _unfixed(root, kept, chosen, problem.weight(chosen))
    return _finish(problem, kept, chosen, root, first, nodes_max)


def _finish(
    problem: Problem,
    kept: list[int],
    chosen: int,
    root: RootBound | None,
    first: Outcome,
    nodes_max: int,
) -> Outcome:
    """The long search over the vertices that are not fixed out."""
    penalties = [Penalty((0,) * len(kept), 0)]
    bound = first.bound
    if root is not None:
        bound = min(bound, root.bound)
        if root.penalty.constant:
            charges = tuple(root.penalty.charges[vertex] for vertex in kept)
            penalties.insert(0, Penalty(charges, root.penalty.constant))
    search = Search(
        problem.restrict(kept), penalties, _narrowed(chosen, kept), limits.SUBSET_TIE_NODES
    )
    outcome = search.run(nodes_max - first.nodes)
    # What was fixed out can improve on no subset found, so the search's bound holds for the whole.
    bound = min(bound, outcome.bound)
    found = _widened(outcome.chosen, kept)
    return Outcome(found, outcome.weight, bound, first.nodes + outcome.nodes, outcome.finished)


def _unfixed(root: RootBound, vertices: list[int], chosen: int, weight: int) -> list[int]:
    """The vertices that may be in a subset at least as heavy: as heavy, it may be preferred."""
    return [v for v in vertices if root.with_vertex[v] >= weight or chosen >> v & 1]


def _narrowed(chosen: int, kept: list[int]) -> int:
    return sum(1 << place for place, vertex in enumerate(kept) if chosen >> vertex & 1)


def _widened(chosen: int, kept: list[int]) -> int:
    return sum(1 << kept[place] for place in bits(chosen))
