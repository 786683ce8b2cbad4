"""``n6link validate``: compares a board with the network's file on this computer, on the same inputs. ``n6link expose`` helps to find a cause."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import anyio
import anyio.to_thread
import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from n6link.cli import tables
from n6link.cli.boards import AnyNetwork, Urls, at_once, connect_all
from n6link.cli.common import FAILED, Cards, Json, Timeout, emit, err, out, start
from n6link.cli.files import check_target, write
from n6link.cli.sources import Place, Reader, expand, raw_inputs
from n6link.epochs.predict.tflite import read_tflite
from n6link.errors import BadInput
from n6link.evaluation.answers import AnswerFile
from n6link.evaluation.expose import MOST, expose
from n6link.evaluation.reference import Reference
from n6link.json_types import Plain, plain
from n6link.progress import Progress
from n6link.tensors.agreement import Agreement
from n6link.tensors.inputs import as_raw
from n6link.tensors.tensor import Array, TensorSpec
from n6link.text.tokens import largest_id, load_tokenizer

if TYPE_CHECKING:
    from n6link.evaluation.validation import Limits, Validation

COSINE: Final = 0.99
"""Default of the lowest cosine similarity: two correct engines on quantised networks were above it on all networks that were tried."""
INDEX_SIZE: Final = 4
"""bytes of an integer without a scale from which on it may be an index"""


@dataclass(frozen=True, slots=True)
class Options:
    """What to compare."""

    model: Path
    float_model: Path | None
    places: Sequence[Place]
    count: int
    seed: int
    limits: Limits
    answers: Path | None
    reports: Sequence[Path]
    as_json: bool


def validate(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    model: Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="The network's file: the reference.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE|DIR", help="Pictures, sounds, .npy or .npz files; may be repeated."),
    ] = None,
    random: Annotated[
        int, typer.Option("--random", min=0, metavar="N", help="Random inputs, evenly distributed; 10 without --data.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the random inputs.")] = 0,
    cosine: Annotated[
        float, typer.Option("--cosine", min=-1, max=1, metavar="C", help="Lowest cosine similarity of an output.")
    ] = COSINE,
    max_error: Annotated[
        float | None,
        typer.Option(
            "--max-error", min=0, metavar="E", help="Largest absolute error of an output, in real values; 0: equal."
        ),
    ] = None,
    float_model: Annotated[
        Path | None,
        typer.Option(
            "--float", metavar="FLOAT.tflite", help="Also show the difference to the network before its quantisation."
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="JSONL", help="Keep the comparisons in this file; if it exists, continue with the others."
        ),
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write a report: .html or .json; may be repeated.")
    ] = None,
    urls: Urls = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Compare the outputs of a board with those of the network's file on this computer; exit code 1 if an output differs too much."""
    from n6link.evaluation.validation import Limits

    reports = report or []
    for path in reports:
        check_target(path, "--report", ".html", ".json")
    for file in (model, float_model):
        if file is not None and not file.exists():
            raise BadInput(f"{str(file)!r} does not exist; use the network's .tflite file")
    count = random or (0 if inputs else 10)
    options = Options(
        model,
        float_model,
        expand(inputs or []),
        count,
        seed,
        Limits(cosine, math.inf if max_error is None else max_error),
        answers,
        reports,
        as_json,
    )
    start(_validate, network, options, urls, cards, timeout)


def expose_results(
    model: Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="The network's file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.tflite", help="The file to write.")],
    first: Annotated[int, typer.Option(min=0, metavar="N", help="First operation whose result may be taken.")] = 0,
    last: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Last operation; default: the last of all.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, metavar="N", help="Number of results.")] = MOST,
    as_json: Json = False,
) -> None:
    """Make intermediate results of a network outputs, so that n6link validate shows where a difference begins."""
    check_target(target, "the file to write,", ".tflite", sources=[model])
    made = expose(model, first=first, last=last, most=most)
    write(target, made.content)
    if as_json:
        emit({"file": str(target), "operations": [[operation.index, operation.name] for operation in made.operations]})
        return
    out.print(f"[bold]{escape(str(target))}[/] has the results of these operations as outputs:", soft_wrap=True)
    for operation in made.operations:
        shape = "x".join(map(str, operation.outputs[0].shape))
        out.print(
            f"{operation.index:5} {operation.name:24} {operation.outputs[0].dtype.lower()} {shape}", soft_wrap=True
        )


