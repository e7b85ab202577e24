"""A decision cites every journal entry that it rests on, and the citation does not grow with it."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.terms.refusal import Rule
from stretto.core.terms.signal import ListedAccounts
from stretto.core.values import Side
from tests.builders import Desk, S, a_config, a_signal, a_snapshot, returns_like


def taken_in(desk: Desk, kind: type) -> list[int]:
    return [entry.seq for entry in desk.entries if isinstance(entry.events[0], kind)]


def test_a_plan_cites_more_than_its_candidates() -> None:
    desk = Desk(a_config(4))
    desk.now += S
    desk.feed(ev.AccountObserved(snapshot=a_snapshot("a3", desk.now, equity=Decimal(99_000))))
    desk.feed(ev.HistoryObserved(account_id="a2", bars=returns_like("x")))
    plan = desk.plan(a_signal("one", desk.now, accounts=ListedAccounts(account_ids=("a0",))))
    cites = plan.reads_seq
    assert cites["book"] == desk.book.seq - 1
    assert cites["policy"] == 1
    assert cites["accounts"] == taken_in(desk, ev.AccountUpdated)[-1]
    assert cites["histories"] == taken_in(desk, ev.HistoryRecorded)[-1]
    assert [cites["bars:EURUSD"], cites["bars:GBPUSD"]] == taken_in(desk, ev.BarsRecorded)
    assert cites["account:a0"] < cites["accounts"]
    assert "account:a3" not in cites


def test_a_pair_shown_by_name_is_cited_by_name() -> None:
    desk = Desk(a_config(2))
    for name in ("a0", "a1"):
        desk.feed(ev.HistoryObserved(account_id=name, bars=returns_like("same")))
    desk.plan(a_signal("one", accounts=ListedAccounts(account_ids=("a0",))))
    plan = desk.plan(a_signal("two", accounts=ListedAccounts(account_ids=("a1",))))
    assert {refusal.rule for refusal in plan.refusals} == {Rule.SAME_BET}
    assert {"account:a0", "history:a0"} <= plan.reads_seq.keys()


def test_what_the_gate_refuses_cites_the_book_it_saw() -> None:
    desk = Desk(a_config(1))
    plan = desk.plan(a_signal(take_profit=Decimal(1), side=Side.BUY))
    assert plan.refused is not None
    assert plan.reads_seq["book"] == desk.book.seq - 1
    assert plan.reads_seq["policy"] == 1
