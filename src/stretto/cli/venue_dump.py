"""The simulated venues' own books as a file: what an outside check compares the journal with."""

from __future__ import annotations

from pathlib import Path

from stretto.cli.output import json_text
from stretto.core.errors import InvalidInput
from stretto.sessions.play import Played


def write_venue_dump(path: Path, played: Played, *, overwrite: bool) -> None:
    """Write ``{"venues": {name: …}}``. Raises InvalidInput where the file cannot be written."""
    dump = {name: venue.dump() for name, venue in sorted(played.venues.items())}
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(json_text({"venues": dump}) + "\n")
    except OSError as error:
        raise InvalidInput(
            f"--venue-dump {path}", f"cannot be written ({error.strerror})", "a writable path"
        ) from error
