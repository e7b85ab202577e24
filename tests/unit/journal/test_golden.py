"""What any release stored is read for ever, and still says what it said: every kind there is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stretto.journal.chain import examine, verified
from stretto.journal.entries import VERSIONS, restore
from stretto.ports import EntryHeader
from tests.journals.record import (
    BOOK,
    golden_files,
    kinds_held,
    kinds_storable,
    read_golden,
    read_lines,
)
from tests.journals.samples import entries, held, meaning, tagged

HEADS = {
    "kinds-v1.jsonl.xz": "5b19ce29eca73a067f3108cc9a879eb2db05a65d69114cf45e283f08938b0e26",
    "kinds-v2.jsonl.xz": "a25b6d16787a42ab739b032efcd1dc41ddfc6e5c80966fc641777c7f02eeebf5",
}
"""The last hash of each golden file: none is ever written again."""


def test_every_kind_that_a_journal_can_hold_is_in_a_golden_file() -> None:
    lacking = sorted(kinds_storable() - kinds_held())
    assert not lacking, (
        "run `python -m tests.journals.record`, commit its file, and its line in HEADS"
    )


def test_golden_files_are_as_they_were_written() -> None:
    found = {file.name: examine(read_golden(file), BOOK) for file in golden_files()}
    assert all(each.intact for each in found.values())
    assert {name: each.head.hash.hex() for name, each in found.items()} == HEADS


@pytest.mark.parametrize("file", golden_files(), ids=lambda file: str(file.name))
def test_golden_entries_still_say_what_they_said(file: Any) -> None:
    lines = list(read_lines(file))
    restored = [restore(entry) for entry in verified(read_golden(file), BOOK)]
    assert len(restored) == len(lines) > 0
    for line, entry in zip(lines, restored, strict=True):
        assert entry.seq == line.seq
        stored = msgspec.json.decode(line.header, type=EntryHeader)
        if stored.version == VERSIONS[stored.kind]:  # a lifted one says it in other words
            assert not differences(line.means, meaning(entry), stored.kind)


def differences(before: Any, now: Any, place: str) -> list[str]:
    """What was said before and is not now; what is said besides is new, and no difference."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            each
            for name, part in before.items()
            for each in (
                differences(part, now[name], f"{place}.{name}")
                if name in now
                else [f"{place}.{name} is lost"]
            )
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [each for at, (a, b) in pairs for each in differences(a, b, f"{place}.{at}")]
    return [] if before == now else [f"{place} was {before!r}, is {now!r}"]


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ({"size": "1.50", "parts": [{"": "a", "n": 1}], "new": 0}, []),
        ({"size": "1.5", "parts": [{"": "a", "n": 1}]}, ["x.size was '1.50', is '1.5'"]),
        ({"quantity": "1.50", "parts": [{"": "a", "n": 1}]}, ["x.size is lost"]),
        ({"size": "1.50", "parts": [{"": "b", "n": 1}]}, ["x.parts.0. was 'a', is 'b'"]),
        ({"size": "1.50", "parts": []}, ["x.parts was [{'': 'a', 'n': 1}], is []"]),
    ],
)
def test_what_an_entry_no_longer_says_is_named(now: dict[str, Any], found: list[str]) -> None:
    assert differences({"size": "1.50", "parts": [{"": "a", "n": 1}]}, now, "x") == found


def test_a_kind_that_is_missing_is_recorded_with_what_holds_it() -> None:
    kinds = [tagged(held(entry)) for entry in entries({"reroute_to"})]
    assert any("reroute_to" in each for each in kinds)
    assert all(each & {"intervened", "book_recovered"} for each in kinds)
