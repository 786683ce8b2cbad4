"""The command line: one module per command, each registered by one line here.

A command prints tables for people, or, with ``--json``, only JSON on standard output. Progress and errors are written to
standard error. The exit code is 0, 1 (failure), 2 (wrong usage or input) or 130 (Ctrl-C). Commands only raise errors;
:mod:`n6link.cli.common` converts them to messages and exit codes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from n6link.cli import (
    bridge,
    card,
    check,
    classify,
    config,
    demo,
    devices,
    doctor,
    evaluate,
    firmware,
    generate,
    info,
    monitor,
    predict,
    profile,
    replay,
    report,
    run,
    serve,
    sim,
    trace,
    validate,
    view,
)
from n6link.cli.common import Group, recordable
from n6link.version import __version__

app = typer.Typer(
    cls=Group,
    help="Use the neural networks of an STM32N6 board, over a serial link.",
    epilog="Try it without a board: n6link demo",
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("demo")(recordable(demo.demo))
app.command("devices")(devices.devices)
app.command("doctor")(recordable(doctor.doctor))
app.command("info")(recordable(info.info))
app.command("run")(recordable(run.run))
app.command("generate")(recordable(generate.generate))
app.command("classify")(recordable(classify.classify))
app.command("check")(recordable(check.check))
app.command("validate")(recordable(validate.validate))
app.command("expose")(validate.expose_results)
app.command("evaluate")(recordable(evaluate.evaluate))
app.command("profile")(recordable(profile.profile))
app.command("report")(report.report)
app.command("predict")(predict.predict)
app.command("monitor")(recordable(monitor.monitor))
app.command("serve")(recordable(serve.serve))
app.command("view")(recordable(view.view))
app.command("sim")(sim.sim)
app.command("bridge")(recordable(bridge.bridge))
app.command("replay")(replay.replay)
app.command("trace")(trace.trace)
app.add_typer(card.app, name="card")
app.add_typer(config.app, name="config")
app.add_typer(firmware.app, name="firmware")


def main() -> None:
    """The program ``n6link``."""
    app(prog_name="n6link")
