"""`n6link firmware build` with stand-ins of CMake and ST's programs; test_board_build.py compiles for real."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import pytest
import st_tools
from st_fixtures import processes, standins
from st_tools import IMAGE, Board
from typer.testing import CliRunner, Result

from n6link.cli import app
from n6link.firmware import build, folder, tools
from n6link.firmware.signing import fault

__all__ = ["processes", "standins"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
DK: Final = "stm32n6570-dk"


@pytest.fixture
def board(standins: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """Stand-ins of all programs, and ST's packages in the environment."""
    monkeypatch.setenv("STM32CUBE_N6_DIR", str(cube(tmp_path / "cube")))
    monkeypatch.setenv("STEDGEAI_CORE_DIR", str(core(tmp_path / "core", "1.1.3-0")))
    return standins


def cube(root: Path) -> Path:
    """What is looked at in STM32CubeN6."""
    (root / tools.HAL).parent.mkdir(parents=True)
    (root / tools.HAL).touch()
    return root


def core(root: Path, version: str) -> Path:
    """What is looked at in ST Edge AI Core."""
    numbers = dict(zip(("MAJOR", "MINOR", "MICRO", "DEV"), version.replace("-", ".").split("."), strict=True))
    (root / tools.ATON).parent.mkdir(parents=True)
    (root / tools.ATON).write_text("".join(f"#define LL_ATON_VERSION_{n} {v}\n" for n, v in numbers.items()))
    return root


def run(*words: str | Path) -> Result:
    """Calls `n6link firmware build`."""
    return CliRunner().invoke(app, ["firmware", "build", *map(str, words)])


def error(*words: str | Path) -> str:
    """The message of a build that fails."""
    result = run(*words)
    assert result.exit_code in (1, 2), result.output
    assert "internal error" not in result.output
    return " ".join(result.output.split())


def test_a_folder_becomes_a_signed_image_and_weights(processes: Board) -> None:
    st_tools.network(Path("pose/st_ai_output"))
    result = run("pose/st_ai_output", "--board", DK, "--set", "N6_BAUD=115200")
    assert result.exit_code == 0, result.output
    made = Path("n6link-stm32n6570-dk")
    data = json.loads((made / "firmware.json").read_text())
    assert (data["board"], data["networks"]) == (DK, ["pose"])
    assert data["image"]["address"] == "0x70100000"
    assert [(one["file"], one["address"], one["size"]) for one in data["weights"]] == [
        ("pose-octoFlash-0x70380000.bin", "0x70380000", 2048)
    ]
    weights = (made / "pose-octoFlash-0x70380000.bin").read_bytes()
    assert weights == Path("pose/st_ai_output/tiny_atonbuf.xSPI2.raw").read_bytes()
    assert fault(made / "n6link-stm32n6570-dk_sign.bin", IMAGE) is None
    assert "0x70100000       5128 bytes  n6link-stm32n6570-dk_sign.bin  (image)" in result.output
    configure, compiled, version, sign = processes.calls()
    assert configure[1:4] == ["--fresh", "--preset", DK]
    assert "-DN6_BAUD=115200" in configure
    assert f"-DN6LINK:STRING={sys.executable};-m;n6link" in configure
    assert compiled[1] == "--build"
    assert version == ["STM32_SigningTool_CLI", "--version"]
    assert sign[1:] == [
        *("-s", "-bin", str(made.absolute() / "n6link-stm32n6570-dk.bin"), "-nk", "-t", "ssbl", "-hv", "2.3", "-align"),
        *("-o", str(made.absolute() / "n6link-stm32n6570-dk_sign.bin")),
    ]
    assert folder.read(made).networks == ("pose",)


def test_two_networks_and_json(board: Board) -> None:
    one = st_tools.network(Path("one"), "first")
    two = st_tools.network(Path("two"), "second", flash=0x70400000)
    Path("card.toml").write_text((two / "second.toml").read_text())
    result = run(one, f"hands={two}", "--board", "nucleo-n657x0-q", "-o", "out", "--card", "hands=card.toml", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(next(line for line in result.output.splitlines() if line.startswith("{")))
    assert [one["what"] for one in data["weights"]] == ["weights of one (octoFlash)", "weights of hands (octoFlash)"]
    assert [call[0] for call in board.calls()][:2] == ["cmake", "cmake"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("movenet/st_ai_output", "movenet"),
        ("movenet/st_ai_output/network.c", "movenet"),
        ("a/pose-13.tflite", "pose_13"),
        ("x=a/b", "x"),
        ("a/b.c", "b"),
    ],
)
def test_names_come_from_paths(text: str, name: str) -> None:
    assert build.named(text)[0] == name


