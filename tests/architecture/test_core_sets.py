"""A set is neither walked in its own order, nor let go where nobody sees who walks it."""

from __future__ import annotations

import pytest

from tests.architecture.purity import find_impurities

ANOTHER = {
    "stretto.core.another": "ALL = frozenset({'a', 'b'})\nMORE = ALL | {'c'}\n"
    "def names() -> set[str]: ...\n"
    "def walked(names: list[str]) -> None: ...\n"
    "def asked(names: frozenset[str]) -> None: ...\n"
    "class C:\n    @property\n    def tags(self) -> frozenset[str]: ...\n"
    "    def among(self, names: set[str], n: int) -> None: ...\n",
    "stretto.core.third": "from stretto.core.another import ALL\n",
}


@pytest.mark.parametrize(
    "source",
    [
        # Walked where it is made.
        "for x in {1, 2}: ...\n",
        "for x in set(y): ...\n",
        "for x in frozenset(y): ...\n",
        "for x in {z for z in y}: ...\n",
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
        "x = {**dict.fromkeys({1, 2})}\n",
        "f(*{1, 2})\n",
        "a, b = {1, 2}\n",
        "x = f'{ {1, 2} }'\n",
        "x = str({1, 2})\n",
        "x = '%s' % {1, 2}\n",
        "y += {1, 2}\n",
        "y.extend({1, 2})\n",
        "def f():\n    yield from {1, 2}\n",
        "x = sorted(z.sort() for z in [*set(y)])\n",
        # Ties go to whatever comes first.
        "x = sorted(set(y), key=len)\n",
        "x = min(set(y), key=len)\n",
        "x = max((z for z in set(y)), key=len)\n",
        # Views of dictionaries give sets.
        "for x in a.keys() & b.keys(): ...\n",
        "for x in a.keys() - y: ...\n",
        "for x in y | a.items(): ...\n",
        "k = a.keys()\nfor x in k ^ y: ...\n",
        "x = list(dict.keys(a) & y)\n",
        "x = [z for z in (k := a.keys()) & y]\n",
        # Under a name.
        "def f():\n    s = set()\n    for x in s: ...\n",
        "def f(s: set[str]):\n    return [x for x in s]\n",
        "def f(s: 'frozenset[str] | None'):\n    return list(s)\n",
        "def f(y):\n    s: frozenset[int] = y\n    for x in s: ...\n",
        "def f(y):\n    a = set(y)\n    b = a - {1}\n    for x in b: ...\n",
        "def f(y):\n    a = y\n    a |= {1}\n    for x in a: ...\n",
        "def f(y):\n    a = set(y)\n    def g():\n        for x in a: ...\n",
        "def f(y):\n    a = set(y) if y else set()\n    for x in a: ...\n",
        "def f(y):\n    if a := set(y):\n        return [*a]\n",
        "def f(y):\n    a = b = set(y)\n    return [*b]\n",
        "def f(y):\n    a = set(y)\n    return a.pop()\n",
        "def f(y):\n    take = set(y).pop\n    return take()\n",
        "def f(y):\n    return set(y).__iter__()\n",
        "ALL = frozenset({1})\ndef f():\n    for x in ALL: ...\n",
        "def f() -> set[int]: ...\nfor x in f(): ...\n",
        # In other modules and classes.
        "from stretto.core.another import ALL\nx = [*ALL]\n",
        "from stretto.core.another import MORE as few\nfor x in few: ...\n",
        "from stretto.core import another\nx = list(another.ALL)\n",
        "from stretto.core.third import ALL\nx = tuple(ALL)\n",
        "from stretto.core.another import names\nfor x in names(): ...\n",
        "from stretto.core import another as other\nx = [*other.names()]\n",
        "def f(c):\n    return [x for x in c.tags]\n",
        "def f(c):\n    return list(getattr(c, 'tags'))\n",
        # Out of sight.
        "walk = list\nx = walk({1, 2})\n",
        "x = map(str, {1, 2})\n",
        "x = zip(y, {1, 2})\n",
        "x = [{1, 2}]\n",
        "x = {'a': {1, 2}}\n",
        "x['a'] = {1, 2}\n",
        "x.append({1, 2})\n",
        "x.setdefault('a', set()).add(1)\n",
        "x = y or [set(z)]\n",
        "f({1, 2})\n",
        "f(s={1, 2})\n",
        "def f(s):\n    for x in s: ...\nf({1, 2})\n",
        "def f(s: list[str]):\n    for x in s: ...\nf(s={1, 2})\n",
        "def f(a, *rest: set[str]): ...\nf(1, {1})\n",
        "def f():\n    return {1, 2}\n",
        "def f() -> list[int]:\n    return {1, 2}\n",
        "f = lambda: {1, 2}\n",
        "def f():\n    yield {1, 2}\n",
        "def f(s=frozenset()):\n    for x in s: ...\n",
        "def f(s: object):\n    x: object = {1}\n",
        "from stretto.core.another import walked\nwalked({'a'})\n",
        "from stretto.core.another import asked as f\nf(*[{'a'}])\n",
        "make = set\nx = list(make(y))\n",
        "x = list(map(set, y))\n",
        "Names = set[str]\ndef f(s: Names):\n    for x in s: ...\n",
        "def f(s: dict[str, set[int]]):\n    return [x for x in s['a']]\n",
        "def f(s: tuple[frozenset[int], ...]):\n    return [x for y in s for x in y]\n",
        "def f() -> 'list[set[int]]': ...\n",
        "from collections.abc import Set\ndef f(s: Set[str]):\n    for x in s: ...\n",
        "from collections.abc import KeysView\ndef f(a: KeysView[str], b):\n    return [*a & b]\n",
        "from typing import AbstractSet\n",
        "from collections import Counter\nx = Counter({1, 2})\n",
        # As fields, which are written in the set's order.
        "class C:\n    tags: frozenset[str]\n",
        "class C:\n    tags = frozenset({'a'})\n",
        "class C:\n    def __init__(self):\n        self.s = set()\n",
    ],
)
def test_a_planted_walk_over_a_set_is_found(source: str) -> None:
    found = find_impurities(source, ANOTHER)
    assert any("set" in each.lower() or "KeysView" in each for each in found), found


