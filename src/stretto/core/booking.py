"""Booking executions: what one report changes in an order's fills, quantity, notional and fees.

Real executions are booked once, by exec id; what the venue's cumulative quantity proves beyond them
is booked as one *inferred* fill, and taken back as the real executions arrive. Knows quantities
only: no order state, no table, no account.
"""

from decimal import Context, Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from stretto.core.report import ExecType, ExecutionReport
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
    """Reversed before it arrived itself; its quantity is what was taken back for it."""


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

    ``cum_qty``, ``notional`` (Σ price · quantity) and ``fees`` include ``inferred``. ``fill`` is
    the execution just booked. ``reverses`` says that quantity may have fallen rightly.
    """

    cum_qty: Decimal
    notional: Decimal
    fees: Decimal
    fills: tuple[Fill, ...]
    inferred: Fill | None = None
    fill: Fill | None = None
    note: BookingNote = BookingNote.NONE
    reverses: bool = False


_TRADE, _BUST, _CORRECT = ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT


def book(tally: Tally, report: ExecutionReport) -> Tally:
    """The tally after one report. A known execution changes nothing and is noted ``duplicate``."""
    exec_type = report.exec_type
    if exec_type is _TRADE and report.last_qty:
        return _trade(tally, report)
    if exec_type is _BUST:
        return _bust(tally, report)
    if exec_type is _CORRECT:
        return _correction(tally, report)
    if report.cum_qty > tally.cum_qty or tally.inferred is not None:
        real = tally.cum_qty - _inferred_quantity(tally)
        return _with_gap(tally, report, tally.fills, real, tally.cum_qty, tally.fees)
    return tally


def _trade(tally: Tally, report: ExecutionReport) -> Tally:
    fills = tally.fills
    exec_id = report.exec_id
    for known in fills:
        if known.exec_id == exec_id:
            if known.status is FillStatus.AWAITED:
                return _awaited(tally, report, known, FillStatus.BUSTED)
            if known.trading_day == report.trading_day:
                return _duplicate(tally)
    quantity = report.last_qty
    fill = Fill(
        exec_id=exec_id,
        trading_day=report.trading_day,
        quantity=quantity,
        price=report.last_px,
        transact_at=report.transact_at,
        fee=report.fee,
    )
    cum = tally.cum_qty + quantity
    fees = tally.fees + report.fee if report.fee else tally.fees
    if tally.inferred is None and report.cum_qty <= cum:
        notional = tally.notional + quantity * report.last_px
        return Tally(cum, notional, fees, (*fills, fill), fill=fill)
    real = cum - _inferred_quantity(tally)
    return _with_gap(tally, report, (*fills, fill), real, max(tally.cum_qty, real), fees, fill)


def _with_gap(
    tally: Tally,
    report: ExecutionReport,
    fills: tuple[Fill, ...],
    real: Decimal,
    cum: Decimal,
    fees: Decimal,
    fill: Fill | None = None,
) -> Tally:
    """Set the inferred fill to what the venue's total proves beyond the ``real`` quantity."""
    if report.cum_qty > cum:
        cum = max(cum, report.cum_qty - _reversed_since(tally.fills, report.transact_at))
    before, unseen = _inferred_quantity(tally), cum - real
    note = BookingNote.NONE
    inferred = _shrunk(tally.inferred, unseen)
    if unseen > before or (unseen and report.avg_px and report.cum_qty == cum):
        inferred = _implied_fill(tally, report, fills, cum, unseen)
    if unseen != before:
        note = BookingNote.INFERRED if unseen > before else BookingNote.MATCHED
    return Tally(cum, _notional(fills, inferred), fees, fills, inferred, fill, note)


def _implied_fill(
    tally: Tally, report: ExecutionReport, fills: tuple[Fill, ...], cum: Decimal, quantity: Decimal
) -> Fill:
    """The executions we have not seen, as one: priced so that the venue's average comes out."""
    price = report.avg_px
    if price and cum == report.cum_qty:
        implied = _IMPLIED.divide(price * cum - _notional(fills, None), quantity)
        if (implied > 0) is (price > 0):
            price = implied
    if not price:
        price = report.last_px
    if not price and tally.cum_qty:
        price = _IMPLIED.divide(tally.notional, tally.cum_qty)
    return Fill(
        exec_id=f"inferred-{report.exec_id}",
        trading_day=report.trading_day,
        quantity=quantity,
        price=_IMPLIED.plus(price),
        transact_at=report.transact_at,
        status=FillStatus.INFERRED,
    )


