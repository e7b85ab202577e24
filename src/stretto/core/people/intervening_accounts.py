"""What a person may ask about one account: no entries in it for a while, or entries again.

Must not know executions.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.accounts.account_exclusion import exclude
from stretto.core.book import Book
from stretto.core.terms import intervention as iv
from stretto.core.values import iso

Outcome = list[ev.Event] | iv.Denied


def halt_account(book: Book, action: iv.HaltAccount, actor: str, reason: str) -> Outcome:
    """AccountHalted; what works in the account goes on working."""
    denied = unknown_account(book, action.account_id)
    if denied is not None:
        return denied
    halted = book.ledgers[action.account_id].halted
    if halted:
        return iv.Denied(
            rule=iv.Denial.ALREADY_HALTED,
            compared={"account": action.account_id, "halted": halted},
            expected="an account that is not halted",
        )
    return [ev.AccountHalted(account_id=action.account_id, reason=f"{actor}: {reason}")]


def release_account(book: Book, action: iv.ReleaseAccount, reason: str) -> Outcome:
    """AccountReleased."""
    denied = unknown_account(book, action.account_id)
    if denied is not None:
        return denied
    if not book.ledgers[action.account_id].halted:
        return iv.Denied(
            rule=iv.Denial.NOT_HALTED,
            compared={"account": action.account_id, "halted": "no"},
            expected="an account that is halted",
        )
    return [ev.AccountReleased(account_id=action.account_id, reason=reason)]


def exclude_account(
    book: Book, action: iv.ExcludeAccount, actor: str, reason: str, at_ns: int
) -> Outcome:
    """AccountExcluded, joined with an exclusion in force."""
    denied = unknown_account(book, action.account_id)
    if denied is not None:
        return denied
    until = action.until
    if until is not None and until <= at_ns:
        return iv.Denied(
            rule=iv.Denial.TIME_PASSED,
            compared={"until": iso(until), "now": iso(at_ns)},
            expected=f"a time after {iso(at_ns)}",
        )
    excluded = exclude(book, action.account_id, reason, actor, until=until)
    if excluded:
        return list(excluded)
    return iv.Denied(
        rule=iv.Denial.ALREADY_EXCLUDED,
        compared={"account": action.account_id},
        expected="an account that is not excluded for as long already",
    )


def restore_account(book: Book, action: iv.RestoreAccount, actor: str, reason: str) -> Outcome:
    """AccountRestored."""
    denied = unknown_account(book, action.account_id)
    if denied is not None:
        return denied
    if book.ledgers[action.account_id].exclusion is None:
        return iv.Denied(
            rule=iv.Denial.NOT_EXCLUDED,
            compared={"account": action.account_id},
            expected="an account that is excluded",
        )
    return [ev.AccountRestored(account_id=action.account_id, reason=reason, actor=actor)]


def unknown_account(book: Book, account_id: str) -> iv.Denied | None:
    """The refusal of an account that the book does not know, or None."""
    if account_id in book.ledgers:
        return None
    return iv.Denied(
        rule=iv.Denial.UNKNOWN_ACCOUNT,
        compared={"account": account_id, "in_the_book": "no"},
        expected="an account of the book",
    )
