"""What is printed: exact JSON, plain text where nobody looks, tables that fit a terminal."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console

from stretto.cli.output import (
    Column,
    Grid,
    Output,
    fitting,
    json_text,
    money,
    percent,
    plain_lines,
    quantity,
)

COLUMNS = (
    Column("account"),
    Column("balance", right=True, rank=2),
    Column("equity", right=True, rank=1),
    Column("why", rank=3, wraps=True),
)
ROWS = (
    ("granite-01", "100,000.00", "99,000.00", "a reason that is rather long, longer than a line"),
    ("b", "1.00", "2.00", ""),
)
ROWS_SHORT = (ROWS[0][:3],)


def output(width: int, *, terminal: bool) -> tuple[Output, io.StringIO]:
    to = io.StringIO()
    console = Console(
        file=to, width=width, force_terminal=terminal, color_system=None, highlight=False
    )
    return Output(json=False, out=console, err=console), to


class Sample(msgspec.Struct):
    price: Decimal
    hash: bytes
    name: str
    at: int
    missing: str | None = None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+5"), "100000"),
        (Decimal("0.10"), "0.1"),
        (Decimal("123456789012345678901234567890.123456789"), None),
        (Decimal("-0.00"), "0"),
    ],
)
def test_decimals_become_exact_json_numbers(value: Decimal, text: str | None) -> None:
    assert json_text({"x": value}) == f'{{"x":{text or value}}}'


def test_structs_bytes_and_nothing_become_json() -> None:
    sample = Sample(price=Decimal("1.30"), hash=b"\x0f\xff", name="ä", at=2**63 - 1)
    assert json_text([sample]) == (
        '[{"price":1.3,"hash":"0fff","name":"ä","at":9223372036854775807,"missing":null}]'
    )


def test_what_json_has_no_number_for_stays_text() -> None:
    assert json.loads(json_text({"x": Decimal("NaN")})) == {"x": "NaN"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal(1234567), "1,234,567"),
        (Decimal("1234.5600"), "1,234.56"),
        (Decimal("-1234.5"), "-1,234.5"),
        (Decimal("0.000012"), "0.000012"),
        (Decimal("-0.5"), "-0.5"),
        (Decimal("1E+6"), "1,000,000"),
        (None, "–"),
    ],
)
def test_quantities_are_written_exactly_for_a_person(value: Decimal | None, text: str) -> None:
    assert quantity(value) == text


def test_money_and_percentages_are_rounded_for_a_person() -> None:
    assert money(Decimal("1234567.005")) == "1,234,567.00"  # half to even
    assert money(None) == "–"
    assert percent(-125_000) == "-12.5 %"


def test_plain_text_is_aligned_and_never_cut() -> None:
    lines = plain_lines(COLUMNS, ROWS)
    assert lines == [
        "account        balance     equity  why",
        "granite-01  100,000.00  99,000.00  a reason that is rather long, longer than a line",
        "b                 1.00       2.00",
    ]


def test_columns_of_the_highest_rank_are_left_out_first() -> None:
    # account 10, balance 10, equity 9, why 24 of 48 characters, each with a gap of 2.
    assert fitting(COLUMNS, ROWS, 59) == [0, 1, 2, 3]
    assert fitting(COLUMNS, ROWS, 58) == [0, 1, 2]
    assert fitting(COLUMNS, ROWS, 32) == [0, 2]
    assert fitting(COLUMNS, ROWS, 10) == [0]
    assert fitting(COLUMNS, ROWS, 5) == [0], "what matters most stays"


def test_a_pipe_gets_full_lines_without_drawing_or_colour() -> None:
    out, to = output(20, terminal=False)
    out.grid(Grid(title="Accounts", columns=COLUMNS, rows=ROWS, note="a note"))
    text = to.getvalue()
    assert "a reason that is rather long, longer than a line\n" in text
    assert text.endswith("a note\n")
    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_terminal_gets_a_table_of_its_width(width: int) -> None:
    out, to = output(width, terminal=True)
    out.grid(Grid(title="Accounts", columns=COLUMNS, rows=ROWS))
    out.item("a_rule", "a sentence about it " * 10)
    lines = to.getvalue().splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    assert any("granite-01" in line for line in lines)
    assert any("─" in line for line in lines)
    assert any("a reason" in line for line in lines) is (width > 40)
    told = [line for line in lines if line.startswith("no room in ")]
    assert told == (["no room in 40 columns for: why"] if width == 40 else [])


def test_a_table_that_fits_to_the_last_character_loses_none() -> None:
    width = 33
    out, to = output(width, terminal=True)
    out.grid(Grid(title="", columns=COLUMNS[:3], rows=ROWS_SHORT))
    lines = [line.rstrip() for line in to.getvalue().splitlines()]
    assert max(map(len, lines)) == width
    assert lines[-1].split() == ["granite-01", "100,000.00", "99,000.00"]


def test_with_json_the_result_is_one_line_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def never(_: Output) -> None:
        raise AssertionError

    Output(json=True).result({"quantity": Decimal("2.50")}, never)
    captured = capsys.readouterr()
    assert captured.out == '{"quantity":2.5}\n'
    assert captured.err == ""
