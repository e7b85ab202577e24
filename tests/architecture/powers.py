"""Finds powers whose last bit could differ between libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from tests.architecture.origins import Source


def find_powers(source: Source) -> Iterator[tuple[int, str]]:
    """``**`` and ``pow``, except of two whole constants or with a modulus (whole numbers only)."""
    what = "power of what may be a float: multiply, shift, or use Decimal.scaleb"
    constants = _whole_constants(source)
    for node in source.nodes:
        if _is_power(node, constants):
            yield node.lineno, what


def _whole_constants(source: Source) -> set[str]:
    """Names that the module binds once, at its top, to a whole literal."""
    stored = [
        node.id
        for node in source.nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return {
        target.id
        for node in source.tree.body
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
