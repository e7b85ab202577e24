"""The time range of a report: options with one wording, and what they default to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stretto.cli.inputs import moment
from stretto.core.errors import InvalidInput
from stretto.core.values import iso
from stretto.sessions.reading import head_of

Since = Annotated[
    str | None,
    typer.Option("--from", help="Report what was decided after this time.", metavar="TIME"),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", help="... and up to this one; by default the book's last.", metavar="TIME"
    ),
]


def range_of(
    db: Path, book_id: str, since: str | None, until: str | None, default_ns: int
) -> tuple[int, int]:
    """The range (since, until], ns UTC: by default the ``default_ns`` up to the journal's last
    entry. Raises InvalidInput where it is empty.
    """
    until_ns = head_of(db, book_id)[2] if until is None else moment("--until", until)
    since_ns = max(0, until_ns - default_ns) if since is None else moment("--from", since)
    if since_ns >= until_ns:
        raise InvalidInput("--from", f"is {iso(since_ns)}", f"a time before {iso(until_ns)}")
    return since_ns, until_ns
