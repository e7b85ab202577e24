"""Reports over a range of time: options with one wording, what they default to, and the reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import typer

from stretto.cli.inputs import moment
from stretto.cli.options import output_of
from stretto.cli.output import Output
from stretto.core.errors import InvalidInput
from stretto.core.values import iso
from stretto.sessions.reading import book_of, head_of, tables_of

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


class Report(Protocol):
    """What a report says besides its numbers."""

    @property
    def meaning(self) -> dict[str, str]:
        """What each number means, by its name."""


R = TypeVar("R", bound=Report)


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


def report_over(
    context: typer.Context,
    db: Path,
    book: str | None,
    span: tuple[str | None, str | None],
    default_ns: int,
    read: Callable[[sqlite3.Connection, str, int, int], R],
    render: Callable[[Output, R], None],
) -> None:
    """Read a book's report on a range and show it, with what its numbers mean."""
    output = output_of(context, db)
    book_id = book_of(db, book)
    since_ns, until_ns = range_of(db, book_id, *span, default_ns)
    with tables_of(db) as connection:
        report = read(connection, book_id, since_ns, until_ns)

    def shown(out: Output) -> None:
        render(out, report)
        out.heading("What the numbers mean")
        for name, text in report.meaning.items():
            out.line(f"{name.replace('_', ' ')}: {text}", "dim")

    output.result(report, shown)
