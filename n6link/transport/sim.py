"""``sim:`` starts a virtual board: the firmware's C core in a process on this machine, with LiteRT instead of an NPU.

::

    sim:[NETWORK[,NETWORK...]][?OPTION[&OPTION...]]
    NETWORK = [NAME=]SOURCE[?OPTION[&OPTION...]]
    SOURCE  = a .tflite file, the name of a bundled network, or reference:[NAME] for a built-in network

    sim:                                        the bundled networks
    sim:movenet13                               one of them
    sim:nets/pose.tflite                        a network with the name "pose"
    sim:left=movenet13,right=nets/pose.tflite   two networks with other names
    sim:?baud=921600&slots=4                    the bundled networks, on a link with limited speed
    sim:pose.tflite?report=network_generate_report.txt,other.tflite?baud=921600
    sim:movenet13?flip=1e-5&cut=3&seed=7        one network, on a line with faults; see n6link.transport.faults

An option is for the network before it, or for the whole board::

    report=PATH   network   report of ST Edge AI Core about the real network (a report, c_info JSON, or their folder): the board
                            shows its epoch blocks and memory pools, and LiteRT's times are divided among the blocks;
                            default: LiteRT's operators, with predicted kinds (n6link.epochs.predict)
    card=FILE     network   the card (TOML) that describes the tensors; default: x.toml next to x.tflite, if it exists
    golden=FILE   network   its golden input (n6link.tensors.golden), which the board stores for checks; default: x.golden.npz
                            next to x.tflite, if it exists
    baud=N        board     limits each direction to N bits per second, with ten bits per byte, like a UART
    uart=N        board     the same, and the program changes the rate as it does that of a board (RATE); N is the rate after a start
    slots=N       board     number of input slots
    chunk=N       board     maximum number of tensor bytes in one frame
    id=NAME       board     its unique id, 1 to 16 characters A-Z a-z 0-9 _ . -; boards without it all have the same one (n6sim)
    flip=RATE     line      faults of the line, at RATE per byte of each way: a bit changes; drop=, double=, insert= and
                            burst=: up to 40 bytes are lost, arrive twice, are inserted, or are replaced by others
    cut=SECONDS   line      the cable is unplugged for 0.05 to 0.5 s, on average every so many seconds; stall=: the bytes wait for as
                            long; reset=: the board is killed and started again
    seed=N        line      of the random numbers for all faults; the default is 0

A comma, ``?``, ``&`` or ``%`` in a file name is written as %2C, %3F, %26 or %25. The executable ``n6sim`` is part of the
installed package (``n6link/_bin``); the variable N6LINK_SIM selects another one. Times of a virtual board are those of this
machine's CPU, not of an NPU.

A network has the shapes that are stored in its file; the outputs have those of a first run on zeros. A network that LiteRT's
library refuses or crashes on runs in LiteRT's Interpreter, which does not report the times of operators: it is one block. A
network that LiteRT does not run at all is missing from the device, and ``device[name]`` reports the reason; if no network
can be used, the board does not start.
"""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import struct
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import anyio.to_thread

from n6link import networks
from n6link.epochs import predict, st_report
from n6link.errors import BadInput, TransportError, requires
from n6link.tensors import card
from n6link.tensors.golden import read_golden
from n6link.transport.cable import LinkKind
from n6link.transport.faults import IN_TIME, OF_BYTES, Faults
from n6link.transport.process import ChildStream, spawn_board
from n6link.transport.rig import NAME, Rig
from n6link.transport.socket_stream import SocketStream

_BUILT_IN: Final = "reference:"
_NETWORK_OPTIONS: Final = ("report", "card", "golden")
_BOARD_OPTIONS: Final = ("baud", "uart", "slots", "chunk")
_LINE_OPTIONS: Final = (*OF_BYTES, *IN_TIME, "seed")
_ID: Final = "id"
_NETWORK_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,31}")
_BOARD_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,16}")
_EXECUTABLE: Final = "n6sim.exe" if sys.platform == "win32" else "n6sim"
_LITERT: Final = {"win32": "libLiteRt.dll", "darwin": "libLiteRt.dylib"}.get(sys.platform, "libLiteRt.so")


