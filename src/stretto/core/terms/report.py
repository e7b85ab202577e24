"""What a venue says about an order: execution reports, cancel rejects and answers to requests.

The words are those of FIX 4.4 (35=8, 35=9, 35=H), whatever protocol the venue speaks; a broker
adapter translates once, here. Knows nothing of orders, accounts or what anybody does with a report.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from stretto.core.errors import InvalidInput
from stretto.core.values import ZERO


class OrderRole(StrEnum):
    """What an order is for; only entries are bound by rules that forbid new risk."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class OrderType(StrEnum):
    """FIX OrdType (40)."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class TimeInForce(StrEnum):
    """FIX TimeInForce (59)."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class ExecType(StrEnum):
    """FIX 4.4 ExecType (150): why this report was sent."""

    NEW = "new"
    DONE_FOR_DAY = "done_for_day"
    CANCELED = "canceled"
    REPLACED = "replaced"
    PENDING_CANCEL = "pending_cancel"
    STOPPED = "stopped"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    PENDING_NEW = "pending_new"
    CALCULATED = "calculated"
    EXPIRED = "expired"
    RESTATED = "restated"
    PENDING_REPLACE = "pending_replace"
    TRADE = "trade"
    TRADE_CORRECT = "trade_correct"
    TRADE_CANCEL = "trade_cancel"
    ORDER_STATUS = "order_status"


class OrdStatus(StrEnum):
    """FIX 4.4 OrdStatus (39): the state of the order at the venue as it sent the report."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    DONE_FOR_DAY = "done_for_day"
    CANCELED = "canceled"
    PENDING_CANCEL = "pending_cancel"
    STOPPED = "stopped"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    PENDING_NEW = "pending_new"
    CALCULATED = "calculated"
    EXPIRED = "expired"
    ACCEPTED_FOR_BIDDING = "accepted_for_bidding"
    PENDING_REPLACE = "pending_replace"


class CancelRejectReason(StrEnum):
    """FIX 4.4 CxlRejReason (102), for venues that have no codes of their own."""

    TOO_LATE = "too_late_to_cancel"
    UNKNOWN_ORDER = "unknown_order"
    BROKER_OPTION = "broker_option"
    ALREADY_PENDING = "already_pending"
    DUPLICATE_ID = "duplicate_client_order_id"
    OTHER = "other"


_DAY_LENGTH = len("2024-03-15")


class ExecutionReport(Struct, frozen=True, kw_only=True, gc=False):
    """One execution report. Quantities in base units, prices in quote units, fee in account money.

    ``cum_qty``, ``leaves_qty`` and ``avg_px`` are the venue's totals after this report;
    ``last_qty`` and ``last_px`` the quantity and price of this trade (or of the corrected trade).
    ``exec_ref_id`` names the trade that a bust or correction refers to. ``trading_day`` is the
    venue's own trading day as an ISO date: exec ids are unique only within it.
    ``orig_client_order_id`` names the order that a cancel or replace report answers, where the
    venue gives the request an id of its own.
    Raises InvalidInput for a number that is not finite or a negative quantity.
    """

    client_order_id: str
    account_id: str
    exec_id: str
    exec_type: ExecType
    ord_status: OrdStatus
    cum_qty: Decimal
    leaves_qty: Decimal
    avg_px: Decimal
    order_qty: Decimal
    trading_day: str
    transact_at: int
    last_qty: Decimal = ZERO
    last_px: Decimal = ZERO
    fee: Decimal = ZERO
    exec_ref_id: str = ""
    orig_client_order_id: str = ""
    venue_order_id: str = ""
    position_id: str = ""
    reject_code: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        for quantity in (self.cum_qty, self.leaves_qty, self.order_qty, self.last_qty):
            if not quantity.is_finite() or quantity < ZERO:
                self._refuse(f"{quantity} is no quantity", "finite numbers, zero or more")
        day = self.trading_day
        if len(day) != _DAY_LENGTH or day[4] != "-" or day[7] != "-":
            self._refuse(f"{day!r} is no trading day", "an ISO date")
        for number in (self.avg_px, self.last_px, self.fee):
            if not number.is_finite():
                self._refuse(f"{number} is no price or fee", "finite numbers")

    def _refuse(self, problem: str, expected: str) -> None:
        raise InvalidInput(
            f"execution report {self.exec_id} of {self.account_id}", problem, expected
        )


class CancelReject(Struct, frozen=True, kw_only=True):
    """The venue refuses a cancel or replace request. It proves nothing about the order itself.

    ``ord_status`` is the order's status as the venue reports it with the refusal.
    """

    client_order_id: str
    account_id: str
    ord_status: OrdStatus
    transact_at: int
    for_replace: bool
    reject_code: str = ""
    text: str = ""


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a query. ``known=False`` says that the venue does not know the order *now*; it
    is no proof that the order never existed or never will (DESIGN §4.9).
    """

    client_order_id: str
    account_id: str
    known: bool
    transact_at: int
    report: ExecutionReport | None = None


class ProtectionAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a request to amend the stop and target attached to a position.

    ``client_order_id`` is the request's id. ``stop_loss`` and ``take_profit`` are those in force
    after it, prices in quote units; refused, they are as they were, and ``reject_code`` says why.
    """

    client_order_id: str
    account_id: str
    position_id: str
    accepted: bool
    transact_at: int
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reject_code: str = ""
    text: str = ""
