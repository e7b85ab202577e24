"""Finds what breaks the house style: long modules, long functions, missing docstrings.

Works on source text alone and imports nothing of Stretto, so that it also reads what cannot run.
"""

from __future__ import annotations

import ast

MODULE_LINES_MAX = 399
FUNCTION_LINES_MAX = 69

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_faults(source: str, *, documented: bool) -> list[str]:
    """Every fault of one module as ``line: what``. ``documented``: public names need docstrings."""
    tree = ast.parse(source)
    faults = []
    lines = len(source.splitlines())
    if lines > MODULE_LINES_MAX:
        faults.append(f"1: module has {lines} lines, at most {MODULE_LINES_MAX} are allowed")
    if source.strip() and not ast.get_docstring(tree):
        faults.append("1: module has no docstring")
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                faults.append(
                    f"{node.lineno}: {node.name} has {length} lines,"
                    f" at most {FUNCTION_LINES_MAX} are allowed"
                )
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            faults.append(f"{node.lineno}: NotImplementedError: finish it or leave it out")
    if documented:
        faults += _undocumented(tree)
    return faults


def _undocumented(parent: ast.Module | ast.ClassDef) -> list[str]:
    faults = []
    for node in parent.body:
        if not isinstance(node, _Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _takes_docstring_from_elsewhere(node):
            faults.append(f"{node.lineno}: {node.name} is public and has no docstring")
        if isinstance(node, ast.ClassDef):
            faults += _undocumented(node)
    return faults


def _takes_docstring_from_elsewhere(node: _Function | ast.ClassDef) -> bool:
    """True for overloads, setters and overrides: the text stands at the first definition."""
    names = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    return bool(names & {"overload", "setter", "override"})
