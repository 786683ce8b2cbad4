"""The core on a Cortex-M55: size of code, memory, stack, and number of instructions per received byte.

Usage: ``python benchmarks/m55_size.py [--write]``. Requires arm-none-eabi-gcc; without qemu-system-arm the last table is
omitted. The tables are Markdown; ``--write`` writes them between the marks of firmware/README.md.

Stack: the deepest chain of calls from n6_server_poll(), from GCC's call graph (-fcallgraph-info=su). Calls through pointers
inside the core are followed to the functions that are only called through pointers. Calls to the port and the network
runtime are not followed: add their stack. Recursive functions are counted once each, and listed.

Instructions: the difference between uploads of 64 KB and 32 KB, in QEMU (-icount), inside the core's functions. Copying the
bytes is not counted, as with a DMA. Checksums are computed in software: the CRC-32 of every chunk, which COMMIT combines to
that of the whole tensor.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

FIRMWARE: Final = Path(__file__).resolve().parents[1] / "firmware"
CORE: Final = FIRMWARE / "core"
README: Final = FIRMWARE / "README.md"
MARKS: Final = ("<!-- gen:m55_size -->", "<!-- end:m55_size -->")
PORT: Final = FIRMWARE / "ports" / "qemu-an547"
COMPILER: Final = "arm-none-eabi-gcc"
MACHINE: Final = (
    "-mcpu=cortex-m55",
    "-mthumb",
    "-mfloat-abi=hard",
    "-std=gnu11",
    *(f"-I{layer}" for layer in CORE.glob("*/")),
)
EMULATOR: Final = (
    *("qemu-system-arm", "-M", "mps3-an547", "-icount", "shift=5", "-display", "none", "-nodefaults"),
    *("-monitor", "none", "-semihosting-config", "enable=on,target=native", "-kernel"),
)
INSTRUCTIONS_PER_TICK: Final = 31.25 / 32
"""The system counter has 32 MHz; -icount shift=5 makes an instruction 32 ns."""

HOT: Final = ("n6_crc.c", "n6_colour.c", "n6_idct.c", "n6_jpeg_scan.c", "n6_qoi.c", "n6_target.c")
"""compiled with -O2 even if all other files use -Os, as in firmware/core/CMakeLists.txt"""
LISTENERS: Final = "n6_busy.c"
"""only for ports whose line is a listener; boards do not have one"""
POLL: Final = "n6_server_poll"
PARSERS: Final = ("n6_link_parse", "n6_link_give_up")
"""The functions of the link that call the server back."""
DISPATCHER: Final = "n6_dispatch"
"""The function that calls the handlers of requests."""
CALLBACKS: Final = ("n6_server.c:control", "n6_server.c:place", "n6_server.c:chunk_done")
SOFTWARE_CRC: Final = "n6_crc32"
SCALAR: Final = ("-DN6_REDUCE_SCALAR", "-DN6_PICTURE_SCALAR")
"""omit the separate kernels for Helium"""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """The output of a program that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL).stdout


