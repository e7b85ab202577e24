"""Faults between the simulated venue and its user: requests and messages lost, late, twice, stale.

The venue's books are never touched here: only what is said of them, and when. Knows nothing of
matching.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from stretto.brokers.sim_config import RejectCode
from stretto.brokers.sim_faults import FaultKind, Faults
from stretto.brokers.sim_matching import Said
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus, StatusAnswer
from stretto.core.terms.venue import MassStatus
from stretto.core.values import ZERO
from stretto.ports import Command


class Fate(Enum):
    """What becomes of a request: whether it arrives, and whether its sender can know."""

    ARRIVES = "arrives"
    LOST = "lost"
    LOST_UNKNOWN = "lost_unknown"
    ARRIVES_UNKNOWN = "arrives_unknown"

    @property
    def arrives(self) -> bool:
        """True where the venue gets it."""
        return self is Fate.ARRIVES or self is Fate.ARRIVES_UNKNOWN

    @property
    def is_written(self) -> bool:
        """True where the write is known to have succeeded."""
        return self is Fate.ARRIVES or self is Fate.LOST


class Delivery(Struct, frozen=True):
    """A message and how much later than usual it comes, ns; ``overtaken``: later ones may pass."""

    message: Said
    later_ns: int = 0
    overtaken: bool = False


class WireFaults:
    """The state of one venue's connection as its faults leave it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._cut_at = 0
        self._cut_until = 0
        self._half_open = False
        self._loses = False
        self._first: dict[str, ExecutionReport] = {}
        self._not_before: dict[str, int] = {}
        self._views: dict[str, MassStatus] = {}

    # --- the connection

    def is_cut(self, at: int) -> bool:
        """True while nothing that the venue says comes through."""
        return at < self._cut_until

    def is_down(self, at: int) -> bool:
        """True while the connection is known to be gone, so that nothing can be written."""
        return self.is_cut(at) and not self._half_open

    def alive_at(self, at: int) -> int:
        """When the last heartbeat can have come through."""
        return self._cut_at if self.is_cut(at) else at

    def held_until(self, at: int) -> int | None:
        """When a message that is due now comes through: now, later, or (None) never."""
        if not self.is_cut(at):
            return at
        return None if self._loses else self._cut_until

    def request(self, command: Command, at: int) -> Fate:
        """A request is written; it may be the last that gets through, or the first that is lost."""
        if self.is_cut(at):
            return Fate.LOST
        strikes, subject = self._faults.strikes, _subject(command)
        if (drawn := strikes(FaultKind.HALF_OPEN, subject, at)) is not None:
            self._cut(at, self._faults.until(at, 5, 60, drawn[0]), loses=bool(drawn[1] & 1))
            self._half_open = True
            return Fate.LOST
        if (drawn := strikes(FaultKind.VENUE_RESTART, subject, at)) is not None:
            self._cut(at, self._faults.until(at, 1, 10, drawn[0]), loses=True)
        elif (drawn := strikes(FaultKind.PARTITION, subject, at)) is not None:
            self._cut(at, self._faults.until(at, 2, 30, drawn[0]), loses=bool(drawn[1] & 1))
        if (drawn := strikes(FaultKind.REQUEST_LOST, subject, at)) is not None:
            return Fate.LOST if drawn[0] & 1 else Fate.LOST_UNKNOWN
        if strikes(FaultKind.NO_ANSWER, subject, at) is not None:
            return Fate.ARRIVES_UNKNOWN
        return Fate.ARRIVES

    def _cut(self, at: int, until: int, *, loses: bool) -> None:
        self._cut_at, self._cut_until = at, until
        self._half_open, self._loses = False, loses

    # --- messages

    def deliveries(self, message: Said, name: str, at: int) -> list[Delivery]:
        """What comes of a message said at ``at``: nothing, once or twice, at once or later."""
        if isinstance(message, StatusAnswer):
            message = self._aged(message, at)
        if not isinstance(message, ExecutionReport):
            return self._later(message, name, at)
        order_id = message.client_order_id
        if message.exec_type is ExecType.NEW and order_id:
            self._first[order_id] = message
            if self._faults.strikes(FaultKind.ACKNOWLEDGEMENT_LOST, order_id, at) is not None:
                return []
            if self._faults.strikes(FaultKind.DUPLICATE_ANSWER, order_id, at) is not None:
                return [Delivery(_called_duplicate(message))]
        found = self._later(message, name, at)
        drawn = self._faults.strikes(FaultKind.REPORT_DUPLICATED, name, at)
        if drawn is not None:
            again = self._faults.until(at, 0.05, 5, drawn[0]) - at
            found.append(Delivery(message, again + found[0].later_ns, overtaken=True))
        return found

    def _later(self, message: Said, name: str, at: int) -> list[Delivery]:
        order_id = message.client_order_id
        held = max(0, self._not_before.get(order_id, 0) - at)
        if (drawn := self._faults.strikes(FaultKind.REPORT_REORDERED, name, at)) is not None:
            late = self._faults.until(at, 0.1, 3, drawn[0]) - at
            return [Delivery(message, held + late, overtaken=True)]
        if (drawn := self._faults.strikes(FaultKind.REPORT_DELAYED, name, at)) is not None:
            # What follows about the same order waits behind it, other orders' reports do not.
            held = max(held, self._faults.until(at, 3, 60, drawn[0]) - at)
            self._not_before[order_id] = at + held
        return [Delivery(message, held, overtaken=held > 0)]

    def _aged(self, answer: StatusAnswer, at: int) -> StatusAnswer:
        """The answer of a replica that does not know the order yet, or only as it was accepted."""
        if answer.report is None:
            return answer
        drawn = self._faults.strikes(FaultKind.STALE_STATUS, answer.client_order_id, at)
        if drawn is None:
            return answer
        first = self._first.get(answer.client_order_id)
        if first is None or drawn[0] & 1:
            return replace(answer, known=False, report=None)
        return replace(
            answer,
            report=replace(first, exec_type=ExecType.ORDER_STATUS, exec_id=answer.report.exec_id),
        )

    # --- views of an account

    def view(self, fresh: MassStatus) -> MassStatus:
        """The view that is given: the true one, the last one again, or one without a symbol."""
        subject, at = f"view {fresh.account_id}", fresh.at
        last = self._views.get(fresh.account_id)
        self._views[fresh.account_id] = fresh
        if last is not None and self._faults.strikes(FaultKind.STALE_VIEW, subject, at) is not None:
            return last
        symbols = sorted({held.symbol for held in fresh.positions})
        if not symbols:
            return fresh
        for kind in (FaultKind.PARTIAL_VIEW, FaultKind.MISSING_SYMBOL):
            drawn = self._faults.strikes(kind, subject, at)
            if drawn is not None:
                left_out = symbols[drawn[0] % len(symbols)]
                return _without(left_out, fresh, says_so=kind is FaultKind.PARTIAL_VIEW)
        return fresh


def _without(symbol: str, view: MassStatus, *, says_so: bool) -> MassStatus:
    """The view without a symbol's positions; an admittedly partial one lacks its orders as well."""
    positions = tuple(held for held in view.positions if held.symbol != symbol)
    if not says_so:
        return replace(view, positions=positions)
    return replace(
        view,
        complete=False,
        positions=positions,
        orders=tuple(order for order in view.orders if order.symbol != symbol),
        orders_done=tuple(order for order in view.orders_done if order.symbol != symbol),
    )


def _called_duplicate(new: ExecutionReport) -> ExecutionReport:
    """A refusal as a duplicate in the place of the acknowledgement; the order is live."""
    return replace(
        new,
        exec_id=f"{new.venue_order_id}-D0",
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        leaves_qty=ZERO,
        venue_order_id="",
        reject_code=RejectCode.DUPLICATE_ORDER.value,
        text="this client order id was used before",
    )


def _subject(command: Command) -> str:
    return f"{type(command).__name__} {command.client_order_id}"
