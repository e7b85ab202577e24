"""Stretto's own entries as stored bytes: the codec of ``core.events`` with its versions.

Whoever changes the stored shape of an input, or of an event in its entries, raises the version of
that kind here and registers an upcaster from the one before. A new field with a default changes
nothing that is stored and needs neither. Knows nothing of storage.
"""

from __future__ import annotations

from typing import get_args

import msgspec

from stretto.core.errors import check
from stretto.core.events import Entry, Input, Payload, kind_of
from stretto.core.terms.market import Reads
from stretto.journal.codec import PayloadCodec, Upcasters, encode
from stretto.ports import EntryHeader, PreparedEntry, StoredEntry

VERSIONS = {
    "book_opened": 1,
    "account_observed": 1,
    "history_observed": 1,
    "bars_observed": 1,
    "calendar_observed": 1,
    "signal_received": 1,
    "exit_received": 1,
    "timer_due": 1,
    "send_reported": 1,
    "replace_reported": 1,
    "amend_reported": 1,
    "venue_reported": 1,
    "order_reported": 1,
    "cancel_rejected": 1,
    "venue_answered": 1,
    "protection_answered": 1,
    "view_reported": 1,
    "mass_status_observed": 1,
    "intervened": 1,
    "book_recovered": 1,
}
"""Current codec version of every kind; a kind that is no longer written stays, to be read."""

UPCASTERS = Upcasters()

check(
    {kind.__struct_config__.tag for kind in get_args(Input)} <= VERSIONS.keys(),
    "every input needs a codec version",
)

_codec = PayloadCodec(Payload, VERSIONS, UPCASTERS)


class _Stored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A ``Payload`` whose events are encoded: the query tables show each as it is stored."""

    input: Input
    events: tuple[msgspec.Raw, ...]
    reads: Reads = Reads()


check(
    _Stored.__struct_fields__ == Payload.__struct_fields__,
    "a payload is stored in the order of its fields",
)


def prepare(
    entry: Entry,
    *,
    book_id: str,
    engine_version: str,
    execution_id: str = "",
    account_id: str = "",
    correlation_id: str = "",
    actor: str = "system",
) -> PreparedEntry:
    """A handled input as an entry to append; the ids say whom it concerns, where that is one."""
    kind = kind_of(entry.input)
    header = EntryHeader(
        book_id=book_id,
        seq=entry.seq,
        at=entry.at,
        kind=kind,
        version=VERSIONS[kind],
        engine_version=engine_version,
        execution_id=execution_id,
        account_id=account_id,
        correlation_id=correlation_id,
        actor=actor,
    )
    events = tuple([encode(event) for event in entry.events])
    payload = _Stored(input=entry.input, events=tuple(map(msgspec.Raw, events)), reads=entry.reads)
    return PreparedEntry(header=header, payload=encode(payload), events=events)


def restore(stored: StoredEntry) -> Entry:
    """The handled input of a verified entry, whatever version it was written in.

    Raises UnsupportedEntry and JournalDamaged, naming book and sequence.
    """
    payload = _codec.decode_entry(stored)
    return Entry(
        seq=stored.header.seq,
        at=stored.header.at,
        input=payload.input,
        reads=payload.reads,
        events=payload.events,
    )
