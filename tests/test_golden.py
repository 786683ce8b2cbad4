"""Golden inputs: the three figures, likely causes, files, and `n6link check` on a virtual board."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path
from typing import Any, Final

import m55
import numpy as np
import pytest
import tflite
from typer.testing import CliRunner, Result

from n6link.cli import app
from n6link.device import N6Device
from n6link.errors import BadInput
from n6link.protocol import CheckState, Feature
from n6link.tensors.golden import Golden, compare, digest, likely_cause, read_golden, write_golden
from n6link.tensors.tensor import Array

URL: Final = "sim:tiny=reference:reference_colour"
DIGESTS: Final = {"reference": 0x520A_A14D, "reference_colour": 0xCB69_522C}
"""of the built-in networks' outputs for their stored input; test_reference.py computes them from the definition"""
sys.path.insert(0, str(m55.FIRMWARE / "npu"))
definition: Any = importlib.import_module("reference_networks")


def test_figures_by_hand() -> None:
    one = compare("out", np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 4.0]), 0.5)
    assert one.largest == 1.0
    assert one.nse == pytest.approx(1 - 1 / 5)
    assert one.cosine == pytest.approx(17 / (14**0.5 * 21**0.5))
    assert not one.good
    same = compare("out", np.full(3, 2.0), np.full(3, 2.0), 0.0)
    assert (same.nse, same.largest, same.good) == (1.0, 0.0, True)
    assert same.cosine == pytest.approx(1.0)
    assert not compare("out", np.ones(2), np.array([1.0, np.nan]), 9.0).good
    with pytest.raises(BadInput, match=r"out has shape \(2,\), but its reference has \(3,\)"):
        compare("out", np.ones(3), np.ones(2), 1.0)


def test_causes() -> None:
    right, wrong, flat = ({"out": np.array(values)} for values in ([1, 2, 3], [1, 2, 4], [7, 7, 7]))
    assert "two runs differ" in likely_cause(right, wrong, None)
    assert "all values are equal" in likely_cause(flat, flat, None)
    assert "weights of another build" in likely_cause(wrong, wrong, None)
    assert "were correct before" in likely_cause(wrong, wrong, digest(right))
    assert "were correct in an earlier check" in likely_cause(right, right, digest(right))