async def _validate(
    name: str,
    options: Options,
    urls: list[str] | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
) -> None:
    from n6link.evaluation.validation import Validation, find_cause

    async with connect_all(urls, cards, timeout) as device:
        network = device[name]
        references = {"model": await anyio.to_thread.run_sync(Reference, options.model, network.info)}
        if options.float_model:
            references["float"] = await anyio.to_thread.run_sync(Reference, options.float_model, network.info)
        about = {
            "command": "n6link validate",
            "network": name,
            "digest": f"{network.info.digest:08x}",
            "seed": options.seed,
        } | {key: reference.digest for key, reference in references.items()}
        places = {str(place): place for place in options.places}
        names = [*places, *(f"random {index}" for index in range(options.count))]
        with AnswerFile(options.answers, about) as kept:
            left = [sample for sample in names if sample not in kept.answers]
            rest = iter(left)
            with Progress(name, len(names), done=len(names) - len(left), console=err) as progress:

                async def work() -> None:
                    for sample in rest:
                        kept.add(sample, await _compare(network, sample, places.get(sample), options.seed, references))
                        progress.advance()

                async with anyio.create_task_group() as group:
                    for _ in range(min(at_once(device), max(len(left), 1))):
                        group.start_soon(work)
            samples = {sample: kept.answers[sample] for sample in names}
        board, simulated, blocks = device.info.board, device.info.simulated, network.epochs.blocks
    float_name = options.float_model.name if options.float_model else None
    found = Validation(name, board, simulated, options.model.name, options.limits, samples, float_name)
    if not found.good:
        operations = await anyio.to_thread.run_sync(read_tflite, options.model)
        cause = find_cause(found.outputs(), options.limits, operations, references["model"].places, blocks)
        found = replace(found, cause=cause)
    for path in options.reports:
        _write(path, found)
    if options.as_json:
        emit(found)
    else:
        _show(found)
    if not found.good:
        raise typer.Exit(FAILED)


async def _compare(
    network: AnyNetwork, sample: str, place: Place | None, seed: int, references: Mapping[str, Reference]
) -> Plain:
    """One sample through the board and through the files; without a place it is random."""
    from n6link.evaluation.validation import compare

    if place is None:
        raw = await anyio.to_thread.run_sync(_random, network, seed, sample)
    else:
        read = await anyio.to_thread.run_sync(Reader(network.info).one, place)
        raw = await raw_inputs(network, read.data)
    result = await network.run(as_raw(raw), reduce=False, timers=False)
    # An index stays an integer: a file does not accept real numbers for it.
    real = [array if _is_index(spec := network.inputs[key]) else spec.dequantize(array) for key, array in raw.items()]
    values: Plain = {}
    for key, reference in references.items():
        expected = await anyio.to_thread.run_sync(reference.run, real)
        values[key] = compare(result.dequantized(), expected)
    return values


def _random(network: AnyNetwork, seed: int, sample: str) -> dict[str, Array]:
    """Raw inputs of a random sample: integers over their whole range, ids of tokens over the vocabulary, floats from -1 to 1."""
    random = np.random.default_rng((seed, int(sample.split()[1])))
    arrays: dict[str, Array] = {}
    for key, spec in network.inputs.items():
        if spec.dtype.kind in "iu":
            lowest, highest = _limits(network, spec)
            arrays[key] = random.integers(lowest, highest, spec.shape, spec.dtype.str, endpoint=True)
        elif spec.dtype.kind == "f":
            arrays[key] = random.uniform(-1, 1, spec.shape).astype(spec.dtype)
        else:
            raise BadInput(f"input {key!r} is {spec.dtype}, for which random values are not defined; use --data")
    return arrays


def _is_index(spec: TensorSpec) -> bool:
    """Whether an input may contain indices, such as ids of tokens."""
    return spec.dtype.kind in "iu" and spec.dtype.itemsize >= INDEX_SIZE and not spec.quantized


def _limits(network: AnyNetwork, spec: TensorSpec) -> tuple[int, int]:
    """Smallest and largest random value of an integer input. Ids outside of the vocabulary would be an error of the network."""
    card = network.card
    if not _is_index(spec):
        limits = np.iinfo(spec.dtype.str)
        return int(limits.min), int(limits.max)
    if card is None or not card.task.startswith("text"):
        raise BadInput(
            f"input {spec.name!r} is {spec.dtype} without a scale: it may be an index, and its range is not known; use --data, "
            "or a card with the task and the tokenizer"
        )
    if spec is not card.main_input(network.inputs):
        return 0, 1  # a mask, or numbers of sentences
    return 0, largest_id(load_tokenizer(card))


def _write(path: Path, found: Validation) -> None:
    write(path, found.page() if path.suffix.lower() == ".html" else json.dumps(plain(found), indent=1) + "\n")


def _show(found: Validation) -> None:
    out.print(_table("Difference to the reference, in real values", found.outputs(), found.limits))
    if found.float_model:
        out.print(_table(f"Difference to {escape(found.float_model)}", found.outputs("float"), found.limits))
    out.print(escape(found.verdict) + ".", style="" if found.good else "bold red", soft_wrap=True)
    if found.cause:
        out.print(escape(str(found.cause)) + ".", soft_wrap=True)
    elif not found.good:
        out.print(
            "[dim]A file of n6link expose has intermediate results as outputs; they show where the difference begins.[/]"
        )


def _table(title: str, outputs: Sequence[Agreement], limits: Limits) -> Table:
    from n6link.evaluation.validation import HEAD, row

    shown = tables.table(title)
    for index, head in enumerate(HEAD):
        shown.add_column(head.lower(), justify="right" if index else "left", overflow="fold")
    for figures in outputs:
        shown.add_row(*map(escape, row(figures)), style="" if limits.allow(figures) else "red")
    return shown
