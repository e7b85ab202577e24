"""Every account of a book at the journal's head: the venue's word, reservations, room, positions.

Replays the book, so that what it shows is what the next decision would read. Writes nothing.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import replace

from stretto.core.book import Book
from stretto.core.exits.flattening import not_flat
from stretto.core.gate.risk import Room, room
from stretto.core.gate.trade import AccountView, TradeContext
from stretto.core.limits import ROTATION_WINDOW_NS
from stretto.core.plans.screening import account_views
from stretto.core.terms.account import AccountMode, Position
from stretto.core.terms.killing import KillSwitch
from stretto.core.terms.market import Reads
from stretto.core.values import ZERO, Side, iso
from stretto.sessions.reading import replayed


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """One account. Money in ``currency``; None where the venue has not spoken yet or there is no
    such limit. ``room`` is the smallest of the loss rooms and ``room_binding`` the one it is.
    Where ``room_unknown`` names what is missing to say it, the loss rooms are None too.
    ``day_anchor``: how the start of its trading day is known (ADR 65). ``load`` counts executions
    in the rotation window; ``why`` says why it takes no entry,
    ``flattening`` since when (ISO 8601) a person has had it flattened without proof of that yet,
    ``not_flat`` why it is not proven flat, empty where it is.
    """

    account_id: str
    firm: str
    owner: str
    venue: str
    group: str
    currency: str
    mode: str
    status: str
    balance: Decimal | None
    equity: Decimal | None
    snapshot_at: str | None
    margin_used: Decimal | None
    margin_reserved: Decimal
    risk_reserved: Decimal
    room: Decimal | None
    room_binding: str
    room_unknown: str
    room_daily: Decimal | None
    room_overall: Decimal | None
    room_per_trade: Decimal | None
    open_risk: Decimal
    open_orders: int
    positions: tuple[Position, ...]
    load: int
    why: str
    day_anchor: str = ""
    flattening: str = ""
    not_flat: str = ""


class AccountsView(msgspec.Struct, frozen=True, kw_only=True):
    """Every account of a book at book time ``at`` (ns UTC), entry ``seq``."""

    book_id: str
    seq: int
    at: int
    kill_switches: tuple[KillSwitch, ...]
    accounts: tuple[AccountLine, ...]


def accounts_view(db: Path, book_id: str) -> AccountsView:
    """How every account stands. Raises JournalDamaged where the journal does not verify."""
    book, reads = replayed(db, book_id)
    views = account_views(book, reads, sorted(book.configuration.accounts))
    return AccountsView(
        book_id=book_id,
        seq=book.seq,
        at=book.at,
        kill_switches=tuple(switch for _, switch in sorted(book.kills.items())),
        accounts=tuple(account_line(book, reads, view) for view in views),
    )


def account_line(book: Book, reads: Reads, view: AccountView) -> AccountLine:
    """One account as the next decision would read it."""
    account, snapshot, ledger = view.account, view.snapshot, view.ledger
    space = _room(book, reads, view)
    status, why = _status(view)
    if space is not None and space.smallest is not None and space.smallest < 0:
        breached = f"limit breached: {space.binding}"
        why = f"{why}; {breached}" if why else breached
    return AccountLine(
        account_id=account.account_id,
        firm=account.firm,
        owner=account.owner,
        venue=account.venue,
        group=account.group,
        currency=account.currency,
        mode=account.mode.value,
        status=status,
        balance=None if snapshot is None else snapshot.balance,
        equity=None if snapshot is None else snapshot.equity,
        snapshot_at=None if snapshot is None else iso(snapshot.at),
        margin_used=None if snapshot is None else snapshot.margin_used,
        margin_reserved=ledger.reserved_margin + ledger.unconfirmed_margin,
        risk_reserved=ledger.reserved_risk,
        room=None if space is None or space.unknown else space.smallest,
        room_binding="" if space is None else space.binding,
        room_unknown="" if space is None else space.unknown,
        room_daily=None if space is None or space.unknown else space.daily,
        room_overall=None if space is None or space.unknown else space.overall,
        room_per_trade=None if space is None else space.per_trade,
        open_risk=ZERO if space is None else space.open_risk,
        open_orders=ledger.open_orders,
        positions=tuple(position for position in view.positions if position.quantity),
        load=sum(at > book.at - ROTATION_WINDOW_NS for at in ledger.load),
        why=why,
        flattening="" if not ledger.flattening else iso(ledger.flattening[0].begun_at),
        not_flat=not_flat(book, account.account_id),
        day_anchor="" if ledger.anchor is None else ledger.anchor.basis.value,
    )


def _room(book: Book, reads: Reads, view: AccountView) -> Room | None:
    """The room at the last quotes a decision rested on, however old they are by now: a decision
    would ask for fresh ones. None before the first of them.
    """
    config = book.configuration
    symbol = next((name for name in sorted(reads.quotes) if name in config.instruments), None)
    if symbol is None:
        return None
    context = TradeContext(
        at=book.at,
        symbol=symbol,
        side=Side.BUY,
        entry=reads.quotes[symbol].ask,
        stop_loss=None,
        expected_hold_ns=0,
        reads=reads,
        instruments=config.instruments,
        policy=replace(config.policy, tick_age_ns_max=book.at),
        book_currency=config.currency,
    )
    return room(view, context)


def _status(view: AccountView) -> tuple[str, str]:
    ledger, mode = view.ledger, view.account.mode
    if ledger.halted:
        return "halted", f"halted: {ledger.halted}"
    if ledger.exclusion is not None:
        until = ledger.exclusion.until
        end = f" until {iso(until)[:19]}Z" if until is not None else ""
        return "excluded", f"excluded{end}: {ledger.exclusion.reason}"
    if mode is not AccountMode.ACTIVE:
        return mode.value, f"configured as {mode.value}"
    if view.snapshot is not None and not view.snapshot.tradable:
        return "suspended", "the venue does not let it trade"
    return "active", ""
