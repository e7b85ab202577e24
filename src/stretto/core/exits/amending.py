"""Amend: the stop and target of what an earlier signal opened, set in every account that holds it.

A request may repeat, because the same levels may be set twice: no answer means that it is asked
again. Moves no quantity. Knows nothing of how a venue keeps its levels.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.failing import stated_wait_ns, table_of
from stretto.core.book import Allocation, Book, Execution, allocation_key
from stretto.core.executions.amend_ending import ends_amend
from stretto.core.executions.held_positions import held
from stretto.core.executions.sessions import next_session
from stretto.core.failures.failure_actions import Response, Step, respond
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS, SEND_BEFORE_NS
from stretto.core.protective.protecting import has_own_stops
from stretto.core.sizes.sizing import round_stop, round_take_profit
from stretto.core.terms.account import Position, PositionMode
from stretto.core.terms.amendment import Amendment, amendment_key
from stretto.core.terms.choices import choices
from stretto.core.terms.failure import Failure, FailureClass, Outcome, Request, classify, unsent
from stretto.core.terms.market import Quote
from stretto.core.terms.plan import Plan
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import ProtectionAnswer
from stretto.core.terms.signal import ListedAccounts, Signal
from stretto.core.values import Side, client_order_id, draw

Events = list[ev.Event]


# --- the plan ---------------------------------------------------------------------------------


def judge_levels(book: Book, signal: Signal, quote: Quote | None) -> Refusal | None:
    """What is wrong with the levels against the market, on the tick grid: a stop that would be hit
    at once, a target that is reached. ``signal`` has the side that closes. Without a quote they are
    compared with each other alone.
    """
    stop, target = _on_grid(book, signal)
    side = signal.side
    touch = None if quote is None else quote.bid if side is Side.SELL else quote.ask
    sign = side.opposite.sign
    if stop is not None and (stop <= 0 or (touch is not None and (touch - stop) * sign <= 0)):
        return _wrong_side(Rule.STOP_ON_WRONG_SIDE, "stop_loss", stop, touch, sign)
    if target is not None and touch is not None and (target - touch) * sign <= 0:
        return _wrong_side(Rule.TARGET_ON_WRONG_SIDE, "take_profit", target, touch, -sign)
    if stop is not None and target is not None and (target - stop) * sign <= 0:
        return _wrong_side(Rule.TARGET_ON_WRONG_SIDE, "take_profit", target, stop, -sign)
    return None


def _on_grid(book: Book, signal: Signal) -> tuple[Decimal | None, Decimal | None]:
    """The stated levels on the tick grid, rounded toward the market as those of an entry are."""
    tick, side = book.configuration.instruments[signal.symbol].tick, signal.side.opposite
    stop, target = signal.stop_loss, signal.take_profit
    return (
        None if stop is None else round_stop(stop, side, tick),
        None if target is None else round_take_profit(target, side, tick),
    )


def _wrong_side(rule: Rule, name: str, level: Decimal, other: Decimal | None, sign: int) -> Refusal:
    where = "0" if other is None else str(other)
    return Refusal(
        rule=rule,
        compared={name: str(level), "market": where},
        would_pass=f"a {name} {'below' if sign > 0 and other is not None else 'above'} {where}",
    )


def without_position(book: Book, signal: Signal, target: Execution) -> tuple[Refusal, ...]:
    """The accounts that have nothing to protect: no position, and no entry that may still come."""
    return tuple(
        Refusal(
            rule=Rule.POSITION_GONE,
            account_id=name,
            compared={"held": "0"},
            would_pass="a position or an open entry of the execution in this account",
        )
        for name in _addressed(signal, target)
        if not held(book, target, name) and _allocation(book, target, name).ended
    )


def _addressed(signal: Signal, target: Execution) -> tuple[str, ...]:
    if isinstance(signal.accounts, ListedAccounts):
        return tuple(name for name in target.accounts if name in signal.accounts.account_ids)
    return target.accounts


def _allocation(book: Book, target: Execution, account_id: str) -> Allocation:
    return book.allocations[allocation_key(target.execution_id, account_id)]


def amended(book: Book, plan: Plan, target: Execution, at_ns: int) -> tuple[Events, bool]:
    """New levels for what waits, and a request for every position; False where there is none."""
    events: Events = []
    new_stop, new_target = _on_grid(book, plan.signal)
    if new_stop is None and new_target is None:
        return [], False
    asked = 0
    for account_id in _addressed(plan.signal, target):
        allocation = _allocation(book, target, account_id)
        is_held = held(book, target, account_id) > 0
        if allocation.ended and not is_held:
            continue
        stop, goal = allocation.stop_loss, allocation.take_profit
        position = book.positions.get(account_id, {}).get(target.execution_id)
        is_apart = has_own_stops(book, account_id)
        if (
            position is not None
            and is_held
            and not is_apart
            and not _is_open(book, target, account_id)
        ):
            stop, goal = position.stop_loss, position.take_profit
        stop = stop if new_stop is None else new_stop
        goal = goal if new_target is None else new_target
        events.append(
            ev.LevelsChanged(
                execution_id=target.execution_id,
                account_id=account_id,
                amended_by=plan.execution_id,
                stop_loss=stop,
                take_profit=goal,
            )
        )
        if position is None or not is_held:
            continue
        if is_apart:  # the orders that protect it are changed (``protecting``)
            asked += 1
            continue
        for position_id in _tickets(book, position):
            wanted = Amendment(
                execution_id=plan.execution_id,
                account_id=account_id,
                position_of=target.execution_id,
                position_id=position_id,
                symbol=plan.signal.symbol,
                stop_loss=stop,
                take_profit=goal,
            )
            events.append(_requested(book, wanted, at_ns))
            asked += 1
    return events, asked > 0


def _is_open(book: Book, target: Execution, account_id: str) -> bool:
    """True while earlier levels of the account's position are still being set."""
    return any(
        each.due_at is not None
        for each in book.amendments.values()
        if each.position_of == target.execution_id and each.account_id == account_id
    )