def test_files(tmp_path: Path) -> None:
    inputs: dict[str, Array] = {"in": np.arange(4, dtype=np.uint8), "more": np.ones(2, np.int16)}
    golden = Golden(inputs, {"out": np.ones(2, np.float32)}, {"out": 0.5}, (1, 0xFFFF_FFFE))
    write_golden(tmp_path / "a.golden.npz", golden)
    again = read_golden(tmp_path / "a.golden.npz")
    assert (again.tolerances, again.checked) == ({"out": 0.5}, (1, 0xFFFF_FFFE))
    assert again.slot() == again.slot({"in": 4, "more": 4}) == bytes(range(4)) + bytes(28) + b"\1\0\1\0"
    with pytest.raises(BadInput, match="'in' has 4 bytes, but the tensor 5; store raw values"):
        again.slot({"in": 5})
    with pytest.raises(BadInput, match="does not have the input 'other'; it has in, more"):
        again.slot({"other": 5})
    np.testing.assert_array_equal(again.inputs["in"], golden.inputs["in"])
    np.savez(tmp_path / "b.npz", **{"input:in": np.ones(1), "output:out": np.ones(1)})  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="one tolerance for each output"):
        read_golden(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", other=np.ones(1))
    with pytest.raises(BadInput, match="contains an unknown array 'other'"):
        read_golden(tmp_path / "c.npz")
    np.savez(tmp_path / "c.npz", checked=np.ones(1))
    with pytest.raises(BadInput, match="'checked' that is not two digests"):
        read_golden(tmp_path / "c.npz")
    (tmp_path / "d.npz").write_bytes(b"no zip")
    with pytest.raises(BadInput, match="cannot be read as a golden file"):
        read_golden(tmp_path / "d.npz")


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of this test; the digests that were right are next to them."""
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings" / "settings.toml"))
    return tmp_path / "settings" / "checked.json"


def check(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.mark.e2e
def test_a_board_that_computes_what_the_reference_computes(
    virtual_board: None, tmp_path: Path, own_settings: Path
) -> None:
    data = {
        "image": np.arange(768).astype(np.uint8).view(np.int8).reshape(1, 16, 16, 3),
        "prior": np.zeros((1, 7), np.int8),
    }
    np.savez(tmp_path / "data.npz", **data)  # type: ignore[arg-type]
    path = tmp_path / "right.npz"
    made = check("tiny", path, "--make", tmp_path / "data.npz", "--tolerance", 0.001, "--url", URL)
    assert made.output == f"{path}: 2 inputs and 2 outputs of tiny\n"
    assert made.exit_code == 0
    golden = read_golden(path)
    for name, array in data.items():
        np.testing.assert_array_equal(golden.inputs[name], array)

    right = check("tiny", path, "--store", "--url", URL)
    assert right.exit_code == 0, right.output
    assert "the outputs are correct; digest 0x" in right.output
    assert f"stored input {DIGESTS['reference_colour']:#010x}" in right.output
    kept = json.loads(own_settings.read_text())
    assert sorted(kept.values()) == sorted([read_golden(path).checked[1], DIGESTS["reference_colour"]])  # type: ignore[index]

    name, reference = next(iter(golden.outputs.items()))
    wrong_path = tmp_path / "wrong.npz"
    write_golden(wrong_path, Golden(golden.inputs, {name: reference + 1}, {name: 0.001}))
    wrong = check("tiny", wrong_path, "--url", URL)
    assert wrong.exit_code == 1
    assert "largest error 1 " in wrong.output
    assert "the outputs are wrong: these outputs were correct in an earlier check" in wrong.output


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--store"], "--store requires a file; run n6link check tiny FILE.npz"),
        (["--make", "in.npy"], "--make requires a file"),
        (["f.npz", "--make", "in.npy"], "--make requires --tolerance"),
    ],
)
def test_options_of_check(arguments: list[str], says: str) -> None:
    wrong = check("tiny", *arguments, "--url", URL)
    assert wrong.exit_code == 2
    assert says in " ".join(wrong.output.split())


@pytest.mark.e2e
def test_weights_and_builds_on_the_virtual_board(virtual_board: None, tmp_path: Path, own_settings: Path) -> None:
    """A golden file next to a network is stored by the board; other weights are another build, which was not checked."""
    weights = np.arange(-8, 8, dtype=np.int8).reshape(4, 4)
    network, golden = tmp_path / "net.tflite", tmp_path / "net.golden.npz"
    tflite.write_fully_connected(network, weights, rows=2)
    np.save(tmp_path / "in.npy", np.arange(8, dtype=np.int8).reshape(1, 2, 4))
    url = f"sim:{network}"
    none = check("net", "--url", url)
    assert none.exit_code == 1
    assert "UNSUPPORTED: the network has no stored input" in " ".join(none.output.split())
    assert check("net", golden, "--make", tmp_path / "in.npy", "--tolerance", 0.5, "--url", url).exit_code == 0
    early = check("net", "--url", url)
    assert early.exit_code == 1
    assert "no check of this build on this board is known; run n6link check net FILE.npz once" in " ".join(
        early.output.split()
    )
    assert check("net", golden, "--url", url).exit_code == 0
    later = check("net", "--url", url)
    assert later.exit_code == 0, later.output
    assert "the outputs are those of the correct check" in later.output
    own_settings.unlink()
    assert check("net", golden, "--store", "--url", url).exit_code == 0
    own_settings.unlink()
    later = check("net", "--url", url, "--json")  # the board itself has the digest now
    assert later.exit_code == 0, later.output
    assert json.loads(later.output)["stored"] == read_golden(golden).checked[1]  # type: ignore[index]

    weights[0, 1] ^= 1
    tflite.write_fully_connected(network, weights, rows=2)
    other = check("net", "--url", url)
    assert other.exit_code == 1
    assert "no check of this build on this board is known" in " ".join(other.output.split())
    other = check("net", golden, "--url", url)
    assert other.exit_code == 1
    assert "the outputs are wrong: likely causes: weights of another build" in " ".join(other.output.split())


@pytest.mark.e2e
@pytest.mark.qemu
@pytest.mark.arm_gcc
def test_flipped_weights_on_the_emulated_board(tmp_path: Path, own_settings: Path) -> None:
    """The description of the network is the same, and so is its digest: only the outputs differ."""
    elf = m55.build("qemu") / "n6qemu.elf"
    for name in DIGESTS:
        right = check(name, "--url", f"qemu:{elf}")
        assert right.exit_code == 0, right.output
        assert f"stored input {DIGESTS[name]:#010x}" in right.output
    content = elf.read_bytes()
    weights = definition.networks()[0].layers[3].weights.tobytes()
    at = content.find(weights)
    assert at > 0
    assert content.count(weights) == 1
    at += int(np.abs(np.frombuffer(weights, np.int8)).argmax())
    (tmp_path / "flipped.elf").write_bytes(content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :])
    wrong = check("reference", "--url", f"qemu:{tmp_path / 'flipped.elf'}")
    assert wrong.exit_code == 1
    text = " ".join(wrong.output.split())
    assert "the outputs are not those of the correct check: likely causes: changed weights in flash" in text


@pytest.mark.e2e
async def test_a_check_among_inferences(virtual_board: None) -> None:
    async with N6Device("sim:reference:,reference:reference_colour") as device:
        assert Feature.CHECK in device.info.features
        pose, colour = device["reference"], device["reference_colour"]
        picture = np.zeros((1, 48, 48, 3), np.int8)
        results: list[object] = []

        async def run() -> None:
            results.append(await pose.run(picture, reduce=False))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(run())
            for network in (pose, colour, pose):
                seen = await network.check()
                assert (seen.state, seen.digest) == (CheckState.SAME, DIGESTS[network.name])
                assert seen.seconds > 0
        assert len(results) == 4
        assert (await device.stats()).networks[0].runs == 4  # checks are not inferences
