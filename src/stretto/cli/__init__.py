"""The command line: arguments in, tables or one JSON object out. Decides nothing."""

from stretto.cli.app import main

__all__ = ["main"]