def table(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Prints a Markdown table; all columns but the first are numbers."""
    heads = list(heads)
    print(f"\n**{title}**\n")
    print("| " + " | ".join(heads) + " |")
    print("|---" + "|--:" * (len(heads) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |")


# ------------------------------------------------------------------------------------------------------------ size


def compile_core(folder: Path, *options: str) -> list[Path]:
    """Objects of the core with -Os, with their call graphs in the same folder."""
    objects = []
    for source in sorted(source for source in CORE.glob("*/*.c") if source.name != LISTENERS):
        objects.append(folder / f"{source.stem}.o")
        level = "-O2" if source.name in HOT else "-Os"
        run(COMPILER, *MACHINE, *options, level, "-fcallgraph-info=su", "-c", source, "-o", objects[-1], cwd=folder)
    return objects


def sizes(objects: Iterable[Path]) -> list[tuple[str, int, int, int]]:
    """Name, text, data and bss of each object."""
    lines = run("arm-none-eabi-size", *objects).splitlines()[1:]
    return [(Path(line.split()[-1]).stem + ".c", *(int(n) for n in line.split()[:3])) for line in lines]  # type: ignore[misc]


def state_size(folder: Path) -> int:
    """sizeof(n6_server_t)."""
    (folder / "state.c").write_text('#include "n6_server.h"\nn6_server_t state;\n')
    run(COMPILER, *MACHINE, "-c", folder / "state.c", "-o", folder / "state.o")
    return sizes([folder / "state.o"])[0][3]


# ----------------------------------------------------------------------------------------------------------- stack


class CallGraph:
    """The core's functions with their frames and calls. Names are ``file.c:name`` for static functions."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.frames: dict[str, int] = {}
        self.files: dict[str, str] = {}
        self.calls: dict[str, set[str]] = {}
        by_pointer: set[str] = set()
        for text in texts:
            for title, path, size in re.findall(
                r'^node: \{ title: "([^"]+)" label: "[^"]*?\\n([^"]*?):\d+:\d+\\n(\d+) bytes', text, re.MULTILINE
            ):
                self.frames[self._short(title)] = int(size)
                self.files[self._short(title)] = Path(path).name
            for source, target in re.findall(
                r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', text, re.MULTILINE
            ):
                if target == "__indirect_call":
                    by_pointer.add(self._short(source))
                else:
                    self.calls.setdefault(self._short(source), set()).add(self._short(target))
        called = set().union(*self.calls.values())
        api = re.findall(r"\b(n6_\w+)\(", (CORE / "server" / "n6_server.h").read_text())
        handlers = {name for name in self.frames if name not in called and name not in api}
        handlers -= {*CALLBACKS, SOFTWARE_CRC}
        pointed = {DISPATCHER: handlers, **{parser: set(CALLBACKS) for parser in PARSERS}}
        for name in by_pointer:
            self.calls.setdefault(name, set()).update(pointed.get(name, {SOFTWARE_CRC}))  # or the port, or the runtime

    @staticmethod
    def _short(title: str) -> str:
        return title.rsplit("/", 1)[-1]

    def circles(self) -> list[set[str]]:
        """Functions that can call themselves, directly or through others."""
        reach = {name: self._reachable(name) for name in self.frames}
        found: list[set[str]] = []
        for name in self.frames:
            circle = {other for other in reach[name] if name in reach[other]}
            if circle and circle not in found:
                found.append(circle)
        return found

    def _reachable(self, name: str) -> set[str]:
        seen: set[str] = set()
        todo = [name]
        while todo:
            new = {other for other in self.calls.get(todo.pop(), ()) if other in self.frames} - seen
            seen |= new
            todo += new
        return seen

    def deepest(self, name: str) -> tuple[int, list[str]]:
        """Bytes and functions of the deepest chain that starts with a function."""
        circles = self.circles()
        memory: dict[frozenset[str], tuple[int, list[str]]] = {}

        def visit(member: str) -> tuple[int, list[str]]:
            group = frozenset(next((circle for circle in circles if member in circle), {member}))
            if group not in memory:
                below = {callee for one in group for callee in self.calls.get(one, ()) if callee in self.frames} - group
                size, chain = max(map(visit, below), default=(0, []), key=lambda found: (found[0], *found[1]))
                memory[group] = (size + sum(self.frames[one] for one in group), [*sorted(group), *chain])
            return memory[group]

        return visit(name)


# ---------------------------------------------------------------------------------------------------- instructions


def instructions(folder: Path, optimisation: str) -> Mapping[int, tuple[float, float]]:
    """By chunk size: instructions for each byte of an upload, and for its COMMIT with the answer."""
    board = [PORT / name for name in ("measure.c", "startup.c", "semihost.c", "clock.c", "uart.c", "hosted.c")]
    elf = folder / f"measure{optimisation}.elf"
    texts = ('-DN6_BUILD=""', '-DN6_FIRMWARE=""')
    link = ("--specs=rdimon.specs", "-nostartfiles", "-Wl,--wrap=main", f"-T{PORT / 'an547.ld'}", f"-I{PORT}")
    sources = sorted(CORE.glob("*/*.c"))
    hot = [folder / f"hot_{source.stem}.o" for source in sources if source.name in HOT]
    for source, compiled in zip((source for source in sources if source.name in HOT), hot, strict=True):
        run(COMPILER, *MACHINE, "-O2", "-c", source, "-o", compiled)
    rest = [source for source in sources if source.name not in HOT]
    run(COMPILER, *MACHINE, optimisation, *texts, *link, *rest, *hot, *board, "-o", elf)
    ticks: dict[int, list[tuple[int, int]]] = {}
    for line in run(*EMULATOR, elf, cwd=folder).splitlines():
        chunk, size, spent = map(int, line.split())
        ticks.setdefault(chunk, []).append((size, spent))
    counts: dict[int, tuple[float, float]] = {}
    for chunk, ((small, first), (large, second)) in ticks.items():
        each = (second - first) / (large - small)
        counts[chunk] = each * INSTRUCTIONS_PER_TICK, (first - each * small) * INSTRUCTIONS_PER_TICK
    return counts


def main(arguments: list[str]) -> int:
    """Prints the tables, or writes them."""
    if arguments not in ([], ["--write"]):
        print("usage: python benchmarks/m55_size.py [--write]", file=sys.stderr)
        return 2
    if shutil.which(COMPILER) is None:
        print(
            f"{COMPILER} is not installed (Debian: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi)",
            file=sys.stderr,
        )
        return 1
    if not arguments:
        tables()
        return 0
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        tables()
    before, begin, rest = README.read_text().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    README.write_text(f"{before}{begin}\n{text.getvalue()}\n{end}{after}")
    return 0


def tables() -> None:
    """All tables, on standard output."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = sizes(compile_core(folder))
        totals = [sum(row[column] for row in rows) for column in (1, 2, 3)]  # type: ignore[misc]
        without = folder / "scalar"
        without.mkdir()
        scalar = sum(row[1] for row in sizes(compile_core(without, *SCALAR)))
        rows += [("**all**", *totals), ("without Helium's kernels", scalar, *totals[1:])]  # type: ignore[list-item]
        table("Core for Cortex-M55 at -Os, bytes", ("file", "text", "data", "bss"), rows)
        print(f"\nState (`n6_server_t`), without the buffers of the port: {state_size(folder):,} bytes.")

        graph = CallGraph(path.read_text() for path in folder.glob("*.ci"))
        largest = sorted(graph.frames.items(), key=lambda item: -item[1])[:8]
        table("Largest stack frames at -Os", ("function", "bytes"), [(f"`{name}`", size) for name, size in largest])
        size, chain = graph.deepest(POLL)
        print(
            f"\nDeepest chain: {size:,} bytes, without port and runtime: {' > '.join(f'`{name}`' for name in chain)}."
        )
        for circle in graph.circles():
            print(f"\nCalling each other in a circle: {', '.join(f'`{name}`' for name in sorted(circle))}.")

        if shutil.which(EMULATOR[0]) is None:
            print(f"\n({EMULATOR[0]} is not installed: no instruction counts.)")
            return
        counts = {optimisation: instructions(folder, optimisation) for optimisation in ("-Os", "-O2")}
        table(
            "Instructions for each uploaded byte, software CRC, and for COMMIT",
            ("chunk", *(f"{what} {level}" for what in ("byte", "COMMIT") for level in counts)),
            [
                (
                    str(chunk),
                    *(f"{count[chunk][0]:.2f}" for count in counts.values()),
                    *(f"{count[chunk][1]:.0f}" for count in counts.values()),
                )
                for chunk in counts["-Os"]
            ],
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
