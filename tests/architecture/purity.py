"""Finds what would make the core depend on anything but its arguments.

Reads source text only. Where it cannot tell whether a value is harmless it reports it: the core
can always be written so that it is plain. The rules, each with its reason, are the functions below.
"""

from __future__ import annotations

import ast
from typing import TypeGuard

from tests.architecture.set_order import find_set_iterations

# Anything not named here needs a reason: the core computes, and does nothing else.
MODULES_ALLOWED = frozenset(
    "__future__ abc array base64 bisect collections copy dataclasses datetime decimal enum"
    " fractions functools hashlib heapq itertools json math msgspec numpy operator re string"
    " struct types typing typing_extensions zoneinfo".split()
)
# Exactly rounded or exact on every processor; the others differ in the last bit between libraries.
MATH_ALLOWED = frozenset(
    "ceil comb copysign fabs factorial floor frexp fsum gcd inf isfinite isinf isnan isqrt lcm"
    " ldexp nan perm prod sqrt trunc".split()
)
# Methods and numpy functions of transcendental kind, whatever they are called on.
TRANSCENDENTAL = frozenset(
    "arccos arcsin arctan arctan2 cbrt cos cosh exp exp2 expm1 float_power ln log log10 log1p log2"
    " logaddexp pow power sin sinh tan tanh".split()
)
NUMPY_FORBIDDEN = frozenset({"random", "linalg", "fft", "polynomial", "load", "save", "memmap"})
BUILTINS_FORBIDDEN = {
    "__import__": "imports by name",
    "breakpoint": "is I/O",
    "eval": "runs text",
    "exec": "runs text",
    "hash": "differs between runs (PYTHONHASHSEED)",
    "id": "differs between runs",
    "input": "is I/O",
    "open": "is I/O",
    "print": "is I/O",
}
CLOCK_METHODS = frozenset({"now", "today", "utcnow"})


def find_impurities(source: str, set_attributes: frozenset[str] = frozenset()) -> list[str]:
    """Every impurity of one module as ``line: what``, by line.

    ``set_attributes``: names of attributes that other modules declare as sets.
    """
    tree = ast.parse(source)
    walks = find_set_iterations(tree, set_attributes)
    found = [*_imports(tree), *_names(tree), *_powers(tree), *walks]
    return [f"{line}: {what}" for line, what in sorted(set(found))]


def _imports(tree: ast.Module) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
            for alias in node.names:
                name = alias.name
                if node.module == "math" and name not in MATH_ALLOWED:
                    found.append((node.lineno, f"math.{name} differs between processors"))
                if node.module == "numpy" and name in NUMPY_FORBIDDEN | TRANSCENDENTAL:
                    found.append((node.lineno, f"numpy.{name} differs between processors or runs"))
        else:
            continue
        for module in modules:
            parts = module.split(".")
            inside = parts[:2] == ["stretto", "core"] or (
                module == "stretto" and isinstance(node, ast.ImportFrom)
            )
            if parts[0] not in MODULES_ALLOWED and not inside:
                found.append((node.lineno, f"imports {module}, which the core does not need"))
            if parts[0] == "numpy" and NUMPY_FORBIDDEN & set(parts[1:]):
                found.append((node.lineno, f"{module} differs between processors or runs"))
    return found


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Local name to the full name of what was imported under it."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _bound_names(tree: ast.Module) -> set[str]:
    """Names that the module itself gives a meaning, such as an argument called ``input``."""
    return {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _names(tree: ast.Module) -> list[tuple[int, str]]:
    aliases = _aliases(tree)
    bound = _bound_names(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in BUILTINS_FORBIDDEN:
                found.append((node.lineno, f"{node.func.id}() {BUILTINS_FORBIDDEN[node.func.id]}"))
        elif isinstance(node, ast.Global | ast.AsyncFunctionDef | ast.Await):
            found.append((node.lineno, f"{type(node).__name__}: state or time from outside"))
        elif isinstance(node, ast.Name) and node.id in BUILTINS_FORBIDDEN.keys() - bound:
            found.append((node.lineno, f"{node.id}() {BUILTINS_FORBIDDEN[node.id]}"))
        elif isinstance(node, ast.Attribute):
            what = _attribute_fault(node, aliases)
            if what:
                found.append((node.lineno, what))
    return found


def _attribute_fault(node: ast.Attribute, aliases: dict[str, str]) -> str:
    base = ast.unparse(node.value)
    head, _, rest = base.partition(".")
    origin = aliases.get(head, head) + (f".{rest}" if rest else "")
    if node.attr in CLOCK_METHODS and origin.split(".")[-1] in {"datetime", "date"}:
        return f"{base}.{node.attr} reads the wall clock"
    if origin == "math":
        return "" if node.attr in MATH_ALLOWED else f"math.{node.attr} differs between processors"
    if origin == "numpy" and node.attr in NUMPY_FORBIDDEN:
        return f"numpy.{node.attr} differs between processors or runs"
    if node.attr in TRANSCENDENTAL:
        return f".{node.attr} is transcendental: its last bit differs between libraries"
    return ""


def _powers(tree: ast.Module) -> list[tuple[int, str]]:
    """``**`` and ``pow``, except of two whole constants or with a modulus (whole numbers only)."""
    what = "power of what may be a float: multiply, shift, or use Decimal.scaleb"
    constants = _whole_constants(tree)
    return [(node.lineno, what) for node in ast.walk(tree) if _is_power(node, constants)]


def _whole_constants(tree: ast.Module) -> set[str]:
    """Names that the module binds once, at its top, to a whole literal."""
    stored = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and _is_whole(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name) and stored.count(target.id) == 1
    }


def _is_power(
    node: ast.AST, constants: set[str]
) -> TypeGuard[ast.BinOp | ast.AugAssign | ast.Call]:
    if isinstance(node, ast.BinOp):
        whole = _is_whole(node.left, constants) and _is_whole(node.right, constants)
        return isinstance(node.op, ast.Pow) and not whole
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "pow" and len(node.args) + len(node.keywords) < 3
    return isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Pow)


def _is_whole(node: ast.expr, constants: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in constants
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value >= 0
