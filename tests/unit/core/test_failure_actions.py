"""Each class has its action of DESIGN §4.9, with the policy's numbers; outcome before class."""

from __future__ import annotations

import pytest

from stretto.core.failures.failure_actions import (
    ACTIONS,
    Also,
    Response,
    Step,
    attempts_max,
    respond,
)
from stretto.core.terms.failure import CRITICAL, FailureClass, Outcome, Request
from stretto.core.terms.policy import FAILURE_POLICY, FailurePolicy
from stretto.core.values import NS_PER_S
from tests.unit.core.failure_samples import a_failure

F, CERTAIN = FailureClass, Outcome.REJECTED_CERTAIN
MOST = 2**64 - 1


def played(failure_class: FailureClass, count: int, **options: bool) -> list[Response]:
    failure = a_failure(failure_class)
    return [respond(FAILURE_POLICY, failure, n, 0, **options) for n in range(count)]


@pytest.mark.requirement("R5.4")
@pytest.mark.parametrize(
    ("failure_class", "steps"),
    [
        (F.INSUFFICIENT_MARGIN, [Step.RETRY_SMALLER, Step.RETRY_SMALLER, Step.REROUTE]),
        (F.CONNECTION_TEMPORARY, [Step.RETRY] * 3 + [Step.REROUTE]),
        (F.VENUE_ERROR, [Step.RETRY] * 3 + [Step.REROUTE]),
        (F.CONNECTION_PERSISTENT, [Step.REROUTE]),
        (F.MARKET_CLOSED, [Step.NEXT_SESSION] * 3 + [Step.ABANDON]),
        (F.INVALID_STOPS, [Step.WIDEN_STOP, Step.ABANDON]),
        (F.PRICE_MOVED, [Step.REPRICE, Step.REPRICE, Step.REROUTE]),
        (F.RATE_LIMITED, [Step.WAIT] * 5 + [Step.REROUTE]),
        (F.ACCOUNT_SUSPENDED, [Step.REROUTE]),
        (F.ACCESS_DENIED, [Step.REROUTE]),
        (F.SYMBOL_DISABLED, [Step.REROUTE]),
        (F.LIMIT_REACHED, [Step.REROUTE]),
        (F.POSITION_GONE, [Step.DONE]),
        (F.DUPLICATE_ORDER, [Step.QUERY] * 5 + [Step.INTERVENE]),
        (F.NOT_A_FAILURE, [Step.NOTHING]),
        *((each, [Step.INTERVENE]) for each in CRITICAL),
    ],
)
def test_the_steps_of_a_class_follow_each_other(
    failure_class: FailureClass, steps: list[Step]
) -> None:
    responses = played(failure_class, len(steps))
    assert [each.step for each in responses] == steps
    assert [each.attempt for each in responses] == list(range(1, len(steps) + 1))


def test_every_class_has_an_action() -> None:
    assert list(ACTIONS) == list(FailureClass)


@pytest.mark.requirement("R5.1")
@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_an_unknown_outcome_is_asked_about_whatever_the_class(failure_class: FailureClass) -> None:
    failure = a_failure(failure_class, Outcome.UNKNOWN)
    responses = [respond(FAILURE_POLICY, failure, n, MOST) for n in range(6)]
    assert [each.step for each in responses] == [Step.QUERY] * 5 + [Step.INTERVENE]
    assert [each.delay_ns // NS_PER_S for each in responses] == [2, 4, 8, 16, 32, 0]


@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_an_accepted_request_needs_nothing(failure_class: FailureClass) -> None:
    failure = a_failure(failure_class, Outcome.ACCEPTED)
    assert respond(FAILURE_POLICY, failure, 9, 0).step is Step.NOTHING


def test_spent_retries_make_a_connection_failure_persistent() -> None:
    spent = played(F.CONNECTION_TEMPORARY, 4)[-1]
    assert spent.failure_class is F.CONNECTION_PERSISTENT
    assert spent.also == (Also.ALERT,)


def test_what_happens_besides() -> None:
    (suspended,) = played(F.ACCOUNT_SUSPENDED, 1)
    assert suspended.also == (Also.EXCLUDE_ACCOUNT, Also.ALERT)
    assert played(F.INSUFFICIENT_MARGIN, 1)[0].also == (Also.REFRESH_ACCOUNT,)
    assert played(F.RATE_LIMITED, 1)[0].also == (Also.THROTTLE_VENUE,)


def test_a_rate_limited_request_waits_what_the_venue_says() -> None:
    failure = a_failure(F.RATE_LIMITED)
    assert respond(FAILURE_POLICY, failure, 0, 0).delay_ns == 10 * NS_PER_S
    stated = respond(FAILURE_POLICY, failure, 0, 0, stated_wait_ns=3 * NS_PER_S)
    assert stated.delay_ns == 3 * NS_PER_S


@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_an_exit_is_never_given_up_or_moved_to_another_account(
    failure_class: FailureClass,
) -> None:
    given_up = {Step.REROUTE, Step.ABANDON, Step.RETRY_SMALLER, Step.WIDEN_STOP}
    for response in played(failure_class, 7, is_exit=True):
        assert response.step not in given_up


@pytest.mark.parametrize("failure_class", list(FailureClass))
@pytest.mark.parametrize("request_", [Request.CANCEL, Request.REPLACE])
def test_a_refused_cancel_or_replace_moves_no_quantity(
    failure_class: FailureClass, request_: Request
) -> None:
    moves = {Step.REROUTE, Step.ABANDON, Step.RETRY_SMALLER, Step.NEXT_SESSION, Step.DONE}
    failure = a_failure(failure_class, CERTAIN, request_)
    for attempts in range(7):
        assert respond(FAILURE_POLICY, failure, attempts, 0).step not in moves


def test_a_replace_may_be_priced_anew_and_a_cancel_has_no_price() -> None:
    replaced = a_failure(F.PRICE_MOVED, CERTAIN, Request.REPLACE)
    assert respond(FAILURE_POLICY, replaced, 0, 0).step is Step.REPRICE
    canceled = a_failure(F.PRICE_MOVED, CERTAIN, Request.CANCEL)
    assert respond(FAILURE_POLICY, canceled, 0, 0).step is Step.INTERVENE


def test_the_numbers_are_the_policys() -> None:
    policy = FailurePolicy(retries_max=1, requotes_max=0, margin_retries_max=0)
    steps = [respond(policy, a_failure(F.CONNECTION_TEMPORARY), n, 0).step for n in range(2)]
    assert steps == [Step.RETRY, Step.REROUTE]
    assert respond(policy, a_failure(F.PRICE_MOVED), 0, 0).step is Step.REROUTE
    assert respond(policy, a_failure(F.INSUFFICIENT_MARGIN), 0, 0).step is Step.REROUTE


def test_every_repeated_step_is_bounded() -> None:
    repeated = {action.step for action in ACTIONS.values()} - {
        Step.NOTHING,
        Step.DONE,
        Step.REROUTE,
        Step.INTERVENE,
    }
    assert all(attempts_max(FAILURE_POLICY, step) is not None for step in repeated)
