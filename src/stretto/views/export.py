"""Query tables and journal entries as CSV or JSON lines, row by row, exactly as they are stored.

Exact numbers stay text in CSV and become JSON numbers in JSON lines; JSON columns become JSON.
Knows nothing of files: the caller opens and closes what is written to.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TextIO

import msgspec
from sqlalchemy import Table

from stretto.core.errors import InvalidInput
from stretto.core.values import iso
from stretto.ports import StoredEntry
from stretto.views import schema
from stretto.views.texts import decimal_of, number, table_json

JOURNAL_COLUMNS = (
    "book_id",
    "seq",
    "at",
    "kind",
    "version",
    "engine_version",
    "execution_id",
    "account_id",
    "correlation_id",
    "actor",
    "payload",
    "hash",
)


class ExportFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


def tables() -> list[str]:
    """Names that ``export_table`` takes."""
    return [table.name for table in schema.TABLES]


def export_table(
    connection: sqlite3.Connection,
    name: str,
    form: ExportFormat,
    out: TextIO,
    book_id: str | None = None,
) -> int:
    """Write a query table in the order of its primary key; gives the number of rows. Raises
    InvalidInput for a name that is no query table.
    """
    table = next((t for t in schema.TABLES if t.name == name), None)
    if table is None:
        raise InvalidInput("export", f"{name!r} is no table", f"one of {', '.join(tables())}")
    columns = schema.names(table)
    keys = ", ".join(column.name for column in table.primary_key)
    where, values = ("", ()) if book_id is None else ("WHERE book_id = ?", (book_id,))
    rows = connection.execute(
        f"SELECT {', '.join(columns)} FROM {table.name} {where} ORDER BY {keys}", values
    )
    if form is ExportFormat.JSONL:
        kinds = [_kind(table, column) for column in columns]
        return _write_lines(
            out,
            (
                {c: _json(kind, v) for c, kind, v in zip(columns, kinds, row, strict=True)}
                for row in rows
            ),
        )
    return _write_csv(out, columns, rows)


def export_entries(entries: Iterable[StoredEntry], form: ExportFormat, out: TextIO) -> int:
    """Write journal entries with payload and hash (hex); gives their number. An error of reading
    the journal passes through, after the entries before it were written.
    """
    if form is ExportFormat.JSONL:
        return _write_lines(out, (_entry(entry, msgspec.Raw(entry.payload)) for entry in entries))
    rows = (list(_entry(entry, entry.payload.decode()).values()) for entry in entries)
    return _write_csv(out, JOURNAL_COLUMNS, rows)


def _entry(entry: StoredEntry, payload: object) -> dict[str, object]:
    header = entry.header
    values = {name: getattr(header, name) for name in JOURNAL_COLUMNS[:-2]}
    return {**values, "at": iso(header.at), "payload": payload, "hash": entry.hash.hex()}


def _write_csv(out: TextIO, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> int:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    return count


def _write_lines(out: TextIO, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    for row in rows:
        out.write(table_json(row) + "\n")
        count += 1
    return count


def _kind(table: Table, column: str) -> str:
    if column in schema.JSON_COLUMNS:
        return "json"
    return "exact" if schema.is_exact(table, column) else "plain"


def _json(kind: str, value: Any) -> Any:
    if value is None or kind == "plain":
        return value
    if kind == "json":
        return msgspec.Raw(value.encode())
    exact = decimal_of(value)
    return None if exact is None else number(exact)
