"""The tables of docs/configuration.md as the reader's own sections make them.

``python -m tests.unit.config.documented`` writes them into the page, between its marks.
"""

from __future__ import annotations

import re
from pathlib import Path

from stretto.config import sections, signals
from stretto.config.accounts import ACCOUNT_WITH_TEMPLATE
from stretto.config.section import Section

PAGE = Path(__file__).resolve().parents[3] / "docs/configuration.md"
SHOWN: tuple[Section, ...] = (
    *(ACCOUNT_WITH_TEMPLATE if each is sections.ACCOUNT else each for each in sections.SECTIONS),
    *signals.SECTIONS,
)
_HEADING = "### "


def table(section: Section) -> str:
    """One section as it stands on the page: heading, meaning, table of keys."""
    name = section.header if section is signals.SIGNAL else f"`{section.header}`"
    lines = [f"{_HEADING}{name}", "", section.meaning, ""]
    if section.keys:
        lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{key.name}` | {key.kind.unit} | {key.default_shown} | {key.meaning} |"
        for key in section.keys
    ]
    return "\n".join(lines).rstrip() + "\n"


def tables_of(page: str) -> list[str]:
    """The parts of the page that begin with a heading of the third level."""
    parts = re.split(r"^(?=#{1,3} )", page, flags=re.MULTILINE)
    return [part.rstrip() + "\n" for part in parts if part.startswith(_HEADING)]


def rewritten(page: str) -> str:
    """The page with its tables replaced, each kind where its kind stood."""
    parts = re.split(r"^(?=#{1,3} )", page, flags=re.MULTILINE)
    kept = [part for part in parts if not part.startswith(_HEADING)]
    file_tables = [table(each) for each in SHOWN if each not in signals.SECTIONS]
    signal_tables = [table(each) for each in SHOWN if each in signals.SECTIONS]
    places = {"## The keys": file_tables, "## Signals": signal_tables}
    whole = []
    for part in kept:
        whole.append(part.rstrip() + "\n")
        for heading, tables in places.items():
            if part.startswith(heading):
                whole += tables
    return "\n".join(whole)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
