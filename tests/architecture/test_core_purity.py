"""The core depends on nothing but its arguments: no clock, chance, I/O, nor a set's own order."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.architecture.floats import find_floats, find_money_of_floats
from tests.architecture.origins import Source
from tests.architecture.purity import find_impurities, find_in
from tests.architecture.set_facts import Sets

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/stretto"
# Correlations are reckoned in floats whose sums are exact; nothing else is.
FLOATS = frozenset(
    "allocation alternatives correlation exposures factors historical in_flight placing".split()
)


@cache
def core() -> dict[str, Source]:
    """Every module of the core by its full name."""
    return {
        ".".join(("stretto", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): Source(path.read_text(encoding="utf-8"))
        for path in sorted((PACKAGE / "core").rglob("*.py"))
    }


def test_the_core_is_pure() -> None:
    modules = core()
    assert "stretto.core.values" in modules
    sets = Sets(modules)
    found = [
        f"{name}:{fault}"
        for name, source in modules.items()
        for fault in find_in(source, modules, sets)
    ]
    assert not found, "\n" + "\n".join(found)


def test_the_core_keeps_floats_to_the_correlations() -> None:
    with_floats = {
        name.rpartition(".")[2] for name, source in core().items() if any(find_floats(source))
    }
    assert with_floats == FLOATS
    money = [
        f"{name}:{line}: {what}"
        for name, source in core().items()
        for line, what in find_money_of_floats(source)
    ]
    assert not money, "\n" + "\n".join(money)


ANOTHER = {
    "stretto.core.another": "import time\nimport numpy as np\nfrom datetime import datetime\n"
    "from datetime import datetime as D\nfrom random import random\nHERE = 1\n",
    "stretto.core.third": "from stretto.core.another import datetime, random\n",
}
"""What a module of the core could hand on if it were impure itself."""


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        # The clock.
        ("import time\n", "imports time"),
        ("import time as t\nx = t.time()\n", "imports time"),
        ("from time import monotonic_ns as sequence\n", "imports time"),
        ("def f():\n    import time\n", "imports time"),
        ("from datetime import datetime\nx = datetime.now()\n", "wall clock"),
        ("import datetime as dt\nx = dt.datetime.utcnow()\n", "wall clock"),
        ("from datetime import date as d\nx = d.today()\n", "wall clock"),
        ("from datetime import datetime\nclock = datetime.now\n", "wall clock"),
        ("from datetime import datetime\nd = datetime\nx = d.fold\n", "handed on"),
        ("from datetime import datetime\nx = [datetime][0]\n", "handed on"),
        ("import datetime as dt\nd = dt\n", "handed on"),
        ("import datetime as dt\nd = dt.datetime\n", "handed on"),
        ("from datetime import datetime\nx = getattr(datetime, 'now')()\n", "wall clock"),
        ("from datetime import datetime\nx = getattr(datetime, 'n' + 'ow')()\n", "not written"),
        ("def f(moment, name):\n    return getattr(moment, name)()\n", "not written here"),
        ("def f(moment):\n    return type(moment).now()\n", "wall clock"),
        ("def f(moment):\n    return moment.astimezone()\n", "without a zone"),
        ("from datetime import datetime\nx = datetime.fromtimestamp(0)\n", "machine's zone"),
        ("from operator import methodcaller\n", "not needed"),
        ("from operator import attrgetter\nf = attrgetter('now')\n", "wall clock"),
        ("from operator import attrgetter\nf = attrgetter('at.today')\n", "wall clock"),
        ("from operator import attrgetter\ndef f(x):\n    return attrgetter(x)\n", "not written"),
        ("from stretto.core.another import datetime\nx = datetime.now()\n", "wall clock"),
        ("from stretto.core.another import D\nx = D\n", "handed on"),
        ("from stretto.core import another\nx = another.time.time()\n", "imports time"),
        ("from stretto.core.another import time\n", "imports time"),
        ("from stretto.core.third import datetime as d\nx = [d]\n", "handed on"),
        ("def f(sleep=__import__('time').sleep): ...\n", "imports by name"),
        # Chance.
        ("import random\n", "imports random"),
        ("from random import random as settled\n", "imports random"),
        ("from stretto.core.third import random\n", "imports random"),
        ("import uuid\n", "imports uuid"),
        ("from uuid import uuid4 as name_of\n", "imports uuid"),
        ("def f():\n    from uuid import uuid4\n", "imports uuid"),
        ("import secrets\n", "imports secrets"),
        ("import numpy as np\nx = np.random.default_rng(1)\n", ".random"),
        ("import numpy as np\nrng = getattr(np, 'random')\n", ".random"),
        ("import numpy as np\nn = np\nx = n.random\n", "handed on"),
        ("import numpy\nf = lambda m=numpy: m\n", "handed on"),
        ("from numpy.random import default_rng\n", "numpy.random"),
        ("from numpy import random as r\n", "numpy.random"),
        ("import numpy.random as r\n", "numpy.random"),
        ("from stretto.core.another import np\nx = np.random\n", ".random"),
        ("from random import *\n", "not written here"),
        ("from stretto.core.another import *\n", "not written here"),
        # Threads and waiting.
        ("import threading\n", "imports threading"),
        ("from concurrent.futures import ThreadPoolExecutor as Pool\n", "imports concurrent"),
        ("import _thread as t\n", "imports _thread"),
        ("import asyncio\n", "imports asyncio"),
        ("async def f(): ...\n", "AsyncFunctionDef"),
        ("async def f(y):\n    return [x async for x in y]\n", "AsyncF"),
        ("from functools import RLock\n", "not needed"),
        ("import multiprocessing.dummy as m\n", "imports multiprocessing"),
        # The machine, the process, files.
        ("def f():\n    import os\n", "imports os"),
        ("from os import environ as settings\n", "imports os"),
        ("import enum\nx = enum.sys\n", "enum.sys"),
        ("from enum import sys\n", "enum.sys"),
        ("def f(x):\n    return x.environ\n", "process or machine"),
        ("from pathlib import Path\n", "imports pathlib"),
        ("x = open('f')\n", "is I/O"),
        ("read = open\n", "is I/O"),
        ("import io\nx = io.open('f')\n", "imports io"),
        ("print(1)\n", "is I/O"),
        ("import logging\n", "imports logging"),
        ("from scipy import stats\n", "imports scipy"),
        ("from stretto.journal import sqlite\n", "imports stretto.journal"),
        ("from . import sqlite\n", "not written here"),
        ("from stretto.core.another import GONE\n", "not to be found"),
        # What differs between runs.
        ("x = hash('a')\n", "PYTHONHASHSEED"),
        ("x = list(map(hash, y))\n", "PYTHONHASHSEED"),
        ("x = 'a'.__hash__()\n", "__hash__ leads"),
        ("x = sorted(y, key=id)\n", "differs between runs"),
        ("def f(id): ...\ndef g(y):\n    return sorted(y, key=id)\n", "differs between runs"),
        ("x = [id(each) for each in y]\n", "differs between runs"),
        ("x = sorted(y, key=repr)\n", "address"),
        ("x = object.__repr__(y)\n", "__repr__ leads"),
        ("import numpy as np\nx = np.argsort(y)\n", "any order"),
        ("from numpy import argsort as ranked\nx = ranked(y, kind='quicksort')\n", "any order"),
        ("x = y.argsort()\n", "any order"),
        # Ways to everything.
        ("x = eval('1')\n", "runs text"),
        ("x = ().__class__.__base__.__subclasses__()\n", "leads to everything"),
        ("def f(): ...\nx = f.__globals__['__builtins__']\n", "leads to everything"),
        ("x = getattr(f, '__globals__')\n", "leads to everything"),
        ("x = vars()['f']\n", "is not needed"),
        ("x = globals()['f']\n", "is not needed"),
        ("x = __builtins__\n", "is not needed"),
        ("reach = getattr\n", "handed on"),
        ("x = type('C', (), {})\n", "with bases"),
        ("def f(g):\n    return g.gi_frame.f_globals\n", "leads to everything"),
        ("def f():\n    global x\n    x = 1\n", "Global"),
        # What one call would leave to the next.
        ("SEEN = {}\ndef f(k):\n    SEEN[k] = 1\n", "outlives"),
        ("SEEN: list[str] = []\ndef f(k):\n    SEEN.append(k)\n", "outlives"),
        ("SEEN = {}\nf = lambda k: SEEN.setdefault(k, len(SEEN))\n", "outlives"),
        (
            "from itertools import count\nIDS = count()\ndef f():\n    return next(IDS)\n",
            "outlives",
        ),
        ("class C:\n    n = 0\ndef f():\n    C.n += 1\n", "outlives"),
        ("def f():\n    f.calls = 1\n", "outlives"),
        ("from stretto.core import another\ndef f():\n    another.HERE = 2\n", "outlives"),
        ("from stretto.core.another import HERE\ndef f():\n    HERE.pop()\n", "outlives"),
        # Numbers that differ between processors.
        ("import math\nx = math.exp(1.0)\n", "math.exp"),
        ("import math as m\nx = m.log(2.0)\n", "math.log"),
        ("from math import pow\n", "math.pow"),
        ("import math\nf = math.erf\n", "math.erf"),
        ("import numpy as np\nx = np.exp(y)\n", ".exp"),
        ("import numpy as np\nx = np.linalg.eigh(y)\n", ".linalg"),
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
    found = find_impurities(source, ANOTHER)
    assert any(fault in each for each in found), found


@pytest.mark.parametrize(
    "source",
    [
        "def f(input):\n    return input\n",
        "from stretto.core.values import PPM\nfrom stretto import __version__\n",
        "from stretto.core.another import HERE\n"
        "from stretto.core import another\nx = another.HERE\n",
        "import math\nx = math.isqrt(5) + math.floor(2.5)\n",
        "x = 2 ** 24\n",
        "DIGITS = 9\nx = 10 ** DIGITS\n",
        "x = pow(a, b, 7)\n",
        "x = state.at\n",
        "import numpy as np\nx = np.sum(y) @ z\ni = np.argsort(y, kind='stable')\n",
        "from datetime import UTC, datetime\nx = datetime(2026, 1, 5, tzinfo=UTC)\n"
        "def f(at: datetime | None) -> datetime: ...\ny = isinstance(x, datetime)\n",
        "def f(moment, zone):\n    return moment.astimezone(zone)\n",
        "def f(signal):\n    for name in ('size', 'price'):\n        getattr(signal, name)\n",
        "NAMES = ('size', 'price')\ndef f(x):\n    return [n for n in NAMES if getattr(x, n)]\n",
        "def f(x):\n    return {n: getattr(x, n) for n in Book.__struct_fields__}\n",
        "from operator import attrgetter\nf = attrgetter('delay_ns')\n",
        "TABLE = {}\nTABLE['a'] = 1\ndef f(a):\n    TABLE = {}\n    TABLE[a] = 1\n",
        "TABLE = {}\ndef f(a):\n    held = dict(TABLE)\n    held[a] = TABLE['a']\n",
        "class C:\n    hash: str\n    id: str\ndef f(c):\n    return c.hash + c.id\n",
    ],
)
def test_what_is_pure_passes(source: str) -> None:
    assert find_impurities(source, ANOTHER) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 0.5\n",
        "x = 1e9\n",
        "x = float('0.5')\n",
        "x = list(map(float, y))\n",
        "def f(x: float): ...\n",
        "import numpy as np\nx = np.float64(1)\n",
        "import math as m\nx = m.sqrt(2)\n",
        "from math import fsum as total\nx = total(y)\n",
    ],
)
def test_a_planted_float_is_found(source: str) -> None:
    assert list(find_floats(Source(source)))


@pytest.mark.parametrize(
    "argument",
    ["0.1", "-0.1", "float(y)", "y / 3", "1 / 3", "rate", "each", "round(rate, 2)", "2 * rate"],
)
def test_money_of_a_planted_float_is_found(argument: str) -> None:
    function = f"def f(y, rate: float):\n    each = 0.5\n    D({argument})\n"
    assert list(find_money_of_floats(Source(f"from decimal import Decimal as D\n{function}")))


def test_money_of_whole_numbers_and_text_passes() -> None:
    function = "def f(n: int, t: str):\n    Decimal(n) / Decimal('0.1') + Decimal(t)"
    assert not list(find_money_of_floats(Source(f"from decimal import Decimal\n{function}")))
