"""The kill switch: which accounts and symbols may take no entry until a person says so.

Part of the book's state, so that it survives a restart; only a person throws or releases one
(DESIGN §4.10). Must not know orders, or who asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from stretto.core.terms.account import Account

KILLED = "kill_switch"
"""Why an allocation ends that a switch covers."""


class KillScope(StrEnum):
    """What a kill switch stands over."""

    BOOK = "book"
    FIRM = "firm"
    GROUP = "group"
    ACCOUNT = "account"
    SYMBOL = "symbol"


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One switch in force: over what, since when (ns UTC), by whom and why."""

    scope: KillScope
    at: int
    actor: str
    reason: str
    name: str = ""

    def covers(self, account: Account, symbol: str) -> bool:
        """True where it forbids an entry of ``symbol`` in ``account``."""
        match self.scope:
            case KillScope.BOOK:
                return True
            case KillScope.FIRM:
                return account.firm == self.name
            case KillScope.GROUP:
                return account.group == self.name
            case KillScope.ACCOUNT:
                return account.account_id == self.name
            case KillScope.SYMBOL:
                return symbol == self.name


def kill_key(scope: KillScope, name: str) -> str:
    """Key of a switch in the book."""
    return f"{scope.value}:{name}"


def switches_over(kills: dict[str, KillSwitch], symbol: str) -> tuple[KillSwitch, ...]:
    """The switches in force that may forbid an entry of ``symbol``, in the order of their keys."""
    return tuple(
        kills[key]
        for key in sorted(kills)
        if kills[key].scope is not KillScope.SYMBOL or kills[key].name == symbol
    )


def covering(
    switches: Iterable[KillSwitch], account: Account | None, symbol: str
) -> KillSwitch | None:
    """The first switch over an entry of ``symbol`` in ``account``, or None. An account that left
    the configuration is under every switch but another account's or symbol's.
    """
    for switch in switches:
        if account is None:
            by_name = switch.scope in (KillScope.ACCOUNT, KillScope.SYMBOL)
            if not by_name or (switch.scope is KillScope.SYMBOL and switch.name == symbol):
                return switch
        elif switch.covers(account, symbol):
            return switch
    return None


def described(switch: KillSwitch) -> str:
    """The scope in words: ``book``, or ``firm NAME``."""
    return f"{switch.scope.value} {switch.name}".strip()
