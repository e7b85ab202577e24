"""What a venue's word on a stop or target means that is an order of its own.

What one fills is booked to the position; what it fills beyond that halts the account and goes to a
person. One that is refused is tried again within the bounds of the policy, then a person is asked.
Places and cancels nothing: what is owed afterwards is the comparison of ``protecting``.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.alarms import alarms, ask, halt, settled_doubt
from stretto.core.accounts.conduct import conducted
from stretto.core.accounts.failing import besides, stated_wait_ns, table_of
from stretto.core.book import Book, allocation_key
from stretto.core.executions.amend_ending import ends_amend
from stretto.core.executions.giving_up import cancel_again
from stretto.core.executions.sessions import next_session
from stretto.core.exits.late_fills import regained
from stretto.core.failures.failure_actions import Response, Step, respond
from stretto.core.limits import ACKNOWLEDGE_TIMEOUT_NS, CANCELS_MAX, EXPIRY_NS_MIN
from stretto.core.orders.order import Message, Note, Order, OrderInput, OrderState, is_done
from stretto.core.orders.order import Step as Done
from stretto.core.orders.order_changes import changes_between
from stretto.core.protective.protecting import wanted
from stretto.core.terms.account import Position
from stretto.core.terms.failure import FailureClass, Outcome, Request, classify, unsent
from stretto.core.terms.protection import asked_as, leg_of
from stretto.core.terms.report import CancelReject, ExecutionReport
from stretto.core.values import ZERO, draw

Events = list[ev.Event]
OVERFILL = "protection_overfill"
"""A stop and a target, or one of them and an exit, filled more than there was to close."""


def protective_advanced(
    book: Book,
    before: Order,
    done: Done,
    message: Message,
    report: ExecutionReport | None,
    detail: str,
    at_ns: int,
    causes: tuple[str, ...],
) -> tuple[ev.Event, ...]:
    """All that one message about a stop or target changes; empty where it changes nothing."""
    order = done.order
    events: Events = []
    changes = changes_between(before, order)
    if changes is not None:
        events.append(
            ev.OrderAdvanced(
                client_order_id=order.client_order_id,
                execution_id=order.execution_id,
                account_id=order.account_id,
                cause=", ".join((*causes, done.kind.value)),
                changes=changes,
                protects=True,
            )
        )
        if before.state is OrderState.IN_DOUBT and order.state is not before.state:
            events += settled_doubt(book, before, done.kind.value)
    fill = None
    if done.fill_delta or done.notional_delta or done.fee_delta:
        fill = _fill(book, done, report, at_ns)
        events.append(fill)
    events += alarms(book, done, ZERO, detail)
    if fill is not None:
        events += reversed_by(book, order, fill)
        if fill.quantity < 0:
            events += regained(book, order.execution_id, order.account_id, -fill.quantity, at_ns)
    failed: Events = []
    if isinstance(message, CancelReject) or order.replacing is not None:
        failed = _request_failed(book, before, order, done.kind, message, at_ns)
    elif is_done(order) and not is_done(before):
        failed = _ended(book, before, done, detail, at_ns)
    told = next((each for each in failed if isinstance(each, ev.ProtectionFailed)), None)
    return (*events, *failed, *conducted(book, before, order, _of_submit(told), at_ns))


# --- fills ------------------------------------------------------------------------------------


def _fill(book: Book, done: Done, report: ExecutionReport | None, at_ns: int) -> ev.FillBooked:
    order, quantity = done.order, done.fill_delta
    position = book.positions.get(order.account_id, {}).get(order.execution_id)
    price = report.last_px if report is not None and report.last_px else ZERO
    if not price:
        price = done.notional_delta / quantity if quantity else ZERO
    sign = order.side.opposite.sign
    average = _entered_at(book, order, position, price)
    return ev.FillBooked(
        execution_id=order.execution_id,
        account_id=order.account_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        direction=order.side.sign,
        quantity=quantity,
        notional=done.notional_delta,
        price=price,
        cause=order.role.value,
        fee=done.fee_delta,
        overfill=_beyond(position, sign, quantity),
        realized=(done.notional_delta - average * quantity) * sign,
        exec_id=report.exec_id if report is not None and done.fill is not None else "",
        trading_day=report.trading_day if report is not None else "",
        transact_at=report.transact_at if report is not None else at_ns,
        position_id=order.position_id,
        inferred=done.note is Note.INFERRED,
    )


def _entered_at(book: Book, order: Order, position: Position | None, price: Decimal) -> Decimal:
    """Average price of the entry; of a position that is gone, what is known from its allocation."""
    if position is not None:
        return position.average_price
    entered = book.allocations[allocation_key(order.execution_id, order.account_id)]
    quantity = entered.filled + entered.overfilled
    return entered.notional / quantity if quantity else price


def _beyond(position: Position | None, sign: int, quantity: Decimal) -> Decimal:
    """What of a closing fill exceeds what is held on the side of ``sign``, base units."""
    held = ZERO if position is None else max(ZERO, position.quantity * sign)
    return max(ZERO, quantity - held)


def reversed_by(book: Book, order: Order, fill: ev.FillBooked) -> Events:
    """AccountHalted, and a person is asked, where an order closed more than its execution held."""
    owner = fill.position_of or fill.execution_id
    if allocation_key(owner, fill.account_id) not in book.protections:
        return []
    position = book.positions.get(fill.account_id, {}).get(owner)
    beyond = _beyond(position, -fill.direction, fill.quantity)
    if not beyond:
        return []
    known = {
        "filled": str(fill.quantity),
        "beyond_position": str(beyond),
        "role": order.role.value,
        "can_be_done": "close the excess at the venue, then release the account",
    }
    return [*halt(book, fill.account_id, OVERFILL), *ask(book, order, OVERFILL, known, again=True)]


# --- failures ---------------------------------------------------------------------------------


def _ended(book: Book, before: Order, done: Done, detail: str, at_ns: int) -> Events:
    """What follows from an order that ended though something is still to be protected: it is
    placed again now, later, or once a person changed something.
    """
    order = done.order
    ran_out = order.state is OrderState.EXPIRED and at_ns - order.created_at >= EXPIRY_NS_MIN
    is_known = before.cancel_requested or ran_out
    if order.state is OrderState.FILLED or (is_known and not order.reject_code):
        return []
    leg = leg_of(order.role, order.position_id)
    want = wanted(book, order.execution_id, order.account_id).get(leg)
    if want is None or want.quantity <= done.fill_delta:
        return []
    table = table_of(book, order.account_id)
    if order.state is OrderState.DEAD:
        failure = unsent(table, Request.SUBMIT)
    elif order.reject_code:
        failure = classify(table, code=order.reject_code, text=order.text, is_final=True)
    else:  # the venue ended it and does not say why
        failure = replace(unsent(table, Request.SUBMIT), failure_class=FailureClass.VENUE_ERROR)
    config, name = book.configuration, f"{leg}/{failure.failure_class.value}"
    key = allocation_key(order.execution_id, order.account_id)
    tried = book.protections[key].tries.get(name, 0)
    chance = draw(config.book_key, order.execution_id, order.account_id, f"protect-{leg}", tried)
    stated = stated_wait_ns(book, order.account_id, order.text)
    response = respond(
        config.policy.failures, failure, tried, chance, is_exit=True, stated_wait_ns=stated
    )
    text = order.text or detail
    due_at = _again_at(book, order, response, at_ns)
    told = _told(order, Request.SUBMIT, response, order.reject_code, text, due_at)
    events: Events = [told, *besides(book, order, response, at_ns)]
    if due_at is None:
        events += _person(book, key, told, order)
    return events


def _again_at(book: Book, order: Order, response: Response, at_ns: int) -> int | None:
    if response.step is Step.RETRY and response.attempt == 1:
        return at_ns  # nothing protects the position meanwhile
    if response.step is Step.DONE and response.attempt == 1:
        # Where the venue holds nothing (more), the fill that says so is on its way.
        return at_ns + ACKNOWLEDGE_TIMEOUT_NS
    if response.step in (Step.RETRY, Step.WAIT, Step.REPRICE):
        return at_ns + response.delay_ns
    if response.step is Step.NEXT_SESSION:
        venue = book.configuration.accounts[order.account_id].venue
        return next_session(book, order.symbol, venue, at_ns)
    return None


def _request_failed(
    book: Book, before: Order, order: Order, kind: OrderInput, message: Message, at_ns: int
) -> Events:
    """A cancel or replace was refused, or nobody answered a replace: the order may stand as it was.
    What is still wanted is asked for again a while later; a replace within the bounds of the
    policy, then a person is asked. One that nobody answered is followed by a cancel.
    """
    if is_done(order) or is_done(before):
        return []
    later = at_ns + ACKNOWLEDGE_TIMEOUT_NS
    if not isinstance(message, CancelReject):
        if kind is not OrderInput.OUTCOME_UNKNOWN:
            return []
        unknown = FailureClass.UNKNOWN_OUTCOME
        silence = Response(failure_class=unknown, step=Step.QUERY, attempt=1)
        return [_told(order, Request.REPLACE, silence, "", "no answer in time", later)]
    request = Request.REPLACE if message.for_replace else Request.CANCEL
    table = table_of(book, order.account_id)
    failure = classify(table, code=message.reject_code, text=message.text, request=request)
    key = allocation_key(order.execution_id, order.account_id)
    tried = book.protections[key].tries.get(order.client_order_id, 0)
    is_spent = message.for_replace and tried >= book.configuration.policy.failures.retries_max
    response = Response(
        failure_class=failure.failure_class,
        step=Step.INTERVENE if is_spent else Step.RETRY,
        attempt=tried + 1,
    )
    due_at = None if is_spent else later
    told = _told(order, request, response, message.reject_code, message.text, due_at)
    if is_spent:
        return [told, *_person(book, key, told, order)]
    if not message.for_replace and order.cancels >= CANCELS_MAX:
        return [told, *cancel_again(book, order, "protection", at_ns)]
    return [told]


def _told(
    order: Order, request: Request, response: Response, code: str, text: str, due_at: int | None
) -> ev.ProtectionFailed:
    return ev.ProtectionFailed(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        role=order.role,
        position_id=order.position_id,
        request=request,
        failure_class=response.failure_class,
        step=response.step,
        attempt=response.attempt,
        code=code,
        text=text,
        due_at=due_at,
    )


def _person(book: Book, key: str, told: ev.ProtectionFailed, order: Order) -> Events:
    """Nothing more is tried before something changes; an amend that waited for it is over."""
    asked = ev.InterventionRequired(
        execution_id=told.execution_id,
        account_id=told.account_id,
        client_order_id=asked_as(key, leg_of(told.role, told.position_id)),
        reason=told.failure_class.value,
        known={
            "order": told.client_order_id,
            "request": told.request.value,
            "order_qty": str(order.quantity),
            "position_id": told.position_id,
            "code": told.code,
            "text": told.text,
            "can_be_done": "amend the levels, or close the position",
        },
    )
    amend = book.protections[key].amend
    return [asked, *(ends_amend(book, amend, {key}, is_set=False) if amend else ())]


def _of_submit(told: ev.ProtectionFailed | None) -> ev.OrderFailed | None:
    """The failure as what it says of account and venue; a refused request says nothing of them."""
    if told is None or told.request is not Request.SUBMIT:
        return None
    return ev.OrderFailed(
        client_order_id=told.client_order_id,
        execution_id=told.execution_id,
        account_id=told.account_id,
        failure_class=told.failure_class,
        outcome=Outcome.REJECTED_CERTAIN,
        step=told.step,
        attempt=told.attempt,
    )
