"""Reads one TOML file into plain values, numbers exactly.

Every way in which a file cannot be read ends in one message with the place. Knows no key.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from stretto.config.text_file import read_bytes, text_of
from stretto.core.errors import InvalidInput

FILE_BYTES_MAX = 64 << 20


def load_toml(path: Path) -> dict[str, Any]:
    """The tables of the file; fractions are Decimal. Raises InvalidInput."""
    data = read_bytes(path, "a TOML file", FILE_BYTES_MAX)
    return parse_toml(data, str(path))


def parse_toml(data: bytes, source: str) -> dict[str, Any]:
    """The tables of a file's bytes. Raises InvalidInput with ``source`` and the line."""
    text = text_of(data, source)
    try:
        return tomllib.loads(text, parse_float=_exactly)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(source, f"is no TOML: {error}", "TOML 1.0") from None
    except RecursionError:
        raise InvalidInput(source, "is nested too deeply", "tables and short lists") from None
    except ValueError as error:
        raise InvalidInput(source, f"has a number out of range: {error}", "a number") from None


def _exactly(literal: str) -> Decimal:
    try:
        return Decimal(literal)
    except ArithmeticError:
        raise ValueError(f"{literal[:60]} has too large an exponent") from None