@dataclass(frozen=True, slots=True)
class SimNetwork:
    """A network that a virtual board loads.

    Attributes:
        name: its name on the board.
        source: path of a .tflite file, or ``reference:NAME``.
        card: TOML file that the board reports.
        report: report of ST Edge AI Core.
        golden: golden file.
    """

    name: str
    source: str
    card: Path | None = None
    report: Path | None = None
    golden: Path | None = None

    @property
    def built_in(self) -> bool:
        """Whether it is part of the executable, and does not require LiteRT."""
        return self.source.startswith(_BUILT_IN)


@dataclass(frozen=True, slots=True)
class SimBoard:
    """The content of a ``sim:`` URL: networks, options of the whole board, and faults of its line."""

    networks: Sequence[SimNetwork]
    options: Mapping[str, int | str] = field(default_factory=dict[str, int | str])
    faults: Faults = field(default_factory=Faults)

    @property
    def baud(self) -> int:
        """Rate of its line after a start, if it can be changed; else 0."""
        return int(self.options.get("uart", 0))

    @property
    def card_files(self) -> dict[str, Path]:
        """Files with the cards that the board reports, by network."""
        return {network.name: network.card for network in self.networks if network.card}

    def command(self, folder: Path) -> list[str]:
        """The command line that runs this board, without the options for its link.

        Args:
            folder: for temporary files; the board reads them until it is ready.

        Raises:
            MissingExtra: LiteRT is not installed.
            TransportError: n6sim is not installed, or a path cannot be passed to it.
            ReportError: a report cannot be read.
            BadInput: a golden file cannot be read.
        """
        command = [str(find_executable())]
        if not all(network.built_in for network in self.networks):
            command += ["--litert", str(find_litert())]
            command += ["--python", sys.executable, "--interpreter", str(Path(__file__).with_name("interpreter.py"))]
        for index, network in enumerate(self.networks):
            parts = [f"{network.name}={network.source}"]
            if network.card:
                parts.append(f"card={network.card}")
            if network.report:
                blocks = folder / f"{index}.blocks"
                blocks.write_text(st_report.block_table(network.report), encoding="utf-8")
                parts.append(f"blocks={blocks}")
            elif not network.built_in and (text := _operations(network.source)):
                operations = folder / f"{index}.operations"
                operations.write_text(text, encoding="utf-8")
                parts.append(f"operations={operations}")
            if network.golden:
                stored = folder / f"{index}.check"
                stored.write_bytes(_stored(network.golden))
                parts.append(f"check={stored}")
            if odd := next((part for part in parts if ";" in part), None):
                # n6sim separates the parts of its option with semicolons, and does not have an escape for them.
                raise TransportError(
                    f"{odd!r} contains a semicolon, which the virtual board does not accept; rename the file"
                )
            command += ["--network", ";".join(parts)]
        for key, value in self.options.items():
            command += [f"--{key}", str(value)]
        return command


def find_executable() -> Path:
    """The virtual board's executable.

    Raises:
        TransportError: this installation does not contain it.
    """
    if named := os.environ.get("N6LINK_SIM"):
        if not os.path.isfile(named):
            raise TransportError(f"N6LINK_SIM is {named!r}, which is not a file; set it to an n6sim executable")
        return Path(named)
    if path := _in_package("n6link", "_bin", _EXECUTABLE):
        return path
    raise TransportError(
        "this installation of n6link does not contain the virtual board: it is the package for systems other than Linux on "
        "x86-64 and aarch64, or was built without a C compiler; on Linux and macOS install a C compiler (`cc`), and then n6link "
        "from its sources: pip install --force-reinstall --no-binary n6link n6link; or set N6LINK_SIM to an n6sim executable"
    )


