"""A configuration comes into force unless it drops what the book still has to look after."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.errors import InvalidInput, InvariantViolated
from stretto.core.terms.account import AccountMode, PositionMode
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.report import ExecType, OrdStatus
from tests.builders import Desk, a_config, an_account, only, report_of
from tests.protection_desk import ProtectionDesk, own_stops


def holding(state: str) -> Desk:
    """A desk whose one account has something scheduled, working or held."""
    desk = Desk(a_config(1))
    if state == "scheduled":
        desk.plan()
        return desk
    order = desk.order()
    if state == "held":
        full = order.quantity
        desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=full, last=full)
    return desk


def with_account(**changes: Any) -> BookConfig:
    return a_config([an_account("a0", **changes)])


@pytest.mark.parametrize("state", ["scheduled", "working", "held"])
@pytest.mark.parametrize(
    ("config", "place"),
    [
        (a_config([an_account("a1")]), "accounts.a0: missing"),
        (with_account(venue="other"), "accounts.a0.venue: changed to other"),
        (with_account(currency="EUR"), "accounts.a0.currency"),
        (with_account(position_mode=PositionMode.NETTING), "accounts.a0.position_mode"),
        (
            msgspec.structs.replace(a_config(1), instruments={}),
            "instruments.EURUSD: missing or changed",
        ),
        (own_stops(), "capabilities.attached_stops: changed to false"),
    ],
)
def test_what_is_in_use_stays_in_place(state: str, config: BookConfig, place: str) -> None:
    desk = holding(state)
    with pytest.raises(InvalidInput, match=place):
        desk.feed(ev.BookOpened(config=config))


def test_orders_that_protect_a_position_are_not_forgotten_by_a_new_configuration() -> None:
    desk = ProtectionDesk()
    desk.guarded_entry()
    with pytest.raises(InvalidInput, match="attached_stops: changed to true"):
        desk.feed(ev.BookOpened(config=a_config(1)))
    assert len(desk.standing()) == 2


def test_everything_else_may_change_while_positions_are_open() -> None:
    desk = holding("held")
    config = a_config([an_account("a0", mode=AccountMode.CLOSE_ONLY), an_account("a1")])
    only(desk.feed(ev.BookOpened(config=config)), ev.BookConfigured)
    assert desk.book.configuration is config
    assert "a1" in desk.book.ledgers
    assert desk.feed(ev.BookOpened(config=config)) == ()


def test_a_flat_account_may_go_and_its_late_fill_is_still_booked() -> None:
    desk = holding("working")
    (order,) = desk.book.orders.values()
    desk.report(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_code="invalid_stops")
    only(desk.feed(ev.BookOpened(config=a_config([an_account("a1")]))), ev.BookConfigured)
    late = desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=Decimal(5), last=Decimal(5))
    assert only(late, ev.FillBooked).quantity == 5
    only(late, ev.AccountHalted)
    recovered = desk.feed(ev.BookRecovered(engine_version="x"))
    assert [type(event) for event in recovered] == [ev.ReconciliationRequired]


def test_a_journal_is_of_one_book() -> None:
    desk = Desk()
    with pytest.raises(InvariantViolated, match="the journal is of book 'book'"):
        desk.feed(ev.BookOpened(config=msgspec.structs.replace(desk.config, book_id="other")))


def test_an_account_that_left_can_come_back_after_a_late_bust() -> None:
    desk = Desk(a_config(2))
    for order in desk.released():
        desk.send(order)
        full = order.quantity
        desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=full, last=full, exec_id="f")
    order = next(o for o in desk.book.orders.values() if o.account_id == "a1")
    close = report_of(
        order,
        ExecType.TRADE,
        OrdStatus.FILLED,
        cum=order.quantity,
        last=order.quantity,
        exec_id="c",
    )
    by_itself = msgspec.structs.replace(close, client_order_id="", text="stop_loss")
    desk.feed(ev.VenueReported(report=by_itself))
    assert not desk.book.positions["a1"]
    desk.feed(ev.BookOpened(config=a_config(1)))
    assert "a1" not in desk.book.configuration.accounts
    desk.report(order, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_id="b", exec_ref_id="f")
    desk.feed(ev.BookRecovered(engine_version="next"))
    desk.feed(ev.BookOpened(config=a_config(2)))
    assert "a1" in desk.book.configuration.accounts