def _bust(tally: Tally, report: ExecutionReport) -> Tally:
    reference = report.exec_ref_id or report.exec_id
    found = _counting(tally.fills, reference)
    if found is None:
        if _known(tally.fills, reference):
            return _duplicate(tally)
        real = tally.cum_qty - _inferred_quantity(tally)
        return _await(tally, report, reference, tally.fills, real, tally.fees)
    fills = _marked(tally.fills, found, FillStatus.BUSTED, report.transact_at)
    return Tally(
        tally.cum_qty - found.quantity,
        tally.notional - found.price * found.quantity,
        tally.fees - found.fee,
        fills,
        tally.inferred,
        reverses=True,
    )


def _correction(tally: Tally, report: ExecutionReport) -> Tally:
    for known in tally.fills:
        if known.exec_id == report.exec_id:
            if known.status is not FillStatus.AWAITED:
                return _duplicate(tally)
            tally = _mark_corrected(tally, report)
            return _awaited(tally, report, known, FillStatus.CORRECTED)
    fill = Fill(
        exec_id=report.exec_id,
        trading_day=report.trading_day,
        quantity=report.last_qty,
        price=report.last_px,
        transact_at=report.transact_at,
        fee=report.fee,
        exec_ref_id=report.exec_ref_id,
    )
    found = _counting(tally.fills, report.exec_ref_id)
    if found is None and not _known(tally.fills, report.exec_ref_id):
        real = tally.cum_qty - _inferred_quantity(tally) + fill.quantity
        fees = tally.fees + fill.fee
        return _await(tally, report, report.exec_ref_id, (*tally.fills, fill), real, fees, fill)
    newer = found is not None and found.exec_ref_id and found.transact_at > fill.transact_at
    if found is None or newer:  # the execution was busted, or corrected again, since
        late = replace(fill, status=FillStatus.CORRECTED, reversed_at=fill.transact_at)
        return replace(
            tally, fills=(*tally.fills, late), fill=None, note=BookingNote.SUPERSEDED, reverses=True
        )
    return _corrected(tally, found, fill)


def _corrected(tally: Tally, found: Fill, fill: Fill) -> Tally:
    """``fill`` takes the place of ``found``. What it adds may have been inferred already."""
    inferred = tally.inferred
    gain = fill.quantity - found.quantity
    taken = ZERO
    if inferred is not None and gain > 0 and fill.transact_at <= inferred.transact_at:
        taken = min(gain, inferred.quantity)
        inferred = _shrunk(inferred, inferred.quantity - taken)
    fills = (*_marked(tally.fills, found, FillStatus.CORRECTED, fill.transact_at), fill)
    return Tally(
        tally.cum_qty + gain - taken,
        _notional(fills, inferred),
        tally.fees - found.fee + fill.fee,
        fills,
        inferred,
        fill=fill,
        reverses=True,
    )


def _mark_corrected(tally: Tally, report: ExecutionReport) -> Tally:
    """Take back what a correction refers to where the correction was itself reversed before."""
    reference = report.exec_ref_id
    found = _counting(tally.fills, reference)
    if found is None:
        if _known(tally.fills, reference):
            return tally
        return replace(tally, fills=(*tally.fills, _tombstone(report, reference, ZERO)))
    if found.transact_at > report.transact_at:
        return tally
    return replace(
        tally,
        cum_qty=tally.cum_qty - found.quantity,
        notional=tally.notional - found.price * found.quantity,
        fees=tally.fees - found.fee,
        fills=_marked(tally.fills, found, FillStatus.CORRECTED, report.transact_at),
    )


def _tombstone(report: ExecutionReport, reference: str, taken: Decimal) -> Fill:
    """Stands for an execution that ``report`` reverses and that has not arrived."""
    return Fill(
        exec_id=reference,
        trading_day=report.trading_day,
        quantity=taken,
        price=ZERO,
        transact_at=report.transact_at,
        status=FillStatus.AWAITED,
        reversed_at=report.transact_at,
    )


