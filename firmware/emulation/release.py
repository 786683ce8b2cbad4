"""`make emulate`: board images with ST's own sources on the emulated board, checked and written down.

    STM32CUBE_N6_DIR=... STEDGEAI_CORE_DIR=... python -m emulation.release --network movenet13=/path/to/st_ai_output

For each board: builds the image for a Cortex-M33, and does what `checks` says. A network whose folder is for one board has the board's
name before it: nucleo-n657x0-q:movenet13=/path. The report has versions, counts, and what was skipped and why; --append adds a run
with other packages to it. No board is measured.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from emulation import example, start_diff
from emulation.board import KINDS, Image
from emulation.checks import Report, Setup, run_all
from n6link.registry import Network, read_network, runtime_version

FIRMWARE: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("STM32CUBE_N6_DIR", "STEDGEAI_CORE_DIR")


def build(board: str, networks: list[str], folder: Path) -> tuple[Path | None, str]:
    """The image of a board, or the reason why there is none."""
    settings = [f"-D{name}={os.environ[name]}" for name in PACKAGES]
    settings += ["-DN6_EMULATED=ON", f"-DN6_NETWORKS={';'.join(networks)}"]
    for command in (["--preset", board, "-B", str(folder), *settings], ["--build", str(folder)]):
        done = subprocess.run(["cmake", *command], cwd=FIRMWARE, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = re.findall(r"^Error: .*|.*error:.*", done.stdout + done.stderr, re.MULTILINE)
            return None, reason[0] if reason else done.stderr[-300:]
    return folder / "ports" / "stm32n6" / f"emulated-{board}.elf", ""


def versions() -> str:
    """Of ST's packages and the compiler."""
    cube, core = (Path(os.environ[name]) for name in PACKAGES)
    text = (cube / "Drivers/STM32N6xx_HAL_Driver/Inc/stm32n6xx_hal.h").read_text(encoding="utf-8", errors="replace")
    hal = re.findall(r"__STM32N6xx_HAL_VERSION_(?:MAIN|SUB1|SUB2) +\(?0x([0-9A-Fa-f]+)", text)
    aton = runtime_version(core / "Middlewares/ST/AI/Npu/ll_aton/ll_aton_version.h")
    compiler = subprocess.run(["arm-none-eabi-gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    return f"HAL {'.'.join(str(int(part, 16)) for part in hal) or 'unknown'}, LL_ATON {aton}, GCC {compiler.stdout.strip()}"


def check_board(kind: str, wanted: list[str], image: str | None, application: Path | None, report: Report) -> None:
    """One board with the networks that are for it."""
    chosen = [
        text.partition(":")[2] if ":" in text.partition("=")[0] else text for text in wanted if _is_for(kind, text)
    ]
    report.note(f"\n## {kind}\n")
    if not chosen:
        report.note(f"skipped: no --network is for {kind}")
        return
    networks = [read_network(*text.split("=", 1)) for text in chosen]
    for network in networks:
        source = network.source
        report.note(f"{network.name}: {source.path.name}, compiler {source.compiler or 'unknown'}, {_blocks(network)}")
        for note in network.notes:
            report.note(f"skipped: {note}")
    elf, reason = (Path(image), "") if image else build(kind, chosen, FIRMWARE / "build" / f"emulated-{kind}")
    if elf is None:
        report.failed += 1
        report.note(f"FAIL: {kind} was not built: {reason}")
        return
    parts = [(network.name, part) for network in networks for part in network.parts if part.in_flash]
    flash = [(part.address, part.content) for _, part in parts]
    names = [network.name for network in networks]
    if application:
        compare_start(kind, Image(elf), application, report)
    report.note("")
    begun = time.monotonic()
    run_all(Setup(KINDS[kind], Image(elf), names, flash, frozenset(name for name, _ in parts)), report)
    report.note(f"\n{time.monotonic() - begun:.0f} s on this machine.")


def compare_start(kind: str, image: Image, application: Path, report: Report) -> None:
    """The register writes of the start next to those of one of ST's examples."""
    try:
        built = example.build(application, FIRMWARE / "build" / f"example-{kind}")
        theirs = start_diff.example(KINDS[kind], Image(built))
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        report.failed += 1
        report.note(f"FAIL: the start of {application} cannot be compared: {str(error)[:300]}")
        return
    ours = start_diff.firmware(KINDS[kind], image)
    same, others = start_diff.differences(ours, theirs)
    counts, left = start_diff.explained(others)
    report.note(
        f"\nRegister writes of the start: {len(ours)}; of {application.parents[1].name}: {len(theirs)}; {same} are the same, in the same order.\n"
    )
    report.note("| writes | where | reason |\n|---|---|---|")
    for (side, reason), count in sorted(counts.items(), key=lambda item: -item[1]):
        report.note(f"| {count} | {side} | {reason} |")
    report.note("\n| check | result | seen |\n|---|---|---|")
    seen = [
        f"{side}: {write.peripheral}+{write.offset:#x} = {write.value:#x} in {write.function}" for side, write in left
    ]
    report.check("differences without a reason", not left, "; ".join(seen) or "none")


def _is_for(kind: str, text: str) -> bool:
    board, colon, _ = text.partition("=")[0].partition(":")
    return not colon or board == kind


def _blocks(network: Network) -> str:
    kinds = [block.kind.name for block in network.blocks]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) + " blocks"


def main() -> int:
    """The command line; 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="emulation.release", description=__doc__)
    parser.add_argument("--network", action="append", default=[], metavar="[BOARD:]NAME=FOLDER")
    parser.add_argument("--board", action="append", choices=KINDS)
    parser.add_argument("--image", action="append", default=[], metavar="BOARD=ELF", help="built before")
    parser.add_argument(
        "--example",
        action="append",
        default=[],
        metavar="BOARD=FOLDER",
        help="an application of ST's GettingStarted examples with the same HAL: its start is compared with the firmware's",
    )
    parser.add_argument("--report", type=Path, default=FIRMWARE / "build" / "emulation.md")
    parser.add_argument("--append", action="store_true", help="add to the report")
    options = parser.parse_args()
    missing = [name for name in PACKAGES if not os.environ.get(name)]
    if missing or not options.network:
        what = ", ".join(missing) or "--network"
        print(f"{what} is not given; the emulation needs ST's sources and a generated network", file=sys.stderr)
        return 2
    report = Report()
    report.note(f"# Emulated boards: {versions()}\n")
    report.note("skipped: USB, Helium, timing, voltages, and all that a model of firmware/emulation says it leaves out")
    examples = {name: Path(path) for name, path in (text.split("=", 1) for text in options.example)}
    images = dict(text.split("=", 1) for text in options.image)
    for kind in options.board or KINDS:
        check_board(kind, options.network, images.get(kind), examples.get(kind), report)
    report.note(f"\n{report.passed} checks passed, {report.failed} failed; {report.injected} failures were injected.")
    options.report.parent.mkdir(exist_ok=True)
    with options.report.open("a" if options.append else "w", encoding="utf-8") as file:
        file.write("\n".join(report.lines) + "\n\n")
    print(options.report)
    return int(report.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
