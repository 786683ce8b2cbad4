"""Shared by all commands: options, output for people and programs, and the report of errors.

A command looks like this; it is registered in :mod:`n6link.cli`::

    def info(url: Url = None, cards: Cards = None, timeout: Timeout = 5.0, as_json: Json = False) -> None:
        '''Show a board.'''
        start(_info, url, cards, timeout, as_json)

    async def _info(url: str | None, cards: list[Path] | None, timeout: float, as_json: bool) -> None:
        async with connect(url, cards, timeout) as dev:
            if as_json:
                emit(dev.info)
            else:
                out.print(...)

A command raises its errors, or ``typer.Exit(1)`` if it has already printed what failed. :class:`Group` converts an exception to one
message on standard error (JSON with ``--json``) and an exit code. N6_DEBUG=1 shows the traceback.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import textwrap
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, Final, ParamSpec, Protocol, TextIO, cast

import anyio
import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from n6link import errors, json_types, settings
from n6link.cli.examples import examples
from n6link.console import distinguish, moves, replace_characters
from n6link.device import N6Device
from n6link.json_types import Plain, plain
from n6link.network import Network
from n6link.recorder.recorder import VARIABLE, Recorder
from n6link.tensors.encoding import Sent
from n6link.transport import ports
from n6link.transport import url as transport

P = ParamSpec("P")

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it"""
_USER_ERRORS: Final = (
    errors.BadInput,
    errors.UnknownName,
    errors.CardError,
    errors.ReportError,
    errors.SettingsError,
    errors.RecordingError,
)
# Some versions of typer contain a copy of click's exceptions, others import click: this is the class that typer raises.
_UsageError: Final[type[Exception]] = typer.BadParameter.__mro__[1]


class _Console(Console):
    """A console without a handler of its own for a closed pipe: :class:`Group` has one, also for tasks."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError from None

    @property
    def moves(self) -> bool:
        """See :func:`n6link.console.moves`."""
        return moves(self)


# A file name or a message may contain ":x:", which is not the name of a picture.
out: Final = _Console(highlight=False, emoji=False)
"""for people, on standard output; commands print nothing here with --json"""
distinguish(out)
err: Final = _Console(stderr=True, highlight=False, emoji=False)
"""progress and errors"""


def checked_url(url: str | None) -> str | None:
    """A URL of the command line; a wrong one is a wrong usage."""
    if url is not None:
        try:
            transport.check_url(url)
        except errors.TransportError as error:
            raise _UsageError(str(error)) from None
    return url


def checked_urls(urls: list[str] | None) -> list[str]:
    """URLs of an option that may be repeated; N6LINK_URL if there are none."""
    # Read here, because typer would divide it at spaces.
    default = os.environ.get("N6LINK_URL")
    urls = urls or ([default] if default else [])
    for url in urls:
        checked_url(url)
    return urls


def complete_url(begun: str) -> list[str]:
    """URLs for the completion of the shell: connected boards, those of the settings file, and virtual ones."""
    boards: Iterable[str] = ()
    with suppress(errors.SettingsError):
        boards = settings.load().boards
    urls = [
        *boards,
        *(f"serial:{port.path}" for port in ports.devices() if port.kind),
        "sim:",
        "tcp:",
        "unix:",
        "qemu:",
        "replay:",
    ]
    return [url for url in urls if url.startswith(begun)]


def _checked_timeout(context: typer.Context, seconds: float) -> float:
    source = context.get_parameter_source("timeout")
    own = settings.load().default("timeout") if source and source.name == "DEFAULT" else None
    return own if isinstance(own, int | float) else seconds


def _checked_encoding(text: str | None) -> str | None:
    if text is None:
        own = settings.load().default("encode")
        return own if isinstance(own, str) else None
    try:
        Sent.parse(text)
    except errors.BadInput as error:
        raise _UsageError(str(error)) from None
    return text


Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        "-u",
        envvar="N6LINK_URL",
        callback=checked_url,
        metavar="URL",
        autocompletion=complete_url,
        help="serial:PORT, tcp:HOST:PORT, unix:PATH, sim:, qemu:, or the name of a board in the settings; default: defaults.url of the settings, or the only connected board.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]
Cards = Annotated[
    list[Path] | None,
    typer.Option("--card", metavar="FILE", help="A card (TOML) that describes a network's tensors; may be repeated."),
]
Named = Annotated[
    str | None,
    typer.Option("--network", "-n", metavar="NAME", help="Name of the network; default: the first one for this task."),
]
Record = Annotated[
    str | None,
    typer.Option(
        "--record",
        metavar="FILE",
        help="Record all bytes on the line, for n6link trace and replay; FILE?ring=4M: the last 4 MB, when something fails. "
        f"Default: {VARIABLE}.",
    ),
]
Mcap = Annotated[
    Path | None,
    typer.Option(
        "--mcap",
        metavar="FILE",
        help="Record pictures, results, latencies and states for Foxglove, Rerun and ROS 2 in this MCAP file.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        callback=_checked_timeout,
        help="Maximum time without an answer of the board.",
    ),
]

Encode = Annotated[
    str | None,
    typer.Option(
        "--encode",
        callback=_checked_encoding,
        metavar="raw|qoi|jpeg:Q",
        autocompletion=lambda: ["raw", "qoi", "jpeg:95"],
        help="How pictures are sent: unchanged, lossless, or as JPEG of quality Q, which changes them; "
        "default: as the card says, else lossless on slow lines.",
    ),
]


def _words(context: Any) -> str:
    """A command as users write it, without the name of the program: ``card init``."""
    return f"{_words(context.parent)} {context.info_name}".strip() if context.parent else ""


class Command(TyperCommand):
    """A command whose help ends with examples."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: D102
        super().format_help(ctx, formatter)
        out.print(examples(_words(ctx)), soft_wrap=True)


