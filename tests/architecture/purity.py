"""Finds what would make the core depend on anything but its arguments.

Reads source text only. Where it cannot tell whether a value is harmless it reports it: the core
can always be written so that it is plain. What may be used at all is in ``allowed``; the rules,
each with its reason, are the functions below.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping

from tests.architecture import allowed
from tests.architecture.origins import CORE, Origins, Source
from tests.architecture.plain_names import are_plain_names
from tests.architecture.powers import find_powers
from tests.architecture.set_facts import Sets
from tests.architecture.set_order import find_set_uses

Found = Iterator[tuple[int, str]]
_OUTSIDE = frozenset({*allowed.MODULES, "numpy", "collections"})
_NAMED_ATTRIBUTES = frozenset({"getattr", "hasattr", "setattr", "operator.attrgetter"})


def find_impurities(text: str, core: Mapping[str, str] | None = None) -> list[str]:
    """Every impurity of one module as ``line: what``, by line.

    ``core``: the texts of the core's modules by full name, to follow names from one to another.
    """
    others = {name: Source(each) for name, each in (core or {}).items()}
    return find_in(Source(text), others, Sets(others))


def find_in(source: Source, core: Mapping[str, Source], sets: Sets) -> list[str]:
    """The same of what is parsed already; ``sets``: what of the core is a set."""
    origins = Origins(source, core)
    found = {
        *_imports(source, origins),
        *_names(source, origins),
        *_attributes(source, origins),
        *_handed_on(source, origins),
        *_calls(source, origins),
        *_outlives(source, origins),
        *find_powers(source),
        *find_set_uses(source, origins, sets),
    }
    return [f"{line}: {what}" for line, what in sorted(found)]


def _imports(source: Source, origins: Origins) -> Found:
    """Only what is allowed by name: also what comes by way of another module of the core."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name not in allowed.MODULES and not alias.name.startswith(f"{CORE}."):
                    yield node.lineno, f"imports {alias.name}, which the core does not need"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                fault = _origin_fault(f"{node.module}.{alias.name}", origins)
                if node.level or alias.name == "*":
                    fault = "imports names that are not written here"
                if fault:
                    yield node.lineno, f"imports {node.module}.{alias.name}: {fault}"


def _origin_fault(name: str, origins: Origins) -> str:
    origin = origins.followed(name)
    module, _, last = origin.rpartition(".")
    if origin == "stretto.__version__" or origin in _OUTSIDE:
        return ""
    if origin.startswith(f"{CORE}."):
        return "is not to be found there" if origins.is_unknown(origin) else ""
    names = allowed.MODULES.get(module)
    if names is None:
        known = _is_of_class(module)
        return "" if known else f"imports {module or origin}, which the core does not need"
    return "" if last in names else f"{origin} differs between processors or runs, or is not needed"


def _is_of_class(origin: str) -> bool:
    """True for ``datetime.datetime`` and deeper names: what their attributes are is asked apart."""
    parts = origin.split(".")
    return any(
        parts[length] in allowed.MODULES.get(".".join(parts[:length]), ())
        for length in range(1, len(parts))
    )


def _names(source: Source, origins: Origins) -> Found:
    """Builtins that are allowed; nothing that waits, and no state that outlives a call."""
    for node in source.nodes:
        if isinstance(node, ast.Global | ast.AsyncFunctionDef | ast.Await | ast.AsyncFor):
            yield node.lineno, f"{type(node).__name__}: state or time from outside"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            builtin = hasattr(builtins, node.id) or node.id.startswith("__")
            if builtin and node.id not in allowed.BUILTINS and source.binder(node) is None:
                why = allowed.BUILTINS_REFUSED.get(node.id, "is not needed in the core")
                yield node.lineno, f"{node.id}() {why}"
        elif isinstance(node, ast.comprehension) and node.is_async:
            yield node.target.lineno, "AsyncFor: state or time from outside"


def _attributes(source: Source, origins: Origins) -> Found:
    for node in source.nodes:
        if isinstance(node, ast.Attribute):
            fault = _member_fault(node, origins) or _attribute_fault(node.attr)
            if fault:
                yield node.lineno, f"{ast.unparse(node)}: {fault}"


