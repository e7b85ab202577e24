"""Golden journals: what was once stored, to be read for ever. ``python -m tests.journals.record``

writes a new file with every kind that a journal can hold and no golden file holds yet. One line per
entry: its stored header and payload as text, its hash in hex, and what it said when it was written.
Golden files are committed once and never rewritten.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from stretto.core.events import Event, Input
from stretto.core.terms.market import Reads
from stretto.journal.chain import Head, StoredRow, link
from stretto.journal.entries import prepare
from tests.journals.samples import entries, meaning, reachable, tagged

FOLDER = Path(__file__).resolve().parent
BOOK = "golden"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of a golden file. ``means``: input, reads and events, with every default."""

    seq: int
    header: str
    payload: str
    hash: str
    means: dict[str, Any] = {}


def golden_files() -> list[Path]:
    """Files of every kind, the oldest first."""
    return sorted(FOLDER.glob("kinds-v*.jsonl.xz"))


def read_lines(file: Path) -> Iterator[Line]:
    """The entries of a golden file."""
    data = file.read_bytes()
    for text in (lzma.decompress(data) if file.suffix == ".xz" else data).splitlines():
        yield msgspec.json.decode(text, type=Line)


def read_golden(file: Path) -> Iterator[StoredRow]:
    """The rows of a golden file as storage held them."""
    for line in read_lines(file):
        yield line.seq, line.header.encode(), line.payload.encode(), bytes.fromhex(line.hash)


def kinds_held() -> set[str]:
    """Tags of all that the golden files hold."""
    return {
        tag for file in golden_files() for line in read_lines(file) for tag in _tags(line.means)
    }


def kinds_storable() -> set[str]:
    """Tags of all that a journal can hold."""
    return tagged(reachable(Input) | reachable(Event) | reachable(Reads))


def _tags(plain: Any) -> Iterator[str]:
    if isinstance(plain, dict):
        if "" in plain:
            yield plain[""]
        plain = list(plain.values())
    if isinstance(plain, list):
        for part in plain:
            yield from _tags(part)


def record(missing: set[str]) -> str:
    """Write a golden file of what holds the tags ``missing``; its line for tests/unit/journal."""
    lines = []
    head = Head(seq=0)
    for entry in entries(missing):
        ready = prepare(entry, book_id=BOOK, engine_version="0.1.0")
        (row,), head = link(BOOK, head, [ready])
        _book, seq, header, payload, hashed = row
        line = Line(seq, header.decode(), payload.decode(), hashed.hex(), meaning(entry))
        lines.append(msgspec.json.encode(line))
    file = FOLDER / f"kinds-v{len(golden_files()) + 1}.jsonl.xz"
    file.write_bytes(lzma.compress(b"\n".join(lines) + b"\n", preset=9))
    return f'"{file.name}": "{head.hash.hex()}",'


if __name__ == "__main__":
    lacking = kinds_storable() - kinds_held()
    said = record(lacking) if lacking else "every kind is in a golden file already"
    sys.stdout.write(f"{said}\n")
