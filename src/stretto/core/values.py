"""Numbers, identifiers and draws that every other core module shares.

Quantities, prices and money are finite ``Decimal``; ratios, scores and correlations are integers in
1e-6 ("ppm"); time is integer nanoseconds UTC. Knows nothing of accounts, orders or signals.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from functools import lru_cache

PPM = 1_000_000
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
ZERO = Decimal(0)
ONE = Decimal(1)
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE32_PAIRS = tuple(first + second for first in _BASE32 for second in _BASE32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(
    r"^(?P<minute>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2})"
    r"(?P<second>:[0-9]{2}(\.(?P<fraction>[0-9]{1,9}))?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?\Z"
)


class Side(StrEnum):
    """FIX Side (54): 1 buy, 2 sell."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for buy, -1 for sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The side that closes a position of this side."""
        return Side.SELL if self is Side.BUY else Side.BUY


def is_finite(value: Decimal) -> bool:
    """True for a Decimal that is neither NaN nor infinite."""
    return value.is_finite()


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Largest multiple of ``step`` (> 0) not above ``value``."""
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Smallest multiple of ``step`` (> 0) not below ``value``."""
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """True where ``value`` is a whole number of ``step`` (> 0)."""
    return value % step == 0


def ratio_ppm(numerator: Decimal, denominator: Decimal) -> int:
    """numerator / denominator (> 0 or < 0, never 0) in 1e-6, truncated toward zero."""
    return int(numerator * PPM / denominator)


def ppm_to_decimal(value: int) -> Decimal:
    """An integer in 1e-6 as an exact decimal fraction."""
    return Decimal(value).scaleb(-6)


def ppm_text(value: int) -> str:
    """An integer in 1e-6 as a plain decimal with six places."""
    if 0 <= value < PPM:
        return f"0.{value:06d}"
    whole, part = divmod(abs(value), PPM)
    return f"{'-' if value < 0 else ''}{whole}.{part:06d}"


@lru_cache(maxsize=4_096)  # a quantity is named a dozen times in an order's life
def plain(value: Decimal) -> str:
    """The shortest text of an exact decimal: no exponent, no zeros at its end, no negative zero."""
    if not value:
        return "0"
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def iso(at_ns: int) -> str:
    """Nanoseconds UTC as ISO 8601 with nine decimals and Z."""
    seconds, nanos = divmod(at_ns, NS_PER_S)
    return f"{(_EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')}.{nanos:09d}Z"


def parse_iso(text: str) -> int:
    """ISO 8601 with a zone to nanoseconds UTC: date, hours and minutes, seconds with at most nine
    decimals after a point, then Z or ±HH:MM. ValueError where it is anything else.
    """
    match = _MOMENT.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 time")
    if match["zone"] is None:
        raise ValueError(f"{text!r} has no time zone")
    zone = "+00:00" if match["zone"] == "Z" else match["zone"]
    moment = datetime.fromisoformat(match["minute"] + (match["second"] or "")[:3] + zone)
    delta = moment - _EPOCH
    nanos = int((match["fraction"] or "").ljust(9, "0"))
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + nanos


def digest(*parts: str) -> bytes:
    """SHA-256 of the parts, each preceded by its length, so that no two lists of parts collide."""
    pieces = []
    for part in parts:
        data = part.encode()
        pieces.append(len(data).to_bytes(4))
        pieces.append(data)
    return hashlib.sha256(b"".join(pieces)).digest()


def base32(data: bytes, characters: int) -> str:
    """The first ``characters`` (an even number) base32 characters (RFC 4648 alphabet) of ``data``,
    which holds as many (the last one may lack bits: zeros). Two at a time, which takes a quarter of
    the time of the standard library's function.
    """
    bits = characters * 5
    number = int.from_bytes(data) << 4 >> (len(data) * 8 + 4 - bits)
    return "".join([_BASE32_PAIRS[number >> at & 1023] for at in range(bits - 10, -1, -10)])


def client_order_id(book_id: str, execution_id: str, account_id: str, leg: int) -> str:
    """20 base32 characters (100 bits) naming one venue order for ever (DESIGN §2)."""
    return base32(digest("order", book_id, execution_id, account_id, str(leg)), 20)


def client_order_number(order_id: str) -> int:
    """The 63-bit integer form of a client order id, for venues with numeric ids."""
    data = base64.b32decode(order_id + "=" * (-len(order_id) % 8))
    return int.from_bytes(data[:8], "big") >> 1


def execution_id(book_id: str, signal_id: str) -> str:
    """16 base32 characters naming the handling of one signal in one book."""
    return base32(digest("execution", book_id, signal_id), 16)


def draw(book_key: str, execution: str, account_id: str, purpose: str, nonce: int = 0) -> int:
    """A reproducible uniform draw in [0, 2**64) (DESIGN §3, deterministic numbers)."""
    data = digest("draw", book_key, execution, account_id, purpose, str(nonce))
    return int.from_bytes(data[:8], "big")


def draw_below(bound: int, draw_64: int) -> int:
    """Map a 64-bit draw to [0, bound); bound >= 1. Bias below bound / 2**64."""
    return (draw_64 * bound) >> 64
