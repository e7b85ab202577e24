"""Flatten as a person asks for it: of an execution, an account, or the whole book.

Nothing but what is there to be closed refuses it: no kill switch, halt or pause holds an exit up.
Must not know how the exits are made, or what proves an account flat.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Book, Execution
from stretto.core.exits.flattening import begun, entered_in, flatten, is_open
from stretto.core.people.intervening_accounts import unknown_account
from stretto.core.terms import intervention as iv
from stretto.core.terms.report import OrderRole

Outcome = list[ev.Event] | iv.Denied


def flatten_asked(book: Book, action: iv.Flatten, request_id: str, at_ns: int) -> Outcome:
    """FlattenBegun for every account with something to close, and the exits that close it."""
    denied = _unknown(book, action)
    if denied is not None:
        return denied
    found = entered_in(book, action.account_id)
    found = [each for each in found if action.execution_id in ("", each.execution_id)]
    if not found:
        return iv.Denied(
            rule=iv.Denial.NOTHING_TO_FLATTEN,
            compared={
                "execution": action.execution_id or "any",
                "account": action.account_id or "any",
                "positions": "0",
                "entries_open": "0",
            },
            expected="a position or an entry that is still open",
        )
    named = [action.account_id] if action.account_id else sorted(book.ledgers)
    accounts = [name for name in named if any(is_open(book, each, name) for each in found)]
    return [
        *begun(accounts, action.execution_id, request_id, at_ns),
        *flatten(book, found, request_id, at_ns, action.account_id),
    ]


def _unknown(book: Book, action: iv.Flatten) -> iv.Denied | None:
    if action.account_id:
        denied = unknown_account(book, action.account_id)
        if denied is not None:
            return denied
    if not action.execution_id:
        return None
    execution = book.executions.get(action.execution_id)
    if execution is None:
        return iv.Denied(
            rule=iv.Denial.UNKNOWN_EXECUTION,
            compared={"execution": action.execution_id},
            expected="an execution that `stretto status` lists",
        )
    return _not_of(execution, action.account_id)


def _not_of(execution: Execution, account_id: str) -> iv.Denied | None:
    if execution.role is not OrderRole.ENTRY:
        return iv.Denied(
            rule=iv.Denial.IS_EXIT,
            compared={"execution": execution.execution_id, "role": execution.role.value},
            expected="an execution of entries",
        )
    if account_id and account_id not in execution.accounts:
        return iv.Denied(
            rule=iv.Denial.NOT_TAKING_PART,
            compared={"account": account_id, "execution": execution.execution_id},
            expected=f"one of {', '.join(execution.accounts[:20])}",
        )
    return None
