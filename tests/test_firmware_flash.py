"""`n6link firmware flash` with stand-ins of ST's programs, which fail as the real ones do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import st_tools
from lines import Usb
from st_fixtures import processes, standins
from st_tools import IMAGE, Board
from typer.testing import CliRunner, Result

from n6link.cli import app
from n6link.firmware import folder
from n6link.firmware.boards import board as find_board
from n6link.firmware.signing import MAGIC

__all__ = ["processes", "standins"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
LOADER: Final = MAGIC + bytes(range(256)) * 240
"""as large as that of ST: about 61 KB"""
WEIGHTS: Final = bytes(i * 11 % 253 for i in range(70_000))
SERIAL: Final = "0039002B3433510A"
Flash = Callable[..., Result]


@pytest.fixture
def board(standins: Board, usb: Usb) -> Board:
    """A board in development mode, ST's programs on the search path, and a built firmware in the folder `fw`."""
    Path("ai_fsbl.hex").write_text(st_tools.to_hex(0x70000000, LOADER))
    built()
    return standins


def built(name: str = "stm32n6570-dk", weights: bytes = WEIGHTS) -> None:
    """A firmware in the folder `fw`."""
    files = {f"n6link-{name}.bin": IMAGE, "pose-octoFlash-0x70380000.bin": weights}
    Path("fw").mkdir(exist_ok=True)
    for file, content in files.items():
        Path("fw", file).write_bytes(content)
    image = folder.placed("image", f"n6link-{name}.bin", 0x70100000, IMAGE)
    part = folder.placed("weights of pose (octoFlash)", "pose-octoFlash-0x70380000.bin", 0x70380000, weights)
    folder.write(folder.Built(Path("fw"), find_board(name), ("pose",), image, (part,)))


def flash(*words: str, answers: str | None = None) -> Result:
    """Calls `n6link firmware flash`, without waiting for the board."""
    asking = ["--yes"] if answers is None else []
    return CliRunner().invoke(app, ["firmware", "flash", "--wait", "0", *asking, *words], input=answers)


def error(*words: str) -> str:
    """The message of a run that fails."""
    result = flash(*words)
    assert result.exit_code in (1, 2), result.output
    assert "internal error" not in result.output
    return " ".join(result.output.split())


def states() -> dict[str, Any]:
    """What the state file says about each address: whether it is complete."""
    data = json.loads(Path("fw/flash.json").read_text())
    return {address: entry["complete"] for address, entry in data.get(SERIAL, {}).items()}


FIRST: Final = ("fw", "--fsbl", "ai_fsbl.hex")


def test_a_new_board(processes: Board) -> None:
    result = flash(*FIRST)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert (
        "STM32N6570-DK: set both boot switches (BOOT0, BOOT1) to the right, then unplug and replug the cable at CN6"
        in text
    )
    assert (
        "programmed: set both boot switches (BOOT0, BOOT1) to the left, then unplug and replug the cable at CN6" in text
    )
    assert processes.load(0x70000000, len(LOADER)) == LOADER
    assert processes.load(0x70380000, len(WEIGHTS)) == WEIGHTS
    assert processes.load(0x70100400, len(IMAGE)) == IMAGE
    assert processes.load(0x70100000, 4) == MAGIC
    assert processes.written() == ["ai_fsbl.hex", "pose-octoFlash-0x70380000.bin", "n6link-stm32n6570-dk_sign.bin"]
    assert states() == {"0x70000000": True, "0x70380000": True, "0x70100000": True}


def test_the_nucleo(board: Board) -> None:
    built("nucleo-n657x0-q")
    board.set(product="NUCLEO-N657X0-Q")
    result = flash(*FIRST)
    assert result.exit_code == 0, result.output
    assert "set jumper JP1 (BOOT0) in position 1, JP2 (BOOT1) in position 2" in " ".join(result.output.split())
    assert board.load(0x70100400, len(IMAGE)) == IMAGE


