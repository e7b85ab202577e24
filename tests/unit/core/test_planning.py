"""Plans: everybody addressed is accounted for, and nobody selected conflicts with anybody.

Correlations are computed anew here, in plain floats from the definitions of DESIGN §4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations, pairwise
from math import sqrt

import msgspec
import pytest

from stretto.core import events as ev
from stretto.core.limits import SCORE_BAND
from stretto.core.release.intake import plan_signal
from stretto.core.terms.account import Account, AccountMode, ExecutionProfile
from stretto.core.terms.market import Reads
from stretto.core.terms.plan import Plan
from stretto.core.terms.policy import Permission, Policy
from stretto.core.terms.refusal import Rule
from stretto.core.terms.signal import (
    BestAccounts,
    GroupAccounts,
    ListedAccounts,
    PerAccount,
    RiskPercent,
    Signal,
    Split,
    Total,
    Urgency,
)
from stretto.core.values import PPM, Side
from stretto.runtime.recover import image_bytes
from tests.builders import (
    BALANCE,
    DAYS,
    START,
    Desk,
    S,
    a_config,
    a_rulebook,
    a_signal,
    an_account,
    bars_of,
    names,
    returns_like,
    sessions,
    the_reads,
)

ENTRY = Decimal("1.10010")


def accounted(plan: Plan, addressed: Sequence[str]) -> None:
    """Every addressed account is selected, or refused with numbers; nobody else appears."""
    selected = [c.account_id for c in plan.candidates if c.selected]
    refused = [r.account_id for r in plan.refusals]
    assert sorted(selected + refused) == sorted(addressed), (selected, refused)
    for refusal in plan.refusals:
        assert refusal.compared
        assert refusal.would_pass
    if plan.refused is None:
        assert sorted(a.account_id for a in plan.allocations) == sorted(selected)
    else:
        assert plan.refused.compared
        assert plan.refused.would_pass
        assert plan.allocations == ()


class Projected:
    """ρ of DESIGN §4.4 for accounts that hold nothing, with the trade's exposure in EURUSD."""

    def __init__(self, past: dict[str, str], exposure: dict[str, float]) -> None:
        days = DAYS[-60:]
        decay = [2 ** (-(len(days) - 1 - at) / 20) for at in range(len(days))]
        self.weights = [each / sum(decay) for each in decay]
        closes = [float(bar.close) for bar in bars_of("EURUSD")]
        self.symbol = [b / a - 1 for a, b in pairwise(closes)]
        self.returns = {
            name: [bar.return_ppb / 1e9 for bar in returns_like(like)]
            for name, like in past.items()
        }
        self.exposure = exposure

    def covariance(self, first: str, second: str) -> float:
        history = self._weighted(self.returns[first], self.returns[second])
        mine, theirs = self.exposure.get(first, 0.0), self.exposure.get(second, 0.0)
        factor = mine * theirs * self._weighted(self.symbol, self.symbol)
        prior = 0.005**2 * 20 / (20 + 60) if first == second else 0.0
        return 0.5 * history + 0.5 * factor + prior

    def _weighted(self, first: list[float], second: list[float]) -> float:
        return sum(w * a * b for w, a, b in zip(self.weights, first, second, strict=True))

    def rho(self, first: str, second: str) -> float:
        variance = self.covariance(first, first) * self.covariance(second, second)
        return self.covariance(first, second) / sqrt(variance)

    def historical(self, first: str, second: str) -> float:
        mine, theirs = self.returns[first], self.returns[second]
        scale = self._weighted(mine, mine) * self._weighted(theirs, theirs)
        return self._weighted(mine, theirs) / sqrt(scale)

    def conflict(self, first: str, second: str) -> bool:
        before = Projected.__new__(Projected)
        before.__dict__ = self.__dict__ | {"exposure": {}}
        after = abs(self.rho(first, second))
        raised = after > abs(before.rho(first, second))
        return (after > 0.7 and raised) or abs(self.historical(first, second)) > 0.7


def desk_like(past: dict[str, str], **config: object) -> Desk:
    """A desk whose account ``name`` has the past of ``past[name]``."""
    desk = Desk(a_config([an_account(name) for name in past], **config))  # type: ignore[arg-type]
    for name, like in past.items():
        desk.feed(ev.HistoryObserved(account_id=name, bars=returns_like(like)))
    return desk


