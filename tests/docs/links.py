"""Finds links of a page that lead nowhere, and examples it names that do not exist."""

from __future__ import annotations

import re
from pathlib import Path

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_EXAMPLE = re.compile(r"(?<![\w/])examples/[\w./-]*\w")


def dead_links(page: Path) -> list[str]:
    """Relative links whose file, or whose heading in it, does not exist. Code is passed over."""
    dead = []
    for target in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        place = page.parent / name if name else page
        if not place.exists() or (fragment and fragment not in _anchors(place)):
            dead.append(target)
    return dead


def unknown_examples(page: Path, root: Path) -> list[str]:
    """Paths below examples/ that a page names, commands included, and that are not there."""
    named = _EXAMPLE.findall(page.read_text(encoding="utf-8"))
    return [each for each in dict.fromkeys(named) if not (root / each).exists()]


def _anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as forges make them."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        for heading in _HEADING.findall(text)
    }
