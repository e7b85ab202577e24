"""What the auditor is told, and its first checks: ids, sequence, intent before send."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.terms.market import Reads
from stretto.ports import SubmitOrder
from stretto.simulation.auditor import Auditor, InvariantBroken
from tests.builders import VENUE, Desk, S, a_config, a_signal


def a_desk() -> Desk:
    """A desk with one execution, all of whose releases are due and intended."""
    desk = Desk(a_config(2))
    desk.feed(ev.SignalReceived(signal=a_signal()))
    desk.timers_until(desk.now + 40 * S)
    return desk


def an_auditor(desk: Desk) -> Auditor:
    auditor = Auditor(desk.book.configuration, [VENUE])
    for entry in desk.entries:
        auditor.appended(entry, desk.book)
    return auditor


def submits(desk: Desk) -> list[SubmitOrder]:
    return [command for command in desk.commands if isinstance(command, SubmitOrder)]


def broken(call: Any, *arguments: Any) -> int:
    with pytest.raises(InvariantBroken) as found:
        call(*arguments)
    return found.value.number


def test_orders_that_are_sent_once_after_their_intent_pass() -> None:
    desk = a_desk()
    auditor = an_auditor(desk)
    assert submits(desk)
    for command in submits(desk):
        auditor.sending(command, command.send_before - 1)
    auditor.resumed(desk.book, desk.now)


def test_a_second_write_of_an_order_is_found() -> None:
    desk = a_desk()
    auditor = an_auditor(desk)
    command = submits(desk)[0]
    auditor.sending(command, command.send_before - 1)
    assert broken(auditor.sending, command, command.send_before - 1) == 1


def test_a_late_write_is_found() -> None:
    desk = a_desk()
    command = submits(desk)[0]
    assert broken(an_auditor(desk).sending, command, command.send_before) == 14


def test_a_write_without_an_intent_is_found() -> None:
    desk = a_desk()
    stray = msgspec.structs.replace(submits(desk)[0], client_order_id="A" * 20)
    assert broken(an_auditor(desk).sending, stray, desk.now) == 14


def test_a_gap_in_the_sequence_is_found() -> None:
    desk = a_desk()
    auditor = an_auditor(desk)
    entry = ev.Entry(
        seq=desk.book.seq + 2,
        at=desk.now,
        input=ev.BookRecovered(engine_version="test"),
        reads=Reads(),
        events=(),
    )
    assert broken(auditor.appended, entry, desk.book) == 14


def test_a_book_that_lost_entries_is_found() -> None:
    desk = a_desk()
    auditor = Auditor(desk.book.configuration, [VENUE])
    assert broken(auditor.resumed, desk.book, desk.now) == 15
