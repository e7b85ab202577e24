"""What a person asks of a book: ``intervene``, ``resolve``, ``kill``, ``release``, ``account``.

Turns words into one request, and the book's answer into words. Knows nothing of what a request may
do: the book decides, and a refused request is journaled like any other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from stretto.cli.errors import EXIT_REFUSED, problem
from stretto.cli.inputs import moment
from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.output import Output, quantity
from stretto.core import events as ev
from stretto.core.errors import InvalidInput
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import KillScope
from stretto.core.values import iso
from stretto.runtime.control import Answer
from stretto.sessions.approvals import awaiting_plans
from stretto.sessions.people import intervene as asked
from stretto.sessions.reading import book_of, tables_of
from stretto.sessions.statuses import find_execution

Actor = Annotated[str, typer.Option("--actor", help="Who asks.", metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the journal.", metavar="TEXT")]
RequestId = Annotated[
    str,
    typer.Option(
        "--request-id", help="A name for the request: the same acts once.", metavar="NAME"
    ),
]
Name = Annotated[str, typer.Argument(help="The firm, group, account or symbol.", metavar="[NAME]")]


class ExecutionAction(StrEnum):
    """What can be asked about one execution."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL_REMAINING = "cancel-remaining"
    ACCEPT_PARTIAL = "accept-partial"
    RETRY_NOW = "retry-now"
    REROUTE_TO = "reroute-to"
    CHANGE_PRICE = "change-price"
    CHANGE_SIZE = "change-size"
    APPROVE = "approve"
    REJECT = "reject"
    FLATTEN = "flatten"


class AccountAction(StrEnum):
    """What can be asked about one account."""

    EXCLUDE = "exclude"
    RESTORE = "restore"
    HALT = "halt"
    FLATTEN = "flatten"
    RELEASE = "release"


def intervene(
    context: typer.Context,
    execution: Annotated[
        str, typer.Argument(help="Execution, decision or signal id, or the beginning of one.")
    ],
    action: Annotated[ExecutionAction, typer.Argument(help="What is asked.")],
    db: Db,
    actor: Actor,
    reason: Reason,
    account: Annotated[str, typer.Option(help="One account of it; else all of them.")] = "",
    to: Annotated[str, typer.Option(help="reroute-to: the account that takes the rest.")] = "",
    price: Annotated[str, typer.Option(help="change-price: the new limit price.")] = "",
    size: Annotated[str, typer.Option(help="change-size: the new total, base units.")] = "",
    book: Book = None,
    request_id: RequestId = "",
    _json: Json = False,
) -> int:
    """Step into one execution: pause, cut short, retry, approve, change, flatten.

    A running book is asked over its socket; of one that does not run the decision is journaled, and
    what follows goes out at the next `stretto resume`. A refused request exits with 6.
    """
    book_id = book_of(db, book)
    with tables_of(db) as connection:
        execution_id = find_execution(connection, book_id, execution).status.summary.execution_id
    wanted = _on_execution(action, execution_id, account, to, price, size)
    return ask(context, db, book_id, wanted, actor, reason, request_id)


def flatten(
    context: typer.Context,
    db: Db,
    actor: Actor,
    reason: Reason,
    book: Book = None,
    request_id: RequestId = "",
    _json: Json = False,
) -> int:
    """Withdraw every entry and close every position of the whole book."""
    return ask(context, db, book_of(db, book), iv.Flatten(), actor, reason, request_id)


def _answer(action: ExecutionAction, words: str) -> Callable[..., int]:
    def answer(
        context: typer.Context,
        execution: Annotated[str, typer.Argument(help="As `stretto approvals` lists it.")],
        db: Db,
        actor: Actor,
        reason: Reason,
        book: Book = None,
        request_id: RequestId = "",
        _json: Json = False,
    ) -> int:
        return intervene(
            context, execution, action, db, actor, reason, book=book, request_id=request_id
        )

    answer.__doc__ = words
    return answer


approve = _answer(
    ExecutionAction.APPROVE,
    "Let a plan that waits for approval be carried out; its delays count from now.",
)
reject = _answer(ExecutionAction.REJECT, "Abandon a plan that waits for approval.")


