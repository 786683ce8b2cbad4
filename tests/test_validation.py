"""Comparison of a board with a network's file: equal, with a wrong weight, interrupted; files with intermediate results as outputs."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np
import pytest
from e2e_fixtures import device_url
from references import SENTIMENT
from test_cli import PHOTO, POSE, bad, data, environment, good, n6link
from test_reference import COLOUR as COLOURS
from test_reference import POSE as HEATMAPS
from tflite import write_fully_connected, write_reference

from n6link import N6Device, N6Pool, UnknownName, networks
from n6link.cli.boards import AnyNetwork
from n6link.epochs.predict.model import Network, Operation, Tensor
from n6link.epochs.predict.tflite import read_tflite
from n6link.epochs.table import EpochBlock
from n6link.errors import BadInput
from n6link.evaluation.comparison import Comparison
from n6link.evaluation.expose import expose
from n6link.evaluation.validation import Limits, Validation, compare, find_cause
from n6link.json_types import plain
from n6link.protocol import EpochKind
from n6link.tensors.agreement import Agreement

__all__ = ["device_url", "environment"]

pytest.importorskip("ai_edge_litert", reason="the extra `sim` is not installed")

MODEL: Final = networks.FOLDER / "movenet13" / "movenet13_192_int8.tflite"
WRONG: Final = 33
"""operation with a wrong weight"""


def flip(path: Path, operation: int) -> None:
    """Flips a bit of a weight of an operation of a .tflite file."""
    from ai_edge_litert import schema_py_generated as schema

    raw = bytearray(path.read_bytes())
    model: Any = schema.Model.GetRootAs(raw, 0)
    graph = model.Subgraphs(0)
    weights = model.Buffers(graph.Tensors(graph.Operators(operation).Inputs(1)).Buffer())
    assert weights.Size() > 1000
    raw[weights.Offset() + 500] ^= 0x40
    path.write_bytes(raw)


def test_validate(virtual_board: None, tmp_path: Path) -> None:
    """Pictures and random inputs give equal outputs; an interrupted run is continued; reports have what the command prints."""
    page, report, kept = (tmp_path / name for name in ("report.html", "report.json", "kept"))
    words = ("validate", "movenet13", MODEL, "--url", POSE, "--answers", kept, "--max-error", "0")
    first = data(*words, "--random", "2")
    assert first["good"] and first["simulated"] and first["samples"] == 2 and first["cause"] is None
    before = kept.read_text()
    kept.write_text(before + '{"sample": "ran')
    options = ("--random", "2", "--data", PHOTO, "--float", MODEL, "--report", page, "--report", report)
    refused = n6link(*words, *options)
    assert refused.exit_code == 2 and "are of something else: float differ" in refused.stderr
    kept.unlink()
    shown = data(*words, *options)
    (output,) = shown["outputs"]
    assert output["maximum"] == 0 and output["samples"] == 3
    assert output["cosine"] == pytest.approx(1) and output["nse"] == output["agreement"] == 1
    assert shown["outputs_float"] == shown["outputs"]
    assert shown == json.loads(report.read_text())
    assert [row["sample"] for row in shown["worst"]] == [PHOTO, "random 0", "random 1"]
    HTMLParser().feed(page.read_text())
    assert (
        "astronaut.png" in page.read_text()
        and "<b>yes</b>agrees" in page.read_text()
        and "simulated" in page.read_text()
    )
    lines = kept.read_text()
    text = good(*words, *options)
    assert "agrees with movenet13_192_int8.tflite: 3 inputs" in text and "100%" in text
    assert kept.read_text() == lines and len(lines.splitlines()) == 4


def test_a_program_compares_a_board_with_a_file(virtual_board: None, tmp_path: Path) -> None:
    """With the figures of the command, from one board and from a pool."""
    shown = data("validate", "movenet13", MODEL, "--url", POSE, "--random", "2", "--seed", "7", "--data", PHOTO)

    async def compare_with(net: AnyNetwork) -> None:
        comparison = Comparison(net.info, MODEL)
        answers = {PHOTO: await comparison.ask(net.run, PHOTO)}
        for index in range(2):
            answers[f"random {index}"] = await comparison.ask(net.run, comparison.random(index, seed=7))
        found = comparison.figures(answers)
        assert found.good and found.verdict.endswith("agrees with movenet13_192_int8.tflite: 3 inputs")
        assert plain(found) == shown
        assert not comparison.figures(answers, Limits(cosine=1.1)).good
        with pytest.raises(BadInput, match="is not complete"):
            comparison.figures({PHOTO: {"other": []}})
        with pytest.raises(UnknownName):
            await comparison.ask(net.run, {"other": PHOTO})
        with pytest.raises(BadInput, match="does not exist"):
            Comparison(net.info, tmp_path / "none.tflite")

    async def main() -> None:
        async with N6Device(POSE) as dev, N6Pool([POSE, POSE]) as pool:
            await compare_with(dev["movenet13"])
            await compare_with(pool["movenet13"])

    anyio.run(main)


def test_a_wrong_weight_is_found(virtual_board: None, tmp_path: Path) -> None:
    """One flipped bit of one weight of a board: some output differs, and the first one shows where."""
    exposed, board = tmp_path / "exposed.tflite", tmp_path / "board.tflite"
    taken = [index for index, _ in data("expose", MODEL, exposed, "--most", "8")["operations"]]
    board.write_bytes(exposed.read_bytes())
    flip(board, WRONG)
    words = ("validate", "board", exposed, "--url", f"sim:{board}", "--data", PHOTO, "--max-error", "0")
    outcome = n6link(*words, "--json", "--report", tmp_path / "report.html")
    shown = json.loads(outcome.stdout)
    assert outcome.exit_code == 1 and not shown["good"]
    operations = [index for index, _ in shown["cause"]["operations"]]
    border, end = max(index for index in taken if index < WRONG), min(index for index in taken if index >= WRONG)
    assert len(taken) == 8 and operations == list(range(border + 1, end + 1))
    assert shown["cause"]["block"]["operation"] == read_tflite(MODEL).operations[border + 1].name
    assert f"the cause is in operations {border + 1} " in (tmp_path / "report.html").read_text()
    outcome = n6link(*words)
    assert (
        "does not agree with exposed.tflite: 1 inputs." in outcome.stdout and "the first is in block" in outcome.stdout
    )


def test_a_wrong_weight_without_intermediate_results(virtual_board: None, tmp_path: Path) -> None:
    board = tmp_path / "board.tflite"
    board.write_bytes(MODEL.read_bytes())
    flip(board, WRONG)
    outcome = n6link("validate", "board", MODEL, "--url", f"sim:{board}", "--data", PHOTO, "--max-error", "0")
    assert outcome.exit_code == 1 and "n6link expose" in outcome.stdout


@pytest.mark.parametrize("network", (HEATMAPS, COLOURS), ids=lambda network: network.name)
def test_the_reference_networks_compute_what_litert_computes(device_url: str, network: Any, tmp_path: Path) -> None:
    """On every kind of device, from the definition of the networks alone: equal to the last bit."""
    path = tmp_path / "reference.tflite"
    write_reference(path, network)
    shown = data("validate", network.name, path, "--url", device_url, "--random", "3", "--max-error", "0")
    assert shown["good"] and {row["output"]: row["samples"] for row in shown["outputs"]} == dict.fromkeys(
        (tensor.name for tensor in network.outputs), 3
    )


def test_random_ids_are_in_the_vocabulary(virtual_board: None, tmp_path: Path) -> None:
    """Others would be an error of the network. Without a card the range of an index is not known."""
    shown = data(
        "validate", "sentiment_bert_48", SENTIMENT, "--url", f"sim:{SENTIMENT}", "--random", "3", "--max-error", "0.05"
    )
    assert shown["good"] and shown["samples"] == 3
    alone = tmp_path / SENTIMENT.name
    alone.write_bytes(SENTIMENT.read_bytes())
    words = ("validate", "sentiment_bert_48", alone, "--url", f"sim:{alone}", "--random", "3")
    assert "int32 without a scale: it may be an index, and its range is not known; use --data" in bad(2, *words)


def test_wrong_arguments(virtual_board: None, tmp_path: Path) -> None:
    words = ("validate", "movenet13", MODEL, "--url", POSE)
    other = networks.FOLDER / "tinybert" / "tinybert_textgen.tflite"
    assert "use the network's own file" in bad(2, "validate", "movenet13", other, "--url", POSE)
    assert "cannot be loaded by LiteRT" in bad(2, "validate", "movenet13", PHOTO, "--url", POSE)
    assert "none.tflite' does not exist; use the" in bad(
        2, "validate", "movenet13", tmp_path / "none.tflite", "--url", POSE
    )
    assert "is not a file; use the" in bad(2, "validate", "movenet13", tmp_path, "--url", POSE)
    assert "no.png' does not exist" in bad(2, *words, "--data", tmp_path / "no.png")
    assert "must end in .html or .json" in bad(2, *words, "--report", "report.pdf")
    assert "cannot be written" in bad(2, *words, "--random", "1", "--report", tmp_path / "no" / "report.html")


# ---- causes


def operation(index: int, *sources: int, name: str = "ADD") -> Operation:
    return Operation(index, f"{name}{index}", (), (Tensor(f"t{index}", "INT8", (1,)),), sources=sources)


BRANCHES: Final = Network(
    "net",
    (
        operation(0),
        operation(1, 0),
        operation(2, 1),
        operation(3, 0),
        operation(4, 3),
        operation(5, 2, 4),
        operation(6, 5),
    ),
    results=(2, 4, 6),
)
"""0 -> 1 -> 2 and 0 -> 3 -> 4, together -> 5 -> 6; outputs 2, 4 and 6"""


def outputs(*good: bool) -> list[Agreement]:
    found: list[Agreement] = []
    for index, right in enumerate(good):
        found.append(Agreement(f"output{index}"))
        found[-1].add(np.arange(3), np.arange(3) if right else -np.arange(3))
    return found


@pytest.mark.parametrize(
    ("good", "output", "operations"),
    [
        ((True, False, False), "output1", [3, 4]),
        ((False, True, False), "output0", [1, 2]),
        ((True, True, False), "output2", [5, 6]),
        ((False, False, False), "output0", [0, 1, 2]),
    ],
)
def test_the_cause(good: tuple[bool, ...], output: str, operations: list[int]) -> None:
    blocks = [EpochBlock(0, EpochKind.HW, 0, 2, "ADD1"), EpochBlock(1, EpochKind.SW, 3, 9, "ADD6")]
    cause = find_cause(outputs(*good), Limits(0.99), BRANCHES, [0, 1, 2], blocks)
    assert cause is not None and cause.output == output
    assert [operation.index for operation in cause.operations] == operations
    assert cause.block is blocks[operations[0] > 1]
    assert cause.to_dict()["operations"][0] == [operations[0], f"ADD{operations[0]}"]


def test_no_cause() -> None:
    assert find_cause(outputs(True, True, True), Limits(0.99), BRANCHES, [0, 1, 2], []) is None
    one = Network("net", BRANCHES.operations, results=(6,))
    assert find_cause(outputs(False), Limits(0.99), one, [0], []) is None, "all operations: nothing is excluded"
    renamed = [EpochBlock(0, EpochKind.EC, 0, 9, "Conv2D")]
    cause = find_cause(outputs(True, True, False), Limits(0.99), BRANCHES, [0, 1, 2], renamed)
    assert (
        cause is not None and cause.block is None and str(cause).endswith("the cause is in operations 5 ADD5 to 6 ADD6")
    )


def test_limits() -> None:
    (right,) = outputs(True)
    near = Agreement("near")
    near.add(np.array([1.0, 2.0]), np.array([1.0, 2.25]))
    assert Limits(0.99, 0).allow(right) and Limits(0.99).allow(near)
    assert Limits(0.99, 0.25).allow(near) and not Limits(0.99, 0.2).allow(near)
    near.add(np.zeros(2), np.array([0, np.nan]))
    assert not Limits(-1).allow(near)
    assert str(Limits(0.9, 0.5)) == "cosine from 0.9, error up to 0.5"


def test_answers_that_are_not_complete() -> None:
    samples = {"a": {"model": compare({"out": np.ones(2)}, [np.ones(2)])}, "b": {"model": [{"nonsense": 1}]}}
    found = Validation("net", "board", False, "net.tflite", Limits(0.99), samples)
    with pytest.raises(BadInput, match="the answer for 'b' is not complete: .*; delete its line"):
        found.outputs()


# ---- intermediate results as outputs


def test_exposed_results(tmp_path: Path) -> None:
    """The file computes the same, and the results that were named."""
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / "net.tflite"
    weights = np.array([[1, 2], [3, -1]], np.int8)
    write_fully_connected(path, weights, rows=3, layers=4)
    made = expose(path)
    assert [operation.index for operation in made.operations] == [0, 1, 2]
    (tmp_path / "exposed.tflite").write_bytes(made.content)
    network = read_tflite(tmp_path / "exposed.tflite")
    assert network.results == (0, 1, 2, 3) and network.operations == read_tflite(path).operations
    interpreter = Interpreter(str(tmp_path / "exposed.tflite"))
    interpreter.allocate_tensors()
    value = np.array([[[1, 0], [0, 1], [1, 1]]], np.int8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        value = np.clip(value.astype(int) @ weights.T, -128, 127)
        assert np.array_equal(interpreter.get_tensor(detail["index"]), value)
    assert [operation.index for operation in expose(path, first=1, most=1).operations] == [2]
    with pytest.raises(
        BadInput, match="no result that can be an output in operations 3 to 3; it has operations 0 to 3"
    ):
        expose(path, first=3)


def test_expose(tmp_path: Path) -> None:
    path = tmp_path / "out.tflite"
    text = good("expose", MODEL, path, "--first", "78", "--last", "79")
    assert "has the results of these operations as outputs:" in text and "78 DEPTHWISE_CONV_2D" in text
    assert "would be overwritten" in bad(2, "expose", path, path)
    assert "must end in .tflite" in bad(2, "expose", MODEL, tmp_path / "picture.png")
    assert "cannot be written" in bad(2, "expose", MODEL, tmp_path / "none" / "out.tflite")
