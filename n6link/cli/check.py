"""``n6link check``: compares the outputs of a board with a reference, or with those of an earlier check."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
import typer

from n6link import settings
from n6link.cli.common import FAILED, Cards, Json, Timeout, Url, connect, emit, out, start
from n6link.cli.files import check_target, unwritable
from n6link.cli.sources import Place, Reader, one_place
from n6link.console import counted
from n6link.errors import BadInput
from n6link.protocol import CheckState, Feature
from n6link.tensors.inputs import as_raw

if TYPE_CHECKING:
    from n6link.device import N6Device
    from n6link.network import Network
    from n6link.tensors.golden import Difference


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check has found; also the JSON output, with the digests that were seen."""

    network: str
    good: bool
    text: str
    cause: str
    digest: int | None
    """of the outputs for the input of the golden file"""
    stored: int | None
    """of the outputs for the input that the firmware stores"""
    outputs: list[Difference]


def check(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    golden: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE.npz]",
            help="Golden input, reference outputs and tolerances. Without it the board runs the input that its firmware stores.",
        ),
    ] = None,
    store: Annotated[
        bool,
        typer.Option(
            "--store",
            help="Write the digest of right outputs into FILE.npz: the next firmware that is built with it checks itself at start.",
        ),
    ] = False,
    make: Annotated[
        str | None,
        typer.Option(
            metavar="INPUT",
            help="Write FILE.npz: INPUT is a picture, sound, .npy or .npz; the outputs of this board, usually sim:, become the reference.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="REAL", min=0, help="For --make: largest difference of an output that is right."),
    ] = None,
    url: Url = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Compare the outputs of a network with a reference, or with those of the last check."""
    if golden is None:
        if store or make:
            raise BadInput(f"{'--store' if store else '--make'} requires a file; run n6link check {network} FILE.npz")
        start(_check_stored, network, url, cards, timeout, as_json)
    elif make:
        if tolerance is None:
            raise BadInput(
                "--make requires --tolerance: how far an output of another engine may be off, as a real value"
            )
        check_target(golden, "the file to write,", ".npz", sources=[place := one_place(make)])
        start(_make, network, golden, place, tolerance, url, cards, timeout)
    else:
        start(_check, network, golden, store, url, cards, timeout, as_json)


# ---- with a golden file


async def _check(
    name: str,
    path: Path,
    store: bool,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    from n6link.tensors.golden import compare, digest, likely_cause, read_golden, write_golden

    golden = read_golden(path)
    async with connect(url, cards, timeout) as device:
        network = device[name]
        first = await network.run(as_raw(golden.inputs), reduce=False)
        second = await network.run(as_raw(golden.inputs), reduce=False)
        stored = await _stored(device, network)
        key, network_digest = _key(device, network), network.info.digest
    value = digest(first.outputs)
    differences = [
        compare(output, reference, network.outputs[output].dequantize(first.outputs[output]), golden.tolerances[output])
        for output, reference in golden.outputs.items()
    ]
    known = _known()
    cause = likely_cause(first.outputs, second.outputs, known.get(key))
    if good := all(difference.good for difference in differences) and value == digest(second.outputs):
        cause = ""
        _keep({key: value} | ({} if stored is None else {f"{key} stored": stored}))
        if store:
            write_golden(path, replace(golden, checked=(network_digest, value)))
    text = "the outputs are correct" if good else "the outputs are wrong"
    _report(Verdict(name, good, text, cause, value, stored, differences), as_json)


async def _make(
    name: str,
    path: Path,
    place: Place,
    tolerance: float,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
) -> None:
    from n6link.evaluation.comparison import raw_inputs
    from n6link.tensors.golden import Golden, write_golden

    async with connect(url, cards, timeout) as device:
        network = device[name]
        sample = await anyio.to_thread.run_sync(Reader(network.info).one, place)
        raw = await raw_inputs(network.info, sample.data)
        result = await network.run(as_raw(raw), reduce=False)
    reference = {output: network.outputs[output].dequantize(array) for output, array in result.outputs.items()}
    try:
        write_golden(path, Golden(raw, reference, dict.fromkeys(reference, tolerance)))
    except OSError as error:
        raise unwritable(path, error) from error
    out.print(
        f"{path}: {counted(len(raw), 'input')} and {counted(len(reference), 'output')} of {name}",
        markup=False,
        soft_wrap=True,
    )


# ---- with the stored input


async def _stored(device: N6Device, network: Network) -> int | None:
    """Digest of the outputs for the stored input; None = the firmware does not store one."""
    from n6link.errors import DeviceError
    from n6link.protocol import Status

    if Feature.CHECK not in device.info.features:
        return None
    try:
        return (await network.check()).digest
    except DeviceError as error:
        if error.status == Status.UNSUPPORTED:
            return None
        raise


async def _check_stored(
    name: str,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    async with connect(url, cards, timeout) as device:
        network = device[name]
        if Feature.CHECK not in device.info.features:
            raise BadInput(f"this firmware stores no input for checks; run n6link check {name} FILE.npz")
        first, second = await network.check(), await network.check()
        key = _key(device, network)
    known = _known().get(f"{key} stored")
    same = first.digest == second.digest
    good = same and (first.state is CheckState.SAME or first.digest == known)
    cause = ""
    if not same:
        text, cause = "two runs have different outputs", _UNSTEADY
    elif good:
        text = "the outputs are those of the correct check"
    elif known is not None or first.state is CheckState.DIFFERENT:
        text, cause = "the outputs are not those of the correct check", _CHANGED
    else:
        text = f"no check of this build on this board is known; run n6link check {name} FILE.npz once"
    _report(Verdict(name, good, text, cause, None, first.digest, []), as_json)


_UNSTEADY = "likely causes: cache maintenance in the firmware, or a clock or voltage that is too high"
_CHANGED = "likely causes: changed weights in flash, or a clock or voltage that is too high; program the weights of this build again"


# ---- both


def _report(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        emit(verdict)
    else:
        for one in verdict.outputs:
            out.print(
                f"{one.name}: nse {one.nse:.6f}, cosine {one.cosine:.6f}, largest error {one.largest:g} (tolerance {one.tolerance:g})",
                markup=False,
                soft_wrap=True,
            )
        digests = [] if verdict.digest is None else [f"digest {verdict.digest:#010x}"]
        digests += [] if verdict.stored is None else [f"stored input {verdict.stored:#010x}"]
        cause = f": {verdict.cause}" if verdict.cause else ""
        out.print("; ".join([verdict.text + cause, *digests]), markup=False, soft_wrap=True)
    if not verdict.good:
        raise typer.Exit(FAILED)


def _key(device: N6Device, network: Network) -> str:
    """Board, build, weights and network."""
    return f"{device.info.unique_id} {device.info.build} {network.info.digest:#010x} {network.name}"


def _file() -> Path:
    return settings.path().with_name("checked.json")


def _known() -> dict[str, int]:
    """Digests of correct outputs, by their key; a damaged file counts as empty."""
    try:
        return {str(key): int(value) for key, value in json.loads(_file().read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _keep(right: dict[str, int]) -> None:
    known = _known()
    if known != known | right:
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text(json.dumps(known | right, indent=1), encoding="utf-8")
