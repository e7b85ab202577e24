"""Failure tables: those that are shipped are sound, and a user's extend or override them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stretto.brokers.sim_config import RejectCode
from stretto.config import MalformedInput, read_settings
from stretto.config.failure_tables import builtin_names, builtin_table
from stretto.core.errors import InvalidInput
from stretto.core.terms.failure import Confidence, FailureClass, Outcome, classify
from stretto.core.terms.report import CancelRejectReason
from tests.unit.config.books import problems, spoilt, write

OWN = """
[failure_tables.own]
source = "My broker's manual"
as_of = 2026-01-02
extends = "builtin:mt5"

[failure_tables.own.codes]
10017 = { class = "symbol_disabled", outcome = "rejected_certain", note = "here it is the symbol" }
88001 = { class = "rate_limited", outcome = "rejected_certain", confidence = "documented" }

[[failure_tables.own.messages]]
text = "off quotes"
rule = "starts_with"
class = "market_closed"
outcome = "rejected_certain"
"""
USED = spoilt(("seed = 3", 'seed = 3\nfailures = "own"')) + OWN


def test_the_shipped_tables_are_sound() -> None:
    assert {"sim", "mt5", "fix44"} <= set(builtin_names())
    for name in builtin_names():
        table = builtin_table(name)
        assert table.codes, name
        assert table.source, name
        assert table.as_of == "2026-11-22"
        for row in (*table.codes.values(), *(each.row for each in table.messages)):
            if row.failure_class is FailureClass.UNKNOWN_OUTCOME:
                assert row.outcome is Outcome.UNKNOWN
            if row.outcome is Outcome.ACCEPTED:
                assert row.failure_class is FailureClass.NOT_A_FAILURE


def test_no_message_hides_a_later_one() -> None:
    for name in builtin_names():
        table = builtin_table(name)
        for message in table.messages:
            found = classify(table, code=message.code, text=message.text)
            assert (found.failure_class, found.row) == (message.row.failure_class, message.text)


def test_the_simulated_venue_says_nothing_that_its_table_does_not_know() -> None:
    table = builtin_table("sim")
    said = [
        *RejectCode,
        CancelRejectReason.TOO_LATE,
        CancelRejectReason.UNKNOWN_ORDER,
        CancelRejectReason.ALREADY_PENDING,
    ]
    assert sorted(said) == sorted(table.codes)
    for code in said:
        assert classify(table, code=code).confidence is Confidence.DOCUMENTED
    assert classify(table, code="duplicate_order", is_final=True).outcome is Outcome.UNKNOWN


def test_an_unknown_shipped_table_names_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="builtin:mt4: is unknown"):
        builtin_table("mt4")


def test_a_venue_answers_by_the_simulated_table_unless_told_otherwise(tmp_path: Path) -> None:
    book = read_settings(write(tmp_path, spoilt())).book
    assert book.failure_tables == {"east": builtin_table("sim")}


def test_a_users_table_adds_to_and_overrides_what_it_extends(tmp_path: Path) -> None:
    table = read_settings(write(tmp_path, USED)).book.failure_tables["east"]
    assert table.name == "own"
    assert table.source == "My broker's manual"
    found = {code: classify(table, code=code).failure_class for code in ("10017", "88001", "10016")}
    assert found == {
        "10017": FailureClass.SYMBOL_DISABLED,
        "88001": FailureClass.RATE_LIMITED,
        "10016": FailureClass.INVALID_STOPS,
    }
    assert classify(table, text="Off quotes").failure_class is FailureClass.MARKET_CLOSED
    assert classify(table, text="No money").failure_class is FailureClass.INSUFFICIENT_MARGIN


def test_a_table_can_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(
        'source = "S"\nas_of = 2026-01-02\nextends = "own"\n'
        'codes.A1 = { class = "venue_error", outcome = "unknown" }\n'
    )
    text = USED.replace('failures = "own"', 'failures = "desk"')
    text += '\n[failure_tables]\ninclude = ["desk.toml"]\n'
    table = read_settings(write(tmp_path, text)).book.failure_tables["east"]
    assert classify(table, code="A1").failure_class is FailureClass.VENUE_ERROR
    assert classify(table, code="88001").failure_class is FailureClass.RATE_LIMITED
    assert classify(table, code="10004").failure_class is FailureClass.PRICE_MOVED


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'class = "symbol_disabled"',
            'class = "symbol_disable"',
            "failure_tables.own.codes.10017.class: is 'symbol_disable'; expected 'symbol_disabled'",
        ),
        (
            'outcome = "rejected_certain", note',
            'outcome = "dead", note',
            "failure_tables.own.codes.10017.outcome: is 'dead'; expected",
        ),
        (
            '88001 = { class = "rate_limited", outcome',
            '88001 = { class = "rate_limited", outcom',
            "failure_tables.own.codes.88001.outcom: is no known key; expected 'outcome'",
        ),
        ("as_of = 2026-01-02\nextends", "extends", "failure_tables.own.as_of: is missing"),
        (
            'rule = "starts_with"',
            'rule = "regex"',
            "failure_tables.own.messages[0].rule: is 'regex'; expected one of contains",
        ),
        (
            'extends = "builtin:mt5"',
            'extends = "builtin:mt6"',
            "failure_tables.own.extends: builtin:mt6 is unknown; expected 'mt5'",
        ),
        (
            'extends = "builtin:mt5"',
            'extends = "other"',
            "failure_tables.own.extends: is 'other'; expected",
        ),
        (
            'extends = "builtin:mt5"',
            'extends = "own"',
            "failure_tables.own.extends: is 'own', a circle; expected",
        ),
        ('failures = "own"', 'failures = "owm"', "venues.east.failures: is 'owm'; expected 'own'"),
        ('failures = "own"', "failures = 3", "venues.east.failures: is 3; expected text"),
        ("accounts_max = 8", "failures.retries_max = -1", "policy.failures.retries_max: is -1"),
        (
            "accounts_max = 8",
            "failures.circuit_probe_s = 901",
            "policy.failures.circuit_probe_s: is 901; expected at most circuit_probe_s_max, 900",
        ),
        (
            "accounts_max = 8",
            "failures.rising_factor_clear = 3",
            "policy.failures.rising_factor_clear: is 3; expected less than rising_factor, 3",
        ),
    ],
)
def test_each_fault_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in USED
    found = problems(tmp_path, USED.replace(old, new, 1))
    assert any(says in line for line in found), found


def test_tables_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    text = USED.replace('extends = "builtin:mt5"', 'extends = "two"')
    text += '\n[failure_tables.two]\nsource = "S"\nas_of = 2026-01-02\nextends = "own"\n'
    found = problems(tmp_path, text)
    assert sorted(line.split(":")[0] for line in found) == [
        "failure_tables.own.extends",
        "failure_tables.two.extends",
    ]


def test_a_fault_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text('source = "S"\nas_of = 2026-01-02\ncodes.A1 = 3\n')
    text = spoilt() + '\n[failure_tables]\ninclude = ["desk.toml", "gone.toml"]\n'
    with pytest.raises(MalformedInput) as caught:
        read_settings(write(tmp_path, text))
    first, second = str(caught.value).splitlines()[1:]
    assert first.endswith("desk.toml: codes.A1: is 3; expected a table")
    assert "failure_tables.include[1]" in second
    assert "gone.toml there is no such file" in second


def test_the_numbers_of_the_policy_arrive_in_the_cores_units(tmp_path: Path) -> None:
    text = spoilt(("accounts_max = 8", "failures = { retry_delay_s = 0.5, exclusion_hours = 48 }"))
    policy = read_settings(write(tmp_path, text)).book.policy.failures
    assert policy.retry_delay_first_ns == 500_000_000
    assert policy.exclusion_ns == 48 * 3_600 * 10**9
    assert policy.retries_max == 3
