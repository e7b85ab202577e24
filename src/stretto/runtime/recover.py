"""A book from its journal: the last snapshot where there is a good one, then every entry after it.

The same ``evolve`` as live. A snapshot of another engine version, or of a chain that is not this
one, is ignored: it is only a cache. Knows the journal port, no adapter.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from stretto.core import events as ev
from stretto.core.book import Book, BookImage
from stretto.core.errors import InvariantViolated
from stretto.core.evolve import begin, evolve, finish, restore
from stretto.ports import Journal, Snapshot, StoredEntry

_encode = msgspec.msgpack.Encoder(order="deterministic")
_decode = msgspec.msgpack.Decoder(BookImage)


class Decoder(Protocol):
    """Turns stored entries back into handled inputs."""

    def restore(self, stored: StoredEntry) -> ev.Entry:
        """The handled input of a stored entry."""
        ...


def apply_entry(book: Book, entry: ev.Entry) -> None:
    """Apply one journaled entry. Raises InvariantViolated where it does not follow."""
    begin(book, entry.seq, entry.at)
    for event in entry.events:
        evolve(book, event)
    finish(book)


def recover(journal: Journal, codec: Decoder, engine_version: str) -> Book:
    """The book as the journal's head left it."""
    book = _from_snapshot(journal.load_snapshot(), journal, engine_version) or Book()
    for stored in journal.read(after_seq=book.seq):
        apply_entry(book, codec.restore(stored))
    return book


def image_bytes(book: Book) -> bytes:
    """The book's records as bytes: equal books, equal bytes."""
    return _encode.encode(book.image())


def snapshot_of(book: Book, head_hash: bytes, engine_version: str) -> Snapshot:
    """A disposable snapshot of the book at the journal's head."""
    return Snapshot(
        seq=book.seq, hash=head_hash, engine_version=engine_version, blob=image_bytes(book)
    )


def _from_snapshot(snapshot: Snapshot | None, journal: Journal, engine_version: str) -> Book | None:
    if snapshot is None or snapshot.seq < 1 or snapshot.engine_version != engine_version:
        return None
    stored = next(iter(journal.read(after_seq=snapshot.seq - 1, limit=1)), None)
    if stored is None or stored.hash != snapshot.hash:
        return None
    try:
        return restore(_decode.decode(snapshot.blob))
    except (msgspec.MsgspecError, UnicodeDecodeError, InvariantViolated):
        return None
