"""The words of a local socket between a book and a simulated venue that lives in another process.

Each frame is its length, four bytes big endian, and one msgpack message. Both ends know the same
types of ``ports``; a number keeps every digit. Knows neither end's behaviour.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from typing import Any

import msgspec

from stretto.core.errors import BrokerUnreachable, InvariantViolated
from stretto.core.terms.account import AccountSnapshot
from stretto.core.terms.report import CancelReject, ExecutionReport, ProtectionAnswer, StatusAnswer
from stretto.core.terms.venue import MassStatus
from stretto.ports import Command, VenueMessage

WIRE_VERSION = 1
FRAME_BYTES_MAX = 1 << 26
"""The view of an account with some 100,000 executions; a longer one is refused, not cut."""
ANSWER_S_MAX = 30.0
_LENGTH_BYTES = 4


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How a venue's time passes: it was ``start_ns`` (ns UTC) when the machine's monotonic clock
    showed ``began_ns``, and passes ``speed`` times as fast. A book on the same machine that goes by
    it shares the venue's time exactly, however often it is started anew.
    """

    start_ns: int
    began_ns: int
    speed: str

    def now_ns(self) -> int:
        """The venue's time now, ns UTC."""
        elapsed = (time.monotonic_ns() - self.began_ns) * Decimal(self.speed)
        return self.start_ns + int(elapsed)


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A book asks for one venue, and says by ``fingerprint`` what it takes that venue to be."""

    venue: str
    fingerprint: str
    version: int = WIRE_VERSION


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue takes the connection; ``heartbeat_at`` is its last sign of life, ns UTC."""

    pace: Pace
    heartbeat_at: int


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue closes the connection, and says why."""

    why: str


class Do(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A command. It has no answer of its own: what comes of it is ``Said``."""

    command: Command


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question about an account: its whole view where ``view``, else a snapshot."""

    number: int
    account_id: str
    view: bool
    since_ns: int = 0
    after: tuple[str, str] | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to the question of that number; ``problem`` where the venue gave none."""

    number: int
    snapshot: AccountSnapshot | None = None
    view: MassStatus | None = None
    problem: str = ""
    is_foreign: bool = False


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """One message of the venue: exactly one field is set."""

    report: ExecutionReport | None = None
    cancel_reject: CancelReject | None = None
    answer: StatusAnswer | None = None
    protection: ProtectionAnswer | None = None
    account: AccountSnapshot | None = None

    @property
    def message(self) -> VenueMessage:
        """The message itself."""
        fields = (self.report, self.cancel_reject, self.answer, self.protection, self.account)
        for each in fields:
            if each is not None:
                return each
        raise InvariantViolated("a venue's message is empty")


class Beat(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A sign of life, ns UTC."""

    at: int


class AskPace(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asked before a book has a clock: how the venue's time passes; answered by ``Pace``."""


class Paced(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to ``AskPace``."""

    pace: Pace


class AskDump(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asked by whoever compares: the own books of every venue served there."""


class Dumped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to ``AskDump``: by venue what ``SimVenue.dump`` gives."""

    venues: dict[str, dict[str, Any]]


ToVenue = Hello | Do | Ask | AskPace | AskDump
FromVenue = Welcome | Refused | Said | Answered | Beat | Paced | Dumped

_encode = msgspec.msgpack.Encoder().encode
decode_to_venue = msgspec.msgpack.Decoder(ToVenue).decode
decode_from_venue = msgspec.msgpack.Decoder(FromVenue).decode
_FIELDS: Mapping[type, str] = {
    ExecutionReport: "report",
    CancelReject: "cancel_reject",
    StatusAnswer: "answer",
    ProtectionAnswer: "protection",
    AccountSnapshot: "account",
}


class TooLong(Exception):
    """A frame beyond ``FRAME_BYTES_MAX``: not sent, or not read."""


def said(message: VenueMessage) -> Said:
    """A venue's message as it goes over the wire."""
    return Said(**{_FIELDS[type(message)]: message})  # type: ignore[arg-type]


def framed(message: ToVenue | FromVenue) -> bytes:
    """The bytes of a message on the wire. Raises TooLong."""
    body = _encode(message)
    if len(body) > FRAME_BYTES_MAX:
        raise TooLong(f"a {type(message).__name__} of {len(body)} bytes")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame's message; None where the other end has gone, also in the middle of a frame:
    what is not whole was never said. Raises TooLong.
    """
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        if length > FRAME_BYTES_MAX:
            raise TooLong(f"a frame of {length} bytes")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError):
        return None


def ask_once(address: str, question: AskPace | AskDump) -> FromVenue:
    """One question over a connection of its own, and its answer. Blocks; for use before and after a
    session. Raises BrokerUnreachable.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise BrokerUnreachable(f"{address}: this system has no local sockets")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as stream:
        stream.settimeout(ANSWER_S_MAX)
        try:
            stream.connect(address)
            stream.sendall(framed(question))
            length = int.from_bytes(_exactly(stream, _LENGTH_BYTES), "big")
            if length > FRAME_BYTES_MAX:
                raise BrokerUnreachable(f"{address}: {length} bytes are no answer of a venue")
            answer: FromVenue = decode_from_venue(_exactly(stream, length))
            return answer
        except OSError as error:
            raise unreachable(address, error) from error
        except msgspec.MsgspecError as error:
            raise BrokerUnreachable(f"{address}: no answer of a venue ({error})") from error


def unreachable(address: str, error: OSError) -> BrokerUnreachable:
    """The error to raise where nobody answers at ``address``."""
    return BrokerUnreachable(
        f"{address}: no venue answers there ({error.strerror or error}); start it with "
        "`stretto venue BOOK.toml`, and leave it running"
    )


def _exactly(stream: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        chunk = stream.recv(count - len(found))
        if not chunk:
            raise ConnectionResetError("the connection was closed")
        found += chunk
    return bytes(found)
