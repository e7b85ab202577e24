"""Stretto's own entries: every input has a version, and what was stored is read for ever."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from stretto.core.errors import JournalDamaged
from stretto.core.events import (
    BarsObserved,
    BarsRecorded,
    BookRecovered,
    Entry,
    Event,
    ExecutionEnded,
    Input,
    Payload,
    SendOutcomeKind,
    SendReported,
    TimerDue,
    TimerKind,
    VenueReported,
)
from stretto.core.terms.market import Bar, Quote, Reads
from stretto.core.terms.report import ExecType, ExecutionReport, OrdStatus
from stretto.journal.chain import Head, entry_hash, examine, link, verified
from stretto.journal.codec import encode
from stretto.journal.entries import VERSIONS, prepare, restore
from stretto.ports import PreparedEntry, StoredEntry
from tests.journals.record import read_golden

GOLDEN = Path(__file__).resolve().parents[2] / "journals" / "engine-v1.jsonl"
AT = 1_718_000_000_000_000_000


def entries() -> list[Entry]:
    """What golden files hold, as it is today; the file itself is never written again."""
    report = ExecutionReport(
        client_order_id="AAAABBBBCCCCDDDDEEEE",
        account_id="ftmo-01",
        exec_id="x1",
        exec_type=ExecType.TRADE,
        ord_status=OrdStatus.FILLED,
        cum_qty=Decimal("100000"),
        leaves_qty=Decimal("0"),
        avg_px=Decimal("1.08501"),
        order_qty=Decimal("100000"),
        trading_day="2024-06-10",
        transact_at=AT + 4,
        last_qty=Decimal("100000"),
        last_px=Decimal("1.08501"),
        fee=Decimal("3.50"),
    )
    quote = Quote(symbol="EURUSD", at=AT + 3, bid=Decimal("1.08500"), ask=Decimal("1.08501"))
    bars = (Bar(day="2024-06-07", close=Decimal("1.0898")),)
    sent = SendReported(
        client_order_id="AAAABBBBCCCCDDDDEEEE", outcome=SendOutcomeKind.SENT, sent_at=AT + 2
    )
    due = TimerDue(timer=TimerKind.QUERY, key="AAAABBBBCCCCDDDDEEEE", due_at=AT + 3)
    inputs: list[tuple[Input, tuple[Event, ...]]] = [
        (
            BarsObserved(symbol="EURUSD", bars=bars),
            (BarsRecorded(symbol="EURUSD", bars=bars),),
        ),
        (sent, ()),
        (due, ()),
        (
            VenueReported(report=report),
            (ExecutionEnded(execution_id="E1", status="completed"),),
        ),
        (BookRecovered(engine_version="0.1.0"), ()),
    ]
    return [
        Entry(
            seq=seq,
            at=AT + seq,
            input=given,
            reads=Reads(quotes={"EURUSD": quote}) if events else Reads(),
            events=events,
        )
        for seq, (given, events) in enumerate(inputs, start=1)
    ]


def prepared(entry: Entry) -> PreparedEntry:
    return prepare(
        entry, book_id="golden", engine_version="0.1.0", execution_id="E1", account_id="ftmo-01"
    )


def stored(entry: PreparedEntry) -> StoredEntry:
    (row,), _ = link(entry.header.book_id, Head(seq=entry.header.seq - 1), [entry])
    _book_id, _seq, data, payload, hashed = row
    assert hashed == entry_hash(bytes(32), data, payload)
    return StoredEntry(header=entry.header, header_bytes=data, payload=payload, hash=hashed)


def test_every_input_has_a_version() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in get_args(Input)}
    assert tags <= VERSIONS.keys()


@pytest.mark.parametrize("entry", entries(), ids=lambda e: type(e.input).__name__)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    ready = prepared(entry)
    assert ready.header.kind == type(entry.input).__struct_config__.tag
    assert ready.header.version == VERSIONS[ready.header.kind]
    assert (ready.header.seq, ready.header.at) == (entry.seq, entry.at)
    assert restore(stored(ready)) == entry


def test_a_value_that_no_constructor_takes_is_reported_as_damage() -> None:
    ready = prepared(entries()[3])
    bad = PreparedEntry(
        header=ready.header,
        payload=ready.payload.replace(b'"cum_qty":"100000"', b'"cum_qty":"NaN"'),
    )
    assert bad.payload != ready.payload
    with pytest.raises(JournalDamaged, match=r"book 'golden', entry 4: 'venue_reported' version 1"):
        restore(stored(bad))


def test_the_golden_journal_of_version_1_verifies_and_means_what_it_meant() -> None:
    assert examine(read_golden(GOLDEN), "golden").entries == 5
    assert [restore(e) for e in verified(read_golden(GOLDEN), "golden")] == entries()


@pytest.mark.parametrize("entry", entries(), ids=lambda e: type(e.input).__name__)
def test_a_payload_is_one_of_events_that_stand_for_themselves(entry: Entry) -> None:
    ready = prepared(entry)
    payload = Payload(input=entry.input, events=entry.events, reads=entry.reads)
    assert ready.payload == encode(payload)
    assert ready.events == tuple(encode(event) for event in entry.events)
