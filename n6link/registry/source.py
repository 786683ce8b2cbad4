"""Reads the C source that ST Edge AI Core generates of a network, as far as the registry needs it.

The file is C, but written by a program in one style, the same in versions 2.0 to 4.0; what is read:

* ``LL_ATON_EpochBlockItems_<name>``: the network's C name, and its epoch blocks with their flags, and, in the functions
  that they name, what those of them compute that run on the CPU;
* ``LL_ATON_Input_Buffers_Info_<name>``, ``LL_ATON_Output_...``: names of inputs and outputs, who allocates them, and how many
  per-channel zero points they have (parameters are in the list of inputs, too, and skipped);
* the comments on memory pools, and on the version of the compiler.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.errors import ReportError
from n6link.protocol import EpochKind

_NAME: Final = re.compile(r"LL_ATON_EpochBlockItems_(\w+)\(void\) *\{")
_VERSION: Final = re.compile(
    r"#if " + r" \|\| ".join(rf"LL_ATON_VERSION_{part} != (\d+)" for part in ("MAJOR", "MINOR", "MICRO", "DEV"))
)
_COMPILER: Final = re.compile(r'GIT_DESCRIPTION "atonn-v([\d.]+-\d+)-')
"""Version of the compiler: the runtime that the file asks for, or else what it was built from."""
_POOL: Final = re.compile(
    r"/\* global pool \d+ is (?P<used>[\d.]+|\?) ?(?P<unit>\w*) ?\*/\s*/\* index=\d+ file postfix=(?P<postfix>\S+) name=(?P<name>\S+) "
    r"offset=(?P<base>0x[0-9a-f]+) +\S+ size=(?P<size>\d+) (?P<rest>[^*]*)"
)
_FIELD: Final = re.compile(r"^ +\.(\w+) = (.+?),?$", re.MULTILINE)
_NODE: Final = re.compile(r"/\* kind=(\w+) node=")
_SHAPE: Final = r"static const uint32_t {}\[\] = \{{([^}}]*)\}};"
_UNITS: Final = {"B": 1, "KB": 1024, "MB": 1024**2, "": 1}
_KINDS: Final = (
    ("blob", EpochKind.EC),
    ("pure_sw", EpochKind.SW),
    ("hybrid", EpochKind.HYBRID),
    ("internal", EpochKind.EXTRA),
)
"""The first flag that a block has decides; none: HW. A blob is flagged ``pure_hw``, too."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output."""

    name: str
    user_allocated: bool
    zero_points: int
    """per-channel zero points; 0 = quantised per tensor, or not at all"""


@dataclass(frozen=True, slots=True)
class Source:
    """What a generated C file says of its network."""

    path: Path
    symbol: str
    """the C name: functions of the network end in it"""
    compiler: str
    """version of the Neural-ART compiler, as ``1.1.1-14``; empty if the file does not say"""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    table: EpochTable
    """epoch blocks, without the return marker"""
    postfixes: tuple[tuple[str, str], ...]
    """names of pools, and what the names of their files end in before ``.raw``, such as ``xSPI2``"""
    pools: tuple[Pool, ...]
    """used bytes are rounded to the two decimals that the file prints"""


def read_source(path: str | os.PathLike[str]) -> Source:
    """Reads a generated C file, or the one that a folder holds.

    Raises:
        ReportError: there is no such file, more than one, or it is not what ST Edge AI Core generates.
    """
    place = Path(path)
    if place.is_dir():
        place = _only(place)
    text = _text(place)
    names = _NAME.findall(text)
    if len(names) != 1:
        raise ReportError(f"{place} defines {len(names)} networks; a generated network.c defines one")
    name = names[0]
    return Source(
        path=place,
        symbol=name,
        compiler=_compiler(text),
        inputs=_tensors(place, text, f"LL_ATON_Input_Buffers_Info_{name}"),
        outputs=_tensors(place, text, f"LL_ATON_Output_Buffers_Info_{name}"),
        table=_blocks(place, text, f"LL_ATON_EpochBlockItems_{name}"),
        postfixes=tuple((match["name"], match["postfix"]) for match in _POOL.finditer(text)),
        pools=tuple(_pool(match) for match in _POOL.finditer(text) if " vpool " not in f" {match['rest']} "),
    )


