"""docs/configuration.md shows exactly the keys, units and defaults that the readers know."""

from __future__ import annotations

import json
import re

from stretto.config import read_signal
from tests.unit.config.documented import PAGE, SHOWN, rewritten, table, tables_of


def test_the_page_shows_every_table_and_no_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = tables_of(page)
    missing = [table(section) for section in SHOWN if table(section) not in shown]
    assert not missing, "run python -m tests.unit.config.documented\n" + "\n".join(missing)
    assert len(shown) == len(SHOWN)
    assert rewritten(page) == page


def test_a_changed_default_is_noticed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    changed = page.replace("| fraction | `0.7` |", "| fraction | `0.8` |")
    assert changed != page
    assert any(table(section) not in tables_of(changed) for section in SHOWN)


def test_the_pages_signal_can_be_read() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    assert read_signal(block, "page").signal_id == json.loads(block)["signal_id"]
