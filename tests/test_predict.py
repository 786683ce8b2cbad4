"""Prediction: where the operations of a network are expected to run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles import table_of
from tflite import write_fully_connected, write_growing, write_memory
from typer.testing import CliRunner

from n6link.cli.common import Group
from n6link.cli.predict import predict
from n6link.epochs.operators import OTHER, Source, remedy
from n6link.epochs.predict import Agreement, Operation, Place, Prediction, Tensor, place, read_tflite
from n6link.epochs.st_report import read
from n6link.errors import BadInput
from n6link.protocol import EpochKind

NETWORKS = Path(__file__).parents[1] / "n6link" / "networks"
MOVENET, TINYBERT = (next((NETWORKS / name).glob("*.tflite")) for name in ("movenet13", "tinybert"))
app = typer.Typer(cls=Group)
app.command("predict")(predict)

NPU, CPU, SPLIT, FOLDED = Place.NPU, Place.CPU, Place.SPLIT, Place.FOLDED


def tensor(*shape: int, dtype: str = "INT8", constant: bool = False, zero_point: int = 0) -> Tensor:
    return Tensor("t", dtype, shape, constant, dtype != "INT32" and dtype != "FLOAT32", zero_point)


def numbers(*values: int) -> Tensor:
    return Tensor("n", "INT32", (len(values),), constant=True, values=values)


def operation(name: str, *inputs: Tensor, to: Tensor, after: tuple[str, ...] = (), **options: int) -> Operation:
    return Operation(0, name, inputs, (to,), options, after)


A = tensor(1, 8, 8, 32)
WHERE: list[tuple[Operation, Place, tuple[str, ...]]] = [
    # Operations whose name alone decides.
    (operation("CONV_2D", A, tensor(16, 3, 3, 32, constant=True), to=A), NPU, ()),
    (operation("LOGISTIC", A, to=A), NPU, ()),
    (operation("SOFTMAX", A, to=A), CPU, ("Softmax",)),
    (operation("ARG_MAX", A, numbers(3), to=A), CPU, ("DequantizeLinear", "ArgMax", "QuantizeLinear")),
    (operation("SQUARED_DIFFERENCE", A, A, to=A), NPU, ()),
    (operation("RSQRT", A, to=A), SPLIT, ("DequantizeLinear", "Reciprocal", "QuantizeLinear")),
    (operation("GELU", A, to=A), CPU, ("Gelu",)),
    # Quantisation.
    (operation("LOGISTIC", tensor(1, 8, dtype="FLOAT32"), to=tensor(1, 8, dtype="FLOAT32")), CPU, ("Logistic",)),
    (
        operation("CONV_2D", tensor(1, 8, 8, 3, dtype="FLOAT32"), tensor(8, 1, 1, 3, constant=True), to=A),
        CPU,
        ("Conv",),
    ),
    (operation("RELU", tensor(1, 8, dtype="INT16"), to=tensor(1, 8, dtype="INT16")), CPU, ("Relu",)),
    (operation("QUANTIZE", tensor(1, 8, dtype="FLOAT32"), to=tensor(1, 8)), CPU, ("QuantizeLinear",)),
    (operation("QUANTIZE", tensor(1, 8, dtype="UINT8"), to=tensor(1, 8)), NPU, ()),
    (operation("DEQUANTIZE", tensor(1, 8), to=tensor(1, 8, dtype="FLOAT32")), CPU, ("DequantizeLinear",)),
    (operation("ABS", tensor(1, 8), to=tensor(1, 8)), NPU, ()),
    (operation("ABS", tensor(1, 8, zero_point=3), to=tensor(1, 8)), CPU, ("DequantizeLinear", "Abs", "QuantizeLinear")),
    (operation("SPACE_TO_DEPTH", A, to=tensor(1, 4, 4, 128)), NPU, ()),
    (operation("SPACE_TO_DEPTH", A, to=tensor(1, 4, 4, 128, zero_point=1)), SPLIT, ("SpaceToDepth",)),
    # Repeated operands.
    (operation("ADD", A, tensor(1, 1, 1, 32), to=A), NPU, ()),
    (operation("MUL", tensor(1, 30, 1), tensor(128), to=tensor(1, 30, 128)), CPU, ("Mul", "QuantizeLinear")),
    (operation("SUB", tensor(1, 30, 128), tensor(1, 30, 1), to=tensor(1, 30, 128)), NPU, ()),
    (operation("SUB", tensor(128), tensor(1, 30, 128), to=tensor(1, 30, 128)), CPU, ("Sub",)),
    (operation("MUL", tensor(1, 1, 2, 2, 2), tensor(2), to=tensor(1, 1, 2, 2, 2)), CPU, ("Mul",)),
    (operation("DIV", A, tensor(1, constant=True), to=A), NPU, ()),
    (operation("DIV", A, A, to=A), CPU, ("Div",)),
    # Windows and axes.
    (operation("AVERAGE_POOL_2D", A, to=A, filterWidth=3, filterHeight=3, strideW=1, strideH=1), NPU, ()),
    (operation("AVERAGE_POOL_2D", A, to=A, filterWidth=7, filterHeight=3, strideW=1, strideH=1), CPU, ("AveragePool",)),
    (
        operation("AVERAGE_POOL_2D", A, to=A, filterWidth=2, filterHeight=2, strideW=16, strideH=1),
        CPU,
        ("AveragePool",),
    ),
    (operation("MAX_POOL_2D", A, to=A, filterWidth=13, filterHeight=13, strideW=1, strideH=1), NPU, ()),
    (operation("MEAN", A, numbers(1, 2), to=tensor(1, 32)), NPU, ()),
    (operation("MEAN", A, numbers(-3, -2), to=tensor(1, 32)), NPU, ()),
    (operation("MEAN", tensor(1, 30, 128), numbers(-1), to=tensor(1, 30, 1)), NPU, ()),
    (operation("MEAN", A, numbers(1), to=tensor(1, 8, 32)), CPU, ("DequantizeLinear", "ReduceMean", "QuantizeLinear")),
    (operation("RESIZE_BILINEAR", A, numbers(16, 16), to=tensor(1, 16, 16, 32)), CPU, ("Resize",)),
    (operation("RESIZE_BILINEAR", tensor(1, 1, 1, 32), numbers(2, 2), to=tensor(1, 2, 2, 32)), NPU, ()),
    (operation("RESIZE_NEAREST_NEIGHBOR", A, numbers(16, 16), to=tensor(1, 16, 16, 32)), SPLIT, ("DepthToSpace",)),
    (operation("PAD", A, numbers(0, 0, 1, 1, 1, 1, 0, 0), to=tensor(1, 10, 10, 32)), NPU, ()),
    (operation("PAD", A, numbers(0, 0, 0, 0, 0, 0, 0, 4), to=tensor(1, 8, 8, 36)), SPLIT, ("Transpose", "Transpose")),
    # Moved values.
    (operation("CONCATENATION", A, tensor(1, 8, 8, 64), to=tensor(1, 8, 8, 96), axis=3), NPU, ()),
    (operation("CONCATENATION", A, A, to=tensor(1, 8, 8, 64), axis=-1), NPU, ()),
    (operation("CONCATENATION", A, tensor(1, 8, 8, 1), to=tensor(1, 8, 8, 33), axis=3), CPU, ("Concat",)),
    (operation("CONCATENATION", A, A, to=tensor(1, 16, 8, 32), axis=1), CPU, ("Concat",)),
    (operation("CONCATENATION", tensor(1, 5, 64), tensor(1, 5, 16), to=tensor(1, 5, 80), axis=2), CPU, ("Concat",)),
    (
        operation(
            "CONCATENATION",
            A,
            tensor(1, 8, 8, 64),
            to=tensor(1, 8, 8, 96),
            axis=3,
            after=("RESIZE_NEAREST_NEIGHBOR", "ADD"),
        ),
        CPU,
        ("Concat",),
    ),
    (operation("STRIDED_SLICE", A, to=tensor(1, 8, 8, 16)), NPU, ()),
    (operation("STRIDED_SLICE", A, to=tensor(1, 4, 8, 32)), CPU, ("Slice",)),
    (operation("SPLIT", numbers(3), A, to=tensor(1, 8, 8, 16)), NPU, ()),
    (operation("SPLIT", numbers(1), A, to=tensor(1, 4, 8, 32)), CPU, ("Split",)),
    (operation("TRANSPOSE", A, numbers(0, 3, 1, 2), to=tensor(1, 32, 8, 8)), NPU, ()),
    (operation("TRANSPOSE", A, numbers(0, 2, 1, 3), to=A), CPU, ("Transpose",)),
    (operation("TRANSPOSE", tensor(1, 1, 4, 32), numbers(0, 2, 1, 3), to=tensor(1, 4, 1, 32)), NPU, ()),
    (operation("TRANSPOSE", A, tensor(4, dtype="INT32"), to=A), CPU, ("Transpose",)),
    (
        operation("BATCH_MATMUL", tensor(1, 4, 30, 32), tensor(1, 4, 32, 30), to=tensor(1, 4, 30, 30)),
        CPU,
        ("Conv",) * 4,
    ),
    (
        operation(
            "BATCH_MATMUL", tensor(1, 2, 30, 30), tensor(1, 2, 30, 8), to=tensor(1, 2, 30, 8), after=("SOFTMAX",)
        ),
        CPU,
        ("Split", "Conv", "Conv"),
    ),
    (operation("BATCH_MATMUL", tensor(1, 30, 32), tensor(32, 8, constant=True), to=tensor(1, 30, 8)), NPU, ()),
    # Shapes.
    (operation("SHAPE", A, to=Tensor("s", "INT32", (4,), constant=True)), FOLDED, ()),
]


@pytest.mark.parametrize(
    ("made", "where", "epochs"), WHERE, ids=[f"{made.name}-{i}" for i, (made, *_) in enumerate(WHERE)]
)
def test_where_an_operation_runs(made: Operation, where: Place, epochs: tuple[str, ...]) -> None:
    found = place(made)
    if made.name == "TRANSPOSE" and not made.values(1):
        assert found.condition == "INT32 is not quantised to 8 bits"
    assert (found.place, found.epochs) == (where, epochs)
    assert isinstance(found.source, Source)


def test_operations_on_the_cpu_have_advice() -> None:
    """The two tables know the same operations, by both of their names."""
    for made, where, epochs in WHERE:
        if where in (CPU, SPLIT) and made.name not in ("GELU", "LOGISTIC", "RELU", "ABS", "CONV_2D"):
            assert remedy(made.name) is not OTHER, made.name
            assert all(remedy(epoch) is not OTHER for epoch in epochs), epochs


@pytest.mark.parametrize(
    ("made", "macs"),
    [
        (operation("CONV_2D", tensor(1, 8, 8, 3), tensor(16, 3, 3, 3), to=tensor(1, 4, 4, 16)), 4 * 4 * 16 * 27),
        (operation("DEPTHWISE_CONV_2D", A, tensor(1, 3, 3, 32), to=A), 8 * 8 * 32 * 9),
        (operation("FULLY_CONNECTED", tensor(30, 128), tensor(512, 128), to=tensor(30, 512)), 30 * 512 * 128),
        (operation("BATCH_MATMUL", tensor(4, 30, 32), tensor(4, 32, 20), to=tensor(4, 30, 20)), 4 * 30 * 20 * 32),
        (
            operation("BATCH_MATMUL", tensor(4, 30, 32), tensor(4, 20, 32), to=tensor(4, 30, 20), adjY=1),
            4 * 30 * 20 * 32,
        ),
        (
            operation(
                "TRANSPOSE_CONV", numbers(1, 8, 8, 4), tensor(4, 2, 2, 3), tensor(1, 4, 4, 3), to=tensor(1, 8, 8, 4)
            ),
            48 * 16,
        ),
        (operation("ADD", A, A, to=A), 0),
    ],
)
def test_macs(made: Operation, macs: int) -> None:
    assert made.macs == macs


# ---------------------------------------------------------------------------------------------- files


def test_a_small_network(tmp_path: Path) -> None:
    file = tmp_path / "dense.tflite"
    write_fully_connected(file, np.ones((6, 4), np.int8), rows=3, layers=1)
    prediction = Prediction.of(file)
    assert [(row.operation.name, row.placement.place) for row in prediction.rows] == [("FULLY_CONNECTED", NPU)]
    assert (prediction.macs, prediction.macs_on_npu) == (3 * 6 * 4, 1.0)
    assert [(block.kind, block.operation) for block in prediction.table.blocks] == [(EpochKind.HW, "FULLY_CONNECTED")]
    assert prediction.epochs == {}


def test_what_follows_from_shapes_is_computed_during_compilation(tmp_path: Path) -> None:
    file = tmp_path / "growing.tflite"
    write_growing(file)
    prediction = Prediction.of(file)
    assert [(row.operation.name, row.placement.place.value) for row in prediction.rows] == [
        ("ADD", "NPU"),
        ("SHAPE", "folded"),
        ("GATHER", "folded"),
        ("RESHAPE", "NPU"),
        ("RELU", "NPU"),
    ]
    assert len(prediction.working) == 3


def test_lengths_that_may_vary_are_noted(tmp_path: Path) -> None:
    file = tmp_path / "range.tflite"
    write_growing(file)
    # The reshaped tensor and the result; a variable batch is not counted, because ST's tool uses 1.
    assert Prediction.of(file).varying == 2
    assert "lengths of 2 tensors may vary; the prediction is for the shapes in the file" in good(file)
    assert Prediction.of(MOVENET).varying == 0


def test_a_float_network_has_no_share_on_the_npu(tmp_path: Path) -> None:
    file = tmp_path / "memory.tflite"
    write_memory(file)
    prediction = Prediction.of(file)
    assert prediction.counts[NPU] == 0
    assert np.isnan(prediction.macs_on_npu)


def test_bundled_networks() -> None:
    """MoveNet falls back at its three Resize; TinyBERT at the operations of the case study."""
    movenet = Prediction.of(MOVENET)
    assert movenet.epochs == {"Resize": 3}
    assert movenet.macs_on_npu == 1.0
    assert movenet.counts == {NPU: 79, CPU: 3, SPLIT: 0, FOLDED: 0}
    tinybert = Prediction.of(TINYBERT)
    study = {"Softmax", "Transpose", "Split", "Conv", "DequantizeLinear", "Reciprocal", "QuantizeLinear", "Mul", "Sub"}
    # Its layer normalisation repeats one operand only, and its last layer takes one position.
    assert set(tinybert.epochs) == study - {"Mul", "Sub"} | {"Slice"}
    assert tinybert.epochs["Conv"] == 4 * 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a .tflite file: the file is empty; use a network"),
        (b"PK\x03\x04", "is not a .tflite file: bytes 4 to 7 are b'' instead of b'TFL3'"),
        (b"\x08\x00\x00\x00ONNX", "is not a .tflite file: bytes 4 to 7 are b'ONNX' instead of b'TFL3'"),
        (b"\xff\xff\xff\x7fTFL3", "is damaged"),
        (b"\x08\x00\x00\x00TFL3", "is damaged"),
    ],
)
def test_what_is_not_a_network(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "x.tflite"
    file.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_tflite(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        read_tflite(tmp_path / "x.tflite")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("small") / "growing.tflite"
    write_growing(file)
    return file.read_bytes()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(small: bytes, tmp_path: Path, data: st.DataObject) -> None:
    """Some bytes are changed, or the end is missing."""
    raw = bytearray(small)
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(8, len(raw) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / "x.tflite"
    file.write_bytes(raw[: data.draw(st.integers(8, len(raw)))])
    try:
        prediction = Prediction.of(file)
    except BadInput as error:
        assert str(file) in str(error)
    else:
        json.dumps(prediction.to_dict())


# ---------------------------------------------------------------------------------------------- agreement


def test_agreement_lists_what_was_missed_and_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "dense.tflite"
    write_fully_connected(file, np.ones((6, 4), np.int8), rows=3, layers=8)
    prediction = Prediction.of(file)
    assert Agreement.of(prediction, table_of("EC")).rate == 1.0
    missed = Agreement.of(prediction, table_of("EC", "Softmax", "Sub(float)"))
    assert (missed.missed, missed.wrong, missed.rate) == ({"Softmax": 1, "Sub": 1}, {}, 0.75)
    assert str(missed) == "8 operations, 75.0% rightly named; on the CPU 0 epochs predicted, 2 reported, 0 in both"
    made = replace(missed, predicted=Counter({"Softmax": 2, "Resize": 1}))
    assert (made.missed, made.wrong, made.rate) == ({"Sub": 1}, {"Softmax": 1, "Resize": 1}, 1 - 3 / 8)


def test_yolov8_pose_agrees_with_its_report(shared: Path) -> None:
    prediction = Prediction.of(shared / "models" / "yolov8n_pose_256.tflite")
    report = read(shared / "st_reports" / "yolov8n_pose_256_c_info_v2.1_hybrid.json")
    agreement = Agreement.of(prediction, report.require_table())
    assert (agreement.missed, agreement.wrong, agreement.operations) == ({}, {}, 288)
    assert agreement.reported == {
        "Concat": 9,
        "Slice": 6,
        "DepthToSpace": 2,
        "Transpose": 1,
        "Softmax": 1,
        "DequantizeLinear": 1,
    }


# ---------------------------------------------------------------------------------------------- the command


def good(*words: str | Path) -> str:
    outcome = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "120"})
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def data(*words: str | Path) -> Any:
    return json.loads(good(*words, "--json"))


def test_the_command_says_that_it_predicts() -> None:
    text = good(MOVENET)
    assert "predicted from ST's documents and published reports; not compiled, not measured" in text
    assert "82 operations: 79 on the NPU, 0 split, 3 on the CPU" in text
    assert "100.0% of 237.0 M MACs on the NPU" in text
    assert "expected epochs on the CPU: 3 Resize" in text
    assert "CONV_2D" not in text
    assert "CONV_2D" in good(MOVENET, "--all")
    assert "remedy: use nearest neighbour" in good(MOVENET, "--advice")


def test_the_command_compares_with_a_report(tmp_path: Path) -> None:
    report = Path(__file__).parent / "data" / "movenet" / "network_generate_report.txt"
    text = good(MOVENET, "--report", report)
    # The network of the report ends in a Dequantize, which the bundled one does not have.
    assert "82 operations, 98.8% rightly named; on the CPU 3 epochs predicted, 4 reported, 3 in both" in text
    assert "missed: 1 DequantizeLinear" in text
    values = data(MOVENET, "--report", report)
    assert values[0]["agreement"]["missed"] == {"DequantizeLinear": 1}
    assert values[0]["predicted"] is True


def test_the_command_refuses_a_report_for_two_networks() -> None:
    outcome = CliRunner().invoke(app, [str(MOVENET), str(TINYBERT), "--report", "x"])
    assert isinstance(outcome.exception, BadInput)
    assert "--report x is for one network, not for 2" in str(outcome.exception)
