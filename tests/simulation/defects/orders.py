"""Defects of the order machine: what is counted, what a word of the venue is taken for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import engine
from stretto.core import events as ev
from stretto.core.accounts import alarms
from stretto.core.executions import giving_up
from stretto.core.messages import advancing, proof, reconciliation, recovery, remedy, reports
from stretto.core.orders import booking, order, order_report
from stretto.core.orders.order import OrderInput, OrderState
from stretto.core.orders.order_changes import OrderChanges
from stretto.core.people import intervening_kills
from stretto.core.terms.report import ExecType
from tests.simulation.defects.planting import defect, everywhere

ZERO = Decimal(0)


@defect(0, 4, fault="report-duplicated")
def drop_a_duplicate_check(patch: pytest.MonkeyPatch) -> None:
    """An execution reported again is booked again."""
    first = booking._trade

    def trade(tally: Any, report: Any) -> Any:
        unknown = tuple(f for f in tally.fills if f.exec_id != report.exec_id)
        done = first(replace(tally, fills=unknown), report)
        return replace(done, fills=(*tally.fills, *done.fills[len(unknown) :]))

    patch.setattr(booking, "_trade", trade)
    everywhere(patch, reports.is_seen, lambda book, report: False)


@defect(0, 4, fault="stale-status")
def count_a_status_as_a_fill(patch: pytest.MonkeyPatch) -> None:
    """What a status says was filled in all is added to what is known."""
    first = booking.book

    def book(tally: Any, report: Any) -> Any:
        if report.exec_type is ExecType.ORDER_STATUS and report.cum_qty and report.avg_px:
            report = replace(
                report, exec_type=ExecType.TRADE, last_qty=report.cum_qty, last_px=report.avg_px
            )
        return first(tally, report)

    everywhere(patch, first, book)


@defect(4, 6, 8, 16, 17, fault="late-fill")
def ignore_a_late_fill(patch: pytest.MonkeyPatch) -> None:
    """What fills after the cancel is as if it had never been."""
    first = advancing.advance

    def advance(book: Any, found: Any, message: Any, at_ns: int, *rest: Any, **more: Any) -> Any:
        if found.state in (OrderState.CANCELED, OrderState.EXPIRED):
            return ()
        return first(book, found, message, at_ns, *rest, **more)

    everywhere(patch, first, advance)


@defect(2, 4, 8, 17, fault="trade-bust")
def ignore_a_bust(patch: pytest.MonkeyPatch) -> None:
    """A busted trade goes on counting."""
    patch.setattr(booking, "_bust", lambda tally, report: booking._duplicate(tally))


@defect(4, fault="trade-bust")
def keep_the_fee_of_a_bust(patch: pytest.MonkeyPatch) -> None:
    """A bust takes the quantity back, and not what it cost."""
    first = booking._bust
    patch.setattr(booking, "_bust", lambda t, report: replace(first(t, report), fees=t.fees + 1))


@defect(4, fault="trade-correction")
def keep_the_price_that_was_corrected(patch: pytest.MonkeyPatch) -> None:
    """A correction counts at the price that it corrects."""
    first = booking._correction

    def correction(tally: Any, report: Any) -> Any:
        return replace(first(tally, report), notional=tally.notional)

    patch.setattr(booking, "_correction", correction)


@defect(0, 5, fault="report-reordered")
def let_the_filled_quantity_fall(patch: pytest.MonkeyPatch) -> None:
    """The total of the last report to arrive is believed, even where it is an old one."""
    first = booking.book

    def book(tally: Any, report: Any) -> Any:
        done = first(tally, report)
        if ZERO < report.cum_qty < done.cum_qty and not done.reverses:
            return replace(done, cum_qty=report.cum_qty)
        return done

    everywhere(patch, first, book)
    patch.setattr(order, "_verify", lambda before, after, reverses: None)


@defect(6, fault="fill-cancel-race")
def take_a_cancel_reject_for_a_cancel(patch: pytest.MonkeyPatch) -> None:
    """Whatever the venue answers to a cancel, the order counts as cancelled."""
    first = order._request_rejected

    def rejected(found: Any, reject: Any, at_ns: int) -> Any:
        done = first(found, reject, at_ns)
        if reject.for_replace or done.order.state in order.TERMINAL:
            return done
        after = order._closed(found, OrderState.CANCELED, at_ns)
        return order._finish(found, after, done.kind, done.note, False)

    patch.setattr(order, "_request_rejected", rejected)


@defect(7, fault="no-answer")
def take_a_timeout_for_a_rejection(patch: pytest.MonkeyPatch) -> None:
    """An order that nobody answered counts as dead, and is tried again."""

    def due(book: Any, name: str, at_ns: int) -> Any:
        found = book.orders[name]
        if found.answer_due_at is None or found.answer_due_at > at_ns:
            return ()
        if found.state is OrderState.SUBMITTING:
            return advancing.advance(book, found, OrderInput.NOT_SENT, at_ns, None)
        return first(book, name, at_ns)

    first = recovery.on_acknowledge_due
    everywhere(patch, first, due)


@defect(7, fault="acknowledgement-lost")
def take_an_unknown_write_for_none(patch: pytest.MonkeyPatch) -> None:
    """A write whose outcome nobody knows counts as one that did not happen."""
    first = reports.on_send

    def on_send(book: Any, sent: ev.SendReported, at_ns: int) -> Any:
        if sent.outcome is ev.SendOutcomeKind.UNKNOWN:
            sent = replace(sent, outcome=ev.SendOutcomeKind.NOT_SENT)
            found = book.orders[sent.client_order_id]
            return advancing.advance(book, found, OrderInput.NOT_SENT, at_ns, None)
        return first(book, sent, at_ns)

    everywhere(patch, first, on_send)


@defect(7, fault="partial-view")
def retry_after_one_view_without_the_order(patch: pytest.MonkeyPatch) -> None:
    """One view that does not show an order is taken for the proof that it does not exist."""
    first = proof.absence

    def absence(found: Any, view_at: int, first_at: Any, **more: Any) -> Any:
        seen = first(found, view_at, None, **more)
        return proof.Absence.PROOF if seen is proof.Absence.FIRST else seen

    everywhere(patch, first, absence)
    missing = reconciliation._absent

    def absent(book: Any, found: Any, item: Any, at_ns: int) -> Any:
        book.missing.setdefault(found.client_order_id, item.status.at)
        return missing(book, found, item, at_ns)

    patch.setattr(reconciliation, "_absent", absent)


@defect(7, fault="request-lost")
def believe_any_venue_s_silence(patch: pytest.MonkeyPatch) -> None:
    """Absence is proof, whatever the venue declares."""
    first = proof.absence

    def absence(found: Any, view_at: int, first_at: Any, **more: Any) -> Any:
        return first(found, view_at, first_at, **(more | {"is_proof": True}))

    everywhere(patch, first, absence)


@defect(7, fault="duplicate-answer")
def take_a_refused_duplicate_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """The refusal of a second order of the same id ends the first."""
    everywhere(patch, remedy.is_doubtful, lambda book, found, report: False)


@defect(2, fault="overfill")
def let_an_overfill_pass(patch: pytest.MonkeyPatch) -> None:
    """What a venue fills beyond the order is booked, and nothing is halted."""
    everywhere(patch, alarms.alarms, lambda *arguments: [])


@defect(0, 2, 3, fault="overfill")
def count_an_overfill_as_filled(patch: pytest.MonkeyPatch) -> None:
    """What exceeds the order is not told apart."""
    first = order._reported

    def reported(found: Any, report: Any, at_ns: int) -> Any:
        done = first(found, report, at_ns)
        if not done.overfill_delta:
            return done
        return replace(done, order=replace(done.order, overfilled_qty=ZERO), overfill_delta=ZERO)

    patch.setattr(order, "_reported", reported)


@defect(3, 0, fault="partial-fill")
def forget_what_is_left(patch: pytest.MonkeyPatch) -> None:
    """The venue's leaves are not taken over."""
    first = order_report.leaves_after

    def leaves(found: Any, *arguments: Any) -> Any:
        return found.leaves_qty if found.cum_qty else first(found, *arguments)

    everywhere(patch, first, leaves)
    patch.setattr(order, "_verify", lambda before, after, reverses: None)


