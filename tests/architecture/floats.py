"""Finds floating point, which has no place in quantities, prices, money and times.

Correlations alone are reckoned in it, with sums that are exact; the modules that do so are named by
the test. Nowhere may a float become a Decimal.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.origins import Origins, Source

_MAKERS = frozenset({"math.fabs", "math.frexp", "math.fsum", "math.inf", "math.ldexp", "math.nan",
                     "math.sqrt", "numpy.float64", "numpy.nan", "numpy.sqrt"})  # fmt: skip


def find_floats(source: Source) -> Iterator[tuple[int, str]]:
    """Every literal, name and function that is, or makes, a float."""
    origins = Origins(source, {})
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield node.lineno, f"{node.value} is a float"
        elif isinstance(node, ast.Name | ast.Attribute) and not _is_stored(node):
            builtin = isinstance(node, ast.Name) and node.id in {"float", "complex"}
            if builtin or origins.of(node) in _MAKERS:
                yield node.lineno, f"{ast.unparse(node)} makes floats"


def find_money_of_floats(source: Source) -> Iterator[tuple[int, str]]:
    """Every Decimal or Fraction that is made of what may be a float."""
    origins = Origins(source, {})
    floats = _float_names(source)
    for node in source.nodes:
        if isinstance(node, ast.Call) and origins.of(node.func) in {
            "decimal.Decimal",
            "fractions.Fraction",
        }:
            for argument in node.args:
                if _is_float(argument, source, floats):
                    yield node.lineno, f"{ast.unparse(node)} makes money of a float"


def _is_stored(node: ast.Name | ast.Attribute) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _float_names(source: Source) -> set[tuple[ast.AST | None, str]]:
    names: set[tuple[ast.AST | None, str]] = set()
    size = -1
    while size != len(names):
        size = len(names)
        for node in source.nodes:
            if isinstance(node, ast.arg) and _says_float(node.annotation):
                names.add((source.scope(node), node.arg))
            elif isinstance(node, ast.Assign) and _is_float(node.value, source, names):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        names.add((source.binder(target), target.id))
            elif (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and _says_float(node.annotation)
            ):
                names.add((source.binder(node.target), node.target.id))
    return names


def _says_float(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    return any(
        isinstance(each, ast.Name) and each.id in {"float", "complex"}
        for each in ast.walk(annotation)
    )


def _is_float(node: ast.expr, source: Source, names: set[tuple[ast.AST | None, str]]) -> bool:
    """True for what may be a float; a quotient within the brackets may be one of whole numbers."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    if isinstance(node, ast.Name):
        return (source.binder(node), node.id) in names
    if isinstance(node, ast.UnaryOp):
        return _is_float(node.operand, source, names)
    if isinstance(node, ast.IfExp):
        return any(_is_float(each, source, names) for each in (node.body, node.orelse))
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        return isinstance(node.op, ast.Div) or any(_is_float(e, source, names) for e in sides)
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return name == "float" or (name == "round" and _is_float(node.args[0], source, names))
    return False
