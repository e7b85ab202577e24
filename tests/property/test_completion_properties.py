"""Whatever the market does, a marketable order is chosen for exactly once at a time, and ends."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from stretto.core.orders.completion import (
    CANCELS,
    Completion,
    Situation,
    Strategy,
    after_choice,
    after_intent,
    choose,
    fill_probability,
    patience_factor,
)
from stretto.core.terms.policy import CompletionPolicy
from stretto.core.terms.signal import Urgency
from stretto.core.values import NS_PER_S, PPM

COUNTS = st.integers(0, 4)
POLICIES = st.builds(
    CompletionPolicy,
    modifies_max=COUNTS,
    illiquid_waits_max=COUNTS,
    waits_max=COUNTS,
    replaces_max=COUNTS,
    reroutes_max=COUNTS,
)


@st.composite
def situations(draw: st.DrawFn, done: Completion, age_ns: int, urgency: Urgency) -> Situation:
    return Situation(
        urgency=urgency,
        is_liquid=draw(st.booleans()),
        filled=draw(st.integers(0, PPM)),
        remainder=Decimal(draw(st.integers(1, 10_000))),
        minimum=Decimal(draw(st.sampled_from((0, 1, 1_000)))),
        age_ns=age_ns,
        may_modify=draw(st.booleans()),
        may_replace=draw(st.booleans()),
        done=done,
        patience=patience_factor(draw(st.integers(0, PPM))),
    )


@pytest.mark.requirement("R4.2", "R4.4")
@given(st.data(), POLICIES, st.sampled_from(Urgency))
def test_every_way_through_is_bounded_and_ends_with_a_cancel(
    data: st.DataObject, policy: CompletionPolicy, urgency: Urgency
) -> None:
    """The venue never fills anything more; every cancel is proven; each leg is seen to again."""
    done = Completion(since=0)
    age_ns = looks = 0
    waits_most = max(policy.waits_max, policy.illiquid_waits_max)
    legs_most = 1 + policy.replaces_max + policy.reroutes_max
    while True:
        choice = choose(policy, data.draw(situations(done, age_ns, urgency)))
        looks += 1
        assert choice.wait_ns > 0
        done = after_choice(done, choice.strategy)
        assert done.modifies <= policy.modifies_max
        assert done.waits <= waits_most
        assert done.replaces <= policy.replaces_max
        assert done.reroutes <= policy.reroutes_max
        assert looks <= legs_most * (1 + waits_most) + policy.modifies_max
        age_ns += choice.wait_ns
        if choice.strategy is Strategy.ACCEPT:
            break
        if choice.strategy in CANCELS:  # proven: the next leg
            assert done.plan is choice.strategy
            done = after_intent(done)
            assert (done.plan, done.waits) == (None, 0)


@pytest.mark.requirement("R4.1")
@given(
    st.integers(1, 40),
    st.integers(1, 60),
    st.integers(1, 3_600),
    st.integers(1, 3_600),
)
def test_the_estimate_is_the_negative_binomials(
    trades: int, needed: int, elapsed: int, within: int
) -> None:
    size = Decimal(1_000)
    found = fill_probability(
        trades, trades * size, elapsed * NS_PER_S, needed * size, within * NS_PER_S
    )
    assert found is not None
    expected = nbinom.sf(needed - 1, trades, elapsed / (elapsed + within))
    assert found / PPM == pytest.approx(expected, abs=2e-6)


@given(st.integers(1, 40), st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 10**13))
def test_more_time_never_makes_it_less_probable(
    trades: int, filled: int, remainder: int, elapsed: int
) -> None:
    found = [
        fill_probability(trades, Decimal(filled), elapsed, Decimal(remainder), within * NS_PER_S)
        for within in (1, 60, 600)
    ]
    probabilities = [each for each in found if each is not None]
    assert len(probabilities) == (3 if remainder * trades <= 1_000 * filled else 0)
    assert all(0 <= each <= PPM for each in probabilities)
    assert sorted(probabilities) == probabilities
