"""Accounts: what is configured, what the venue last said, and what the book set aside.

Three records of different pace: ``Account`` (configuration), ``AccountSnapshot`` (the venue's word)
and ``Ledger`` (the book's own bookkeeping). Knows nothing of signals or plans.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from stretto.core.errors import InvalidInput
from stretto.core.limits import AGGRESSION_MIN, PACE_MAX, PACE_MIN
from stretto.core.values import PPM, ZERO


class AccountMode(StrEnum):
    """Configured or firm-given status of an account."""

    ACTIVE = "active"
    CLOSE_ONLY = "close_only"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


class PositionMode(StrEnum):
    """How the venue keeps positions."""

    HEDGING = "hedging"
    NETTING = "netting"


class SymbolTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Trading terms of one symbol in one account. Lots are multiples of ``contract_size`` base
    units; ``margin_rate`` is the fraction of notional held as margin; ``stop_distance_min`` in
    price.
    """

    venue_symbol: str
    contract_size: Decimal
    lot_step: Decimal
    lot_min: Decimal
    lot_max: Decimal
    margin_rate: Decimal
    commission_per_lot: Decimal = ZERO
    stop_distance_min: Decimal = ZERO

    @property
    def step(self) -> Decimal:
        """Lot step in base units."""
        return self.lot_step * self.contract_size

    @property
    def minimum(self) -> Decimal:
        """Smallest order in base units."""
        return self.lot_min * self.contract_size

    @property
    def maximum(self) -> Decimal:
        """Largest order in base units."""
        return self.lot_max * self.contract_size


class ExecutionProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an account takes part, all in 1e-6: ``pace`` multiplies its delays, ``size_factor`` its
    size; ``aggression`` is the share of what is left of a signal's slippage bound that a market
    order of it may give away at first.
    """

    pace: int = PPM
    size_factor: int = PPM
    aggression: int = PPM
    patience: int = 500_000
    sessions: tuple[str, ...] = ()

    def bounded_pace(self) -> int:
        """Pace limited to DESIGN §4.6's 0.5-2."""
        return min(PACE_MAX, max(PACE_MIN, self.pace))

    def bounded_aggression(self) -> int:
        """Aggression limited to 0.1-1 of the slippage bound."""
        return min(PPM, max(AGGRESSION_MIN, self.aggression))


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One configured account. ``rulebook`` names a rulebook of the book's configuration.
    ``day_start_balance``: what a person states it had when the firm's trading day began that
    ``day_start_at`` (ns UTC) lies in.
    """

    account_id: str
    firm: str
    owner: str
    venue: str
    currency: str
    rulebook: str
    initial_balance: Decimal
    mode: AccountMode = AccountMode.ACTIVE
    position_mode: PositionMode = PositionMode.HEDGING
    group: str = ""
    profile: ExecutionProfile = ExecutionProfile()
    symbols: dict[str, SymbolTerms] = msgspec.field(default_factory=dict)
    positions_max: int | None = None
    orders_max: int | None = None
    quantity_max: Decimal | None = None
    risk_percent_max: Decimal | None = None
    day_start_balance: Decimal | None = None
    day_start_at: int = 0


class AccountSnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The venue's word on an account at ``at``: money in account currency. Raises InvalidInput for
    a number that is not finite.
    """

    account_id: str
    at: int
    balance: Decimal
    equity: Decimal
    margin_used: Decimal
    tradable: bool = True

    def __post_init__(self) -> None:
        for name in ("balance", "equity", "margin_used"):
            if not getattr(self, name).is_finite():
                raise InvalidInput(
                    f"snapshot of account {self.account_id!r}: {name}",
                    str(getattr(self, name)),
                    "a finite number",
                )


class BarReturn(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Change of equity net of transfers over equity, 1e-9, of the bar that closed on ``day``."""

    day: str
    return_ppb: int


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one execution holds in one account: signed base units at an average price. On netting
    accounts this is the execution's virtual share of the venue's position. ``entry_*`` are the
    unsigned sums over its entry fills, so that a bust reverses exactly. ``tickets`` are the venue's
    positions that it consists of, signed base units by the venue's id ("" where it gave none).
    """

    execution_id: str
    account_id: str
    symbol: str
    quantity: Decimal
    average_price: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    entry_quantity: Decimal = ZERO
    entry_notional: Decimal = ZERO
    opened_at: int = 0
    position_id: str = ""
    tickets: dict[str, Decimal] = msgspec.field(default_factory=dict)


class Entering(NamedTuple):
    """An entry on its way in one account: what of one execution is scheduled, working or in doubt,
    signed base units, and the stop it will have.
    """

    execution_id: str
    symbol: str
    quantity: Decimal
    stop_loss: Decimal | None


class AnchorBasis(StrEnum):
    """How the start of a trading day is known; ``assumed`` is not known, and reckoned so that it
    leaves less room rather than more.
    """

    OBSERVED = "observed"
    UNCHANGED = "unchanged"
    STATED = "stated"
    ASSUMED = "assumed"


class DayAnchor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Balance and equity at the start of the firm's trading day, and the running peaks."""

    day_started_at: int
    balance: Decimal
    equity: Decimal
    peak_equity: Decimal
    peak_end_of_day: Decimal
    basis: AnchorBasis = AnchorBasis.OBSERVED


class Exclusion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an account takes no entry for a while, and who said so. In force until it is restored: at
    ``until`` (ns UTC; None: no time is set), and where ``until_tradable`` not before the venue said
    after ``since`` that the account is tradable. Neither of the two: until a person restores it.
    """

    since: int
    reason: str
    actor: str
    until: int | None = None
    until_tradable: bool = False


class Flattening(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A person had an account flattened, or one execution in it, and nobody saw it flat since:
    ``begun_at``, and ``due_at`` when it is looked at again, ns UTC. ``execution_id`` is empty for
    the account.
    """

    execution_id: str
    request_id: str
    begun_at: int
    due_at: int | None


class Ledger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The book's own bookkeeping of one account, in account currency.

    ``reserved_*``: set aside for undecided quantity. ``unconfirmed_margin``: margin of fills newer
    than the last snapshot. ``reliability``: exponentially weighted share of submits neither
    rejected nor in doubt, 1e-6. ``acknowledge_p95_ns``: running estimate of the 95th percentile of
    the acknowledgement latency. ``load``: executions given in the rotation window.
    ``unreconciled``: why it takes no entry before it was compared with its venue, empty where it
    was. ``flattening``: what a person had flattened that is not proven flat.
    ``hits``/``trades``: closed trades with a profit / all; ``shortfall_pips_sum``:
    implementation shortfall summed over ``entries`` filled entries.
    """

    reserved_margin: Decimal = ZERO
    reserved_risk: Decimal = ZERO
    unconfirmed_margin: Decimal = ZERO
    anchor: DayAnchor | None = None
    halted: str = ""
    unreconciled: str = ""
    exclusion: Exclusion | None = None
    reliability: int = PPM
    submits: int = 0
    acknowledge_p95_ns: int = 0
    orders_today: int = 0
    order_day: int = 0
    open_orders: int = 0
    flattening: tuple[Flattening, ...] = ()
    load: tuple[int, ...] = ()
    last_fill_at: int = 0
    trades: int = 0
    hits: int = 0
    entries: int = 0
    shortfall_pips_sum: Decimal = ZERO
