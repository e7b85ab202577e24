"""Defects of what is shared out, set aside and held: quantities, reservations, positions."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core import evolve
from stretto.core.evolving import positions
from stretto.core.exits import exit_legs
from stretto.core.failures import backoff
from stretto.core.messages import advancing, reconciliation, remedy, reports
from stretto.core.orders import order_record, settling
from stretto.core.reconciling import reconciliation_positions
from stretto.core.release import rerouting
from stretto.runtime import writer
from tests.simulation.defects.planting import defect, everywhere

ZERO = Decimal(0)


def after(patch: pytest.MonkeyPatch, kind: type, further: Any) -> None:
    """Do something more to the book whenever an event of a kind is applied."""
    first = evolve._HANDLERS[kind]

    def handler(book: Any, event: Any) -> None:
        first(book, event)
        further(book, event)

    patch.setitem(evolve._HANDLERS, kind, handler)


@defect(9, fault="none")
def free_a_reservation_twice(patch: pytest.MonkeyPatch) -> None:
    """The end of a share frees in the account what is free already."""

    def again(book: Any, event: ev.AllocationEnded) -> None:
        ledger = book.ledgers[event.account_id]
        freed = ledger.reserved_margin - event.margin
        book.ledgers[event.account_id] = replace(ledger, reserved_margin=freed)

    after(patch, ev.AllocationEnded, again)


@defect(9, fault="none")
def keep_a_reservation_on_a_fill(patch: pytest.MonkeyPatch) -> None:
    """A fill moves nothing out of what is set aside."""
    patch.setattr(advancing, "share_of", lambda *arguments: ZERO)


@defect(9, 0, fault="none")
def let_an_end_keep_its_reservation(patch: pytest.MonkeyPatch) -> None:
    """What was set aside for a share that ended stays so."""
    first = advancing.advance

    def advance(*arguments: Any, **more: Any) -> Any:
        return tuple(
            replace(e, margin=ZERO) if isinstance(e, ev.AllocationEnded) else e
            for e in first(*arguments, **more)
        )

    everywhere(patch, first, advance)


@defect(9, fault="suspension")
def reroute_without_a_reservation(patch: pytest.MonkeyPatch) -> None:
    """What comes to another account sets nothing aside there."""
    first = rerouting._share
    patch.setattr(rerouting, "_share", lambda *arguments: replace(first(*arguments), margin=ZERO))


@defect(9, fault="none")
def let_an_old_snapshot_confirm_a_fill(patch: pytest.MonkeyPatch) -> None:
    """Any snapshot counts as newer than the last fill."""

    def updated(book: Any, event: ev.AccountUpdated) -> None:
        ledger = book.ledgers[event.snapshot.account_id]
        book.ledgers[event.snapshot.account_id] = replace(ledger, unconfirmed_margin=ZERO)

    after(patch, ev.AccountUpdated, updated)


@defect(0, 2, 7, fault="no-answer")
def reroute_what_is_in_doubt(patch: pytest.MonkeyPatch) -> None:
    """An order in doubt counts as if it could not fill any more."""
    first = order_record.open_quantity

    def opened(found: Any) -> Any:
        return ZERO if found.state.value == "in_doubt" else first(found)

    everywhere(patch, first, opened)


@defect(0, 2, fault="none")
def lose_what_an_order_leaves(patch: pytest.MonkeyPatch) -> None:
    """What a dead order left is neither tried again nor given up."""
    first = settling.settle
    everywhere(patch, first, lambda *arguments: first(*arguments)._replace(freed=ZERO))


@defect(0, 2, fault="chance-reject")
def retry_more_than_was_left(patch: pytest.MonkeyPatch) -> None:
    """A retry asks for a lot more than the order that failed."""
    first = remedy._Next._leg

    def leg(self: Any, *arguments: Any, **more: Any) -> Any:
        return tuple(
            replace(e, released=e.released + 1_000) if isinstance(e, ev.LegScheduled) else e
            for e in first(self, *arguments, **more)
        )

    patch.setattr(remedy._Next, "_leg", leg)


@defect(0, 2, 7, fault="suspension")
def reroute_and_send_again(patch: pytest.MonkeyPatch) -> None:
    """What goes to another account stays with the first as well."""

    def doubled(book: Any, event: ev.RemainderRerouted) -> None:
        key = f"{event.execution_id}/{event.account_id}"
        held = book.allocations[key]
        more = replace(
            held, pending=held.pending + event.quantity, intended=held.intended + event.quantity
        )
        book.allocations[key] = more

    after(patch, ev.RemainderRerouted, doubled)


@defect(0, 2, 4, 8, fault="none")
def book_an_exit_on_its_own(patch: pytest.MonkeyPatch) -> None:
    """An exit's fill does not reduce the position that it closes."""
    everywhere(patch, exit_legs.of_position, lambda book, fill: replace(fill, cause="exit"))


