"""What Stretto does about a failure: one table, and the one function that reads it (DESIGN §4.9).

Outcome before class: what may be live is asked about, whatever its code. Numbers come from the
policy. Knows no book: whoever calls counts the attempts and carries the step out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

import msgspec

from stretto.core.errors import check
from stretto.core.failures.backoff import query_delay_ns, rate_limit_wait_ns, retry_delay_ns
from stretto.core.limits import MARGIN_REFRESH_NS, QUERIES_MAX
from stretto.core.terms.failure import Failure, FailureClass, Outcome, Request
from stretto.core.terms.policy import FailurePolicy


class Step(StrEnum):
    """What happens next to the quantity that failed."""

    NOTHING = "nothing"
    DONE = "done"
    QUERY = "query"
    RETRY = "retry"
    RETRY_SMALLER = "retry_smaller"
    REPRICE = "reprice"
    WIDEN_STOP = "widen_stop"
    WAIT = "wait"
    NEXT_SESSION = "next_session"
    REROUTE = "reroute"
    ABANDON = "abandon"
    INTERVENE = "intervene"


class Also(StrEnum):
    """What happens besides, to the account or the venue."""

    REFRESH_ACCOUNT = "refresh_account"
    EXCLUDE_ACCOUNT = "exclude_account"
    THROTTLE_VENUE = "throttle_venue"
    ALERT = "alert"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: ``step`` as often as the policy says, then ``spent``, or from then on
    what ``becomes`` says.
    """

    step: Step
    spent: Step = Step.INTERVENE
    becomes: FailureClass | None = None
    also: tuple[Also, ...] = ()


_CRITICAL = Action(step=Step.INTERVENE, also=(Also.ALERT,))
ACTIONS: dict[FailureClass, Action] = {
    FailureClass.INSUFFICIENT_MARGIN: Action(
        step=Step.RETRY_SMALLER, spent=Step.REROUTE, also=(Also.REFRESH_ACCOUNT,)
    ),
    FailureClass.CONNECTION_TEMPORARY: Action(
        step=Step.RETRY, becomes=FailureClass.CONNECTION_PERSISTENT
    ),
    FailureClass.CONNECTION_PERSISTENT: Action(step=Step.REROUTE, also=(Also.ALERT,)),
    FailureClass.VENUE_ERROR: Action(step=Step.RETRY, becomes=FailureClass.CONNECTION_PERSISTENT),
    FailureClass.UNKNOWN_OUTCOME: Action(step=Step.QUERY),
    FailureClass.MARKET_CLOSED: Action(step=Step.NEXT_SESSION, spent=Step.ABANDON),
    FailureClass.INVALID_STOPS: Action(step=Step.WIDEN_STOP, spent=Step.ABANDON),
    FailureClass.PRICE_MOVED: Action(step=Step.REPRICE, spent=Step.REROUTE),
    FailureClass.RATE_LIMITED: Action(
        step=Step.WAIT, spent=Step.REROUTE, also=(Also.THROTTLE_VENUE,)
    ),
    FailureClass.ACCOUNT_SUSPENDED: Action(
        step=Step.REROUTE, also=(Also.EXCLUDE_ACCOUNT, Also.ALERT)
    ),
    FailureClass.ACCESS_DENIED: Action(step=Step.REROUTE, also=(Also.ALERT,)),
    FailureClass.SYMBOL_DISABLED: Action(step=Step.REROUTE, also=(Also.ALERT,)),
    FailureClass.LIMIT_REACHED: Action(step=Step.REROUTE),
    FailureClass.DUPLICATE_ORDER: Action(step=Step.QUERY),
    FailureClass.POSITION_GONE: Action(step=Step.DONE),
    FailureClass.ORDER_UNKNOWN: Action(step=Step.QUERY),
    FailureClass.ORDER_CLOSED: Action(step=Step.QUERY),
    FailureClass.INVALID_PRICE: _CRITICAL,
    FailureClass.INVALID_VOLUME: _CRITICAL,
    FailureClass.UNSUPPORTED_ORDER: _CRITICAL,
    FailureClass.INVALID_REQUEST: _CRITICAL,
    FailureClass.UNCLASSIFIED: _CRITICAL,
    FailureClass.NOT_A_FAILURE: Action(step=Step.NOTHING),
}

