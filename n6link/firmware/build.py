"""Builds the firmware of a board from the output folders of ``stedgeai generate``, or from models.

What can be known to be wrong is refused before a compiler runs: files of another version, board or memory map, weights that are
missing or overlap, programs that are not installed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from n6link.errors import BadInput, ToolError
from n6link.firmware import folder, generate, layout, tools
from n6link.firmware.boards import IMAGE, LARGEST_STARTED, Board
from n6link.firmware.folder import LOG, Built, Placed
from n6link.firmware.process import Command, run
from n6link.registry import Network, check_together, read_network, runtime_version

_GENERIC: Final = frozenset({"st_ai_output", "st_ai_ws", "output", "generated", "network"})
"""names of folders and files that say nothing about the network"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose; None = it is searched for."""

    cards: Mapping[str, Path] = field(default_factory=dict[str, Path])
    cube_n6: Path | None = None
    edge_ai: Path | None = None
    source: Path | None = None
    """folder of the firmware's sources"""
    neural_art: str | None = None
    """``PROFILE@FILE.json`` for models"""
    stedgeai: Sequence[str] = ()
    """more options for models"""
    settings: Sequence[str] = ()
    """``VARIABLE=VALUE`` for CMake"""


def sources(given: Path | None) -> Path:
    """The firmware's sources: the given ones, those of the package, or those of the checkout that n6link runs from.

    Raises:
        BadInput: there are none.
    """
    package = Path(__file__).resolve().parents[1]
    places = [given] if given else [package / "_src" / "firmware", package.parent / "firmware"]
    for place in places:
        if (place / "ports" / "stm32n6" / "vendor.cmake").is_file():
            return place.resolve()
    raise BadInput(
        f"{places[-1]} does not hold the sources of the firmware; use --source with the folder firmware of n6link"
    )


def named(text: str) -> tuple[str, Path]:
    """``NAME=PATH``, or a path with the name that its folder or file suggests."""
    name, sign, path = text.partition("=")
    if sign and name and path and not Path(text).exists():
        return name, Path(path)
    place = Path(text).absolute()
    steps = [place.stem if place.suffix in {".c", *generate.SUFFIXES} else place.name, *(p.name for p in place.parents)]
    chosen = next((step for step in steps if step and step.lower() not in _GENERIC), "network")
    return re.sub(r"\W+", "_", chosen), Path(text)


def read(networks: Sequence[tuple[str, Path]], board: Board, output: Path, options: Options, say: Say) -> list[Network]:
    """Reads the networks, models after ``stedgeai generate``, and checks that they fit the board.

    Raises:
        BadInput, ReportError, CardError: they do not, or not together.
        ToolError: a model is to be generated, and ``stedgeai`` is missing or failed.
    """
    cards = dict(options.cards)
    found: list[Network] = []
    for name, path in networks:
        place = path
        if path.suffix.lower() in generate.SUFFIXES:
            neural_art = generate.check_neural_art(options.neural_art, path, board)
            missing = tools.Missing()
            program = missing.need("stedgeai", tools.stedgeai(tools.edge_ai(options.edge_ai, ())))
            missing.check()
            say(f"stedgeai generate: {path} to C code for the NPU")
            target = output / "generated" / name
            place = generate.generate(program, path, name, neural_art, target, options.stedgeai, output / LOG)
        elif not path.exists():
            raise BadInput(
                f"there is no folder, C file or model {str(path)!r}; pass the output folder of stedgeai generate"
            )
        found.append(read_network(name, place, card=cards.pop(name, None)))
    if cards:
        raise BadInput(
            f"--card is for {next(iter(cards))!r}, but there is no network with this name; choose {', '.join(one.name for one in found)}"
        )
    layout.check_weights(found, board)
    check_together(found, board=board.name)
    layout.check_places(folder.placed("image", "", IMAGE, b""), _weights(found))
    return found


