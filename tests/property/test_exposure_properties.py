"""Exposures and rows kept between plans against those made from nothing, to the last bit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stretto.core import events as ev
from stretto.core.book import Book
from stretto.core.correlations.factors import BookFactors, Floats, book_factors, history
from stretto.core.executions.carried import carry
from stretto.core.executions.exposures import exposures_of, returns_of
from stretto.core.terms.market import Reads, conversion_rate
from tests.builders import (
    INSTRUMENTS,
    START,
    Desk,
    a_config,
    a_quote,
    a_snapshot,
    an_account,
    names,
    the_reads,
)
from tests.unit.core.correlation_samples import world

ACCOUNTS = names(4)
SYMBOLS = sorted(INSTRUMENTS)
MOVES = st.tuples(
    st.just("carry"),
    st.sampled_from(ACCOUNTS),
    st.tuples(st.sampled_from(SYMBOLS), st.integers(-3, 3).map(lambda lots: lots * 333)),
)
WORDS = st.tuples(st.just("equity"), st.sampled_from(ACCOUNTS), st.integers(-100, 200_000))
PRICES = st.tuples(st.just("price"), st.sampled_from(SYMBOLS), st.integers(1_050, 1_150))
BARS = st.tuples(st.just("bars"), st.just(""), st.just(0))


def from_nothing(book: Book, reads: Reads) -> Floats:
    """One float operation after the other, account by account."""
    returns = returns_of(book)
    found = np.zeros((len(returns.account_ids), len(returns.symbol_names)))
    for row, name in enumerate(returns.account_ids):
        account, snapshot = book.configuration.accounts[name], book.snapshots.get(name)
        initial = account.initial_balance
        equity = max(initial / 100, initial if snapshot is None else snapshot.equity)
        for column, symbol in enumerate(returns.symbol_names):
            quantity = book.carried.get(symbol, {}).get(name, Decimal(0))
            rate = conversion_rate(
                INSTRUMENTS[symbol].quote_currency, account.currency, reads.quotes, INSTRUMENTS
            )
            assert rate is not None
            price = float(reads.quotes[symbol].mid * rate)
            found[row, column] = float(quantity) * (price / float(equity))
    return found


@given(st.lists(MOVES | WORDS | PRICES | BARS, max_size=25))
def test_exposures_follow_every_change_of_what_they_are_made_of(
    changes: list[tuple[str, str, Any]],
) -> None:
    accounts = [an_account(n, currency="EUR" if n == "a2" else "USD") for n in ACCOUNTS]
    desk = Desk(a_config(accounts))
    quotes = dict(the_reads(START).quotes)
    for number, (kind, name, how) in enumerate(changes):
        if kind == "carry":
            carry(desk.book, name, how[0], Decimal(how[1]))
        elif kind == "equity":
            said = a_snapshot(name, START + 1 + number, equity=Decimal(how))
            desk.feed(ev.AccountObserved(snapshot=said))
        elif kind == "price":
            price = Decimal(how) / 1_000
            quotes[name] = a_quote(name, START, str(price), str(price + Decimal("0.0001")))
        else:
            desk.feed(ev.BarsObserved(symbol="EURUSD", bars=desk.book.bars["EURUSD"][:-1]))
        reads = replace(the_reads(START), quotes=quotes)
        kept = exposures_of(desk.book, reads, returns_of(desk.book))
        assert kept.unvalued is None
        assert kept.values.tobytes() == from_nothing(desk.book, reads).tobytes()


@given(st.data())
def test_rows_taken_over_are_the_rows_made_anew(data: st.DataObject) -> None:
    sample = world(9, symbols=2, seed=data.draw(st.integers(0, 9)))
    bars = history(sample.returns, sample.symbols)
    kept: BookFactors | None = None
    exposure = np.zeros((9, 2))
    for _ in range(4):
        moved = data.draw(
            st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1), st.integers(-2, 2)))
        )
        exposure = exposure.copy()
        for row, column, value in moved:
            exposure[row, column] = value
        kept = book_factors(bars, exposure, kept)
        anew = book_factors(bars, exposure)
        assert kept.carrying.tolist() == anew.carrying.tolist()
        assert kept.carried.tobytes() == anew.carried.tobytes()
        assert (kept.rows == anew.rows).all()
