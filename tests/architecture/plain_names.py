"""Says where an attribute's name comes from, for ``getattr`` and its like.

A name counts as plain where the module's own text lists what it can be, or where it walks the
declared fields of a struct, which are attributes that hold values.
"""

from __future__ import annotations

import ast

from tests.architecture import allowed
from tests.architecture.origins import Source

_DEPTH_MAX = 8


def are_plain_names(node: ast.expr, source: Source, depth: int = 0) -> bool:
    """True where every name that ``node`` can stand for, or hold, is written in the module."""
    if depth > _DEPTH_MAX:
        return False
    if isinstance(node, ast.Constant):
        text = node.value if isinstance(node.value, str) else "__"
        return text not in allowed.ATTRIBUTES_REFUSED and not text.startswith("__")
    if isinstance(node, ast.Tuple | ast.List):
        return all(are_plain_names(each, source, depth + 1) for each in node.elts)
    if isinstance(node, ast.Starred):
        return are_plain_names(node.value, source, depth + 1)
    if isinstance(node, ast.Attribute):
        return node.attr == "__struct_fields__"
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        return all(are_plain_names(each, source, depth + 1) for each in node.value.values)
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return are_plain_names(node.elt, source, depth + 1)
    if isinstance(node, ast.Name):
        given = _given(node, source)
        return bool(given) and all(are_plain_names(each, source, depth + 1) for each in given)
    return False


def _given(name: ast.Name, source: Source) -> list[ast.expr]:
    """Everything that the scope that binds a name puts into it; empty where that is not known."""
    binder = source.binder(name)
    given: list[ast.expr] = []
    stores = 0
    for node in ast.walk(binder or ast.Module([], [])):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stores += node.id == name.id and source.binder(node) is binder
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        elif isinstance(node, ast.For | ast.comprehension):
            targets, value = [node.target], node.iter
        for target in targets:
            if isinstance(target, ast.Name) and target.id == name.id:
                given += [value] * (source.binder(target) is binder)
    return given if len(given) == stores else []
