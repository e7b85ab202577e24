"""The core depends on nothing but its arguments: no clock, chance, I/O, nor a set's own order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.purity import find_impurities
from tests.architecture.set_order import declared_set_attributes

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "src/stretto/core").rglob("*.py"))


def test_the_core_is_pure() -> None:
    assert ROOT / "src/stretto/core/values.py" in CORE
    sources = {path: path.read_text(encoding="utf-8") for path in CORE}
    attributes = frozenset[str]().union(
        *(declared_set_attributes(ast.parse(source)) for source in sources.values())
    )
    found = [
        f"{path.relative_to(ROOT)}:{fault}"
        for path, source in sources.items()
        for fault in find_impurities(source, attributes)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import time\n", "imports time"),
        ("import asyncio\n", "imports asyncio"),
        ("import random\n", "imports random"),
        ("import uuid\n", "imports uuid"),
        ("import logging\n", "imports logging"),
        ("import threading\n", "imports threading"),
        ("from pathlib import Path\n", "imports pathlib"),
        ("from scipy import stats\n", "imports scipy"),
        ("from stretto.journal import sqlite\n", "imports stretto.journal"),
        ("def f():\n    import os\n", "imports os"),
        ("from datetime import datetime\nx = datetime.now()\n", "wall clock"),
        ("import datetime as dt\nx = dt.datetime.utcnow()\n", "wall clock"),
        ("from datetime import date as d\nx = d.today()\n", "wall clock"),
        ("from datetime import datetime\nclock = datetime.now\n", "wall clock"),
        ("x = open('f')\n", "is I/O"),
        ("print(1)\n", "is I/O"),
        ("x = hash('a')\n", "PYTHONHASHSEED"),
        ("x = sorted(y, key=id)\n", "differs between runs"),
        ("def f():\n    global x\n    x = 1\n", "Global"),
        ("async def f(): ...\n", "AsyncFunctionDef"),
        ("import math\nx = math.exp(1.0)\n", "math.exp"),
        ("import math as m\nx = m.log(2.0)\n", "math.log"),
        ("from math import pow\n", "math.pow"),
        ("import math\nf = math.erf\n", "math.erf"),
        ("import numpy as np\nx = np.exp(y)\n", ".exp"),
        ("import numpy as np\nx = np.random.default_rng(1)\n", "numpy.random"),
        ("import numpy as np\nx = np.linalg.eigh(y)\n", "numpy.linalg"),
        ("from numpy.random import default_rng\n", "numpy.random"),
        ("from numpy import log\n", "numpy.log"),
        ("x = price.ln()\n", ".ln"),
        ("x = y ** 0.5\n", "power"),
        ("x = 0.5 ** 3\n", "power"),
        ("x = 10 ** -n\n", "power"),
        ("DIGITS = 9.5\nx = 10 ** DIGITS\n", "power"),
        ("DIGITS = 9\ndef f():\n    DIGITS = -1\n    return 10 ** DIGITS\n", "power"),
        ("y **= 2\n", "power"),
        ("x = pow(y, 2)\n", "power"),
    ],
)
def test_a_planted_impurity_is_found(source: str, fault: str) -> None:
    found = find_impurities(source)
    assert any(fault in each for each in found), found


@pytest.mark.parametrize(
    "source",
    [
        "for x in {1, 2}: ...\n",
        "for x in set(y): ...\n",
        "for x in frozenset(y): ...\n",
        "for x in {z for z in y}: ...\n",
        "for x in a.keys() & b.keys(): ...\n",
        "for x in set(a) | b: ...\n",
        "for x in a.union(b): ...\n",
        "x = [y for y in {1, 2}]\n",
        "x = {y: 1 for y in set(z)}\n",
        "x = sum(y for y in set(z))\n",
        "x = list({1, 2})\n",
        "x = tuple(set(y))\n",
        "x = ','.join({'a', 'b'})\n",
        "x = next(iter(set(y)))\n",
        "x = [*{1, 2}]\n",
        "f(*{1, 2})\n",
        "a, b = {1, 2}\n",
        "x = dict.fromkeys(set(y))\n",
        "x = sorted(set(y), key=len)\n",
        "x = min(set(y), key=len)\n",
        "def f():\n    yield from {1, 2}\n",
        "def f():\n    s = set()\n    for x in s: ...\n",
        "def f(s: set[str]):\n    return [x for x in s]\n",
        "def f(s: 'frozenset[str] | None'):\n    return list(s)\n",
        "def f(y):\n    s: frozenset[int] = y\n    for x in s: ...\n",
        "def f(y):\n    a = set(y)\n    b = a - {1}\n    for x in b: ...\n",
        "def f(y):\n    a = y\n    a |= {1}\n    for x in a: ...\n",
        "def f(y):\n    a = set(y)\n    def g():\n        for x in a: ...\n",
        "def f(y):\n    a = set(y) if y else set()\n    for x in a: ...\n",
        "def f(y):\n    a = set(y)\n    return a.pop()\n",
        "def f() -> set[int]: ...\nfor x in f(): ...\n",
        "from collections.abc import Set\ndef f(s: Set[str]):\n    for x in s: ...\n",
        "class C:\n    tags: frozenset[str]\ndef f(c):\n    for x in c.tags: ...\n",
        "class C:\n    def __init__(self):\n        self.s = set()\n"
        "    def f(self):\n        return [x for x in self.s]\n",
        "ALL = frozenset({1})\ndef f():\n    for x in ALL: ...\n",
    ],
)
def test_a_planted_walk_over_a_set_is_found(source: str) -> None:
    (found,) = find_impurities(source)
    assert "a set" in found or "the set" in found


def test_a_field_declared_as_a_set_elsewhere_is_known() -> None:
    declaring = (
        "class C:\n    tags: frozenset[str]\n    @property\n    def all(self) -> set[int]: ..."
    )
    attributes = declared_set_attributes(ast.parse(declaring))
    assert attributes == {"tags", "all"}
    for walk in ("x = [t for t in c.tags]\n", "x = list(c.all)\n"):
        assert find_impurities(walk) == []
        assert len(find_impurities(walk, attributes)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def f(input):\n    return input\n",
        "from stretto.core.values import PPM\nfrom stretto import __version__\n",
        "import math\nx = math.isqrt(5) + math.floor(2.5)\n",
        "x = 2 ** 24\n",
        "DIGITS = 9\nx = 10 ** DIGITS\n",
        "x = pow(a, b, 7)\n",
        "x = state.now\n",
        "import numpy as np\nx = np.sum(y) @ z\n",
        "for x in sorted({1, 2}): ...\n",
        "x = sorted(y.id for y in set(z))\n",
        "x = {y + 1 for y in {1, 2}}\n",
        "x = any(y > 1 for y in {1, 2})\n",
        "x = 1 in {1, 2} and len(set(y)) == 2\n",
        "x = min({1, 2})\n",
        "def f(s: set[int]):\n    return s | {3}\n",
        "def f(s: dict[str, set[int]]):\n    return [x for x in s]\n",
        "def f(a):\n    s = set()\n    s.add(a)\n    s.update(a)\n    return s\n",
        "def f(a):\n    s = set(a)\n    return s\ndef g(s):\n    return list(s)\n",
        "for x in {'a': 1}: ...\n",
        "x = a - b\nfor y in x: ...\n",
    ],
)
def test_what_is_pure_passes(source: str) -> None:
    assert find_impurities(source) == []
