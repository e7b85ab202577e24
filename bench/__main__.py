"""Runs the benchmarks one after the other and lets each print its table.

``python -m bench`` runs all of them, ``python -m bench plan orders`` only those; ``--quick`` makes
them smaller. Each has a process of its own, so that the memory and the garbage of one do not weigh
on the next. Judges no number: targets stand beside what was measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from bench.scale import QUICK

NAMES = (
    "plan",
    "subset",
    "correlation",
    "orders",
    "resume",
    "journal",
    "projector",
    "timing",
    "eligibility",
)


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 where a benchmark broke off."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Print tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument(QUICK, action="store_true", help="smaller, to see that they run")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    broken = []
    for name in given.names or NAMES:
        print(f"\n== {name}", flush=True)
        began = time.perf_counter()
        command = [sys.executable, "-m", f"bench.bench_{name}", *([QUICK] if given.quick else [])]
        if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - our own module
            broken.append(name)
        print(f"   ({name}: {time.perf_counter() - began:.0f} s)", flush=True)
    if broken:
        print(f"broke off: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