@pytest.mark.parametrize(
    "source",
    [
        "for x in sorted({1, 2}): ...\n",
        "x = sorted(y.id for y in set(z))\n",
        "x = {y + 1 for y in {1, 2}}\n",
        "x = any(y > 1 for y in {1, 2})\n",
        "x = 1 in {1, 2} and len(set(y)) == 2\n",
        "x = min({1, 2})\n",
        "x = {*set(y), 3} <= set(z)\n",
        "def f(s: set[int]) -> set[int]:\n    return s | {3}\n",
        "def f(a):\n    s = set()\n    s.add(a)\n    s.update(a)\n    return sorted(s)\n",
        "def f(a) -> set[int]:\n    s = set(a)\n    return s\ndef g(s):\n    return list(s)\n",
        "def f(a, *, s: set[str] = frozenset()):\n    return a in s\nf(1, s=frozenset({'a'}))\n",
        "def f(a: set[str] | None, b): ...\nf({'a'}, 1)\n",
        "from collections.abc import Container\ndef f(a: Container[str]): ...\nf({'a'})\n",
        "from stretto.core.another import ALL, asked\nasked(ALL)\nx = y in ALL - {1}\n",
        "def f(c):\n    c.among({'a'}, 1)\n    return 'a' in c.tags\n",
        "for x in {'a': 1}: ...\n",
        "x = a - b\nfor y in x: ...\n",
        "for x in a.keys(): ...\n",
        "x = a.keys() == b.keys()\n",
        "if s := set(y):\n    x = not s\n",
        "def f(x):\n    return isinstance(x, set | frozenset)\n",
    ],
)
def test_a_set_that_needs_no_order_passes(source: str) -> None:
    assert find_impurities(source, ANOTHER) == []
