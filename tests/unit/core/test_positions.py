"""Positions are sums of fills; executions seen are remembered for as long as they may repeat."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.evolving.positions import move_position, remember_report
from tests.builders import START

D = Decimal


def a_fill(quantity: int, price: str = "1.1", **changes: object) -> ev.FillBooked:
    values: dict[str, object] = {
        "execution_id": "e", "account_id": "a", "symbol": "EURUSD", "direction": 1,
        "quantity": D(quantity), "notional": D(quantity) * D(price), "price": D(price),
        "transact_at": START, "position_id": "T", "exec_id": "x", "trading_day": "2024-03-15",
    }  # fmt: skip
    return ev.FillBooked(**(values | changes))  # type: ignore[arg-type]


def test_entries_average_and_closes_leave_the_average_alone() -> None:
    book = Book()
    move_position(book, a_fill(1_000, "1.10"))
    move_position(book, a_fill(3_000, "1.14"))
    move_position(book, a_fill(1_000, "1.50", direction=-1, cause="stop_loss"))
    (position,) = book.positions["a"].values()
    assert (position.quantity, position.average_price) == (D(3_000), D("1.13"))
    move_position(book, a_fill(-3_000, "1.14"))
    assert book.positions["a"] == {}, "busted down to nothing"


def test_a_short_position_is_negative_and_flat_is_gone() -> None:
    book = Book()
    move_position(book, a_fill(2_000, direction=-1))
    assert book.positions["a"]["e"].quantity == -2_000
    move_position(book, a_fill(2_000, direction=1, cause="venue"))
    assert book.positions == {"a": {}}


def test_a_corrected_price_moves_the_average_only() -> None:
    book = Book()
    move_position(book, a_fill(1_000, "1.10"))
    move_position(book, a_fill(0, "1.12", notional=D(20)))
    assert book.positions["a"]["e"].average_price == D("1.12")
    other = Book()
    move_position(other, a_fill(0, "1.12", notional=D(20)))
    assert other.positions["a"] == {}, "a correction alone opens nothing"


def test_executions_are_remembered_by_the_venues_day_for_five_days() -> None:
    book = Book()
    for day in range(10, 17):
        remember_report(book, a_fill(1, trading_day=f"2024-03-{day}", exec_id=f"x{day}"))
    assert sorted(book.reports_seen) == [f"2024-03-{day}" for day in range(12, 17)]
    assert list(book.reports_seen["2024-03-16"]) == ["a|x16"]
    remember_report(book, a_fill(1, exec_id="", trading_day="2024-03-20"))
    assert "2024-03-20" not in book.reports_seen, "an inferred fill has no identity of the venue's"
