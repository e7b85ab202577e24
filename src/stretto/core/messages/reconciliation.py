"""What a view of an account says against the book: comparison alone, and the events it makes.

A view becomes inputs in a fixed order: the executions it shows, the state of each order, then the
view itself; so that what was missed is in the books, applied once, before anything is compared.
Known orders go through the same machine as any report. Orders and positions that the book does not
know are reported, never adopted. Knows nothing of when a venue is asked, nor of connections.
"""

from __future__ import annotations

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.accounting import on_account
from stretto.core.accounts.alarms import ask, halt
from stretto.core.book import Book, Reconciled, allocation_key
from stretto.core.limits import (
    CLOCK_SKEW_NS,
    RECONCILE_AT_REST_NS,
    VIEW_AGE_NS_MAX,
)
from stretto.core.messages.advancing import Events
from stretto.core.messages.proof import Absence, absence, prove_dead
from stretto.core.messages.reports import is_seen, on_answer, on_report
from stretto.core.orders.order import Note, Order, OrderState, step
from stretto.core.orders.order_table import UNANSWERED
from stretto.core.protective.stop_checks import stops_shown
from stretto.core.reconciliation_events import (
    NOT_YET_CONFIRMED,
    POSITION_DIFFERENCE,
    DifferenceKind,
    Proof,
    Suspect,
)
from stretto.core.reconciling.reconciliation_due import live_orders
from stretto.core.reconciling.reconciliation_positions import compare_positions, is_asked
from stretto.core.reconciling.strangers import found_in, is_left_alone
from stretto.core.terms.refusal import Rule
from stretto.core.terms.report import ExecType, ExecutionReport, StatusAnswer
from stretto.core.terms.venue import MassStatus, VenueCapabilities
from stretto.core.values import iso


def inputs_of(
    book: Book, status: MassStatus, capabilities: VenueCapabilities
) -> tuple[ev.ViewReported | ev.MassStatusObserved, ...]:
    """A view as the inputs it is handled by, in order; without what certainly says nothing new."""
    shown = [report for report in status.executions if not is_seen(book, report)]
    shown += [view.report for view in (*status.orders, *status.orders_done)]
    told = [ev.ViewReported(report=report) for report in shown if not _is_known(book, report)]
    return (
        *told,
        ev.MassStatusObserved(
            status=replace(status, executions=()),
            absence_is_proof=capabilities.absence_is_proof,
            settle_time_ns=capabilities.settle_time_ns,
        ),
    )


def _is_known(book: Book, report: ExecutionReport) -> bool:
    """True for the state of an order as it stands in the book, or of one that is not the book's."""
    if report.exec_type is not ExecType.ORDER_STATUS:
        return False
    order = book.orders.get(report.client_order_id)
    if order is None or order.account_id != report.account_id:
        return True
    if order.state is OrderState.INITIALIZED:
        return True
    after = step(order, report, book.at).order
    return replace(after, reported_at=order.reported_at, total_qty=order.total_qty) == order


# --- what a view shows of known orders


def on_shown(book: Book, report: ExecutionReport, at_ns: int) -> Events:
    """An execution or an order's state that a view shows: applied as if it had been reported."""
    if _is_known(book, report):
        return ()
    order = book.orders.get(report.client_order_id)
    if report.exec_type is ExecType.ORDER_STATUS:
        answer = StatusAnswer(
            client_order_id=report.client_order_id,
            account_id=report.account_id,
            known=True,
            transact_at=report.transact_at,
            report=report,
        )
        events, kind = on_answer(book, answer, at_ns), DifferenceKind.ORDER_STATE
        shows = f"{report.ord_status.value}, {report.cum_qty} filled"
    else:
        events, kind = on_report(book, report, at_ns), DifferenceKind.EXECUTION_MISSED
        shows = f"{report.exec_type.value} {report.last_qty} at {report.last_px}, {report.exec_id}"
    if not any(isinstance(event, ev.OrderAdvanced | ev.FillBooked) for event in events):
        return events
    found = ev.DifferenceFound(
        account_id=report.account_id,
        kind=kind,
        subject=report.client_order_id or report.position_id,
        book="a position" if order is None else f"{order.state.value}, {order.cum_qty} filled",
        venue=shows,
        cause=_cause(order),
        execution_id="" if order is None else order.execution_id,
    )
    return (found, *events)


