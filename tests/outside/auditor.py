"""A stranger's audit: what the command line says about a book against the venues' own books.

It knows the JSON that ``stretto`` prints, docs/tables.md and the venue dump, and nothing of the
code. Everything that is neither equal on both sides nor listed under ``interventions`` is a fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

Json = dict[str, Any]
Sums = defaultdict[tuple[str, str], Decimal]
PARTS = ("filled", "working", "in_doubt", "pending", "abandoned")
QUANTITIES = ("intended", *PARTS, "overfilled")
# The venue speaks FIX; the book's own states beyond it are about what is not with the venue.
LIVE = {"new", "partially_filled", "pending_new", "pending_cancel", "pending_replace"}
NEVER_THERE = {"dead", "rejected"}


class Difference(NamedTuple):
    """What differs; ``listed``: a person was asked about exactly this."""

    what: str
    where: str
    book: str
    venue: str
    listed: bool

    def __str__(self) -> str:
        mark = "listed " if self.listed else ""
        return f"{mark}{self.what} of {self.where}: book {self.book}, venue {self.venue}"


@dataclass(frozen=True, kw_only=True)
class Said:
    """Both sides: what ``demo``, ``status EXECUTION`` (of all) and ``accounts`` print; the dump."""

    summary: Json
    executions: list[Json]
    accounts: list[Json]
    dump: Json
    venue_of: dict[str, str] = field(default_factory=dict)

    @property
    def venue_orders(self) -> dict[str, Json]:
        """By client order id, of all venues."""
        return {
            name: order
            for venue in self.dump["venues"].values()
            for name, order in venue["orders"].items()
        }

    @property
    def venue_accounts(self) -> dict[str, Json]:
        """By account id, of all venues."""
        return {
            name: account
            for venue in self.dump["venues"].values()
            for name, account in venue["accounts"].items()
        }

    @property
    def book_orders(self) -> dict[str, Json]:
        """By client order id, of all executions."""
        return {o["client_order_id"]: o for e in self.executions for o in e["orders"]}


def audit(said: Said) -> list[Difference]:
    """Everything that differs, what is listed as an intervention included."""
    asked = [i for i in said.summary["interventions"] if i.get("client_order_id")]
    orders = {i["client_order_id"] for i in asked}
    found = [*_identities(said), *_doubts(said, orders), *_orders(said, orders), *_fills(said)]
    return [*found, *_positions(said, found), *_money(said, found)]


def faults(said: Said) -> list[Difference]:
    """Differences that nobody was asked about."""
    return [each for each in audit(said) if not each.listed]


def _number(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def _identities(said: Said) -> Iterator[Difference]:
    """The identity everywhere, and every sum that of its parts."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    parts: list[tuple[str, Json]] = [("the summary", said.summary)]
    for execution in said.executions:
        name = f"execution {execution['execution_id']}"
        allocations = execution["allocations"]
        parts.append((name, execution))
        parts += [(f"allocation {a['result_id']}", a) for a in allocations]
        for each in QUANTITIES:
            sums[each] += _number(execution[each])
            inside = sum((_number(a[each]) for a in allocations), Decimal(0))
            if inside != _number(execution[each]):
                yield Difference(f"sum of {each}", name, str(execution[each]), str(inside), False)
    for name, values in parts:
        accounted = sum((_number(values[part]) for part in PARTS), Decimal(0))
        if accounted != _number(values["intended"]):
            yield Difference("the identity", name, str(values["intended"]), str(accounted), False)
        if min(_number(values[part]) for part in QUANTITIES) < 0:
            yield Difference("sign of a quantity", name, "negative", "-", False)
    for each in QUANTITIES:
        if sums[each] != _number(said.summary[each]):
            total = str(said.summary[each])
            yield Difference(f"sum of {each}", "the summary", total, str(sums[each]), False)


def _doubts(said: Said, asked: set[str]) -> Iterator[Difference]:
    """In doubt at the end: a person must know of each order; pending: somebody must."""
    by_allocation = {(i.get("execution_id"), i.get("account_id")) for i in
                     said.summary["interventions"]}  # fmt: skip
    for execution in said.executions:
        for a in execution["allocations"]:
            key = (execution["execution_id"], a["account_id"])
            if _number(a["pending"]) and key not in by_allocation:
                yield Difference("left pending", "/".join(key), str(a["pending"]), "-", False)
        for order in execution["orders"]:
            name = order["client_order_id"]
            if order["state"] in {"in_doubt", "submitting", "initialized"} and name not in asked:
                yield Difference("unasked doubt", f"order {name}", order["state"], "?", False)


def _orders(said: Said, asked: set[str]) -> Iterator[Difference]:
    """Status, quantity, cumulative quantity, price and fees of every client order id."""
    book, venues = said.book_orders, said.venue_orders
    for name in sorted({*book, *venues}):
        ours, theirs, listed = book.get(name), venues.get(name), name in asked
        where = f"order {name} ({(ours or theirs or {})['account_id']})"
        if ours is None:
            yield Difference("presence", where, "never intended", "there", listed)
            continue
        if theirs is None:
            if ours["state"] not in NEVER_THERE or _number(ours.get("cum_qty")):
                yield Difference("presence", where, ours["state"], "not there", listed)
            continue
        for what, mine, other in _pairs_of_order(ours, theirs):
            if mine != other:
                yield Difference(what, where, str(mine), str(other), listed)


