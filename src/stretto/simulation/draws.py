"""Draws of one scope of a seed: the same names, the same numbers, on any machine.

Nothing here depends on the order in which draws are asked for. Knows nothing of what is drawn.
"""

from __future__ import annotations

from typing import TypeVar

from stretto.core.values import PPM, digest, draw_below

Value = TypeVar("Value")


class Draws:
    """Draws named by a scope and a purpose."""

    def __init__(self, *scope: str) -> None:
        self._scope = scope

    def within(self, *scope: str) -> Draws:
        """The draws of a narrower scope."""
        return Draws(*self._scope, *scope)

    def below(self, purpose: str, bound: int) -> int:
        """A whole number in [0, bound); ``bound`` at least 1."""
        data = digest("simulation", *self._scope, purpose)
        return draw_below(bound, int.from_bytes(data[:8], "big"))

    def between(self, purpose: str, least: int, most: int) -> int:
        """A whole number in [least, most]."""
        return least + self.below(purpose, most - least + 1)

    def spread(self, purpose: str, least: int, most: int) -> int:
        """A whole number in [least, most], of each order of magnitude as often."""
        doublings = max(1, (most // max(1, least)).bit_length())
        low = least << self.below(f"{purpose} magnitude", doublings)
        return min(most, self.between(purpose, low, 2 * low))

    def chance(self, purpose: str, percent: int) -> bool:
        """True in ``percent`` of a hundred cases."""
        return self.below(purpose, PPM) < percent * PPM // 100

    def pick(self, purpose: str, *weighted: tuple[int, Value]) -> Value:
        """One of the values, each as often as its weight says."""
        left = self.below(purpose, sum(weight for weight, _ in weighted))
        for weight, value in weighted:
            if left < weight:
                return value
            left -= weight
        raise AssertionError("weights sum to the bound")

    def some(self, purpose: str, values: tuple[Value, ...], percent: int) -> tuple[Value, ...]:
        """Each of the values in ``percent`` of a hundred cases, in their order."""
        return tuple(
            value
            for place, value in enumerate(values)
            if self.chance(f"{purpose} {place}", percent)
        )