def find_litert() -> Path:
    """The shared library of LiteRT, found without importing its package.

    Raises:
        MissingExtra: the package is not installed.
        TransportError: it does not contain the library.
    """
    if path := _in_package("ai_edge_litert", _LITERT):
        return path
    with requires("a network on the virtual board", "LiteRT", "sim"):
        if importlib.util.find_spec("ai_edge_litert") is None:
            raise ImportError("ai_edge_litert")
    raise TransportError(
        f"the virtual board cannot run networks: the installed ai-edge-litert does not contain {_LITERT}; "
        "install it again: pip install --force-reinstall ai-edge-litert"
    )


def parse(rest: str) -> SimBoard:
    """Reads the part of a URL after ``sim:``.

    Raises:
        TransportError: it does not have the form above, or contains a file that does not exist.
        CardError: the card of a bundled network cannot be read.
    """
    found: dict[str, SimNetwork] = {}
    board: dict[str, int | str] = {}
    line: dict[str, str] = {}
    for part in rest.split(","):
        source, _, query = part.partition("?")
        own = _options(query, rest, board, line)
        if source:
            network = _network(source, own, rest)
            if network.name in found:
                raise _error(rest, f"has two networks with the name {network.name!r}; use NAME=PATH")
            found[network.name] = network
        elif own:
            raise _error(rest, f"has the option {next(iter(own))!r} without a network; write it after the network")
        elif "," in rest:
            raise _error(rest, "has an empty network between commas; remove a comma")
    if not found:
        found = {name: _network(name, {}, rest) for name in networks.cards()}
    try:
        faults = Faults.parse(line)
    except BadInput as error:
        raise _error(rest, f"has a fault of the line that cannot be used: {error}") from error
    return SimBoard(tuple(found.values()), board, faults)


class RigStream(SocketStream):
    """A connection to a board on a line with faults. It ends the board, unless somebody keeps that to open it again.

    Attributes:
        rig: the board and its line.
        stable_url: opens another connection to the same board.
        card_files: as of :class:`~n6link.transport.process.ChildStream`.
        baud: the same.
    """

    def __init__(self, connected: socket.socket, rig: Rig, board: SimBoard) -> None:
        super().__init__(connected)
        self.rig = rig
        self.stable_url = rig.url
        self.card_files = board.card_files
        self.baud = board.baud

    async def aclose(self) -> None:
        """Closes the connection."""
        await super().aclose()
        if not self.rig.kept:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.rig.close)


def rig(rest: str = "", *, link: LinkKind = "unix", faults: Faults | None = None, port: int = 0) -> Rig:
    """Starts a virtual board on a cable that can be unplugged; see :mod:`n6link.transport.rig`.

    Args:
        rest: the part of a ``sim:`` URL after the colon.
        link: what the host opens.
        faults: of the line; None = those of the URL.
        port: for ``tcp``; 0 = any.

    Raises:
        as :func:`open_sim`.
    """
    board = parse(rest)
    return Rig(board.command, link=link, faults=faults or board.faults, port=port)


async def open_sim(rest: str) -> ChildStream | RigStream:
    """Starts a virtual board and waits until it has loaded its networks.

    Raises:
        TransportError: the URL is malformed, a part is not installed, or no network can be loaded.
        CardError: a card cannot be read.
        ReportError: a report cannot be read.
        BadInput: a golden file cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="n6sim-") as folder:
        # Reports may have megabytes: reading them must not block the event loop.
        board, command = await anyio.to_thread.run_sync(_prepared, rest, Path(folder))
        if board.faults:
            return await _open_rig(board)
        stream = await spawn_board(command, NAME)
    stream.card_files = board.card_files
    stream.baud = board.baud
    return stream


async def _open_rig(board: SimBoard) -> RigStream:
    started = await anyio.to_thread.run_sync(lambda: Rig(board.command, faults=board.faults))
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.connect(started.url.removeprefix("unix:"))
    except BaseException:
        connected.close()
        started.close()
        raise
    return RigStream(connected, started, board)


def _operations(source: str) -> str:
    """The predicted kinds of a network's operations; empty if the file cannot be read, whose reason the board reports."""
    try:
        return predict.operation_table(source)
    except BadInput:
        return ""