def _pairs_of_order(ours: Json, theirs: Json) -> Iterator[tuple[str, Any, Any]]:
    state = ours["state"]
    if state in LIVE and theirs["status"] in LIVE:
        state = theirs["status"]  # a request of ours on its way, which the venue need not show
    yield "status", state, theirs["status"]
    yield "symbol", ours["symbol"], theirs["symbol"]
    yield "side", ours["side"], theirs["side"]
    yield "account", ours["account_id"], theirs["account_id"]
    quantity = _number(ours["quantity"])
    yield "quantity", quantity, _number(theirs["quantity"])
    filled = _number(ours.get("cum_qty"))
    yield "cumulative quantity", filled, _number(theirs["cumulative_quantity"])
    if filled and filled == _number(theirs["cumulative_quantity"]):
        price = _number(theirs["average_price"])
        mean = (_number(ours.get("notional")) / filled).quantize(Decimal("1e-8"))
        yield "average price", mean, price.quantize(Decimal("1e-8"))
        yield "fees", _number(ours.get("fees")), _number(theirs["fees"])


def _fills(said: Said) -> Iterator[Difference]:
    """Each execution counted once, and the orders' sums those of their fills."""
    by_order: dict[str, Decimal] = defaultdict(Decimal)
    seen: set[tuple[str, ...]] = set()
    for fill in _booked(said):
        by_order[fill.get("client_order_id", "")] += _number(fill["quantity"])
        if fill.get("exec_id"):
            # A venue's one close of a netted position may be shared out over executions.
            share = (fill.get("trading_day", ""), fill["exec_id"], fill["execution_id"])
            key = (fill["account_id"], *share)
            if key in seen:
                yield Difference("an execution", "/".join(key), "booked twice", "once", False)
            seen.add(key)
    for name, order in said.book_orders.items():
        if by_order[name] != _number(order.get("cum_qty")):
            cum = str(order.get("cum_qty", 0))
            yield Difference("sum of fills", f"order {name}", cum, str(by_order[name]), False)


def _booked(said: Said) -> Iterable[Json]:
    return (fill for execution in said.executions for fill in execution["fills"])


def _positions(said: Said, orders: list[Difference]) -> Iterator[Difference]:
    """Net quantity per account and symbol; a difference is listed where orders listed make it."""
    listed = {each.where.split()[1] for each in orders if each.listed}
    book, fills, venue, open_to = Sums(Decimal), Sums(Decimal), Sums(Decimal), Sums(Decimal)
    for account in said.accounts:
        for position in account["positions"]:
            key = (account["account_id"], position["symbol"])
            book[key] += _number(position["quantity"])
    for fill in _booked(said):
        key = (fill["account_id"], fill["symbol"])
        fills[key] += fill["direction"] * _number(fill["quantity"])
    for name, account in said.venue_accounts.items():
        for position in account["positions"].values():
            venue[name, position["symbol"]] += _number(position["quantity"])
    for name in sorted(listed):
        ours, theirs = said.book_orders.get(name), said.venue_orders.get(name)
        known = ours or theirs or {}
        more = _number((theirs or {}).get("cumulative_quantity"))
        more -= _number((ours or {}).get("cum_qty"))
        sign = 1 if known["side"] == "buy" else -1
        open_to[known["account_id"], known["symbol"]] += sign * more
    for key in sorted({*book, *venue, *fills}):
        where = f"account {key[0]} in {key[1]}"
        if book[key] != fills[key]:
            yield Difference("position and fills", where, str(book[key]), str(fills[key]), False)
        if book[key] != venue[key]:
            is_listed = book[key] + open_to[key] == venue[key] or _asked_of(said, *key)
            yield Difference("position", where, str(book[key]), str(venue[key]), is_listed)


def _asked_of(said: Said, account_id: str, symbol: str) -> bool:
    """A person was asked about the account's position in that symbol."""
    return any(
        i.get("account_id") == account_id and i.get("known", {}).get("symbol") == symbol
        for i in said.summary["interventions"]
    )


def _money(said: Said, found: list[Difference]) -> Iterator[Difference]:
    """Balance and used margin, as the book last heard."""
    doubtful = {each.where for each in found if each.listed}
    for account in said.accounts:
        name = account["account_id"]
        theirs = said.venue_accounts.get(name)
        if theirs is None:
            yield Difference("presence", f"account {name}", "there", "not there", False)
            continue
        is_listed = any(f"({name})" in where for where in doubtful)
        for what in ("balance", "margin_used"):
            if _number(account[what]) != _number(theirs[what]):
                yield Difference(
                    what, f"account {name}", str(account[what]), str(theirs[what]), is_listed
                )
