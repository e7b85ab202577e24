"""Every link between pages, and every example a page names, leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.links import dead_links, unknown_examples

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_examples_resolve(page: Path) -> None:
    assert dead_links(page) == []
    assert unknown_examples(page, ROOT) == []


def test_the_readme_names_an_example() -> None:
    assert re.search(r"examples/signals/\w", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_planted_faults_are_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A part, `named`\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](gone.md) [c](there.md#a-part-named) [d](there.md#no-part)\n"
        "[e](https://example.com/x) ![f](gone.svg) [g](#nowhere)\n"
        "`examples/gone.toml` examples/here.toml.\n"
        "```console\n$ cat [h](not-a-link.md) examples/gone.json\n```\n",
        encoding="utf-8",
    )
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/here.toml").touch()
    assert dead_links(page) == ["gone.md", "there.md#no-part", "gone.svg", "#nowhere"]
    assert unknown_examples(page, tmp_path) == ["examples/gone.toml", "examples/gone.json"]