def test_without_a_signing_tool_the_image_is_built(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(st_tools.install(tmp_path / "few", "cmake", "ninja", "arm-none-eabi-gcc")))
    result = run(st_tools.network(Path("one")), "--board", DK)
    assert result.exit_code == 0, result.output
    assert "the image is not signed yet" in " ".join(result.output.split())
    assert "STM32CubeProg 2.18 or newer" in " ".join(result.output.split())
    assert "0x70100000       4104 bytes  n6link-stm32n6570-dk.bin  (image)" in result.output
    signed = folder.read(Path("n6link-stm32n6570-dk")).signed
    assert not signed.exists()
    signed.write_bytes(b"of an earlier build")
    assert "0x70100000       4104 bytes  n6link-stm32n6570-dk.bin  (image)" in run("one", "--board", DK).output


def test_all_that_is_missing_is_named_with_its_source(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("STM32CUBE_N6_DIR")
    monkeypatch.delenv("STEDGEAI_CORE_DIR")
    text = error(st_tools.network(Path("one")), "--board", DK)
    assert "arm-none-eabi-gcc was not found; install gcc-arm-none-eabi" in text
    assert "STM32CubeN6 was not found; git clone --recurse-submodules" in text
    assert "ST Edge AI Core was not found; install STEdgeAI-Core from ST's page of this name" in text
    assert board.calls() == []


def test_of_several_cores_the_one_of_the_network_is_taken(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEDGEAI_CORE_DIR")
    for number, version in (("2.1", "1.1.0-31"), ("2.9", "1.1.3-0"), ("4.0", "1.1.3-275")):
        core(tmp_path / "cores" / number, version)
    monkeypatch.setattr(tools, "FOLDERS", {**tools.FOLDERS, "ST Edge AI Core": (str(tmp_path / "cores" / "*"),)})
    assert run(st_tools.network(Path("one")), "--board", DK).exit_code == 0
    assert f"-DSTEDGEAI_CORE_DIR={tmp_path / 'cores' / '2.9'}" in board.calls()[0]


def test_another_core_is_refused(board: Board, tmp_path: Path) -> None:
    other = core(tmp_path / "other", "1.1.0-31")
    text = error(st_tools.network(Path("one")), "--board", DK, "--edge-ai", other)
    assert (
        "was generated by compiler 1.1.3-0, but LL_ATON is 1.1.0-31; generate it again, or build with the ST Edge AI Core"
        in text
    )
    assert board.calls() == []


@pytest.mark.parametrize(
    ("networks", "text"),
    [
        ([{"flash": 0x70100000}], "and the signed image, which ends at 0x70100400, overlap"),
        (
            [{"flash": 0x70000000}],
            "boot loader at 0x70000000 and the weights of one (octoFlash), which ends at 0x70000800, overlap",
        ),
        ([{}, {}], "the weights of one and n1 are both at 0x70380000"),
        (
            [{}, {"flash": 0x70380C00}],
            "0x70380800, are in the same block of 64 KB, and programming one erases the other; generate the network with a flash pool from 0x70390000",
        ),
        ([{"flash": 0x74000000}], "are at 0x74000000 (octoFlash), where NUCLEO-N657X0-Q has no flash"),
        ([{"flash": 0x73FFFC00}], "end at 0x74000400, but the flash of NUCLEO-N657X0-Q ends at 0x74000000"),
        ([{"flash": 0x90000000}], "are at 0x90000000 (octoFlash), where NUCLEO-N657X0-Q has no flash"),
        ([{"weights": False}], "are not next to one/one.c; copy the file *.xSPI2.raw of the same run"),
    ],
)
def test_memory_maps_that_do_not_fit(board: Board, networks: list[dict[str, int]], text: str) -> None:
    folders = [
        st_tools.network(
            Path(name), name, flash=values.get("flash", 0x70380000), weights=bool(values.get("weights", True))
        )
        for name, values in zip(("one", "n1"), networks, strict=False)
    ]
    assert text in error(*folders, "--board", "nucleo-n657x0-q")
    assert board.calls() == []


def test_an_image_that_reaches_the_weights_is_refused_after_the_compilation(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = st_tools.network(Path("one"), flash=0x70101000)
    assert "in the same block of 64 KB" in error(near, "--board", DK)
    assert not Path("n6link-stm32n6570-dk/firmware.json").exists()
    st_tools.network(near, flash=0x70110000)
    assert run(near, "--board", DK).exit_code == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("one", "--board", "disco"), "there is no board 'disco'; use stm32n6570-dk or nucleo-n657x0-q"),
        (("nowhere", "--board", DK), "there is no folder, C file or model 'nowhere'"),
        (("empty", "--board", DK), "empty must contain one generated network, but contains none"),
        (("one", "--board", DK, "--card", "two=x.toml"), "--card is for 'two', but there is no network with this name"),
        (("one", "--board", DK, "--set", "N6_BAUD"), "--set 'N6_BAUD' must have the form VARIABLE=VALUE"),
        (("one", "--board", DK, "--source", "empty"), "empty does not hold the sources of the firmware"),
        (("one", "--board", DK, "--cube-n6", "empty"), "use the folder of STM32CubeN6 with its submodules"),
        (("one", "--board", DK, "--edge-ai", "empty"), "use the folder of ST Edge AI Core"),
        (
            ("m.tflite", "--board", DK),
            "m.tflite is a model: add --st-neural-art PROFILE@FILE.json with a memory pool file for STM32N6570-DK",
        ),
        (
            ("m.tflite", "--board", DK, "--st-neural-art", "x@no.json"),
            "must be PROFILE@FILE.json with an existing file",
        ),
        (("9 x.tflite", "--board", DK, "--st-neural-art", "x@art.json"), "'9_x' cannot be the C name of a network"),
        (("no.tflite", "--board", DK, "--st-neural-art", "x@art.json"), "there is no model 'no.tflite'"),
    ],
)
def test_wrong_input(board: Board, words: tuple[str, ...], text: str) -> None:
    st_tools.network(Path("one"))
    Path("empty").mkdir()
    for name in ("m.tflite", "9 x.tflite", "art.json"):
        Path(name).touch()
    assert text in error(*words)
    assert board.calls() == []


