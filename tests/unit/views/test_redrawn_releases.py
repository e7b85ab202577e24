"""A release that was drawn anew: tables and reports compare with the one in force, and say why."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal

import pytest

from stretto.core.limits import DISPATCH_WINDOW_NS
from stretto.core.values import NS_PER_S
from stretto.sessions.statuses import find_execution
from stretto.views.delays import delays_report
from stretto.views.texts import timestamp
from tests.unit.views.samples import BOOK, START
from tests.unit.views.tables import project, result, rows
from tests.unit.views.world import World

HOUR = 3_600 * NS_PER_S


@pytest.mark.requirement("R3.5")
def test_status_and_delays_go_by_the_release_in_force(connection: sqlite3.Connection) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000), "beta": Decimal(1000)})
    first = result(connection, world, "alpha")
    opens_at = world.at + HOUR
    due = world.reschedule(execution, "alpha", opens_at, 9 * NS_PER_S, "session_closed")
    world.at = due + NS_PER_S
    world.release(execution, "alpha")

    row = result(connection, world, "alpha")
    assert row["execution_window_start"] == timestamp(due)
    assert row["execution_window_end"] == timestamp(due + DISPATCH_WINDOW_NS)
    assert row["delay_counted_from"] == timestamp(opens_at)
    assert (first["release_reason"], row["release_reason"]) == (None, "session_closed")
    (decision,) = rows(connection, "execution_decisions")
    planned = json.loads(decision["timing_plan"])[0]
    assert planned["execution_window_start"] == first["execution_window_start"] != timestamp(due)

    (report,) = delays_report(connection, BOOK, START - 1, world.at).executions
    alpha, beta = report.accounts
    late = Decimal(world.at - due).scaleb(-9)
    assert (alpha.planned_delay_s, alpha.redrawn) == (Decimal(9), "session_closed")
    assert (alpha.actual_delay_s, alpha.deviation_s) == (Decimal(9) + late, late)
    assert (beta.planned_delay_s, beta.redrawn) == (Decimal("7.25"), None)
    times = find_execution(connection, BOOK, "s1").order_times
    assert [(each["planned"], each["redrawn"]) for each in times] == [
        (timestamp(due), "session_closed"),
        (result(connection, world, "beta")["execution_window_start"], None),
    ]


def test_the_last_of_several_stands_and_a_later_process_knows_it(
    connection: sqlite3.Connection,
) -> None:
    world = World()
    execution = world.plan("s1", {"alpha": Decimal(1000)})
    world.reschedule(execution, "alpha", world.at, NS_PER_S, "resumed")
    project(connection, world)
    due = world.reschedule(execution, "alpha", world.at + HOUR, NS_PER_S, "session_closed")
    project(connection, world)
    world.release(execution, "alpha")
    row = result(connection, world, "alpha")
    assert (row["execution_window_start"], row["release_reason"]) == (
        timestamp(due),
        "session_closed",
    )
