"""Prints a table with the machine it was measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header, columns aligned."""
    widths = [max(len(str(r[at])) for r in (header, *rows)) for at in range(len(header))]
    print(f"\n{title}  ({os.cpu_count()} cores, Python {platform.python_version()})")
    for row in (header, ["-" * width for width in widths], *rows):
        cells = [str(cell).rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  " + "  ".join(cells))