def _cause(order: Order | None) -> str:
    if order is not None and order.state in UNANSWERED:
        return "the answer to the order did not arrive"
    return "its report did not arrive, or not yet"


# --- the view itself


def on_mass_status(book: Book, item: ev.MassStatusObserved, at_ns: int) -> Events:
    """Everything else that a view says, once its executions and orders are in the books."""
    status = item.status
    if status.account_id not in book.configuration.accounts:
        return ()
    events = _money(book, status)
    held = book.reconciled.get(status.account_id)
    current = is_current(held, status, at_ns)
    strangers, told = found_in(book, status, is_current=current)
    events += told
    if not current:
        return (*events, *_incomplete(book, held, status, strangers))
    events += _missing(book, item, at_ns)
    events += _overfilled(book, status)
    suspects, found = compare_positions(book, held, status)
    events += found
    events += stops_shown(book, status)
    return (*events, *_reconciled(book, held, status, suspects, strangers, at_ns))


def _money(book: Book, status: MassStatus) -> list[ev.Event]:
    """The account's snapshot, where it says more than that prices moved, or the last one is old."""
    before, now = book.snapshots.get(status.account_id), status.account
    if (
        before is not None
        and now.at < before.at + RECONCILE_AT_REST_NS
        and replace(now, at=before.at, equity=before.equity) == before
    ):
        return []
    return list(on_account(book, now))


def is_current(held: Reconciled | None, status: MassStatus, at_ns: int) -> bool:
    """True for a complete view of now, which alone is compared: an old one shows an old state."""
    if not status.complete or (held is not None and status.at <= held.view_at):
        return False
    return at_ns - VIEW_AGE_NS_MAX <= status.at <= at_ns + CLOCK_SKEW_NS


def _incomplete(
    book: Book, held: Reconciled | None, status: MassStatus, strangers: tuple[str, ...]
) -> list[ev.Event]:
    """A view that decides nothing is noted once."""
    if held is not None and not held.complete:
        return []
    if held is not None and status.complete:  # an old one again
        return []
    return [
        ev.AccountReconciled(
            account_id=status.account_id,
            at=status.at,
            complete=False,
            differences=0,
            suspects=() if held is None else held.suspects,
            strangers=strangers if held is None else held.strangers,
            unreconciled=book.ledgers[status.account_id].unreconciled,
        )
    ]


def _reconciled(
    book: Book,
    held: Reconciled | None,
    status: MassStatus,
    suspects: tuple[Suspect, ...],
    strangers: tuple[str, ...],
    at_ns: int,
) -> list[ev.Event]:
    """AccountReconciled, where the view changes what is known, or the last one noted is old."""
    account_id = status.account_id
    was = book.ledgers[account_id].unreconciled
    blocked = ""
    if any(each.confirmed and is_asked(book, each.subject) for each in suspects):
        blocked = POSITION_DIFFERENCE
    elif was and any(not each.confirmed for each in suspects):
        blocked = NOT_YET_CONFIRMED
    newly_confirmed = any(
        each.confirmed and each not in (held.suspects if held is not None else ())
        for each in suspects
    )
    if newly_confirmed:
        blocked = POSITION_DIFFERENCE
    if (
        held is not None
        and held.complete
        and (held.suspects, held.strangers, was) == (suspects, strangers, blocked)
        and held.view_at > book.ledgers[account_id].last_fill_at  # who flattens waits for one after
        and at_ns < held.at + RECONCILE_AT_REST_NS
        and not book.ledgers[account_id].flattening  # every view is looked at
    ):
        return []
    compared = ev.AccountReconciled(
        account_id=account_id,
        at=status.at,
        complete=True,
        differences=len(suspects) + sum(1 for each in strangers if not is_left_alone(book, each)),
        suspects=suspects,
        strangers=strangers,
        unreconciled=blocked,
    )
    return [compared, *(_freed(book, account_id, at_ns) if blocked != NOT_YET_CONFIRMED else ())]


