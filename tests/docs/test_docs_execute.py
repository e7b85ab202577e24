"""Runs what README.md and docs/ tell the reader to run, page by page, in an empty directory.

The blocks of a page run in order in one directory, which holds a copy of examples/, so that a page
may build on what it did above. A block marked ``no-run`` is left out; see ``tests/docs/fences.py``.
Where a block is nothing but ``stretto`` commands, those that need no shell run in this process.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import run_here
from tests.docs.fences import RUN_AS_PYTHON, Block, find_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")] if path.exists())
BLOCK_SECONDS_MAX = 120
FOR_THE_SHELL = frozenset("|&;<>()$`*?~#[]{}!\n")


def run_page(page: str, directory: Path) -> list[str]:
    """Run the blocks of ``page`` in ``directory``; gives every block that ended unexpectedly."""
    return [fault for block in find_blocks(page) if block.run and (fault := _run(block, directory))]


def _run(block: Block, directory: Path) -> str:
    found = subprocess.CompletedProcess("", 0, "", "")
    for part in parts(block):
        ended = _part_run(block, part, directory)
        found.stdout += ended.stdout
        found.stderr += ended.stderr
        found.returncode = ended.returncode
        if ended.returncode:
            break
    if found.returncode == block.exit_code:
        return ""
    return (
        f"line {block.line}: exit code {found.returncode}, expected {block.exit_code}\n"
        f"{block.script}\n--- stdout\n{found.stdout}\n--- stderr\n{found.stderr}"
    )


def parts(block: Block) -> list[str]:
    """The block as it stands; where each of its lines is ``stretto``, these, one by one."""
    lines = block.script.replace("\\\n", " ").splitlines()
    if block.language in RUN_AS_PYTHON or not all(line.startswith("stretto ") for line in lines):
        return [block.script]
    return lines


def needs_shell(part: str) -> bool:
    """Whether there is more to it than a command and its arguments."""
    return not part.startswith("stretto ") or bool(FOR_THE_SHELL & set(part))


def _part_run(block: Block, part: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(directory), "NO_COLOR": "1", "COLUMNS": "120"}
    if block.language not in RUN_AS_PYTHON and not needs_shell(part):
        _, *arguments = shlex.split(part)
        return run_here(*arguments, environment=environment, directory=directory)
    if block.language in RUN_AS_PYTHON:
        command = [sys.executable, "-c", part]
    else:
        command = ["sh", "-euc", part]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BLOCK_SECONDS_MAX,
        check=False,
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_runs(page: Path, tmp_path: Path) -> None:
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
    faults = run_page(page.read_text(encoding="utf-8"), tmp_path)
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ false\n```\n",
        "```bash\nfalse\ntrue\n```\n",
        "```console\n$ no-such-command-here\noutput\n```\n",
        "```python\nraise SystemExit(1)\n```\n",
        "```console exit=3\n$ exit 2\n```\n",
        "```console exit=1\n$ true\n```\n",
        "1. step\n\n   ```console\n   $ false\n   ```\n",
        "```console\n$ touch here\n```\n```console\n$ test ! -e here\n```\n",
        "```console\n$ stretto verify --db none.sqlite\n$ stretto --version\n```\n",
        "```console\n$ stretto --version > here\n$ stretto --version < there\n```\n",
        "```console exit=3\n$ stretto --version\n```\n",
    ],
)
def test_a_planted_failure_is_found(page: str, tmp_path: Path) -> None:
    (fault,) = run_page(page, tmp_path)
    assert "exit code" in fault


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ echo hello\nhello\n$ test \\\n  -d .\n```\n",
        "```console\n$ cat <<END\n> text\n> END\n```\n",
        "```console no-run\n$ false\n```\n",
        "```console exit=3\n$ exit 3\n```\n",
        "```console exit=3\n$ stretto --version\n$ stretto verify \\\n  --db 'no such'\n```\n",
        "```text\n$ false\n```\n",
        "````markdown\n```console\n$ false\n```\n````\n",
        "```console\n$ touch here\n```\n```python\nimport stretto, pathlib\n"
        "assert pathlib.Path('here').exists()\n```\n",
    ],
)
def test_what_runs_as_told_passes(page: str, tmp_path: Path) -> None:
    assert run_page(page, tmp_path) == []


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("```console norun\n$ false\n```\n", "unknown mark 'norun'"),
        ("```toml no-run\nx = 1\n```\n", "unknown mark 'no-run'"),
        ("text\n```console\n$ true\n", "line 2: the block is never closed"),
    ],
)
def test_a_misspelt_mark_or_open_fence_is_refused(page: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        find_blocks(page)
