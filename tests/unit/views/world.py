"""A small book that makes real entries: plans by hand, everything after them through the core."""

from __future__ import annotations

from decimal import Decimal

from stretto.core import events as ev
from stretto.core.book import Allocation, Book, allocation_key
from stretto.core.evolve import begin, evolve, finish
from stretto.core.executions.ending import refused
from stretto.core.limits import DISPATCH_WINDOW_NS, SEND_BEFORE_NS
from stretto.core.messages.recovery import on_acknowledge_due, on_query_due
from stretto.core.messages.reports import on_report, on_send
from stretto.core.orders.order import OrderInput, step
from stretto.core.orders.order_record import Order, intend
from stretto.core.orders.order_table import TERMINAL, UNANSWERED
from stretto.core.terms.account import AccountSnapshot, BarReturn, DayAnchor
from stretto.core.terms.market import Bar, Quote, Reads
from stretto.core.terms.plan import Plan
from stretto.core.terms.refusal import Refusal, Rule
from stretto.core.terms.report import ExecType, ExecutionReport, OrderRole, OrderType, OrdStatus
from stretto.core.terms.signal import Urgency
from stretto.core.values import NS_PER_S, ZERO, Side, client_order_id, execution_id
from tests.unit.views.samples import (
    ACCOUNTS,
    ANALYSIS,
    BOOK,
    REFUSED,
    START,
    candidate,
    configuration,
    share,
    signal,
)


