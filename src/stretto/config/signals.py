"""Signals as JSON: one object, a list of them, or one per line; every problem of one named at once.

Only the form is judged here: known keys, types, numbers that are numbers. What a signal asks for is
judged by the core, as a journaled refusal. Knows nothing of accounts or quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from stretto.config import kinds
from stretto.config.kinds import INVALID, Kind
from stretto.config.problems import Problems, join, show
from stretto.config.section import REQUIRED, UNSET, Key, Section
from stretto.config.text_file import read_bytes, text_of
from stretto.core.errors import InvalidInput
from stretto.core.terms.exit_signal import AnySignal, ExitSignal
from stretto.core.terms.report import OrderType, TimeInForce
from stretto.core.terms.signal import (
    Action,
    Addressing,
    AllAccounts,
    BestAccounts,
    GroupAccounts,
    ListedAccounts,
    PerAccount,
    RiskPercent,
    Share,
    Signal,
    Size,
    Split,
    Total,
    Urgency,
)
from stretto.core.values import NS_PER_S, Side, iso

SIGNAL_CHARACTERS_MAX = 1 << 20
FILE_BYTES_MAX = 256 << 20
_NAME = kinds.text()
_NUMBER = kinds.number()

SIZES: dict[str, tuple[type[Size], Section]] = {
    "per_account": (
        PerAccount,
        Section(
            '"size": {"mode": "per_account"}',
            "The same nominal quantity in each account.",
            Key("quantity", _NUMBER, REQUIRED, "base units in each account"),
        ),
    ),
    "risk_percent": (
        RiskPercent,
        Section(
            '"size": {"mode": "risk_percent"}',
            "A share of each account's equity, lost at the stop.",
            Key("percent", _NUMBER, REQUIRED, "of equity, lost at the stop"),
        ),
    ),
    "total": (
        Total,
        Section(
            '"size": {"mode": "total"}',
            "A total, shared out.",
            Key("quantity", _NUMBER, REQUIRED, "base units over all accounts"),
            Key("split", kinds.choice(Split), "equal", "how it is shared out"),
            Key("ratios", kinds.MapOf(_NUMBER), {}, "`by_ratio` only: each account's share"),
        ),
    ),
    "share": (
        Share,
        Section(
            '"size": {"mode": "share"}',
            "Of a `reduce`: a share of what each account holds.",
            Key("fraction", _NUMBER, REQUIRED, "above 0, up to 1; rounded down to the lot step"),
        ),
    ),
}
ADDRESSINGS: dict[str, tuple[type[Addressing], Section]] = {
    "all": (AllAccounts, Section('"accounts": {"mode": "all"}', "Every account that passes.")),
    "best": (
        BestAccounts,
        Section(
            '"accounts": {"mode": "best"}',
            "The best that pass.",
            Key("count", kinds.whole(0, 10_000), REQUIRED, "how many"),
        ),
    ),
    "group": (
        GroupAccounts,
        Section(
            '"accounts": {"mode": "group"}',
            "The accounts of one group.",
            Key("group", _NAME, REQUIRED, "the `group` of accounts"),
        ),
    ),
    "list": (
        ListedAccounts,
        Section(
            '"accounts": {"mode": "list"}',
            "The accounts named.",
            Key("account_ids", kinds.ListOf(_NAME, least=1), REQUIRED, "names of accounts"),
        ),
    ),
}


class _ByMode(Kind):
    """A table whose ``mode`` says which section its other keys belong to."""

    def __init__(self, modes: dict[str, Any]) -> None:
        shown = " \\| ".join(f"`{mode}`" for mode in modes)
        super().__init__(f"table with `mode` {shown}", "a table with a mode", lambda raw: raw)
        self._modes = modes
        self._mode = kinds.choice(tuple(modes))

    def read(self, raw: object, place: str, problems: Problems) -> Any:
        if not isinstance(raw, dict) or "mode" not in raw:
            found = "has no mode" if isinstance(raw, dict) else f"is {show(raw)}"
            problems.add(place, found, f"a table with a mode: {', '.join(self._modes)}")
            return INVALID
        mode = self._mode.read(raw["mode"], join(place, "mode"), problems)
        if mode is INVALID:
            return INVALID
        struct, section = self._modes[mode]
        rest = {name: value for name, value in raw.items() if name != "mode"}
        values = section.read(rest, place, problems)
        return INVALID if values is INVALID else struct(**values)


SIGNAL = Section(
    "signal",
    "One signal. Times carry their zone; numbers may be text; prices are in quote currency.",
    Key("signal_id", _NAME, REQUIRED, "its name for ever: the same id is taken once"),
    Key("strategy_id", _NAME, REQUIRED, "who says so"),
    Key("action", kinds.choice(Action), REQUIRED, "what is asked for"),
    Key("symbol", _NAME, REQUIRED, "an instrument of the book"),
    Key("side", kinds.choice(Side), REQUIRED, "buy or sell"),
    Key("size", _ByMode(SIZES), REQUIRED, "how much, see below"),
    Key("generated_at", kinds.moment(), REQUIRED, "when the strategy decided"),
    Key("valid_until", kinds.moment(), REQUIRED, "no entry is sent after it"),
    Key("order_type", kinds.choice(OrderType), "market", "kind of order"),
    Key("limit_price", _NUMBER, UNSET, "price of limit and stop-limit orders"),
    Key("stop_price", _NUMBER, UNSET, "trigger of stop and stop-limit orders"),
    Key("stop_loss", _NUMBER, UNSET, "price of the stop; or `stop_distance`"),
    Key("stop_distance", _NUMBER, UNSET, "from the entry price to the stop, in price"),
    Key("take_profit", _NUMBER, UNSET, "price of the target"),
    Key("time_in_force", kinds.choice(TimeInForce), "day", "how long an order rests"),
    Key("confidence", _NUMBER, 1, "from 0 to 1"),
    Key("urgency", kinds.choice(Urgency), "normal", "pace; `immediate` sends at once"),
    Key("max_slippage", _NUMBER, UNSET, "pips from the touch at intake"),
    Key(
        "expected_hold_s",
        kinds.seconds("315360000"),
        0,
        "how long the position is meant to live",
        "expected_hold_ns",
    ),
    Key("accounts", _ByMode(ADDRESSINGS), {"mode": "all"}, "which accounts, see below"),
)
EXIT = Section(
    "exit",
    "A signal whose action is close, reduce or amend, for every account that holds a part.",
    Key("signal_id", _NAME, REQUIRED, "its own name for ever: the same id is taken once"),
    Key("strategy_id", _NAME, REQUIRED, "who says so"),
    Key("action", kinds.choice(Action), REQUIRED, "close, reduce or amend"),
    Key("refers_to", _NAME, REQUIRED, "the earlier signal, or its execution"),
    Key("generated_at", kinds.moment(), REQUIRED, "when the strategy decided"),
    Key("size", _ByMode(SIZES), UNSET, "of a reduce: `share` or `per_account`; not read else"),
    Key("stop_loss", _NUMBER, UNSET, "of an amend: the position's new stop"),
    Key("take_profit", _NUMBER, UNSET, "of an amend: its new target"),
    Key(
        "limit_price",
        _NUMBER,
        UNSET,
        "of an amend: price of its limit and stop-limit entries that are not filled",
    ),
    Key("symbol", kinds.text(empty=True), "", "where stated, it must be the position's"),
    Key("side", kinds.choice(Side), UNSET, "not read: an exit follows the position"),
    Key("valid_until", kinds.moment(), UNSET, "not read: an exit does not expire"),
)
_EXITS = frozenset({Action.CLOSE.value, Action.REDUCE.value, Action.AMEND.value})
SECTIONS = (
    SIGNAL,
    EXIT,
    *(row[1] for row in SIZES.values()),
    *(row[1] for row in ADDRESSINGS.values()),
)


def read_signal(text: str, source: str) -> AnySignal:
    """The signal of one JSON object. Raises InvalidInput naming ``source`` and the key."""
    return _signal(_parsed(text, source), source)


def read_signals(source: Path | str | TextIO, name: str = "standard input") -> Iterator[AnySignal]:
    """The signals of ``read_placed_signals`` without their places."""
    return (signal for _, signal in read_placed_signals(source, name))


def read_placed_signals(
    source: Path | str | TextIO, name: str = "standard input"
) -> Iterator[tuple[str, AnySignal]]:
    """Place and signal, for each signal of a ``.json`` file (an object or a list), of a file of
    JSON lines, or of an open text stream of JSON lines, which is called ``name``. Blank lines are
    passed over. Raises InvalidInput at the first malformed signal, after those before it were given
    out.
    """
    if isinstance(source, Path | str):
        path = Path(source)
        text = text_of(read_bytes(path, "a JSON file", FILE_BYTES_MAX), str(path))
        if path.suffix.lower() == ".json":
            yield from _whole(text, str(path))
        else:
            yield from _lines(text.splitlines(keepends=True), str(path))
    else:
        yield from _lines(_decoded(source, name), name)


def signal_to_json(signal: AnySignal) -> dict[str, Any]:
    """The signal as ``read_signal`` takes it: what equals its default is left out, decimals are
    text, so that nothing is lost.
    """
    shown: dict[str, Any] = {}
    section = EXIT if isinstance(signal, ExitSignal) else SIGNAL
    for key in section.keys:
        value = getattr(signal, key.field)
        if key.default is not REQUIRED and value == _default(key):
            continue
        if key.name in ("size", "accounts"):
            shown[key.name] = _mode_to_json(value)
        elif key.name in ("generated_at", "valid_until"):
            shown[key.name] = iso(value)
        elif key.name == "expected_hold_s":
            shown[key.name] = _plain(Decimal(value) / NS_PER_S)
        else:
            shown[key.name] = _plain(value) if isinstance(value, Decimal) else str(value)
    return shown


def _default(key: Key) -> Any:
    if key.default is UNSET:
        return None
    return key.kind.read(key.default, key.name, Problems("default"))


def _mode_to_json(value: Size | Addressing) -> dict[str, Any]:
    modes: dict[str, Any] = SIZES | ADDRESSINGS
    mode = next(name for name, (struct, _) in modes.items() if isinstance(value, struct))
    shown: dict[str, Any] = {"mode": mode}
    for key in modes[mode][1].keys:
        field = getattr(value, key.field)
        if isinstance(field, Decimal):
            field = _plain(field)
        elif isinstance(field, dict):
            field = {name: _plain(each) for name, each in field.items()}
        elif isinstance(field, tuple):
            field = list(field)
        if field != {}:
            shown[key.name] = field
    return shown


def _plain(value: Decimal) -> str:
    return format(value, "f")


def _signal(raw: object, source: str) -> AnySignal:
    problems = Problems(source)
    if not isinstance(raw, dict):
        raise InvalidInput(source, f"is {show(raw)}", "a JSON object")
    action = raw.get("action")
    is_exit = isinstance(action, str) and action in _EXITS
    values = (EXIT if is_exit else SIGNAL).read(raw, "", problems)
    problems.raise_if_any()
    return ExitSignal(**values) if is_exit else Signal(**values)


def _whole(text: str, source: str) -> Iterator[tuple[str, AnySignal]]:
    parsed = _parsed(text, source)
    if isinstance(parsed, list):
        for number, each in enumerate(parsed):
            place = f"{source}[{number}]"
            yield place, _signal(each, place)
    else:
        yield source, _signal(parsed, source)


def _lines(lines: Iterable[str], name: str) -> Iterator[tuple[str, AnySignal]]:
    for number, line in enumerate(lines, start=1):
        if len(line) > SIGNAL_CHARACTERS_MAX:
            raise InvalidInput(f"{name}:{number}", "is too long", "one signal per line")
        if line.strip():
            place = f"{name}:{number}"
            yield place, _signal(_parsed(line, place), place)


def _decoded(stream: TextIO, name: str) -> Iterator[str]:
    """The stream's lines; reading stops at a bound, so that a line without an end does no harm."""
    number = 0
    while True:
        number += 1
        try:
            line = stream.readline(SIGNAL_CHARACTERS_MAX + 1)
        except UnicodeDecodeError:
            raise InvalidInput(f"{name}:{number}", "is not UTF-8", "text in UTF-8") from None
        if not line:
            return
        yield line


def _parsed(text: str, source: str) -> Any:
    try:
        return json.loads(
            text,
            parse_float=_exactly,
            parse_int=_whole_number,
            parse_constant=_no_constant,
            object_pairs_hook=_each_key_once,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(source, f"is no JSON: {error.msg} at {where}", "JSON") from None
    except RecursionError:
        raise InvalidInput(source, "is nested too deeply", "a JSON object") from None
    except ValueError as error:
        raise InvalidInput(source, str(error)[:200], "finite numbers, each key once") from None


def _exactly(literal: str) -> Decimal:
    try:
        return Decimal(literal)
    except ArithmeticError:
        raise ValueError(f"{literal[:60]} has too large an exponent") from None


def _whole_number(literal: str) -> int:
    if len(literal) > 400:
        raise ValueError("a number of more than 400 digits")
    return int(literal)


def _no_constant(literal: str) -> Decimal:
    raise ValueError(f"{literal} is no number")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"key {show(name)} stands twice")
        found[name] = value
    return found
