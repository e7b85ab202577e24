"""Finds code whose result could depend on the order in which a set hands out its members.

That order depends on PYTHONHASHSEED for text. So a set may only stay where everything that is done
with it can be seen and needs no order: asked for members or size, compared, combined with others,
sorted, kept under a name, handed to what declares that it takes a set. All else is reported: what
walks a set, and what lets one go where nobody can see who walks it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.origins import Origins, Source
from tests.architecture.set_facts import (
    OPERATORS,
    SET_METHODS,
    SET_TYPES,
    Facts,
    Sets,
    alternatives,
    parsed,
    says_set,
    takes_sets,
)

# Their result does not depend on the order of what they consume (without a key).
_ORDER_FREE = frozenset({"sorted", "set", "frozenset", "len", "min", "max", "any", "all", "bool"})
_CHANGES = frozenset(
    "add clear difference_update discard intersection_update remove symmetric_difference_update"
    " update".split()
)
_QUESTIONS = frozenset({"copy", "isdisjoint", "issubset", "issuperset"}) | SET_METHODS
_WALKS = "walks the set `{}` in its own order: sort it first"
_LOST = "the set `{}` goes where nobody sees who walks it: sort it, or say there that it is a set"


def find_set_uses(source: Source, origins: Origins, sets: Sets) -> Iterator[tuple[int, str]]:
    """Every place where a set is walked, or goes out of sight, as (line, what)."""
    uses = _Uses(source, Facts(source, origins, sets))
    for node in source.nodes:
        if isinstance(node, ast.expr) and (what := uses.fault(node)):
            yield node.lineno, what.format(ast.unparse(node))
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield from _declared(node, node.annotation, source)
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            yield from _declared(node, node.returns, source)


def _declared(
    node: ast.arg | ast.AnnAssign | ast.FunctionDef, annotation: ast.expr, source: Source
) -> Iterator[tuple[int, str]]:
    """No set within another type, and none as a field: a field is written in the set's order."""
    written = parsed(annotation)
    of_class = isinstance(node, ast.AnnAssign) and isinstance(source.scope(node), ast.ClassDef)
    if of_class and says_set(written):
        yield node.lineno, "a field that is a set is written in its own order: use a tuple"
    plain = {
        each.value if isinstance(each, ast.Subscript) else each for each in alternatives(written)
    }
    for each in ast.walk(written):
        if isinstance(each, ast.Name) and each.id in SET_TYPES and each not in plain:
            yield node.lineno, "a set within another type: nobody sees who walks the set"