def _compiler(text: str) -> str:
    if match := _VERSION.search(text):
        return f"{match[1]}.{match[2]}.{match[3]}-{match[4]}"
    match = _COMPILER.search(text)
    return match[1] if match else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error


def _only(folder: Path) -> Path:
    found = [file for file in sorted(folder.glob("*.c")) if _NAME.search(_text(file))]
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise ReportError(f"{folder} has to hold one generated network, and holds {names}; name the C file itself")
    return found[0]


def _body(path: Path, text: str, function: str) -> str:
    """The body of a function; generated ones end with a brace at the begin of a line."""
    start = text.find(f"{function}(void)")
    end = text.find("\n}", start)
    if start < 0 or end < 0:
        raise ReportError(f"{path} has no function {function}; it is not what ST Edge AI Core generates")
    return text[start:end]


def _entries(body: str, array: str) -> list[dict[str, str]]:
    """The designated initialisers of an array of structs."""
    _, _, rest = body.partition(f" {array}[] = {{")
    entries = re.findall(r"^    \{\n(.*?)^    \}", rest, re.MULTILINE | re.DOTALL)
    return [dict(_FIELD.findall(entry)) for entry in entries]


def _blocks(path: Path, text: str, function: str) -> EpochTable:
    blocks: list[EpochBlock] = []
    for entry in _entries(_body(path, text, function), "ll_atonn_rt_epoch_block_array"):
        flags = set(re.findall(r"EpochBlock_Flags_(\w+)", entry.get("flags", "")))
        if "last_eb" in flags:
            break
        kind = next((kind for flag, kind in _KINDS if flag in flags), EpochKind.HW)
        try:
            numbers = [int(entry[name]) for name in ("epoch_num", "last_epoch_num")]
            numbers += [int(entry.get(name, "0")) for name in ("estimated_npu_cycles", "estimated_tot_cycles")]
        except (KeyError, ValueError) as error:
            raise ReportError(
                f"{path} has an epoch block without numbers; generate the network again with a current version"
            ) from error
        first, last, npu, total = numbers
        if not 0 <= first <= last <= 0xFFFF:
            raise ReportError(
                f"{path} has an epoch block from {first} to {last}; it is damaged, generate the network again"
            )
        operation = _operation(text, kind, entry.get("end_epoch_block", ""))
        blocks.append(EpochBlock(0, kind, first, last, operation, npu, total))
    if not blocks:
        raise ReportError(f"{path} has no epoch blocks; it is not what ST Edge AI Core generates")
    return EpochTable.from_blocks(blocks).without_marker()


def _operation(text: str, kind: EpochKind, function: str) -> str:
    """What a block computes on the CPU: comments in its end function say it."""
    start = text.find(f"void {function}(const void")
    if kind not in (EpochKind.SW, EpochKind.HYBRID) or start < 0:
        return ""
    return ", ".join(dict.fromkeys(_NODE.findall(text, start, text.find("\n}", start))))


def _tensors(path: Path, text: str, function: str) -> tuple[Tensor, ...]:
    body = _body(path, text, function)
    tensors: list[Tensor] = []
    for entry in _entries(body, "buff_info"):
        name = entry.get("name", "NULL")
        if name == "NULL" or entry.get("is_param", "0") != "0":
            continue
        zero_points = 0
        if entry.get("per_channel", "0") != "0":
            match = re.search(_SHAPE.format(re.escape(entry.get("mem_shape", ""))), body)
            shape = [int(part) for part in re.findall(r"\d+", match[1])] if match else []
            if len(shape) > 1:
                zero_points = shape[1] if entry.get("chpos") == "CHPos_First" else shape[-1]
        tensors.append(Tensor(name.strip('"'), entry.get("is_user_allocated", "0") != "0", zero_points))
    if not tensors:
        raise ReportError(f"{path} lists nothing in {function}; a network has inputs and outputs")
    return tuple(tensors)


def _pool(match: re.Match[str]) -> Pool:
    used = 0 if match["used"] == "?" else round(float(match["used"]) * _UNITS.get(match["unit"].upper(), 1))
    constant = "READ_ONLY" in match["rest"]
    weights, activations = (used, 0) if constant else (0, used)
    return Pool(match["name"], int(match["base"], 16), int(match["size"]), used, weights, activations)