class World:
    """Makes entries the way the writer does and keeps them; ``book`` is the core's own state."""

    def __init__(self, accounts: tuple[str, ...] = ACCOUNTS) -> None:
        self.book = Book()
        self.entries: list[ev.Entry] = []
        self.at = START
        self._exec_number = 0
        config = configuration(accounts)
        self.record(ev.BookOpened(config=config), ev.BookConfigured(config=config))

    def record(self, item: ev.Input, *events: ev.Event) -> None:
        """Handle an input that gave these events, as ``Writer`` does."""
        if not events:
            return
        self.at += 1_500_000
        begin(self.book, self.book.seq + 1, self.at)
        for event in events:
            evolve(self.book, event)
        finish(self.book)
        self.entries.append(
            ev.Entry(seq=self.book.seq, at=self.at, input=item, reads=Reads(), events=events)
        )

    # --- accounts and market --------------------------------------------------------------------

    def observe(self, account_id: str, equity: Decimal) -> None:
        snapshot = AccountSnapshot(
            account_id=account_id,
            at=self.at,
            balance=Decimal("100000.00"),
            equity=equity,
            margin_used=ZERO,
        )
        anchor = DayAnchor(
            day_started_at=START,
            balance=Decimal("100000.00"),
            equity=equity,
            peak_equity=equity,
            peak_end_of_day=equity,
        )
        self.record(
            ev.AccountObserved(snapshot=snapshot),
            ev.AccountUpdated(snapshot=snapshot, anchor=anchor),
        )

    def bars(self) -> None:
        bars = (Bar(day="2026-08-06", close=Decimal("1.1")),)
        self.record(
            ev.BarsObserved(symbol="EURUSD", bars=bars),
            ev.BarsRecorded(symbol="EURUSD", bars=bars),
        )

    def history(self, account_id: str) -> None:
        bars = (BarReturn(day="2026-08-06", return_ppb=12),)
        self.record(
            ev.HistoryObserved(account_id=account_id, bars=bars),
            ev.HistoryRecorded(account_id=account_id, bars=bars),
        )

    # --- signals --------------------------------------------------------------------------------

    def plan(
        self,
        signal_id: str,
        sizes: dict[str, Decimal],
        side: Side = Side.BUY,
        urgency: Urgency = Urgency.NORMAL,
    ) -> str:
        wanted = signal(signal_id, side, urgency)
        plan = Plan(
            execution_id=execution_id(BOOK, signal_id),
            signal=wanted,
            decided_at=self.at,
            quote=Quote(
                symbol="EURUSD", at=self.at, bid=Decimal("1.08500"), ask=Decimal("1.08510")
            ),
            candidates=(
                *(candidate(name, size) for name, size in sizes.items()),
                candidate("spare", Decimal(1_000), selected=False),
            ),
            refusals=(REFUSED,),
            allocations=tuple(
                share(name, size, n, self.at) for n, (name, size) in enumerate(sizes.items())
            ),
            alternatives=("spare",),
            correlation=ANALYSIS,
            market_urgency=1_000_000,
            timing_cv=431_000,
            timing_gap_ns=NS_PER_S,
            book_key="seed",
            policy_id="default",
            reads_seq={"policy": 1},
        )
        self.record(ev.SignalReceived(signal=wanted), ev.SignalPlanned(plan=plan))
        return plan.execution_id

    def refuse(self, signal_id: str, rule: Rule = Rule.NO_ELIGIBLE_ACCOUNT) -> str:
        wanted = signal(signal_id)
        plan = Plan(
            execution_id=execution_id(BOOK, signal_id),
            signal=wanted,
            decided_at=self.at,
            quote=None,
            candidates=(),
            refusals=(REFUSED,),
            allocations=(),
            alternatives=(),
            correlation=None,
            refused=Refusal(rule=rule, compared={"accounts": "0"}, would_pass="one account"),
        )
        self.record(ev.SignalReceived(signal=wanted), ev.SignalRefused(plan=plan))
        return plan.execution_id

    # --- orders ---------------------------------------------------------------------------------

    def allocation(self, execution: str, account_id: str) -> Allocation:
        return self.book.allocations[allocation_key(execution, account_id)]

    def order(self, execution: str, account_id: str) -> Order | None:
        order_ids = self.allocation(execution, account_id).order_ids
        return self.book.orders[order_ids[-1]] if order_ids else None

    def release(self, execution: str, account_id: str) -> None:
        allocation = self.allocation(execution, account_id)
        if allocation.order_ids or allocation.ended:
            return
        side = self.book.executions[execution].signal.side
        order = intend(
            client_order_id=client_order_id(BOOK, execution, account_id, 1),
            execution_id=execution,
            account_id=account_id,
            leg=1,
            role=OrderRole.ENTRY,
            symbol="EURUSD",
            side=side,
            order_type=OrderType.MARKET,
            quantity=allocation.pending,
            created_at=self.at,
            send_before=self.at + SEND_BEFORE_NS,
        )
        submitted = step(order, OrderInput.SUBMIT, self.at).order
        self.record(
            self._timer(ev.TimerKind.RELEASE, allocation_key(execution, account_id)),
            ev.OrderIntended(order=submitted, planned_at=allocation.release_at),
        )

    def reschedule(
        self, execution: str, account_id: str, counted_from: int, delay_ns: int, reason: str
    ) -> int:
        """Its first order waits ``delay_ns`` from then; the new instant of its release."""
        allocation = self.allocation(execution, account_id)
        release_at = counted_from + delay_ns
        if not allocation.order_ids and not allocation.ended:
            self.record(
                self._timer(ev.TimerKind.RELEASE, allocation_key(execution, account_id)),
                ev.ReleaseScheduled(
                    execution_id=execution,
                    account_id=account_id,
                    release_at=release_at,
                    window_end=release_at + DISPATCH_WINDOW_NS,
                    gap_ns=NS_PER_S,
                    delay_ns=delay_ns,
                    redraw=self.book.executions[execution].redraws + 1,
                    reason=reason,
                ),
            )
        return release_at

    def miss_window(self, execution: str, account_id: str) -> None:
        allocation = self.allocation(execution, account_id)
        if allocation.order_ids or allocation.ended:
            return
        refusal = Refusal(
            rule=Rule.WINDOW_PASSED,
            account_id=account_id,
            compared={"late_s": "3"},
            would_pass="an earlier start",
            clause="window",
        )
        events: list[ev.Event] = [refused(allocation.pending, allocation, refusal)]
        key = allocation_key(execution, account_id)
        self.record(self._timer(ev.TimerKind.RELEASE, key), *events)

    def sent(self, execution: str, account_id: str, outcome: ev.SendOutcomeKind) -> None:
        order = self.order(execution, account_id)
        if order is None or order.state not in UNANSWERED or order.sent_at is not None:
            return
        item = ev.SendReported(
            client_order_id=order.client_order_id, outcome=outcome, sent_at=self.at
        )
        self.record(item, *on_send(self.book, item, self.at + 1_500_000))

    def late(self, execution: str, account_id: str) -> None:
        order = self.order(execution, account_id)
        if order is None or order.answer_due_at is None:
            return
        self.at = max(self.at, order.answer_due_at)
        item = self._timer(ev.TimerKind.ACKNOWLEDGE, order.client_order_id)
        self.record(item, *on_acknowledge_due(self.book, item.key, self.at + 1_500_000))

    def query(self, execution: str, account_id: str) -> None:
        order = self.order(execution, account_id)
        if order is None or order.query_at is None:
            return
        self.at = max(self.at, order.query_at)
        item = self._timer(ev.TimerKind.QUERY, order.client_order_id)
        self.record(item, *on_query_due(self.book, item.key, self.at + 1_500_000))

    def report(
        self,
        execution: str,
        account_id: str,
        exec_type: ExecType,
        *,
        quantity: Decimal = ZERO,
        price: Decimal = ZERO,
        undoes: str = "",
    ) -> str:
        """The venue reports; totals follow from what it reported before. Returns the exec id."""
        order = self.order(execution, account_id)
        if order is None:
            return ""
        self._exec_number += 1
        name = f"x{self._exec_number}"
        cum = order.cum_qty
        if exec_type is ExecType.TRADE:
            cum += quantity
        elif exec_type is ExecType.TRADE_CANCEL:
            cum -= quantity
        ends = {
            ExecType.CANCELED: OrdStatus.CANCELED,
            ExecType.REJECTED: OrdStatus.REJECTED,
            ExecType.EXPIRED: OrdStatus.EXPIRED,
        }
        closed = exec_type in ends or order.state in TERMINAL
        if exec_type in ends:
            status = ends[exec_type]
        elif cum >= order.quantity:
            status = OrdStatus.FILLED
        elif closed and order.state.value != "filled":
            status = OrdStatus.CANCELED
        else:
            status = OrdStatus.PARTIALLY_FILLED if cum else OrdStatus.NEW
        open_still = status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
        item = ExecutionReport(
            client_order_id=order.client_order_id,
            account_id=account_id,
            exec_id=name,
            exec_type=exec_type,
            ord_status=status,
            cum_qty=cum,
            leaves_qty=max(ZERO, order.quantity - cum) if open_still else ZERO,
            avg_px=price,
            order_qty=order.quantity,
            trading_day="2026-08-06",
            transact_at=self.at,
            last_qty=quantity,
            last_px=price,
            fee=Decimal("0.35") if quantity else ZERO,
            exec_ref_id=undoes,
            reject_code="no_money" if exec_type is ExecType.REJECTED else "",
        )
        events = on_report(self.book, item, self.at + 1_500_000)
        self.record(ev.VenueReported(report=item), *events)
        return name

    def _timer(self, kind: ev.TimerKind, key: str) -> ev.TimerDue:
        return ev.TimerDue(timer=kind, key=key, due_at=self.at)