@pytest.mark.parametrize(
    ("name", "loader", "development", "from_flash"),
    [
        (
            "stm32n6570-dk",
            "MX66UW1G45G_STM32N6570-DK.stldr",
            "set both boot switches (BOOT0, BOOT1) to the right, unplug and replug the cable at CN6",
            "set both boot switches (BOOT0, BOOT1) to the left, unplug and replug the cable at CN6",
        ),
        (
            "nucleo-n657x0-q",
            "MX25UM51245G_STM32N6570-NUCLEO.stldr",
            "set jumper JP1 (BOOT0) in position 1, JP2 (BOOT1) in position 2, unplug and replug the cable at CN9",
            "set jumpers JP1 (BOOT0) and JP2 (BOOT1) in position 1, unplug and replug the cable at CN9",
        ),
    ],
)
def test_dry_run(board: Board, tmp_path: Path, name: str, loader: str, development: str, from_flash: str) -> None:
    """The commands are those of ST's README files, with -v (verify) and -align (from version 2.21 of the tool on)."""
    built(name)
    result = flash(*FIRST, "--dry-run")
    assert result.exit_code == 0
    assert board.calls() == []
    fw, tool = tmp_path / "fw", tmp_path / "bin"
    program = f"{tool}/STM32_Programmer_CLI -c port=SWD mode=HOTPLUG -el {tool}/ExternalLoader/{loader} -hardRst -w"
    lines = result.output.splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        f"{tool}/STM32_SigningTool_CLI -s -bin {fw}/n6link-{name}.bin -nk -t ssbl -hv 2.3 -align -o {fw}/n6link-{name}_sign.bin",
        f"{tool}/STM32_Programmer_CLI -c port=SWD mode=HOTPLUG",
        f"{program} {tmp_path}/ai_fsbl.hex -v",
        f"{program} {fw}/pose-octoFlash-0x70380000.bin 0x70380000 -v",
        f"{program} {fw}/n6link-{name}_sign.bin 0x70100000 -v",
        "n6link info",
    ]
    assert f"# {development}" in lines
    assert f"# {from_flash}" in lines