@pytest.mark.requirement("R2.1")
@pytest.mark.requirement("R2.2")
@pytest.mark.requirement("U2")
@pytest.mark.parametrize("quantity", [20_000, 150_000, 200_000, 230_000, 400_000])
def test_the_best_subset_without_a_conflict_is_chosen(quantity: int) -> None:
    past = {name: ("x", "y", "z")[at % 3] if at < 5 else name for at, name in enumerate(names(9))}
    desk = desk_like(past)
    plan = desk.plan(a_signal(size=PerAccount(quantity=Decimal(quantity))))
    accounted(plan, names(9))
    sizes = {c.account_id: c.position_size for c in plan.candidates}
    exposure = {name: float(size * ENTRY / BALANCE) for name, size in sizes.items()}
    model = Projected(past, exposure)
    selected = [c.account_id for c in plan.candidates if c.selected]
    for first, second in combinations(selected, 2):
        assert not model.conflict(first, second)
    assert plan.correlation is not None
    largest = max((abs(model.rho(a, b)) for a, b in combinations(selected, 2)), default=0.0)
    assert plan.correlation.expected_correlation / PPM == pytest.approx(largest, abs=1e-5)
    # no other subset without a conflict has a greater score
    bands = {c.account_id: c.total_score // SCORE_BAND * SCORE_BAND for c in plan.candidates}
    fighting = {pair for pair in combinations(sorted(sizes), 2) if model.conflict(*pair)}
    best = max(
        sum(bands[name] for name in subset)
        for count in range(1, 10)
        for subset in combinations(sorted(sizes), count)
        if not fighting & set(combinations(subset, 2))
    )
    assert sum(bands[name] for name in selected) == best == plan.correlation.score
    assert plan.correlation.proven
    for refusal in plan.refusals:
        assert refusal.rule is Rule.SAME_BET
        other = refusal.compared["other_account"]
        assert other in selected
        assert float(refusal.compared["correlation_projected"]) == pytest.approx(
            model.rho(refusal.account_id, other), abs=1e-5
        )
    assert len(plan.alternatives) == min(3, len(plan.refusals))


@pytest.mark.requirement("R2.6")
def test_a_trade_that_nobody_may_take_names_the_pairs() -> None:
    past = dict.fromkeys(names(3), "one")
    desk = desk_like(past)
    holder = ListedAccounts(account_ids=("a0",))
    desk.order(a_signal("first", accounts=holder, urgency=Urgency.IMMEDIATE))
    second = a_signal("second", desk.now, accounts=ListedAccounts(account_ids=("a1", "a2")))
    plan = desk.plan(second)
    assert plan.refused is not None
    assert plan.refused.rule is Rule.CORRELATION_THRESHOLD_EXCEEDED
    accounted(plan, ["a1", "a2"])
    assert plan.correlation is not None
    assert not plan.correlation.is_viable
    assert {(p.first, p.second) for p in plan.correlation.pairs} >= {("a1", "a0"), ("a2", "a0")}
    assert {r.rule for r in plan.refusals} == {Rule.SAME_BET}


@pytest.mark.requirement("R2.6")
def test_too_few_bars_of_the_symbol_are_no_covariance() -> None:
    desk = Desk()
    desk.feed(ev.BarsObserved(symbol="EURUSD", bars=bars_of("EURUSD", DAYS[-20:])))
    plan = desk.plan()
    assert plan.refused is not None
    assert plan.refused.rule is Rule.COVARIANCE_UNKNOWN
    assert plan.refused.compared["bars"] == "19"
    desk.feed(ev.BarsObserved(symbol="EURUSD", bars=bars_of("EURUSD", DAYS[-21:])))
    assert desk.plan(a_signal("again")).refused is None


@pytest.mark.requirement("R1.1")
@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("total", [30_000, 47_000, 100_000, 210_000])
def test_a_total_is_shared_out_to_the_unit(split: Split, total: int) -> None:
    ratios = dict(zip(names(3), map(Decimal, (3, 1, 1)), strict=True))
    desk = Desk(a_config(5))
    plan = desk.plan(a_signal(size=Total(quantity=Decimal(total), split=split, ratios=ratios)))
    assert plan.refused is None, plan.refused
    assert plan.intended == total
    accounted(plan, names(5))
    assert all(a.position_size % 1_000 == 0 for a in plan.allocations)


def test_caps_are_kept_and_named() -> None:
    owners = ["one", "one", "one", "two", "two", "three"]
    accounts = [an_account(name, owner=owner) for name, owner in zip(names(6), owners, strict=True)]
    policy = Policy(accounts_max=4, owner_accounts_max=2, exposure_max=Decimal(36_000))
    plan = Desk(a_config(accounts, policy)).plan()
    accounted(plan, names(6))
    chosen = [a.account_id for a in plan.allocations]
    assert 0 < len(chosen) <= 4
    assert max(sum(1 for n in chosen if owners[int(n[1])] == owner) for owner in owners) <= 2
    assert sum(a.position_size for a in plan.allocations) * ENTRY <= 36_000
    best = Desk(a_config(6)).plan(a_signal(accounts=BestAccounts(count=2)))
    accounted(best, names(6))
    assert len(best.allocations) == 2
    assert {r.rule for r in best.refusals} == {Rule.ACCOUNT_CAP}


@pytest.mark.parametrize("quantity", [10_000, 20_000, 100_000])
def test_two_accounts_of_one_owner_never_share_a_signal_where_copying_is_forbidden(
    quantity: int,
) -> None:
    """Whatever size dispersion makes of them: it never counts as compliance."""
    accounts = [an_account(name, owner=f"o{at // 3}") for at, name in enumerate(names(9))]
    rules = a_rulebook(
        copy_within_owner=Permission.FORBIDDEN, clauses={"copy_within_owner": "clause 5"}
    )
    plan = Desk(a_config(accounts, rulebook=rules)).plan(
        a_signal(size=PerAccount(quantity=Decimal(quantity)))
    )
    accounted(plan, names(9))
    owners = [int(a.account_id[1]) // 3 for a in plan.allocations]
    assert sorted(owners) == [0, 1, 2]
    copied = [r for r in plan.refusals if r.rule is Rule.COPY_POLICY]
    assert len(copied) == 6
    assert {r.clause for r in copied} == {"clause 5"}


def test_unknown_copying_permission_means_no() -> None:
    rules = a_rulebook(copy_between_owners=Permission.UNKNOWN)
    plan = Desk(a_config(4, rulebook=rules)).plan()
    assert len(plan.allocations) == 1
    accounted(plan, names(4))


def test_an_opposite_position_counts_in_accounts_the_signal_does_not_address() -> None:
    rules = a_rulebook(opposite_positions=Permission.FORBIDDEN)
    desk = Desk(a_config(2, rulebook=rules))
    first = a_signal("buy", accounts=ListedAccounts(account_ids=("a0",)), urgency=Urgency.IMMEDIATE)
    desk.order(first)
    other = ListedAccounts(account_ids=("a1",))
    plan = desk.plan(a_signal("sell", desk.now, side=Side.SELL, accounts=other))
    assert plan.refused is not None
    accounted(plan, ["a1"])
    (refusal,) = plan.refusals
    assert refusal.rule is Rule.COPY_POLICY
    assert refusal.compared["other_account"] == "a0"


@pytest.mark.requirement("R1.4")
def test_everybody_left_out_is_named_with_the_reason() -> None:
    accounts: list[Account] = [
        an_account("a0"),
        an_account("a1", mode=AccountMode.SUSPENDED),
        an_account("a2", symbols={}),
        an_account("a3", quantity_max=Decimal(500)),
        an_account("a4", group="g"),
    ]
    desk = Desk(a_config(accounts))
    plan = desk.plan()
    accounted(plan, names(5))
    rules = {r.account_id: r.rule for r in plan.refusals}
    assert rules["a1"] is Rule.ACCOUNT_STATUS
    assert rules["a2"] is Rule.NOT_MAPPED
    assert set(rules) == {"a1", "a2", "a3"}
    grouped = desk.plan(a_signal("grouped", accounts=GroupAccounts(group="g")))
    accounted(grouped, ["a4"])
    listed = a_signal("listed", accounts=ListedAccounts(account_ids=("a0", "nobody")))
    plan = desk.plan(listed)
    accounted(plan, ["a0", "nobody"])
    assert plan.refusals[0].rule is Rule.NOT_ADDRESSED


def stale(at: int, seconds: int, **changes: object) -> Reads:
    reads = the_reads(at - seconds * S)
    return msgspec.structs.replace(reads, **changes)


@pytest.mark.requirement("R1.4")
@pytest.mark.parametrize(
    ("reads", "rule"),
    [
        (stale(START, 60, venues=the_reads(START).venues), None),
        (stale(START, 61, venues=the_reads(START).venues), Rule.DATA_STALE),
        (the_reads(START, venues=the_reads(START - 5 * S).venues), None),
        (the_reads(START, venues=the_reads(START - 5 * S - 1).venues), Rule.DATA_STALE),
        (the_reads(START, venues={}), Rule.DATA_STALE),
    ],
)
def test_stale_data_means_no(reads: Reads, rule: Rule | None) -> None:
    plan = Desk().plan(reads=reads)
    assert {r.rule for r in plan.refusals} == ({rule} if rule else set())
    accounted(plan, names(3))


def test_a_closed_session_and_a_missing_quote_mean_no() -> None:
    desk = Desk()
    desk.feed(ev.CalendarObserved(table=sessions((START - S, START))))
    plan = desk.plan()
    assert plan.reads_seq["calendar:fx_week"] == desk.book.cites["calendar:fx_week"]
    assert {r.rule for r in plan.refusals} == {Rule.SESSION_CLOSED}
    assert plan.refused is not None
    assert plan.refused.rule is Rule.NO_ELIGIBLE_ACCOUNT
    assert plan.refused.compared["refused_session_closed"] == "3"
    nothing = Desk().plan(reads=Reads())
    assert nothing.refused is not None
    assert nothing.refused.rule is Rule.NO_QUOTE


@pytest.mark.requirement("R3.6")
@pytest.mark.parametrize("count", [1, 3, 12, 40])
def test_delays_are_spaced_and_within_one_to_thirty_seconds(count: int) -> None:
    desk = Desk(a_config(count))
    plan = desk.plan()
    releases = sorted(a.release_at for a in plan.allocations)
    assert len(releases) == count
    gap = min(S, 29 * S // (2 * count))
    assert all(START + S <= at <= START + 30 * S for at in releases)
    assert all(b - a >= gap for a, b in pairwise(releases))
    assert [a.execution_priority for a in plan.allocations] == list(range(1, count + 1))
    assert all(a.window_end == a.release_at + 30 * S for a in plan.allocations)


@pytest.mark.requirement("R3.4")
def test_immediate_signals_go_at_once() -> None:
    plan = Desk().plan(a_signal(urgency=Urgency.IMMEDIATE))
    assert {a.release_at for a in plan.allocations} == {START}
    assert all("immediate" in a.timing_rationale for a in plan.allocations)


@pytest.mark.requirement("R3.3")
def test_an_accounts_pace_stretches_its_delays() -> None:
    def delays(pace: int) -> list[int]:
        profile = ExecutionProfile(pace=pace)
        desk = Desk(a_config([an_account("a0", profile=profile)]))
        return [desk.plan(a_signal(f"s{n}")).allocations[0].drawn_ns for n in range(30)]

    slow, usual, fast = (sum(delays(pace)) for pace in (2 * PPM, PPM, PPM // 2))
    assert slow > usual > fast


@pytest.mark.requirement("R2.4")
def test_the_plan_states_the_profile_that_shaped_each_share() -> None:
    profile = ExecutionProfile(pace=2 * PPM, size_factor=PPM // 2, aggression=PPM // 4)
    desk = Desk(a_config([an_account("a0"), an_account("a1", profile=profile)]))
    plain, shaped = sorted(desk.plan(a_signal()).allocations, key=lambda a: a.account_id)
    assert (plain.size_factor, plain.pace, plain.aggression) == (PPM, PPM, PPM)
    assert (shaped.size_factor, shaped.pace, shaped.aggression) == (PPM // 2, 2 * PPM, PPM // 4)
    assert shaped.base_size == plain.base_size / 2
    assert "pace 2" in shaped.timing_rationale


@pytest.mark.requirement("P10")
def test_a_dry_run_is_the_plan_itself_and_changes_nothing() -> None:
    desk = Desk(a_config(6))
    signal = a_signal(size=RiskPercent(percent=Decimal("0.5")))
    before = image_bytes(desk.book)
    dry = plan_signal(desk.book, signal, the_reads(START), START)
    assert image_bytes(desk.book) == before
    assert dry == desk.plan(signal)
    assert dry.reads_seq.keys() >= {"policy", "bars:EURUSD", "account:a0", "history:a5"}
    for name, seq in dry.reads_seq.items():
        assert 0 < seq < desk.book.seq, name


def test_reservations_count_against_the_next_plan() -> None:
    desk = Desk(a_config(1))
    size = PerAccount(quantity=Decimal(900_000))
    first: Signal = a_signal("first", size=size)
    (allocation,) = desk.plan(first).allocations
    ledger = desk.book.ledgers["a0"]
    assert ledger.reserved_margin == allocation.margin > 0
    assert ledger.reserved_risk == allocation.risk > 0
    second = desk.plan(a_signal("second", size=size))
    assert second.refused is not None
    (refusal,) = second.refusals
    assert refusal.rule in (Rule.FIRM_RULE, Rule.RISK_BUDGET, Rule.MARGIN_LEVEL)
