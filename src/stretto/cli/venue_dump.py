"""The simulated venues' own books as a file: what an outside check compares the journal with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stretto.cli.output import json_text
from stretto.core.errors import InvalidInput
from stretto.sessions.play import Played


def write_venue_dump(path: Path, played: Played, *, overwrite: bool) -> None:
    """Write the books of a session's own venues. Raises InvalidInput."""
    dumps = {name: venue.dump() for name, venue in played.venues.items()}
    write_dump("--venue-dump", path, dumps, overwrite=overwrite)


def write_dump(
    option: str, path: Path, dumps: Mapping[str, Mapping[str, Any]], *, overwrite: bool
) -> None:
    """Write ``{"venues": {name: …}}``. Raises InvalidInput where the file cannot be written."""
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(dump_text(dumps))
    except OSError as error:
        raise InvalidInput(
            f"{option} {path}", f"cannot be written ({error.strerror})", "a writable path"
        ) from error


def dump_text(dumps: Mapping[str, Mapping[str, Any]]) -> str:
    """The books as one line of JSON."""
    return json_text({"venues": dict(sorted(dumps.items()))}) + "\n"
