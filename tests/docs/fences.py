"""Finds the fenced blocks of a Markdown page and what its author wants done with them.

The info string is the language and then marks: ``no-run`` (not run at all) or ``exit=N`` (must end
with that exit code). Any other mark is an error, so that a misspelt one does not hide a block.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

RUN_AS_SHELL = frozenset({"console", "bash", "sh", "shell"})
RUN_AS_PYTHON = frozenset({"python"})
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_EXIT = re.compile(r"^exit=(\d+)$")


@dataclass(frozen=True)
class Block:
    """One fenced block. ``line``: of its opening fence; ``exit_code``: the one it must end with."""

    line: int
    language: str
    text: str
    run: bool
    exit_code: int

    @property
    def script(self) -> str:
        """What a shell is given: the lines after ``$ ``, or the whole block where there is none."""
        lines = self.text.splitlines()
        if not any(line.startswith("$ ") for line in lines):
            return self.text
        commands: list[str] = []
        for line in lines:
            if line.startswith("$ ") or (line.startswith("> ") and commands):
                commands.append(line[2:])
            elif commands and commands[-1].endswith("\\"):
                commands.append(line)
        return "\n".join(commands)


def find_blocks(page: str) -> list[Block]:
    """Every fenced block of the page, in order. ValueError on an unknown mark or an open fence."""
    blocks = []
    lines = iter(enumerate(page.splitlines(), start=1))
    for number, line in lines:
        opening = _FENCE.match(line)
        if not opening:
            continue
        fence, indent = opening["fence"], len(opening["indent"])
        body = []
        for _, inside in lines:
            if inside.strip() == fence:
                break
            body.append(inside[indent:] if inside[:indent].isspace() or not indent else inside)
        else:
            raise ValueError(f"line {number}: the block is never closed")
        language, *marks = opening["info"].split() or [""]
        blocks.append(_block(number, language, "\n".join(body), marks))
    return blocks


def _block(line: int, language: str, text: str, marks: list[str]) -> Block:
    exit_code = 0
    runnable = language in RUN_AS_SHELL | RUN_AS_PYTHON
    run = runnable
    for mark in marks:
        expected = _EXIT.match(mark)
        if mark == "no-run" and runnable:
            run = False
        elif expected and runnable:
            exit_code = int(expected[1])
        else:
            raise ValueError(f"line {line}: unknown mark {mark!r}; known are no-run and exit=N")
    return Block(line=line, language=language, text=text, run=run, exit_code=exit_code)