def _tickets(book: Book, position: Position) -> tuple[str, ...]:
    """The venue's positions to protect; on a netting account the only one."""
    account = book.configuration.accounts.get(position.account_id)
    if account is not None and account.position_mode is PositionMode.NETTING:
        return (position.position_id,)
    return tuple(sorted(position.tickets))


def _requested(book: Book, wanted: Amendment, at_ns: int) -> ev.AmendRequested:
    name = f"{wanted.execution_id}/{wanted.position_of}/{wanted.position_id}"
    book_id = book.configuration.book_id
    return ev.AmendRequested(
        # The entry's own number: one request of a position in one entry, and never the same again.
        request_id=client_order_id(book_id, name, wanted.account_id, book.seq + 1),
        execution_id=wanted.execution_id,
        account_id=wanted.account_id,
        position_of=wanted.position_of,
        position_id=wanted.position_id,
        symbol=wanted.symbol,
        stop_loss=wanted.stop_loss,
        take_profit=wanted.take_profit,
        send_before=at_ns + SEND_BEFORE_NS,
        answer_due_at=at_ns + ACKNOWLEDGE_TIMEOUT_NS,
        attempt=wanted.attempt + 1,
    )


# --- answers, and none ------------------------------------------------------------------------


def on_protection_answer(book: Book, answer: ProtectionAnswer, at_ns: int) -> tuple[ev.Event, ...]:
    """What a venue says of the levels of a position. An acceptance that nobody waits for any more
    is its word nevertheless: the book follows it, and asks again where it is not what is wanted.
    """
    for amendment in book.amendments.values():
        if amendment.request_id != answer.client_order_id or not amendment.request_id:
            continue
        if amendment.account_id != answer.account_id:
            return ()
        if answer.accepted:
            return tuple(_set(book, amendment, answer))
        table = table_of(book, answer.account_id)
        failure = classify(table, code=answer.reject_code, text=answer.text, is_final=True)
        return tuple(failed(book, amendment, failure, answer.reject_code, answer.text, at_ns))
    return _late(book, answer)


def _late(book: Book, answer: ProtectionAnswer) -> tuple[ev.Event, ...]:
    levels = (answer.stop_loss, answer.take_profit)
    positions = book.positions.get(answer.account_id, {})
    for owner in sorted(positions):
        position = positions[owner]
        if not answer.accepted or answer.position_id not in position.tickets:
            continue
        if (position.stop_loss, position.take_profit) == levels:
            continue
        allocation = book.allocations.get(allocation_key(owner, answer.account_id))
        if allocation is None:  # adopted: its levels are not the book's affair
            continue
        found = _told(answer, allocation.amended_by or owner, owner, answer.position_id)
        return (found,)
    return ()


def _told(
    answer: ProtectionAnswer, execution_id: str, owner: str, position_id: str
) -> ev.ProtectionAmended:
    return ev.ProtectionAmended(
        request_id=answer.client_order_id,
        execution_id=execution_id,
        account_id=answer.account_id,
        position_of=owner,
        position_id=position_id,
        stop_loss=answer.stop_loss,
        take_profit=answer.take_profit,
        transact_at=answer.transact_at,
    )


def _set(book: Book, amendment: Amendment, answer: ProtectionAnswer) -> Events:
    owner, position_id = amendment.position_of, amendment.position_id
    events: Events = [_told(answer, amendment.execution_id, owner, position_id)]
    name = _asked_as(amendment)
    wanted = (amendment.stop_loss, amendment.take_profit)
    if wanted != (answer.stop_loss, answer.take_profit):
        known = {"in_force": _words(answer.stop_loss, answer.take_profit)}
        events.append(_person(amendment, "protection_differs", known))
    elif name in book.interventions:
        events.append(
            ev.InterventionResolved(
                execution_id=owner,
                account_id=amendment.account_id,
                client_order_id=name,
                reason=book.interventions[name],
                resolution="the venue set the levels",
            )
        )
    return [*events, *_ends(book, amendment, is_set=True)]


