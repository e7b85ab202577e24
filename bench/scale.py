"""How large a benchmark is: in full, or with ``--quick`` just large enough to show that it runs."""

from __future__ import annotations

import sys

QUICK = "--quick"


def scaled(full: int, quick: int) -> int:
    """``quick`` where the command line says ``--quick``, else ``full``."""
    return quick if QUICK in sys.argv[1:] else full
