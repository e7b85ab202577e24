"""Which order states each kind of fault can meet in a simulation, and why it meets no others.

Computed from the order machine's table, from what the simulated venue says, and from the occasions
at which each fault strikes. A pair that needs messages to cross is met by chance alone: that is
known, and not asked of a run. Knows nothing of how a run goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from stretto.brokers.sim_faults import FaultKind
from stretto.core.orders.order_table import (
    FINAL,
    STATE_OF_STATUS,
    TABLE,
    TERMINAL,
    OrderInput,
    OrderState,
    Rule,
)
from stretto.core.terms.report import OrdStatus
from stretto.simulation.schedule import Boundary, Named, ProcessFault

On, S, K = OrderInput, OrderState, FaultKind
States = frozenset[OrderState]

# What no simulated venue says of an order.
_UNSAID = frozenset({On.PENDING_NEW, On.DONE_FOR_DAY, On.CALCULATED, On.STOPPED, On.SUSPENDED})
_STATUSES = frozenset(
    {
        OrdStatus.NEW,
        OrdStatus.PARTIALLY_FILLED,
        OrdStatus.FILLED,
        OrdStatus.CANCELED,
        OrdStatus.EXPIRED,
        OrdStatus.REJECTED,
        OrdStatus.PENDING_CANCEL,
        OrdStatus.PENDING_REPLACE,
    }
)
# What happens to an order of which the venue has said nothing yet: a word of its own, or a proof,
# needs the order to have arrived or its time to have passed.
_BEFORE_ANY_WORD = frozenset(
    {On.SENT, On.OUTCOME_UNKNOWN, On.QUERIED, On.CANCEL_REQUESTED, On.STATUS_UNKNOWN}
)


def reached(start: OrderState, inputs: Iterable[OrderInput]) -> States:
    """The states that the table leads to from ``start`` by these inputs, ``start`` included; where
    it leaves the state to the venue's word, every status that a simulated venue gives.
    """
    allowed, found, new = list(inputs), {start}, [start]
    said = {STATE_OF_STATUS[status] for status in _STATUSES}
    while new:
        state = new.pop()
        for kind in allowed:
            row = TABLE.get((state, kind))
            if row is None or row in (Rule.KEEP, Rule.ALARM):
                continue
            after = said if row is Rule.REPORTED else {OrderState(row)}
            new += sorted(after - found)
            found |= after
    return frozenset(found)


SEEN = reached(S.SUBMITTING, (kind for kind in On if kind not in _UNSAID))
"""States in which the journal of a simulated run can show an order."""
LIVE = SEEN - TERMINAL
ARRIVING = reached(S.SUBMITTING, _BEFORE_ANY_WORD)
"""States in which the book can hold an order that is just arriving at its venue."""


class Occasion(StrEnum):
    """When a fault strikes, and so which orders it meets."""

    ANYTIME = "at any time, meeting every live order"
    VIEW = "in a view of an account, meeting its live orders"
    ARRIVAL = "as an order arrives at its venue"
    WRITE = "as a command about an order is written"
    WORD = "as the venue says something of an order"
    ANSWER = "as the venue answers a question about an order it has"
    TRADE = "as an entry trades at its venue"
    COMPLETION = "as an entry fills to the full at its venue"
    CANCEL = "as a cancel reaches an order that works"
    CANCELED = "as the venue cancels an order at the book's request"


class Pair(Struct, frozen=True, kw_only=True):
    """Whether a fault can meet an order in a state. ``why_not``: empty where every run of nightly
    size should visit it. ``by_chance``: it can be met all the same.
    """

    why_not: str = ""
    by_chance: bool = False


OCCASIONS: dict[str, Occasion] = {
    **{f"crash {boundary.value}": Occasion.ANYTIME for boundary in Boundary},
    **{f"disk {b.value}": Occasion.ANYTIME for b in Boundary if b.value.startswith("append")},
    **{
        each.value: Occasion.ANYTIME
        for each in ProcessFault
        if each not in (ProcessFault.CRASH, ProcessFault.DISK)
    },
    **dict.fromkeys((K.STALE_VIEW, K.PARTIAL_VIEW, K.MISSING_SYMBOL), Occasion.VIEW),
    **dict.fromkeys(
        (
            K.SUSPENSION, K.MARGIN_CHANGE, K.SESSION_END, K.STOPS_WIDENED, K.RATE_LIMIT, K.REQUOTE,
            K.CHANCE_REJECT, K.PARTIAL_FILL, K.UNSOLICITED_CANCEL, K.ACKNOWLEDGEMENT_LOST,
            K.DUPLICATE_ANSWER,
        ),
        Occasion.ARRIVAL,
    ),
    **dict.fromkeys(
        (K.REQUEST_LOST, K.NO_ANSWER, K.PARTITION, K.HALF_OPEN, K.VENUE_RESTART), Occasion.WRITE
    ),
    **dict.fromkeys((K.REPORT_DELAYED, K.REPORT_REORDERED, K.REPORT_DUPLICATED), Occasion.WORD),
    K.STALE_STATUS: Occasion.ANSWER,
    **dict.fromkeys((K.TRADE_BUST, K.TRADE_CORRECTION, K.VENUE_CLOSE), Occasion.TRADE),
    K.OVERFILL: Occasion.COMPLETION,
    K.FILL_CANCEL_RACE: Occasion.CANCEL,
    K.LATE_FILL: Occasion.CANCELED,
}  # fmt: skip
"""Every fault that a run can name, and its occasion."""

_CROSSING = "a message about its end crosses the command on its way"
_ENDED = frozenset({S.FILLED, *FINAL})
_OVER = frozenset({S.CANCELED, S.EXPIRED, S.REJECTED})
_UNWORKED = "the venue has said already that the order is over"
_PROVEN = (
    "what is proven dead was not at the venue, or is over there; a person may be told too early"
)
_OUTRANKED = "a cancel outranks all else of an order, unless one before it was refused meanwhile"
_OTHERS = frozenset({S.NEW, S.PARTIALLY_FILLED, S.PENDING_REPLACE})
_FILLED_AGAIN = "a bust that is not heard of yet lets an order that counts as filled work again"

Why = tuple[States, str, bool]
# By occasion: states that are not asked of a run, why, and whether they can be met all the same.
_WHY_NOT: dict[Occasion, tuple[Why, ...]] = {
    Occasion.ANYTIME: ((TERMINAL, "what names no order meets those that live", False),),
    Occasion.VIEW: ((TERMINAL, "what names no order meets those that live", False),),
    Occasion.ARRIVAL: (
        (frozenset({S.DEAD}), "nothing is proven dead while it may be on its way", False),
        (SEEN - ARRIVING, "the venue has said nothing yet of an order that arrives", False),
    ),
    Occasion.WRITE: ((_ENDED, _CROSSING, True),),
    Occasion.WORD: (
        (frozenset({S.REJECTED, S.DEAD}), _CROSSING, True),
        (frozenset({S.EXPIRED}), "only what it filled before can still be taken back", True),
    ),
    Occasion.ANSWER: (
        (frozenset({S.SUBMITTING}), "only what is in doubt or was answered is asked about", False),
        (_ENDED, _CROSSING, True),
    ),
    Occasion.TRADE: (
        (frozenset({S.EXPIRED, S.REJECTED}), "what expired or was rejected never trades", False),
        (frozenset({S.DEAD}), _PROVEN, True),
        (frozenset({S.FILLED}), _FILLED_AGAIN, True),
    ),
    Occasion.COMPLETION: (
        (_OVER, "what is over at its venue counts as over, whatever trades late", False),
        (frozenset({S.DEAD}), _PROVEN, True),
        (frozenset({S.FILLED}), _FILLED_AGAIN, True),
    ),
    Occasion.CANCEL: (
        (_OVER, _UNWORKED, False),
        (_OTHERS, _OUTRANKED, True),
        (frozenset({S.DEAD}), _PROVEN, True),
        (frozenset({S.FILLED}), _FILLED_AGAIN, True),
    ),
    Occasion.CANCELED: (
        (_OVER, _UNWORKED, False),
        (_OTHERS, _OUTRANKED, True),
        (frozenset({S.DEAD}), _PROVEN, True),
        (frozenset({S.FILLED}), _FILLED_AGAIN, True),
    ),
}


def pair(state: OrderState, fault: str) -> Pair:
    """Whether the fault can meet an order in that state. Raises KeyError for an unknown fault."""
    if state is S.INITIALIZED:
        return Pair(why_not="an order is being submitted from its first entry on")
    if state not in SEEN:
        return Pair(why_not="no simulated venue says so of an order")
    for states, why_not, by_chance in _WHY_NOT[OCCASIONS[fault]]:
        if state in states:
            return Pair(why_not=why_not, by_chance=by_chance)
    return Pair()


class Coverage(Struct, frozen=True, kw_only=True):
    """What a run visited of the pairs, as ``state fault``: how many of the ``reachable``, which are
    ``missing``, which were met ``by_chance``, and which contradict what is said to be unreachable.
    """

    reachable: int
    visited: int
    missing: tuple[str, ...]
    by_chance: tuple[str, ...]
    contradicted: tuple[str, ...]


def coverage(visited: Iterable[str], allowed: Named) -> Coverage:
    """The visited pairs against those that the allowed faults can reach."""
    met = dict.fromkeys(visited)
    kinds = {kind.value for kind in allowed.venue}
    prefixes = tuple(each.value for each in allowed.process)
    wanted: list[str] = []
    chance: list[str] = []
    for fault in OCCASIONS:
        if fault not in kinds and not (prefixes and fault.startswith(prefixes)):
            continue
        for state in OrderState:
            found = pair(state, fault)
            if not found.why_not:
                wanted.append(f"{state.value} {fault}")
            elif found.by_chance:
                chance.append(f"{state.value} {fault}")
    known = {*wanted, *chance}
    return Coverage(
        reachable=len(wanted),
        visited=sum(each in met for each in wanted),
        missing=tuple(each for each in wanted if each not in met),
        by_chance=tuple(each for each in chance if each in met),
        contradicted=tuple(sorted(each for each in met if each not in known)),
    )
