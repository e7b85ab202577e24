"""The venue's memory: a new process finds the same books, and a torn last line is dropped."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from stretto.brokers.sim_memory import CommandLog
from stretto.core.errors import InvalidInput
from stretto.core.terms.report import OrderType
from stretto.core.values import NS_PER_S, Side
from stretto.ports import CancelOrder, Command, QueryOrder, SubmitOrder
from tests.unit.brokers.desk import START, Desk, at_desk, ticks


def _order(name: str) -> SubmitOrder:
    return SubmitOrder(
        client_order_id=name,
        account_id="a",
        venue="sim",
        symbol="EURUSD",
        venue_symbol="EURUSD",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=Decimal("1000.50"),
        send_before=99,
    )


def test_what_was_taken_is_read_back_in_order(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / "venue.jsonl")
    taken: list[tuple[int, Command]] = [
        (1, _order("first")),
        (2, CancelOrder(client_order_id="first", account_id="a", venue="sim")),
        (2, QueryOrder(client_order_id="first", account_id="a", venue="sim")),
    ]
    for at, command in taken:
        log.append(at, command)
    log.close()
    again = CommandLog(tmp_path / "venue.jsonl")
    assert [(each.at, each.command) for each in again.read()] == taken


def test_a_line_that_a_crash_cut_short_is_dropped_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "venue.jsonl"
    log = CommandLog(path)
    log.append(1, _order("first"))
    log.close()
    path.write_bytes(path.read_bytes() + b'{"at":2,"comm')
    torn = CommandLog(path)
    assert [each.at for each in torn.read()] == [1]
    torn.append(3, _order("third"))
    torn.close()
    assert [each.at for each in CommandLog(path).read()] == [1, 3]


def test_damage_before_the_last_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "venue.jsonl"
    path.write_bytes(b'{"at":1,"command":{"type":"Nonsense"}}\n')
    with pytest.raises(InvalidInput, match=r"venue\.jsonl:1"):
        list(CommandLog(path).read())


def test_nothing_is_remembered_where_there_is_no_file(tmp_path: Path) -> None:
    assert list(CommandLog(tmp_path / "none.jsonl").read()) == []


def test_a_stop_that_was_hit_while_nobody_listened_is_said_again(tmp_path: Path) -> None:
    """The position is closed in the venue's books: the next process has to hear of it."""
    path = tmp_path / "venue.jsonl"
    rows = ticks((-1, 110_000, 110_010), (60, 109_000, 109_010), (3_600, 109_000, 109_010))

    async def bought(desk: Desk) -> None:
        await desk.submit("first", stop_loss="1.09500")

    before = at_desk(bought, eurusd=rows, log=CommandLog(path))
    assert before.kinds("first") == ["new", "trade"]

    async def listens(_: Desk) -> None:
        return

    later = START + 1_800 * NS_PER_S
    after = at_desk(listens, eurusd=rows, log=CommandLog(path), start=later)
    (closed,) = after.reports()
    assert (closed.client_order_id, closed.text) == ("", "stop_loss")
    assert closed.position_id == before.trades()[0].position_id
    assert not after.books()["positions"]
