"""Finds code whose result depends on the order in which a set hands out its members.

That order depends on PYTHONHASHSEED for text. A value counts as a set where its expression, its
annotation, or an assignment anywhere in the module says so; names are not followed through time, so
a name that is once a set is always one. Membership, size, set algebra and ``sorted`` are harmless.
"""

from __future__ import annotations

import ast
import re

_SET_CALLS = frozenset({"set", "frozenset"})
_SET_METHODS = frozenset(
    {"union", "intersection", "difference", "symmetric_difference"}  # only sets have these
)
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)
_SET_ANNOTATION = re.compile(r"^(\w+\.)*(set|frozenset|Set|FrozenSet|AbstractSet|MutableSet)\b")
# Their result does not depend on the order of what they consume (without a key).
_ORDER_FREE = frozenset({"sorted", "set", "frozenset", "len", "min", "max", "any", "all", "bool"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.DictComp, ast.GeneratorExp)


def find_set_iterations(
    tree: ast.Module, set_attributes: frozenset[str] = frozenset()
) -> list[tuple[int, str]]:
    """Every place where a set is walked in its own order, as (line, what).

    ``set_attributes``: names of attributes that other modules declare as sets.
    """
    scope = _Scope(tree, set_attributes)
    found = []
    harmless: set[ast.AST] = set()
    for node in ast.walk(tree):
        for walked in _walked(node, harmless):
            if scope.is_set(walked):
                what = f"walks the set `{ast.unparse(walked)}` in its own order: sort it first"
                found.append((walked.lineno, what))
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "pop"
            and scope.is_set(node.func.value)
        ):
            found.append((node.lineno, "pops any member of a set: sort it first"))
    return found


def declared_set_attributes(tree: ast.Module) -> frozenset[str]:
    """Names of the fields, properties and methods that classes declare to be or to give sets."""
    names = []
    for parent in ast.walk(tree):
        if isinstance(parent, ast.ClassDef):
            for node in parent.body:
                if isinstance(node, ast.AnnAssign) and _says_set(node.annotation):
                    names.append(ast.unparse(node.target))
                elif isinstance(node, ast.FunctionDef) and _says_set(node.returns):
                    names.append(node.name)
    return frozenset(names)


def _walked(node: ast.AST, harmless: set[ast.AST]) -> list[ast.expr]:
    """What ``node`` walks from end to end. Outer nodes come first and mark harmless generators."""
    if isinstance(node, ast.For | ast.AsyncFor):
        return [node.iter]
    if isinstance(node, ast.YieldFrom | ast.Starred):
        return [node.value]
    if isinstance(node, _COMPREHENSIONS):
        return [] if node in harmless else [each.iter for each in node.generators]
    if isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Tuple | ast.List) for target in node.targets
    ):
        return [node.value]
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _ORDER_FREE and not any(word.arg == "key" for word in node.keywords):
            harmless.update(each for each in node.args if isinstance(each, ast.GeneratorExp))
            return []
        if isinstance(node.func, ast.Attribute) and _only_reads_members(node.func.attr):
            return []
        if name == "isinstance":
            return []
        return _consumed(node, name)
    return []


def _only_reads_members(method: str) -> bool:
    """Methods of sets, and those that keep a set whole as a value in a container."""
    return method in _SET_METHODS | {
        "add", "append", "difference_update", "get", "intersection_update", "isdisjoint",
        "issubset", "issuperset", "setdefault", "symmetric_difference_update", "update",
    }  # fmt: skip


_WALKERS = frozenset(
    "list tuple iter next enumerate zip map filter sum dict reversed sorted min max join fromkeys"
    " extend chain from_iterable accumulate reduce array fsum prod islice groupby deque Counter"
    " OrderedDict product permutations combinations asarray fromiter heapify".split()
)


def _consumed(node: ast.Call, name: str) -> list[ast.expr]:
    called = name or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    return list(node.args) if called in _WALKERS else []


class _Scope:
    """Which names, attributes and functions of a module are or return sets."""

    def __init__(self, tree: ast.Module, set_attributes: frozenset[str]) -> None:
        self._owner: dict[ast.AST, ast.AST] = {}  # the function or module that a node belongs to
        self._enclosing: dict[ast.AST, ast.AST] = {}  # that of a function itself
        self._names: set[tuple[ast.AST, str]] = set()
        self._attributes = set(set_attributes)
        self._functions = set(set_attributes)
        self._own(tree, tree)
        self._tree = tree
        size = -1
        while size != len(self._names) + len(self._attributes) + len(self._functions):
            size = len(self._names) + len(self._attributes) + len(self._functions)
            for node in ast.walk(tree):
                self._learn(node)

    def _own(self, node: ast.AST, owner: ast.AST) -> None:
        self._owner[node] = owner
        inner = owner
        if isinstance(node, _FUNCTIONS):
            self._enclosing[node] = owner
            inner = node
        for child in ast.iter_child_nodes(node):
            self._own(child, inner)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and self.is_set(node.value):
            for target in node.targets:
                self._add(target)
        elif isinstance(node, ast.AnnAssign):
            if _says_set(node.annotation) or (node.value and self.is_set(node.value)):
                self._add(node.target)
        elif isinstance(node, ast.AugAssign) and self.is_set(node.value):
            if isinstance(node.op, _SET_OPERATORS):
                self._add(node.target)
        elif isinstance(node, ast.NamedExpr) and self.is_set(node.value):
            self._add(node.target)
        elif isinstance(node, ast.arg) and _says_set(node.annotation):
            self._names.add((self._owner[node], node.arg))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _says_set(node.returns):
            self._functions.add(node.name)
            self._attributes.add(node.name)  # where it is a property

    def _add(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._names.add((self._owner[target], target.id))
            if isinstance(self._owner[target], ast.Module):
                self._attributes.add(target.id)  # a field of a class, or a module's constant
        elif isinstance(target, ast.Attribute):
            self._attributes.add(target.attr)

    def is_set(self, node: ast.expr) -> bool:
        """True where the module's own text says that the expression is a set."""
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name):
            return self._is_set_name(node)
        if isinstance(node, ast.Attribute):
            return node.attr in self._attributes
        if isinstance(node, ast.Call):
            return self._returns_set(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, _SET_OPERATORS):
            return any(self.is_set(side) or _is_view(side) for side in (node.left, node.right))
        if isinstance(node, ast.IfExp):
            return self.is_set(node.body) or self.is_set(node.orelse)
        if isinstance(node, ast.BoolOp):
            return any(self.is_set(value) for value in node.values)
        return isinstance(node, ast.NamedExpr) and self.is_set(node.value)

    def _is_set_name(self, node: ast.Name) -> bool:
        owner: ast.AST = self._owner[node]
        while True:
            if (owner, node.id) in self._names:
                return True
            if owner is self._tree:
                return False
            owner = self._enclosing[owner]

    def _returns_set(self, node: ast.Call) -> bool:
        if isinstance(node.func, ast.Name):
            return node.func.id in _SET_CALLS | self._functions
        if isinstance(node.func, ast.Attribute):
            if node.func.attr == "copy":
                return self.is_set(node.func.value)
            return node.func.attr in _SET_METHODS | self._functions
        return False


def _says_set(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return any(_SET_ANNOTATION.match(part.strip()) for part in str(text).split("|"))


def _is_view(node: ast.expr) -> bool:
    """True for ``x.keys()`` and ``x.items()``, whose algebra gives sets."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"keys", "items"}
    )