def _await(
    tally: Tally,
    report: ExecutionReport,
    reference: str,
    fills: tuple[Fill, ...],
    real: Decimal,
    fees: Decimal,
    fill: Fill | None = None,
) -> Tally:
    """A bust or correction of an execution not seen yet: remember it, and let the inferred quantity
    fall to what the venue's total still proves.
    """
    before = _inferred_quantity(tally)
    proven = max(ZERO, report.cum_qty - real)
    taken = before - min(before, proven)
    inferred = _shrunk(tally.inferred, before - taken)
    kept = (*fills, _tombstone(report, reference, taken))
    return Tally(
        real + before - taken,
        _notional(kept, inferred),
        fees,
        kept,
        inferred,
        fill,
        BookingNote.UNKNOWN_REFERENCE,
        reverses=True,
    )


def _awaited(tally: Tally, report: ExecutionReport, tombstone: Fill, status: FillStatus) -> Tally:
    """The execution arrives after its own bust: kept for the record, and not counted."""
    before = _inferred_quantity(tally)
    taken = min(before, max(ZERO, report.last_qty - tombstone.quantity))
    arrived = Fill(
        exec_id=report.exec_id,
        trading_day=report.trading_day,
        quantity=report.last_qty,
        price=report.last_px,
        transact_at=report.transact_at,
        fee=report.fee,
        status=status,
        exec_ref_id=report.exec_ref_id,
        reversed_at=tombstone.reversed_at,
    )
    fills = tuple(arrived if fill is tombstone else fill for fill in tally.fills)
    inferred = _shrunk(tally.inferred, before - taken)
    return Tally(
        tally.cum_qty - taken,
        _notional(fills, inferred),
        tally.fees,
        fills,
        inferred,
        note=BookingNote.SUPERSEDED,
        reverses=True,
    )


def _counting(fills: tuple[Fill, ...], exec_id: str) -> Fill | None:
    """The newest execution that counts and is ``exec_id`` or descends from it by corrections."""
    for _ in range(len(fills) + 1):
        successor = ""
        for fill in reversed(fills):
            if fill.exec_id == exec_id and fill.status is FillStatus.BOOKED:
                return fill
            if fill.exec_ref_id == exec_id:
                successor = fill.exec_id
                break
        if not successor:
            return None
        exec_id = successor
    return None


def _known(fills: tuple[Fill, ...], exec_id: str) -> bool:
    return any(fill.exec_id == exec_id for fill in fills)


def _marked(
    fills: tuple[Fill, ...], found: Fill, status: FillStatus, reversed_at: int
) -> tuple[Fill, ...]:
    marked = replace(found, status=status, reversed_at=reversed_at)
    return tuple(marked if fill is found else fill for fill in fills)


def _reversed_since(fills: tuple[Fill, ...], at: int) -> Decimal:
    """Quantity that a total reported at venue time ``at`` still held and busts have since removed.

    A tie counts as since: a missed inference is made good by the next report, a false one is not.
    """
    total = ZERO
    for fill in fills:
        if fill.reversed_at and fill.reversed_at >= at:
            total += fill.quantity
        if fill.exec_ref_id and fill.transact_at >= at:
            total -= fill.quantity
    return total


def _inferred_quantity(tally: Tally) -> Decimal:
    return ZERO if tally.inferred is None else tally.inferred.quantity


def _shrunk(inferred: Fill | None, quantity: Decimal) -> Fill | None:
    if inferred is None or not quantity:
        return None
    return inferred if quantity == inferred.quantity else replace(inferred, quantity=quantity)


def _notional(fills: tuple[Fill, ...], inferred: Fill | None) -> Decimal:
    counted = [fill for fill in fills if fill.status is FillStatus.BOOKED]
    if inferred is not None:
        counted.append(inferred)
    return sum((fill.price * fill.quantity for fill in counted), ZERO)


def _duplicate(tally: Tally) -> Tally:
    return replace(tally, fill=None, note=BookingNote.DUPLICATE)
