"""``n6link firmware build``: from folders of ``stedgeai generate`` to an image, signed if the signing tool is installed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from n6link.cli.common import Json, emit, err, out, pair, working

if TYPE_CHECKING:
    from n6link.firmware.folder import Built

Programmer = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The bin folder of STM32CubeProgrammer; default: $STM32CUBE_PROGRAMMER_DIR, the search path, where its installer puts it.",
    ),
]
NetworkCards = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FILE", help="Card of a network, if it is not in the network's folder; may be repeated."),
]


def build(
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=PATH",
            help="Networks: output folders of stedgeai generate, C files, or models (.tflite, .onnx, .keras, .h5); without NAME=, the path names it.",
        ),
    ],
    board: Annotated[str, typer.Option(metavar="NAME", help="stm32n6570-dk or nucleo-n657x0-q.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="The folder to make; default: n6link-BOARD.")
    ] = None,
    card: NetworkCards = None,
    cube_n6: Annotated[
        Path | None, typer.Option(metavar="DIR", help="STM32CubeN6 with its submodules; default: $STM32CUBE_N6_DIR.")
    ] = None,
    edge_ai: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="ST Edge AI Core: holds Middlewares/ST/AI; default: $STEDGEAI_CORE_DIR."),
    ] = None,
    programmer: Programmer = None,
    neural_art: Annotated[
        str | None,
        typer.Option(
            "--st-neural-art", metavar="PROFILE@FILE", help="For models: the option of stedgeai generate of this name."
        ),
    ] = None,
    stedgeai: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help='For models: more options of stedgeai generate, such as "--input-data-type uint8".'
        ),
    ] = "",
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="VARIABLE=VALUE", help="A variable of the firmware's CMake build; may be repeated."
        ),
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Other sources of the firmware than those in this package.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Build the firmware of a board with one or several networks, and sign it.

    The folder holds the image, the signed image, the weights as files with their addresses in the name, and firmware.json.
    """
    from n6link.firmware import build as builder
    from n6link.firmware import signing, tools
    from n6link.firmware.boards import board as find_board

    one = find_board(board)
    options = builder.Options(
        cards={name: Path(path) for name, path in (pair(text, "--card") for text in card or ())},
        cube_n6=cube_n6,
        edge_ai=edge_ai,
        source=source,
        neural_art=neural_art,
        stedgeai=shlex.split(stedgeai),
        settings=setting or (),
    )

    def say(line: str) -> None:
        err.print(line, markup=False, soft_wrap=True)

    with working("Building"):
        built = builder.build(
            [builder.named(text) for text in networks], one, output or Path(f"n6link-{one.name}"), options, say
        )
    missing = tools.Missing()
    found = tools.programmer(missing, programmer)
    image = built.folder / built.image.file
    if found.signing.is_file():
        say("sign: the boot loader starts only an image with ST's header")
        signing.sign(found.signing, built)
        image = built.signed
    else:
        say(
            f"the image is not signed yet, n6link firmware flash does it: STM32_SigningTool_CLI was not found; {tools.SOURCES['STM32_SigningTool_CLI']}"
        )
    if as_json:
        emit({"folder": built.folder, "board": built.board.name, "image": built.image, "weights": built.weights})
    else:
        _show(built, image)


def _show(built: Built, image: Path) -> None:
    from n6link.firmware.boards import IMAGE

    lines = [(IMAGE, image.stat().st_size, image.name, "image")]
    lines += [(one.address, one.size, one.file, one.what) for one in built.weights]
    for address, size, file, what in lines:
        out.print(f"{address:#x}  {size:>9} bytes  {file}  ({what})", markup=False, soft_wrap=True)
    out.print(f"next: n6link firmware flash {built.folder}", markup=False, soft_wrap=True)