# An exit cannot be made by another account, shrunk or given up: what else fails goes to a person.
_FOR_EXITS = (
    Step.NOTHING,
    Step.DONE,
    Step.QUERY,
    Step.RETRY,
    Step.REPRICE,
    Step.WAIT,
    Step.NEXT_SESSION,
)
# A refused cancel or replace leaves its order as it was: the request may be made again, or a person
# must see to it, but the order's quantity goes nowhere.
_FOR_REQUESTS = (Step.NOTHING, Step.QUERY, Step.RETRY, Step.WAIT)


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: ``step`` for the ``attempt``-th time (from 1), ``delay_ns`` from now, and
    ``also``. ``failure_class`` is the class in force, which retries that are spent have changed.
    """

    failure_class: FailureClass
    step: Step
    attempt: int
    delay_ns: int = 0
    also: tuple[Also, ...] = ()


def attempts_max(policy: FailurePolicy, step: Step) -> int | None:
    """How often a step is taken for one allocation; None for those that end the matter."""
    match step:
        case Step.RETRY:
            return policy.retries_max
        case Step.RETRY_SMALLER:
            return policy.margin_retries_max
        case Step.REPRICE:
            return policy.requotes_max
        case Step.WAIT:
            return policy.rate_limit_retries_max
        case Step.NEXT_SESSION:
            return policy.session_retries_max
        case Step.WIDEN_STOP:
            return 1
        case Step.QUERY:
            return QUERIES_MAX
        case Step.NOTHING | Step.DONE | Step.REROUTE | Step.ABANDON | Step.INTERVENE:
            return None
        case _:
            assert_never(step)


def respond(
    policy: FailurePolicy,
    failure: Failure,
    attempts: int,
    draw_64: int,
    *,
    is_exit: bool = False,
    stated_wait_ns: int | None = None,
) -> Response:
    """What to do about ``failure`` after ``attempts`` earlier responses to its class here.

    ``draw_64`` is the book's draw for (execution, account, "retry", attempt). ``stated_wait_ns``:
    what a venue that limits its rate asks for. ``is_exit``: the order closes, reduces or protects.
    """
    check(attempts >= 0, "attempts cannot be negative")
    if failure.outcome is Outcome.ACCEPTED:
        return Response(failure_class=failure.failure_class, step=Step.NOTHING, attempt=1)
    action = ACTIONS[failure.failure_class]
    if failure.outcome is Outcome.UNKNOWN:
        step = Step.QUERY if attempts < QUERIES_MAX else Step.INTERVENE
        return _response(policy, failure.failure_class, step, action.also, attempts, draw_64, None)
    failure_class, step, also = failure.failure_class, action.step, action.also
    allowed = attempts_max(policy, step)
    if allowed is not None and attempts >= allowed:
        step = action.spent
        if action.becomes is not None:
            failure_class = action.becomes
            step, also = ACTIONS[failure_class].step, ACTIONS[failure_class].also
    step = _permitted(step, failure.request, is_exit)
    return _response(policy, failure_class, step, also, attempts, draw_64, stated_wait_ns)


def _permitted(step: Step, request: Request, is_exit: bool) -> Step:
    if request is Request.SUBMIT:
        return step if not is_exit or step in _FOR_EXITS else Step.INTERVENE
    if step is Step.DONE:
        return Step.QUERY
    repriced = step is Step.REPRICE and request is Request.REPLACE
    return step if repriced or step in _FOR_REQUESTS else Step.INTERVENE


def _response(
    policy: FailurePolicy,
    failure_class: FailureClass,
    step: Step,
    also: tuple[Also, ...],
    attempts: int,
    draw_64: int,
    stated_wait_ns: int | None,
) -> Response:
    attempt, delay_ns = attempts + 1, 0
    if step is Step.RETRY:
        delay_ns = retry_delay_ns(policy, attempt, draw_64)
    elif step is Step.RETRY_SMALLER:
        delay_ns = MARGIN_REFRESH_NS
    elif step is Step.WAIT:
        delay_ns = rate_limit_wait_ns(policy, stated_wait_ns, draw_64)
    elif step is Step.QUERY:
        delay_ns = query_delay_ns(min(attempt, QUERIES_MAX))
    return Response(
        failure_class=failure_class, step=step, attempt=attempt, delay_ns=delay_ns, also=also
    )
