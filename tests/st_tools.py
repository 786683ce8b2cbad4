"""Stand-ins of the programs that `n6link firmware` runs: STM32CubeProgrammer's two, `stedgeai`, CMake and a compiler.

They accept what ST's documents describe, and nothing else: UM2237 (STM32_Programmer_CLI), UM2543 and ST's wiki (STM32_SigningTool_CLI), the help of
`stedgeai`, and the README files of ST's STM32N6-GettingStarted applications for the commands of these boards. What they print when they
fail is what users have published. A board is a folder: `board.json` says what it is and which failure comes next, `flash.img` is its
flash, `calls.jsonl` lists the commands.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

FLASH: Final = 0x70000000
BLOCK: Final = 0x10000
STUBS: Final = Path(__file__).resolve().parents[1] / "firmware" / "ports" / "stm32n6" / "stubs" / "network"
IMAGE: Final = struct.pack("<II", 0x34100000, 0x34000F01) + bytes(range(256)) * 16
"""what the stand-in of CMake builds: stack pointer, reset handler, and more"""
LOADERS: Final = {
    "STM32N6570-DK": "MX66UW1G45G_STM32N6570-DK.stldr",
    "NUCLEO-N657X0-Q": "MX25UM51245G_STM32N6570-NUCLEO.stldr",
}
PROGRAMS: Final = (
    "STM32_Programmer_CLI",
    "STM32_SigningTool_CLI",
    "stedgeai",
    "cmake",
    "ninja",
    "arm-none-eabi-gcc",
)


def install(folder: Path, *programs: str) -> Path:
    """Puts stand-ins into a folder, with the external loaders; without names, all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in programs or PROGRAMS:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{__file__}" {name} "$@"\n')
        script.chmod(0o755)
    if not programs or "STM32_Programmer_CLI" in programs:
        (folder / "ExternalLoader").mkdir(exist_ok=True)
        for loader in LOADERS.values():
            (folder / "ExternalLoader" / loader).write_bytes(b"\x7fELF")
    return folder


class Board:
    """A board with its ST-Link, and the versions of the tools; the folder is in the environment variable N6_STANDIN."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set(self, **values: object) -> None:
        """Changes what it is, or which failure comes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "board.json").write_text(json.dumps({**self.values(), **values}))

    def values(self) -> dict[str, Any]:
        """What it is."""
        defaults: dict[str, Any] = {
            "product": "STM32N6570-DK",
            "serial": "0039002B3433510A",
            "version": "2.22.0",
            "boot": "development",
            "fail": {},
            "code": 1,
        }
        path = self.folder / "board.json"
        return defaults | (json.loads(path.read_text()) if path.is_file() else {})

    def calls(self) -> list[list[str]]:
        """All commands so far, by the names of the programs; and forgets them."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.is_file() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def written(self) -> list[str]:
        """Files of the programming commands since the last call."""
        return [Path(call[call.index("-w") + 1]).name for call in self.calls() if "-w" in call]

    def load(self, address: int, size: int) -> bytes:
        """Content of the flash."""
        path = self.folder / "flash.img"
        if not path.is_file():
            return b"\xff" * size
        with path.open("rb") as file:
            file.seek(address - FLASH)
            return file.read(size).ljust(size, b"\xff")

    def store(self, address: int, content: bytes) -> None:
        """Erases the blocks of the content, and writes it."""
        first, end = (address - FLASH) // BLOCK * BLOCK, -(-(address - FLASH + len(content)) // BLOCK) * BLOCK
        path = self.folder / "flash.img"
        data = bytearray(path.read_bytes() if path.is_file() else b"")
        data.extend(b"\xff" * (end - len(data)))
        data[first:end] = b"\xff" * (end - first)
        data[address - FLASH : address - FLASH + len(content)] = content
        path.write_bytes(data)

    def failing(self, where: str) -> str:
        """The kind of failure that is planned for a step: `connect`, `read`, `write` or `write:ADDRESS`, or the name of a program."""
        return str(self.values()["fail"].get(where, ""))


MESSAGES: Final = {
    "no probe": "Error: No debug probe detected.",
    "no such serial": "Error: ST-LINK error (Serial number not found)",
    "busy": "Error: ST-LINK error (DEV_CONNECT_ERR)",
    "usb": "Error: ST-LINK error (DEV_USB_COMM_ERR)",
    "no target": "Error: Unable to get core ID\n\nError: No STM32 target found! If your product embeds Debug Authentication, "
    "please perform a discovery using Debug Authentication",
    "loader": "Error: Flash loader cannot be loaded",
    "erase": "Erasing external memory sectors [16 20]\nError: failed to erase memory",
    "protected": "Error: Failed to download data! If it's a Flash memory, it may be not erased or protected",
    "verify": "File download complete\nVerifying ...\nError: Data mismatch found at address 0x70100400 (byte = 0xFF instead of 0x00)\n"
    "Error: Download verification failed",
    "download": "Error: failed to download Segment[0]\nError: failed to download the File",
    "other": "Error: something that nobody has published",
    "silent": "",
}


class Refused(Exception):
    """An argument that ST's documents do not describe."""


