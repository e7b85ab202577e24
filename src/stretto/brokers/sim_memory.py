"""What the simulated venue was sent, on disk: it must not forget an order because its user died.

The venue's books follow from its seed, its quotes and the commands it took with their times, and
that is all it keeps: one JSON line a command, written before the command takes effect. Reading them
back makes the same books. Knows nothing of matching.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from stretto.core.errors import InvalidInput
from stretto.ports import Command


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A command and when the venue's side of the connection took it, ns UTC."""

    at: int
    command: Command


class CommandLog:
    """Append-only file of commands. A last line that a crash cut short was never answered, and is
    dropped. Raises InvalidInput where another line is unreadable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.json.Encoder(decimal_format="string")
        self._file: BinaryIO | None = None

    def read(self) -> Iterator[Taken]:
        """Everything taken so far, in order."""
        if not self._path.exists():
            return
        decoder = msgspec.json.Decoder(Taken)
        lines = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                yield decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise InvalidInput(
                    f"{self._path}:{number}",
                    str(error),
                    "a command as the simulated venue keeps it",
                ) from error

    def append(self, at_ns: int, command: Command) -> None:
        """Keep a command; it is with the operating system when this returns."""
        if self._file is None:
            self._file = self._open()
        self._file.write(self._encoder.encode(Taken(at=at_ns, command=command)) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        if self._path.exists():
            data = self._path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                with self._path.open("r+b") as torn:
                    torn.truncate(whole)
        return self._path.open("ab")
