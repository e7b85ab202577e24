"""Values that the tests of the tables use: a configuration, a signal, the parts of a plan."""

from __future__ import annotations

from decimal import Decimal

from stretto.core.terms.account import Account, SymbolTerms
from stretto.core.terms.market import Instrument
from stretto.core.terms.plan import Candidate, CorrelationAnalysis, Factors, Pair, PlannedAllocation
from stretto.core.terms.policy import BookConfig, Policy, Rulebook
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.signal import Action, PerAccount, Signal, Urgency
from stretto.core.values import NS_PER_S, Side

BOOK = "demo"
START = 1_786_000_000 * NS_PER_S + 123_456_789
EURUSD = Instrument(
    symbol="EURUSD",
    base_currency="EUR",
    quote_currency="USD",
    pip=Decimal("0.0001"),
    tick=Decimal("0.00001"),
)
ACCOUNTS = ("alpha", "beta", "gamma")
TERMS = SymbolTerms(
    venue_symbol="EURUSD",
    contract_size=Decimal(100_000),
    lot_step=Decimal("0.01"),
    lot_min=Decimal("0.01"),
    lot_max=Decimal(50),
    margin_rate=Decimal("0.0333"),
)


def configuration(accounts: tuple[str, ...] = ACCOUNTS) -> BookConfig:
    rulebook = Rulebook(
        rulebook_id="house",
        firm="house",
        programme="own",
        phase="live",
        version="1",
        source="own",
        as_of="2026-01-01",
    )
    made = {
        name: Account(
            account_id=name,
            firm="house",
            owner=f"owner of {name}",
            venue="sim",
            currency="USD",
            rulebook="house",
            initial_balance=Decimal("100000.00"),
            symbols={"EURUSD": TERMS},
        )
        for name in accounts
    }
    return BookConfig(
        book_id=BOOK,
        book_key="seed",
        currency="USD",
        policy=Policy(),
        instruments={"EURUSD": EURUSD},
        rulebooks={"house": rulebook},
        accounts=made,
    )


def signal(signal_id: str, side: Side = Side.BUY, urgency: Urgency = Urgency.NORMAL) -> Signal:
    return Signal(
        signal_id=signal_id,
        strategy_id="breakout",
        action=Action.OPEN,
        symbol="EURUSD",
        side=side,
        size=PerAccount(quantity=Decimal(100_000)),
        generated_at=START,
        valid_until=START + 3_600 * NS_PER_S,
        stop_distance=Decimal("0.0020"),
        urgency=urgency,
    )


def candidate(account_id: str, size: Decimal, *, selected: bool = True) -> Candidate:
    return Candidate(
        account_id=account_id,
        rank=1,
        total_score=734_512,
        factors=Factors(
            margin_score=900_000,
            risk_budget_score=1_000_000,
            health_score=1,
            performance_score=500_000,
            correlation_score=0,
        ),
        selection_confidence=812_000,
        rotation=0,
        base_size=Decimal("100000"),
        position_size=size,
        variance_applied=-73_000,
        size_rationale="dispersed",
        required_margin=Decimal("3330.00"),
        risk=Decimal("200.0"),
        selected=selected,
    )


def share(account_id: str, size: Decimal, priority: int, at_ns: int) -> PlannedAllocation:
    delay_ns = priority * 7 * NS_PER_S + 250_000_000
    return PlannedAllocation(
        account_id=account_id,
        base_size=Decimal("1E+5"),
        position_size=size,
        variance_applied=-73_000,
        size_rationale="dispersed",
        execution_priority=priority,
        delay_ns=delay_ns,
        drawn_ns=delay_ns - 1,
        release_at=at_ns + delay_ns,
        window_end=at_ns + delay_ns + 30 * NS_PER_S,
        timing_rationale="bucket 5-15 s",
        margin=Decimal("3330.00"),
        risk=Decimal("200.0"),
        limit_price=None,
        stop_loss=Decimal("1.0830"),
    )


REFUSED = Refusal(
    rule=Rule.COPY_POLICY,
    account_id="gamma",
    compared={"owner": "x", "accounts": "2"},
    would_pass="another owner",
    clause="4.2 no copying",
)
ANALYSIS = CorrelationAnalysis(
    is_viable=True,
    expected_correlation=412_000,
    threshold=700_000,
    suggested_accounts=("alpha", "beta"),
    pairs=(Pair(first="alpha", second="beta", before=100_000, projected=-412_000),),
    analysed=2,
    score=1_469_024,
    bound=1_469_024,
    nodes=3,
    proven=True,
)
