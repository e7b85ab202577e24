"""Objects to stored bytes and back, for ever: JSON, versions per kind, upcasters.

Stored bytes are never rewritten. An old version is brought up to date in memory, after its hash was
verified: plain JSON goes through one upcaster per version step and is then decoded like new. Knows
nothing of storage and of no concrete kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from stretto.core.errors import JournalDamaged, StrettoError, check
from stretto.ports import StoredEntry

Shape = TypeVar("Shape")
Document = dict[str, Any]
"""Plain JSON of one payload: {"input": …, "reads": …, "events": […]}."""

Upcaster = Callable[[Document], Document]
"""Turns the payload of one version of a kind into that of the next."""

# Decimals are strings, so that every digit survives; keys of dicts are sorted, so that equal values
# are equal bytes; fields of structs keep their order.
_encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_plain = msgspec.json.Decoder(dict[str, Any])


class UnsupportedEntry(StrettoError):
    """An intact entry of a kind or version that this release does not know."""


def encode(value: Any) -> bytes:
    """Stored bytes of a value: JSON, Decimal as string, dict keys sorted, no white space."""
    return _encoder.encode(value)


@lru_cache(maxsize=256)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def decode(data: bytes, shape: Any) -> Any:
    """A value of ``shape`` (a type or tagged union) from stored bytes; raises JournalDamaged."""
    try:
        return _decoder(shape).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, StrettoError) as error:
        raise JournalDamaged(f"stored bytes are no {_name(shape)}: {error}") from error


class Upcasters:
    """Which function lifts which version of which kind by one; filled at import, then only read."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, int], Upcaster] = {}

    def register(self, kind: str, version: int, step: Upcaster) -> None:
        """Lift payloads of ``kind`` from ``version`` to ``version + 1`` with ``step``."""
        check(version >= 1, f"versions of {kind!r} begin at 1, not {version}")
        check((kind, version) not in self._steps, f"{kind!r} {version} has two upcasters")
        self._steps[kind, version] = step

    def lift(self, document: Document, kind: str, version: int, target: int) -> Document:
        """``document`` of ``version`` as ``target`` would have stored it."""
        for step in range(version, target):
            document = self._steps[kind, step](document)
        return document

    def registered(self) -> list[tuple[str, int]]:
        """Every (kind, version) that can be lifted, sorted."""
        return sorted(self._steps)


class PayloadCodec(Generic[Shape]):
    """Payloads of one shape. ``versions`` names the current version of every kind; for each earlier
    one an upcaster must be registered, which is checked here and not when an old entry turns up.
    """

    def __init__(
        self, shape: type[Shape], versions: Mapping[str, int], upcasters: Upcasters | None = None
    ) -> None:
        self._versions = dict(versions)
        self._upcasters = Upcasters() if upcasters is None else upcasters
        self._decoder = msgspec.json.Decoder(shape)
        self._shape = shape
        needed = {(k, v) for k, current in versions.items() for v in range(1, current)}
        missing = sorted(needed - set(self._upcasters.registered()))
        useless = sorted(set(self._upcasters.registered()) - needed)
        check(not missing, f"no upcaster for {missing}")
        check(not useless, f"upcasters for kinds or versions that are not stored: {useless}")

    def version(self, kind: str) -> int:
        """The version under which ``kind`` is stored now."""
        check(kind in self._versions, f"kind {kind!r} has no codec version")
        return self._versions[kind]

    def encode(self, body: Shape) -> bytes:
        """Stored bytes of a payload."""
        return _encoder.encode(body)

    def decode(self, payload: bytes, kind: str, version: int) -> Shape:
        """A payload from stored bytes that were verified before.

        Raises UnsupportedEntry for a kind or version this release does not know, JournalDamaged for
        bytes that are not what kind and version say.
        """
        current = self._versions.get(kind)
        if version != current:
            payload = self._lifted(payload, kind, version, current)
        try:
            return self._decoder.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, StrettoError) as error:
            raise JournalDamaged(f"{kind!r} version {version} does not decode: {error}") from error

    def decode_entry(self, entry: StoredEntry) -> Shape:
        """The payload of a verified entry; errors name book and sequence."""
        header = entry.header
        try:
            return self.decode(entry.payload, header.kind, header.version)
        except (UnsupportedEntry, JournalDamaged) as error:
            place = f"book {header.book_id!r}, entry {header.seq}"
            raise type(error)(f"{place}: {error}") from error

    def _lifted(self, payload: bytes, kind: str, version: int, current: int | None) -> bytes:
        if current is None:
            raise UnsupportedEntry(
                f"kind {kind!r} is unknown to this release; it was written by another one"
            )
        if not 1 <= version < current:
            raise UnsupportedEntry(
                f"{kind!r} version {version} is newer than this release, which reads up to "
                f"{current}: upgrade Stretto"
                if version > current
                else f"{kind!r} has no version {version}"
            )
        try:
            lifted = self._upcasters.lift(_plain.decode(payload), kind, version, current)
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            raise JournalDamaged(f"{kind!r} version {version} cannot be lifted: {error}") from error
        return _encoder.encode(lifted)


def _name(shape: Any) -> str:
    return getattr(shape, "__name__", str(shape))
