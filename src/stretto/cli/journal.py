"""``stretto verify``, ``rebuild`` and ``export``: the journal and what is derived from it."""

from __future__ import annotations

import io
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.status import Status

from stretto.cli.errors import EXIT_DIFFERENT
from stretto.cli.options import Book, Db, Json, Overwrite, output_of
from stretto.core.errors import InvalidInput
from stretto.core.values import iso
from stretto.sessions.files import check_output
from stretto.sessions.reading import (
    JOURNAL_TABLE,
    book_of,
    projected_until,
    rebuild_tables,
)
from stretto.sessions.reading import export as export_rows
from stretto.sessions.reading import verify as verify_chain
from stretto.views.export import ExportFormat, tables
from stretto.views.position import end_missing

_HEAD = re.compile(r"^([0-9]{1,18}):([0-9a-fA-F]{64})\Z")


def verify(
    context: typer.Context,
    db: Db,
    book: Book = None,
    expect: Annotated[
        str | None,
        typer.Option(help="A head known from elsewhere, which must lie on it.", metavar="SEQ:HASH"),
    ] = None,
    _json: Json = False,
) -> int:
    """Verify the journal's hash chain, entry by entry; names the first bad one."""
    output = output_of(context, db)
    expected = None if expect is None else _expected(expect)
    book_id = book_of(db, book)
    projected = projected_until(db, book_id)  # first: a running writer moves both on
    found = verify_chain(db, book_id, expected)
    missing = found.intact and projected > found.head.seq
    head = found.head.hash.hex()
    fields = {
        "book_id": book_id,
        "intact": found.intact and not missing,
        "entries": found.entries,
        "head": {"seq": found.head.seq, "hash": head, "at": iso(found.head.at)},
        "first_bad_entry": found.bad_seq,
        "problem": end_missing(projected, found.head.seq) if missing else found.problem or None,
        "tables_written_until": projected,
    }
    if found.intact and not missing:
        output.result(
            fields,
            lambda out: out.line(
                f"book {book_id}: {found.entries} entries, intact; head {found.head.seq}:{head}"
            ),
        )
        return 0
    if output.json:
        output.object(fields)
    if missing:
        output.said(
            f"stretto: {db}: book {book_id}: {end_missing(projected, found.head.seq)}.",
            "bold red",
        )
        return EXIT_DIFFERENT
    output.said(
        f"stretto: {db}: book {book_id}: entry {found.bad_seq}: {found.problem}. "
        f"{found.entries} entries verify, up to entry {found.head.seq}.",
        "bold red",
    )
    return EXIT_DIFFERENT


def rebuild(
    context: typer.Context,
    db: Db,
    book: Book = None,
    accept_missing_end: Annotated[
        bool,
        typer.Option(
            "--accept-missing-end", help="Give up what only the tables hold of a cut-off journal."
        ),
    ] = False,
    _json: Json = False,
) -> int:
    """Write the query tables anew from the journal, and say whether they were the same bytes."""
    output = output_of(context, db)
    book_id = book_of(db, book)
    status = Status("reading the journal", console=output.err)
    with status if output.err.is_terminal else nullcontext():
        done = rebuild_tables(
            db,
            book_id,
            lambda entries: status.update(f"{entries:,} entries projected"),
            accept_missing_end=accept_missing_end,
        )
    fields = {
        "book_id": book_id,
        "entries": done.entries,
        "identical": done.identical,
        "digest_before": done.digest_before,
        "digest_after": done.digest_after,
    }
    said = (
        "the query tables are identical, byte for byte"
        if done.identical
        else "the query tables were not what the journal says, and now are"
    )
    lines = (
        f"book {book_id}: {done.entries} entries projected anew: {said}\n"
        f"digest before {done.digest_before}\n"
        f"digest after  {done.digest_after}"
    )
    output.result(fields, lambda out: out.line(lines))
    return 0


def export(
    context: typer.Context,
    db: Db,
    table: Annotated[str, typer.Option(help="A query table, or journal.", metavar="NAME")],
    form: Annotated[ExportFormat, typer.Option("--format", help="How rows are written.")],
    target: Annotated[
        Path | None,
        typer.Option("--output", help="Write there, not to standard output.", metavar="FILE"),
    ] = None,
    overwrite: Overwrite = False,
    book: Book = None,
    _json: Json = False,
) -> None:
    """Export a query table or the journal, exactly as stored; --json says what was written."""
    output = output_of(context, db)
    if target is not None:
        check_output("--output", target, overwrite=overwrite, db=db)
    book_id = book_of(db, book)
    if table != JOURNAL_TABLE and table not in tables():
        raise InvalidInput(
            "--table", f"{table!r} is no table", f"one of {JOURNAL_TABLE}, {', '.join(tables())}"
        )
    if output.json and target is None:
        raise InvalidInput(
            "--json", "the rows would stand beside the object", "--output FILE as well"
        )
    with _opened(target, overwrite=overwrite) as out:
        rows = export_rows(db, book_id, table, form, out)
    if target is not None:
        fields = {"book_id": book_id, "table": table, "rows": rows, "output": str(target)}
        output.result(fields, lambda o: o.line(f"{rows} rows of {table} written to {target}"))


def _opened(target: Path | None, *, overwrite: bool) -> AbstractContextManager[TextIO]:
    if target is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        return nullcontext(sys.stdout)
    try:
        return target.open("w" if overwrite else "x", encoding="utf-8", newline="\n")
    except OSError as error:
        raise InvalidInput(
            f"--output {target}", f"cannot be written ({error.strerror})", "a writable path"
        ) from error


def _expected(text: str) -> tuple[int, bytes]:
    match = _HEAD.match(text)
    if match is None:
        raise InvalidInput("--expect", f"is {text!r}", "SEQ:HASH with 64 hex digits")
    return int(match[1]), bytes.fromhex(match[2])
