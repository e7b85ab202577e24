"""Database files that are made and removed, and the market that files make."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from stretto.core.errors import InvalidInput, JournalUnavailable
from stretto.journal.sqlite import SqliteJournal
from stretto.sessions.files import make_room, remove
from stretto.sessions.markets import (
    ECB,
    drawn_market,
    recorded_market,
)
from stretto.sessions.reading import rebuild_tables
from stretto.sessions.started import DemoArguments, Session, recall, remember

QUOTES = "time_utc,bid,ask\n2014-05-02T00:00:00Z,1.38,1.381\n2014-05-02T09:00:00Z,1.38,1.381\n"
BARS = "date,open,high,low,close\n2014-04-30,1.3,1.4,1.2,1.35\n2014-05-02,1.3,1.4,1.2,1.36\n"


def journal(db: Path) -> SqliteJournal:
    made = SqliteJournal(db, "demo")
    made.open()
    return made


def test_a_database_is_removed_with_all_that_is_its_own(tmp_path: Path) -> None:
    db = tmp_path / "a.sqlite"
    journal(db).close()
    own = ["a.sqlite-wal", "a.sqlite-shm", "a.sqlite.demo.snapshot", "a.sqlite.venue-x.jsonl"]
    others = ["a.sqlite.csv", "a.sqlite2", "b.sqlite"]
    for name in own + others:
        (tmp_path / name).touch()
    make_room(db, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == others


def test_an_existing_database_needs_force_and_directories_are_made(tmp_path: Path) -> None:
    db = tmp_path / "deep" / "er" / "a.sqlite"
    make_room(db, force=False)
    journal(db).close()
    with pytest.raises(InvalidInput, match="exists already"):
        make_room(db, force=False)
    assert db.exists()


def test_a_database_that_a_writer_holds_is_not_removed(tmp_path: Path) -> None:
    db = tmp_path / "a.sqlite"
    held = journal(db)
    with pytest.raises(JournalUnavailable, match="another writer"):
        remove(db)
    held.close()
    assert db.exists()


def test_tables_are_not_rebuilt_beside_a_writer(tmp_path: Path) -> None:
    db = tmp_path / "a.sqlite"
    held = journal(db)
    with pytest.raises(JournalUnavailable, match="another writer"):
        rebuild_tables(db, "demo")
    held.close()
    assert rebuild_tables(db, "demo").entries == 0


def test_what_a_session_was_started_with_comes_back(tmp_path: Path) -> None:
    db = tmp_path / "a.sqlite"
    started = DemoArguments(accounts=3, signals=4, seed=5, quotes=("/q/EURUSD.csv",))
    opened = journal(db)
    remember(opened, "demo", Session(started=started))
    remember(opened, "demo", Session(started=started, ended=True))
    assert opened.head[0] == 0, "it is no journal entry"
    opened.close()
    assert recall(db) == ("demo", Session(started=started, ended=True))
    with pytest.raises(InvalidInput, match="no book 'other'"):
        recall(db, "other")


def test_a_journal_without_a_session_says_so(tmp_path: Path) -> None:
    db = tmp_path / "a.sqlite"
    journal(db).close()
    with pytest.raises(InvalidInput, match="no demo or run was started"):
        recall(db)


def quotes(folder: Path, name: str = "EURUSD-20140502.csv") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(QUOTES, encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize(
    "place", ["quotes/EURUSD.csv", "quotes/daily/EURUSD.csv", "daily/EURUSD.csv"]
)
def test_bars_beside_the_quotes_are_found_and_end_the_day_before(
    place: str, tmp_path: Path
) -> None:
    path = quotes(tmp_path / "quotes")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(BARS, encoding="utf-8")
    market = recorded_market([path], [])
    assert [bar.day for bar in market.bars["EURUSD"]] == ["2014-04-30"]
    assert market.bars_from["EURUSD"] == str(tmp_path / place)


def test_given_bars_go_before_those_beside_the_quotes(tmp_path: Path) -> None:
    path = quotes(tmp_path / "quotes")
    given = tmp_path / "EURUSD.csv"
    given.write_text(BARS.replace("1.35", "1.25"), encoding="utf-8")
    (tmp_path / "quotes" / "EURUSD.csv").write_text(BARS, encoding="utf-8")
    market = recorded_market([path], [str(given)])
    assert str(market.bars["EURUSD"][0].close) == "1.25"


def test_without_bars_the_ecb_has_them_and_else_nobody(tmp_path: Path) -> None:
    paths = [quotes(tmp_path / "q"), quotes(tmp_path / "q", "XAUUSD.csv")]
    market = recorded_market(paths, [])
    assert market.bars_from == {"EURUSD": ECB}
    assert market.bars["EURUSD"][-1].day == "2014-04-30"  # the first of May has no fixing
    assert market.without_bars == ("XAUUSD",)


def test_bars_of_a_symbol_that_is_not_quoted_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "GBPUSD.csv"
    other.write_text(BARS, encoding="utf-8")
    with pytest.raises(InvalidInput, match="no quotes of GBPUSD"):
        recorded_market([quotes(tmp_path / "q")], [str(other)])


def test_the_drawn_market_does_not_know_its_own_day() -> None:
    market = drawn_market(("EURUSD",), date(2024, 3, 15), 7)
    assert market.bars["EURUSD"][-1].day == "2024-03-14"
    assert market.without_bars == ()
