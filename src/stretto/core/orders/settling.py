"""Where every unit of an allocation is once one of its orders moved (DESIGN §1.1).

Pure arithmetic, by certainty: what is filled counts first, then what a venue may still fill, then
what was given up, then what waits. Knows nothing of events, orders or accounts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from stretto.core.errors import check
from stretto.core.values import ZERO


class Settlement(NamedTuple):
    """Base units after a step. ``excess`` is what venues may still fill beyond the intended (an
    order that was dead lives, though its quantity went elsewhere); ``freed`` is with nobody, and
    has to be scheduled or abandoned by whoever asked.
    """

    filled: Decimal
    overfilled: Decimal
    excess: Decimal
    pending: Decimal
    abandoned: Decimal
    freed: Decimal


def settle(
    intended: Decimal, executed: Decimal, may_fill: Decimal, pending: Decimal, abandoned: Decimal
) -> Settlement:
    """Share ``intended`` out so that the identity holds. ``executed`` is everything that venues
    filled, ``may_fill`` what all live and in-doubt orders may still fill, ``pending`` and
    ``abandoned`` what was so before. Waiting quantity yields first, for it would be sent. Base
    units, none negative.
    """
    check(min(intended, executed, may_fill, pending, abandoned) >= 0, "a negative quantity")
    filled = min(executed, intended)
    left = intended - filled
    counted = min(may_fill, left)
    left -= counted
    given_up = min(abandoned, left)
    left -= given_up
    waits = min(pending, left)
    return Settlement(
        filled=filled,
        overfilled=executed - filled,
        excess=may_fill - counted,
        pending=waits,
        abandoned=given_up,
        freed=left - waits if left > waits else ZERO,
    )
