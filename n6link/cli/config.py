"""``n6link config``: the settings file."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from n6link import settings
from n6link.cli.common import Json, emit, out
from n6link.transport.url import check_url

app: Final = typer.Typer(help="Show and edit the settings file.")

_Key = Annotated[str, typer.Argument(help=f"One of {', '.join(settings.KEYS)}.")]


@app.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show and edit the settings file: names of boards, defaults, and what n6link has learnt about boards."""
    if context.invoked_subcommand is not None:
        return
    known = settings.load()
    if as_json:
        emit({"file": str(known.file), "values": known.values})
    elif known.values:
        out.print(f"# {known.file}", markup=False, style="dim", soft_wrap=True)
        out.print(known.file.read_text(encoding="utf-8-sig").rstrip(), markup=False, soft_wrap=True)
    else:
        out.print(f"{known.file} is empty. To name a board: n6link config set boards.NAME URL", markup=False)


@app.command()
def path() -> None:
    """Print the path of the settings file."""
    print(settings.path())


@app.command()
def get(key: _Key, as_json: Json = False) -> None:
    """Print a setting."""
    value = settings.load().get(key)
    if as_json:
        emit(value)
    else:
        print(", ".join(map(str, value)) if isinstance(value, list) else value)


@app.command("set")
def set_(key: _Key, value: Annotated[str, typer.Argument(help="Separate several values by commas.")]) -> None:
    """Change a setting."""
    if settings.is_url(key):
        check_url(value)
    settings.change(key, value)


@app.command()
def unset(key: _Key) -> None:
    """Remove a setting."""
    settings.remove(key)
