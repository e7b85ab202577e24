"""The faults of a demo: named once, kept with the session, healed before its end."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stretto.brokers.sim_faults import FaultKind
from stretto.core.errors import InvalidInput
from stretto.core.values import NS_PER_S
from stretto.journal.sqlite import SqliteJournal
from stretto.sessions.scenario import prepare
from stretto.sessions.started import DemoArguments, Session, recall, remember

PLAIN = DemoArguments(accounts=2, signals=1, seed=7)
FAULTY = msgspec.structs.replace(PLAIN, faults=("bust", "late-fill"))


def test_a_resumed_demo_meets_the_faults_that_it_was_started_with(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "a.sqlite", "demo")
    journal.open()
    remember(journal, "demo", Session(started=FAULTY))
    journal.close()
    _, session = recall(tmp_path / "a.sqlite")
    again, first = prepare(session.started).scenario, prepare(FAULTY).scenario
    assert again.faults == first.faults
    assert again.faults is not None
    assert again.faults.kinds == (
        FaultKind.LATE_FILL, FaultKind.TRADE_BUST, FaultKind.TRADE_CORRECTION,
    )  # fmt: skip


def test_faults_heal_half_an_hour_before_the_quotes_end() -> None:
    scenario = prepare(FAULTY).scenario
    assert scenario.faults is not None
    assert scenario.faults.heals_at == scenario.market.ends_at - 1_800 * NS_PER_S
    assert scenario.ends_at is not None
    assert scenario.faults.heals_at < scenario.ends_at


def test_without_names_nothing_goes_wrong_and_a_wrong_name_is_refused() -> None:
    assert prepare(PLAIN).scenario.faults is None
    with pytest.raises(InvalidInput, match="'gremlins'"):
        prepare(msgspec.structs.replace(PLAIN, faults=("gremlins",)))
