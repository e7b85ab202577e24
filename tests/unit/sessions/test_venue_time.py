"""A book that goes by the time of a venue in another process, and when it cannot."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from stretto.brokers.remote_wire import Pace
from stretto.core.book import Book
from stretto.core.errors import InvalidInput
from stretto.core.values import NS_PER_S
from stretto.runtime.clock import LoopClock, PacedLoop
from stretto.sessions.play import _check_time
from tests.builders import START


def begun(seconds_ago: int, speed: str = "10") -> Pace:
    began_ns = time.monotonic_ns() - seconds_ago * NS_PER_S
    return Pace(start_ns=START, began_ns=began_ns, speed=speed)


def test_both_processes_show_the_same_time() -> None:
    pace = begun(60)
    loop = PacedLoop(pace.start_ns, Decimal(pace.speed), pace.began_ns)
    before = pace.now_ns()
    shown = LoopClock(loop).now_ns()
    assert before <= shown <= pace.now_ns()
    assert before >= START + 600 * NS_PER_S
    loop.close()


def test_a_book_that_remembers_a_later_time_than_the_venue_is_turned_away() -> None:
    book = Book()
    book.at = START + 599 * NS_PER_S
    _check_time(begun(60), book, Decimal(0))
    with pytest.raises(InvalidInput, match="was started anew and has forgotten"):
        _check_time(begun(1), book, Decimal(0))


def test_no_downtime_can_be_asked_for() -> None:
    with pytest.raises(InvalidInput, match="the venue's own time passes"):
        _check_time(begun(60), Book(), Decimal(5))