def test_a_dry_run_needs_no_tools(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = flash("fw", "--dry-run")
    assert result.exit_code == 0
    assert (
        "STM32_Programmer_CLI -c port=SWD mode=HOTPLUG -el ExternalLoader/MX66UW1G45G_STM32N6570-DK.stldr -r 0x70000000 0x400 flash.bin"
        in (result.output)
    )
    text = error("fw")
    assert "STM32_Programmer_CLI was not found; install STM32CubeProg from ST's page of this name" in text
    assert "STM32_SigningTool_CLI was not found; it is a part of STM32CubeProg" in text


def test_a_second_run_compares_and_writes_nothing(board: Board) -> None:
    assert flash(*FIRST).exit_code == 0
    board.calls()
    result = flash(*FIRST)
    assert result.exit_code == 0, result.output
    assert board.written() == []
    assert "compared, and already on the board: signed image" in " ".join(result.output.split())
    assert flash("fw", "--again").exit_code == 0
    assert len(board.written()) == 2


def test_what_another_program_has_overwritten_is_programmed_again(board: Board) -> None:
    assert flash(*FIRST).exit_code == 0
    board.calls()
    board.store(0x70380000, b"other weights")
    assert flash("fw").exit_code == 0
    assert board.written() == ["pose-octoFlash-0x70380000.bin"]


def test_new_weights_of_a_new_build(board: Board) -> None:
    assert flash(*FIRST).exit_code == 0
    board.calls()
    built(weights=WEIGHTS[::-1])
    assert flash("fw").exit_code == 0
    assert board.written() == ["pose-octoFlash-0x70380000.bin"]
    assert board.load(0x70380000, len(WEIGHTS)) == WEIGHTS[::-1]


@pytest.mark.parametrize("kind", ["cut", "interrupt"])
def test_an_interrupted_run_goes_on(processes: Board, kind: str) -> None:
    processes.set(fail={"write:0x70380000": kind})
    result = flash(*FIRST)
    text = " ".join(result.output.split())
    assert result.exit_code == (1 if kind == "cut" else 130), text
    assert "weights of pose (octoFlash) at 0x70380000: incomplete on the board" in text
    assert states() == {"0x70000000": True, "0x70380000": False}
    assert processes.load(0x70380000, len(WEIGHTS)) != WEIGHTS
    processes.set(fail={})
    processes.calls()
    result = flash(*FIRST)
    assert result.exit_code == 0, result.output
    assert (
        "an earlier run was interrupted: incomplete on the board: weights of pose (octoFlash) at 0x70380000"
        in " ".join(result.output.split())
    )
    assert processes.written() == ["pose-octoFlash-0x70380000.bin", "n6link-stm32n6570-dk_sign.bin"]
    assert processes.load(0x70380000, len(WEIGHTS)) == WEIGHTS


DEVELOPMENT: Final = "set both boot switches (BOOT0, BOOT1) to the right (LED2 is on in development mode), unplug and replug the cable, and try again"


@pytest.mark.parametrize(
    ("step", "kind", "text"),
    [
        ("connect", "no probe", "the board: no ST-Link was found; connect CN6 with a cable that carries data"),
        (
            "connect",
            "busy",
            "the board: the ST-Link is in use; close STM32CubeIDE, STM32CubeProgrammer and gdb servers",
        ),
        (
            "connect",
            "usb",
            "the board: the ST-Link does not answer; unplug and replug the cable, and try again with --khz 1000",
        ),
        ("connect", "no target", f"the board: the ST-Link answers, but the chip does not; {DEVELOPMENT}"),
        ("write", "loader", f"MX66UW1G45G_STM32N6570-DK.stldr cannot be started; {DEVELOPMENT}"),
        ("write", "erase", f"the board is not in development mode, or the flash is write-protected; {DEVELOPMENT}"),
        (
            "write",
            "protected",
            f"the flash refuses the data: it is write-protected, or the board is not in development mode; {DEVELOPMENT}",
        ),
        ("write", "verify", "the flash does not hold what was written; try again, with --khz 1000"),
        ("write", "download", "writing ended early; unplug and replug the cable, and try again"),
        ("write", "usb", "the ST-Link does not answer"),
        ("write", "other", "STM32_Programmer_CLI failed: Error: something that nobody has published; see"),
    ],
)
def test_failures_in_words(board: Board, step: str, kind: str, text: str) -> None:
    board.set(fail={step: kind}, code=0)  # which the tool often returns: it does not matter
    message = error(*FIRST)
    assert text in message
    if step == "write":
        assert "first stage boot loader at 0x70000000: incomplete on the board: " in message
        assert "; run the same command again to continue" in message
        assert states() == {"0x70000000": False}
    else:
        assert not Path("fw/flash.json").exists()


def test_a_failure_with_an_exit_code_only(board: Board) -> None:
    board.set(fail={"write": "silent"}, code=1)
    assert "STM32_Programmer_CLI failed: Address : 0x70000000; see" in error(*FIRST)


def test_a_write_that_nobody_confirms_is_no_success(board: Board) -> None:
    board.set(fail={"write": "silent"}, code=0)
    assert "did not report that it verified the flash" in error(*FIRST)


def test_boot_switches_for_flash(board: Board) -> None:
    board.set(boot="flash")
    assert (
        f"the flash cannot be erased: the board is not in development mode, or the flash is write-protected; {DEVELOPMENT}"
        in error(*FIRST)
    )


def test_the_known_fault_of_2_20_with_the_nucleo(board: Board) -> None:
    built("nucleo-n657x0-q")
    board.set(product="NUCLEO-N657X0-Q", version="2.20.0", fail={"write": "erase"})
    assert "STM32CubeProg 2.20 cannot erase the flash of this board, newer versions can" in error(*FIRST)


def test_a_chip_that_answers_only_under_reset(board: Board) -> None:
    board.set(fail={"connect": "no target"}, under_reset=True)
    result = flash(*FIRST)
    assert result.exit_code == 0, result.output
    assert "connect under reset" in result.output
    assert all("mode=UR" in call for call in board.calls() if "-w" in call)


def test_another_board(board: Board) -> None:
    board.set(product="NUCLEO-N657X0-Q")
    text = error(*FIRST)
    assert (
        f"the firmware is for STM32N6570-DK, but the ST-Link {SERIAL} is on a NUCLEO-N657X0-Q; build it with --board nucleo-n657x0-q"
        in text
    )
    assert board.written() == []


def test_several_boards(board: Board, usb: Usb) -> None:
    usb.plug("ttyACM0", "0483:374e", SERIAL, at="1-1")
    usb.plug("ttyACM1", "0483:374e", "002F00453433511830343835", at="1-2")
    assert f"several boards are connected (002F00453433511830343835, {SERIAL}); choose one with --serial" in error(
        *FIRST
    )
    assert flash(*FIRST, "--serial", SERIAL, "--khz", "1000").exit_code == 0
    assert all(f"sn={SERIAL}" in call and "freq=1000" in call for call in board.calls() if "-c" in call)
    assert "no ST-Link with this serial number is connected" in error(*FIRST, "--serial", "1234")


def test_the_external_loader_is_missing(board: Board, tmp_path: Path) -> None:
    (tmp_path / "bin/ExternalLoader/MX66UW1G45G_STM32N6570-DK.stldr").unlink()
    text = error(*FIRST)
    assert "there is no external loader" in text
    assert "install STM32CubeProg 2.18 or newer from ST's page of this name, or set STM32CUBE_PROGRAMMER_DIR" in text
    assert board.calls() == []


def test_a_board_without_a_boot_loader(board: Board) -> None:
    text = error("fw")
    assert (
        "the board has no first stage boot loader, and nothing was written; add --fsbl FILE: ST ships it as ai_fsbl.hex"
        in text
    )
    assert board.written() == []


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("no.hex", None, "no.hex cannot be read: No such file or directory"),
        (
            "app.hex",
            st_tools.to_hex(0x70100000, LOADER),
            "it has bytes at 0x70100000, outside of 0x70000000 to 0x700fffff",
        ),
        ("code.hex", st_tools.to_hex(0x70000000, b"code"), "it does not start with the header STM2"),
        ("bad.hex", ":0200000470008B\n", "line 1 is damaged"),
    ],
)
def test_files_that_are_no_boot_loader(board: Board, name: str, content: str | None, text: str) -> None:
    if content is not None:
        Path(name).write_text(content)
    assert text in error("fw", "--fsbl", name)
    assert board.written() == []


