"""Arguments and options that several commands share, with one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stretto.cli.output import Output

Db = Annotated[Path, typer.Option("--db", help="The database file.", metavar="PATH")]
Book = Annotated[
    str | None,
    typer.Option("--book", help="The book, where the database holds several.", metavar="NAME"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a file that is there already.")
]


def output_of(context: typer.Context, db: Path | None = None) -> Output:
    """The output of this call; remembers the database for what is said after a crash."""
    output: Output = context.obj
    if db is not None:
        output.db = str(db)
    return output
