"""``stretto plan``: what would be done about a signal, with every reason, and nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stretto.cli.errors import EXIT_REFUSED
from stretto.cli.inputs import moment, settings_of, the_signal
from stretto.cli.options import Json, output_of
from stretto.cli.refused import line_of, rule_and_words
from stretto.cli.render_plan import plan_json, render_plan
from stretto.core.errors import JournalUnavailable
from stretto.sessions.dryrun import dry_run
from stretto.sessions.started import RunArguments


def plan(
    context: typer.Context,
    signal: Annotated[Path, typer.Argument(help="One signal as JSON.", metavar="SIGNAL.json")],
    config: Annotated[Path, typer.Option(help="The book's configuration.", metavar="BOOK.toml")],
    db: Annotated[
        Path | None,
        typer.Option("--db", help="Plan on this journal's book; else the configured one's."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="When, ISO 8601 with zone; else when the signal was generated."),
    ] = None,
    _json: Json = False,
) -> int:
    """Plan a signal without sending anything: a dry run with the full explanation.

    Every account's five factors, size and delay; every refusal with its numbers and what would have
    passed; pairs in conflict; the best alternatives; seeds and draws.
    """
    settings = settings_of(config)
    if db is not None and not db.exists():
        raise JournalUnavailable(f"{db}: there is no such database")
    database = db or Path(settings.journal)
    output = output_of(context)
    place, wanted = the_signal(signal)
    at_ns = None if at is None else moment("--at", at)
    done = dry_run(RunArguments(settings=settings, signals=""), wanted, database, at_ns)
    output.result(plan_json(done), lambda out: render_plan(out, done, database))
    if done.plan.refused is None:
        return 0
    output.said(
        f"stretto: {line_of(place, wanted.signal_id, *rule_and_words(done.plan))}", "yellow"
    )
    return EXIT_REFUSED
