"""Where each name of a module comes from: its own text, another module of the core, or outside.

Reads source text only. What one module of the core imports, another can reach through it; such
chains are followed to their end, and a name that leads nowhere is said to be unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

CORE = "stretto.core"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef)


class Source:
    """One module: its tree, whose child each node is, and which scope binds which name."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.imported: dict[str, str] = {}
        """Local name to the full name of what was imported under it."""
        self._scope: dict[ast.AST, ast.AST] = {}
        self._bound: dict[ast.AST, set[str]] = {self.tree: set()}
        self._place(self.tree, self.tree)
        self.nodes = tuple(self._scope)
        for node in self.nodes:
            self._bind(node)

    def scope(self, node: ast.AST) -> ast.AST:
        """The function, comprehension, class or module in which a node stands."""
        return self._scope[node]

    def binder(self, node: ast.Name) -> ast.AST | None:
        """The scope that gives a name its meaning where it stands; None: nothing in the module."""
        scope: ast.AST = self._scope[node]
        own = scope
        while True:
            seen = scope is own or not isinstance(scope, ast.ClassDef)
            if seen and node.id in self._bound[scope]:
                return scope
            if scope is self.tree:
                return None
            scope = self._scope[scope]

    def binds(self, name: str) -> bool:
        """True for what the module itself has at its top, be it imported or defined."""
        return name in self._bound[self.tree]

    def is_named(self, node: ast.expr) -> bool:
        """True for a type that is called, annotates, or is what something is an instance of."""
        inner: ast.AST = node
        parent = self.parents[node]
        if isinstance(parent, ast.Call) and parent.func is node:
            return True
        while isinstance(parent, ast.BinOp | ast.Subscript | ast.Tuple):
            inner, parent = parent, self.parents[parent]
        if isinstance(parent, ast.Call):
            return ast.unparse(parent.func) == "isinstance"
        if isinstance(parent, ast.AnnAssign | ast.arg):
            return parent.annotation is inner
        return isinstance(parent, ast.FunctionDef) and parent.returns is inner

    def _place(self, node: ast.AST, scope: ast.AST) -> None:
        self._scope[node] = scope
        inner = scope
        if isinstance(node, _SCOPES):
            self._bound[node] = set()
            inner = node
        for child in ast.iter_child_nodes(node):
            self.parents[child] = node
            # What decorates a function, its defaults and annotations stand outside of it.
            outside = isinstance(node, _FUNCTIONS) and not _is_inside(node, child)
            self._place(child, scope if outside else inner)

    def _bind(self, node: ast.AST) -> None:
        scope = self._scope[node]
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            if isinstance(self.parents[node], ast.NamedExpr):
                while isinstance(scope, _COMPREHENSIONS):
                    scope = self._scope[scope]
            self._bound[scope].add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._bound[scope].add(node.name)
        elif isinstance(node, ast.arg):
            self._bound[scope].add(node.arg)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            self._bound[scope].add(node.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.split(".")[0]
                self._bound[scope].add(local)
                self.imported[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                local = alias.asname or alias.name
                self._bound[scope].add(local)
                self.imported[local] = f"{node.module}.{alias.name}"


def _is_inside(function: ast.AST, child: ast.AST) -> bool:
    if isinstance(function, ast.Lambda):
        return True
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    return child in function.body or child is function.args


class Origins:
    """Full names of what a module's expressions stand for, through all modules of the core."""

    def __init__(self, source: Source, core: Mapping[str, Source]) -> None:
        self._source = source
        self._core = core

    def of(self, node: ast.expr) -> str | None:
        """``datetime.datetime.now`` for ``clock.now``, say; None: of the module's own making."""
        if isinstance(node, ast.Name):
            origin = self._source.imported.get(node.id)
            if origin is None or self._source.binder(node) is None:
                return None
            return self.followed(origin)
        if isinstance(node, ast.Attribute):
            base = self.of(node.value)
            return None if base is None else self.followed(f"{base}.{node.attr}")
        return None

    def followed(self, origin: str) -> str:
        """A name that a module of the core only hands on, as the name of where it is from."""
        for _ in range(16):
            module, name, rest = self._split(origin)
            if module is None or name not in module.imported:
                return origin
            origin = module.imported[name] + rest
        return origin

    def is_unknown(self, origin: str) -> bool:
        """True for a name that a known module of the core does not have."""
        module, name, _ = self._split(origin)
        return module is not None and name != "" and not module.binds(name)

    def is_module(self, origin: str, outside: frozenset[str]) -> bool:
        """True for a module of the core, or one of those named in ``outside``."""
        return origin in self._core or origin in outside or origin == CORE

    def _split(self, origin: str) -> tuple[Source | None, str, str]:
        parts = origin.split(".")
        for length in range(len(parts), 2, -1):
            module = self._core.get(".".join(parts[:length]))
            if module is not None:
                rest = parts[length + 1 :]
                name = parts[length] if len(parts) > length else ""
                return module, name, "".join(f".{each}" for each in rest)
        return None, "", ""
