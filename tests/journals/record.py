"""Writes entries of a journal as a golden file: ``python -m tests.journals.record DB BOOK OUT N``.

One line per entry, with its stored header and payload as text and its hash in hex. Golden files are
committed once and never rewritten; a newer one is another file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from stretto.journal.chain import StoredRow
from stretto.journal.sqlite import SqliteJournal
from stretto.ports import StoredEntry


class Line(msgspec.Struct, frozen=True):
    """One entry of a golden file."""

    seq: int
    header: str
    payload: str
    hash: str


def write_golden(file: Path, entries: Iterable[StoredEntry]) -> None:
    """Write entries; the bytes of header and payload are UTF-8 and kept exactly."""
    lines = (
        Line(e.header.seq, e.header_bytes.decode(), e.payload.decode(), e.hash.hex())
        for e in entries
    )
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def read_golden(file: Path) -> Iterator[StoredRow]:
    """The rows of a golden file as storage held them."""
    for text in file.read_bytes().splitlines():
        line = msgspec.json.decode(text, type=Line)
        yield line.seq, line.header.encode(), line.payload.encode(), bytes.fromhex(line.hash)


if __name__ == "__main__":
    database, book, out, count = sys.argv[1:]
    journal = SqliteJournal(database, book, read_only=True)
    journal.open()
    write_golden(Path(out), journal.read(0, int(count)))
    journal.close()
