"""Stored bytes: exact, canonical, versioned, and readable for ever."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from stretto.core.errors import InvariantViolated, JournalDamaged
from stretto.journal.chain import examine, verified
from stretto.journal.codec import (
    Document,
    PayloadCodec,
    UnsupportedEntry,
    Upcasters,
    decode,
    encode,
)
from stretto.ports import EntryHeader, StoredEntry
from tests.journals.record import read_golden

GOLDEN = Path(__file__).resolve().parents[2] / "journals"


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    symbol: str
    size: Decimal


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="closed"):
    reason: str = ""


class Filled(msgspec.Struct, frozen=True, kw_only=True, tag="filled"):
    quantity: Decimal
    price: Decimal


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    status: str


class Body(msgspec.Struct, frozen=True, kw_only=True):
    input: Opened | Closed
    reads: dict[str, Decimal] = {}
    events: tuple[Filled | Ended, ...] = ()


def upcasters() -> Upcasters:
    """1 → 2: ``qty`` became ``size``; 2 → 3: fills got a price, kept until then in the reads."""

    def renamed(document: Document) -> Document:
        changed = dict(document["input"])
        changed["size"] = changed.pop("qty")
        return {**document, "input": changed}

    def priced(document: Document) -> Document:
        price = document["reads"]["mid"]
        events = [{"price": price, **e} if e["type"] == "filled" else e for e in document["events"]]
        return {**document, "events": events}

    found = Upcasters()
    found.register("opened", 1, renamed)
    found.register("opened", 2, priced)
    return found


def codec() -> PayloadCodec[Body]:
    return PayloadCodec(Body, {"opened": 3, "closed": 1}, upcasters())


BODY = Body(
    input=Opened(symbol="EURUSD", size=Decimal("100000.00")),
    reads={"mid": Decimal("1.08501"), "ask": Decimal("1.0851")},
    events=(Filled(quantity=Decimal("1E+5"), price=Decimal("1.0850")), Ended(status="done")),
)


# --- exact and canonical ----------------------------------------------------------------------


def test_a_body_comes_back_with_every_digit_it_had() -> None:
    back = codec().decode(codec().encode(BODY), "opened", 3)
    assert back == BODY
    assert str(back.input.size if isinstance(back.input, Opened) else "") == "100000.00"


def test_decimals_are_strings_and_keys_sorted_so_that_equal_values_are_equal_bytes() -> None:
    assert encode({"b": Decimal("1.10"), "a": 1}) == b'{"a":1,"b":"1.10"}'
    assert encode({"a": 1, "b": Decimal("1.10")}) == b'{"a":1,"b":"1.10"}'
    assert codec().encode(BODY).startswith(b'{"input":{"type":"opened","symbol":"EURUSD",')


def test_decode_takes_unions_and_names_what_does_not_fit() -> None:
    assert decode(b'{"type":"closed","reason":"x"}', Opened | Closed) == Closed(reason="x")
    with pytest.raises(JournalDamaged, match=r"no Closed: .*\$\.reason"):
        decode(b'{"type":"closed","reason":1}', Closed)
    with pytest.raises(JournalDamaged, match="truncated"):
        decode(b'{"type":', Closed)


# --- versions ---------------------------------------------------------------------------------


def test_an_old_version_is_lifted_step_by_step() -> None:
    old = (
        b'{"input":{"type":"opened","symbol":"EURUSD","qty":"2"},"reads":{"mid":"1.1"},'
        b'"events":[{"type":"filled","quantity":"2"},{"type":"ended","status":"done"}]}'
    )
    body = codec().decode(old, "opened", 1)
    assert body.input == Opened(symbol="EURUSD", size=Decimal(2))
    assert body.events == (
        Filled(quantity=Decimal(2), price=Decimal("1.1")),
        Ended(status="done"),
    )


def test_a_newer_version_is_not_guessed_at() -> None:
    with pytest.raises(UnsupportedEntry, match=r"'opened' version 4 is newer .* up to 3: upgrade"):
        codec().decode(codec().encode(BODY), "opened", 4)


def test_an_unknown_kind_is_not_guessed_at() -> None:
    with pytest.raises(UnsupportedEntry, match="kind 'merged' is unknown"):
        codec().decode(b"{}", "merged", 1)
    with pytest.raises(UnsupportedEntry, match="no version 0"):
        codec().decode(b"{}", "opened", 0)


@pytest.mark.parametrize(
    ("payload", "version"),
    [(b"{", 3), (b'{"input":{"type":"opened"}}', 3), (b'{"input":{}}', 1), (b"[1]", 1)],
)
def test_bytes_that_are_not_what_they_say_are_damage(payload: bytes, version: int) -> None:
    with pytest.raises(JournalDamaged, match=f"'opened' version {version}"):
        codec().decode(payload, "opened", version)


def test_an_error_in_an_entry_names_book_and_sequence() -> None:
    header = EntryHeader(book_id="b", seq=7, at=1, kind="opened", version=9, engine_version="x")
    entry = StoredEntry(header=header, header_bytes=b"", payload=b"{}", hash=b"")
    with pytest.raises(UnsupportedEntry, match=r"book 'b', entry 7: 'opened' version 9"):
        codec().decode_entry(entry)


def test_a_missing_or_useless_upcaster_is_found_before_an_old_entry_is() -> None:
    with pytest.raises(InvariantViolated, match=r"no upcaster for \[\('opened', 3\)\]"):
        PayloadCodec(Body, {"opened": 4}, upcasters())
    with pytest.raises(InvariantViolated, match="not stored"):
        PayloadCodec(Body, {"opened": 2}, upcasters())
    twice = upcasters()
    with pytest.raises(InvariantViolated, match="two upcasters"):
        twice.register("opened", 1, lambda document: document)


def test_the_current_version_is_known_for_every_kind_written() -> None:
    assert codec().version("opened") == 3
    with pytest.raises(InvariantViolated, match="no codec version"):
        codec().version("merged")


# --- golden files: what was once stored is read for ever ---------------------------------------


def test_the_golden_chain_of_layout_1_still_verifies() -> None:
    rows = list(read_golden(GOLDEN / "shapes-v1.jsonl"))
    found = examine(rows, "golden")
    assert found.intact
    assert found.head.hash.hex() == (
        "b94ff3cf946be72a25bf082d810dc35a61d1ffa6329b1cfd2ebc32f82c466918"
    )


def test_golden_entries_of_every_version_decode_to_the_same_body() -> None:
    entries = list(verified(read_golden(GOLDEN / "shapes-v1.jsonl"), "golden"))
    assert [e.header.version for e in entries] == [1, 2, 3]
    bodies = [codec().decode_entry(e) for e in entries]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0].input == Opened(symbol="EURUSD", size=Decimal("100000"))
    assert bodies[0].events[0] == Filled(quantity=Decimal("100000"), price=Decimal("1.08501"))


@pytest.mark.parametrize("data", [b'{"\xc0":1}', b'"\xff"', b'{"input":"\xed\xa0\x80"}'])
def test_bytes_that_are_no_text_are_damage_and_no_bug(data: bytes) -> None:
    with pytest.raises(JournalDamaged):
        decode(data, dict[str, str] | str)


def test_a_header_that_is_no_text_is_named_as_changed() -> None:
    row = (1, b'{"\xc0ook_id":"main","seq":1}', b"{}", b"\0" * 32)
    found = examine([row], "main")
    assert (found.bad_seq, found.intact) == (1, False)
    assert "does not decode" in found.problem
