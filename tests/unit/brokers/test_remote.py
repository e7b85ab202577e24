"""The wire between a book and a venue in another process: who is let in, what is cut, what is lost.

What it has in common with every broker stands in the contract suite. Real sockets, virtual time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stretto.brokers import remote_server
from stretto.brokers.remote import RemoteVenue
from stretto.brokers.remote_server import Served, VenueServer
from stretto.brokers.remote_wire import (
    FRAME_BYTES_MAX,
    Do,
    FromVenue,
    Hello,
    Pace,
    Refused,
    ToVenue,
    Welcome,
    decode_from_venue,
    framed,
    read_frame,
)
from stretto.brokers.sim import SimVenue
from stretto.brokers.sim_config import frictionless
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.core.terms.report import OrderType
from stretto.core.terms.venue import VenueCapabilities
from stretto.core.values import NS_PER_S
from stretto.ports import NotSent, Sent, VenueMessage
from stretto.runtime.clock import LoopClock
from tests.unit.brokers.desk import START, Desk, at_desk, order, patient

PACE = Pace(start_ns=START, began_ns=0, speed="1")
ADDRESS = "venue.sock"


@pytest.fixture(autouse=True)
def _short_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def server_of(venue: SimVenue, clock: LoopClock) -> VenueServer:
    served = Served(venue=venue, address=ADDRESS, fingerprint="f", heartbeat_ns=NS_PER_S)
    return VenueServer({venue.venue: served}, clock, lambda: PACE)


def connection(clock: LoopClock, **changes: Any) -> RemoteVenue:
    usual: dict[str, Any] = {
        "venue": "sim", "address": ADDRESS, "clock": clock, "fingerprint": "f",
        "capabilities": VenueCapabilities(), "pace": PACE,
    }  # fmt: skip
    return RemoteVenue(**{**usual, **changes})


@asynccontextmanager
async def wire(venue: SimVenue, clock: LoopClock) -> AsyncIterator[RemoteVenue]:
    server = server_of(venue, clock)
    await server.open()
    try:
        yield connection(clock)
    finally:
        await server.close()


def served(scenario: Callable[[Desk], Awaitable[None]], **changes: Any) -> Desk:
    return at_desk(scenario, wire=wire, **{"config": frictionless(), **changes})


async def over(message: ToVenue) -> FromVenue | None:
    """The first answer on a connection of its own; None where it is closed without one."""
    reader, stream = await asyncio.open_unix_connection(ADDRESS)
    try:
        stream.write(framed(message))
        body = await read_frame(reader)
        return None if body is None else decode_from_venue(body)
    finally:
        stream.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"venue": "est"}, "serves sim and no venue of that name"),
        ({"fingerprint": "g"}, "other settings"),
    ],
)
def test_a_book_that_means_another_venue_is_turned_away(changes: Any, why: str) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(InvalidInput, match=why):
            await connection(desk.clock, **changes).connect(desk.hear)

    served(scenario)


def test_another_version_of_the_wire_is_turned_away() -> None:
    async def scenario(desk: Desk) -> None:
        answer = await over(Hello(venue="sim", fingerprint="f", version=2))
        assert isinstance(answer, Refused)
        assert "version 1" in answer.why

    served(scenario)


def test_what_is_no_message_ends_its_connection_and_no_other() -> None:
    async def scenario(desk: Desk) -> None:
        too_long = (FRAME_BYTES_MAX + 1).to_bytes(4, "big")
        for bad in (b"\0\0\0\2xx", too_long, b"\0\0\0\x10short"):
            reader, stream = await asyncio.open_unix_connection(ADDRESS)
            stream.write(bad)
            stream.write_eof()
            body = await read_frame(reader)
            if body is not None:
                assert isinstance(decode_from_venue(body), Refused)
                assert await read_frame(reader) is None
            stream.close()
        assert isinstance(await desk.submit("O1"), Sent)
        await desk.until(1)
        assert desk.trades("O1")

    served(scenario)


def test_a_command_before_the_greeting_is_not_taken() -> None:
    async def scenario(desk: Desk) -> None:
        _, stream = await asyncio.open_unix_connection(ADDRESS)
        stream.write(framed(Do(command=order("O1"))))
        await desk.until(1)
        stream.close()
        assert desk.venue.dump()["orders"] == {}

    served(scenario)


def test_where_nobody_answers_a_venue_is_unreachable_and_the_message_says_what_to_do() -> None:
    async def scenario(desk: Desk) -> None:
        elsewhere = connection(desk.clock, address="none.sock")
        with pytest.raises(BrokerUnreachable, match=r"none\.sock.*stretto venue"):
            await elsewhere.connect(desk.hear)

    served(scenario)


def test_the_venue_goes_on_while_no_book_is_connected_and_says_it_to_nobody_later() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.submit("O1", order_type=OrderType.LIMIT, limit_price="1.3801")
        await desk.broker.close()
        await desk.until(3_000)
        heard = len(desk.said)
        assert desk.order("O1")["status"] == "filled"
        await desk.broker.connect(desk.hear)
        await desk.until(3_010)
        assert len(desk.said) == heard
        await desk.query("O1")
        await desk.until(3_020)
        assert [answer.known for answer in desk.answers()] == [True]
        view = await desk.broker.mass_status("A1", START)
        assert [each.client_order_id for each in view.executions] == ["O1"]

    served(scenario, config=patient())


def test_a_connection_that_was_lost_is_made_anew() -> None:
    async def scenario(desk: Desk) -> None:
        first = server_of(desk.venue, desk.clock)  # takes the place of the desk's own
        Path(ADDRESS).unlink()
        broker = connection(desk.clock)
        await first.open()
        await broker.connect(desk.hear)
        await first.close()
        await desk.until(1)
        outcome = await broker.send(order("O1"))
        assert outcome == NotSent(reason=outcome.reason) if isinstance(outcome, NotSent) else False
        with pytest.raises(BrokerUnreachable):
            await broker.snapshot("A1")
        second = server_of(desk.venue, desk.clock)
        await second.open()
        await desk.until(60)
        assert isinstance(await broker.send(order("O2")), Sent)
        await desk.until(61)
        assert desk.trades("O2")
        assert not desk.reports("O1")
        assert broker.heartbeat_at() >= START + 59 * NS_PER_S
        await broker.close()
        await second.close()

    served(scenario)


def test_a_venue_that_was_started_anew_is_not_taken_for_the_one_before() -> None:
    async def scenario(desk: Desk) -> None:
        before = msgspec.structs.replace(PACE, began_ns=1)
        with pytest.raises(BrokerUnreachable, match="forgotten"):
            await connection(desk.clock, pace=before).connect(desk.hear)

    served(scenario)


async def sent_until_stuck(broker: RemoteVenue) -> int:
    """How many orders were written before one could not be within two seconds."""
    for number in range(100_000):
        try:
            async with asyncio.timeout(2):
                await broker.send(order(f"O{number}"))
        except TimeoutError:
            return number
    raise AssertionError("the other end reads")


def test_a_write_that_cannot_end_is_cut_so_that_its_rest_never_leaves() -> None:
    """The other end does not read. What was written whole is sent; the write in hand is not."""

    async def scenario(desk: Desk) -> None:
        Path(ADDRESS).unlink()
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listener:
            listener.bind(ADDRESS)
            listener.listen()
            listener.setblocking(False)
            broker = connection(desk.clock)
            loop = asyncio.get_running_loop()
            connecting = loop.create_task(broker.connect(desk.hear))
            stream, _ = await loop.sock_accept(listener)
            stream.setblocking(False)
            hello = await loop.sock_recv(stream, 1 << 16)
            await loop.sock_sendall(stream, framed(Welcome(pace=PACE, heartbeat_at=START)))
            await connecting
            taken = await sent_until_stuck(broker)
            left = bytearray(hello)
            while chunk := await loop.sock_recv(stream, 1 << 20):
                left += chunk
            stream.close()
            whole = []
            while len(left) >= 4 and len(left) >= 4 + int.from_bytes(left[:4], "big"):
                length = int.from_bytes(left[:4], "big")
                whole.append(bytes(left[4 : 4 + length]))
                del left[: 4 + length]
            assert len(whole) == taken + 1, "the greeting and what was said to be sent"
            assert not any(f"O{taken}".encode() in each for each in whole)
            await broker.close()

    served(scenario)


def test_an_order_whose_time_passes_while_an_earlier_write_waits_is_not_sent() -> None:
    async def scenario(desk: Desk) -> None:
        late = await desk.submit("O1", send_before=desk.clock.now_ns())
        assert late == NotSent(reason="send_before had passed")
        await desk.until(1)
        assert desk.venue.dump()["orders"] == {}

    served(scenario)


def test_a_book_that_does_not_read_is_cut_and_the_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_server, "UNREAD_BYTES_MAX", 1_000)

    async def scenario(desk: Desk) -> None:
        reader, stream = await asyncio.open_unix_connection(ADDRESS, limit=1)
        assert isinstance(stream.transport, asyncio.Transport)
        stream.transport.pause_reading()
        stream.write(framed(Hello(venue="sim", fingerprint="f")))
        for number in range(3_000):
            await desk.query(f"O{number}")
        await desk.until(5)
        assert len(desk.answers()) == 3_000
        stream.transport.resume_reading()
        while await read_frame(reader) is not None:
            pass
        stream.close()

    served(scenario)


def test_what_a_venue_says_goes_to_every_connection() -> None:
    async def scenario(desk: Desk) -> None:
        heard: list[VenueMessage] = []
        other = connection(desk.clock)
        await other.connect(heard.append)
        await desk.submit("O1")
        await desk.until(1)
        assert heard == desk.said
        assert heard
        await other.close()

    served(scenario)


def test_a_socket_that_a_killed_process_left_is_taken_over_and_nothing_else_is() -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(InvalidInput, match="is served there already"):
            await server_of(desk.venue, desk.clock).open()
        Path("file.sock").write_text("mine", encoding="utf-8")
        for address, why in (("file.sock", "no socket"), ("no/where.sock", "no directory")):
            each = Served(venue=desk.venue, address=address, fingerprint="f", heartbeat_ns=NS_PER_S)
            with pytest.raises(InvalidInput, match=why):
                await VenueServer({"sim": each}, desk.clock, lambda: PACE).open()
        assert Path("file.sock").read_text(encoding="utf-8") == "mine"
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as dead:
            dead.bind("dead.sock")
        left = Served(venue=desk.venue, address="dead.sock", fingerprint="f", heartbeat_ns=NS_PER_S)
        server = VenueServer({"sim": left}, desk.clock, lambda: PACE)
        await server.open()
        broker = connection(desk.clock, address="dead.sock")
        await broker.connect(desk.hear)
        await broker.close()
        await server.close()
        assert not Path("dead.sock").exists()

    served(scenario)
