"""Kill and release: nothing enters in a scope any more, and what works there is cancelled.

Protection and exits stay: only entries are given up. Releasing revives nothing. Must not know what
the gate does with a switch in force.
"""

from __future__ import annotations

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.executions.giving_up import give_up
from stretto.core.terms import intervention as iv
from stretto.core.terms.killing import KILLED, KillScope, KillSwitch, covering, kill_key

Outcome = list[ev.Event] | iv.Denied


def kill(book: Book, action: iv.Kill, actor: str, reason: str, at_ns: int) -> Outcome:
    """KillSwitchThrown (once), and the end of every entry in the scope; again, it cancels what
    works since.
    """
    denied = _unknown(book, action.scope, action.name)
    if denied is not None:
        return denied
    events: list[ev.Event] = []
    if kill_key(action.scope, action.name) not in book.kills:
        events.append(
            ev.KillSwitchThrown(scope=action.scope, name=action.name, actor=actor, reason=reason)
        )
    switch = KillSwitch(scope=action.scope, name=action.name, at=at_ns, actor=actor, reason=reason)
    return [*events, *give_up(book, _in_scope(book, switch), KILLED, at_ns)]


def release(book: Book, action: iv.Release, actor: str, reason: str) -> Outcome:
    """KillSwitchReleased, or the refusal that names what is in force."""
    if kill_key(action.scope, action.name) not in book.kills:
        in_force = ", ".join(sorted(book.kills)) or "none"
        return iv.Denied(
            rule=iv.Denial.NOT_KILLED,
            compared={"asked": kill_key(action.scope, action.name), "in_force": in_force},
            expected="a kill switch that is in force",
        )
    return [ev.KillSwitchReleased(scope=action.scope, name=action.name, actor=actor, reason=reason)]


def _in_scope(book: Book, switch: KillSwitch) -> list[Allocation]:
    """Open allocations of entries that the switch covers, by execution and account."""
    accounts = book.configuration.accounts
    found = []
    for execution_id in sorted(book.open_executions):
        execution = book.executions[execution_id]
        if execution.closes:
            continue
        for account_id in execution.accounts:
            account, symbol = accounts.get(account_id), execution.signal.symbol
            if covering((switch,), account, symbol) is not None:
                found.append(book.allocations[allocation_key(execution_id, account_id)])
    return found


def _unknown(book: Book, scope: KillScope, name: str) -> iv.Denied | None:
    config = book.configuration
    accounts = config.accounts.values()
    known: list[str] = []
    match scope:
        case KillScope.BOOK:
            if not name:
                return None
            return iv.Denied(
                rule=iv.Denial.UNKNOWN_NAME,
                compared={"scope": scope.value, "name": name},
                expected="no name: the scope is the whole book",
            )
        case KillScope.FIRM:
            known = sorted(dict.fromkeys(account.firm for account in accounts))
        case KillScope.GROUP:
            known = sorted(dict.fromkeys(account.group for account in accounts if account.group))
        case KillScope.ACCOUNT:
            known = sorted(config.accounts)
        case KillScope.SYMBOL:
            known = sorted(config.instruments)
    if name in known:
        return None
    return iv.Denied(
        rule=iv.Denial.UNKNOWN_NAME,
        compared={"scope": scope.value, "name": name},
        expected=f"one of {', '.join(known[:20])}" if known else f"a book with a {scope.value}",
    )
