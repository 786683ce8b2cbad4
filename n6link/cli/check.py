"""``n6link check``: compares the outputs of a board with reference outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from n6link import settings
from n6link.cli.common import FAILED, Cards, Json, Timeout, Url, connect, emit, out, start

if TYPE_CHECKING:
    from n6link.tensors.golden import Golden


def check(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    golden: Annotated[Path, typer.Argument(metavar="FILE.npz", help="Golden input, reference outputs and tolerances.")],
    url: Url = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Run a network on its golden input and compare the outputs with the reference."""
    from n6link.tensors.golden import read_golden

    start(_check, network, read_golden(golden), url, cards, timeout, as_json)


async def _check(
    name: str,
    golden: Golden,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    from n6link.tensors.golden import compare, digest, likely_cause

    async with connect(url, cards, timeout) as device:
        network = device[name]
        first = await network.run(golden.inputs, outputs=list(golden.outputs), reduce=False)
        second = await network.run(golden.inputs, outputs=list(golden.outputs), reduce=False)
        key = f"{device.info.unique_id} {device.info.build} {network.info.digest:#010x} {name}"
    known = _known().get(key)
    value = digest(first.outputs)
    differences = [
        compare(output, reference, network.outputs[output].dequantize(first.outputs[output]), golden.tolerances[output])
        for output, reference in golden.outputs.items()
    ]
    good = all(difference.good for difference in differences) and value == digest(second.outputs)
    cause = "" if good else likely_cause(first.outputs, second.outputs, known)
    if good:
        _keep(key, value)
    if as_json:
        emit({"network": name, "good": good, "cause": cause, "digest": value, "known": known, "outputs": differences})
    else:
        for one in differences:
            out.print(
                f"{one.name}: nse {one.nse:.6f}, cosine {one.cosine:.6f}, largest error {one.largest:g} (tolerance {one.tolerance:g})",
                markup=False,
                soft_wrap=True,
            )
        verdict = "the outputs are correct" if good else "the outputs are wrong"
        out.print(f"{verdict}{': ' + cause if cause else ''}; digest {value:#010x}", markup=False, soft_wrap=True)
    if not good:
        raise typer.Exit(FAILED)


def _file() -> Path:
    return settings.path().with_name("checked.json")


def _known() -> dict[str, int]:
    """Digests of correct outputs, by board, build, weights and network; a damaged file counts as empty."""
    try:
        return {str(key): int(value) for key, value in json.loads(_file().read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _keep(key: str, value: int) -> None:
    known = _known()
    if known.get(key) != value:
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text(json.dumps({**known, key: value}, indent=1), encoding="utf-8")
