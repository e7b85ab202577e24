"""Documented codes of real venues as a contract: every row is classified by the shipped tables.

The rows are data outside the repository (STRETTO_DATA/conformance). ``CLASSES`` maps the file's
words to Stretto's classes; where Stretto rightly differs, ``DEVIATIONS`` says why.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stretto.config.failure_tables import builtin_names, builtin_table
from stretto.core.terms.failure import FailureClass, FailureTable, Match, Outcome, Request, classify

F = FailureClass
CLASSES = {
    "account_suspended_or_disabled": F.ACCOUNT_SUSPENDED,
    "authentication": F.ACCESS_DENIED,
    "client_bug_invalid_request": F.INVALID_REQUEST,
    "connection_error": F.CONNECTION_TEMPORARY,
    "duplicate_order": F.DUPLICATE_ORDER,
    "insufficient_margin": F.INSUFFICIENT_MARGIN,
    "invalid_price_or_requote": F.PRICE_MOVED,
    "invalid_stops": F.INVALID_STOPS,
    "invalid_volume": F.INVALID_VOLUME,
    "market_closed": F.MARKET_CLOSED,
    "order_already_terminal": F.ORDER_CLOSED,
    "order_not_found": F.ORDER_UNKNOWN,
    "other": F.UNCLASSIFIED,
    "position_limit": F.LIMIT_REACHED,
    "rate_limited": F.RATE_LIMITED,
    "success_or_pending": F.NOT_A_FAILURE,
    "timeout_unknown_outcome": F.UNKNOWN_OUTCOME,
    "trading_disabled_symbol": F.SYMBOL_DISABLED,
    "unsupported_order": F.UNSUPPORTED_ORDER,
    "venue_internal_error": F.VENUE_ERROR,
}
MALFORMED = (
    "the price is off the tick, out of range or no price: a new one would be refused as well"
)
GONE = "it is the position that is not there: an exit has nothing left to do, an order is not meant"
DEVIATIONS = {
    ("binance", "fapi:-4001"): (F.INVALID_PRICE, MALFORMED),
    ("binance", "fapi:-4002"): (F.INVALID_PRICE, MALFORMED),
    ("binance", "fapi:-4014"): (F.INVALID_PRICE, MALFORMED),
    ("binance", "msg:Filter failure: PRICE_FILTER"): (F.INVALID_PRICE, MALFORMED),
    ("ctrader", "TRADING_BAD_PRICES"): (F.INVALID_PRICE, MALFORMED),
    ("ibkr", "110"): (F.INVALID_PRICE, MALFORMED),
    ("ibkr", "168"): (F.INVALID_PRICE, MALFORMED),
    ("ibkr", "10344"): (F.INVALID_PRICE, MALFORMED),
    ("kraken", "EOrder:Tick size check failed"): (F.INVALID_PRICE, MALFORMED),
    ("oanda_v20", "PRICE_BOUND_INVALID"): (F.INVALID_PRICE, MALFORMED),
    ("oanda_v20", "PRICE_BOUND_PRECISION_EXCEEDED"): (F.INVALID_PRICE, MALFORMED),
    ("oanda_v20", "PRICE_INVALID"): (F.INVALID_PRICE, MALFORMED),
    ("oanda_v20", "PRICE_PRECISION_EXCEEDED"): (F.INVALID_PRICE, MALFORMED),
    ("ctrader", "POSITION_NOT_FOUND"): (F.POSITION_GONE, GONE),
    ("kraken", "EOrder:Reduce only:No position exists"): (F.POSITION_GONE, GONE),
    ("kraken", "EOrder:Unknown position"): (F.POSITION_GONE, GONE),
    ("mt5", "10036"): (F.POSITION_GONE, GONE),
    ("mt5", "metaapi:4753"): (F.POSITION_GONE, GONE),
    ("oanda_v20", "OrderCancelReason:LINKED_TRADE_CLOSED"): (F.POSITION_GONE, GONE),
    ("oanda_v20", "TRADE_DOESNT_EXIST"): (F.POSITION_GONE, GONE),
}
TABLES = {name: builtin_table(name) for name in builtin_names()}


class Row(NamedTuple):
    """One row of the file."""

    venue: str
    code: str
    failure_class: str
    outcome: str
    confidence: str


def read_rows() -> list[Row]:
    root = os.environ.get("STRETTO_DATA")
    path = Path(root) / "conformance/venue-failures.json" if root else None
    if path is None or not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return [Row(*(each[key] for key in ROW_KEYS)) for each in found]


ROW_KEYS = ("venue", "code", "class", "outcome", "confidence")
ROWS = read_rows()
pytestmark = pytest.mark.skipif(not ROWS, reason="STRETTO_DATA has no conformance/venue-failures")


@pytest.mark.requirement("R5.1")
@pytest.mark.parametrize("venue", sorted({row.venue for row in ROWS}))
def test_every_documented_code_of_a_venue_has_its_class_and_outcome(venue: str) -> None:
    wrong = []
    for row in ROWS:
        if row.venue != venue:
            continue
        usual = CLASSES[row.failure_class]
        expected, _ = DEVIATIONS.get((venue, row.code), (usual, ""))
        found = classify(TABLES[venue], code=row.code)
        if (found.failure_class, found.outcome) != (expected, Outcome(row.outcome)):
            wrong.append(f"{row.code}: {found.failure_class}, {found.outcome} for {row}")
        elif found.match is not Match.CODE or found.confidence != row.confidence:
            wrong.append(f"{row.code}: {found.match}, {found.confidence} for {row}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_deviation_is_one() -> None:
    usual = {(row.venue, row.code): CLASSES[row.failure_class] for row in ROWS}
    for key, (failure_class, why) in DEVIATIONS.items():
        assert usual[key] is not failure_class, (key, why)


def test_no_code_is_certain_that_the_file_calls_unknown_whatever_was_asked() -> None:
    doubtful = [row for row in ROWS if row.outcome == "unknown"]
    assert len(doubtful) > 100
    for row in doubtful:
        for request in Request:
            for is_final in (False, True):
                found = classify(
                    TABLES[row.venue], code=row.code, request=request, is_final=is_final
                )
                assert not found.proves_dead, row


def test_fix_reasons_are_found_by_their_tags() -> None:
    fix = [row for row in ROWS if row.venue == "fix44" and row.code[:4] in ("103=", "102=")]
    assert len(fix) > 10
    for row in fix:
        tag, value = row.code.split("=")
        asked = {"ord_rej_reason" if tag == "103" else "cxl_rej_reason": value}
        found = classify(TABLES["fix44"], **asked)  # type: ignore[arg-type]
        assert (found.row, found.outcome) == (row.code, row.outcome)


def messages_of(table: FailureTable) -> list[tuple[str, str, str]]:
    return [(each.code, each.text, each.row.failure_class) for each in table.messages]


@pytest.mark.parametrize("venue", ["alpaca", "binance", "tradelocker"])
def test_a_row_that_is_a_message_is_found_in_a_message(venue: str) -> None:
    # What the file writes as CODE:TEXT, msg:TEXT or errmsg:TEXT arrives as a code and a text.
    seen = 0
    for row in ROWS:
        head, colon, text = row.code.partition(":")
        if row.venue != venue or not colon or not (head in ("msg", "errmsg") or head.isdigit()):
            continue
        code = head if head.isdigit() else "-2010" if venue == "binance" else ""
        found = classify(TABLES[venue], code=code, text=f"{text} (1)".upper())
        exact = classify(TABLES[venue], code=row.code)
        assert (found.failure_class, found.outcome) == (exact.failure_class, exact.outcome), row
        assert found.match is Match.MESSAGE
        seen += 1
    assert seen >= 5
    assert messages_of(TABLES[venue])
