"""Branch and bound for the best subset, in whole numbers, limited by a count of nodes.

Each node covers its candidates by weighted cliques. Candidates used up before the cover outweighs
what the best subset leaves to be gained cannot improve on it by themselves, so only the others are
branched on, each against all before it (San Segundo et al. 2011; WLMC: Jiang, Li and Manya 2017).
Caps act twice: exactly, by striking candidates that no longer fit, and in the bound, by charging
their prices to the vertices. Knows nothing of where a penalty comes from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from stretto.core.subsets.subset_problem import Penalty, Problem, bits, weighted_cover


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best subset found, its weight, an upper bound on any subset's, and nodes visited.

    ``finished`` where nothing was left to visit, neither for weight nor for preference.
    """

    chosen: int
    weight: int
    bound: int
    nodes: int
    finished: bool


@dataclass(slots=True)
class _Node:
    """A partial subset; ``reduced`` is its weight net of charges, by penalty."""

    candidates: int
    chosen: int
    weight: int
    preference: int
    reduced: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(slots=True)
class _Frame:
    """A node whose children are being visited, last of ``order`` first; ``bounds`` ascend."""

    node: _Node
    order: list[int]
    bounds: list[int]
    remaining: int


class _Load:
    """A cap with amounts: which vertices still fit into what is left of it."""

    def __init__(self, amounts: Sequence[int]) -> None:
        by_amount = sorted(range(len(amounts)), key=lambda vertex: amounts[vertex])
        self.amounts = tuple(amounts)
        self._sorted = [amounts[vertex] for vertex in by_amount]
        self._fits = [0]
        for vertex in by_amount:
            self._fits.append(self._fits[-1] | 1 << vertex)

    def fitting(self, left: int) -> int:
        """The vertices whose amount is at most ``left``."""
        return self._fits[bisect_right(self._sorted, left)]


