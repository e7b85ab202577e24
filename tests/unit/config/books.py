"""A small sound configuration that tests spoil in one place at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from stretto.config import MalformedInput, read_settings

SOUND = """
[book]
id = "b"
key = "k"
currency = "USD"

[policy]
accounts_max = 8

[market]
kind = "ecb"
day = 2014-05-02

[instruments.EURUSD]
[instruments.GBPUSD]

[venues.east]
seed = 3

[rulebooks]
include = ["builtin:granite-evaluation"]

[rulebooks.own]
firm = "F"
programme = "P"
phase = "live"
version = "1"
source = "S"
as_of = 2026-01-02

[account_templates.base]
venue = "east"
currency = "USD"
rulebook = "own"
initial_balance = 100_000
symbols.EURUSD = { contract_size = 100_000, lot_step = 0.01, lot_max = 50, leverage = 30 }

[accounts.a1]
template = "base"
owner = "o1"

[accounts.a2]
template = ["base"]
owner = "o2"
currency = "EUR"
"""


def write(folder: Path, text: str = SOUND) -> Path:
    path = folder / "book.toml"
    path.write_text(text, encoding="utf-8")
    return path


def spoilt(*changes: tuple[str, str]) -> str:
    """The sound text with each first part replaced by the second; each must occur once."""
    text = SOUND
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def problems(folder: Path, text: str) -> list[str]:
    """The problems of a file, one line each."""
    with pytest.raises(MalformedInput) as caught:
        read_settings(write(folder, text))
    return [problem.text(problem.source) for problem in caught.value.problems]
