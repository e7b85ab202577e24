"""The simulated venue: a ``Broker`` for paper trading and tests, seeded, with its own books.

Requests and answers take drawn time: an order's own requests do not overtake each other, those of
different orders may, and nothing the venue says overtakes what it said before. It knows nothing of
who sends the orders, and shares with the core only the words of messages, terms and quotes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import assert_never

from msgspec.structs import replace

from stretto.brokers.sim_agenda import Agenda
from stretto.brokers.sim_book import VenueAccount, touch
from stretto.brokers.sim_config import SimAccount, SimVenueConfig
from stretto.brokers.sim_engine import VenueEngine
from stretto.brokers.sim_faults import Fault, FaultKind, FaultPlan, Faults
from stretto.brokers.sim_faults_wire import Delivery, Fate, WireFaults
from stretto.brokers.sim_market import (
    Converter,
    TriggerFeed,
    VenueCalendar,
    VenueMarket,
    draws,
)
from stretto.brokers.sim_matching import Said
from stretto.brokers.sim_memory import CommandLog
from stretto.brokers.sim_views import account_record, order_record
from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.core.terms.account import Account, AccountSnapshot
from stretto.core.terms.market import Instrument
from stretto.core.terms.report import CancelReject, ExecutionReport, OrderType, StatusAnswer
from stretto.core.terms.venue import MassStatus, VenueCapabilities
from stretto.ports import (
    AmendProtection,
    CancelOrder,
    Clock,
    Command,
    NotSent,
    QueryOrder,
    ReplaceOrder,
    SendOutcome,
    Sent,
    SubmitOrder,
    VenueMessage,
)

_ONCE = (SubmitOrder, ReplaceOrder, AmendProtection)


class SimVenue:
    """One simulated venue. Every draw is a hash of (seed, order, purpose): what happens to an order
    does not depend on the order of calls. Raises InvalidInput where a traded symbol has no
    instrument or cannot be converted to its account's currency.
    """

    def __init__(
        self,
        config: SimVenueConfig,
        clock: Clock,
        feed: TriggerFeed,
        calendar: VenueCalendar,
        instruments: Mapping[str, Instrument],
        accounts: Iterable[SimAccount],
        seed: int | str,
        log: CommandLog | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        if faults is not None and FaultKind.VENUE_RESTART in faults.kinds:
            config = replace(config, exec_ids_daily=True)
        self._config = config
        self._immediate = config.immediate
        self._clock = clock
        self._feed = feed
        self._seed = f"{config.venue}:{seed}"
        self._accounts = {
            account.account_id: VenueAccount(account, account.balance) for account in accounts
        }
        _check_terms(config.venue, self._accounts, instruments, feed)
        self._agenda = Agenda(clock)
        self._engine = VenueEngine(
            config,
            self._seed,
            VenueMarket(config, self._seed, feed, calendar, instruments),
            self._accounts,
            self._agenda,
            self._emit,
        )
        self._faults: Faults | None = None
        self._wire: WireFaults | None = None
        if faults is not None:
            self._faults = Faults(faults, self._seed)
            self._wire = WireFaults(self._faults)
            self._engine.misbehave(self._faults)
        self._log = log
        self._remembers = log is None
        self._repeating = False
        self._sink: Callable[[VenueMessage], None] | None = None
        self._connected_at = 0
        self._arrival_last: dict[str, int] = {}
        self._delivered_last = 0

    @property
    def venue(self) -> str:
        """Name of the venue, as accounts refer to it."""
        return self._config.venue

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the venue declares of itself."""
        return self._config.capabilities

    @property
    def faults(self) -> Sequence[Fault]:
        """What went wrong so far; grows."""
        return () if self._faults is None else self._faults.occurred

    async def connect(self, sink: Callable[[VenueMessage], None]) -> None:
        """Open the connection. What the venue had to say while it was closed comes first. What it
        said to a process that died is lost, as on a real wire, but for the fills that it made by
        itself (stops, targets): nobody can ask about those by an order's id, so it repeats them.
        """
        self._connected_at = self._clock.now_ns()
        self._sink = sink
        self._remember(self._connected_at)
        self._agenda.start(asyncio.get_running_loop())

    async def send(self, command: Command) -> SendOutcome:
        """Take one command; its answer comes through the sink. Raises BrokerUnreachable where a
        fault leaves the outcome unknown.
        """
        now = self._clock.now_ns()
        if self._sink is None or (self._wire is not None and self._wire.is_down(now)):
            return NotSent(reason="not connected")
        if isinstance(command, _ONCE) and now >= command.send_before:
            return NotSent(reason="send_before had passed")
        if not self._kept(command, now).is_written:
            raise BrokerUnreachable(f"{self.venue}: no answer to the write")
        return Sent(at=now)

    def take(self, command: Command) -> None:
        """Take a command that came over a wire of its own: it was sent, so that ``send_before`` is
        the sender's affair, and what becomes of it is for the sender to find out.
        """
        now = self._clock.now_ns()
        if self._sink is not None and not (self._wire is not None and self._wire.is_down(now)):
            self._kept(command, now)

    def _kept(self, command: Command, now: int) -> Fate:
        if self._log is not None:
            self._log.append(now, command)
        return self._take(command, now)

    def _take(self, command: Command, now: int) -> Fate:
        fate = Fate.ARRIVES if self._wire is None else self._wire.request(command, now)
        if not fate.arrives:
            return fate
        reference = self._reference(command, now) if isinstance(command, SubmitOrder) else None
        if self._immediate:
            self._arrive(command, reference, now)
        else:
            arrival = now + self._request_ns(command)
            arrival = max(arrival, self._arrival_last.get(command.client_order_id, 0))
            self._arrival_last[command.client_order_id] = arrival
            self._agenda.put(arrival, lambda due: self._arrive(command, reference, due))
        return fate

    def _remember(self, now: int) -> None:
        """Go through what was taken before this process, up to the present."""
        if self._remembers or self._log is None:
            return
        self._remembers = self._repeating = True
        for taken in self._log.read():
            self._agenda.advance(taken.at)
            self._take(taken.command, taken.at)
        self._agenda.advance(now)
        self._repeating = False

    async def snapshot(self, account_id: str) -> AccountSnapshot:
        """Balance, equity and used margin of one account, as the venue sees them half-way."""
        await self._travel(account_id, self._config.latency_request_ns[0])
        seen = self._engine.snapshot(account_id, self._clock.now_ns())
        await self._travel(account_id, self._config.latency_report_ns[0])
        return seen

    async def mass_status(
        self, account_id: str, since_ns: int, after: tuple[str, str] | None = None
    ) -> MassStatus:
        """Everything about one account, as the venue sees it half-way."""
        await self._travel(account_id, self._config.latency_request_ns[0])
        seen = self._engine.mass_status(account_id, self._clock.now_ns(), since_ns, after)
        if self._wire is not None:
            seen = self._wire.view(seen)
        await self._travel(account_id, self._config.latency_report_ns[0])
        return seen

    async def _travel(self, account_id: str, takes_ns: int) -> None:
        """A question about an account, or its answer, is on its way."""
        if account_id not in self._accounts:
            raise InvalidInput(
                f"venue {self.venue}", f"no account {account_id!r}", "its own account"
            )
        self._check_connected()
        if not self._immediate:
            await self._clock.sleep_until(self._clock.now_ns() + takes_ns)
            self._check_connected()

    def _check_connected(self) -> None:
        is_cut = self._wire is not None and self._wire.is_cut(self._clock.now_ns())
        if self._sink is None or is_cut:
            raise BrokerUnreachable(f"{self.venue}: not connected")

    def heartbeat_at(self) -> int:
        """The venue's last heartbeat, ns UTC; none after the connection was closed."""
        if self._sink is None:
            return self._connected_at
        now = self._clock.now_ns()
        if self._wire is not None:
            now = self._wire.alive_at(now)
        self._connected_at = max(self._connected_at, now - now % self._config.heartbeat_ns)
        return self._connected_at

    async def close(self) -> None:
        """Close the connection. Orders stay; the venue's time goes on with the next connection."""
        self.heartbeat_at()
        self._agenda.stop()
        self._sink = None
        if self._log is not None:
            self._log.close()

    def set_tradable(self, account_id: str, tradable: bool) -> None:
        """Disable or enable an account for new orders; its positions and orders stay."""
        self._accounts[account_id].tradable = tradable

    def dump(self) -> dict[str, object]:
        """The venue's own books: orders by client order id, the closes of its own accord by its own
        order id, accounts with positions and money; numbers as text.
        """
        orders = self._engine.orders
        return {
            "venue": self.venue,
            "orders": {order_id: order_record(orders[order_id]) for order_id in sorted(orders)},
            "venue_orders": {
                order.venue_order_id: order_record(order)
                for order in self._engine.matching.protection.orders
            },
            "accounts": {
                account_id: account_record(self._accounts[account_id])
                for account_id in sorted(self._accounts)
            },
            "faults": [
                {"at": fault.at, "kind": fault.kind.value, "subject": fault.subject}
                for fault in self.faults
            ],
        }

    # --- the wire

    def _request_ns(self, command: Command) -> int:
        least, most = self._config.latency_request_ns
        purpose = type(command).__name__
        drawn = draws("request", self._seed, purpose, command.client_order_id)[0]
        return least + ((most - least + 1) * drawn >> 64)

    def _reference(self, order: SubmitOrder, now: int) -> Decimal | None:
        """The price that ``slippage_max`` is measured from: a market order's own ``limit_price`` or
        the touch as it is sent, a stop order's stop. A limit needs no such bound.
        """
        if order.slippage_max is None:
            return None
        if order.order_type is OrderType.STOP:
            return order.stop_price
        if order.order_type is not OrderType.MARKET or order.limit_price is not None:
            return order.limit_price
        quote = self._feed.quote(order.symbol, now)
        return None if quote is None else touch(order.side, quote)

    def _arrive(self, command: Command, reference: Decimal | None, at: int) -> None:
        if isinstance(command, SubmitOrder):
            self._engine.submit(command, reference, at)
        elif isinstance(command, CancelOrder):
            self._engine.cancel(command, at)
        elif isinstance(command, QueryOrder):
            self._engine.query(command, at)
        elif isinstance(command, ReplaceOrder):
            self._engine.replace(command, at)
        elif isinstance(command, AmendProtection):
            self._engine.amend(command, at)
        else:
            assert_never(command)

    def _emit(self, message: Said, at: int) -> None:
        if self._wire is None:
            self._convey(Delivery(message), at)
            return
        name = f"{message.account_id} {message.client_order_id} {_name_of(message)}"
        for delivery in self._wire.deliveries(message, name, at):
            self._convey(delivery, at)

    def _convey(self, delivery: Delivery, at: int) -> None:
        """Put a message on its way. What is not overtaken arrives in the order it was said."""
        message = delivery.message
        if self._immediate and not delivery.later_ns:
            self._deliver_over_wire(message, at)
            return
        least, most = self._config.latency_report_ns
        drawn = draws("report", self._seed, message.client_order_id, _name_of(message))[0]
        due = at + least + ((most - least + 1) * drawn >> 64) + delivery.later_ns
        if not delivery.overtaken:
            due = self._delivered_last = max(self._delivered_last, due)
        self._agenda.put(due, lambda now: self._deliver_over_wire(message, now))

    def _deliver_over_wire(self, message: VenueMessage, at: int) -> None:
        held_until = at if self._wire is None else self._wire.held_until(at)
        if held_until == at:
            self._deliver(message)
        elif held_until is not None:
            self._agenda.put(held_until, lambda now: self._deliver_over_wire(message, now))

    def _deliver(self, message: VenueMessage) -> None:
        if self._repeating and not _by_itself(message):
            return
        if self._sink is not None:
            self._sink(message)


