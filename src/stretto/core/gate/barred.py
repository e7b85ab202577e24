"""Rules that keep a whole account out until a person or its venue says otherwise.

Knows nothing of sizes or money.
"""

from __future__ import annotations

from stretto.core.gate.affordability import refuse
from stretto.core.gate.risk import Room
from stretto.core.gate.trade import AccountView, Trade, TradeContext
from stretto.core.terms.killing import covering, described
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.values import iso


def kill_switch(view: AccountView, trade: Trade, _r: Room, context: TradeContext) -> Refusal | None:
    """Refuses what a kill switch covers, until a person releases it."""
    switch = covering(context.kills, view.account, trade.symbol)
    if switch is None:
        return None
    compared = {"kill_switch": described(switch), "since": iso(switch.at), "reason": switch.reason}
    return refuse(Rule.KILL_SWITCH, view, compared, f"a person releases {described(switch)}")


def not_reconciled(view: AccountView, _t: Trade, _r: Room, _c: TradeContext) -> Refusal | None:
    """Refuses an account that was not compared with its venue, or that differs from it."""
    unreconciled = view.ledger.unreconciled
    if not unreconciled:
        return None
    return refuse(
        Rule.NOT_RECONCILED,
        view,
        {"unreconciled": unreconciled},
        "a complete view of the venue that agrees with the book, or a person accepts what differs",
    )
