"""``stretto status``: every execution in a line, or one in full with its timeline."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.render_status import render_list, render_one
from stretto.sessions.reading import book_of, tables_of
from stretto.sessions.statuses import find_execution, page_of_executions

PAGE = 50


def status(
    context: typer.Context,
    db: Db,
    execution: Annotated[
        str | None,
        typer.Argument(help="Execution, decision or signal id, or the beginning of one."),
    ] = None,
    book: Book = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Lines of the list.")] = PAGE,
    offset: Annotated[int, typer.Option(min=0, help="Lines of the list to pass over.")] = 0,
    _json: Json = False,
) -> None:
    """List the executions, the newest first; or show one in full.

    Of one: quantities in all and per account, orders, fills, refusals, and the timeline.
    """
    output = output_of(context, db)
    book_id = book_of(db, book)
    if execution is None:
        with tables_of(db) as connection:
            page = page_of_executions(connection, book_id, limit=limit, offset=offset)
        output.result(page, lambda out: render_list(out, page, db))
        return
    with tables_of(db) as connection:
        found = find_execution(connection, book_id, execution)
    fields: dict[str, Any] = found.as_json()
    output.result(fields, lambda out: render_one(out, found))
