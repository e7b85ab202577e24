"""Quick ways to say that no rule refuses an account; what they do not say, ``eligibility`` judges.

Most accounts pass every rule, and a plan asks of thousands. Each function here is true only where
the rules it names cannot refuse; false says nothing. Must not know scores, or make any text.
"""

from __future__ import annotations

from stretto.core.gate.risk import Room
from stretto.core.gate.rules import open_rules
from stretto.core.gate.trade import AccountView, Trade, TradeContext
from stretto.core.terms.account import AccountMode, PositionMode

_ACTIVE = AccountMode.ACTIVE
_HEDGING = PositionMode.HEDGING


def in_order(view: AccountView, room: Room) -> bool:
    """Whether no rule refuses the account for what it is, whatever the trade: true as long as its
    configuration, snapshot, ledger and room stay.
    """
    return may_enter(view) and is_unlimited(view, room)


def may_enter(view: AccountView) -> bool:
    """Active and tradable, and nothing keeps it from entries."""
    snapshot, ledger = view.snapshot, view.ledger
    return (
        snapshot is not None
        and snapshot.tradable
        and view.account.mode is _ACTIVE
        and ledger.exclusion is None
        and not ledger.halted
        and not ledger.unreconciled
    )


def is_unlimited(view: AccountView, room: Room) -> bool:
    """Hedging, without limits of its own, and its room is known."""
    account = view.account
    return (
        account.position_mode is _HEDGING
        and account.positions_max is None
        and account.orders_max is None
        and account.quantity_max is None
        and not room.unknown
    )


def affords(view: AccountView, trade: Trade, room: Room, context: TradeContext) -> bool:
    """Whether no rule on size, money or the firm's numbers can refuse."""
    snapshot, risk, margin = view.snapshot, trade.risk, trade.margin
    return (
        trade.in_lots
        and risk is not None
        and margin is not None
        and snapshot is not None
        and (room.smallest is None or risk <= room.smallest)
        and snapshot.equity >= context.margin_level_min * (room.margin_committed + margin)
        and not open_rules(view, trade, room, context)
    )
