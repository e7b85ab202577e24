"""Defects of what bars an entry and of when it goes: gates, kills, delays, windows, retries."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import engine, timers
from stretto.core import events as ev
from stretto.core.accounts import conduct
from stretto.core.executions import deferral
from stretto.core.exits import exit_legs
from stretto.core.failures import backoff, circuit, failure_actions
from stretto.core.gate import eligibility
from stretto.core.people import intervening_kills
from stretto.core.plans import allocation, exclusions, planning
from stretto.core.release import dispatch
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.times import timing
from tests.simulation.defects.planting import defect, everywhere
from tests.simulation.defects.quantities import after

S = 1_000_000_000


def pass_over(patch: pytest.MonkeyPatch, *rules: Rule) -> None:
    """The gate at release asks for everything but these rules."""
    first = eligibility.judge_account

    def judge(*arguments: Any) -> Refusal | None:
        found = first(*arguments)
        return None if found is not None and found.rule in rules else found

    everywhere(patch, first, judge)


@defect(10, fault="overfill")
def enter_a_halted_account(patch: pytest.MonkeyPatch) -> None:
    """A halt is written down, and binds nobody."""
    pass_over(patch, Rule.HALTED)


@defect(10, fault="suspension")
def enter_an_excluded_account(patch: pytest.MonkeyPatch) -> None:
    """An exclusion is written down, and binds nobody."""
    pass_over(patch, Rule.EXCLUDED, Rule.ACCOUNT_STATUS)


@defect(10, fault="crash")
def enter_an_account_before_it_was_compared(patch: pytest.MonkeyPatch) -> None:
    """After a restart nobody waits for a view of the venue."""
    pass_over(patch, Rule.NOT_RECONCILED)


@defect(10, fault="none")
def enter_a_closed_session(patch: pytest.MonkeyPatch) -> None:
    """Calendars are known, and not asked."""
    pass_over(patch, Rule.SESSION_CLOSED, Rule.SESSION_UNKNOWN)


@defect(0, 10, fault="partition")
def enter_without_a_sign_of_life(patch: pytest.MonkeyPatch) -> None:
    """A venue that is silent, and a quote that is old, are as good as any."""
    pass_over(patch, Rule.DATA_STALE)


@defect(0, 10, fault="request-lost")
def enter_past_an_open_circuit(patch: pytest.MonkeyPatch) -> None:
    """An open circuit lets everything pass."""
    pass_over(patch, Rule.CIRCUIT_OPEN)
    everywhere(patch, conduct.probes, lambda book, order: [])


@defect(10, fault="none")
def enter_against_a_rulebook(patch: pytest.MonkeyPatch) -> None:
    """The firm's rules are known, and not asked."""
    pass_over(patch, Rule.FIRM_RULE)


@defect(10, fault="none")
def copy_against_a_rulebook(patch: pytest.MonkeyPatch) -> None:
    """One signal goes to accounts whose firms forbid that."""
    first = exclusions.copy_conflicts
    patch.setattr(allocation, "copy_conflicts", lambda views: [0 for _ in first(views)])


@defect(10, fault="rate-limit")
def forget_that_a_venue_is_throttled(patch: pytest.MonkeyPatch) -> None:
    """A venue that asked for time is sent to all the same."""
    after(patch, ev.VenueThrottled, lambda book, event: book.throttled.pop(event.venue))


@defect(11, fault="person")
def ignore_a_kill_switch(patch: pytest.MonkeyPatch) -> None:
    """It is written down; what waits goes on waiting, and goes out."""
    pass_over(patch, Rule.KILL_SWITCH)
    patch.setattr(intervening_kills, "give_up", lambda *arguments: [])
    patch.setattr(exit_legs, "covering", lambda *arguments: None)


@defect(11, fault="person")
def go_on_while_paused(patch: pytest.MonkeyPatch) -> None:
    """A pause is written down, and what waits goes."""
    after(
        patch,
        ev.ExecutionPaused,
        lambda book, event: book.executions.update(
            {event.execution_id: replace(book.executions[event.execution_id], paused="")}
        ),
    )


@defect(13, fault="none")
def miss_the_end_of_the_window_by_a_second(patch: pytest.MonkeyPatch) -> None:
    """A window is a second too long."""
    patch.setattr(timing, "DISPATCH_WINDOW_NS", 31 * S)


