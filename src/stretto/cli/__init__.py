"""The command line: arguments in, tables or one JSON object out. Decides nothing."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

__all__ = ["main"]

_EXIT_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line of this process; Ctrl-C ends it without a traceback at any time."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if heeded:
            signal.signal(signal.SIGINT, _leave)
        from stretto.cli.app import main as command  # noqa: PLC0415 - Ctrl-C while it is imported

        try:
            if heeded:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            command()
        finally:
            if heeded:
                signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:
        _leave()


def _leave(_number: int = signal.SIGINT, _frame: FrameType | None = None) -> NoReturn:
    """Leave at once: nothing is open yet, or everything is closed and flushed."""
    if sys.stderr is not None:
        os.write(2, b"stretto: interrupted\n")
    os._exit(_EXIT_INTERRUPTED)