def approvals(
    context: typer.Context,
    db: Db,
    book: Book = None,
    _json: Json = False,
) -> None:
    """List the plans that wait for a person's approval, the oldest first."""
    output = output_of(context, db)
    book_id = book_of(db, book)
    found = awaiting_plans(db, book_id)

    def render(out: Output) -> None:
        for each in found:
            out.line(
                f"{each.execution_id}  {each.signal_id}: {each.side} {quantity(each.intended)} "
                f"{each.symbol} in {each.accounts} accounts; {', '.join(each.awaits)}; "
                f"valid until {each.valid_until[:19]}Z"
            )
        if not found:
            out.line("No plan waits for approval.")

    output.result({"book_id": book_id, "approvals": found}, render)


def resolve(
    context: typer.Context,
    order: Annotated[str, typer.Argument(help="The client order id.")],
    fate: Annotated[iv.Fate, typer.Argument(help="What became of it.")],
    db: Db,
    actor: Actor,
    reason: Reason,
    evidence: Annotated[str, typer.Option(help="What the venue was seen to say, and where.")],
    quantity: Annotated[str, typer.Option(help="What it filled in all, base units.")] = "",
    price: Annotated[str, typer.Option(help="The mean price of that.")] = "",
    book: Book = None,
    request_id: RequestId = "",
    _json: Json = False,
) -> int:
    """Say what became of an order in doubt, with the evidence."""
    wanted = iv.ResolveInDoubt(
        client_order_id=order,
        fate=fate,
        evidence=evidence,
        quantity=_number("--quantity", quantity) if quantity else None,
        price=_number("--price", price) if price else None,
    )
    return ask(context, db, book_of(db, book), wanted, actor, reason, request_id)


def _switch(make: Callable[..., iv.Kill | iv.Release], words: str) -> Callable[..., int]:
    def switch(
        context: typer.Context,
        scope: Annotated[KillScope, typer.Argument(help="Over what.")],
        db: Db,
        actor: Actor,
        reason: Reason,
        name: Name = "",
        book: Book = None,
        request_id: RequestId = "",
        _json: Json = False,
    ) -> int:
        wanted = make(scope=scope, name=name)
        return ask(context, db, book_of(db, book), wanted, actor, reason, request_id)

    switch.__doc__ = words
    return switch


kill = _switch(
    iv.Kill,
    """Stop entries at once: none is sent any more, those that work are cancelled.

    Positions, their stops and targets stay. It holds over restarts until `stretto release`, which
    revives nothing.
    """,
)
release = _switch(iv.Release, "Take a kill switch back: new signals may enter again.")


def account(
    context: typer.Context,
    action: Annotated[AccountAction, typer.Argument(help="What is asked.")],
    account_id: Annotated[str, typer.Argument(help="The account.", metavar="ACCOUNT")],
    db: Db,
    actor: Actor,
    reason: Reason,
    until: Annotated[
        str, typer.Option(help="exclude: when it ends, ISO 8601; else until restored.")
    ] = "",
    book: Book = None,
    request_id: RequestId = "",
    _json: Json = False,
) -> int:
    """Take an account out of new entries, let it in again, or close all it holds."""
    if until and action is not AccountAction.EXCLUDE:
        raise InvalidInput("--until", f"says nothing about {action.value}", "only with exclude")
    wanted: iv.Action
    match action:
        case AccountAction.EXCLUDE:
            ends_at = moment("--until", until) if until else None
            wanted = iv.ExcludeAccount(account_id=account_id, until=ends_at)
        case AccountAction.RESTORE:
            wanted = iv.RestoreAccount(account_id=account_id)
        case AccountAction.HALT:
            wanted = iv.HaltAccount(account_id=account_id)
        case AccountAction.FLATTEN:
            wanted = iv.Flatten(account_id=account_id)
        case AccountAction.RELEASE:
            wanted = iv.ReleaseAccount(account_id=account_id)
    return ask(context, db, book_of(db, book), wanted, actor, reason, request_id)


_WHOLE: dict[ExecutionAction, Callable[..., iv.Action]] = {
    ExecutionAction.PAUSE: iv.Pause,
    ExecutionAction.RESUME: iv.Resume,
    ExecutionAction.APPROVE: iv.Approve,
    ExecutionAction.REJECT: iv.Reject,
}
_IN_ACCOUNT: dict[ExecutionAction, Callable[..., iv.Action]] = {
    ExecutionAction.CANCEL_REMAINING: iv.CancelRemaining,
    ExecutionAction.ACCEPT_PARTIAL: iv.AcceptPartial,
    ExecutionAction.RETRY_NOW: iv.RetryNow,
    ExecutionAction.FLATTEN: iv.Flatten,
}


