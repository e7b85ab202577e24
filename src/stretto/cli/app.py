"""The command ``stretto``: its sub-commands, and one way out for every error.

Each sub-command lives in a module of its own. Knows nothing of what they do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, NoReturn

import typer

from stretto import __version__
from stretto.cli import (
    accounts,
    delays,
    demo,
    failures,
    fairness,
    fills,
    journal,
    order,
    people,
    plan,
    position,
    reconcile,
    run,
    simulate,
    status,
    venue,
)
from stretto.cli.errors import (
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    EXIT_PIPE,
    problem,
    report,
)
from stretto.cli.output import Output

app = typer.Typer(
    name="stretto",
    help="Trade execution orchestrator: one signal becomes settled orders in many accounts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("plan")(plan.plan)
app.command("run")(run.run)
app.command("resume")(run.resume)
app.command("venue")(venue.venue)
app.command("venue-dump")(venue.venue_dump)
app.command("status")(status.status)
app.command("accounts")(accounts.accounts)
app.command("reconcile")(reconcile.reconcile)
app.command("position")(position.position)
app.command("order")(order.order)
app.command("intervene")(people.intervene)
app.command("approvals")(people.approvals)
app.command("approve")(people.approve)
app.command("reject")(people.reject)
app.command("resolve")(people.resolve)
app.command("kill")(people.kill)
app.command("release")(people.release)
app.command("flatten")(people.flatten)
app.command("account")(people.account)
app.command("failures")(failures.failures)
app.command("fills")(fills.fills)
app.command("fairness")(fairness.fairness)
app.command("delays")(delays.delays)
app.command("simulate")(simulate.simulate)
app.command("rebuild")(journal.rebuild)
app.command("verify")(journal.verify)
app.command("export")(journal.export)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"stretto {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options of the command itself."""


@cache
def _command() -> Any:
    """The parser of ``app``, once for whoever runs many commands in one process."""
    return typer.main.get_command(app)


def main() -> NoReturn:
    """Run the command line of this process and leave with its exit code."""
    try:
        code = run_command(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not complain on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_PIPE
    sys.exit(code)


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; says whatever went wrong. BrokenPipeError passes."""
    output = Output(json="--json" in arguments)
    try:
        code = _command()(list(arguments), prog_name="stretto", standalone_mode=False, obj=output)
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        raise
    except SystemExit:
        return EXIT_PIPE  # typer leaves so where standard output is closed, and only then
    except KeyboardInterrupt:
        return problem(output, "interrupted", EXIT_INTERRUPTED, "interrupted")
    except Exception as error:
        usage = getattr(error, "format_message", None)
        if usage is None:
            return report(error, output)
        context = getattr(error, "ctx", None)
        command = "stretto" if context is None else context.command_path
        message = " ".join(str(usage()).split()).rstrip(".")
        if not message:  # no command was given: its help was printed
            return EXIT_INPUT
        return problem(output, "usage", EXIT_INPUT, f"{message} (see `{command} --help`)")
