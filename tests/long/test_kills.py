"""Two hundred real SIGKILLs: by hand, and recorded in docs/simulation.md."""

from __future__ import annotations

import sys

import pytest

from tests.kills.harness import Plan, killed_over_and_over

PLAN = Plan(kills=200, speed=20, apart_s=40, lives_s_max=0.8, seed=7, pauses=10)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_two_hundred_kills_lose_nothing_and_double_nothing() -> None:
    lived = killed_over_and_over(PLAN)
    kills, seconds = lived.killed, lived.seconds
    summary = {name: lived.summary[name] for name in ("executions", "orders", "fills", "in_doubt")}
    sys.stderr.write(
        f"\n{kills} kills in {seconds:.0f} s ({lived.before_first_entry} before the first entry of "
        f"their process): {len(lived.submits)} orders sent, each once; {summary}, "
        f"{lived.summary['journal_entries']} entries, "
        f"{len(lived.summary['interventions'])} questions to a person\n"
    )
    assert kills == PLAN.kills
    assert len(lived.submits) > PLAN.kills
