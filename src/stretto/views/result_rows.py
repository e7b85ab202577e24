"""How a row of ``execution_results`` begins: by a plan, from another account, or out of the table.

Knows nothing of SQL; what changes a row afterwards is in ``results``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from stretto.core import events as ev
from stretto.core.errors import check
from stretto.core.orders.order_changes import apply_changes
from stretto.core.orders.order_record import Order
from stretto.core.terms.plan import Plan, PlannedAllocation
from stretto.core.values import Side, parse_iso, plain
from stretto.views.results import COLUMNS, OWN_ROLES, RELEASE, Result, release_values
from stretto.views.schema import RESULT_MOVING
from stretto.views.texts import maybe_plain

_ORDER_EVENTS = frozenset(
    {"order_intended", "order_advanced", "cancel_requested", "replace_requested"}
)
_decoder = msgspec.json.Decoder(
    ev.OrderIntended | ev.OrderAdvanced | ev.CancelRequested | ev.ReplaceRequested
)


def planned(
    book_id: str, plan: Plan, share: PlannedAllocation, pip: Decimal | None, seq: int
) -> Result:
    """The row of an allocation as the plan made it."""
    signal, quote = plan.signal, plan.quote
    touch = None if quote is None else quote.ask if signal.side is Side.BUY else quote.bid
    fixed = (
        book_id,
        plan.execution_id,
        share.account_id,
        f"{plan.execution_id}/{share.account_id}",
        signal.symbol,
        signal.side.value,
        plain(share.position_size),
        maybe_plain(touch),
        maybe_plain(pip),
        maybe_plain(share.limit_price),
        maybe_plain(share.stop_price),
        maybe_plain(share.stop_loss),
        maybe_plain(share.take_profit),
        *release_values(share.release_at, share.window_end, share.delay_ns, None),
    )
    result = Result(fixed, is_new=True)
    result.seq = seq
    return result


def rerouted_to(source: Result, event: ev.RemainderRerouted, at_ns: int, seq: int) -> Result:
    """The row of an allocation that no plan made: what another account could not trade."""
    row = dict(zip(COLUMNS, source.fixed, strict=False))
    share = event.share
    row |= {
        "account_id": share.account_id,
        "result_id": f"{event.execution_id}/{share.account_id}",
        "planned_quantity": "0",
        "limit_price": maybe_plain(share.limit_price),
        "stop_price": maybe_plain(share.stop_price),
        "stop_loss": maybe_plain(share.stop_loss),
        "take_profit": maybe_plain(share.take_profit),
    }
    release = release_values(share.release_at, share.window_end, share.delay_ns, "rerouted")
    row |= zip(RELEASE, release, strict=True)
    result = Result(tuple(row.values()), is_new=True)
    result.received(event, at_ns)
    result.seq = seq
    return result


def order_events(logged: Iterable[tuple[str, str]]) -> list[ev.Event]:
    """Of an allocation's audit rows, event type and data, what made its orders what they are."""
    return [_decoder.decode(data) for kind, data in logged if kind in _ORDER_EVENTS]


def restored(row: Sequence[Any], order_events: Iterable[ev.Event]) -> Result:
    """The row as the table holds it (``COLUMNS``), ready to go on. ``order_events`` are the
    allocation's OrderIntended and OrderAdvanced so far, in order, from the audit log.
    """
    result = Result(tuple(row[:RESULT_MOVING]), is_new=False)
    held = dict(zip(COLUMNS, row, strict=True))
    for slot, column in _DECIMALS:
        setattr(result, slot, Decimal(held[column]))
    for name in _AS_THEY_ARE:
        setattr(result, name, held[name])
    until = result.first_fill_at or result.completed_at
    result.until_ns = None if until is None else parse_iso(until)
    result.sent_ns = None if result.sent_at is None else parse_iso(result.sent_at)
    result.seq = held["updated_seq"]
    result.order = _order_after(order_events)
    check(
        held["order_id"] == (result.order.client_order_id if result.order else None),
        f"{held['order_id']} of {result.fixed[3]} is not in the audit log",
    )
    return result


def _order_after(events: Iterable[ev.Event]) -> Order | None:
    order: Order | None = None
    for event in events:
        if isinstance(event, ev.OrderIntended):
            order = event.order if event.order.role in OWN_ROLES else order
        elif (
            isinstance(event, ev.OrderAdvanced | ev.CancelRequested | ev.ReplaceRequested)
            and order is not None
            and event.client_order_id == order.client_order_id
        ):
            order = apply_changes(order, event.changes)
    return order


_DECIMALS = (
    ("intended", "intended_quantity"),
    ("filled", "filled_quantity"),
    ("pending", "pending_quantity"),
    ("abandoned", "abandoned_quantity"),
    ("overfilled", "overfilled_quantity"),
    ("notional", "notional"),
    ("fees", "fees"),
)
_AS_THEY_ARE = (
    "fills",
    "partial_fills",
    "orders",
    "failure_reason",
    "recovery_actions",
    "intended_at",
    "sent_at",
    "acknowledged_at",
    "first_fill_at",
    "last_fill_at",
    "completed_at",
)