def _on_execution(
    action: ExecutionAction, execution_id: str, account_id: str, to: str, price: str, size: str
) -> iv.Action:
    needs = {"--account": account_id, "--to": to, "--price": price, "--size": size}
    wanted = {
        **dict.fromkeys(_WHOLE, ()),
        **dict.fromkeys(_IN_ACCOUNT, ()),
        ExecutionAction.REROUTE_TO: ("--account", "--to"),
        ExecutionAction.CHANGE_PRICE: ("--account", "--price"),
        ExecutionAction.CHANGE_SIZE: ("--account", "--size"),
    }[action]
    allowed = (*wanted, "--account") if action in _IN_ACCOUNT else wanted
    for option, value in needs.items():
        if option in wanted and not value:
            raise InvalidInput(option, "missing", f"needed for {action.value}")
        if value and option not in allowed:
            raise InvalidInput(option, f"says nothing about {action.value}", f"no {option}")
    if action in _WHOLE:
        return _WHOLE[action](execution_id=execution_id)
    if action in _IN_ACCOUNT:
        return _IN_ACCOUNT[action](execution_id=execution_id, account_id=account_id)
    if action is ExecutionAction.REROUTE_TO:
        return iv.RerouteTo(execution_id=execution_id, account_id=account_id, to=to)
    if action is ExecutionAction.CHANGE_PRICE:
        limit = _number("--price", price)
        return iv.ChangePrice(execution_id=execution_id, account_id=account_id, limit_price=limit)
    quantity = _number("--size", size)
    return iv.ChangeSize(execution_id=execution_id, account_id=account_id, quantity=quantity)


def _number(option: str, text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise InvalidInput(option, f"{text!r} is no number", "a number") from error
    if not found.is_finite():
        raise InvalidInput(option, f"is {text!r}", "a finite number")
    return found


def ask(
    context: typer.Context,
    db: Path,
    book_id: str,
    action: iv.Action,
    actor: str,
    reason: str,
    request_id: str,
) -> int:
    """Put the request to the book and say what became of it; 6 where it was refused."""
    output = output_of(context, db)
    item = ev.Intervened(
        request_id=request_id or uuid.uuid4().hex, actor=actor, reason=reason, action=action
    )
    answer, is_running = asked(db, book_id, item)
    fields = _fields(book_id, item, answer, is_running)
    if answer.denied is not None:
        compared = ", ".join(f"{name} {text}" for name, text in answer.denied.compared.items())
        again = " (as when it was first asked)" if answer.is_repeat else ""
        message = f"refused: {answer.denied.rule.value}{again}"
        message += f" ({compared})" if compared else ""
        message += f"; expected {answer.denied.expected}" if answer.denied.expected else ""
        return problem(output, "refused", EXIT_REFUSED, message, fields)
    output.result(fields, lambda out: out.line(_sentence(item, answer, is_running)))
    return 0


def _fields(book_id: str, item: ev.Intervened, answer: Answer, is_running: bool) -> dict[str, Any]:
    denied = answer.denied
    return {
        "book_id": book_id,
        "request_id": item.request_id,
        "action": iv.name_of(item.action),
        "actor": item.actor,
        "entry": answer.entry,
        "at": iso(answer.at),
        "repeated": answer.is_repeat,
        "running": is_running,
        "abandoned": answer.abandoned,
        "cancels": answer.cancels,
        "events": list(answer.events),
        "refused": None if denied is None else denied.rule.value,
    }


def _sentence(item: ev.Intervened, answer: Answer, is_running: bool) -> str:
    done = iv.name_of(item.action).replace("_", " ")
    if answer.is_repeat:
        return f"{done}: request {item.request_id} was handled before, in entry {answer.entry}."
    said = f"{done}: entry {answer.entry} at {iso(answer.at)[:19]}Z"
    if answer.abandoned or answer.cancels:
        said += f"; {answer.abandoned} allocations cut short, {answer.cancels} cancels"
    if isinstance(item.action, iv.Flatten):
        said += "; flatten under way: `stretto accounts` shows when the venue has confirmed it"
    if not is_running:
        said += "; the book does not run: what follows goes out at the next `stretto resume`"
    return f"{said}."
