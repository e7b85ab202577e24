"""The book that is killed over and over, and the signals that keep it busy.

Six accounts at two venues: one shallow, with slow words and orders refused by chance, so that there
is always something on its way; one that is quick and tells what it does not know for certain.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stretto.core.values import NS_PER_S, iso, parse_iso

STARTS_AT = parse_iso("2014-05-02T09:00:00Z")
SYMBOLS = ("EURUSD", "GBPUSD", "NZDUSD")
_TOUCH = {"EURUSD": "1.3860", "GBPUSD": "1.6890", "NZDUSD": "0.8620"}

_BOOK = """
[book]
id = "killed"
key = "any text"
currency = "USD"
journal = "killed.sqlite"

[policy]
correlation_threshold = 1

[market]
kind = "ecb"
day = 2014-05-02
days = 3
seed = 1
start = {start}

{instruments}

[venues.slow]
address = "venue.sock"
seed = 3
latency_request_ms = [100, 900]
latency_report_ms = [100, 900]
depth_lots = 0.3
depth_levels = 2
requote_percent = 4
reject_percent = {{ off_quotes = 2, too_many_orders = 1 }}
deciding_ms = [200, 1500]

[venues.sure]
address = "venue.sock"
seed = 4
latency_request_ms = [20, 200]
latency_report_ms = [20, 200]
capabilities = {{ absence_is_proof = true }}

[rulebooks.own]
firm = "Invented"
programme = "Own capital"
phase = "live"
version = "1"
source = "Invented for tests"
as_of = 2026-01-02
automation = "allowed"
copy_within_owner = "allowed"
copy_between_owners = "allowed"
opposite_positions = "allowed"

[account_templates.any]
rulebook = "own"
currency = "USD"
initial_balance = 5_000_000
[account_templates.any.symbols]
{symbols}
{accounts}
"""


def write_book(folder: Path) -> Path:
    """The configuration, in a folder whose path is short enough for a socket."""
    terms = "{ contract_size = 100_000, lot_step = 0.01, lot_max = 50, leverage = 100 }"
    accounts = [
        f'[accounts.{name}]\ntemplate = "any"\nowner = "{name}"\nvenue = "{venue}"\n'
        f'position_mode = "{mode}"\n'
        for name, venue, mode in (
            ("slow-1", "slow", "hedging"),
            ("slow-2", "slow", "netting"),
            ("slow-3", "slow", "hedging"),
            ("sure-1", "sure", "hedging"),
            ("sure-2", "sure", "netting"),
            ("sure-3", "sure", "hedging"),
        )
    ]
    path = folder / "book.toml"
    path.write_text(
        _BOOK.format(
            start=iso(STARTS_AT),
            instruments="\n".join(f"[instruments.{symbol}]" for symbol in SYMBOLS),
            symbols="\n".join(f"{symbol} = {terms}" for symbol in SYMBOLS),
            accounts="\n".join(accounts),
        ),
        encoding="utf-8",
    )
    return path


def write_signals(path: Path, until_ns: int, apart_s: int) -> None:
    """Signals from the market's start to ``until_ns``, ``apart_s`` apart: entries of several kinds,
    each reduced or closed some time later. The same arguments give the same signals.
    """
    lines: list[dict[str, Any]] = []
    for number in range(int((until_ns - STARTS_AT) // (apart_s * NS_PER_S))):
        at = STARTS_AT + (number + 1) * apart_s * NS_PER_S
        lines.append(_entry(number, at))
        if number % 3 == 1:
            lines.append(_exit(f"s{number}", at + 40 * NS_PER_S, "reduce"))
        if number % 2 == 1:
            lines.append(_exit(f"s{number}", at + 90 * NS_PER_S, "close"))
    _write(path, lines)


def write_closes(path: Path, signal_ids: list[str], at_ns: int) -> None:
    """A close of each of these signals, and nothing else."""
    _write(path, [_exit(name, at_ns, "close", "-end") for name in signal_ids])


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _entry(number: int, at: int) -> dict[str, Any]:
    symbol = SYMBOLS[number % len(SYMBOLS)]
    line: dict[str, Any] = {
        "signal_id": f"s{number}",
        "strategy_id": "kept busy",
        "action": "open",
        "symbol": symbol,
        "side": "sell" if number % 4 == 3 else "buy",
        "size": {"mode": "per_account", "quantity": 20_000 + 15_000 * (number % 4)},
        "generated_at": iso(at),
        "valid_until": iso(at + 600 * NS_PER_S),
        "urgency": ("immediate", "high", "normal")[number % 3],
    }
    if number % 5 == 4:
        line |= {"order_type": "limit", "limit_price": _TOUCH[symbol]}
    elif number % 2:
        line |= {"stop_distance": "0.004"}
    return line


def _exit(name: str, at: int, action: str, suffix: str = "") -> dict[str, Any]:
    line = {
        "signal_id": f"{name}-{action}{suffix}",
        "strategy_id": "kept busy",
        "action": action,
        "refers_to": name,
        "generated_at": iso(at),
    }
    return line | ({"size": {"mode": "share", "fraction": "0.5"}} if action == "reduce" else {})
