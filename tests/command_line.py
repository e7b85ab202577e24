"""Runs ``stretto`` in this process as if it had one of its own: nothing has to be imported again.

The three standard descriptors are files meanwhile, so that whatever writes, reads or asks for a
terminal finds what a subprocess would; what ends a process with a traceback prints one. A command
has to leave this process as it was: whatever it leaves open fails the test.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

from stretto.cli import app

_ENCODING = "utf-8"


def run_here(
    *arguments: object,
    standard_input: str = "",
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """What ``stretto`` with these arguments says, and its exit code."""
    args = ["stretto", *map(str, arguments)]
    with (
        contextlib.ExitStack() as stack,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(standard_input.encode(_ENCODING))
        given.seek(0)
        before, opened = _state(), _descriptors()
        with contextlib.chdir(directory or Path.cwd()), _streams(given, out, err):
            stack.enter_context(mock.patch.dict(os.environ, environment or {}))
            # With no handler the interpreter's last resort prints, as in a process of its own.
            stack.enter_context(mock.patch.object(logging.getLogger(), "handlers", []))
            stack.enter_context(mock.patch.object(sys, "argv", args))
            code = _exit_code()
            stack.close()
        assert _state() == before, args
        assert not _descriptors() - opened, f"{args} leaves open what it opened"
        result = subprocess.CompletedProcess(args, code, _text(out), _text(err))
    if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
        raise KeyboardInterrupt  # whoever runs the tests meant them, not this command
    return result


def run_here_json(*arguments: object) -> dict[str, Any]:
    """The one JSON object of a command that has to succeed."""
    ended = run_here(*arguments, "--json")
    if ended.returncode:
        raise RuntimeError(f"exit {ended.returncode}: {ended.stdout}{ended.stderr}")
    found = json.loads(ended.stdout)
    assert isinstance(found, dict)
    return found


def _exit_code() -> int:
    """The process's entry, and what the interpreter makes of how it ends."""
    try:
        app.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except Exception:
        traceback.print_exc()
        return 1


@contextlib.contextmanager
def _streams(*files: BinaryIO) -> Iterator[None]:
    """These files as standard input, output and error, of the system and of Python."""
    python = (sys.stdin, sys.stdout, sys.stderr)
    for stream in python[1:]:
        stream.flush()
    saved = [os.dup(number) for number in range(3)]
    try:
        for number, file in enumerate(files):
            file.flush()
            os.dup2(file.fileno(), number)
        sys.stdin = open(0, encoding=_ENCODING, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding=_ENCODING, closefd=False)  # noqa: SIM115
        sys.stderr = open(  # noqa: SIM115
            2, "w", 1, encoding=_ENCODING, errors="backslashreplace", closefd=False
        )
        try:
            yield
        finally:
            for stream in (sys.stdin, sys.stdout, sys.stderr):
                stream.close()
    finally:
        sys.stdin, sys.stdout, sys.stderr = python
        for number, kept in enumerate(saved):
            os.dup2(kept, number)
            os.close(kept)


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(_ENCODING).replace("\r\n", "\n")


def _state() -> dict[str, object]:
    """What of this process a command might change for those after it."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    return {
        "threads": threading.enumerate(),
        "signal handlers": [signal.getsignal(number) for number in numbers],
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "directory": Path.cwd(),
    }


def _descriptors() -> set[str]:
    """Files, connections and event loops that are open."""
    return {each.name for each in Path("/dev/fd").iterdir()}
