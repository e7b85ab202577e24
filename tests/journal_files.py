"""Journals on files, for tests of what happens to the files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from stretto.journal.sqlite import SqliteJournal
from stretto.ports import EntryHeader, PreparedEntry


def entry(seq: int, size: int = 400, book: str = "main") -> PreparedEntry:
    header = EntryHeader(
        book_id=book, seq=seq, at=seq, kind="counted", version=1, engine_version="0.1.0"
    )
    return PreparedEntry(header=header, payload=b'{"x":"' + b"y" * size + b'"}')


def entries(first: int, last: int, size: int = 400) -> list[PreparedEntry]:
    return [entry(seq, size) for seq in range(first, last + 1)]


@contextlib.contextmanager
def opened(
    path: Path, book: str = "main", *, read_only: bool = False, create: bool = True
) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path, book, read_only=read_only, create=create)
    journal.open()
    try:
        yield journal
    finally:
        journal.close()


def written(path: Path, count: int, size: int = 400) -> None:
    with opened(path) as journal:
        journal.append(entries(1, count, size))
