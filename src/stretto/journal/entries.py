"""Handled inputs to prepared entries and back: which header an entry gets, at which version.

The one place where the journal meets the core's unions. Knows nothing of storage.
"""

from __future__ import annotations

from typing import get_args

from stretto import __version__
from stretto.core import events as ev
from stretto.journal.codec import PayloadCodec, Upcasters
from stretto.ports import EntryHeader, PreparedEntry, StoredEntry

VERSIONS: dict[str, int] = {ev.kind_of(kind): 1 for kind in get_args(ev.Input)}
"""Current payload version of every kind; raise one together with an upcaster in ``UPCASTERS``."""

UPCASTERS = Upcasters()


class EntryCodec:
    """Encodes and decodes the entries of one book."""

    def __init__(self, book_id: str, engine_version: str = __version__) -> None:
        self.book_id = book_id
        self._engine_version = engine_version
        self._payloads: PayloadCodec[ev.Payload] = PayloadCodec(ev.Payload, VERSIONS, UPCASTERS)

    def prepare(self, entry: ev.Entry) -> PreparedEntry:
        """Header and stored payload of one handled input."""
        kind = ev.kind_of(entry.input)
        execution_id, account_id = subject_of(entry)
        header = EntryHeader(
            book_id=self.book_id,
            seq=entry.seq,
            at=entry.at,
            kind=kind,
            version=VERSIONS[kind],
            engine_version=self._engine_version,
            execution_id=execution_id,
            account_id=account_id,
            correlation_id=execution_id,
        )
        body = ev.Payload(input=entry.input, reads=entry.reads, events=entry.events)
        return PreparedEntry(header=header, payload=self._payloads.encode(body))

    def restore(self, stored: StoredEntry) -> ev.Entry:
        """The handled input of a verified entry. Raises UnsupportedEntry, JournalDamaged."""
        body = self._payloads.decode_entry(stored)
        header = stored.header
        return ev.Entry(
            seq=header.seq, at=header.at, input=body.input, reads=body.reads, events=body.events
        )


def subject_of(entry: ev.Entry) -> tuple[str, str]:
    """Execution and account the entry is about; empty where it is about none or several."""
    execution_id = account_id = ""
    for event in entry.events:
        if isinstance(event, ev.SignalPlanned | ev.SignalRefused):
            return event.plan.execution_id, ""
        execution_id = execution_id or getattr(event, "execution_id", "")
        account_id = account_id or getattr(event, "account_id", "")
        if isinstance(event, ev.AccountUpdated):
            account_id = event.snapshot.account_id
    return execution_id, account_id
