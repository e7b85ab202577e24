"""``stretto demo``: the main job on simulated venues, on virtual time, from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stretto.cli.options import Json, Overwrite, output_of
from stretto.cli.output import Output, quantity
from stretto.cli.progress import Progress
from stretto.cli.render_summary import Summary, render_finished, summary_of
from stretto.cli.venue_dump import write_venue_dump
from stretto.sessions.files import check_output, make_room
from stretto.sessions.play import Played, play
from stretto.sessions.scenario import Prepared, prepare
from stretto.sessions.started import DemoArguments

DEFAULT_DB = Path("var/demo.sqlite")


def demo(
    context: typer.Context,
    accounts: Annotated[int, typer.Option(min=1, help="Accounts of the book.")] = 12,
    signals: Annotated[int, typer.Option(min=0, help="Signals to handle.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the world and every draw.")] = 7,
    db: Annotated[Path, typer.Option(help="The database to make.", metavar="PATH")] = DEFAULT_DB,
    quotes: Annotated[
        list[Path] | None,
        typer.Option(help="Recorded quotes, SYMBOL-YYYYMMDD.csv[.gz].", metavar="FILE"),
    ] = None,
    bars: Annotated[
        list[Path] | None,
        typer.Option(help="Daily bars of a quoted symbol, SYMBOL.csv[.gz].", metavar="FILE"),
    ] = None,
    venue_dump: Annotated[
        Path | None,
        typer.Option(help="Write the venues' own books there, as JSON.", metavar="FILE"),
    ] = None,
    faults: Annotated[
        str,
        typer.Option(help="What goes wrong at the venues: all, or some of it.", metavar="NAMES"),
    ] = "",
    overwrite: Overwrite = False,
    force: Annotated[bool, typer.Option("--force", help="Remove an existing database.")] = False,
    _json: Json = False,
) -> int:
    """Make up a book of accounts, send it signals and see every order to its end.

    Simulated venues, virtual time. Without --quotes the market is made of real ECB reference rates.
    """
    output = output_of(context, db)
    if venue_dump is not None:
        check_output("--venue-dump", venue_dump, overwrite=overwrite, db=db)
    started = DemoArguments(
        accounts=accounts,
        signals=signals,
        seed=seed,
        quotes=tuple(str(path.absolute()) for path in quotes or ()),
        bars=tuple(str(path.absolute()) for path in bars or ()),
        faults=tuple(name.strip() for name in faults.split(",")) if faults else (),
    )
    prepared = prepare(started)
    make_room(db, force=force)
    describe_demo(output, started, prepared)
    with Progress(output, prepared.scenario) as progress:
        played = play(db, started, prepared.scenario, create=True, on_entry=progress)
    if venue_dump is not None:
        write_venue_dump(venue_dump, played, overwrite=overwrite)
    return finish(output, db, prepared, played)


def describe_demo(output: Output, started: DemoArguments, prepared: Prepared) -> None:
    """Say what is simulated, and once which symbols nobody can be given."""
    if not output.json:
        output.line(
            f"Stretto demo: {started.accounts} accounts, {started.signals} signals, "
            f"seed {started.seed}",
            "bold",
        )
        output.line(
            "Paper trading: invented accounts and firms on simulated venues; nothing leaves this "
            "machine."
        )
        if started.faults:
            output.line(f"Faults at the venues: {', '.join(started.faults)}.")
        output.line(f"Market: {prepared.market.source}; symbols {_symbols(prepared)}.")
    for symbol in prepared.market.without_bars:
        output.said(
            f"stretto: {symbol} has no daily bars (none given, none beside the quotes, no ECB "
            "rate): its signals will be refused as covariance_unknown",
            "yellow",
        )


def finish(output: Output, db: Path, prepared: Prepared, played: Played, **more: object) -> int:
    """Print the summary of a session that ended or was stopped, with ``more`` fields in its JSON;
    gives the exit code.
    """
    summary = summary_of(db, prepared.scenario, played)
    summary.json.update(more)
    output.result(summary.json, lambda out: render_finished(out, summary))
    if played.stopped_by:
        output.said(f"stretto: stopped; continue with: stretto resume --db {db}", "yellow")
        return 128 + played.stopped_by
    if not played.is_over:
        ended = "ended" if prepared.scenario.ends_at is None else "stopped at --until"
        say_what_is_left(output, summary, ended)
    return 0


def say_what_is_left(output: Output, summary: Summary, ended: str) -> None:
    """Name what a session left open that ended at its ``--until``, or with orders that rest at
    venues which live on; and how to go on.
    """
    sums = summary.book.quantities
    parts = (("pending", sums.pending), ("working", sums.working), ("in doubt", sums.in_doubt))
    open_parts = ", ".join(f"{name} {quantity(value)}" for name, value in parts if value)
    left = f"{open_parts} (base units) in {summary.json['open_executions']} executions"
    output.said(
        f"stretto: {ended} with {left if open_parts else 'signals or timers to come'}; "
        f"continue with: {summary.json['continue_with']}",
        "yellow",
    )


def _symbols(prepared: Prepared) -> str:
    return ", ".join(prepared.market.symbols)
