"""Rows of the tables as dictionaries, and projection as a process that starts anew does it."""

from __future__ import annotations

import sqlite3
from typing import Any

from stretto.views.projector import SqlProjector
from tests.unit.views.samples import BOOK
from tests.unit.views.world import World


def project(connection: sqlite3.Connection, world: World) -> None:
    """Project what the world made since the last time, by a projector that knows nothing yet."""
    projector = SqlProjector(BOOK)
    connection.execute("BEGIN")
    projector.create(connection)
    done = projector.position(connection)
    projector.apply(connection, world.entries[done:])
    connection.execute("COMMIT")


def rows(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def result(connection: sqlite3.Connection, world: World, account_id: str) -> dict[str, Any]:
    project(connection, world)
    (row,) = (r for r in rows(connection, "execution_results") if r["account_id"] == account_id)
    return row
