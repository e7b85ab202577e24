"""A whole world for the demo: a book of invented firms' accounts, their past, and signals to come.

Everything follows from the arguments by hash draws and whole numbers, so that the same arguments
make the same world on every machine. Knows market quotes only through the function it is given, and
nothing of the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from stretto.config.instruments import instrument_of
from stretto.core.errors import InvalidInput
from stretto.core.limits import ACCOUNTS_MAX
from stretto.core.terms.account import BarReturn
from stretto.core.terms.market import Bar, Quote
from stretto.core.terms.policy import BookConfig
from stretto.core.terms.signal import Signal
from stretto.simulation.world_accounts import Opening, demo_accounts, demo_config
from stretto.simulation.world_history import demo_histories
from stretto.simulation.world_signals import Horizon, demo_arrivals

SIGNALS_MAX = 100_000


class DemoWorld(msgspec.Struct, frozen=True, kw_only=True):
    """``venues``: the options of each simulated venue by name; ``opening``: what each account holds
    when the book opens; ``arrivals``: when each signal reaches the book (ns UTC), in that order.
    """

    config: BookConfig
    venues: dict[str, dict[str, Any]]
    histories: dict[str, tuple[BarReturn, ...]]
    opening: dict[str, Opening]
    arrivals: tuple[tuple[int, Signal], ...]


def demo_world(
    *,
    accounts: int,
    signals: int,
    seed: int,
    symbols: Sequence[str],
    bars: Mapping[str, tuple[Bar, ...]],
    starts_at: int,
    ends_at: int,
    quote: Callable[[str, int], Quote | None],
) -> DemoWorld:
    """The world of ``seed``. ``symbols`` are six letters each; ``bars`` their past, of which only
    days before ``starts_at`` are used; ``quote`` gives the last quote at an instant. Raises
    InvalidInput for a number out of range or a symbol that is no pair.
    """
    if not 1 <= accounts <= ACCOUNTS_MAX:
        raise InvalidInput("accounts", f"is {accounts}", f"1 to {ACCOUNTS_MAX}")
    if not 0 <= signals <= SIGNALS_MAX:
        raise InvalidInput("signals", f"is {signals}", f"0 to {SIGNALS_MAX}")
    if not starts_at < ends_at:
        raise InvalidInput("ends_at", f"is {ends_at}", f"a time after {starts_at}")
    instruments = {}
    for symbol in sorted(dict.fromkeys(symbols)):
        instrument = instrument_of(symbol)
        if instrument is None:
            raise InvalidInput(f"symbol {symbol}", "is no pair", "six letters, like EURUSD")
        instruments[symbol] = instrument
    if not instruments:
        raise InvalidInput("symbols", "there is none", "at least one symbol")
    world_key = f"demo-{seed}"
    made, opening = demo_accounts(accounts, world_key, instruments)
    config, venues = demo_config(world_key, instruments, made)
    horizon = Horizon(starts_at=starts_at, ends_at=ends_at, quote=quote)
    return DemoWorld(
        config=config,
        venues=venues,
        histories=demo_histories(tuple(made), world_key, tuple(instruments), bars, starts_at),
        opening=opening,
        arrivals=demo_arrivals(signals, world_key, config, horizon),
    )