def sim_accounts(
    accounts: Iterable[Account], venue: str, balances: Mapping[str, Decimal]
) -> tuple[SimAccount, ...]:
    """The venue's accounts as a book's configuration describes them; ``balances`` by account, in
    its currency.
    """
    return tuple(
        SimAccount(
            account_id=account.account_id,
            currency=account.currency,
            balance=balances[account.account_id],
            symbols=dict(account.symbols),
            position_mode=account.position_mode,
        )
        for account in accounts
        if account.venue == venue
    )


def _by_itself(message: VenueMessage) -> bool:
    """True for a fill that no order of the book asked for."""
    return isinstance(message, ExecutionReport) and not message.client_order_id


def _name_of(message: Said) -> str:
    if isinstance(message, ExecutionReport):
        return message.exec_id
    if isinstance(message, StatusAnswer):
        return f"status {message.transact_at}"
    if isinstance(message, CancelReject):
        return f"cancel reject {message.transact_at}"
    return f"protection {message.transact_at}"


def _check_terms(
    venue: str,
    accounts: Mapping[str, VenueAccount],
    instruments: Mapping[str, Instrument],
    feed: TriggerFeed,
) -> None:
    converter = Converter(instruments, feed)
    for account_id in sorted(accounts):
        account = accounts[account_id].config
        for symbol in sorted(account.symbols):
            instrument = instruments.get(symbol)
            if instrument is None:
                raise InvalidInput(
                    f"venue {venue}, account {account_id}", f"{symbol} has no instrument", "one"
                )
            converter.rate(instrument.quote_currency, account.currency, 0)
