"""Values as the tables show them: exact decimals, fractions, times and canonical JSON as text.

Nothing goes through a float. Knows nothing of tables or events.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from stretto.core.values import NS_PER_S, PPM, ZERO, iso, plain

_COUNTED = re.compile(r"^(?P<stem>.+)_(?P<unit>ns|ppm)(?P<bound>_min|_max)?$")
_journal_json = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_table_json = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def event_json(value: Any) -> str:
    """A core value as the journal stores it: decimals as strings, dict keys sorted."""
    return _journal_json.encode(value).decode()


def table_json(value: Any) -> str:
    """JSON of the tables: keys sorted, ``Raw`` numbers from this module taken as they are."""
    return _table_json.encode(value).decode()


def maybe_plain(value: Decimal | None) -> str | None:
    """``plain``, or None for None."""
    return None if value is None else plain(value)


Number = msgspec.Raw | str
"""An exact JSON number, or text where JSON has none."""


def number(value: Decimal) -> Number:
    """A decimal as an exact JSON number; JSON has no NaN or infinity, these stay text."""
    text = plain(value)
    return msgspec.Raw(text.encode()) if value.is_finite() else text


@lru_cache(maxsize=4_096)  # the same few of every candidate of a plan
def fraction(value_ppm: int) -> msgspec.Raw:
    """An integer in 1e-6 as an exact JSON number with six decimals: 734512 is 0.734512."""
    if 0 <= value_ppm < PPM:
        return msgspec.Raw(b"0.%06d" % value_ppm)
    sign = b"-" if value_ppm < 0 else b""
    return msgspec.Raw(b"%b%d.%06d" % (sign, *divmod(abs(value_ppm), PPM)))


@lru_cache(maxsize=1_024)  # 0, for all of an immediate plan
def seconds(duration_ns: int) -> msgspec.Raw:
    """A duration in ns as an exact JSON number of seconds."""
    return msgspec.Raw(plain(Decimal(duration_ns).scaleb(-9)).encode())


def milliseconds(duration_ns: int) -> str:
    """A duration in ns as an exact decimal number of milliseconds."""
    return plain(Decimal(duration_ns).scaleb(-6))


def compared_text(name: str, value: str) -> str:
    """A compared number for a person: seconds and fractions instead of counted ns and 1e-6."""
    found = _COUNTED.match(name)
    if found is None or not value.lstrip("-").isdigit():
        return f"{name} {value}"
    if found["unit"] == "ns":
        shown = f"{plain(Decimal(value).scaleb(-9))} s"
    else:
        shown = plain(Decimal(value).scaleb(-6))
    return f"{found['stem']}{found['bound'] or ''} {shown}"


@lru_cache(maxsize=1_024)  # an entry names its instant a dozen times
def timestamp(at_ns: int) -> str:
    """ISO 8601 UTC with nine decimals; the bare number where no calendar has such a year."""
    whole, nanos = divmod(at_ns, NS_PER_S)
    try:
        return f"{_second(whole)}.{nanos:09d}Z"
    except OverflowError:
        return str(at_ns)


def decimal_of(text: str | None) -> Decimal | None:
    """A stored number back as Decimal."""
    return None if text is None else Decimal(text)


def total(values: list[Decimal]) -> Decimal:
    """Exact sum of decimals."""
    return sum(values, ZERO)


@lru_cache(maxsize=1_024)
def _second(at_s: int) -> str:
    return iso(at_s * NS_PER_S)[:-11]
