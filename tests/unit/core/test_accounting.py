"""Account snapshots: anchors of the firm's day, peaks, and words that come too late."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stretto.core import events as ev
from stretto.core.terms.account import AnchorBasis
from stretto.core.terms.report import ExecType, OrdStatus
from stretto.core.values import parse_iso
from tests.builders import (
    BALANCE,
    START,
    Desk,
    S,
    a_config,
    a_rulebook,
    a_signal,
    a_snapshot,
    an_account,
    only,
)

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


RESET = parse_iso("2024-03-15T21:00:00Z")


def stated_desk(balance: int, at: int = START) -> Desk:
    account = an_account("a0", day_start_balance=D(balance), day_start_at=at)
    return Desk(a_config([account]), opened=False)


@pytest.mark.parametrize(
    ("balance", "equity", "at", "anchor", "basis"),
    [
        (104_000, 103_000, START, (104_000, 104_000), AnchorBasis.ASSUMED),
        (103_000, 104_000, START, (104_000, 104_000), AnchorBasis.ASSUMED),
        (97_000, 96_000, START, (100_000, 100_000), AnchorBasis.ASSUMED),
        (97_000, 96_000, RESET + 60 * S, (97_000, 96_000), AnchorBasis.OBSERVED),
        (97_000, 96_000, RESET + 60 * S + 1, (100_000, 100_000), AnchorBasis.ASSUMED),
    ],
)
def test_the_first_day_of_an_account(
    balance: int, equity: int, at: int, anchor: tuple[int, int], basis: AnchorBasis
) -> None:
    """Nobody saw a mid-day account's day begin: the highest of what is known leaves least room."""
    rules = a_rulebook(day_reset="17:00", day_zone="America/New_York")
    desk = Desk(a_config(1, rulebook=rules), opened=False)
    desk.feed(ev.BookOpened(config=desk.config))
    made = observe(desk, at, balance, equity).anchor
    assert (int(made.balance), int(made.equity)) == anchor
    assert made.basis is basis


@pytest.mark.parametrize(
    ("before", "after", "balances", "anchor", "basis"),
    [
        (-60 * S, 8 * 3_600 * S, (99_000, 98_000), (99_000, 99_500), AnchorBasis.OBSERVED),
        (-60 * S - 1, 60 * S, (99_000, 98_000), (98_000, 98_500), AnchorBasis.OBSERVED),
        (-60 * S - 1, 60 * S + 1, (99_000, 98_000), (99_000, 99_500), AnchorBasis.ASSUMED),
        (-3_600 * S, 3_600 * S, (98_000, 99_000), (99_000, 99_500), AnchorBasis.ASSUMED),
    ],
)
def test_a_day_that_began_between_two_snapshots(
    before: int,
    after: int,
    balances: tuple[int, int],
    anchor: tuple[int, int],
    basis: AnchorBasis,
) -> None:
    desk = a_desk()
    observe(desk, RESET + before, balances[0], balances[0] + 500)
    made = observe(desk, RESET + after, balances[1], balances[1] + 500).anchor
    assert (int(made.balance), int(made.equity)) == anchor
    assert made.basis is basis


def test_a_flat_account_that_did_not_change_began_the_day_as_it_is() -> None:
    desk = a_desk()
    observe(desk, START + S, 97_000, 97_000)
    made = observe(desk, START + 3 * DAY, 97_000, 97_000).anchor
    assert (made.balance, made.basis) == (D(97_000), AnchorBasis.UNCHANGED)


def test_a_stated_day_start_counts_for_its_day_only() -> None:
    desk = stated_desk(110_000)
    desk.feed(ev.BookOpened(config=desk.config))
    made = observe(desk, START, 106_000, 106_000).anchor
    assert (made.balance, made.equity, made.basis) == (D(110_000), D(110_000), AnchorBasis.STATED)
    later = observe(desk, START + DAY, 106_000, 106_500).anchor
    assert later.basis is AnchorBasis.ASSUMED


def test_a_day_start_stated_later_takes_the_place_of_an_assumed_one() -> None:
    desk = Desk(a_config(1))
    assert observe(desk, START + S, 106_000, 106_000).anchor.basis is AnchorBasis.ASSUMED
    desk.feed(ev.BookOpened(config=stated_desk(110_000).config))
    made = observe(desk, START + 2 * S, 106_000, 106_000).anchor
    assert (made.balance, made.basis) == (D(110_000), AnchorBasis.STATED)


def test_a_plan_and_a_refusal_say_that_the_day_is_assumed() -> None:
    desk = Desk(a_config(1))
    assert desk.plan().candidates[0].day_anchor_assumed
    observe(desk, START + S, 95_010, 95_010)
    refusal = desk.plan(a_signal("second", desk.now)).refusals[0]
    assert refusal.compared["firm_rule"] == "daily_loss"
    assert refusal.compared["day_anchor"] == "assumed"
    stated = stated_desk(100_000)
    stated.open()
    assert not stated.plan().candidates[0].day_anchor_assumed


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