def _prepared(rest: str, folder: Path) -> tuple[SimBoard, list[str]]:
    board = parse(rest)
    return board, board.command(folder)


def _network(text: str, options: Mapping[str, Path], rest: str) -> SimNetwork:
    name, equals, value = text.partition("=")
    named = bool(equals) and "/" not in name
    value = unquote(value if named else text)
    path = Path(value)
    golden: Path | None = None
    known = networks.cards()
    if value.startswith(_BUILT_IN):
        source, stem, toml = value, value.removeprefix(_BUILT_IN) or "reference", None
    elif value in known and not path.exists():
        source, stem, toml = str(card.read(known[value]).file("model")), value, known[value]
        golden = toml.with_suffix(".golden.npz")
    elif path.is_file():
        source, stem, toml = value, path.stem, path.with_suffix(".toml")
        golden = path.with_suffix(".golden.npz")
    else:
        what = "is not a file" if path.exists() else "does not exist"
        raise _error(rest, f"has the network {value!r}, which {what}; the bundled networks are {', '.join(known)}")
    name = name if named else stem
    if not _NETWORK_NAME.fullmatch(name):
        raise _error(
            rest, f"has the invalid network name {name!r}; use NAME={value} with 1 to 31 characters A-Z a-z 0-9 _ . -"
        )
    if toml and not toml.is_file():
        toml = None
    if golden and not golden.is_file():
        golden = None
    return SimNetwork(name, source, options.get("card", toml), options.get("report"), options.get("golden", golden))


def _stored(path: Path) -> bytes:
    """A golden file as n6sim reads it: whether its digests are known, the digests, the input."""
    golden = read_golden(path)
    checked = golden.checked or (0, 0)
    return struct.pack("<3I", golden.checked is not None, *checked) + golden.slot()


def _options(query: str, rest: str, board: dict[str, int | str], line: dict[str, str]) -> dict[str, Path]:
    """Reads the options of one query: those of the network are returned, those of board and line are added to these."""
    own: dict[str, Path] = {}
    for option in query.split("&") if query else ():
        key, _, value = option.partition("=")
        value = unquote(value)
        if key in own or key in board or key in line:
            raise _error(rest, f"has the option {key!r} twice; remove one")
        if key in _NETWORK_OPTIONS:
            own[key] = Path(value)
            if not own[key].exists() or (key != "report" and not own[key].is_file()):
                raise _error(rest, f"has {key}={value!r}, which does not exist; check the path")
        elif key in _BOARD_OPTIONS:
            if not value.isdecimal() or not 0 < int(value) < 1 << 32:
                raise _error(rest, f"has {key}={value!r}; it must be a whole number from 1 to 4294967295")
            board[key] = int(value)
        elif key == _ID:
            if not _BOARD_ID.fullmatch(value):
                raise _error(rest, f"has id={value!r}; it must have 1 to 16 characters A-Z a-z 0-9 _ . -")
            board[key] = value
        elif key in _LINE_OPTIONS:
            line[key] = value
        else:
            known = ", ".join((*_NETWORK_OPTIONS, *_BOARD_OPTIONS, _ID, *_LINE_OPTIONS))
            raise _error(rest, f"has the unknown option {key!r}; choose {known}")
    return own


def _in_package(package: str, *parts: str) -> Path | None:
    """A file of a package, without importing the package."""
    # An editable installation has its built files in a second folder, so all folders are searched.
    spec = importlib.util.find_spec(package)
    folders = (spec and spec.submodule_search_locations) or ()
    return next((path for folder in folders if (path := Path(folder, *parts)).is_file()), None)


def _error(rest: str, what: str) -> TransportError:
    return TransportError(f"'sim:{rest}' {what}")
