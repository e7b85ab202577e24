"""A cached state in a file beside the database: disposable, checked, never the truth.

It is replaced by a rename and not forced to disk: after a power cut the checksum tells, the file
counts as absent, and the state is replayed from the journal. Knows nothing of what a state is.
"""

from __future__ import annotations

import contextlib
from hashlib import sha256
from pathlib import Path

import msgspec

from stretto.core.errors import StrettoError
from stretto.ports import Snapshot

_MAGIC = b"stretto snapshot 1\n"
_DIGEST_BYTES = 32
_LENGTH_BYTES = 8


class SnapshotNotKept(StrettoError):
    """The snapshot could not be written. Nothing is lost but time at the next start."""


class _Label(msgspec.Struct, frozen=True, kw_only=True):
    book_id: str
    seq: int
    hash: str
    engine_version: str


def write_snapshot(path: Path, book_id: str, snapshot: Snapshot) -> None:
    """Replace the snapshot file; raises SnapshotNotKept and leaves the old one as it was."""
    label = msgspec.json.encode(
        _Label(
            book_id=book_id,
            seq=snapshot.seq,
            hash=snapshot.hash.hex(),
            engine_version=snapshot.engine_version,
        )
    )
    head = len(label).to_bytes(_LENGTH_BYTES, "big") + label
    checksum = sha256(head)
    checksum.update(snapshot.blob)
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            file.write(_MAGIC + checksum.digest() + head)
            file.write(snapshot.blob)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise SnapshotNotKept(f"{path}: snapshot not kept: {error.strerror}") from error


def read_snapshot(path: Path, book_id: str) -> Snapshot | None:
    """The snapshot in a file, or None where there is none, it is damaged or of another book."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST_BYTES
    content = memoryview(data)[start:]
    if not data.startswith(_MAGIC) or sha256(content).digest() != data[len(_MAGIC) : start]:
        return None
    size = int.from_bytes(content[:_LENGTH_BYTES], "big")
    blob_start = _LENGTH_BYTES + size
    label = msgspec.json.decode(content[_LENGTH_BYTES:blob_start], type=_Label)
    if label.book_id != book_id:
        return None
    return Snapshot(
        seq=label.seq,
        hash=bytes.fromhex(label.hash),
        engine_version=label.engine_version,
        blob=bytes(content[blob_start:]),
    )