def _attribute_fault(name: str) -> str:
    if name.startswith("__") and name.endswith("__") and name not in allowed.DUNDERS:
        return f".{name} leads to everything that Python has"
    why = allowed.ATTRIBUTES_REFUSED.get(name)
    return f".{name} {why}" if why else ""


def _member_fault(node: ast.Attribute, origins: Origins) -> str:
    """What is asked of a module: by the same list as what is imported from it."""
    origin = origins.of(node)
    return "" if origin is None else _origin_fault(origin, origins)


def _handed_on(source: Source, origins: Origins) -> Found:
    """Modules and clocks under other names could be asked for anything: they stay where they are
    named.
    """
    for node in source.nodes:
        if not isinstance(node, ast.Name | ast.Attribute) or isinstance(node.ctx, ast.Store):
            continue
        origin = origins.of(node)
        if origin is None:
            continue
        parent = source.parents[node]
        if isinstance(parent, ast.Attribute):
            continue
        is_clock = origin in allowed.CLOCKS and not source.is_named(node)
        if is_clock or origins.is_module(origin, _OUTSIDE):
            yield node.lineno, f"{origin} is handed on as a value: nobody sees what is asked of it"


def _outlives(source: Source, origins: Origins) -> Found:
    """What stands at a module's top stays as it is: it would remember one call in the next."""
    for node in source.nodes:
        if not isinstance(node, ast.Name) or source.scope(node) is source.tree:
            continue
        of_core = (origins.of(node) or "").startswith(f"{CORE}.")
        if source.binder(node) is not source.tree or (node.id in source.imported and not of_core):
            continue
        parent = source.parents[node]
        if isinstance(parent, ast.Subscript | ast.Attribute) and parent.value is node:
            stored = not isinstance(parent.ctx, ast.Load)
            called = isinstance(parent, ast.Attribute) and parent.attr in allowed.CHANGES
            if stored or called:
                yield node.lineno, f"{ast.unparse(parent)} is changed and outlives the call"
        elif isinstance(parent, ast.Call) and ast.unparse(parent.func) == "next":
            yield node.lineno, f"next({node.id}) outlives the call"


def _calls(source: Source, origins: Origins) -> Found:
    """Attributes by name, and calls that mean something else with fewer arguments."""
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id in _NAMED_ATTRIBUTES:
            parent = source.parents[node]
            if source.binder(node) is None and not (
                isinstance(parent, ast.Call) and parent.func is node
            ):
                yield node.lineno, f"{node.id} is handed on: nobody sees what it is asked for"
        if not isinstance(node, ast.Call):
            continue
        called = origins.of(node.func) or ast.unparse(node.func)
        if called in _NAMED_ATTRIBUTES:
            yield from _named(node, called, source)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "astimezone":
            if not node.args and not node.keywords:
                yield node.lineno, "astimezone() without a zone takes the machine's"
        elif called.endswith(("argsort", "numpy.sort")) and not _is_stable(node):
            yield node.lineno, "equals may come in any order: kind='stable'"
        elif called == "type" and len(node.args) + len(node.keywords) != 1:
            yield node.lineno, "type() with bases makes what no text shows"


def _is_stable(node: ast.Call) -> bool:
    kinds = [each.value for each in node.keywords if each.arg == "kind"]
    return bool(kinds) and isinstance(kinds[0], ast.Constant) and kinds[0].value == "stable"


def _named(node: ast.Call, called: str, source: Source) -> Found:
    names = node.args if called == "operator.attrgetter" else node.args[1:2]
    asked = node.args[0]
    of_import = isinstance(asked, ast.Name) and asked.id in source.imported
    if of_import and called != "operator.attrgetter":
        yield node.lineno, f"{called} of what is imported: write the attribute"
    for name in names:
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            for part in name.value.split("."):
                if fault := _attribute_fault(part):
                    yield node.lineno, f"{called}: {fault}"
        elif not are_plain_names(name, source):
            yield node.lineno, f"{called} by a name that is not written here"
