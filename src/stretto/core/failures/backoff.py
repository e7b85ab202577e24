"""How long to wait and how much to ask for after a failure: arithmetic alone (DESIGN §4.9).

Attempts count from 1. Chance comes in as a draw of the book, so that a replay waits as long. Knows
nothing of orders, venues or why a request failed.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.errors import check
from stretto.core.limits import QUERY_DELAY_FIRST_NS, RATE_LIMIT_WAIT_NS_MAX
from stretto.core.terms.policy import FailurePolicy
from stretto.core.values import ONE, PPM, draw_below, floor_to_step, ppm_to_decimal


def retry_delay_ns(policy: FailurePolicy, attempt: int, draw_64: int) -> int:
    """Wait before retry ``attempt``: 5, 10, 20 s, and by chance up to a fifth more; never less."""
    check(attempt >= 1, "attempts count from 1")
    wait = policy.retry_delay_first_ns
    for _ in range(attempt - 1):
        wait *= policy.retry_delay_factor
    return wait + _jitter(policy, wait, draw_64)


def query_delay_ns(attempt: int) -> int:
    """Wait before query ``attempt`` of an order in doubt: 2, 4, 8, 16, 32 s."""
    check(attempt >= 1, "attempts count from 1")
    return QUERY_DELAY_FIRST_NS << (attempt - 1)


def rate_limit_wait_ns(policy: FailurePolicy, stated_ns: int | None, draw_64: int) -> int:
    """What the venue says, at most an hour, else the policy's wait; by chance up to a fifth more,
    so that those who wait for the same venue do not come back at once.
    """
    wait = policy.rate_limit_wait_ns if stated_ns is None else max(0, stated_ns)
    wait = min(wait, RATE_LIMIT_WAIT_NS_MAX)
    return wait + _jitter(policy, wait, draw_64)


def _jitter(policy: FailurePolicy, wait_ns: int, draw_64: int) -> int:
    return draw_below(wait_ns * policy.retry_jitter // PPM + 1, draw_64)


def size_factor(policy: FailurePolicy, attempt: int) -> Decimal:
    """Share of the quantity first asked for at retry ``attempt``: 0.7, then 0.49."""
    check(attempt >= 1, "attempts count from 1")
    factor = ONE
    for _ in range(attempt):
        factor *= ppm_to_decimal(policy.margin_retry_factor)
    return factor


def smaller_quantity(
    policy: FailurePolicy, quantity: Decimal, attempt: int, step: Decimal, minimum: Decimal
) -> Decimal | None:
    """Quantity of retry ``attempt`` for want of margin, rounded down to the lot step; None where
    that is below the smallest order or no smaller. The rest is abandoned.
    """
    smaller = floor_to_step(quantity * size_factor(policy, attempt), step)
    return smaller if minimum <= smaller < quantity and smaller > 0 else None


class WiderStop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop at the venue's smallest distance and the quantity that then risks no more."""

    distance: Decimal
    quantity: Decimal


def wider_stop(
    policy: FailurePolicy,
    distance: Decimal,
    distance_min: Decimal,
    quantity: Decimal,
    step: Decimal,
    minimum: Decimal,
) -> WiderStop | None:
    """The stop moved out to ``distance_min`` (price units), the size cut so that
    quantity × distance does not grow.

    None where there is nothing to widen (the distance sufficed, so the venue means something
    else), where it would pass 1.5 × the planned distance, or where the size falls below the
    smallest order: the order is abandoned.
    """
    check(distance > 0 and quantity > 0, "a stop has a distance and an order a quantity")
    if distance_min <= distance:
        return None
    if distance_min > distance * ppm_to_decimal(policy.stop_distance_factor_max):
        return None
    fits = floor_to_step(quantity * distance / distance_min, step)
    if fits < minimum or fits <= 0:
        return None
    return WiderStop(distance=distance_min, quantity=fits)
