"""Runs the demo over seeds and faults and audits each: ``python -m tests.outside.soak 1-10 all``.

Prints one line for each run and every difference that nobody was asked about; leaves with 1 where
there is one. Knows only the command line.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.command_line import run_here_json
from tests.outside.auditor import Json, Said, audit

GROUPS = (
    "timeout lost duplicate reorder disconnect restart stale partial race cancel overfill bust "
    "close requote reject ratelimit stops suspend margin session"
).split()


def rehearse(folder: Path, *arguments: object) -> Said:
    """One demo in ``folder``, and everything that both sides say about it afterwards."""
    db, dump = folder / "demo.sqlite", folder / "venues.json"
    summary = run_here_json("demo", *arguments, "--db", db, "--venue-dump", dump)
    return said_of(db, summary, json.loads(dump.read_text(encoding="utf-8")))


def said_of(db: Path, summary: Json, dump: Json) -> Said:
    """What the command line says of a database, beside a session's summary and the venues' dump."""
    executions, offset = [], 0
    while True:
        page = run_here_json("status", "--db", db, "--limit", 1000, "--offset", offset)
        planned = [line for line in page["executions"] if line["status"] != "refused"]
        executions += [
            run_here_json("status", line["execution_id"], "--db", db) for line in planned
        ]
        offset += len(page["executions"])
        if offset >= page["total"]:
            break
    return Said(
        summary=summary,
        executions=executions,
        accounts=run_here_json("accounts", "--db", db)["accounts"],
        dump=dump,
    )


def main(seeds: str, *faults: str) -> int:
    """``seeds`` is A-B; ``faults`` are names of groups, ``all``, ``none`` or ``each``."""
    first, _, last = seeds.partition("-")
    names = [name for given in faults for name in (GROUPS if given == "each" else [given])]
    unlisted = 0
    for name in names or ["all"]:
        for seed in range(int(first), int(last or first) + 1):
            unlisted += _one(seed, name)
    return 1 if unlisted else 0


def _one(seed: int, name: str) -> int:
    began = time.monotonic()
    chosen = [] if name == "none" else ["--faults", name]
    with tempfile.TemporaryDirectory() as folder:
        try:
            said = rehearse(
                Path(folder),
                "--accounts", 20, "--signals", 15, "--seed", seed, *chosen,
            )  # fmt: skip
        except RuntimeError as error:
            _say(f"{name} {seed}: BROKE {error}")
            return 1
    found = audit(said)
    bad = [each for each in found if not each.listed]
    asked = Counter(i["reason"] for i in said.summary["interventions"])
    _say(
        f"{name} {seed}: {len(said.summary['interventions'])} asked {dict(asked)}, "
        f"{len(found) - len(bad)} listed, {len(bad)} not, {time.monotonic() - began:.1f} s"
    )
    for each in bad:
        _say(f"    {each}")
    return len(bad)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