@defect(8, fault="none")
def move_a_position_the_wrong_way(patch: pytest.MonkeyPatch) -> None:
    """A sell adds to what is held."""
    first = positions.move_position

    def move(book: Any, event: ev.FillBooked) -> None:
        first(book, replace(event, direction=1))

    everywhere(patch, first, move)


@defect(4, 8, fault="venue-close")
def miss_what_the_venue_closed(patch: pytest.MonkeyPatch) -> None:
    """Stops and targets that the venue filled by itself are not booked."""
    patch.setattr(reports, "_venue_closed", lambda book, report, at_ns: ())


@defect(0, 4, 8, fault="report-delayed")
def adopt_an_unknown_position(patch: pytest.MonkeyPatch) -> None:
    """What a view shows and the book does not hold is booked as if it had traded."""
    first = reconciliation_positions.compare_positions

    def compared(book: Any, held: Any, status: Any) -> Any:
        suspects, events = first(book, held, status)
        booked = [
            ev.FillBooked(
                execution_id="adopted",
                account_id=status.account_id,
                symbol=each.symbol,
                direction=1,
                quantity=Decimal(each.venue) - Decimal(each.book),
                notional=ZERO,
                price=Decimal(1),
                transact_at=status.at,
                cause="venue",
            )
            for each in suspects
        ]
        return (), [*events, *booked]

    everywhere(patch, first, compared)


@defect(8, fault="missing-symbol")
def close_what_a_view_lacks(patch: pytest.MonkeyPatch) -> None:
    """A position that a view does not show is gone, and nobody is asked."""
    first = reconciliation_positions.compare_positions

    def compared(book: Any, held: Any, status: Any) -> Any:
        suspects, events = first(book, held, status)
        gone = [
            ev.PositionAdopted(
                account_id=status.account_id,
                holder=holder,
                symbol=position.symbol,
                position_id="",
                quantity=-position.quantity,
                price=Decimal(1),
                actor="nobody",
                reason="not shown",
            )
            for each in suspects
            if each.venue == "0"
            for holder, position in book.positions.get(status.account_id, {}).items()
            if position.symbol == each.symbol
        ]
        return suspects, [*events, *gone]

    everywhere(patch, first, compared)


@defect(9, fault="stops-widened")
def widen_a_stop_and_risk_more(patch: pytest.MonkeyPatch) -> None:
    """A stop that a venue wants farther away moves there, and the size stays as it was."""
    first = backoff.wider_stop

    def wider(policy: Any, distance: Any, least: Any, quantity: Any, *rest: Any) -> Any:
        found = first(policy, distance, least, quantity, *rest)
        return None if found is None else replace(found, quantity=quantity)

    everywhere(patch, first, wider)


@defect(4, 8, 16, 17, fault="acknowledgement-lost")
def lose_a_fill_on_reconnect(patch: pytest.MonkeyPatch) -> None:
    """What was filled while nobody listened is not looked for in what the venue shows."""
    first = reconciliation.inputs_of

    def inputs(book: Any, status: Any, capabilities: Any) -> Any:
        return first(book, status, capabilities)[-1:]

    everywhere(patch, first, inputs)


@defect(15, fault="none")
def decide_by_what_no_journal_holds(patch: pytest.MonkeyPatch) -> None:
    """The live book learns something that is in no entry."""
    first, count = evolve.finish, Counter[str]()

    def finish(book: Any) -> None:
        first(book)
        count["entries"] += 1
        if count["entries"] == 40:
            book.interventions["nobody/knows"] = "why"

    patch.setattr(writer, "finish", finish)


@defect(12, 15, fault="crash")
def lose_the_timers_in_a_snapshot(patch: pytest.MonkeyPatch) -> None:
    """A book from a snapshot has forgotten when its releases are due."""
    from stretto.runtime import recover

    first = evolve.restore

    def restore(image: Any) -> Any:
        book = first(image)
        for key, _ in list(book.timers):
            book.timers.set(key, None)
        return book

    patch.setattr(recover, "restore", restore)


@defect(0, 14, 15, fault="none")
def leave_an_entry_out_of_the_journal(patch: pytest.MonkeyPatch) -> None:
    """A snapshot of an account changes the book and is not journaled."""
    first = writer.Writer._handle
    left_out = Counter[str]()

    def handle(self: Any, item: Any) -> Any:
        entry = first(self, item)
        if isinstance(item, ev.AccountObserved) and not left_out["once"] and entry is not None:
            left_out["once"] += 1
            return None
        return entry

    patch.setattr(writer.Writer, "_handle", handle)
