"""What a person reads of events, refusals and times."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest

from stretto.cli.inputs import downtime_of, moment, speed_of
from stretto.cli.output import Output
from stretto.cli.render_events import EventLines, line_of
from stretto.cli.render_status import since
from stretto.cli.render_summary import identities_by_symbol, in_words
from stretto.core import events as ev
from stretto.core.errors import InvalidInput
from stretto.core.terms.market import Reads
from stretto.sessions.play import Stop
from stretto.sessions.summary import ExecutionLine
from stretto.views.queries import QuantityTotals

FILL: dict[str, Any] = {
    "execution_id": "E",
    "account_id": "granite-01",
    "symbol": "EURUSD",
    "direction": 1,
    "quantity": Decimal(20_000),
    "notional": Decimal(26_000),
    "price": Decimal("1.30000"),
    "transact_at": 1,
}


def test_a_refusal_in_words_has_who_what_what_would_pass_and_the_clause() -> None:
    refusal = {
        "rule": "expired",
        "signal_id": "s1",
        "account_id": "granite-01",
        "compared": {"now": "2024-03-15T13:18:43.004000000Z", "risk_USD": "300"},
        "would_pass": "a later valid_until",
        "clause": "4.2 b",
    }
    assert in_words(refusal) == (
        "s1 granite-01: now 2024-03-15T13:18:43.004Z, risk_USD 300; "
        "would pass: a later valid_until [4.2 b]"
    )
    assert in_words({"rule": "halted", "account_id": "a"}) == "a"


def test_a_refusal_of_nobody_in_particular_begins_with_its_numbers_in_units_of_people() -> None:
    refusal = {
        "rule": "validity_too_short",
        "compared": {"validity_left_ns": "-2500000000", "tick_age_ns_max": "60000000000"},
        "would_pass": "a later valid_until",
    }
    assert in_words(refusal) == (
        "validity_left -2.5 s, tick_age_max 60 s; would pass: a later valid_until"
    )
    shares = {"margin_level_min_ppm": "1200000", "tick_age_ns": "unknown"}
    assert in_words({"compared": shares}) == "margin_level_min 1.2, tick_age_ns unknown"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ev.FillBooked(**FILL), "bought 20,000 EURUSD at 1.30000 (entry)"),
        (ev.FillBooked(**{**FILL, "direction": -1, "cause": "stop_loss"}), "(stop_loss)"),
        (ev.FillBooked(**{**FILL, "quantity": Decimal(-5)}), "taken back: bought 5 EURUSD"),
        (
            ev.AllocationEnded(
                execution_id="E", account_id="a", abandoned=Decimal(7), reason="window_passed"
            ),
            "7 abandoned: window_passed",
        ),
        (ev.AccountHalted(account_id="a", reason="overfill"), "HALTED a: overfill"),
        (
            ev.InterventionRequired(
                execution_id="E", account_id="a", client_order_id="C", reason="why", known={}
            ),
            "A PERSON HAS TO LOOK: a: why",
        ),
        (ev.ExecutionEnded(execution_id="E", status="completed"), "execution E: completed"),
    ],
)
def test_events_worth_seeing_have_a_line(event: ev.Event, text: str) -> None:
    assert text in line_of(event)


def test_an_allocation_that_abandoned_nothing_has_none() -> None:
    ended = ev.AllocationEnded(
        execution_id="E", account_id="a", abandoned=Decimal(0), reason="filled"
    )
    assert line_of(ended) == ""


class ClosedPipe(io.StringIO):
    def write(self, _: str, /) -> int:
        raise BrokenPipeError


class StopAsked(Stop):
    asked = 0

    def request(self, number: int) -> None:
        self.asked = number


def test_a_session_stops_in_good_order_where_nobody_reads_its_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = StopAsked()
    monkeypatch.setattr("sys.stdout", ClosedPipe())
    lines = EventLines(Output(json=False), stop)
    entry = ev.Entry(
        seq=1,
        at=0,
        input=ev.BookRecovered(engine_version="1"),
        reads=Reads(),
        events=(ev.ExecutionEnded(execution_id="E", status="completed"),),
    )
    lines(entry)
    lines(entry)
    assert lines.broken
    assert stop.asked == 13


def test_times_are_shown_after_the_decision() -> None:
    assert since("2024-03-15T00:00:02.5Z", "2024-03-15T00:00:01Z") == "+1.500"
    assert since(None, "2024-03-15T00:00:01Z") == "–"


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", "", "1e9"])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--speed"):
        speed_of(text)


@pytest.mark.parametrize("text", ["-1", "nan", "x", "1e12"])
def test_a_downtime_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--downtime"):
        downtime_of(text)


@pytest.mark.parametrize("text", ["2014", "2014-05-02T12:30:00", "noon", "1960-01-01T00:00:00Z"])
def test_a_time_without_zone_or_before_1970_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--at"):
        moment("--at", text)


def test_what_is_right_is_taken() -> None:
    assert (speed_of("max"), speed_of("2.5")) == ("max", "2.5")
    assert downtime_of("0.5") == Decimal("0.5")
    assert moment("--at", "1970-01-01T01:00:01+01:00") == 10**9


def test_quantities_are_added_up_within_a_symbol_only() -> None:
    def line(symbol: str, filled: int, working: int) -> ExecutionLine:
        zero = Decimal(0)
        totals = QuantityTotals(
            intended=Decimal(filled + working),
            filled=Decimal(filled),
            working=Decimal(working),
            in_doubt=zero,
            pending=zero,
            abandoned=zero,
            overfilled=zero,
        )
        return ExecutionLine(
            execution_id="e",
            signal_id="s",
            symbol=symbol,
            side="buy",
            decided_at="",
            accounts=1,
            quantities=totals,
            average_price=None,
            slippage_pips=None,
            status="working",
        )

    lines = [line("XAUUSD", 100, 0), line("EURUSD", 100, 50), line("EURUSD", 20, 0)]
    assert identities_by_symbol(lines) == [
        "EURUSD: intended 170 = filled 120 + working 50 + in doubt 0 + pending 0 + abandoned 0",
        "XAUUSD: intended 100 = filled 100 + working 0 + in doubt 0 + pending 0 + abandoned 0",
    ]
