"""``sim:`` starts a virtual board: the firmware's own C core in a process on this machine, with LiteRT as its NPU.

::

    sim:[NETWORK[,NETWORK...]][?OPTION[&OPTION...]]
    NETWORK = [NAME=]SOURCE[?OPTION[&OPTION...]]
    SOURCE  = a .tflite file, the name of a bundled network, or reference:[NAME] for one that is built in

    sim:                                        the bundled networks
    sim:movenet13                               one of them
    sim:nets/pose.tflite                        a network called "pose"
    sim:left=movenet13,right=nets/pose.tflite   two, by other names
    sim:?baud=921600&slots=4                    the bundled networks behind a paced line
    sim:pose.tflite?report=network_generate_report.txt,other.tflite?baud=921600

Options belong to the network before them or to the whole board, as their names say:

    report=PATH   network   what ST Edge AI Core says of the real network (a report, c_info JSON, or their folder): its epoch
                            blocks and memory pools are shown, with LiteRT's times spread over the blocks
    card=FILE     network   the card (TOML) that tells what the tensors mean; else x.toml beside x.tflite, if there is one
    baud=N        board     paces each direction to that many bits a second, ten bits a byte, as a UART does
    slots=N       board     input slots
    chunk=N       board     bytes of tensor in one frame

A comma, ``?``, ``&`` or ``%`` in a file name is written as %2C, %3F, %26 or %25. The executable ``n6sim`` is part of the
installed package (``n6link/_bin``); N6LINK_SIM names another one. Times of a virtual board are those of this machine's CPU and say
nothing about an NPU.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import anyio.to_thread

from n6link import networks
from n6link.epochs import st_report
from n6link.errors import TransportError
from n6link.tensors import card
from n6link.transport.process import ChildStream, spawn

READY_TIMEOUT: Final = 30.0
"""seconds in which the virtual board must have loaded its networks"""
NAME: Final = "the virtual board"
_BUILT_IN: Final = "reference:"
_NETWORK_OPTIONS: Final = ("report", "card")
_BOARD_OPTIONS: Final = ("baud", "slots", "chunk")
_NETWORK_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,31}")
_EXECUTABLE: Final = "n6sim.exe" if sys.platform == "win32" else "n6sim"
_LITERT: Final = {"win32": "libLiteRt.dll", "darwin": "libLiteRt.dylib"}.get(sys.platform, "libLiteRt.so")


@dataclass(frozen=True, slots=True)
class SimNetwork:
    """A network that a virtual board loads.

    Attributes:
        name: what the board calls it.
        source: path of a .tflite file, or ``reference:NAME``.
        card: TOML file that the board reports.
        report: what ST Edge AI Core says of it.
    """

    name: str
    source: str
    card: Path | None = None
    report: Path | None = None

    @property
    def built_in(self) -> bool:
        """Whether it needs no LiteRT."""
        return self.source.startswith(_BUILT_IN)


@dataclass(frozen=True, slots=True)
class SimBoard:
    """What stands in a ``sim:`` URL: networks, and numbers for the whole board."""

    networks: Sequence[SimNetwork]
    options: Mapping[str, int] = field(default_factory=dict[str, int])

    def command(self, folder: Path) -> list[str]:
        """The command line that runs this board, but for the end of its link.

        Args:
            folder: where files for the board may be written; they are needed until it is ready.

        Raises:
            TransportError: n6sim or LiteRT is not installed, or a path cannot be passed on.
            ReportError: a report cannot be read.
        """
        command = [str(find_executable())]
        if not all(network.built_in for network in self.networks):
            command += ["--litert", str(find_litert())]
        for index, network in enumerate(self.networks):
            parts = [f"{network.name}={network.source}"]
            if network.card:
                parts.append(f"card={network.card}")
            if network.report:
                blocks = folder / f"{index}.blocks"
                blocks.write_text(st_report.block_table(network.report), encoding="utf-8")
                parts.append(f"blocks={blocks}")
            if odd := next((part for part in parts if ";" in part), None):
                raise TransportError(f"the virtual board takes no path with a semicolon, as in {odd!r}")
            command += ["--network", ";".join(parts)]
        for key, value in self.options.items():
            command += [f"--{key}", str(value)]
        return command


def find_executable() -> Path:
    """The virtual board's executable.

    Raises:
        TransportError: this installation has none.
    """
    if named := os.environ.get("N6LINK_SIM"):
        if not os.path.isfile(named):
            raise TransportError(f"N6LINK_SIM names {named!r}, which is not a file")
        return Path(named)
    if path := _in_package("n6link", "_bin", _EXECUTABLE):
        return path
    raise TransportError(
        "this build of n6link has no virtual board: it was installed without a C compiler, or on Windows; "
        "install it again where `cc` works, or name an n6sim executable in N6LINK_SIM"
    )


def find_litert() -> Path:
    """The shared library of LiteRT, found without importing its package.

    Raises:
        TransportError: the package is not installed, or has no such library.
    """
    if path := _in_package("ai_edge_litert", _LITERT):
        return path
    installed = importlib.util.find_spec("ai_edge_litert")
    what = f"the installed ai-edge-litert has no {_LITERT}" if installed else "LiteRT is not installed"
    raise TransportError(f"the virtual board cannot run networks: {what}; run: pip install 'n6link[sim]'")


def parse(rest: str) -> SimBoard:
    """Reads what follows ``sim:``.

    Raises:
        TransportError: it breaks the grammar above, or names a file that does not exist.
        CardError: the card of a bundled network cannot be read.
    """
    found: dict[str, SimNetwork] = {}
    board: dict[str, int] = {}
    for part in rest.split(","):
        source, _, query = part.partition("?")
        own = _options(query, rest, board)
        if source:
            network = _network(source, own, rest)
            if network.name in found:
                raise _error(rest, f"has two networks called {network.name!r}; name them NAME=PATH")
            found[network.name] = network
        elif own:
            raise _error(rest, f"has the option {next(iter(own))!r} with no network before it")
        elif "," in rest:
            raise _error(rest, "has an empty network between its commas")
    if not found:
        found = {name: _network(name, {}, rest) for name in networks.cards()}
    return SimBoard(tuple(found.values()), board)


async def open_sim(rest: str) -> ChildStream:
    """Starts a virtual board and waits until it has loaded its networks.

    Raises:
        TransportError: the URL is malformed, a part is not installed, or a network does not load.
        CardError: a card cannot be read.
        ReportError: a report cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="n6sim-") as folder:
        # Reports may have megabytes: the event loop does not wait for them.
        board, command = await anyio.to_thread.run_sync(_prepared, rest, Path(folder))
        stream = await spawn(command, ["--fd", "{fd}", "--parent-death"], NAME)
        stream.card_files = {network.name: network.card for network in board.networks if network.card}
        try:
            await stream.wait_ready(READY_TIMEOUT)
        except BaseException:
            await stream.aclose()
            raise
    return stream


