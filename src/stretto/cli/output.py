"""What a command prints: tables and colour on a terminal, else plain text or one JSON object.

Standard output carries the result only; everything said on the way goes to standard error. Knows no
command and nothing of the domain but how its numbers are written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stretto.core.values import plain
from stretto.views.texts import number

_STYLES = {
    "filled": "green",
    "completed": "green",
    "active": "green",
    "intact": "green",
    "identical": "green",
    "working": "cyan",
    "pending": "cyan",
    "refused": "yellow",
    "abandoned": "yellow",
    "close_only": "yellow",
    "in_doubt": "bold red",
    "overfilled": "bold red",
    "halted": "bold red",
    "suspended": "red",
    "terminated": "red",
    "damaged": "bold red",
}
_GAP = 2
PRICE_STEP = Decimal("0.00001")
PIP_STEP = Decimal("0.01")
MS_STEP = Decimal("0.001")
_WRAPPED_WIDTH_MIN = 24


class Column(NamedTuple):
    """A column: its name, whether it is aligned right, and its rank. Where the terminal is too
    narrow the highest ranks are left out first; rank 0 stays. A ``wraps`` one takes what is left.
    """

    name: str
    right: bool = False
    rank: int = 0
    wraps: bool = False


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of texts. ``note`` stands below it."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(kw_only=True)
class Output:
    """Where a command's result goes. ``db`` is remembered for the message of a crash, and so is
    that a session ``is_playing``: that it journaled something.
    """

    json: bool
    out: Console = field(default_factory=lambda: Console(highlight=False))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    db: str = ""
    is_playing: bool = False

    @property
    def is_terminal(self) -> bool:
        """True where a person looks at standard output."""
        return self.out.is_terminal

    def result(self, value: Any, render: Callable[[Output], None]) -> None:
        """Print the result: ``value`` as one JSON object, or whatever ``render`` prints."""
        if self.json:
            self.object(value)
        else:
            render(self)
            sys.stdout.flush()

    def object(self, value: Any) -> None:
        """Print one JSON object."""
        sys.stdout.write(json_text(value) + "\n")
        sys.stdout.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """One line of the result, never wrapped or coloured but on a terminal."""
        self.out.print(Text(text, style=style), soft_wrap=not self.is_terminal)

    def item(self, label: str, text: str) -> None:
        """A labelled sentence; on a terminal the label stands out and the text is indented."""
        if not self.is_terminal:
            self.line(f"{label}: {text}")
            return
        self.out.print(Text(label, style="bold yellow"))
        self.out.print(Padding(Text(text), (0, 0, 0, 2)))

    def heading(self, text: str) -> None:
        """A line that opens a section."""
        self.line()
        self.line(text, "bold")

    def said(self, text: str, style: str = "") -> None:
        """One line on standard error, for a person; the result does not need it."""
        self.err.print(Text(text, style=style), soft_wrap=True)

    def grid(self, grid: Grid) -> None:
        """A table: drawn to the terminal's width, naming the columns that it had no room for, or
        aligned plain text of full width.
        """
        if grid.title:
            self.heading(grid.title)
        if not self.is_terminal:
            for line in plain_lines(grid.columns, grid.rows):
                self.line(line)
        else:
            kept = fitting(grid.columns, grid.rows, self.out.width)
            self.out.print(_drawn(grid, kept))
            left_out = [c.name for place, c in enumerate(grid.columns) if place not in kept]
            if any(left_out):
                names = listed(name for name in left_out if name)
                self.line(f"no room in {self.out.width} columns for: {names}", "dim")
        if grid.note:
            self.line(grid.note, "dim")


def json_text(value: Any) -> str:
    """A value as one line of JSON; Decimals become exact numbers, bytes hex, structs objects."""
    builtins = msgspec.to_builtins(value, builtin_types=(Decimal, bytes))
    return msgspec.json.encode(_numbers(builtins)).decode()


def _numbers(value: Any) -> Any:
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    return value


def quantity(value: Decimal | None) -> str:
    """A quantity or an amount for a person: exact, with commas between thousands."""
    if value is None:
        return "–"
    text = plain(value)
    if not value.is_finite():
        return text
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


def money(value: Decimal | None) -> str:
    """An amount of money for a person, to the hundredth."""
    return "–" if value is None else f"{value:,.2f}"


def rounded(value: Decimal | None, step: Decimal) -> str:
    """A mean or a ratio for a person, to the nearest ``step``."""
    return "–" if value is None else str(value.quantize(step))


def percent(value_ppm: int) -> str:
    """A fraction in 1e-6 as a percentage with one decimal."""
    return f"{Decimal(value_ppm).scaleb(-4):.1f} %"


def plain_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Header and rows as aligned text, two spaces between columns, nothing cut off."""
    widths = _widths(columns, rows)
    lines = []
    for cells in [[column.name for column in columns], *rows]:
        parts = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, column, width in zip(cells, columns, widths, strict=True)
        ]
        lines.append((" " * _GAP).join(parts).rstrip())
    return lines


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Which columns to show in ``width`` characters: all, or fewer from the highest rank down."""
    widths = [
        min(natural, _WRAPPED_WIDTH_MIN) if column.wraps else natural
        for natural, column in zip(_widths(columns, rows), columns, strict=True)
    ]
    kept = list(range(len(columns)))
    while sum(widths[i] + _GAP for i in kept) - _GAP > width:
        worst = max(kept, key=lambda i: (columns[i].rank, i))
        if columns[worst].rank == 0:
            break
        kept.remove(worst)
    return kept


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max([len(column.name), *(len(row[place]) for row in rows)])
        for place, column in enumerate(columns)
    ]


def _drawn(grid: Grid, kept: Sequence[int]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    for place in kept:
        column = grid.columns[place]
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            overflow="fold",
        )
    for row in grid.rows:
        table.add_row(*(_styled(row[place]) for place in kept))
    return table


def _styled(cell: str) -> Text:
    return Text(cell, style=_STYLES.get(cell, ""))


def listed(words: Iterable[str], none: str = "none") -> str:
    """Words with commas, or ``none``."""
    return ", ".join(words) or none
