"""Booking executions: what one report changes in an order's fills, quantity, notional and fees.

Real executions are booked once, by exec id; what the venue's newest cumulative quantity proves
beyond them is booked as one *inferred* fill, and taken back as the real executions arrive. Reports
are put in the venue's order by its own time, whatever order they come in. Knows quantities only: no
order state, no table, no account.
"""

from decimal import Context, Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from stretto.core.terms.report import ExecType, ExecutionReport
from stretto.core.values import ZERO

_IMPLIED = Context(prec=16)
"""An implied price keeps 16 digits, so that its product with a quantity stays exact in 28."""


class FillStatus(StrEnum):
    """What became of an execution; only ``booked`` and ``inferred`` count."""

    BOOKED = "booked"
    INFERRED = "inferred"
    BUSTED = "busted"
    CORRECTED = "corrected"
    AWAITED = "awaited"
    """Reversed before it arrived itself."""


class BookingNote(StrEnum):
    """What is worth telling about a booking."""

    NONE = ""
    DUPLICATE = "duplicate"
    INFERRED = "inferred"
    MATCHED = "matched"
    UNKNOWN_REFERENCE = "unknown_reference"
    SUPERSEDED = "superseded"


class Fill(Struct, frozen=True, kw_only=True, gc=False):
    """One execution. Quantity in base units, price in quote units, fee in account money.

    ``exec_ref_id`` is set where this execution corrects another; ``reversed_at`` is the venue's
    time of the bust or correction that took this one back, 0 while it counts.
    """

    exec_id: str
    trading_day: str
    quantity: Decimal
    price: Decimal
    transact_at: int
    fee: Decimal = ZERO
    status: FillStatus = FillStatus.BOOKED
    exec_ref_id: str = ""
    reversed_at: int = 0

    @property
    def busted(self) -> bool:
        """True where the execution no longer counts."""
        return self.status is not FillStatus.BOOKED and self.status is not FillStatus.INFERRED


class Tally(Struct, frozen=True, gc=False):
    """The sums over an order's fills, and what the last booking did.

    ``cum_qty``, ``notional`` (Σ price · quantity) and ``fees`` include ``inferred``. ``total_qty``
    is the venue's own total in its newest report, of venue time ``total_at``. ``fill`` is
    the execution just booked. ``reverses`` says that quantity may have fallen rightly.
    """

    cum_qty: Decimal
    notional: Decimal
    fees: Decimal
    fills: tuple[Fill, ...]
    inferred: Fill | None
    total_qty: Decimal
    total_at: int
    fill: Fill | None = None
    note: BookingNote = BookingNote.NONE
    reverses: bool = False


_TRADE, _BUST, _CORRECT = ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT


def book(tally: Tally, report: ExecutionReport) -> Tally:
    """The tally after one report. A known execution changes nothing and is noted ``duplicate``.

    Quantity is the larger of what the executions come to and what the venue's newest total says.
    It falls by a bust or correction only: an execution counts until it is taken back.
    """
    exec_type = report.exec_type
    if exec_type is _TRADE and report.last_qty:
        return _trade(tally, report)
    if exec_type is _BUST:
        return _bust(tally, report)
    if exec_type is _CORRECT:
        return _correction(tally, report)
    if tally.inferred is None and report.cum_qty == tally.cum_qty == tally.total_qty:
        return tally
    return _settled(tally, report, tally.fills)


def _trade(tally: Tally, report: ExecutionReport) -> Tally:
    fills = tally.fills
    exec_id = report.exec_id
    for known in fills:
        if known.exec_id == exec_id:
            if known.status is FillStatus.AWAITED:
                return _awaited(tally, report, fills, known, FillStatus.BUSTED)
            if known.trading_day == report.trading_day:
                return _duplicate(tally)
    quantity = report.last_qty
    fill = _fill_of(report)
    cum = tally.cum_qty + quantity
    if tally.inferred is None and report.cum_qty == cum and report.transact_at > tally.total_at:
        fees = tally.fees + report.fee if report.fee else tally.fees
        notional = tally.notional + quantity * report.last_px
        kept = (*fills, fill)
        return Tally(cum, notional, fees, kept, None, cum, report.transact_at, fill)
    return _settled(tally, report, (*fills, fill), fill)