def build(networks: Sequence[tuple[str, Path]], board: Board, output: Path, options: Options, say: Say) -> Built:
    """Builds a firmware into a folder.

    Args:
        networks: names and folders, C files or models.
        board: the board.
        output: the folder; an older firmware in it is replaced.
        options: what the user chose.
        say: is called with one line for each step.

    Raises:
        BadInput, ReportError, CardError: networks or options cannot be used.
        ToolError: a program or package is missing, or failed.
    """
    output = output.absolute()
    source = sources(options.source)
    read_networks = read(networks, board, output, options, say)
    missing = tools.Missing()
    cmake = missing.need("cmake", tools.program("cmake"))
    ninja = missing.need("ninja", tools.program("ninja"))
    compiler = missing.need("arm-none-eabi-gcc", tools.compiler())
    cube = missing.need("STM32CubeN6", tools.cube_n6(options.cube_n6))
    compilers = [network.source.compiler for network in read_networks]
    core = missing.need("ST Edge AI Core", tools.edge_ai(options.edge_ai, compilers))
    missing.check()
    runtime = runtime_version(core / tools.ATON)
    check_together(read_networks, board=board.name, runtime=runtime)
    for network in read_networks:
        for note in network.notes:
            say(f"note: {note}")
    say(f"compile for {board.product} with {compiler}, {cube.name} and LL_ATON {runtime} of {core}")

    with folder.writing(output):
        folder.clear(output)
    work = output / "build" / board.name
    configure = _configure(cmake, ninja, board, work, cube, core, read_networks, options)
    environment = {"PATH": os.pathsep.join([str(compiler.parent), os.environ.get("PATH", "")])}
    compile_it: Command = [cmake, "--build", work]
    for command in (configure, compile_it):
        done = run(command, output / LOG, folder=source, environment=environment)
        if done.code:
            raise ToolError(f"the build failed: {_reason(done.output)}; see {output / LOG}")
    built = _collect(output, board, work / "ports" / "stm32n6", read_networks)
    if built.image.size + layout.HEADER > LARGEST_STARTED:
        say(
            f"note: the image has {built.image.size} bytes; the largest that ST ships for its boot loader has {LARGEST_STARTED}, and whether "
            "it starts larger ones is not known"
        )
    return built


def _configure(
    cmake: Path,
    ninja: Path,
    board: Board,
    work: Path,
    cube: Path,
    core: Path,
    networks: Sequence[Network],
    options: Options,
) -> Command:
    paths = [f"{network.name}={network.source.path.resolve()}" for network in networks]
    cards = [f"{name}={path.resolve()}" for name, path in options.cards.items()]
    for text in (*paths, *cards, str(cube), str(core)):
        if ";" in text:
            raise BadInput(f"{text!r} has a semicolon, which separates paths in CMake; rename the folder")
    for setting in options.settings:
        if not re.fullmatch(r"\w+=.*", setting):
            raise BadInput(f"--set {setting!r} must have the form VARIABLE=VALUE")
    return [
        *(cmake, "--fresh", "--preset", board.name, "-B", work, f"-DCMAKE_MAKE_PROGRAM={ninja}"),
        *(f"-DSTM32CUBE_N6_DIR={cube}", f"-DSTEDGEAI_CORE_DIR={core}", "-DN6_WERROR=OFF"),
        *(f"-DN6_NETWORKS={';'.join(paths)}", f"-DN6_CARDS={';'.join(cards)}"),
        f"-DN6LINK:STRING={sys.executable};-m;n6link",
        *(f"-D{setting}" for setting in options.settings),
    ]


def _reason(output: str) -> str:
    """The first error of a compiler, linker or CMake, in one line."""
    lines = output.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("CMake Error"):
            return " ".join(" ".join(lines[number + 1 : number + 4]).split()) or line
        if re.search(r"\b(?:fatal )?error:|overflowed|undefined reference", line, re.IGNORECASE):
            return line.strip()
    return lines[-1].strip() if lines else "it printed nothing"


def _weights(networks: Sequence[Network]) -> dict[Placed, bytes]:
    """The files that must be programmed, with their content."""
    files: dict[Placed, bytes] = {}
    for network in networks:
        for part in network.parts:
            if part.in_flash:
                # STM32CubeProgrammer takes the format of a file from its name, and does not know .raw.
                file = re.sub(r"[^\w.-]+", "_", f"{network.name}-{part.pool}-{part.address:#x}.bin")
                what = f"weights of {network.name} ({part.pool})"
                files[folder.placed(what, file, part.address, part.content)] = part.content
    return files


def _collect(output: Path, board: Board, made: Path, networks: Sequence[Network]) -> Built:
    """Copies what is needed on the board, and writes down what it is."""
    name = f"n6link-{board.name}"
    try:
        files = {f"{name}{end}": (made / f"{name}{end}").read_bytes() for end in (".bin", ".elf")}
    except OSError as error:
        raise ToolError(f"the build did not make {error.filename}; see {output / LOG}") from error
    image = folder.placed("image", f"{name}.bin", IMAGE, files[f"{name}.bin"])
    weights = _weights(networks)
    layout.check_places(image, weights)
    built = Built(output, board, tuple(network.name for network in networks), image, tuple(weights))
    with folder.writing(output):
        for file, content in (files | {one.file: content for one, content in weights.items()}).items():
            (output / file).write_bytes(content)
        folder.write(built)
    return built