class Search:
    """One run over one problem. Vertices are renumbered inside, by ``_crowded_first``.

    Up to ``tie_nodes`` nodes, subsets of equal weight are followed up too, for the preferred one
    among them; after that only greater weight counts.
    """

    def __init__(
        self, problem: Problem, penalties: Sequence[Penalty], start: int, tie_nodes: int
    ) -> None:
        size = problem.size
        self._original = ordered = _crowded_first(problem)
        place = {vertex: index for index, vertex in enumerate(ordered)}

        def renumber(mask: int) -> int:
            found = 0
            for vertex in bits(mask):
                found |= 1 << place[vertex]
            return found

        self._by_index = [place[vertex] for vertex in range(size)]
        self._weights = [problem.weights[vertex] for vertex in ordered]
        self._adjacency = [renumber(problem.adjacency[vertex]) for vertex in ordered]
        self._preference = [1 << (size - 1 - vertex) for vertex in ordered]
        self._outside = [~(mask | 1 << v) for v, mask in enumerate(self._adjacency)]
        self._counts: list[list[tuple[int, int]]] = [[] for _ in ordered]
        self._loads: list[_Load] = []
        left = []
        for cap in problem.caps:
            if cap.amounts is None:
                members = renumber(cap.members)
                for vertex in bits(members):
                    self._counts[vertex].append((members, cap.limit))
            else:
                self._loads.append(_Load([cap.amount(vertex) for vertex in ordered]))
                left.append(cap.limit)
        self._net = [
            [problem.weights[vertex] - penalty.charges[vertex] for vertex in ordered]
            for penalty in penalties
        ]
        self._worthless = [
            sum(1 << vertex for vertex, net in enumerate(nets) if net <= 0) for nets in self._net
        ]
        self._tie_nodes = tie_nodes
        self._best = problem.weight(start)
        self._best_chosen = renumber(start)
        self._best_preference = problem.preference(start)
        constants = tuple(penalty.constant for penalty in penalties)
        self._root = _Node((1 << size) - 1, 0, 0, 0, constants, tuple(left))
        self._nodes = 0
        self._stack: list[_Frame] = []
        self._root_bound = 0

    def run(self, nodes_max: int) -> Outcome:
        """Go on until ``nodes_max`` nodes in all; the bound is exact if that was enough."""
        if not self._nodes:
            self._nodes = 1
            self._enter(self._root)
            self._root_bound = self._stack[0].bounds[-1] if self._stack else self._best
        while self._stack and self._nodes < nodes_max:
            frame = self._stack[-1]
            if not frame.order or self._closed(frame.bounds[-1]):
                self._stack.pop()
                continue
            vertex = frame.order.pop()
            frame.bounds.pop()
            frame.remaining ^= 1 << vertex
            self._nodes += 1
            self._enter(self._child(frame.node, frame.remaining, vertex))
        opened = [frame.bounds[-1] for frame in self._stack if frame.bounds]
        finished = all(self._closed(bound) for bound in opened)
        bound = min(self._root_bound, max([self._best, *opened]))
        chosen = sum(1 << self._original[vertex] for vertex in bits(self._best_chosen))
        return Outcome(chosen, self._best, max(bound, self._best), self._nodes, finished)

    def _enter(self, node: _Node) -> None:
        frame = self._open(node)
        if frame:
            self._stack.append(frame)

    def _closed(self, bound: int) -> bool:
        return bound < self._best or (bound == self._best and self._nodes > self._tie_nodes)

    def _child(self, node: _Node, candidates: int, vertex: int) -> _Node:
        """``node`` with ``vertex`` chosen, ``candidates`` struck of all that no longer fits."""
        chosen = node.chosen | 1 << vertex
        candidates &= self._outside[vertex]
        for members, limit in self._counts[vertex]:
            if (chosen & members).bit_count() >= limit:
                candidates &= ~members
        left = node.left
        if left:
            left = tuple(
                rest - load.amounts[vertex] for rest, load in zip(left, self._loads, strict=True)
            )
            for rest, load in zip(left, self._loads, strict=True):
                candidates &= load.fitting(rest)
        return _Node(
            candidates,
            chosen,
            node.weight + self._weights[vertex],
            node.preference + self._preference[vertex],
            tuple([base + net[vertex] for base, net in zip(node.reduced, self._net, strict=True)]),
            left,
        )

    def _open(self, node: _Node) -> _Frame | None:
        """Record the node's subset; its children, or None where none can be better."""
        if node.weight > self._best or (
            node.weight == self._best and node.preference > self._best_preference
        ):
            self._best = node.weight
            self._best_chosen = node.chosen
            self._best_preference = node.preference
        candidates = node.candidates
        if not candidates:
            return None
        found: _Frame | None = None
        fewest = 0
        for which, base in enumerate(node.reduced):
            worthless = candidates & self._worthless[which]
            order, totals = weighted_cover(
                self._adjacency, self._net[which].copy(), candidates ^ worthless
            )
            bounds = [base + total for total in totals]
            highest = bounds[-1] if bounds else base
            if self._closed(highest) or (
                highest == self._best and self._completed(node) <= self._best_preference
            ):
                return None
            if not self._closed(base):
                # Even vertices that cost more than they bring must be branched on then.
                idle = list(bits(worthless))
                order, bounds = idle + order, [base] * len(idle) + bounds
            branches = len(bounds) - bisect_right(bounds, self._best)
            if found is None or branches < fewest:
                found, fewest = _Frame(node, order, bounds, candidates), branches
        return found

    def _completed(self, node: _Node) -> int:
        """The greatest preference that any subset within the node can have: lowest vertex first."""
        for vertex in self._by_index:
            if node.candidates >> vertex & 1:
                node = self._child(node, node.candidates, vertex)
        return node.preference


def _crowded_first(problem: Problem) -> list[int]:
    """The vertices in the order in which they go when always the one with most neighbours left
    goes, the lightest of equals. Covers that begin at the other end, and branch at this one, need
    half the nodes that they need by plain degree.
    """
    weights, adjacency = problem.weights, problem.adjacency
    neighbour = max(weights, default=0) + 1  # outweighs every difference of weights
    crowd = [mask.bit_count() * neighbour - weights[v] for v, mask in enumerate(adjacency)]
    left = list(range(problem.size))
    alive = (1 << problem.size) - 1
    order = []
    while left:
        vertex = max(left, key=crowd.__getitem__)
        left.remove(vertex)
        order.append(vertex)
        alive ^= 1 << vertex
        for other in bits(adjacency[vertex] & alive):
            crowd[other] -= neighbour
    return order
