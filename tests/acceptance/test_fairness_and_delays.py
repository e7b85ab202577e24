"""``stretto fairness`` and ``stretto delays`` against the journal, recomputed apart from them."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from stretto.bootstrap import EntryCodec
from stretto.core import events as ev
from stretto.core.terms.plan import Plan
from stretto.core.values import NS_PER_S, iso
from stretto.journal.sqlite import SqliteJournal
from tests.acceptance.cli_runner import stretto, stretto_json

S = NS_PER_S


class Journaled:
    """What the journal says: plans, the first intent of each allocation, its fills."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self.plans: list[Plan] = []
        self.released: dict[tuple[str, str], int] = {}
        self.filled: dict[tuple[str, str], Decimal] = {}
        self.ends = 0
        codec = EntryCodec("demo")
        with closing(SqliteJournal(db, "demo", read_only=True)) as journal:
            journal.open()
            for stored in journal.read():
                entry = codec.restore(stored)
                self.ends = entry.at
                for event in entry.events:
                    self._take(event, entry.at)

    def _take(self, event: ev.Event, at: int) -> None:
        if isinstance(event, ev.SignalPlanned):
            self.plans.append(event.plan)
        elif isinstance(event, ev.OrderIntended):
            key = (event.order.execution_id, event.order.account_id)
            self.released.setdefault(key, at)
        elif isinstance(event, ev.FillBooked) and event.cause == "entry":
            key = (event.execution_id, event.account_id)
            counted = event.quantity - event.overfill
            self.filled[key] = self.filled.get(key, Decimal(0)) + counted


@pytest.fixture(scope="module")
def journaled(tmp_path_factory: pytest.TempPathFactory) -> Journaled:
    db = tmp_path_factory.mktemp("load") / "demo.sqlite"
    stretto("demo", "--accounts", 12, "--signals", 20, "--seed", 7, "--db", db)
    return Journaled(db)


@pytest.mark.requirement("R1.5")
def test_shares_are_those_of_the_journal(journaled: Journaled) -> None:
    report = stretto_json("fairness", "--db", journaled.db)
    accounts = {each["account_id"]: each for each in report["accounts"]}
    given = dict.fromkeys(accounts, 0)
    volume = dict.fromkeys(accounts, 0.0)
    filled = 0
    for plan in journaled.plans:
        parts = {
            a.account_id: journaled.filled.get((plan.execution_id, a.account_id), Decimal(0))
            for a in plan.allocations
        }
        total = sum(parts.values())
        filled += total > 0
        for name, part in parts.items():
            given[name] += 1
            volume[name] += float(part / total) if total else 0.0
    everything = sum(given.values())
    assert report["executions"] == len(journaled.plans) > 5
    assert (report["allocations"], report["executions_filled"]) == (everything, filled)
    assert report["fair_share"] == pytest.approx(1 / len(accounts), abs=1e-6)
    for name, each in accounts.items():
        assert each["executions"] == given[name]
        assert each["execution_share"] == pytest.approx(given[name] / everything, abs=2e-6)
        fair = everything / len(accounts)
        assert each["above_fair"] == pytest.approx(given[name] - fair, abs=0.006)
        assert each["volume_share"] == pytest.approx(volume[name] / filled, abs=2e-5)
    numbers = list(given.values())
    jain = sum(numbers) ** 2 / (len(numbers) * sum(n * n for n in numbers))
    assert report["jain_index_executions"] == pytest.approx(jain, abs=2e-6)
    assert "DEC-TR-301" in report["meaning"]["jain_index"]


@pytest.mark.requirement("R1.5")
def test_the_place_in_the_order_of_release_is_the_mean_over_executions(
    journaled: Journaled,
) -> None:
    places: dict[str, list[float]] = {}
    for plan in journaled.plans:
        at = {
            a.account_id: journaled.released[plan.execution_id, a.account_id]
            for a in plan.allocations
            if (plan.execution_id, a.account_id) in journaled.released
        }
        for name, mine in at.items():
            before = sum(other < mine for other in at.values())
            same = sum(other == mine for other in at.values()) - 1
            place = (before + same / 2) / (len(at) - 1) if len(at) > 1 else 0.5
            places.setdefault(name, []).append(place)
    report = stretto_json("fairness", "--db", journaled.db)
    for each in report["accounts"]:
        own = places.get(each["account_id"], [])
        assert each["releases"] == len(own)
        if own:
            assert each["release_place"] == pytest.approx(fmean(own), abs=1e-5)
        else:
            assert each["release_place"] is None


