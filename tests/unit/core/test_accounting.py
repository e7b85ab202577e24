"""Account snapshots: anchors of the firm's day, peaks, and words that come too late."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.report import ExecType, OrdStatus
from stretto.core.values import parse_iso
from tests.builders import BALANCE, START, Desk, S, a_config, a_rulebook, a_snapshot, only

D = Decimal
DAY = 86_400 * S


def a_desk() -> Desk:
    return Desk(a_config(1, rulebook=a_rulebook(day_reset="17:00", day_zone="America/New_York")))


def observe(desk: Desk, at: int, balance: int, equity: int) -> ev.AccountUpdated:
    desk.now = max(desk.now, at)
    snapshot = a_snapshot("a0", at, balance=D(balance), equity=D(equity))
    return only(desk.feed(ev.AccountObserved(snapshot=snapshot)), ev.AccountUpdated)


def test_the_first_word_is_the_anchor_of_the_day_it_falls_in() -> None:
    anchor = a_desk().book.ledgers["a0"].anchor
    assert anchor is not None
    assert anchor.day_started_at == parse_iso("2024-03-14T21:00:00Z"), "17:00 in summer New York"
    assert (anchor.balance, anchor.peak_equity) == (BALANCE, BALANCE)


def test_within_the_day_only_the_peak_moves() -> None:
    desk = a_desk()
    up = observe(desk, START + S, 100_000, 101_000).anchor
    down = observe(desk, START + 2 * S, 99_000, 99_500).anchor
    assert (up.peak_equity, down.peak_equity) == (D(101_000), D(101_000))
    assert (down.balance, down.equity) == (BALANCE, BALANCE)
    assert down.peak_end_of_day == BALANCE


def test_a_new_day_starts_from_the_last_word_before_it() -> None:
    desk = a_desk()
    observe(desk, START + S, 102_000, 101_500)
    anchor = observe(desk, START + DAY, 90_000, 90_500).anchor
    assert anchor.day_started_at == parse_iso("2024-03-15T21:00:00Z")
    assert (anchor.balance, anchor.equity) == (D(102_000), D(101_500))
    assert anchor.peak_end_of_day == 102_000
    assert anchor.peak_equity == 101_500


def test_old_repeated_and_foreign_words_change_nothing() -> None:
    desk = a_desk()
    observe(desk, START + S, 100_100, 100_100)
    assert desk.feed(ev.AccountObserved(snapshot=a_snapshot("a0", START))) == ()
    same = a_snapshot("a0", START + S, balance=D(100_100), equity=D(100_100))
    assert desk.feed(ev.AccountObserved(snapshot=same)) == ()
    assert desk.feed(ev.AccountObserved(snapshot=a_snapshot("a9", START))) == ()


def test_margin_of_a_fill_stays_set_aside_until_a_newer_word() -> None:
    desk = a_desk()
    order = desk.order()
    at = desk.now
    full = order.quantity
    desk.report(order, ExecType.TRADE, OrdStatus.FILLED, cum=full, last=full)
    held = desk.book.ledgers["a0"].unconfirmed_margin
    assert held > 0
    observe(desk, at, 100_000, 99_999)
    assert desk.book.ledgers["a0"].unconfirmed_margin == held, "not newer than the fill"
    observe(desk, at + 1, 100_000, 99_998)
    assert desk.book.ledgers["a0"].unconfirmed_margin == 0