@defect(16, fault="request-lost")
def give_up_on_doubt_without_a_word(patch: pytest.MonkeyPatch) -> None:
    """After the last query nobody is asked."""
    first = recovery.on_query_due

    def due(book: Any, name: str, at_ns: int) -> Any:
        done = first(book, name, at_ns)
        return tuple(e for e in done if not isinstance(e, ev.InterventionRequired))

    everywhere(patch, first, due)


@defect(13, fault="request-lost")
def ask_for_ever(patch: pytest.MonkeyPatch) -> None:
    """An order in doubt is asked about again and again, and never a person."""
    patch.setattr(recovery, "QUERIES_MAX", 1_000)


@defect(12, fault="no-answer")
def ask_again_at_once(patch: pytest.MonkeyPatch) -> None:
    """The next query is due when the last one was."""
    first = recovery.on_query_due

    def due(book: Any, name: str, at_ns: int) -> Any:
        found = book.orders[name]
        return tuple(
            replace(e, next_at=found.query_at) if isinstance(e, ev.OrderQueried) else e
            for e in first(book, name, at_ns)
        )

    everywhere(patch, first, due)


@defect(2, 11, fault="person")
def throw_a_kill_switch_and_cancel_nothing(patch: pytest.MonkeyPatch) -> None:
    """A kill switch stops what waits, and leaves at the venue what works there."""
    first = giving_up.give_up

    def give_up(*arguments: Any) -> Any:
        return [e for e in first(*arguments) if not isinstance(e, ev.CancelRequested)]

    patch.setattr(intervening_kills, "give_up", give_up)


