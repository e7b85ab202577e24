"""The hash chain over stored bytes: linking new entries, verifying stored ones.

    hash(n) = SHA-256( hash(n-1) ‖ length(header(n)) ‖ header(n) ‖ payload(n) )

with the length as 8 bytes big-endian and hash(0) = 32 zero bytes. The previous hash and the length
have fixed widths, so no two entries share a preimage; book and sequence are inside the header, so
entries cannot move between books or places. Knows nothing of storage, nor of what a payload means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import msgspec

from stretto.core.errors import JournalDamaged, check
from stretto.ports import EntryHeader, PreparedEntry, StoredEntry

GENESIS = bytes(32)
SEQ_MAX = 2**63 - 1

StoredRow = tuple[int, bytes, bytes, bytes]
"""seq, header, payload, hash: as storage holds them, nothing decoded."""

_encode_header = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(EntryHeader).decode


class Head(msgspec.Struct, frozen=True):
    """Where a chain ends: sequence, hash and book time (ns UTC) of the last entry."""

    seq: int = 0
    hash: bytes = GENESIS
    at: int = 0


class ChainBroken(JournalDamaged):
    """``seq`` is the first entry that does not verify, ``problem`` what differs."""

    def __init__(self, book_id: str, seq: int, problem: str) -> None:
        self.seq = seq
        self.problem = problem
        super().__init__(f"book {book_id!r}, entry {seq}: {problem}")


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying found: ``entries`` good ones up to ``head``, then perhaps a first bad one."""

    book_id: str
    entries: int
    head: Head
    bad_seq: int | None = None
    problem: str = ""

    @property
    def intact(self) -> bool:
        """True where every entry verified."""
        return self.bad_seq is None


def entry_hash(previous: bytes, header: bytes, payload: bytes) -> bytes:
    """Chain hash (32 bytes) of an entry from the previous entry's hash and its stored bytes."""
    return sha256(previous + len(header).to_bytes(8, "big") + header + payload).digest()


def link(
    book_id: str, head: Head, entries: Sequence[PreparedEntry]
) -> tuple[list[tuple[str, int, bytes, bytes, bytes]], Head]:
    """Rows (book_id, seq, header, payload, hash) that continue ``head``, and the head after them.

    Raises InvariantViolated where an entry belongs to another book, leaves a gap or goes back in
    time: the writer is wrong and nothing may be stored.
    """
    seq, previous, at = head.seq, head.hash, head.at
    rows = []
    for entry in entries:
        header, payload = entry.header, entry.payload
        seq += 1
        if header.seq != seq or header.at < at or header.book_id != book_id:
            check(header.book_id == book_id, f"entry of book {header.book_id!r} in {book_id!r}")
            check(header.seq == seq, f"entry {header.seq} appended where {seq} is next")
            check(header.at >= at, f"entry {seq} is before its predecessor: {header.at} < {at}")
        at = header.at
        data = _encode_header(header)
        previous = sha256(previous + len(data).to_bytes(8, "big") + data + payload).digest()
        rows.append((book_id, seq, data, payload, previous))
    return rows, Head(seq, previous, at)


def verified(
    rows: Iterable[StoredRow], book_id: str, after: Head | None = None
) -> Iterator[StoredEntry]:
    """Entries from rows in sequence order, each verified before it is decoded and handed on.

    ``after`` is where the rows continue (default: the beginning). Raises ChainBroken at the first
    bad entry. Rows cut off the end leave a shorter, intact chain: only a head known from elsewhere
    (a snapshot, a witness) shows that.
    """
    head = Head() if after is None else after
    expected, previous, at = head.seq, head.hash, head.at
    stream = iter(rows)
    for row in stream:
        seq, data, payload, stored = row
        expected += 1
        if seq != expected:
            raise ChainBroken(book_id, expected, f"it is missing; the next one stored is {seq}")
        try:
            computed = sha256(previous + len(data).to_bytes(8, "big") + data + payload).digest()
        except TypeError as error:
            raise ChainBroken(book_id, seq, "header or payload is not stored as bytes") from error
        if computed != stored:
            raise ChainBroken(book_id, seq, _difference(row, next(stream, None)))
        try:
            header = _decode_header(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ChainBroken(book_id, seq, f"its header does not decode: {error}") from error
        if header.seq != seq or header.book_id != book_id or header.at < at:
            raise ChainBroken(book_id, seq, _misplaced(header, book_id, seq, at))
        previous, at = computed, header.at
        yield StoredEntry(header=header, header_bytes=data, payload=payload, hash=computed)


def examine(
    rows: Iterable[StoredRow], book_id: str, expected: tuple[int, bytes] | None = None
) -> Verification:
    """Verify a whole chain without keeping it; ``expected`` is a head known from elsewhere."""
    entries, last = 0, None
    head_at_expected: bytes | None = GENESIS if expected and expected[0] == 0 else None
    expected_seq = expected[0] if expected else -1
    try:
        for last in verified(rows, book_id):
            entries += 1
            if entries == expected_seq:
                head_at_expected = last.hash
        if expected is not None and head_at_expected != expected[1]:
            raise ChainBroken(book_id, expected[0], _unexpected(entries, expected[0]))
    except ChainBroken as broken:
        return Verification(
            book_id=book_id,
            entries=entries,
            head=_head_of(last),
            bad_seq=broken.seq,
            problem=broken.problem,
        )
    return Verification(book_id=book_id, entries=entries, head=_head_of(last))


def verify(
    entries: Iterable[StoredEntry], book_id: str, expected: tuple[int, bytes] | None = None
) -> Verification:
    """Verify entries that already left storage (an export, a copy); hashes everything again."""
    rows = ((e.header.seq, e.header_bytes, e.payload, e.hash) for e in entries)
    return examine(rows, book_id, expected)


def _head_of(entry: StoredEntry | None) -> Head:
    return Head() if entry is None else Head(entry.header.seq, entry.hash, entry.header.at)


def _unexpected(entries: int, seq: int) -> str:
    if entries < seq:
        return f"it is missing; the journal ends at {entries}"
    return "its hash is not the expected one: this is another history"


def _difference(row: StoredRow, successor: StoredRow | None) -> str:
    """Say what was probably changed, given that the stored hash is not that of the stored bytes."""
    seq, data, _payload, stored = row
    try:
        header = _decode_header(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "its header was changed: it does not decode"
    if header.seq != seq:
        return f"another entry lies in its place: the header says {header.seq}"
    if successor is None:
        return "header or payload do not match its hash"
    follows = entry_hash(stored, successor[1], successor[2]) == successor[3]
    if follows and successor[0] == seq + 1:
        return f"its header or payload was changed (entry {seq + 1} follows from its stored hash)"
    return "its stored hash was changed, or its content and that of its successor"


def _misplaced(header: EntryHeader, book_id: str, seq: int, at: int) -> str:
    if header.book_id != book_id:
        return f"it belongs to book {header.book_id!r}"
    if header.seq != seq:
        return f"its header says {header.seq}"
    return f"its time {header.at} is before that of its predecessor, {at}"
