"""How a command ends when something is wrong: one message, one exit code, with --json one object.

Every error that Stretto raises on purpose has a text for a person already. Anything else is a bug:
it is said so, together with how far the journal is intact.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import traceback
from pathlib import Path
from typing import Any

from stretto.cli.output import Output, json_text
from stretto.config.problems import MalformedInput
from stretto.core.errors import (
    BrokerUnreachable,
    InvalidInput,
    InvariantViolated,
    JournalDamaged,
    JournalUnavailable,
    StrettoError,
)
from stretto.sessions.reading import intact_until

EXIT_DIFFERENT = 1
"""A check that ran and found a difference: a damaged chain, tables that were not the same."""
EXIT_INPUT = 2
EXIT_JOURNAL = 3
EXIT_INVARIANT = 4
EXIT_BROKER = 5
EXIT_REFUSED = 6
"""Signals were refused; the others were handled."""
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141

DEBUG = "STRETTO_DEBUG"

_KINDS: tuple[tuple[type[BaseException], str, int], ...] = (
    (InvalidInput, "invalid_input", EXIT_INPUT),
    (JournalDamaged, "journal_damaged", EXIT_JOURNAL),
    (JournalUnavailable, "journal_unavailable", EXIT_JOURNAL),
    (InvariantViolated, "invariant_violated", EXIT_INVARIANT),
    (BrokerUnreachable, "broker_unreachable", EXIT_BROKER),
    # Whatever else is raised on purpose concerns the files: tables behind the journal, a snapshot.
    (StrettoError, "journal_unavailable", EXIT_JOURNAL),
    (sqlite3.Error, "journal_unavailable", EXIT_JOURNAL),
    (OSError, "file_unavailable", EXIT_JOURNAL),
)


def kind_of(error: BaseException) -> tuple[str, int]:
    """The kind that the JSON object names, and the exit code."""
    for cls, kind, code in _KINDS:
        if isinstance(error, cls):
            return kind, code
    return "bug", EXIT_BUG


def report(error: BaseException, output: Output) -> int:
    """Say what is wrong, once, and give the exit code."""
    kind, code = kind_of(error)
    message = text_of(error)
    if isinstance(error, JournalDamaged) and output.db not in message:
        message = f"{output.db}: {message}"
    if code == EXIT_BUG:
        message = _bug(error, output.db)
    elif code == EXIT_INVARIANT:
        message += f"\nThe book halted: nothing more was sent.{_intact(output.db)}"
    elif code == EXIT_JOURNAL and output.is_playing:
        message += (
            f"\nThe book halted: nothing more was sent.{_intact(output.db)} When the cause is "
            f"gone, continue with: stretto resume --db {output.db}"
        )
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    return problem(output, kind, code, message, _details(error))


def problem(
    output: Output, kind: str, code: int, message: str, details: dict[str, Any] | None = None
) -> int:
    """Print one message on standard error, and with --json one object on standard output."""
    sys.stderr.write(f"stretto: {message}\n")
    if output.json:
        found = {"kind": kind, "exit_code": code, "message": message, **(details or {})}
        sys.stdout.write(json_text({"error": found}) + "\n")
        sys.stdout.flush()
    return code


def text_of(error: BaseException) -> str:
    """The error's own text; of the system's errors the file and the system's words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _details(error: BaseException) -> dict[str, Any]:
    if isinstance(error, MalformedInput):
        return {"problems": list(error.problems)}
    if isinstance(error, InvalidInput):
        return {"place": error.place, "problem": error.problem, "expected": error.expected}
    return {}


def _bug(error: BaseException, db: str) -> str:
    return (
        f"unexpected {type(error).__name__}: {error}\n"
        f"This is a bug in Stretto.{_intact(db)} Set {DEBUG}=1 for the traceback."
    )


def _intact(db: str) -> str:
    if not db:
        return ""
    entries = intact_until(Path(db))
    return "" if entries is None else f" The journal {db} is intact up to entry {entries}."
