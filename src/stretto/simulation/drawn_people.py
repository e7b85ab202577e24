"""What people ask of the book of a seed, and when: pauses, kills, approvals, exclusions, exits.

Executions and orders are named before they exist, for their ids follow from the signal's. Some
requests are unfounded, so that refusals are seen. Knows nothing of how a request is handled.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from stretto.core.inputs import Intervened
from stretto.core.terms import intervention as person
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.terms.killing import KillScope
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.signal import Signal
from stretto.core.values import NS_PER_S, execution_id
from stretto.simulation.draws import Draws

Asked = tuple[int, Intervened]
_MINUTE_NS = 60 * NS_PER_S


def draw_people(
    seed: Draws, config: BookConfig, arrivals: Sequence[tuple[int, AnySignal]], ends_at: int
) -> tuple[Asked, ...]:
    """Requests in order of time, before ``ends_at``."""
    draws = seed.within("people")
    asked: list[tuple[int, person.Action]] = []
    share = draws.pick("share", (2, 0), (3, 20), (2, 50))
    policy = config.policy
    waits = (
        policy.approval_always
        or policy.approval_accounts_over is not None
        or policy.approval_risk_over is not None
    )
    for place, (at, signal) in enumerate(arrivals):
        own = draws.within(str(place))
        name = execution_id(config.book_id, signal.signal_id)
        if waits and isinstance(signal, Signal):
            asked += _approval(own, name, at)
        if own.chance("asks", share):
            later = at + own.spread("after", 1, 160) * NS_PER_S
            asked += _about_execution(own, config, signal, name, later)
        if own.chance("stops", share // 4):
            later = at + own.spread("kill after", 1, 120) * NS_PER_S
            asked += _about_accounts(own, config, signal, later)
    asked.sort(key=lambda each: each[0])
    return tuple(
        (at, Intervened(request_id=f"r{place}", actor="Ada", reason="drawn", action=action))
        for place, (at, action) in enumerate(asked)
        if at < ends_at
    )


def _approval(draws: Draws, name: str, asked_at: int) -> list[tuple[int, person.Action]]:
    later = asked_at + draws.spread("approval after", 1, 400) * NS_PER_S
    answer = draws.pick("approval", (7, "yes"), (1, "no"), (1, "twice"), (1, "none"))
    if answer == "no":
        return [(later, person.Reject(execution_id=name))]
    times = {"yes": (later,), "twice": (later, later + NS_PER_S), "none": ()}[answer]
    return [(at, person.Approve(execution_id=name)) for at in times]


def _about_execution(
    draws: Draws, config: BookConfig, signal: AnySignal, name: str, at: int
) -> list[tuple[int, person.Action]]:
    actions = what_is_asked(draws, sorted(config.accounts), signal, name)
    resumed = at + draws.spread("resume after", 1, 300) * NS_PER_S
    return [(at, actions[0]), *((resumed, action) for action in actions[1:])]


def what_is_asked(
    draws: Draws, accounts: Sequence[str], signal: AnySignal, name: str
) -> list[person.Action]:
    """Something to ask about an execution or one of the accounts in it, and where it is a pause,
    what ends it.
    """
    account = accounts[draws.below("account", len(accounts))]
    other = accounts[draws.below("other", len(accounts))]
    which = draws.pick("which", (1, ""), (1, account))
    kind = draws.pick("kind", *((weight, kind) for weight, kind in _KINDS))
    match kind:
        case "pause":
            return [person.Pause(execution_id=name), person.Resume(execution_id=name)]
        case "cancel":
            return [person.CancelRemaining(execution_id=name, account_id=which)]
        case "accept":
            return [person.AcceptPartial(execution_id=name, account_id=which)]
        case "retry":
            return [person.RetryNow(execution_id=name, account_id=which)]
        case "reroute":
            return [person.RerouteTo(execution_id=name, account_id=account, to=other)]
        case "flatten":
            return [person.Flatten(execution_id=name, account_id=which)]
        case "price":
            price = getattr(signal, "limit_price", None) or Decimal("1.1")
            price *= Decimal(draws.between("price", 9_990, 10_010)) / 10_000
            price = price.quantize(Decimal("0.00001"))
            return [person.ChangePrice(execution_id=name, account_id=account, limit_price=price)]
        case _:
            quantity = Decimal(1_000 * draws.between("size", 1, 20))
            return [person.ChangeSize(execution_id=name, account_id=account, quantity=quantity)]


_KINDS = (
    (3, "pause"),
    (3, "cancel"),
    (2, "accept"),
    (2, "retry"),
    (2, "reroute"),
    (2, "flatten"),
    (1, "price"),
    (1, "size"),
)


def _about_accounts(
    draws: Draws, config: BookConfig, signal: AnySignal, at: int
) -> list[tuple[int, person.Action]]:
    accounts = sorted(config.accounts)
    account = accounts[draws.below("stopped", len(accounts))]
    later = at + draws.spread("release after", 5, 1_800) * NS_PER_S
    kind = draws.pick(
        "stop",
        (6, "kill"),
        (2, "exclude"),
        (2, "halt"),
        (2, "flatten"),
        (1, "adopt"),
        (1, "dismiss"),
    )
    if kind == "exclude":
        until = draws.pick("until", (1, None), (1, at + 10 * _MINUTE_NS))
        return [
            (at, person.ExcludeAccount(account_id=account, until=until)),
            (later, person.RestoreAccount(account_id=account)),
        ]
    if kind == "halt":
        return [
            (at, person.HaltAccount(account_id=account)),
            (later, person.ReleaseAccount(account_id=account)),
        ]
    if kind == "flatten":
        return [(at, person.Flatten(account_id=draws.pick("whole", (1, ""), (2, account))))]
    if kind in ("adopt", "dismiss"):  # mostly unfounded: what is, the desk asks when it is there
        symbol, side = (
            signal.symbol or "EURUSD",
            draws.pick("side", (1, ""), (1, "buy"), (1, "sell")),
        )
        if kind == "dismiss":
            return [(at, person.DismissPosition(account_id=account, symbol=symbol, side=side))]
        return [(at, person.AdoptPosition(account_id=account, symbol=symbol, side=side))]
    scope = draws.pick("scope", *((1, each) for each in KillScope))
    named = {
        KillScope.BOOK: "",
        KillScope.FIRM: config.accounts[account].firm,
        KillScope.GROUP: config.accounts[account].group,
        KillScope.ACCOUNT: account,
        KillScope.SYMBOL: signal.symbol or "EURUSD",
    }[scope]
    kill = (at, person.Kill(scope=scope, name=named))
    release = (later, person.Release(scope=scope, name=named))
    return [kill, release] if draws.chance("released", 80) else [kill]