class Group(TyperGroup):
    """A group of commands that reports errors as one message, and whose help ends with examples."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: D102
        super().format_help(ctx, formatter)
        if text := examples(_words(ctx)):
            out.print(text, soft_wrap=True)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: object,
    ) -> int:
        """Runs a command and ends the program, or returns the exit code if not ``standalone_mode``."""
        words = sys.argv[1:] if args is None else list(args)
        # A shell can start a program without an output: `>&-`.
        sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - until the process ends
        sys.stderr = sys.stderr or sys.stdout
        for stream in (sys.stdout, sys.stderr):
            replace_characters(stream)
        try:
            ended: object = super().main(words, prog_name, complete_var, False, windows_expand_args, **extra)
            sys.stdout.flush()
            code = ended if isinstance(ended, int) else 0
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last handler: every error becomes a message
            if isinstance(errors.innermost(error), BrokenPipeError):
                # The reader, such as head, has closed the pipe. Python flushes the rest at exit, which must not fail again.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                code = FAILED
            else:
                code = INTERRUPTED  # also during the report
                with suppress(KeyboardInterrupt):
                    code = report(error, words)
        if standalone_mode:
            sys.exit(code)
        return code


def recordable(command: Callable[..., None]) -> Callable[..., None]:
    """A command that connects to a board, with the option --record, which sets N6LINK_RECORD for this command."""

    @wraps(command)
    def with_record(*args: object, record: str | None = None, **options: object) -> None:
        if record is None:
            command(*args, **options)
            return
        Recorder.read(record)  # reports a wrong value before anything else
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = record
        try:
            command(*args, **options)
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before

    own = signature(command, eval_str=True)
    option = Parameter("record", Parameter.KEYWORD_ONLY, default=None, annotation=Record)
    parameters = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own.parameters.values()]
    whole = own.replace(parameters=[*parameters, option])
    vars(with_record)["__signature__"] = whole
    with_record.__annotations__ = {name: each.annotation for name, each in whole.parameters.items()}
    return with_record


class _Worded(Protocol):
    """The method of :data:`_UsageError` that is used; typer does not export its class."""

    def format_message(self) -> str: ...


def _usage(error: Exception, words: Sequence[str]) -> str:
    """The message about a wrong option or argument. typer's own messages do not have the value."""
    message = cast("_Worded", error).format_message()
    reason: str = getattr(error, "message", "")
    for option in getattr(getattr(error, "param", None), "opts", ()):
        for word, following in zip(words, [*words[1:], ""], strict=True):
            value = following if word == option else word.partition("=")[2] if word.startswith(f"{option}=") else ""
            if value and repr(value) not in reason:
                return f"{option} {value!r} cannot be used: {reason[:1].lower()}{reason[1:].rstrip('.')}"
    return message.rstrip(".")