def _freed(book: Book, account_id: str, at_ns: int) -> list[ev.Event]:
    """What waited for the account to be compared goes through the gate again."""
    waits = [
        book.allocations[allocation_key(execution_id, account_id)]
        for execution_id in book.entering.get(account_id, {})
    ]
    return [
        ev.PendingFreed(
            execution_id=allocation.execution_id,
            account_id=account_id,
            reason="reconciled",
            due_at=at_ns,
        )
        for allocation in waits
        if allocation.held == Rule.NOT_RECONCILED.value
    ]


# --- orders


def _overfilled(book: Book, status: MassStatus) -> list[ev.Event]:
    """Orders whose executions exceed what was asked for though the venue's total does not: the view
    brought every bust and correction there is, and it is an overfill all the same.
    """
    events: list[ev.Event] = []
    for view in (*status.orders, *status.orders_done):
        order = book.orders.get(view.report.client_order_id)
        if order is None or order.account_id != status.account_id or not order.overfill_denied:
            continue
        is_told = book.interventions.get(order.client_order_id) == Note.OVERFILL.value
        if is_told or order.reported_at > status.at:
            continue
        known = {"order_qty": str(order.quantity), "cum_qty": str(order.cum_qty)}
        known["overfill"] = str(order.overfilled_qty)
        events += halt(book, order.account_id, Note.OVERFILL.value)
        events += ask(book, order, Note.OVERFILL.value, known, again=True)
    return events


def _missing(book: Book, item: ev.MassStatusObserved, at_ns: int) -> list[ev.Event]:
    """Orders that may be live and that the view does not show: asked about, and proven dead only
    where silence is proof.
    """
    status = item.status
    shown = {view.report.client_order_id for view in (*status.orders, *status.orders_done)}
    events: list[ev.Event] = []
    for order in live_orders(book, status.account_id):
        name = order.client_order_id
        if name in shown:
            continue
        if order.state in UNANSWERED:
            if status.since <= order.created_at:
                events += _absent(book, order, item, at_ns)
            continue
        if order.reported_at >= status.at - CLOCK_SKEW_NS:
            continue
        if name not in book.missing:
            events.append(_missed(order, status.at))
            events.append(
                ev.DifferenceFound(
                    account_id=order.account_id,
                    kind=DifferenceKind.ORDER_MISSING,
                    subject=name,
                    book=f"{order.state.value}, {order.cum_qty} filled",
                    venue="not among the live orders nor those that ended",
                    cause="not known; the venue is asked",
                    execution_id=order.execution_id,
                )
            )
        events.append(
            ev.OrderQueried(
                client_order_id=name,
                execution_id=order.execution_id,
                account_id=order.account_id,
                attempt=order.queries,
                next_at=None,
            )
        )
    return events


def _absent(
    book: Book, order: Order, item: ev.MassStatusObserved, at_ns: int
) -> tuple[ev.Event, ...]:
    first_at = book.missing.get(order.client_order_id)
    view_at = item.status.at
    found = absence(
        order,
        view_at,
        first_at,
        is_proof=item.absence_is_proof,
        settle_time_ns=item.settle_time_ns,
    )
    if found is Absence.FIRST:
        return (_missed(order, view_at),)
    if found is not Absence.PROOF or first_at is None:
        return ()
    evidence = {
        "venue": item.status.venue,
        "first_view_at": iso(first_at),
        "second_view_at": iso(view_at),
        "send_before": iso(order.send_before),
        "settle_time_ns": str(item.settle_time_ns),
    }
    return prove_dead(book, order, Proof.ABSENCE, evidence, at_ns)


def _missed(order: Order, view_at: int) -> ev.OrderMissed:
    return ev.OrderMissed(
        client_order_id=order.client_order_id,
        execution_id=order.execution_id,
        account_id=order.account_id,
        view_at=view_at,
    )
