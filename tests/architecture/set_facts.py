"""Says which names, functions and arguments of the core are sets, by what its text declares.

A name that is once a set is always one: names are not followed through time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tests.architecture.origins import Origins, Source

SET_TYPES = frozenset({"set", "frozenset"})
OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)
# Only sets have these.
SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Sets:
    """What modules of the core offer each other: constants, functions and methods."""

    def __init__(self, core: Mapping[str, Source]) -> None:
        self.constants: set[str] = set()
        self.functions: dict[str, _Function] = {}
        self.methods: dict[str, list[_Function]] = {}
        for name, source in core.items():
            for node in source.tree.body:
                if isinstance(node, _Function):
                    self.functions[f"{name}.{node.name}"] = node
            self.add_methods(source)
        size = -1
        while size != len(self.constants):
            size = len(self.constants)
            for name, source in core.items():
                facts = Facts(source, Origins(source, core), self)
                self.constants |= {f"{name}.{each}" for each in facts.constants()}

    def add_methods(self, source: Source) -> None:
        """Methods and properties count by their name alone, in whatever class they stand."""
        for each in source.nodes:
            if isinstance(each, _Function) and isinstance(source.scope(each), ast.ClassDef):
                found = self.methods.setdefault(each.name, [])
                if each not in found:
                    found.append(each)


class Facts:
    """Which expressions of one module are sets."""

    def __init__(self, source: Source, origins: Origins, sets: Sets) -> None:
        self._source = source
        self._origins = origins
        self._sets = sets
        self._names: set[tuple[ast.AST | None, str]] = set()
        self._views: set[tuple[ast.AST | None, str]] = set()
        self._functions = {
            (source.scope(each), each.name): each
            for each in source.nodes
            if isinstance(each, _Function)
        }
        sets.add_methods(source)
        size = -1
        while size != len(self._names) + len(self._views):
            size = len(self._names) + len(self._views)
            for node in source.nodes:
                self._learn(node)

    def constants(self) -> list[str]:
        """Names of sets at the module's top."""
        return [name for scope, name in self._names if scope is self._source.tree]

    def is_set(self, node: ast.AST) -> bool:
        """True where the text of the core says that the expression is a set."""
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name():
                known = (self._source.binder(node), node.id) in self._names
                return known or self._origins.of(node) in self._sets.constants
            case ast.Attribute():
                known = self._origins.of(node) in self._sets.constants
                return known or self._any_method_gives_a_set(node.attr)
            case ast.Call():
                return self._gives_a_set(node)
            case ast.BinOp():
                sides = (node.left, node.right)
                algebra = isinstance(node.op, OPERATORS)
                return algebra and any(self.is_set(each) or self.is_view(each) for each in sides)
            case ast.IfExp():
                return self.is_set(node.body) or self.is_set(node.orelse)
            case ast.BoolOp():
                return any(self.is_set(each) for each in node.values)
            case ast.NamedExpr():
                return self.is_set(node.value)
        return False

    def is_view(self, node: ast.expr) -> bool:
        """True for ``x.keys()`` and ``x.items()``, whose algebra gives sets, under any name."""
        if isinstance(node, ast.Name):
            return (self._source.binder(node), node.id) in self._views
        if isinstance(node, ast.NamedExpr):
            return self.is_view(node.value)
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        return called and node.func.attr in {"keys", "items"}  # type: ignore[attr-defined]

    def called(self, call: ast.Call) -> list[tuple[_Function, int]]:
        """The functions of the core that a call may mean, and how many arguments come unwritten."""
        if isinstance(call.func, ast.Name):
            own = self._functions.get((self._source.binder(call.func) or call, call.func.id))
            if own is not None:
                return [(own, 0)]
        origin = self._origins.of(call.func)
        if origin is not None:
            function = self._sets.functions.get(origin)
            return [] if function is None else [(function, 0)]
        if isinstance(call.func, ast.Attribute):
            return [(each, 1) for each in self._sets.methods.get(call.func.attr, [])]
        return []

    def _gives_a_set(self, node: ast.Call) -> bool:
        if isinstance(node.func, ast.Name) and self._source.binder(node.func) is None:
            if node.func.id == "getattr" and isinstance(node.args[1], ast.Constant):
                return self._any_method_gives_a_set(str(node.args[1].value))
            return node.func.id in SET_TYPES
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in SET_METHODS:
                return True
            if node.func.attr == "copy":
                return self.is_set(node.func.value)
        return any(says_set(function.returns) for function, _ in self.called(node))

    def _any_method_gives_a_set(self, name: str) -> bool:
        return any(says_set(each.returns) for each in self._sets.methods.get(name, []))

    def _learn(self, node: ast.AST) -> None:
        for target, value in _bindings(node):
            if isinstance(target, ast.Name):
                place = (self._source.binder(target), target.id)
                if self.is_set(value):
                    self._names.add(place)
                elif self.is_view(value):
                    self._views.add(place)
        if isinstance(node, ast.AnnAssign) and says_set(node.annotation):
            if isinstance(node.target, ast.Name):
                self._names.add((self._source.binder(node.target), node.target.id))
        elif isinstance(node, ast.arg) and says_set(node.annotation):
            self._names.add((self._source.scope(node), node.arg))


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.NamedExpr | ast.AnnAssign | ast.AugAssign):
        adds = isinstance(node, ast.AugAssign) and not isinstance(node.op, OPERATORS)
        if node.value is not None and not adds:
            yield node.target, node.value


def parsed(annotation: ast.expr) -> ast.expr:
    """An annotation, also where it is written as text."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def says_set(annotation: ast.expr | None) -> bool:
    """True for a set, or a set or something else; not for what holds sets."""
    if annotation is None:
        return False
    return any(_is_set_type(each) for each in alternatives(parsed(annotation)))


def takes_sets(annotation: ast.expr | None) -> bool:
    """True where a set may be handed over: to a set, or to what can only be asked for members."""
    if annotation is None:
        return False
    kinds = {ast.unparse(each).partition("[")[0] for each in alternatives(parsed(annotation))}
    return says_set(annotation) or kinds == {"Container"}


def alternatives(annotation: ast.expr) -> Iterator[ast.expr]:
    """The parts of a union; the annotation itself where it is none."""
    if isinstance(annotation, ast.BinOp):
        yield from alternatives(annotation.left)
        yield from alternatives(annotation.right)
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith(
        ("Optional", "Final")
    ):
        yield from alternatives(annotation.slice)
    else:
        yield annotation


def _is_set_type(annotation: ast.expr) -> bool:
    base = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(base, ast.Name) and base.id in SET_TYPES
