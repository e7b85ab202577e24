"""What commands read from outside: configuration, signals, times and speeds."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from stretto.config import QuoteFiles, Settings, read_placed_signals, read_settings
from stretto.core.errors import InvalidInput
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.values import parse_iso
from stretto.sessions.play import SPEED_MAX

SPEED_RATIO_MAX = 1_000_000


def settings_of(path: Path) -> Settings:
    """The configuration, with paths that hold from any directory. Raises InvalidInput."""
    settings = read_settings(path)
    market = settings.market
    if isinstance(market, QuoteFiles):
        market = msgspec.structs.replace(
            market,
            quotes=tuple(str(Path(each).absolute()) for each in market.quotes),
            daily=tuple(str(Path(each).absolute()) for each in market.daily),
        )
    return msgspec.structs.replace(settings, market=market)


def the_signal(path: Path) -> tuple[str, AnySignal]:
    """The one signal of a file, with its place. Raises InvalidInput where there are none or
    several.
    """
    found = list(read_placed_signals(path))
    if len(found) != 1:
        raise InvalidInput(str(path), f"holds {len(found)} signals", "one signal")
    return found[0]


def moment(option: str, text: str) -> int:
    """A time with its zone, ns UTC. Raises InvalidInput."""
    try:
        at_ns = parse_iso(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            option, f"is {text!r}", "a time with its zone, like 2014-05-02T12:30:00Z"
        ) from error
    if at_ns < 0:
        raise InvalidInput(option, f"is {text!r}", "a time after 1970")
    return at_ns


def speed_of(text: str) -> str:
    """``max``, or a multiple of real time as its shortest text. Raises InvalidInput."""
    if text == SPEED_MAX:
        return text
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or not 0 < value <= SPEED_RATIO_MAX:
        raise InvalidInput("--speed", f"is {text!r}", "max, or a number above 0 like 1 or 60")
    return text


def downtime_of(text: str) -> Decimal:
    """Seconds, zero or more. Raises InvalidInput."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 86_400 * 366:
        raise InvalidInput("--downtime", f"is {text!r}", "seconds, 0 to 31622400")
    return value
