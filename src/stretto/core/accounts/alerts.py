"""What a person should know of a venue or account: raised once, cleared with hysteresis.

A class that rises stands until the statistics say it has cleared; a failure that speaks for itself
stands for an hour. Decides nothing about orders.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Alert, Book
from stretto.core.failures.failure_statistics import (
    NO_STATISTICS,
    FailureStatistics,
    Rising,
    after_failure,
    rising_now,
)
from stretto.core.limits import (
    ALERT_NS,
    FAILURE_STEP_NS,
    FAILURE_STEPS_BEFORE,
    FAILURE_STEPS_RECENT,
)
from stretto.core.terms.failure import FailureClass
from stretto.core.terms.policy import FailurePolicy

_RISING = "rising:"


def rising_alerts(
    book: Book, about: list[str], account_id: str, failure_class: FailureClass, at_ns: int
) -> list[ev.AlertRaised]:
    """An alert for each of ``about`` (``scope:name``) whose failures of this class rise by one."""
    policy, raised = book.configuration.policy.failures, []
    for name in about:
        held = book.failures.get(name, NO_STATISTICS)
        statistics, rising = after_failure(policy, held, failure_class, at_ns)
        if rising is not None:
            of = account_id if name == f"account:{account_id}" else ""
            alert = _alert(policy, statistics, name, rising, at_ns, at_ns)
            raised.append(
                ev.AlertRaised(key=f"{_RISING}{name}:{failure_class}", account_id=of, alert=alert)
            )
    return raised


def alert_of_failure(
    book: Book, account_id: str, failure_class: FailureClass, text: str, at_ns: int
) -> list[ev.AlertRaised]:
    """An alert for a failure that speaks for itself, unless one stands."""
    key = f"failed:account:{account_id}:{failure_class}"
    if key in book.alerts:
        return []
    alert = Alert(
        about=f"account:{account_id}",
        failure_class=failure_class,
        rising=False,
        raised_at=at_ns,
        clears_at=at_ns + ALERT_NS,
        text=text,
    )
    return [ev.AlertRaised(key=key, account_id=account_id, alert=alert)]


def on_alert_due(book: Book, key: str, at_ns: int) -> tuple[ev.Event, ...]:
    """Cleared, or raised on with the numbers of now."""
    alert = book.alerts.get(key)
    if alert is None or alert.clears_at > at_ns:
        return ()
    scope, _, name = alert.about.partition(":")
    account_id = name if scope == "account" else ""
    if not alert.rising:
        return (ev.AlertCleared(key=key, account_id=account_id, reason="it came no more"),)
    policy = book.configuration.policy.failures
    statistics = book.failures.get(alert.about, NO_STATISTICS)
    standing = _standing(policy, statistics, alert.failure_class, at_ns)
    if standing is None:
        return (ev.AlertCleared(key=key, account_id=account_id, reason="it rises no more"),)
    again = _alert(policy, statistics, alert.about, standing, alert.raised_at, at_ns)
    return (ev.AlertRaised(key=key, account_id=account_id, alert=again),)


def _alert(
    policy: FailurePolicy,
    statistics: FailureStatistics,
    about: str,
    rising: Rising,
    raised_at: int,
    at_ns: int,
) -> Alert:
    return Alert(
        about=about,
        failure_class=rising.failure_class,
        rising=True,
        raised_at=raised_at,
        clears_at=_clears_at(policy, statistics, rising.failure_class, at_ns),
        last_hour=rising.last_hour,
        day_before=rising.day_before,
    )


def _clears_at(
    policy: FailurePolicy, statistics: FailureStatistics, failure_class: FailureClass, at_ns: int
) -> int:
    """The first step at which the alert has cleared if nothing more fails."""
    step = at_ns // FAILURE_STEP_NS
    for later in range(1, FAILURE_STEPS_RECENT + FAILURE_STEPS_BEFORE + 1):
        at = (step + later) * FAILURE_STEP_NS
        if _standing(policy, statistics, failure_class, at) is None:
            return at
    return (step + FAILURE_STEPS_RECENT + FAILURE_STEPS_BEFORE + 1) * FAILURE_STEP_NS


def _standing(
    policy: FailurePolicy, statistics: FailureStatistics, failure_class: FailureClass, at_ns: int
) -> Rising | None:
    found = [
        each
        for each in rising_now(policy, statistics, at_ns)
        if each.failure_class is failure_class
    ]
    return found[0] if found else None
