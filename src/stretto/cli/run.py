"""``stretto run`` and ``resume``: a configured book, and going on after a stop or a crash."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from stretto.bootstrap import Scenario
from stretto.cli.demo import finish
from stretto.cli.errors import EXIT_INPUT, EXIT_REFUSED
from stretto.cli.inputs import downtime_of, moment, settings_of, speed_of
from stretto.cli.options import Book, Db, Json, output_of
from stretto.cli.output import Output
from stretto.cli.progress import Progress
from stretto.cli.refused import RefusedSignals
from stretto.cli.render_events import EventLines
from stretto.cli.render_summary import render_finished, summary_of
from stretto.core import events as ev
from stretto.core.errors import InvalidInput
from stretto.core.terms.exit_signal import AnySignal
from stretto.core.values import iso
from stretto.sessions.files import make_parent
from stretto.sessions.play import Played, Stop, play
from stretto.sessions.reading import books_of, head_of, verify_whole
from stretto.sessions.scenario import STANDARD_INPUT, Prepared, prepare
from stretto.sessions.started import DemoArguments, RunArguments, recall


def run(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="The book.", metavar="BOOK.toml")],
    signals: Annotated[
        str,
        typer.Option(help="JSON or JSON lines; - is standard input.", metavar="FILE|-"),
    ],
    db: Annotated[
        Path | None, typer.Option("--db", help="The database; else the configured journal.")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="max (virtual time) or a multiple of real time.")
    ] = "max",
    until: Annotated[
        str | None, typer.Option(help="Stop at this time, ISO 8601 with zone.", metavar="TIME")
    ] = None,
    new_book: Annotated[
        bool, typer.Option("--new-book", help="Add this book to a database of other books.")
    ] = False,
    _json: Json = False,
) -> int:
    """Run a configured book on its simulated venues: paper trading with your own accounts.

    A signal of a file arrives when it was generated, one from standard input when it is read. An
    existing database of the book is continued. Ctrl-C stops in good order.
    """
    settings = settings_of(config)
    database = db or Path(settings.journal)
    output = output_of(context, database)
    started = RunArguments(
        settings=settings,
        signals=signals if signals == STANDARD_INPUT else str(Path(signals).absolute()),
        speed=speed_of(speed),
        until=None if until is None else moment("--until", until),
    )
    prepared = prepare(started)
    _check_span(prepared.scenario)
    make_parent(database)
    _check_book(database, settings.book.book_id, new_book=new_book)
    if not output.json:
        output.line(
            f"Book {settings.book.book_id}: {len(settings.book.accounts)} accounts on simulated "
            f"venues, {len(prepared.scenario.arrivals) or 'incoming'} signals; "
            f"market: {prepared.market.source}",
            "bold",
        )
    prepared = dataclasses.replace(
        prepared, scenario=dataclasses.replace(prepared.scenario, is_given_anew=True)
    )
    refused = RefusedSignals(prepared.places)
    for repeated in prepared.repeated:
        refused.repeated(*repeated)
    played = _play(output, database, started, prepared, refused, signals_from=signals)
    return _finished(output, database, prepared, played, refused)


def resume(
    context: typer.Context,
    db: Db,
    book: Book = None,
    downtime: Annotated[
        str, typer.Option(help="Book time that passed while it was down.", metavar="SECONDS")
    ] = "0",
    signals: Annotated[
        str, typer.Option(help="- takes further signals from standard input.", metavar="-")
    ] = "",
    until: Annotated[
        str | None, typer.Option(help="Stop at this time, ISO 8601 with zone.", metavar="TIME")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify the entries before the snapshot too.")
    ] = False,
    _json: Json = False,
) -> int:
    """Continue a demo or a run after a stop or a crash; needs only the database.

    Releases whose window is still open go out once, those past it expire, sent orders are queried.
    """
    output = output_of(context, db)
    if signals not in ("", STANDARD_INPUT):
        raise InvalidInput("--signals", f"is {signals!r}", "- (standard input)")
    down_s = downtime_of(downtime)
    book_id, session = recall(db, book)
    started = session.started
    if isinstance(started, RunArguments):  # how far the last session was to go is over
        started = replace(started, until=None if until is None else moment("--until", until))
    elif until is not None:
        raise InvalidInput("--until", "a demo runs to the end of its day", "no --until")
    prepared = prepare(started)
    if session.ended and not signals:
        verify_whole(db, book_id)
        return _nothing_left(output, db, book_id, prepared)
    if not output.json:
        kind = "demo" if isinstance(started, DemoArguments) else f"book {book_id}"
        seq, _, at = head_of(db, book_id)
        passed = f", {down_s} s of book time later" if down_s else ""
        output.line(f"Resuming the {kind} at entry {seq}, {iso(at)[:19]}Z{passed}", "bold")
    stop = Stop()
    if isinstance(started, DemoArguments):
        with Progress(output, prepared.scenario) as progress:
            played = play(
                db,
                started,
                prepared.scenario,
                create=True,
                on_entry=progress,
                downtime_s=down_s,
                stop=stop,
                verify=verify,
            )
        return finish(output, db, prepared, played)
    refused = RefusedSignals(prepared.places)
    played = _play(
        output,
        db,
        started,
        prepared,
        refused,
        signals_from=signals,
        downtime=downtime,
        verify=verify,
    )
    return _finished(output, db, prepared, played, refused)


def _play(
    output: Output,
    db: Path,
    started: RunArguments,
    prepared: Prepared,
    refused: RefusedSignals,
    *,
    signals_from: str,
    downtime: str = "0",
    verify: bool = False,
) -> Played:
    stop = Stop()
    lines = EventLines(output, stop)

    def malformed(text: str) -> None:
        sys.stderr.write(f"stretto: {text}; the line is passed over\n")

    def read(signal: AnySignal, place: str) -> None:
        first = prepared.places.note(signal, place)
        if first:
            refused.repeated(signal.signal_id, place, first)

    def journaled(entry: ev.Entry) -> None:
        lines(entry)
        refused(entry)

    played = play(
        db,
        started,
        prepared.scenario,
        create=True,
        signals_from=signals_from if signals_from == STANDARD_INPUT else "",
        on_entry=journaled,
        on_malformed=malformed,
        on_read=read,
        downtime_s=downtime_of(downtime),
        stop=stop,
        verify=verify,
    )
    if lines.broken:
        raise BrokenPipeError
    return played


def _finished(
    output: Output, db: Path, prepared: Prepared, played: Played, refused: RefusedSignals
) -> int:
    code = finish(output, db, prepared, played, signals_refused_now=refused.as_json)
    refused.tell(output)
    if code or played.malformed:
        return code or EXIT_INPUT
    return EXIT_REFUSED if refused.count else 0


def _nothing_left(output: Output, db: Path, book_id: str, prepared: Prepared) -> int:
    seq, chain_head, at = head_of(db, book_id)
    played = Played(
        book_id=book_id,
        entries=seq,
        chain_head=chain_head,
        at=at,
        venues={},
        stopped_by=0,
        malformed=0,
    )
    summary = summary_of(db, prepared.scenario, played)
    if not output.json:
        output.line("The session had come to its end: there is nothing to resume.", "bold")
    output.result(summary.json, lambda out: render_finished(out, summary))
    return 0


def _check_book(database: Path, book_id: str, *, new_book: bool) -> None:
    """Raise InvalidInput where the database holds other books and this one was not announced."""
    if new_book or not database.exists() or not database.stat().st_size:
        return
    known = books_of(database)
    if known and book_id not in known:
        raise InvalidInput(
            f"{database}: book {book_id!r}",
            f"the database holds {', '.join(map(repr, known))} and no such book",
            "its own database, the right [book] id, or --new-book to add it beside the others",
        )


def _check_span(scenario: Scenario) -> None:
    if scenario.ends_at is not None and scenario.ends_at <= scenario.starts_at:
        raise InvalidInput(
            "--until", f"is {iso(scenario.ends_at)}", f"a time after {iso(scenario.starts_at)}"
        )
