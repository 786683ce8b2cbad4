"""Golden inputs: the three figures, likely causes, files, and `n6link check` on a virtual board."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from typer.testing import CliRunner

from n6link.cli import app
from n6link.device import N6Device
from n6link.errors import BadInput
from n6link.tensors.golden import Golden, compare, digest, likely_cause, read_golden, write_golden

URL: Final = "sim:tiny=reference:reference_colour"


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


def test_files(tmp_path: Path) -> None:
    golden = Golden({"in": np.arange(4, dtype=np.uint8)}, {"out": np.ones(2, np.float32)}, {"out": 0.5})
    write_golden(tmp_path / "a.golden.npz", golden)
    again = read_golden(tmp_path / "a.golden.npz")
    assert again.tolerances == {"out": 0.5}
    np.testing.assert_array_equal(again.inputs["in"], golden.inputs["in"])
    np.savez(tmp_path / "b.npz", **{"input:in": np.ones(1), "output:out": np.ones(1)})  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="one tolerance for each output"):
        read_golden(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", other=np.ones(1))
    with pytest.raises(BadInput, match="contains an unknown array 'other'"):
        read_golden(tmp_path / "c.npz")
    (tmp_path / "d.npz").write_bytes(b"no zip")
    with pytest.raises(BadInput, match="cannot be read as a golden file"):
        read_golden(tmp_path / "d.npz")


@pytest.mark.e2e
def test_a_board_that_computes_what_the_reference_computes(
    virtual_board: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings" / "settings.toml"))

    async def made() -> Golden:
        async with N6Device(URL) as device:
            network = device["tiny"]
            data = {
                name: np.arange(np.prod(spec.shape)).reshape(spec.shape).astype(np.uint8).view(spec.dtype)
                for name, spec in network.inputs.items()
            }
            result = await network.run(data, reduce=False)
            reference = {name: network.outputs[name].dequantize(raw) for name, raw in result.outputs.items()}
            return Golden(data, reference, dict.fromkeys(reference, 0.001))

    golden = asyncio.run(made())
    write_golden(tmp_path / "right.npz", golden)
    right = CliRunner().invoke(app, ["check", "tiny", str(tmp_path / "right.npz"), "--url", URL])
    assert right.exit_code == 0, right.output
    assert "the outputs are correct" in right.output
    assert (tmp_path / "settings" / "checked.json").exists()

    name, reference = next(iter(golden.outputs.items()))
    write_golden(tmp_path / "wrong.npz", Golden(golden.inputs, {name: reference + 1}, {name: 0.001}))
    wrong = CliRunner().invoke(app, ["check", "tiny", str(tmp_path / "wrong.npz"), "--url", URL])
    assert wrong.exit_code == 1
    assert "largest error 1 " in wrong.output
    assert "the outputs are wrong: the outputs of this build and weights were correct before" in wrong.output
