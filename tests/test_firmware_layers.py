"""The layers of the firmware hold: what a layer may not use does not compile there, and no files depend on each other."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import m55
import pytest

pytestmark = [
    pytest.mark.gcc,
    pytest.mark.skipif(sys.platform == "win32", reason="the virtual board needs a POSIX system"),
]

PRESET: Final = "host-asan"
CORE: Final = m55.FIRMWARE / "core"
NPU: Final = m55.FIRMWARE / "npu"

USES: Final[dict[Path, set[str]]] = {
    CORE / "wire": set(),
    CORE / "seam": {"wire"},
    CORE / "link": {"wire"},
    CORE / "reduce": {"wire", "seam"},
    CORE / "picture": {"wire"},
    CORE / "channel": {"wire", "seam", "link"},
    CORE / "results": {"wire", "seam", "link", "reduce", "channel"},
    CORE / "queue": {"wire", "seam", "link", "reduce", "channel", "results"},
    CORE / "uploads": {"wire", "seam", "link", "reduce", "channel", "results", "queue", "picture"},
    CORE / "server": {"wire", "seam", "link", "reduce", "channel", "results", "queue", "uploads", "picture"},
    NPU: {"wire", "seam"},
}
"""Each layer's folder, and the folders in core/ that it may include."""


def _flags() -> dict[Path, list[str]]:
    """How CMake compiles each layer: the flags of its first source, but for its names of files."""
    m55.build(PRESET)
    commands = json.loads((m55.FIRMWARE / "build" / PRESET / "compile_commands.json").read_text())
    found: dict[Path, list[str]] = {}
    for command in commands:
        words = shlex.split(command["command"])
        # The C tests compile the core a second time, with all folders.
        if "n6_tests_plain" not in command["output"]:
            found.setdefault(Path(command["file"]).parent, words[: words.index("-o")])
    return found


def _compiles(flags: Iterable[str], source: Path) -> str:
    """What the compiler has to say; empty = nothing."""
    command = [*flags, "-fsyntax-only", str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=source.parent).stderr


def test_every_folder_of_the_core_is_a_layer() -> None:
    assert {folder for folder in CORE.iterdir() if folder.is_dir()} | {NPU} == set(USES)


def test_a_layer_includes_itself_and_lower_ones_alone(tmp_path: Path) -> None:
    """Each header compiles by itself where it may be used, and is not found elsewhere."""
    flags = _flags()
    for layer, lower in USES.items():
        for header in sorted(CORE.glob("*/*.h")):
            if header.name in ("n6_reduce_mve.h", "n6_reduce_kernels.h"):
                continue  # parts of n6_reduce.c
            source = tmp_path / "probe.c"
            source.write_text(f'#include "{header.name}"\n')
            errors = _compiles(flags[layer], source)
            if header.parent == layer or header.parent.name in lower:
                assert errors == "", f"{header} in {layer}"
            else:
                assert f"{header.name}: No such file" in errors or f"'{header.name}' file not found" in errors, (
                    f"{layer.name} may not use {header}, and can"
                )


def _includes(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Pairs of a unit (name.c and name.h are one) and another that it includes."""
    files = list(files)
    units = {path.name: path.stem for path in files}
    for path in files:
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            if name in units and units[name] != path.stem:
                yield path.stem, units[name]


def _circle(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Units that depend on each other; empty = there are none."""
    graph: dict[str, set[str]] = {}
    for unit, other in pairs:
        graph.setdefault(unit, set()).add(other)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize(
    "folders",
    [
        ("core/*", "npu", "ports/host"),
        ("core/*", "npu", "ports/qemu-an547"),
        ("core/*", "npu", "ports/stm32n6"),
    ],
    ids=["host", "qemu", "stm32n6"],
)
def test_no_files_include_each_other(folders: tuple[str, ...]) -> None:
    files = [path for folder in folders for end in "ch" for path in m55.FIRMWARE.glob(f"{folder}/*.{end}")]
    pairs = list(_includes(files))
    assert len(pairs) > 50
    assert _circle(pairs) == []
    assert _circle([*pairs, ("n6_channel", "n6_server")]), "an include that would close a circle is found"