def fail(board: Board, kind: str) -> int:
    """Prints the message of a failure; the exit code is often 0."""
    print(MESSAGES[kind].replace("Error:", "\x1b[31mError:") + "\x1b[0m")
    return int(board.values()["code"])


def programmer(board: Board, words: list[str]) -> int:
    """STM32_Programmer_CLI."""
    values = board.values()
    print(f"      -----\n                        STM32CubeProgrammer v{values['version']}\n      -----\n")
    if any("otp_fuses" in word.lower() or word in {"-otp", "-ob", "--optionbytes"} for word in words):
        raise Refused("a fuse or option byte")
    if words == ["--version"]:
        return 0
    words = list(words)
    if words[:2] != ["-c", "port=SWD"]:
        raise Refused("it must start with -c port=SWD")
    words = words[2:]
    link: dict[str, str] = {}
    while words and "=" in words[0] and not words[0].startswith("-"):
        name, _, value = words.pop(0).partition("=")
        if name not in {"mode", "sn", "freq"} or (name == "mode" and value not in {"HOTPLUG", "UR"}):
            raise Refused(f"{name}={value}")
        link[name] = value
    loader = None
    if words[:1] == ["-el"]:
        loader, words = Path(words[1]), words[2:]
        if not loader.is_absolute() or not loader.is_file() or loader.name not in LOADERS.values():
            raise Refused(f"external loader {loader}")
    kind = board.failing("connect")
    if kind == "no target" and link["mode"] == "UR" and values.get("under_reset"):
        kind = ""
    if kind:
        return fail(board, kind)
    if link.get("sn", values["serial"]) != values["serial"]:
        return fail(board, "no such serial")
    print(
        f"ST-LINK SN  : {values['serial']}\nST-LINK FW  : V3J17M10\nBoard       : {values['product']}\nVoltage     : 3.28V\n"
        f"SWD freq    : {link.get('freq', '8000')} KHz\nConnect mode: {'Hot Plug' if link['mode'] == 'HOTPLUG' else 'Under Reset'}\n"
        "Reset mode  : Software reset\nDevice ID   : 0x486\nRevision ID : Rev B\nDevice name : STM32N657\nDevice type : MCU\n"
        "Device CPU  : Cortex-M55\n"
    )
    if not words:
        return 0
    if loader is None or loader.name != LOADERS[values["product"]]:
        raise Refused("the flash of this board has another external loader")
    if words[0] == "-r" and len(words) == 4:
        return read(board, int(words[1], 16), int(words[2], 16), Path(words[3]))
    if words[:2] == ["-hardRst", "-w"] and words[-1] == "-v":
        return write(board, Path(words[2]), words[3:-1])
    raise Refused(" ".join(words))


def read(board: Board, address: int, size: int, file: Path) -> int:
    """-r: reads into a file."""
    if kind := board.failing("read"):
        return fail(board, kind)
    file.write_bytes(board.load(address, size))
    print("Data read successfully")
    return 0


