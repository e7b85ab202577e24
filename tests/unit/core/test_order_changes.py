"""The difference of two orders, as a fact: exactly what differs, and enough to apply it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stretto.core.orders.order import OrderState, Replacement
from stretto.core.orders.order_changes import MUTABLE, OrderChanges, apply_changes, changes_between
from tests.builders import Desk, a_config


def test_only_what_differs_is_named_and_none_is_a_value() -> None:
    (before,) = Desk(a_config(1)).released()
    after = msgspec.structs.replace(
        before, state=OrderState.NEW, answer_due_at=None, cum_qty=Decimal(5), limit_price=None,
        replacing=Replacement(quantity=Decimal(7)),
    )  # fmt: skip
    changes = changes_between(before, after)
    assert changes is not None
    named = {name for name in MUTABLE if getattr(changes, name) is not msgspec.UNSET}
    expected = {n for n in MUTABLE if getattr(before, n) != getattr(after, n)}
    assert named == expected >= {"state", "cum_qty", "replacing"}
    assert apply_changes(before, changes) == after
    assert changes_between(after, after) is None
    stored = msgspec.json.encode(changes)
    assert msgspec.json.decode(stored, type=OrderChanges) == changes


def test_what_names_an_order_never_changes() -> None:
    assert {"client_order_id", "side", "send_before", "created_at"}.isdisjoint(MUTABLE)


def test_what_became_zero_again_is_the_same_bytes_live_and_replayed() -> None:
    """Seed 88: an overfill that is busted leaves nothing overfilled. A field at its default is left
    out of the bytes of a state, whichever zero it was set to.
    """
    (order,) = Desk(a_config(1)).released()
    before = msgspec.structs.replace(order, overfilled_qty=Decimal(4_000))
    live = changes_between(before, order)
    assert live is not None
    replayed = msgspec.json.decode(msgspec.json.encode(live), type=OrderChanges)
    states = [apply_changes(before, changes) for changes in (live, replayed)]
    assert msgspec.msgpack.encode(states[0]) == msgspec.msgpack.encode(states[1])