def on_amend_due(book: Book, key: str, at_ns: int) -> tuple[ev.Event, ...]:
    """A request to make (again), or one that nobody answered in time."""
    amendment = book.amendments.get(key)
    if amendment is None or amendment.due_at is None or at_ns < amendment.due_at:
        return ()
    position = book.positions.get(amendment.account_id, {}).get(amendment.position_of)
    if position is None or amendment.position_id not in _tickets(book, position):
        response = Response(failure_class=FailureClass.POSITION_GONE, step=Step.DONE, attempt=1)
        events: Events = [_refused(amendment, response, "", "", None)]
        return (*events, *_ends(book, amendment, is_set=True))
    if not amendment.request_id:
        return (_requested(book, amendment, at_ns),)
    silence = unanswered(book, amendment)
    return tuple(failed(book, amendment, silence, "", "no answer in time", at_ns))


def unanswered(book: Book, amendment: Amendment) -> Failure:
    """The failure of a request that may have reached the venue and has no answer."""
    return replace(
        unsent(table_of(book, amendment.account_id), Request.SUBMIT),
        failure_class=FailureClass.UNKNOWN_OUTCOME,
        outcome=Outcome.UNKNOWN,
    )


def failed(
    book: Book,
    amendment: Amendment,
    failure: Failure,
    code: str,
    text: str,
    at_ns: int,
    ask_at: int | None = None,
) -> Events:
    """Again within the bounds of the policy; else a person is asked. Where nobody knows what became
    of the request, the levels are asked for again at once, or at ``ask_at``.
    """
    attempts = amendment.tries.get(failure.failure_class.value, 0)
    config = book.configuration
    name, account_id = amendment.execution_id, amendment.account_id
    chance = draw(
        config.book_key, name, account_id, f"amend-{amendment.position_id}", amendment.attempt
    )
    response = respond(
        config.policy.failures,
        failure,
        attempts,
        chance,
        is_exit=True,
        stated_wait_ns=stated_wait_ns(book, account_id, text),
    )
    due_at: int | None = None
    if response.step is Step.QUERY:
        due_at = ask_at or at_ns  # nothing to ask about but the levels themselves
    elif response.step in (Step.RETRY, Step.WAIT, Step.REPRICE):
        due_at = at_ns + response.delay_ns
    elif response.step is Step.NEXT_SESSION:
        venue = config.accounts[account_id].venue
        due_at = next_session(book, amendment.symbol, venue, at_ns)
    events: Events = [_refused(amendment, response, code, text, due_at)]
    if due_at is not None:
        if response.step is Step.QUERY and ask_at is None:
            events.append(_requested(book, amendment, at_ns))
        return events
    if response.step is not Step.DONE:
        known = {"code": code, "text": text, "failure_class": response.failure_class.value}
        events.append(_person(amendment, "amend_failed", known))
    return [*events, *_ends(book, amendment, is_set=response.step is Step.DONE)]


def _refused(
    amendment: Amendment, response: Response, code: str, text: str, due_at: int | None
) -> ev.AmendFailed:
    return ev.AmendFailed(
        request_id=amendment.request_id,
        execution_id=amendment.execution_id,
        account_id=amendment.account_id,
        position_of=amendment.position_of,
        position_id=amendment.position_id,
        failure_class=response.failure_class,
        code=code,
        text=text,
        step=response.step,
        attempt=response.attempt,
        due_at=due_at,
    )


def _asked_as(amendment: Amendment) -> str:
    """The name under which a person is asked about the levels of a position."""
    name = amendment_key(amendment.position_of, amendment.account_id, amendment.position_id)
    return f"protection:{name}"


def _words(stop: Decimal | None, target: Decimal | None) -> str:
    return f"stop_loss {stop}, take_profit {target}"


def _person(amendment: Amendment, reason: str, known: dict[str, str]) -> ev.InterventionRequired:
    return ev.InterventionRequired(
        execution_id=amendment.position_of,
        account_id=amendment.account_id,
        client_order_id=_asked_as(amendment),
        reason=reason,
        known={
            **(choices(reason) | known),
            "position_id": amendment.position_id,
            "wanted": _words(amendment.stop_loss, amendment.take_profit),
        },
    )


def _ends(book: Book, amendment: Amendment, *, is_set: bool) -> Events:
    """The amend is over with its last request."""
    owner, account_id = amendment.position_of, amendment.account_id
    key = amendment_key(owner, account_id, amendment.position_id)
    return ends_amend(book, amendment.execution_id, {key}, is_set=is_set)