def test_signing(board: Board) -> None:
    """An image is signed once, and again if it is another one; a tool that does not align is found out."""
    assert flash(*FIRST).exit_code == 0
    assert ["STM32_SigningTool_CLI", "--version"] in board.calls()
    assert flash("fw").exit_code == 0
    assert not any(call[0] == "STM32_SigningTool_CLI" for call in board.calls())
    Path("fw/n6link-stm32n6570-dk_sign.bin").write_bytes(b"STM2 of another image".ljust(2048))
    board.set(broken_align=True)
    assert "the signed image has the image at offset 0x240 instead of 0x400" in error("fw")


@pytest.mark.parametrize(
    ("file", "content", "text"),
    [
        (
            "firmware.json",
            None,
            "fw does not hold a complete firmware: there is no firmware.json; run n6link firmware build again",
        ),
        ("firmware.json", b"{", "fw/firmware.json is damaged"),
        ("firmware.json", b'{"format": 2, "n6link": "9.0"}', "fw/firmware.json was written by n6link 9.0"),
        ("n6link-stm32n6570-dk.bin", b"other", "fw/n6link-stm32n6570-dk.bin has changed since the build"),
        ("pose-octoFlash-0x70380000.bin", None, "fw/pose-octoFlash-0x70380000.bin cannot be read"),
        ("flash.json", b"[", "fw/flash.json cannot be read"),
        ("flash.json", b"[]", "fw/flash.json is damaged; remove it to program everything again"),
    ],
)
def test_a_damaged_folder(board: Board, file: str, content: bytes | None, text: str) -> None:
    Path("fw", file).unlink(missing_ok=True)
    if content is not None:
        Path("fw", file).write_bytes(content)
    assert text in error(*FIRST)
    assert board.written() == []


def test_the_only_folder_is_found(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flash("--fsbl", "ai_fsbl.hex").exit_code == 0
    Path("fw").rename("a")
    built()
    assert "there are several built firmwares here (a, fw)" in error()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert "there is no built firmware here" in error()


def test_it_asks_before_it_writes(board: Board) -> None:
    result = flash(*FIRST, answers="y\nn\n")
    assert result.exit_code == 1
    assert f"write to the flash of the STM32N6570-DK, ST-Link {SERIAL}?" in result.output
    assert "stopped; nothing more was written" in result.output
    assert board.written() == []
    assert flash(*FIRST, answers="y\ny\n").exit_code == 0
    assert "there is no terminal to ask questions; use --yes" in flash("fw", answers="").output


def test_the_started_board_is_shown(board: Board, virtual_board: None) -> None:
    words = ["firmware", "flash", *FIRST, "--yes", "--url", "sim:tiny=reference:reference_colour"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "tiny" in result.output.rpartition("programmed:")[2]


def test_a_board_that_stays_silent(board: Board) -> None:
    words = ["firmware", "flash", *FIRST, "--yes", "--url", "unix:/nowhere", "--wait", "0.01"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "the board is programmed, but does not answer: " in text
    assert (
        "check both boot switches (BOOT0, BOOT1) to the left, unplug and replug the cable, and run n6link info" in text
    )


def test_no_command_touches_a_fuse(board: Board) -> None:
    """The stand-in refuses each word that has to do with fuses or option bytes; this test refuses them in the sources."""
    package = Path(folder.__file__).parent
    for path in package.glob("*.py"):
        for word in ('"-otp', '"-ob"', "OTP_FUSES", '"-e"', "--mass", "-rdu"):
            assert word not in path.read_text(), path