@pytest.mark.requirement("R3.5")
def test_delays_are_those_of_plan_and_journal(journaled: Journaled) -> None:
    report = stretto_json("delays", "--db", journaled.db)
    plans = {plan.execution_id: plan for plan in journaled.plans}
    assert [each["execution_id"] for each in report["executions"]] == list(plans)
    off = []
    for each in report["executions"]:
        plan = plans[each["execution_id"]]
        planned = {a.account_id: a.delay_ns for a in plan.allocations}
        actual = []
        for account in each["accounts"]:
            name = account["account_id"]
            assert account["planned_delay_s"] == pytest.approx(planned[name] / S, abs=1e-9)
            at = journaled.released.get((plan.execution_id, name))
            if at is None:
                assert account["actual_delay_s"] is None
                continue
            actual.append(at - plan.decided_at)
            off.append(actual[-1] - planned[name])
            assert account["actual_delay_s"] == pytest.approx(actual[-1] / S, abs=1e-9)
            assert account["deviation_s"] == pytest.approx(off[-1] / S, abs=1e-9)
        assert each["released"] == len(actual)
        for found, delays in (
            (each["planned_dispersion"], list(planned.values())),
            (each["actual_dispersion"], actual),
        ):
            if len(delays) < 2 or not sum(delays):
                assert found is None
            else:
                assert found == pytest.approx(pstdev(delays) / fmean(delays), abs=2e-6)
    assert report["deviation"]["count"] == len(off) == len(journaled.released)
    assert report["deviation"]["max_s"] == pytest.approx(max(off) / S, abs=1e-9)
    assert report["deviation"]["early"] == 0


@pytest.mark.requirement("R3.5")
def test_clustering_is_counted_over_seven_days_and_not_refused(journaled: Journaled) -> None:
    report = stretto_json("delays", "--db", journaled.db)["clustering"]
    seconds, hours = [0] * 60, [0] * 24
    for at in journaled.released.values():
        seconds[at // S % 60] += 1
        hours[at // S // 3_600 % 24] += 1
    assert report["second_of_minute"]["counts"] == seconds
    assert report["hour_of_day"]["counts"] == hours
    assert report["count"] == len(journaled.released)
    assert report["second_of_minute"]["is_clustered"] is False, "too few to say"


@pytest.mark.requirement("R1.5", "R3.5")
def test_a_range_is_open_at_its_beginning_and_closed_at_its_end(journaled: Journaled) -> None:
    third = journaled.plans[2].decided_at
    decided = [plan.decided_at for plan in journaled.plans]
    for command in ("fairness", "delays"):
        until = stretto_json(command, "--db", journaled.db, "--until", iso(third))
        after = stretto_json(command, "--db", journaled.db, "--from", iso(third))
        found = [each["executions"] for each in (until, after)]
        counts = [n if isinstance(n, int) else len(n) for n in found]
        assert counts == [sum(at <= third for at in decided), sum(at > third for at in decided)]
    nothing = stretto_json("delays", "--db", journaled.db, "--until", "2001-01-01T00:00:00Z")
    assert (nothing["deviation"], nothing["executions"]) == (None, [])
    unshared = stretto_json("fairness", "--db", journaled.db, "--until", "2001-01-01T00:00:00Z")
    assert unshared["jain_index_executions"] is None


@pytest.mark.parametrize("command", ["fairness", "delays"])
def test_the_tables_say_what_the_numbers_mean(journaled: Journaled, command: str) -> None:
    said = stretto(command, "--db", journaled.db).stdout
    assert "What the numbers mean" in said
    assert journaled.plans[0].allocations[0].account_id in said
    empty = stretto(command, "--db", journaled.db, "--until", "2001-01-01T00:00:00Z").stdout
    assert "nothing was" in empty
    at = iso(journaled.ends)
    wrong = stretto(command, "--db", journaled.db, "--from", at, "--until", at, code=2)
    assert "expected a time before" in wrong.stderr