def _fill_of(report: ExecutionReport, status: FillStatus = FillStatus.BOOKED) -> Fill:
    return Fill(
        exec_id=report.exec_id,
        trading_day=report.trading_day,
        quantity=report.last_qty,
        price=report.last_px,
        transact_at=report.transact_at,
        fee=report.fee,
        status=status,
        exec_ref_id=report.exec_ref_id if report.exec_type is _CORRECT else "",
    )


def _settled(
    tally: Tally,
    report: ExecutionReport,
    fills: tuple[Fill, ...],
    fill: Fill | None = None,
    note: BookingNote = BookingNote.NONE,
    *,
    reverses: bool = False,
) -> Tally:
    """The tally with ``fills``: what the venue's newest total proves beyond those that count is one
    inferred fill. A total older than the newest proves nothing: what it held may be taken back.
    """
    counted = [known for known in fills if known.status is FillStatus.BOOKED]
    real = sum((known.quantity for known in counted), ZERO)
    total = _newest_total(tally, report, fills)
    cum = max(real, total)
    if not reverses and tally.cum_qty > cum:
        cum = tally.cum_qty
    unseen, before = cum - real, _inferred_quantity(tally)
    notional = sum((known.price * known.quantity for known in counted), ZERO)
    inferred = None
    if unseen:
        price = _implied_price(tally, report, cum, unseen, notional, reverses)
        inferred = _inferred(tally, report, unseen, price)
        notional += inferred.price * unseen
    if not note and not reverses and unseen != before:
        note = BookingNote.INFERRED if unseen > before else BookingNote.MATCHED
    fees = sum((known.fee for known in counted), ZERO)
    newest = max(tally.total_at, report.transact_at)
    return Tally(cum, notional, fees, fills, inferred, total, newest, fill, note, reverses)


def _newest_total(tally: Tally, report: ExecutionReport, fills: tuple[Fill, ...]) -> Decimal:
    """The total that counts. Of two of one instant the larger; the smaller where something was
    taken back in it: a missed inference is made good by the next report, a false one is not.
    """
    at, told = report.transact_at, report.cum_qty
    if at != tally.total_at:
        return told if at > tally.total_at else tally.total_qty
    was_reversed = any(
        known.reversed_at == at or (known.exec_ref_id and known.transact_at == at)
        for known in fills
    )
    return min(told, tally.total_qty) if was_reversed else max(told, tally.total_qty)


def _implied_price(
    tally: Tally,
    report: ExecutionReport,
    cum: Decimal,
    unseen: Decimal,
    counted: Decimal,
    reverses: bool,
) -> Decimal:
    """The price of the ``unseen`` quantity at which the average of ``cum`` comes out as the venue's
    newest report states it, or as it is in the books; ``counted`` is the notional of the rest.
    """
    is_newest = report.transact_at >= tally.total_at
    price = ZERO if tally.inferred is None else tally.inferred.price
    notional = None
    if is_newest and report.avg_px and report.cum_qty == cum:
        price, notional = report.avg_px, report.avg_px * cum
    elif price and cum == tally.cum_qty and not (is_newest and reverses):
        notional = tally.notional
    if notional is not None:
        implied = _IMPLIED.divide(notional - counted, unseen)
        if (implied > 0) is (price > 0):
            return implied
    price = price or report.avg_px or report.last_px
    if not price and tally.cum_qty:
        price = _IMPLIED.divide(tally.notional, tally.cum_qty)
    return _IMPLIED.plus(price)


def _inferred(tally: Tally, report: ExecutionReport, quantity: Decimal, price: Decimal) -> Fill:
    """The executions we have not seen, as one; named after the report that first told of them."""
    known = tally.inferred
    if known is not None and quantity <= known.quantity:
        if quantity == known.quantity and price == known.price:
            return known
        return replace(known, quantity=quantity, price=price)
    return Fill(
        exec_id=f"inferred-{report.exec_id}",
        trading_day=report.trading_day,
        quantity=quantity,
        price=price,
        transact_at=report.transact_at,
        status=FillStatus.INFERRED,
    )


def _bust(tally: Tally, report: ExecutionReport) -> Tally:
    fills = tally.fills
    reference = report.exec_ref_id or report.exec_id
    found = _counting(fills, reference)
    if found is not None:
        fills = _marked(fills, found, FillStatus.BUSTED, report.transact_at)
        return _settled(tally, report, fills, reverses=True)
    if _known(fills, reference):
        return _duplicate(tally)
    fills = (*fills, _tombstone(report, reference))
    return _settled(tally, report, fills, None, BookingNote.UNKNOWN_REFERENCE, reverses=True)


