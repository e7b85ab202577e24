"""What is kept of an account between plans, and what puts an end to it."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.accounts.standing import Standing, kinds_of, standings
from stretto.core.book import Book
from stretto.core.gate.risk import room
from stretto.core.gate.scoring import steady
from stretto.core.gate.trade import AccountView, TradeContext
from stretto.core.plans.screening import account_views, trade_context
from stretto.core.sizes.entry import EntryPrices, entry_prices
from stretto.core.terms.account import ExecutionProfile
from stretto.core.terms.policy import LossLimit, Trailing
from stretto.core.values import NS_PER_S
from tests.builders import (
    INSTRUMENTS,
    Desk,
    a_config,
    a_rulebook,
    a_signal,
    an_account,
    names,
    the_reads,
)
from tests.unit.core.trade_samples import position

DAY_NS = 24 * 3_600 * NS_PER_S


def seen(desk: Desk, at_ns: int) -> tuple[list[AccountView], TradeContext]:
    signal, reads = a_signal("s", at_ns), the_reads(at_ns)
    prices = entry_prices(signal, INSTRUMENTS[signal.symbol], reads.quotes[signal.symbol])
    assert isinstance(prices, EntryPrices)
    context = trade_context(desk.book, signal, prices, reads, at_ns)
    return account_views(desk.book, reads, sorted(desk.book.configuration.accounts)), context


def stood(desk: Desk, at_ns: int) -> list[Standing]:
    """The standings, each as it is when made anew."""
    views, context = seen(desk, at_ns)
    found = standings(desk.book, views, context)
    for view, held in zip(views, found, strict=True):
        assert held.room == room(view, context)
        assert held.steady == steady(view.ledger, view.snapshot, held.room)
    return found


def desk_of(count: int) -> Desk:
    return Desk(a_config([an_account(name) for name in names(count)]))


def same(first: list[Standing], second: list[Standing]) -> list[bool]:
    return [a is b for a, b in zip(first, second, strict=True)]


def test_a_standing_is_kept_until_snapshot_day_or_configuration_change() -> None:
    desk = desk_of(3)
    first = stood(desk, desk.now)
    assert same(first, stood(desk, desk.now + 1)) == [True] * 3
    known = desk.book.snapshots["a1"]
    poorer = replace(known, at=desk.now, equity=known.equity - 1_000)
    desk.feed(ev.AccountObserved(snapshot=poorer))
    second = stood(desk, desk.now + 2)
    assert same(first, second) == [True, False, True]
    assert second[1].room.smallest != first[1].room.smallest
    assert same(second, stood(desk, desk.now + 2 * DAY_NS)) == [False] * 3
    last = stood(desk, desk.now + 3)
    richer = [an_account(name, initial_balance=Decimal(90_000)) for name in names(3)]
    desk.feed(ev.BookOpened(config=a_config(richer)))
    assert same(last, stood(desk, desk.now + 3)) == [False] * 3


def test_a_new_snapshot_leaves_what_followed_from_ledger_and_anchor() -> None:
    desk = desk_of(1)
    rulebooks = [
        a_rulebook(),
        a_rulebook(daily_loss=LossLimit(percent=Decimal(5), trailing=Trailing.INTRADAY)),
        a_rulebook(overall_loss=LossLimit(percent=Decimal(9), trailing=Trailing.END_OF_DAY)),
        a_rulebook(overall_loss=None),
    ]
    known = desk.book.snapshots["a0"]
    for number, rulebook in enumerate(rulebooks):
        desk.feed(ev.BookOpened(config=a_config(1, rulebook=rulebook)))
        for day in (0, 0, 0, 1, 1):
            for lost in (0, 500, -700):
                desk.now += NS_PER_S + day * DAY_NS
                word = replace(known, at=desk.now, equity=known.equity - lost * (number + 1))
                desk.feed(ev.AccountObserved(snapshot=word))
                stood(desk, desk.now + 5)
    before = stood(desk, desk.now)[0]
    desk.now += 1
    desk.feed(ev.AccountObserved(snapshot=replace(known, at=desk.now)))
    after = stood(desk, desk.now)[0]
    assert after is not before
    assert after.floors is before.floors is not None
    assert after.ledger is before.ledger


def test_a_snapshot_makes_the_standing_that_the_next_plan_takes() -> None:
    desk = desk_of(3)
    first = stood(desk, desk.now)
    known = desk.book.snapshots["a1"]
    desk.feed(
        ev.AccountObserved(snapshot=replace(known, at=desk.now, equity=known.equity - 1_000)),
    )
    kept = desk.book.cache["standings"][1]
    assert isinstance(kept, dict)
    made = kept["a1"]
    assert made is not first[1]
    assert same([first[0], made, first[2]], stood(desk, desk.now)) == [True] * 3


def test_of_many_snapshots_between_plans_the_last_counts_from_the_days_anchor() -> None:
    desk = desk_of(1)
    for gains in ((500, 400), (-300, 900, 200), (2_000, 2_000, 100)):
        for turned in (0, DAY_NS):
            stood(desk, desk.now)
            desk.now += turned
            for gain in gains:
                desk.now += NS_PER_S
                word = desk.book.snapshots["a0"]
                word = replace(word, at=desk.now, equity=word.equity + gain)
                desk.feed(ev.AccountObserved(snapshot=word))
            stood(desk, desk.now)


def test_open_risk_is_worked_out_for_every_plan() -> None:
    desk = desk_of(2)
    views, context = seen(desk, desk.now)
    book: Book = desk.book
    holding = [views[0]._replace(positions=(position("20000", account_id="a0"),)), views[1]]
    first = standings(book, holding, context)
    second = standings(book, holding, context)
    assert same(first, second) == [False, True]
    assert first[0].room.open_risk > 0
    assert first[0].room == room(holding[0], context)
    assert standings(book, views, context)[0].room.open_risk == 0


def test_accounts_of_one_kind_have_equal_terms_currency_and_size_factor() -> None:
    plain = an_account("a0")
    terms = plain.symbols["EURUSD"]
    other = {**plain.symbols, "EURUSD": replace(terms, lot_step=terms.lot_step * 2)}
    accounts = [
        plain,
        an_account("a1", symbols={name: replace(each) for name, each in plain.symbols.items()}),
        an_account("a2", symbols=other),
        an_account("a3", currency="EUR"),
        an_account("a4", profile=ExecutionProfile(size_factor=500_000)),
        an_account("a5", symbols={}),
        an_account("a6"),
    ]
    book = Desk(a_config(accounts)).book
    kinds = kinds_of(book, "EURUSD")
    assert kinds["a0"] == kinds["a1"] == kinds["a6"]
    assert len({kinds[name] for name in ("a0", "a2", "a3", "a4", "a5")}) == 5
    assert kinds_of(book, "EURUSD") is kinds
