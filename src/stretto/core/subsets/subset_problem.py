"""The problem of the best subset as whole numbers, and what every part of its solver shares.

Vertices are candidates, edges are conflicts; sets of vertices are bit masks in ``int``. Knows
nothing of accounts, correlations or money, and holds no solver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


def bits(mask: int) -> Iterator[int]:
    """The vertices of ``mask``, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def total_of(weights: Sequence[int], chosen: int) -> int:
    """The weights of a set of vertices in total; a loop, for a generator costs twice as much."""
    total = 0
    while chosen:
        low = chosen & -chosen
        total += weights[low.bit_length() - 1]
        chosen ^= low
    return total


@dataclass(frozen=True, slots=True)
class Cap:
    """The chosen vertices of ``members`` may together weigh at most ``limit``.

    ``amounts`` by vertex; None where each counts one.
    """

    members: int
    limit: int
    amounts: tuple[int, ...] | None = None

    def used(self, chosen: int) -> int:
        """What ``chosen`` takes of the limit."""
        inside = chosen & self.members
        if self.amounts is None:
            return inside.bit_count()
        return total_of(self.amounts, inside)

    def amount(self, vertex: int) -> int:
        """What one vertex takes of the limit."""
        if not self.members >> vertex & 1:
            return 0
        return 1 if self.amounts is None else self.amounts[vertex]

    @property
    def total(self) -> int:
        """What all members together would take."""
        return self.used(self.members)


@dataclass(frozen=True, slots=True)
class Problem:
    """Choose vertices of greatest total weight, no two adjacent, within every cap.

    ``weights`` are >= 0; bit j of ``adjacency[i]`` says that i and j exclude each other.
    """

    weights: tuple[int, ...]
    adjacency: tuple[int, ...]
    caps: tuple[Cap, ...] = ()

    @property
    def size(self) -> int:
        """Number of vertices."""
        return len(self.weights)

    def weight(self, chosen: int) -> int:
        """Total weight of a set."""
        return total_of(self.weights, chosen)

    def within_caps(self, chosen: int) -> bool:
        """Whether a set respects every cap."""
        return all(cap.used(chosen) <= cap.limit for cap in self.caps)

    def preference(self, chosen: int) -> int:
        """Among sets of equal weight the one with the greater value is preferred: the one that
        holds the lowest vertex in which they differ.
        """
        return sum(1 << (self.size - 1 - vertex) for vertex in bits(chosen))

    def restrict(self, vertices: Sequence[int]) -> Problem:
        """The same problem on ``vertices`` (ascending), renumbered; slack caps are dropped."""
        place = {vertex: index for index, vertex in enumerate(vertices)}
        keep = sum(1 << vertex for vertex in vertices)

        def renumber(mask: int) -> int:
            found = 0
            for vertex in bits(mask & keep):
                found |= 1 << place[vertex]
            return found

        caps = []
        for cap in self.caps:
            amounts = None if cap.amounts is None else tuple(cap.amounts[v] for v in vertices)
            smaller = Cap(renumber(cap.members), cap.limit, amounts)
            if smaller.total > smaller.limit:
                caps.append(smaller)
        return Problem(
            tuple(self.weights[vertex] for vertex in vertices),
            tuple(renumber(self.adjacency[vertex]) for vertex in vertices),
            tuple(caps),
        )


@dataclass(frozen=True, slots=True)
class Penalty:
    """A Lagrangian relaxation of the caps: what a cap costs is charged to the vertices.

    For every set within the caps: sum(charges) <= ``constant``. So its weight is at most
    ``constant`` + the sum of (weight - charge), whatever the charges are.
    """

    charges: tuple[int, ...]
    constant: int


def weighted_cover(
    adjacency: Sequence[int], residual: list[int], candidates: int
) -> tuple[list[int], list[int]]:
    """Cover ``candidates`` by weighted cliques; their weights bound any independent subset.

    A clique grows from the highest vertex down and takes the least residual weight of its members
    from all of them, so a vertex may be shared by several cliques (weight splitting: Held, Cook and
    Sewell 2012; as a bound at the nodes: Tavares 2016). Every candidate's residual must be > 0;
    ``residual`` is consumed. Returns the vertices in the order in which they were used up, and
    beside each the total weight of cliques until then: an upper bound on the weight of any
    independent subset of the vertices up to there.
    """
    order: list[int] = []
    totals: list[int] = []
    total = 0
    while candidates:
        rest = candidates
        clique = []
        least = residual[rest.bit_length() - 1]
        while rest:
            vertex = rest.bit_length() - 1
            clique.append(vertex)
            weight = residual[vertex]
            if weight < least:  # noqa: PLR1730 - min() costs a call in the innermost loop
                least = weight
            rest &= adjacency[vertex]
        total += least
        for vertex in clique:
            weight = residual[vertex] - least
            if weight:
                residual[vertex] = weight
            else:
                candidates ^= 1 << vertex
                order.append(vertex)
                totals.append(total)
    return order, totals
