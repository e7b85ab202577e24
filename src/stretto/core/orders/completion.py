"""What becomes of a marketable order that does not fill: one choice out of five (DESIGN §4.8).

Pure: the situation in, the strategy out, always exactly one, and never without end: every strategy
that leaves the order live counts against a bound, every other one cancels it. Also the estimate of
how probable it is that the rest fills. Knows no book, order or event.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from itertools import repeat
from math import prod
from typing import NamedTuple

import msgspec

from stretto.core.limits import CANCEL_WAIT_NS, COMPLETION_TRADES_MAX
from stretto.core.terms.market import MarketStatistics, Quote
from stretto.core.terms.policy import CompletionPolicy
from stretto.core.terms.signal import Urgency
from stretto.core.values import NS_PER_MS, PPM, Side

REASON = "completion"
"""Reasons of requests and legs that follow from a choice begin with it."""


class Strategy(StrEnum):
    """What is done about an order that is not filled yet."""

    MODIFY = "modify"
    WAIT = "wait"
    ACCEPT = "accept"
    REROUTE = "reroute"
    REPLACE = "replace"


CANCELS = frozenset({Strategy.ACCEPT, Strategy.REROUTE, Strategy.REPLACE})
"""Strategies that begin with a cancel; what they are for happens when it is proven."""


class Completion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an allocation's marketable orders were seen to. ``since`` is the first
    acknowledgement, ns UTC; the counts are what was tried; ``plan`` is what the last cancel is for.
    """

    since: int
    modifies: int = 0
    waits: int = 0
    replaces: int = 0
    reroutes: int = 0
    plan: Strategy | None = None


class Situation(NamedTuple):
    """What the choice depends on. ``filled`` is the share of the intended, 1e-6; ``remainder`` and
    ``minimum`` base units; ``may_modify``: a more aggressive price is inside the slippage and the
    gate lets it pass; ``may_replace``: the slippage leaves room for another market order and the
    signal is still valid; ``patience`` multiplies the waits, 1e-6.
    """

    urgency: Urgency
    is_liquid: bool
    filled: int
    remainder: Decimal
    minimum: Decimal
    age_ns: int
    may_modify: bool
    may_replace: bool
    done: Completion
    patience: int = PPM


class Choice(NamedTuple):
    """A strategy, the rule that led to it, and when to look again (ns from now)."""

    strategy: Strategy
    reason: str
    wait_ns: int


def is_urgent(urgency: Urgency) -> bool:
    """True for high and immediate."""
    return urgency is Urgency.HIGH or urgency is Urgency.IMMEDIATE


def choose(policy: CompletionPolicy, s: Situation) -> Choice:
    """The first that applies, in DESIGN §4.8's order."""
    done = s.done
    if (
        is_urgent(s.urgency)
        and s.is_liquid
        and s.may_modify
        and done.modifies < policy.modifies_max
    ):
        wait_ns = scaled(policy.modify_wait_ns, s.patience)
        return Choice(Strategy.MODIFY, "urgent_and_liquid", wait_ns)
    if s.urgency is Urgency.LOW and not s.is_liquid:
        if done.waits < policy.illiquid_waits_max:
            wait_ns = scaled(policy.illiquid_wait_ns, s.patience)
            return Choice(Strategy.WAIT, "patient_and_illiquid", wait_ns)
        return _cancel(Strategy.ACCEPT, "patience_spent")
    if s.filled > policy.accept_filled:
        return _cancel(Strategy.ACCEPT, "nearly_filled")
    if s.remainder < s.minimum:
        return _cancel(Strategy.ACCEPT, "below_minimum")
    if s.age_ns > policy.age_ns_max:
        if done.reroutes < policy.reroutes_max:
            return _cancel(Strategy.REROUTE, "too_old")
        return _cancel(Strategy.ACCEPT, "too_old")
    if done.waits < policy.waits_max:
        return Choice(Strategy.WAIT, "time_left", scaled(policy.wait_ns, s.patience))
    if done.replaces >= policy.replaces_max:
        return _cancel(Strategy.ACCEPT, "replacements_spent")
    if not s.may_replace:
        return _cancel(Strategy.ACCEPT, "slippage_spent")
    return _cancel(Strategy.REPLACE, "waits_spent")


