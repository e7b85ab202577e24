"""Signals as JSON: read exactly, refused in words, and written so that they can be read again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.config import MalformedInput, read_signal, read_signals, signal_to_json
from stretto.core.errors import InvalidInput
from stretto.core.terms.exit_signal import AnySignal, ExitSignal
from stretto.core.terms.report import OrderType, TimeInForce
from stretto.core.terms.signal import (
    Action,
    AllAccounts,
    BestAccounts,
    GroupAccounts,
    ListedAccounts,
    PerAccount,
    RiskPercent,
    Share,
    Signal,
    Split,
    Total,
    Urgency,
    judge_form,
)
from stretto.core.values import NS_PER_S, Side, parse_iso

SOUND: dict[str, Any] = {
    "signal_id": "s1",
    "strategy_id": "trend",
    "action": "open",
    "symbol": "EURUSD",
    "side": "buy",
    "size": {"mode": "per_account", "quantity": 10000},
    "generated_at": "2014-05-02T12:29:59.5Z",
    "valid_until": "2014-05-02T14:40:00+02:00",
}


def with_raw(key: str, literal: str) -> str:
    """The sound signal as JSON with ``key`` set to a literal that json would not write."""
    return json.dumps(SOUND | {key: "@"}).replace('"@"', literal)


@pytest.mark.requirement("P3")
def test_a_sound_signal_is_read_exactly() -> None:
    text = json.dumps(
        SOUND
        | {
            "size": {"mode": "risk_percent", "percent": "0.25"},
            "order_type": "stop_limit",
            "stop_price": "@",
            "limit_price": "1.38705",
            "stop_distance": 25e-4,
            "confidence": 0.8,
            "urgency": "high",
            "max_slippage": 1.5,
            "expected_hold_s": 90.5,
            "time_in_force": "gtc",
            "accounts": {"mode": "best", "count": 3},
        }
    ).replace('"@"', "1.387000000001")
    assert read_signal(text, "x") == Signal(
        signal_id="s1",
        strategy_id="trend",
        action=Action.OPEN,
        symbol="EURUSD",
        side=Side.BUY,
        size=RiskPercent(percent=Decimal("0.25")),
        generated_at=parse_iso("2014-05-02T12:29:59.5Z"),
        valid_until=parse_iso("2014-05-02T12:40:00Z"),
        order_type=OrderType.STOP_LIMIT,
        stop_price=Decimal("1.387000000001"),
        limit_price=Decimal("1.38705"),
        stop_distance=Decimal("0.0025"),
        confidence=Decimal("0.8"),
        urgency=Urgency.HIGH,
        max_slippage=Decimal("1.5"),
        expected_hold_ns=90 * NS_PER_S + NS_PER_S // 2,
        time_in_force=TimeInForce.GTC,
        accounts=BestAccounts(count=3),
    )


FAULTS = [
    ("", "is no JSON: Expecting value at line 1, column 1"),
    ("{\n'signal_id': 1}", "is no JSON: .* at line 2, column 1"),
    ("[1]", "is a list of 1; expected a JSON object"),
    ("[" * 100_000, "is nested too deeply"),
    ('{"side": "buy", "side": "sell"}', "key 'side' stands twice"),
    (with_raw("stop_loss", "NaN"), "NaN is no number"),
    (with_raw("stop_loss", "-Infinity"), "-Infinity is no number"),
    (with_raw("stop_loss", "1e400"), "stop_loss: is 1E.400; expected at most 15 digits before"),
    (with_raw("stop_loss", "1e99999999999999999999"), "has too large an exponent"),
    (with_raw("stop_loss", "9" * 5_000), "a number of more than 400 digits"),
    (with_raw("stop_loss", "1" * 300), "stop_loss: is a number of over 100 digits; expected"),
    (with_raw("stop_loss", '"1e-30"'), "stop_loss: is '1e-30'; expected at most 12 digits after"),
    (with_raw("stop_loss", '"nan"'), "stop_loss: is 'nan', which is no number"),
    (with_raw("stop_loss", '"1_0"'), "stop_loss: is '1_0', which is no number"),
    (with_raw("stop_loss", '"١"'), "which is no number"),
    (with_raw("stop_loss", "true"), "stop_loss: is true; expected a number"),
    (with_raw("stop_loss", "null"), "stop_loss: is null; expected a number"),
    (with_raw("size", '{"mode": "per_account", "quantity": "x"}'), "size.quantity: is 'x'"),
    (with_raw("size", '{"mode": "per_account", "quantity": NaN}'), "NaN is no number"),
    (with_raw("size", '{"mode": "per_account"}'), "size.quantity: is missing"),
    (with_raw("size", '{"mode": "per_acount"}'), "size.mode: is 'per_acount'; .*'per_account'"),
    (with_raw("size", '{"mode": "total", "quantity": 1, "percent": 1}'), "size.percent: is no kno"),
    (with_raw("size", "10000"), "size: is 10000; expected a table with a mode: per_account, risk"),
    (with_raw("accounts", '{"count": 3}'), "accounts: has no mode; expected a table with a mode"),
    (with_raw("accounts", '{"mode": "best", "count": 1.5}'), "accounts.count: is 1.5"),
    (with_raw("accounts", '{"mode": "list", "account_ids": []}'), "account_ids: is a list of 0"),
    (with_raw("side", '"long"'), "side: is 'long'; expected one of buy, sell"),
    (with_raw("urgency", '"imediate"'), "urgency: is 'imediate'; expected 'immediate'"),
    (with_raw("slipage_max", "1"), "slipage_max: is no known key"),
    (with_raw("max_slipage", "1"), "max_slipage: is no known key; expected 'max_slippage'"),
    (with_raw("generated_at", '"2014-05-02T12:30:00"'), "generated_at: .* has no time zone"),
    (with_raw("generated_at", '"2014-05-02T12:30:00,5Z"'), "generated_at: .*expected a time with"),
    (with_raw("generated_at", '"2014-05-02T12:30:00+00:00.5"'), "generated_at: .*expected a time"),
    (with_raw("generated_at", '"1969-12-31T23:59:59Z"'), "generated_at: .*from 1970 to 2199"),
    (with_raw("generated_at", '"9999-12-31T23:59:59-23:59"'), "generated_at: .*from 1970 to 2199"),
    (with_raw("generated_at", "1399033800"), "generated_at: is 1399033800; expected a time with"),
    (with_raw("expected_hold_s", "-1"), "expected_hold_s: is -1; expected seconds from 0"),
    (with_raw("expected_hold_s", "1e-10"), "expected_hold_s: is 1E-10; expected seconds with at"),
    (with_raw("signal_id", f'"{"x" * 129}"'), "signal_id: .* of 129 characters"),
    (with_raw("signal_id", '""'), "signal_id: is '', which is empty"),
    (with_raw("signal_id", '" s"'), "signal_id: is ' s', with white space around it"),
    (with_raw("signal_id", '"a\\u0000b"'), r"signal_id: is 'a\\x00b', with control or invisible"),
    (with_raw("signal_id", '"a\\u202eb"'), r"signal_id: is 'a\\u202eb', with control or invisible"),
    (with_raw("signal_id", '"a\\ud800b"'), r"signal_id: is 'a\\ud800b', with control or invisible"),
    (with_raw("signal_id", "7"), "signal_id: is 7; expected text of at most 128 characters"),
    (json.dumps({key: value for key, value in SOUND.items() if key != "action"}),
     "action: is missing; expected one of open, close, reduce, amend"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says"), FAULTS)
def test_a_malformed_signal_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        read_signal(text, "inbox")
    assert str(caught.value).startswith("inbox: ")
    assert caught.value.expected


def test_every_fault_of_a_signal_is_named_at_once() -> None:
    with pytest.raises(MalformedInput) as caught:
        read_signal('{"side": "up", "sise": 1}', "x")
    keys = {problem.key for problem in caught.value.problems}
    missing = {
        "signal_id",
        "strategy_id",
        "action",
        "symbol",
        "size",
        "generated_at",
        "valid_until",
    }
    assert keys == missing | {"side", "sise"}


@pytest.mark.parametrize("quantity", ["0", "-5", "0.0"])
def test_what_a_signal_asks_for_is_left_to_the_book(quantity: str) -> None:
    text = with_raw("size", json.dumps({"mode": "per_account", "quantity": quantity}))
    signal = read_signal(text, "x")
    assert isinstance(signal, Signal)
    refusal = judge_form(signal)
    assert refusal is not None
    assert refusal.rule.value == "size_not_positive"


def test_a_json_file_holds_one_signal_or_a_list(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(SOUND, indent=2))
    assert [each.signal_id for each in read_signals(path)] == ["s1"]
    path.write_text(json.dumps([SOUND, SOUND | {"signal_id": "s2"}]))
    assert [each.signal_id for each in read_signals(str(path))] == ["s1", "s2"]
    path.write_text(json.dumps([SOUND, SOUND | {"side": 1}]))
    with pytest.raises(InvalidInput, match=r"s\.json\[1\]: side: is 1"):
        list(read_signals(path))


def test_lines_are_given_out_until_the_first_malformed_one(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(SOUND) + "\n\n" + json.dumps(SOUND | {"signal_id": "s2"}) + "\n{\n")
    signals = read_signals(path)
    assert [next(signals).signal_id, next(signals).signal_id] == ["s1", "s2"]
    with pytest.raises(InvalidInput, match=r"s\.jsonl:4: is no JSON"):
        next(signals)


def test_a_stream_is_read_line_by_line() -> None:
    asked = 0

    class Slow(io.StringIO):
        def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # as StringIO's
            nonlocal asked
            asked += 1
            return super().readline(size)

    signals: Iterator[AnySignal] = read_signals(Slow(json.dumps(SOUND) + "\nnonsense\n"))
    assert next(signals).signal_id == "s1"
    assert asked == 1
    with pytest.raises(InvalidInput, match=r"standard input:2: is no JSON"):
        next(signals)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no such file"):
        list(read_signals(tmp_path / "gone.json"))
    with pytest.raises(InvalidInput, match="is a directory"):
        list(read_signals(tmp_path))
    (tmp_path / "bad.jsonl").write_bytes(b"\n\xff\n")
    with pytest.raises(InvalidInput, match=r"bad\.jsonl:2: is not UTF-8"):
        list(read_signals(tmp_path / "bad.jsonl"))
    with pytest.raises(InvalidInput, match="in:1: is not UTF-8"):
        list(read_signals(io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8"), "in"))
    with pytest.raises(InvalidInput, match="in:1: is too long"):
        list(read_signals(io.StringIO(" " * (2 << 20)), "in"))


def test_the_examples_can_be_read(repository: Path) -> None:
    files = sorted((repository / "examples/signals").iterdir())
    assert [(path.stem, len(list(read_signals(path)))) for path in files] == [
        ("amend", 1),
        ("close", 1),
        ("eurusd-buy", 1),
        ("reduce-half", 1),
        ("three-signals", 3),
        ("with-exits", 3),
    ]


NAMES = st.text("abcXYZ-_0.é", min_size=1, max_size=12)
NUMBERS = st.decimals(0, 10**9, places=6)
MAYBE = st.none() | NUMBERS
SIZES = st.one_of(
    st.builds(PerAccount, quantity=NUMBERS),
    st.builds(RiskPercent, percent=NUMBERS),
    st.builds(Share, fraction=NUMBERS),
    st.builds(
        Total,
        quantity=NUMBERS,
        split=st.sampled_from(Split),
        ratios=st.dictionaries(NAMES, NUMBERS, max_size=3),
    ),
)
ADDRESSINGS = st.one_of(
    st.just(AllAccounts()),
    st.builds(BestAccounts, count=st.integers(0, 10_000)),
    st.builds(GroupAccounts, group=NAMES),
    st.builds(ListedAccounts, account_ids=st.lists(NAMES, min_size=1, max_size=4).map(tuple)),
)
TIMES = st.integers(0, 7 * 10**18)


@given(
    signal=st.builds(
        Signal,
        signal_id=NAMES,
        strategy_id=NAMES,
        action=st.just(Action.OPEN),
        symbol=NAMES,
        side=st.sampled_from(Side),
        size=SIZES,
        generated_at=TIMES,
        valid_until=TIMES,
        order_type=st.sampled_from(OrderType),
        limit_price=MAYBE,
        stop_price=MAYBE,
        stop_loss=MAYBE,
        stop_distance=MAYBE,
        take_profit=MAYBE,
        time_in_force=st.sampled_from(TimeInForce),
        confidence=NUMBERS,
        urgency=st.sampled_from(Urgency),
        max_slippage=MAYBE,
        expected_hold_ns=st.integers(0, 315_360_000 * NS_PER_S),
        accounts=ADDRESSINGS,
    )
    | st.builds(
        ExitSignal,
        signal_id=NAMES,
        strategy_id=NAMES,
        action=st.sampled_from([Action.CLOSE, Action.REDUCE, Action.AMEND]),
        refers_to=NAMES,
        generated_at=TIMES,
        size=st.none() | SIZES,
        stop_loss=MAYBE,
        take_profit=MAYBE,
        limit_price=MAYBE,
        symbol=st.just("") | NAMES,
        side=st.none() | st.sampled_from(Side),
        valid_until=st.none() | TIMES,
    )
)
def test_signals_survive_json(signal: AnySignal) -> None:
    text = json.dumps(signal_to_json(signal))
    assert read_signal(text, "x") == signal


@given(
    key=st.sampled_from([*SOUND, "accounts", "stop_loss", "expected_hold_s"]),
    junk=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["mode", "quantity", "x"]), inner, max_size=2)
        ),
        max_leaves=4,
    ),
)
def test_whatever_stands_anywhere_is_read_or_refused_in_words(key: str, junk: object) -> None:
    text = ""
    try:
        signal = read_signal(json.dumps(SOUND | {key: junk}), "inbox")
    except InvalidInput as error:
        text = str(error)
    else:
        assert read_signal(json.dumps(signal_to_json(signal)), "again") == signal
    assert not text or text.startswith("inbox: ")