def _prepared(rest: str, folder: Path) -> tuple[SimBoard, list[str]]:
    board = parse(rest)
    return board, board.command(folder)


def _network(text: str, options: Mapping[str, Path], rest: str) -> SimNetwork:
    name, equals, value = text.partition("=")
    named = bool(equals) and "/" not in name
    value = unquote(value if named else text)
    path = Path(value)
    known = networks.cards()
    if value.startswith(_BUILT_IN):
        source, stem, toml = value, value.removeprefix(_BUILT_IN) or "reference", None
    elif value in known and not path.exists():
        source, stem, toml = str(card.read(known[value]).file("model")), value, known[value]
    elif path.is_file():
        source, stem, toml = value, path.stem, path.with_suffix(".toml")
    else:
        what = "is not a file" if path.exists() else "does not exist"
        raise _error(rest, f"names the network {value!r}, which {what}; bundled are {', '.join(known)}")
    name = name if named else stem
    if not _NETWORK_NAME.fullmatch(name):
        raise _error(rest, f"has the network name {name!r}; write NAME={value} with up to 31 of A-Z a-z 0-9 _ . -")
    if toml and not toml.is_file():
        toml = None
    return SimNetwork(name, source, options.get("card", toml), options.get("report"))


def _options(query: str, rest: str, board: dict[str, int]) -> dict[str, Path]:
    """Options of one query: the network's are returned, the board's are added to ``board``."""
    own: dict[str, Path] = {}
    for option in query.split("&") if query else ():
        key, _, value = option.partition("=")
        value = unquote(value)
        if key in own or key in board:
            raise _error(rest, f"has the option {key!r} twice")
        if key in _NETWORK_OPTIONS:
            own[key] = Path(value)
            if not own[key].exists() or (key == "card" and not own[key].is_file()):
                raise _error(rest, f"has {key}={value!r}, which does not exist")
        elif key in _BOARD_OPTIONS:
            if not value.isdecimal() or not 0 < int(value) < 1 << 32:
                raise _error(rest, f"has {key}={value!r}, which is not a positive number")
            board[key] = int(value)
        else:
            known = ", ".join(_NETWORK_OPTIONS + _BOARD_OPTIONS)
            raise _error(rest, f"has the unknown option {key!r}; there are {known}")
    return own


def _in_package(package: str, *parts: str) -> Path | None:
    """A file of a package, without importing it; an editable one has its built files in a second folder."""
    spec = importlib.util.find_spec(package)
    folders = (spec and spec.submodule_search_locations) or ()
    return next((path for folder in folders if (path := Path(folder, *parts)).is_file()), None)


def _error(rest: str, what: str) -> TransportError:
    return TransportError(f"'sim:{rest}' {what}")
