"""Signals that open nothing: close, reduce, amend; and what makes one well-formed (DESIGN §4.1).

They name an earlier signal or execution and hold for every account that has a part in it. Knows
nothing of accounts, positions or quotes.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Action, PerAccount, Share, Signal, Size
from stretto.core.values import ONE, Side

PERSON = "a person"
"""The strategy that a person's exits are under; no strategy may take it for its own."""
LEVELS = ("stop_loss", "take_profit", "limit_price")


class ExitSignal(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One exit. ``refers_to`` is the id of a signal or an execution. ``size`` is what a ``reduce``
    closes in each account: a share of what it holds, or base units. ``stop_loss``, ``take_profit``
    (of the position) and ``limit_price`` (of entries that still rest) are what an ``amend`` sets,
    in quote currency. ``symbol``, where stated, must be the position's. ``side`` and
    ``valid_until`` are kept as stated and decide nothing: an exit follows the position, and does
    not expire.
    """

    signal_id: str
    strategy_id: str
    action: Action
    refers_to: str
    generated_at: int
    size: Size | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    limit_price: Decimal | None = None
    symbol: str = ""
    side: Side | None = None
    valid_until: int | None = None


AnySignal = Signal | ExitSignal


def judge_exit_form(exit_signal: ExitSignal) -> Refusal | None:
    """What is wrong with an exit by itself: names, sizes, levels."""
    for name in ("signal_id", "strategy_id", "refers_to"):
        if not getattr(exit_signal, name):
            return _malformed(name, "empty", "a name")
    levels = [name for name in LEVELS if getattr(exit_signal, name) is not None]
    for name in levels:
        value = getattr(exit_signal, name)
        if not value.is_finite() or value <= 0:
            return _malformed(name, str(value), "a finite number above 0")
    match exit_signal.action:
        case Action.AMEND:
            if not levels:
                return _malformed("action", "amend", f"one of {', '.join(LEVELS)}")
        case Action.REDUCE:
            return _judge_size(exit_signal.size) or _judge_no_levels(levels)
        case Action.CLOSE:
            return _judge_no_levels(levels)
        case Action.OPEN:
            return _malformed("action", "open", "close, reduce or amend")
    return None


def _judge_no_levels(levels: list[str]) -> Refusal | None:
    if not levels:
        return None
    return _malformed(levels[0], "stated", "no level: the action amend sets one")


def _judge_size(size: Size | None) -> Refusal | None:
    if isinstance(size, Share):
        if not size.fraction.is_finite() or not 0 < size.fraction <= 1:
            return _malformed("size.fraction", str(size.fraction), "a number above 0, up to 1")
        return None
    if isinstance(size, PerAccount):
        if not size.quantity.is_finite() or size.quantity <= 0:
            return _malformed("size.quantity", str(size.quantity), "a finite number above 0")
        return None
    found = "missing" if size is None else type(size).__name__
    return _malformed("size", found, "mode share or per_account")


def as_signal(exit_signal: ExitSignal, symbol: str, side: Side) -> Signal:
    """The exit in the shape that plans and tables keep: of the ``side`` that closes, with the size
    as it counts. What it has no use for (validity, say) repeats its own time.
    """
    size = exit_signal.size if exit_signal.action is Action.REDUCE else None
    return Signal(
        signal_id=exit_signal.signal_id,
        strategy_id=exit_signal.strategy_id,
        action=exit_signal.action,
        symbol=symbol,
        side=side,
        size=Share(fraction=ONE) if size is None else size,
        generated_at=exit_signal.generated_at,
        valid_until=exit_signal.generated_at,
        limit_price=exit_signal.limit_price,
        stop_loss=exit_signal.stop_loss,
        take_profit=exit_signal.take_profit,
        refers_to=exit_signal.refers_to,
    )


def _malformed(field: str, value: str, expected: str) -> Refusal:
    return Refusal(rule=Rule.MALFORMED, compared={field: value}, would_pass=f"{field}: {expected}")