def test_the_folder_of_the_programmer_is_given(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = st_tools.install(tmp_path / "other", "STM32_SigningTool_CLI")
    monkeypatch.setenv("PATH", str(st_tools.install(tmp_path / "few", "cmake", "ninja", "arm-none-eabi-gcc")))
    assert run(st_tools.network(Path("one")), "--board", DK, "--programmer", tool).exit_code == 0
    assert board.calls()[-1][0] == "STM32_SigningTool_CLI"


def test_a_folder_that_cannot_be_written(board: Board) -> None:
    Path("file").touch()
    assert "file cannot be written: File exists; use another --output" in error(
        st_tools.network(Path("one")), "--board", DK, "-o", "file"
    )


def test_a_name_is_no_path(board: Board) -> None:
    assert run(f"a/b={st_tools.network(Path('one'))}", "--board", DK).exit_code == 0
    assert Path("n6link-stm32n6570-dk/a_b-octoFlash-0x70380000.bin").is_file()


def test_a_failed_build_leaves_nothing_to_program(board: Board) -> None:
    one = st_tools.network(Path("one"))
    assert run(one, "--board", DK).exit_code == 0
    board.set(fail={"cmake": "yes"})
    text = error(one, "--board", DK)
    assert "the build failed: main.c:7:1: error: unknown type name 'flaot'; see" in text
    flashed = CliRunner().invoke(app, ["firmware", "flash", "n6link-stm32n6570-dk", "--yes"])
    assert "does not hold a complete firmware: there is no firmware.json" in " ".join(flashed.output.split())


def test_a_model_is_generated_first(board: Board) -> None:
    Path("pose.tflite").touch()
    Path("art.json").touch()
    words = ("pose.tflite", "--board", DK, "--st-neural-art", "default@art.json")
    result = run(*words, "--stedgeai", "--input-data-type uint8")
    assert result.exit_code == 0, result.output
    call = board.calls()[0]
    assert call[:2] == ["stedgeai", "generate"]
    assert call[-2:] == ["--input-data-type", "uint8"]
    assert call[call.index("--name") + 1] == "pose"
    assert Path("n6link-stm32n6570-dk/pose-octoFlash-0x70380000.bin").is_file()
    board.set(fail={"stedgeai": "yes"})
    assert "stedgeai generate failed for pose.tflite: E103(CliRuntimeError)" in error(*words)


def test_a_model_without_stedgeai(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pose.tflite").touch()
    Path("art.json").touch()
    monkeypatch.setenv("PATH", str(st_tools.install(tmp_path / "few", "cmake", "ninja", "arm-none-eabi-gcc")))
    text = error("pose.tflite", "--board", DK, "--st-neural-art", "default@art.json")
    assert "stedgeai was not found; it is a part of STEdgeAI-Core" in text


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"broken_align": True},
            "the signed image has the image at offset 0x240 instead of 0x400, and the board would stay silent",
        ),
        ({"fail": {"STM32_SigningTool_CLI": "no licence"}}, "the signing tool failed: Error: no licence"),
    ],
)
def test_a_signature_that_would_not_start(board: Board, settings: dict[str, object], text: str) -> None:
    board.set(**settings)
    assert text in error(st_tools.network(Path("one")), "--board", DK)
    assert not folder.read(Path("n6link-stm32n6570-dk")).signed.exists()


def test_an_old_signing_tool_is_called_without_align(board: Board) -> None:
    board.set(version="2.20.0")
    assert run(st_tools.network(Path("one")), "--board", DK).exit_code == 0
    assert "-align" not in board.calls()[-1]
    assert fault(Path("n6link-stm32n6570-dk/n6link-stm32n6570-dk_sign.bin"), IMAGE) is None
