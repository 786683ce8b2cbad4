"""``n6link validate``: compares a board with the network's file on this computer, on the same inputs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import anyio.to_thread
import numpy as np
import typer
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from n6link.cli import tables
from n6link.cli.arrays import raw_inputs
from n6link.cli.common import FAILED, Cards, Json, Timeout, Url, connect, emit, err, out, start
from n6link.console import counted
from n6link.errors import BadInput
from n6link.tensors.agreement import Agreement
from n6link.tensors.tensor import Array, TensorSpec

if TYPE_CHECKING:
    from n6link.network import Network

COSINE: Final = 0.99
"""Default of the lowest cosine similarity: two correct engines on quantised networks were above it on all networks that were tried."""


def validate(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    model: Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="The network's file: the reference.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE|DIR", help="Pictures, .npy or .npz files; may be repeated."),
    ] = None,
    random: Annotated[
        int, typer.Option("--random", min=0, metavar="N", help="Random inputs, evenly distributed; 10 without --data.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the random inputs.")] = 0,
    cosine: Annotated[
        float, typer.Option("--cosine", min=-1, max=1, metavar="C", help="Lowest cosine similarity of an output.")
    ] = COSINE,
    url: Url = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Compare the outputs of a board with those of the network's file on this computer; exit code 1 if an output differs too much."""
    count = random or (0 if inputs else 10)
    start(_validate, network, model, _files(inputs or []), count, seed, cosine, url, cards, timeout, as_json)


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(child for child in path.iterdir() if child.is_file())
            if not inside:
                raise BadInput(
                    f"folder {str(path)!r} does not contain files; use one with pictures, .npy or .npz files"
                )
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise BadInput(f"{str(path)!r} does not exist; use a picture, a .npy or .npz file, or a folder of them")
    return files


class Reference:
    """The network's file, run by LiteRT on this computer.

    Raises:
        BadInput: LiteRT is not installed or cannot load the file.
    """

    def __init__(self, model: Path) -> None:
        try:
            interpreter: Any = import_module("ai_edge_litert.interpreter").Interpreter
        except ImportError as error:
            raise BadInput("the reference requires LiteRT; install it with: pip install 'n6link[sim]'") from error
        if not model.is_file():
            raise BadInput(
                f"{str(model)!r} {'is not a file' if model.exists() else 'does not exist'}; use a .tflite file"
            )
        try:
            self._interpreter = interpreter(os.fspath(model))
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            raise BadInput(f"{str(model)!r} cannot be loaded by LiteRT: {error}") from error

    def check(self, network: Network) -> None:
        """Checks that the file and the network have the same tensors.

        Raises:
            BadInput: they do not.
        """
        for what, specs, details in (
            ("inputs", network.inputs, self._interpreter.get_input_details()),
            ("outputs", network.outputs, self._interpreter.get_output_details()),
        ):
            ours = [int(np.prod(spec.shape)) for spec in specs.values()]
            theirs = [int(np.prod(_spec(detail).shape)) for detail in details]
            if ours != theirs:
                raise BadInput(
                    f"network {network.name!r} has {what} of {ours} elements, but the file has {theirs}; use the network's own file"
                )

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Real outputs, in the file's order, for real inputs, in the network's order."""
        for real, detail in zip(inputs, self._interpreter.get_input_details(), strict=True):
            self._interpreter.set_tensor(detail["index"], _spec(detail).quantize(real.reshape(detail["shape"])))
        self._interpreter.invoke()
        return [
            _spec(detail).dequantize(self._interpreter.get_tensor(detail["index"]))
            for detail in self._interpreter.get_output_details()
        ]


def _spec(detail: Mapping[str, Any]) -> TensorSpec:
    """A tensor of the file, as LiteRT describes it."""
    scale, zero_point = detail["quantization"]
    return TensorSpec(
        detail["name"],
        tuple(map(int, detail["shape"])),
        np.dtype(detail["dtype"]),
        0,
        scale=float(scale) or None,
        zero_point=int(zero_point),
    )


async def _validate(
    name: str,
    model: Path,
    files: Sequence[Path],
    count: int,
    seed: int,
    cosine: float,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    async with connect(url, cards, timeout) as device:
        network = device[name]
        reference = await anyio.to_thread.run_sync(Reference, model)
        reference.check(network)
        found = [Agreement(output) for output in network.outputs]
        samples = _samples(network, files, count, seed)
        for data in track(
            samples, "validate", len(files) + count, console=err, transient=True, disable=not err.is_terminal
        ):
            raw = data if isinstance(data, dict) else await raw_inputs(network, data)
            result = await network.run(raw, reduce=False)
            real = [network.inputs[key].dequantize(array) for key, array in raw.items()]
            expected = await anyio.to_thread.run_sync(reference.run, real)
            for figures, array in zip(found, expected, strict=True):
                figures.add(array, result.dequantized()[figures.name])
        board, simulated = device.info.board, device.info.simulated
    good = all(figures.cosine >= cosine for figures in found)
    if as_json:
        emit(
            {
                "network": name,
                "board": board,
                "simulated": simulated,
                "good": good,
                "cosine": cosine,
                "outputs": [figures.to_dict() for figures in found],
            }
        )
    else:
        out.print(_table(found, cosine))
        verdict = "agrees with" if good else "[bold red]does not agree with[/]"
        out.print(
            f"{escape(name)} on {escape(board)} {verdict} {escape(model.name)}: {counted(found[0].samples, 'input')}.",
            soft_wrap=True,
        )
    if not good:
        raise typer.Exit(FAILED)


def _samples(network: Network, files: Sequence[Path], count: int, seed: int) -> Iterator[Path | dict[str, Array]]:
    """Files, then random raw inputs: integers over their whole range, floats from -1 to 1."""
    yield from files
    random = np.random.default_rng(seed)
    for _ in range(count):
        arrays: dict[str, Array] = {}
        for key, spec in network.inputs.items():
            if spec.dtype.kind in "iu":
                limits = np.iinfo(spec.dtype.str)
                arrays[key] = random.integers(limits.min, limits.max, spec.shape, spec.dtype.str, endpoint=True)
            elif spec.dtype.kind == "f":
                arrays[key] = random.uniform(-1, 1, spec.shape).astype(spec.dtype)
            else:
                raise BadInput(f"input {key!r} is {spec.dtype}, for which random values are not defined; use --data")
        yield arrays


def _table(found: Sequence[Agreement], cosine: float) -> Table:
    shown = tables.table("Difference to the reference, in real values")
    shown.add_column("output", overflow="fold")
    for name in ("maximum", "mae", "rmse", "cosine", "nse", "same largest"):
        shown.add_column(name, justify="right")
    for figures in found:
        shown.add_row(
            escape(figures.name),
            f"{figures.maximum:.4g}",
            f"{figures.mae:.4g}",
            f"{figures.rmse:.4g}",
            f"{figures.cosine:.6f}",
            f"{figures.nse:.6f}",
            f"{figures.agreement:.0%}",
            style="" if figures.cosine >= cosine else "red",
        )
    return shown
