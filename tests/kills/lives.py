"""Runs ``stretto`` in one process after another: each is a fork of this one, which imported it.

A process of its own for each life, without the second that importing and reading the rates costs:
``python -m tests.kills.lives BOOK.toml`` reads one JSON list of arguments a line, and writes the
process id, then, when it has ended, how. The child's output goes to the files named first.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from stretto.cli import app
from stretto.cli.inputs import settings_of
from stretto.sessions.scenario import prepare
from stretto.sessions.started import RunArguments


def _child(out: str, err: str, arguments: list[str]) -> None:
    for path, descriptor in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 70
    try:
        code = app.run_command(arguments)
        sys.stdout.flush()
    finally:
        os._exit(code)


def main() -> None:
    """Serve until end of input."""
    prepare(RunArguments(settings=settings_of(Path(sys.argv[1])), signals=""))
    for line in sys.stdin:
        out, err, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(out, err, arguments)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