def _correction(tally: Tally, report: ExecutionReport) -> Tally:
    fills, reference = tally.fills, report.exec_ref_id
    for known in fills:
        if known.exec_id == report.exec_id:
            if known.status is not FillStatus.AWAITED:
                return _duplicate(tally)
            fills = _corrected_already(fills, report)
            return _awaited(tally, report, fills, known, FillStatus.CORRECTED)
    fill = _fill_of(report)
    found = _counting(fills, reference)
    note = BookingNote.NONE
    if found is None and not _known(fills, reference):
        fills = (*fills, fill, _tombstone(report, reference))
        note = BookingNote.UNKNOWN_REFERENCE
    elif found is None or (found.exec_ref_id and found.transact_at > fill.transact_at):
        # the execution was busted, or corrected again, since
        late = replace(fill, status=FillStatus.CORRECTED, reversed_at=fill.transact_at)
        return _settled(tally, report, (*fills, late), None, BookingNote.SUPERSEDED, reverses=True)
    else:
        fills = (*_marked(fills, found, FillStatus.CORRECTED, fill.transact_at), fill)
    return _settled(tally, report, fills, fill, note, reverses=True)


def _corrected_already(fills: tuple[Fill, ...], report: ExecutionReport) -> tuple[Fill, ...]:
    """Take back what a correction refers to where the correction was itself reversed before."""
    reference = report.exec_ref_id
    found = _counting(fills, reference)
    if found is None:
        return fills if _known(fills, reference) else (*fills, _tombstone(report, reference))
    if found.transact_at > report.transact_at:
        return fills
    return _marked(fills, found, FillStatus.CORRECTED, report.transact_at)


def _tombstone(report: ExecutionReport, reference: str) -> Fill:
    """Stands for an execution that ``report`` reverses and that has not arrived. How much it was
    nobody knows yet; the venue's total does without it.
    """
    return Fill(
        exec_id=reference,
        trading_day=report.trading_day,
        quantity=ZERO,
        price=ZERO,
        transact_at=report.transact_at,
        status=FillStatus.AWAITED,
        reversed_at=report.transact_at,
    )


def _awaited(
    tally: Tally,
    report: ExecutionReport,
    fills: tuple[Fill, ...],
    tombstone: Fill,
    status: FillStatus,
) -> Tally:
    """The execution arrives after its own bust: kept for the record, and not counted."""
    arrived = replace(_fill_of(report, status), reversed_at=tombstone.reversed_at)
    fills = tuple(arrived if fill is tombstone else fill for fill in fills)
    is_correction = report.exec_type is _CORRECT
    return _settled(tally, report, fills, None, BookingNote.SUPERSEDED, reverses=is_correction)


def _counting(fills: tuple[Fill, ...], exec_id: str) -> Fill | None:
    """The newest execution that counts and is ``exec_id`` or descends from it by corrections."""
    for fill in reversed(fills):
        if fill.status is FillStatus.BOOKED and exec_id in _ancestry(fills, fill):
            return fill
    return None


def _ancestry(fills: tuple[Fill, ...], fill: Fill) -> list[str]:
    """The ids of an execution and of all that it corrects, as far as they are known."""
    names = [fill.exec_id]
    before = fill.exec_ref_id
    while before and before not in names:
        names.append(before)
        before = next((each.exec_ref_id for each in fills if each.exec_id == before), "")
    return names


def _known(fills: tuple[Fill, ...], exec_id: str) -> bool:
    return any(fill.exec_id == exec_id for fill in fills)


def _marked(
    fills: tuple[Fill, ...], found: Fill, status: FillStatus, reversed_at: int
) -> tuple[Fill, ...]:
    marked = replace(found, status=status, reversed_at=reversed_at)
    return tuple(marked if fill is found else fill for fill in fills)


def _inferred_quantity(tally: Tally) -> Decimal:
    return ZERO if tally.inferred is None else tally.inferred.quantity


def _duplicate(tally: Tally) -> Tally:
    return replace(tally, fill=None, note=BookingNote.DUPLICATE)
