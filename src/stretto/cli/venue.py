"""``stretto venue`` and ``venue-dump``: simulated venues in a process of their own.

A book's process may die as often as it likes: the venue goes on. Knows no journal.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from stretto.cli.inputs import settings_of, speed_of
from stretto.cli.options import Json, Overwrite, output_of
from stretto.cli.venue_dump import dump_text, write_dump
from stretto.core.errors import InvalidInput
from stretto.core.values import iso
from stretto.sessions.files import check_output
from stretto.sessions.play import SPEED_MAX
from stretto.sessions.scenario import prepare
from stretto.sessions.serving import dumps_of, serve
from stretto.sessions.started import RunArguments

Config = Annotated[
    Path, typer.Argument(help="The book whose venues have an address.", metavar="BOOK.toml")
]


def venue(
    context: typer.Context,
    config: Config,
    speed: Annotated[str, typer.Option(help="A multiple of real time.")] = "1",
    commands: Annotated[
        Path | None,
        typer.Option(help="Write each command there as it arrives, JSON lines.", metavar="FILE"),
    ] = None,
    _json: Json = False,
) -> int:
    """Serve a configuration's simulated venues to `stretto run` in another process, until Ctrl-C.

    Their books are kept in memory as long as this process lives, whatever becomes of the other.
    """
    output = output_of(context)
    settings = settings_of(config)
    if speed_of(speed) == SPEED_MAX:
        raise InvalidInput("--speed", "is max", "a number: a venue's time passes by itself")
    if commands is not None:
        check_output("--commands", commands, overwrite=False, db=Path(settings.journal))
    scenario = prepare(RunArguments(settings=settings, signals="")).scenario
    addresses = sorted({each.address for each in scenario.elsewhere.values()})
    names = sorted(scenario.elsewhere)

    def ready() -> None:
        output.said(f"stretto: serving {', '.join(names)} at {', '.join(addresses)}")

    ended = serve(str(config), scenario, Decimal(speed), ready, commands)
    orders = sum(len(dump["orders"]) for dump in ended.dumps.values())
    found = {
        "venues": names,
        "addresses": addresses,
        "commands": ended.commands,
        "orders": orders,
        "ended_at": iso(ended.at),
    }
    output.result(
        found,
        lambda out: out.line(
            f"Served {', '.join(names)} until {iso(ended.at)[:19]}Z: {ended.commands} commands, "
            f"{orders} orders."
        ),
    )
    return 0


def venue_dump(
    context: typer.Context,
    config: Config,
    to: Annotated[
        Path | None, typer.Option("--output", help="A file; else standard output.", metavar="FILE")
    ] = None,
    overwrite: Overwrite = False,
    _json: Json = False,
) -> int:
    """Write the own books of venues that `stretto venue` serves, to compare with the journal."""
    output = output_of(context)
    settings = settings_of(config)
    if to is not None:
        check_output("--output", to, overwrite=overwrite, db=Path(settings.journal))
    scenario = prepare(RunArguments(settings=settings, signals="")).scenario
    dumps = dumps_of(str(config), scenario)
    if to is None:
        typer.echo(dump_text(dumps), nl=False)
        return 0
    write_dump("--output", to, dumps, overwrite=overwrite)
    orders = sum(len(dump["orders"]) for dump in dumps.values())
    output.result(
        {"output": str(to), "venues": sorted(dumps), "orders": orders},
        lambda out: out.line(f"{to}: {orders} orders of {', '.join(sorted(dumps))}"),
    )
    return 0
