"""What a simulated seed came to. Data only."""

from __future__ import annotations

from msgspec import Struct, field


class Broken(Struct, frozen=True, kw_only=True):
    """An invariant that does not hold: its number in DESIGN §8 (16: liveness, 17: money, 0: an
    error that Stretto does not raise on purpose), what was found, and the last durable entry.
    """

    invariant: int
    text: str
    seq: int


class Outcome(Struct, frozen=True, kw_only=True):
    """``day``: what is particular about it, and its market's mood. ``journal_hash``: of the
    chain's last entry, hex. ``inputs``: handled, of which ``entries`` changed something. ``lives``:
    processes one after another. ``faults``: how often each kind struck; ``pairs``: each (order
    state, fault) that met, as ``state fault``. ``orders`` and ``fills``: intended and booked.
    ``processor_s`` is the one number that differs between runs.
    """

    seed: int
    hours: int
    day: str
    journal_hash: str
    entries: int
    inputs: int
    lives: int
    simulated_s: int
    accounts: int
    executions: int
    orders: int
    fills: int
    faults: dict[str, int] = field(default_factory=dict)
    pairs: tuple[str, ...] = ()
    broken: Broken | None = None
    processor_s: float = 0.0