@defect(0, 4, 8, 17, fault="venue-restart")
def take_ids_that_come_again_for_repeats(patch: pytest.MonkeyPatch) -> None:
    """An execution id counts for ever, though the venue begins its ids anew each day."""

    def seen(book: Any, report: Any) -> bool:
        name = f"{report.account_id}|{report.exec_id}"
        return any(name in day for day in book.reports_seen.values())

    everywhere(patch, reports.is_seen, seen)


@defect(4, 6, 16, 17, fault="unsolicited-cancel")
def believe_no_cancel_but_ones_own(patch: pytest.MonkeyPatch) -> None:
    """An order that the venue cancelled unasked goes on as if it lived."""
    first = order._reported

    def reported(found: Any, report: Any, at_ns: int) -> Any:
        is_cancel = report.ord_status.value == "canceled"
        if is_cancel and not found.cancel_requested and found.time_in_force.value in ("day", "gtc"):
            return order.Step(order=found, kind=OrderInput.STATUS_KNOWN)
        return first(found, report, at_ns)

    patch.setattr(order, "_reported", reported)


@defect(10, fault="stale-view")
def believe_an_old_view(patch: pytest.MonkeyPatch) -> None:
    """A view that was given before is as good as one of now."""
    everywhere(patch, reconciliation.is_current, lambda held, status, at_ns: status.complete)


@defect(12, 16, fault="half-open")
def wait_for_ever_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    """An order that was written is answered some day: nobody asks after it."""

    def due(book: Any, key: str, at_ns: int) -> Any:
        del at_ns
        found = book.orders[key]
        return (
            ev.OrderAdvanced(
                client_order_id=key,
                execution_id=found.execution_id,
                account_id=found.account_id,
                cause="sent",
                changes=OrderChanges(answer_due_at=None),
            ),
        )

    patch.setattr(engine, "on_acknowledge_due", due)