@defect(13, fault="pause")
def send_late_rather_than_never(patch: pytest.MonkeyPatch) -> None:
    """A release past its window leaves all the same."""
    first = dispatch._too_late

    def too_late(share: Any, signal: Any, at_ns: int, free_at: int) -> Any:
        found = first(share, signal, at_ns, free_at)
        return None if found is not None and found.rule is Rule.WINDOW_PASSED else found

    patch.setattr(dispatch, "_too_late", too_late)


@defect(12, 13, fault="none")
def fire_a_timer_early(patch: pytest.MonkeyPatch) -> None:
    """A release is due a second before its time."""
    arm, release = timers.Timers.set, dispatch.on_release_due

    def early(self: Any, key: str, due_at: int | None) -> None:
        is_release = due_at is not None and key.startswith("release:")
        arm(self, key, due_at - S if due_at is not None and is_release else due_at)

    def due(book: Any, key: str, reads: Any, at_ns: int) -> Any:
        book.allocations[key] = replace(book.allocations[key], due_at=at_ns)
        return release(book, key, reads, at_ns)

    patch.setattr(timers.Timers, "set", early)
    patch.setattr(engine, "on_release_due", due)


@defect(12, fault="none")
def fire_a_timer_twice(patch: pytest.MonkeyPatch) -> None:
    """A timer that fired stays armed."""
    first = dispatch.on_release_due

    def due(book: Any, key: str, reads: Any, at_ns: int) -> Any:
        found = first(book, key, reads, at_ns)
        kinds = (ev.ReleaseDeferred, ev.PendingHeld)
        return found if not any(isinstance(e, kinds) for e in found) else (
            ev.CircuitChanged(change=_NONE.change, circuit=_NONE.after, cause="again"),
        )  # fmt: skip

    patch.setattr(engine, "on_release_due", due)


_NONE = circuit.on_success(circuit.Circuit(scope=circuit.Scope.ACCOUNT, name="acc-1"), "x")


@defect(13, fault="pause")
def release_all_that_is_overdue_at_once(patch: pytest.MonkeyPatch) -> None:
    """After a stall no gap is kept."""
    everywhere(patch, deferral.deferrals, lambda book, key, at_ns: ())


@defect(13, fault="none")
def release_within_the_first_second(patch: pytest.MonkeyPatch) -> None:
    """Delays are a second shorter than they should be."""
    first = timing._place

    def place(drawn: Any, occupied: Any, at_ns: int, urgency: int) -> Any:
        found = first(drawn, occupied, at_ns, urgency)
        return tuple(
            replace(each, delay_ns=each.delay_ns - S, release_at=each.release_at - S)
            for each in found
        )

    patch.setattr(timing, "_place", place)


@defect(13, fault="chance-reject")
def retry_at_once(patch: pytest.MonkeyPatch) -> None:
    """Retries do not wait."""
    everywhere(patch, backoff.retry_delay_ns, lambda policy, attempt, draw: 0)


@defect(13, fault="requote")
def retry_for_ever(patch: pytest.MonkeyPatch) -> None:
    """No retry is the last."""
    patch.setattr(failure_actions, "attempts_max", lambda policy, step: None)


@defect(9, 13, 0, fault="none")
def plan_without_a_reservation(patch: pytest.MonkeyPatch) -> None:
    """A plan sets no margin aside."""
    first = planning.make_plan

    def plan(*arguments: Any, **more: Any) -> Any:
        found = first(*arguments, **more)
        shares = tuple(replace(a, margin=a.margin * 0) for a in found.allocations)
        return replace(found, allocations=shares)

    everywhere(patch, first, plan)


@defect(13, fault="margin-change")
def ask_for_as_much_again(patch: pytest.MonkeyPatch) -> None:
    """A retry for want of margin is no smaller."""
    everywhere(
        patch,
        backoff.smaller_quantity,
        lambda policy, quantity, attempt, step, minimum: quantity,
    )


@defect(13, fault="session-end")
def try_a_closed_market_again(patch: pytest.MonkeyPatch) -> None:
    """What a closed market refused is due a minute later."""
    first = deferral.next_session_release

    def later(book: Any, share: Any, at_ns: int) -> Any:
        found = first(book, share, at_ns)
        return None if found is None else (at_ns, at_ns + 60 * S)

    everywhere(patch, first, later)
