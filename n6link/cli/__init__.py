"""The command line: one module per command, each registered by one line here.

A command prints tables for people, or, with ``--json``, only JSON on standard output. Progress and errors are written to
standard error. The exit code is 0, 1 (failure), 2 (wrong usage or input) or 130 (Ctrl-C). Commands only raise errors;
:mod:`n6link.cli.common` converts them to messages and exit codes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

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
from n6link.cli.common import Command, Group, recordable
from n6link.version import __version__

app = typer.Typer(
    cls=Group,
    help="Use the neural networks of an STM32N6 board, over a serial link.",
    epilog="Try it without a board: n6link demo",
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
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


_COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "demo": recordable(demo.demo),
    "devices": devices.devices,
    "doctor": recordable(doctor.doctor),
    "info": recordable(info.info),
    "run": recordable(run.run),
    "generate": recordable(generate.generate),
    "classify": recordable(classify.classify),
    "check": recordable(check.check),
    "validate": recordable(validate.validate),
    "expose": validate.expose_results,
    "evaluate": recordable(evaluate.evaluate),
    "profile": recordable(profile.profile),
    "report": report.report,
    "predict": predict.predict,
    "monitor": recordable(monitor.monitor),
    "serve": recordable(serve.serve),
    "view": recordable(view.view),
    "sim": sim.sim,
    "bridge": recordable(bridge.bridge),
    "replay": replay.replay,
    "trace": trace.trace,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=Command)(_command)
for _name, _group in {"card": card.app, "config": config.app, "firmware": firmware.app}.items():
    for _info in _group.registered_commands:
        _info.cls = Command
    app.add_typer(_group, name=_name, cls=Group)


def main() -> None:
    """The program ``n6link``."""
    app(prog_name="n6link")