def report(error: BaseException, words: Sequence[str]) -> int:
    """Prints an error on standard error, and returns the exit code.

    Args:
        error: what a command raised.
        words: the arguments of the program; with ``--json`` the error is JSON too.
    """
    as_json = "--json" in words
    whole, error = error, errors.innermost(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    code, hint, kind = FAILED, "", type(error).__name__
    if isinstance(error, _UsageError):
        code, kind = USAGE, "UsageError"
        message = _usage(error, words)
        context = getattr(error, "ctx", None)
        hint = f"(see {context.command_path if context else 'n6link'} --help)"
    elif isinstance(error, errors.N6Error):
        code = USAGE if isinstance(error, _USER_ERRORS) else FAILED
        message = str(error)
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        message = f"the output cannot be written: {error.strerror}; use another device"
    else:
        message = f"internal error: {kind}: {error}"
        hint = "" if os.environ.get("N6_DEBUG") else "(set N6_DEBUG=1 to show the traceback)"
    if os.environ.get("N6_DEBUG"):
        err.print("".join(traceback.format_exception(whole)), markup=False, style="dim", soft_wrap=True)
    if as_json:
        details: Plain = {"type": kind, "message": message}
        if isinstance(error, errors.DeviceError):
            details |= {"status": plain(error.status), "value": error.value}
        _print_json({"error": details}, sys.stderr)
    else:
        # The message is printed unchanged: it may start with the name of a file.
        err.print(
            f"[bold red]Error:[/] {escape(message)}" + (f" [dim]{escape(hint)}[/]" if hint else ""), soft_wrap=True
        )
    return code


def start(function: Callable[P, Awaitable[None]], *args: P.args, **options: P.kwargs) -> None:
    """Runs an async function until it returns."""

    async def main() -> None:
        await function(*args, **options)

    anyio.run(main)


def working(what: str) -> AbstractContextManager[object]:
    """A spinner on the terminal during a slow operation."""
    return err.status(f"{escape(what)} ...") if err.moves else nullcontext()


@asynccontextmanager
async def connect(
    url: str | None,
    cards: Sequence[Path] | None = None,
    timeout: float = 5.0,  # noqa: ASYNC109
) -> AsyncGenerator[N6Device, None]:
    """An open device; shows a spinner until it is connected."""
    async with AsyncExitStack() as stack:
        with working(
            "Starting the virtual board" if url and url.startswith("sim:") else f"Connecting to {url or 'the board'}"
        ):
            dev = await stack.enter_async_context(N6Device(url, cards=cards or (), timeout=timeout, reconnect=0))
        yield dev


def network_for(dev: N6Device, name: str | None, *tasks: str) -> Network:
    """The network with this name; without a name, the first one whose card has one of these tasks.

    Raises:
        UnknownName: a network with this name does not exist.
        BadInput: a network for these tasks does not exist.
    """
    if name is not None:
        return dev[name]
    for network in dev.networks.values():
        if network.card and network.card.task in tasks:
            return network
    known = ", ".join(f"{each.name} ({each.card.task if each.card else 'no card'})" for each in dev.networks.values())
    raise errors.BadInput(
        f"the board at {dev.url} does not have a network for {' or '.join(tasks)}; it has {known or 'none'}"
    )


def pair(text: str, option: str, form: str = "NAME=PATH") -> tuple[str, str]:
    """The two parts of NAME=PATH, or of another form.

    Raises:
        BadInput: it does not have this form.
    """
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise errors.BadInput(f"{option} {text!r} must have the form {form}")
    return name, value


def emit(value: object) -> None:
    """One line of JSON on standard output."""
    _print_json(plain(value), sys.stdout)


def _print_json(value: json_types.Json, stream: TextIO) -> None:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(stream.encoding)
    except UnicodeEncodeError:
        text = json.dumps(value, allow_nan=False)  # the same value with escape sequences
    print(text, file=stream, flush=True)


def listing(head: str, items: Iterable[str]) -> str:
    """``head: item, item``, in lines that fit the terminal and break between items."""
    words = ", ".join(item.replace(" ", "\xa0") for item in items)
    lines = textwrap.wrap(f"{head}: {words}", out.width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")