def _cancel(strategy: Strategy, reason: str) -> Choice:
    return Choice(strategy, reason, CANCEL_WAIT_NS)


def after_choice(done: Completion, strategy: Strategy) -> Completion:
    """The counts once a strategy was chosen."""
    change = msgspec.structs.replace
    if strategy is Strategy.WAIT:
        return change(done, waits=done.waits + 1)
    if strategy is Strategy.MODIFY:
        return change(done, modifies=done.modifies + 1)
    return change(
        done,
        plan=strategy,
        replaces=done.replaces + int(strategy is Strategy.REPLACE),
        reroutes=done.reroutes + int(strategy is Strategy.REROUTE),
    )


def after_intent(done: Completion) -> Completion:
    """The counts of the order that follows a cancelled one: it may wait anew."""
    if done.plan is None:
        return done
    return msgspec.structs.replace(done, plan=None, waits=0)


def patience_factor(patience: int) -> int:
    """By which an account's patience (1e-6, 0 to 1) multiplies waits: 0.5 to 1.5, in 1e-6."""
    return PPM // 2 + min(PPM, max(0, patience))


def scaled(wait_ns: int, factor: int) -> int:
    """A wait times a factor in 1e-6, at least 1 ns."""
    return max(1, wait_ns * factor // PPM)


def first_wait_ns(policy: CompletionPolicy, urgency: Urgency, patience: int) -> int:
    """From the acknowledgement to the first look at an order that has not filled at all."""
    wait_ns = policy.modify_wait_ns if is_urgent(urgency) else policy.wait_ns
    return scaled(wait_ns, patience)


def shown_size(quote: Quote, side: Side) -> Decimal | None:
    """What the touch shows on the side that an order of ``side`` takes, base units."""
    return quote.ask_size if side is Side.BUY else quote.bid_size


def is_liquid(
    policy: CompletionPolicy,
    quote: Quote | None,
    statistics: MarketStatistics | None,
    side: Side,
    remainder: Decimal,
) -> bool:
    """Spread at most 1.5 times its median, and the touch shows the remainder where it shows a size.
    What is not known is not liquid.
    """
    if quote is None or statistics is None:
        return False
    if quote.spread * PPM > statistics.spread_median * policy.spread_factor_max:
        return False
    shown = shown_size(quote, side)
    return shown is None or shown >= remainder


def fill_probability(
    trades: int, filled: Decimal, elapsed_ns: int, remainder: Decimal, within_ns: int
) -> int | None:
    """How probable it is, in 1e-6, that ``remainder`` fills within ``within_ns``, if trades go on
    to come at the pace and in the mean size seen so far; None before the first trade, and where
    more than ``COMPLETION_TRADES_MAX`` were seen or would be needed.

    Trades as a Poisson process of unknown rate with prior 1/rate: after ``trades`` in
    ``elapsed_ns`` the number of further ones is negative binomial (Gelman et al., Bayesian Data
    Analysis, 3rd ed., §2.6), and ``remainder`` over the mean size of them are needed. Not
    calibrated, and nothing is decided by it. Exact integers until the last division.
    """
    if not 1 <= trades <= COMPLETION_TRADES_MAX or filled <= 0:
        return None
    needed = int((remainder * trades / filled).to_integral_value(ROUND_CEILING))
    if needed > COMPLETION_TRADES_MAX:
        return None
    stays, goes = max(1, elapsed_ns // NS_PER_MS), max(1, within_ns // NS_PER_MS)
    both = stays + goes
    # P(fewer than needed) = sum over j of C(trades + j - 1, j) (stays/both)^trades (goes/both)^j
    ways, fewer = 1, 0
    for more in range(needed):
        fewer = fewer * both + ways
        ways = ways * goes * (trades + more) // (more + 1)
    everything = prod(repeat(both, trades + max(0, needed - 1)))
    return PPM - fewer * prod(repeat(stays, trades)) * PPM // everything