class _Uses:
    def __init__(self, source: Source, facts: Facts) -> None:
        self._source = source
        self._facts = facts

    def fault(self, node: ast.expr) -> str:
        """What is wrong with where a set stands; empty for what is none."""
        if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            return ""
        if isinstance(node, ast.Name) and node.id in SET_TYPES:
            own = self._source.binder(node) is not None
            plain = own or self._source.is_named(node)
            return "" if plain else "`{}` is handed on: nobody sees the sets"
        if not self._facts.is_set(node):
            return ""
        return self._at(node, self._source.parents[node])

    def _at(self, node: ast.expr, parent: ast.AST) -> str:
        match parent:
            case ast.Compare() | ast.NamedExpr() | ast.BoolOp() | ast.UnaryOp() | ast.Expr():
                return ""
            case ast.IfExp() | ast.If() | ast.While() | ast.Assert():
                return ""
            case ast.BinOp():
                return "" if isinstance(parent.op, OPERATORS) else _LOST
            case ast.AugAssign():
                return "" if isinstance(parent.op, OPERATORS) else _WALKS
            case ast.Call():
                if parent.func is node:
                    return _LOST if isinstance(node, ast.Call) else ""
                return self._argument(node, parent, None)
            case ast.keyword():
                call = self._source.parents[parent]
                named = isinstance(call, ast.Call) and parent.arg is not None
                return self._argument(node, call, parent.arg) if named else _LOST  # type: ignore[arg-type]
            case ast.Attribute():
                return self._asked(node, parent)
            case ast.comprehension():
                return self._comprehended(node, parent)
            case ast.For() | ast.AsyncFor() | ast.YieldFrom():
                return _WALKS
            case ast.Starred():
                return "" if isinstance(self._source.parents[parent], ast.Set) else _WALKS
        return self._kept(node, parent)

    def _kept(self, node: ast.expr, parent: ast.AST) -> str:
        """Under a name, or given back: where the text says that it is a set."""
        in_class = isinstance(self._source.scope(parent), ast.ClassDef)
        if isinstance(parent, ast.Assign):
            if any(isinstance(each, ast.Tuple | ast.List) for each in parent.targets):
                return _WALKS
            plain = all(isinstance(each, ast.Name) for each in parent.targets)
            return "" if plain and not in_class else _LOST
        if isinstance(parent, ast.AnnAssign):
            plain = isinstance(parent.target, ast.Name) and not in_class
            return "" if plain and says_set(parent.annotation) else _LOST
        if isinstance(parent, ast.Return):
            function: ast.AST = self._source.scope(parent)
            return (
                ""
                if isinstance(function, ast.FunctionDef) and says_set(function.returns)
                else _LOST
            )
        if isinstance(parent, ast.arguments):
            return "" if says_set(_annotation_of_default(parent, node)) else _LOST
        return _LOST

    def _asked(self, node: ast.expr, parent: ast.Attribute) -> str:
        call = self._source.parents[parent]
        if parent.attr == "pop":
            return "pops any member of the set `{}`: sort it first"
        called = isinstance(call, ast.Call) and call.func is parent
        return "" if called and parent.attr in _CHANGES | _QUESTIONS else _LOST

    def _argument(self, node: ast.expr, call: ast.Call, keyword: str | None) -> str:
        if isinstance(call.func, ast.Name) and self._source.binder(call.func) is None:
            name = call.func.id
            keyed = any(each.arg == "key" for each in call.keywords)
            if keyword is None and name in _ORDER_FREE | {"isinstance"} and not keyed:
                return ""
            return _WALKS
        if isinstance(call.func, ast.Attribute):
            if self._facts.is_set(call.func.value) and call.func.attr in _CHANGES - {"add"}:
                return ""
            if call.func.attr in _QUESTIONS:
                return ""
        meant = self._facts.called(call)
        takes = meant and all(
            takes_sets(_annotation_of_argument(function, node, call, keyword, bound))
            for function, bound in meant
        )
        return "" if takes else _LOST

    def _comprehended(self, node: ast.expr, parent: ast.comprehension) -> str:
        if node is not parent.iter:
            return ""  # a condition
        made = self._source.parents[parent]
        if isinstance(made, ast.SetComp):
            return ""
        call = self._source.parents[made]
        harmless = (
            isinstance(made, ast.GeneratorExp)
            and isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and self._source.binder(call.func) is None
            and call.func.id in _ORDER_FREE
            and not any(each.arg == "key" for each in call.keywords)
        )
        return "" if harmless else _WALKS


def _annotation_of_default(arguments: ast.arguments, node: ast.expr) -> ast.expr | None:
    placed = [*arguments.posonlyargs, *arguments.args]
    for argument, default in [
        *zip(reversed(placed), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]:
        if default is node:
            return argument.annotation
    return None


def _annotation_of_argument(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    node: ast.expr,
    call: ast.Call,
    keyword: str | None,
    bound: int,
) -> ast.expr | None:
    """What the function says of the argument for which ``node`` stands; None: nothing."""
    placed = [*function.args.posonlyargs, *function.args.args]
    if keyword is not None:
        named = {each.arg: each for each in (*placed, *function.args.kwonlyargs)}
        return named[keyword].annotation if keyword in named else None
    if any(isinstance(each, ast.Starred) for each in call.args):
        return None
    place = call.args.index(node) + bound
    return placed[place].annotation if place < len(placed) else None