def write(board: Board, file: Path, rest: list[str]) -> int:
    """-w ... -v: erases, writes, verifies."""
    if file.suffix == ".hex" and not rest:
        address, content = hex_file(file)
    elif file.suffix == ".bin" and len(rest) == 1:
        address, content = int(rest[0], 16), file.read_bytes()
    else:
        raise Refused(f"format of {file}, or address {rest}")
    print(f"Opening and parsing file: {file.name}\n\nMemory Programming ...\n  Address       : {address:#010x}\n")
    kind = board.failing(f"write:{address:#x}") or board.failing("write")
    if board.values()["boot"] != "development":
        kind = "erase"
    if kind in {"cut", "interrupt"}:
        board.store(address, content[: len(content) // 2])
        if kind == "cut":
            os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)  # the parent ends this
    if kind == "verify":
        board.store(address, content[:-1] + b"\0")
    elif not kind or kind == "silent":
        board.store(address, content)
    if kind:
        return fail(board, kind)
    first, last = (address - FLASH) // BLOCK, (address - FLASH + len(content) - 1) // BLOCK
    print(f"Erasing memory corresponding to segment 0:\nErasing external memory sectors [{first} {last}]")
    print("Download in Progress:\n[====================] 100%\n\nFile download complete")
    print("Verifying ...\n[====================] 100%\n\nDownload verified successfully")
    return 0


def hex_file(file: Path) -> tuple[int, bytes]:
    """First address and content of an Intel HEX file without gaps."""
    base, start, content = 0, -1, b""
    for line in file.read_text().split():
        record = bytes.fromhex(line[1:])
        if record[3] == 4:
            base = int.from_bytes(record[4:6], "big") << 16
        elif record[3] == 0:
            start = base + int.from_bytes(record[1:3], "big") if start < 0 else start
            content += record[4:-1]
    return start, content


def to_hex(address: int, content: bytes) -> str:
    """An Intel HEX file."""

    def line(kind: int, at: int, data: bytes) -> str:
        record = bytes([len(data), at >> 8 & 0xFF, at & 0xFF, kind]) + data
        return f":{(record + bytes([-sum(record) % 256])).hex().upper()}\n"

    text = ""
    for at in range(0, len(content), 16):
        if at % 0x10000 == 0:
            text += line(4, 0, (address + at >> 16).to_bytes(2, "big"))
        text += line(0, (address + at) & 0xFFFF, content[at : at + 16])
    return text + line(1, 0, b"")


def signing_tool(board: Board, words: list[str]) -> int:
    """STM32_SigningTool_CLI: before 2.21 it aligns always and does not know -align; since then it aligns with the option only."""
    version = str(board.values()["version"])
    print(f"      -----\n                       STM32 Signing Tool v{version}\n      -----\n")
    if words == ["--version"]:
        return 0
    words = list(words)
    numbers = tuple(map(int, version.split(".")[:2]))
    align = "-align" in words
    if align and numbers < (2, 21):
        print("Error: Unknown option: -align")
        return 1
    if align:
        words.remove("-align")
    if words[:2] != ["-s", "-bin"] or words[3:8] != ["-nk", "-t", "ssbl", "-hv", "2.3"] or words[8] != "-o":
        raise Refused(" ".join(words))
    if kind := board.failing("STM32_SigningTool_CLI"):
        print(f"Error: {kind}")
        return 1
    source, target = Path(words[2]), Path(words[9])
    payload = source.read_bytes()
    at = 0x400 if numbers < (2, 21) or (align and not board.values().get("broken_align")) else 0x240
    signed = bytearray(b"STM2".ljust(at, b"\0")) + payload
    struct.pack_into("<III", signed, 0x68, 0x20300, len(payload), struct.unpack_from("<I", signed, 0x404)[0])
    target.write_bytes(signed)
    print(f" The headred image file generated successfully:  {target}")
    return 0


def stedgeai(board: Board, words: list[str]) -> int:
    """`stedgeai generate`."""
    fixed = ["generate", "--model", "--target", "stm32n6", "--st-neural-art", "--name", "--output", "--workspace"]
    if [words[i] for i in (0, 1, 3, 4, 5, 7, 9, 11)] != fixed:
        raise Refused(" ".join(words))
    model, (profile, _, file), name, output = Path(words[2]), words[6].rpartition("@"), words[8], Path(words[10])
    if not model.is_file() or not profile or not Path(file).is_file():
        raise Refused(" ".join(words))
    if board.failing("stedgeai"):
        print("ST Edge AI Core v2.2.0-20266 2adc00962\nE103(CliRuntimeError): Error calling the Neural Art compiler")
        return 1
    network(output, name)
    return 0


def network(
    folder: Path, name: str = "tiny", *, flash: int = 0x70380000, size: int = 2048, weights: bool = True
) -> Path:
    """A folder as `stedgeai generate` makes it: the network of the stand-ins with another name, address and size."""
    folder.mkdir(parents=True, exist_ok=True)
    source = (STUBS / "network.c").read_text().replace("_tiny", f"_{name}")
    source = source.replace("offset=0x70380000", f"offset={flash:#x}").replace(
        "pool 1 is 2.00 KB", f"pool 1 is {size} B"
    )
    (folder / f"{name}.c").write_text(source)
    shutil.copy(STUBS / "tiny.toml", folder / f"{name}.toml")
    if weights:
        (folder / f"{name}_atonbuf.xSPI2.raw").write_bytes(bytes(i * 7 % 251 for i in range(size)))
    return folder


def cmake(board: Board, words: list[str]) -> int:
    """CMake: configures and builds what `n6link firmware build` asks for."""
    if words[:1] == ["--build"] and len(words) == 2:
        made = Path(words[1]) / "ports" / "stm32n6"
        name = (made / "board").read_text()
        if board.failing("cmake"):
            print(
                "[1/2] Building C object main.c.obj\nFAILED: main.c.obj\nmain.c:7:1: error: unknown type name 'flaot'\nninja: build stopped"
            )
            return 1
        (made / f"n6link-{name}.bin").write_bytes(IMAGE)
        (made / f"n6link-{name}.elf").write_bytes(b"\x7fELF")
        return 0
    if words[:2] != ["--fresh", "--preset"] or words[3] != "-B":
        raise Refused(" ".join(words))
    settings = dict(word[2:].partition("=")[::2] for word in words[5:])
    for name in ("CMAKE_MAKE_PROGRAM", "STM32CUBE_N6_DIR", "STEDGEAI_CORE_DIR"):
        if not Path(settings[name]).exists():
            raise Refused(f"{name}={settings[name]}")
    for pair in settings["N6_NETWORKS"].split(";"):
        if not Path(pair.partition("=")[2]).is_file():
            raise Refused(pair)
    made = Path(words[4]) / "ports" / "stm32n6"
    made.mkdir(parents=True, exist_ok=True)
    (made / "board").write_text(words[2])
    return 0


def here(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """`subprocess.run` for stand-ins, without a process: tests that replace it are ten times as fast."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = call(Path(command[0]).name, list(command[1:]))
    return subprocess.CompletedProcess(command, code, output.getvalue())


def call(name: str, words: list[str]) -> int:
    """Runs a program; returns its exit code."""
    board = Board(Path(os.environ["N6_STANDIN"]))
    with (board.folder / "calls.jsonl").open("a") as file:
        file.write(json.dumps([name, *words]) + "\n")
    tools = {
        "STM32_Programmer_CLI": programmer,
        "STM32_SigningTool_CLI": signing_tool,
        "stedgeai": stedgeai,
        "cmake": cmake,
    }
    try:
        return tools[name](board, words)
    except Refused as error:
        print(f"Error: this argument is in no document of ST: {error}")
        return 2


if __name__ == "__main__":
    code = call(sys.argv[1], sys.argv[2:])
    sys.stdout.flush()
    sys.exit(code)
