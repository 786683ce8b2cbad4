"""One network of a firmware, read from all files that ST Edge AI Core has generated for it, and checked.

A folder may contain files of several runs of the generator, or of another memory layout. A firmware that is built from files of
different runs returns wrong numbers, or does not answer. Values that are in two files are therefore compared.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Final

from n6link.epochs import st_report
from n6link.epochs.join import join
from n6link.epochs.pools import Pool
from n6link.epochs.st_report import Report
from n6link.epochs.table import EpochBlock, EpochTable
from n6link.errors import BadInput, ReportError
from n6link.protocol import records
from n6link.registry.memory import EXTERNAL, Part, read_parts
from n6link.registry.source import Source, read_source
from n6link.tensors import card as cards
from n6link.tensors.golden import Golden, read_golden

ROUNDING: Final = 0.01
"""Maximum relative difference of printed sizes: reports and sources round to two or three decimals."""
OLDEST: Final = (1, 1, 0)
"""The oldest LL_ATON for ``firmware/npu/ll_aton.c``: that of ST Edge AI Core 2.1."""
MAX_CARD: Final = 0xFFFF
"""Maximum bytes of a card: ``NetworkRecord.card_bytes`` has 16 bits."""

RESERVED: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "stm32n6570-dk": (("the firmware itself", 0x3400_0000, 0x3410_0000), ("its buffers", 0x9100_0000, 0x9200_0000)),
    "nucleo-n657x0-q": (
        ("the firmware itself", 0x3400_0000, 0x3410_0000),
        ("no memory, because it does not have a PSRAM", 0x9000_0000, 0xA000_0000),
    ),
}
"""Memory of each board that networks must not use: AXISRAM1, the upper half of the PSRAM (see the linker scripts)."""

MAX_STORED: Final = 1 << 18
"""Maximum bytes of a golden input in the image: AXISRAM1, which the image and its buffers share, has 1 MB."""
_NAME_SIZE: Final = records.NetworkRecord.DTYPE["name"].itemsize


@dataclass(frozen=True, slots=True)
class Network:
    """The data of a network for the registry."""

    name: str
    source: Source
    reports: tuple[Report, ...]
    table: EpochTable
    """the blocks of the source with the names and the number of epochs of its reports"""
    pools: tuple[Pool, ...]
    parts: tuple[Part, ...]
    """data that must be in memory, from the files that are next to the source"""
    card: str
    """TOML text; empty = none"""
    digest: int
    golden: Golden | None = None
    """the golden file next to the source"""
    stored: bytes = b""
    """its input as in an input slot; empty = not in the firmware"""

    @property
    def expected(self) -> int | None:
        """Digest of the outputs for the stored input; None = no board was checked with this network."""
        if self.golden is None or self.golden.checked is None or self.golden.checked[0] != self.digest:
            return None
        return self.golden.checked[1]

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return self.table.epochs

    @property
    def blocks(self) -> tuple[EpochBlock, ...]:
        """The runtime's blocks, without the return marker."""
        return self.table.blocks

    @property
    def notes(self) -> list[str]:
        """Missing data, one sentence each."""
        known = {part.pool for part in self.parts}
        notes = [
            f"{self.name}: the file of {pool.name} is not next to {self.source.path}: its weights are not compared at start"
            for pool in self.weights
            if pool.name not in known
        ]
        if self.golden and not self.stored:
            notes.append(f"{self.name}: its golden input is larger than {MAX_STORED} bytes and not in the firmware")
        if self.reports:
            return notes
        return [
            *notes,
            f"{self.name} does not have a report next to {self.source.path}: estimates and exact pool sizes are unknown",
        ]

    @property
    def weights(self) -> list[Pool]:
        """Pools that must be programmed into external flash."""
        return [pool for pool in self.pools if pool.weights and pool.base >= EXTERNAL]


def read_network(name: str, path: str | os.PathLike[str], *, card: str | os.PathLike[str] | None = None) -> Network:
    """Reads a generated folder, or one network of a folder by its C file, with the reports that are next to it.

    Args:
        name: of the network for hosts.
        path: the output folder of ``stedgeai generate``, or the generated C file.
        card: a card; by default the only ``.toml`` file of the folder, if there is one.

    Raises:
        ReportError: a file cannot be read, or two files contradict each other.
        CardError: the card is wrong.
    """
    if not re.fullmatch(r"[!-~]+", name) or len(name) > _NAME_SIZE:
        raise ReportError(
            f"{name!r} cannot be the name of a network; use 1 to {_NAME_SIZE} letters, digits and punctuation marks"
        )
    source = read_source(path)
    reports = _reports(source)
    for report in reports:
        _compare(source, report)
    for one, other in combinations(reports, 2):
        if one.network and other.network and one.network != other.network:
            raise ReportError(
                f"{one.source} is for the model {one.network!r}, but {other.source} for {other.network!r}; "
                "keep only the files of one run"
            )
    text = _card(source, card)
    table = _table(source, reports)
    pools = _pools(source, reports)
    memory = read_parts(source, pools)
    parts = [name.encode(), source.path.read_bytes(), text.encode(), _facts(table, pools)]
    parts += [f"{part.address} {part.crc}".encode() for part in memory]
    golden, stored = _golden(source)
    return Network(name, source, reports, table, pools, memory, text, zlib.crc32(b"\0".join(parts)), golden, stored)


def check_together(networks: Sequence[Network], *, board: str | None = None, runtime: str | None = None) -> None:
    """Checks that networks can share one firmware.

    Args:
        networks: all of a firmware.
        board: its preset, for the memory that the firmware itself uses; None = not checked.
        runtime: version of the LL_ATON of the build; None = not checked.

    Raises:
        ReportError: they cannot; the message has the names and the reason.
    """
    for one, other in combinations(networks, 2):
        if one.name == other.name:
            raise ReportError(f"two networks have the name {one.name!r}; use another name for one of them")
        if one.source.symbol == other.source.symbol:
            raise ReportError(
                f"{one.name} and {other.name} have the same C name {one.source.symbol!r}; "
                f"generate one of them again with --name {other.name}"
            )
        for mine in one.weights:
            for theirs in other.weights:
                if mine.base < theirs.base + theirs.used and theirs.base < mine.base + mine.used:
                    raise ReportError(
                        f"the weights of {one.name} and {other.name} are both at {max(mine.base, theirs.base):#x}; "
                        "generate one of them with another offset of its flash pool"
                    )
    for network in networks:
        _check_memory(network, board)
        if network.source.compiler and _version(network.source.compiler) < OLDEST:
            raise ReportError(
                f"{network.source.path} was generated by compiler {network.source.compiler}, but the firmware requires LL_ATON "
                "1.1.0 or later; generate it again with ST Edge AI Core 2.1 or later"
            )
        if runtime and network.source.compiler and network.source.compiler != runtime:
            raise ReportError(
                f"{network.source.path} was generated by compiler {network.source.compiler}, but LL_ATON is {runtime}; "
                "generate it again, or build with the ST Edge AI Core of this compiler"
            )


def runtime_version(header: str | os.PathLike[str]) -> str:
    """Version of an ``ll_aton_version.h``, in the compiler's form: ``1.1.1-14``.

    Raises:
        ReportError: the file cannot be read, or does not define the version.
    """
    try:
        text = Path(header).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ReportError(f"{header} cannot be read: {error.strerror}") from error
    numbers = dict(re.findall(r"#define LL_ATON_VERSION_(MAJOR|MINOR|MICRO|DEV)\s+\(?(\d+)", text))
    if len(numbers) != 4:
        raise ReportError(f"{header} does not define the version of LL_ATON; use the ll_aton_version.h of the runtime")
    return f"{numbers['MAJOR']}.{numbers['MINOR']}.{numbers['MICRO']}-{numbers['DEV']}"


def _version(compiler: str) -> tuple[int, ...]:
    return tuple(int(part) for part in compiler.partition("-")[0].split("."))


def _check_memory(network: Network, board: str | None) -> None:
    for pool in network.pools:
        if pool.weights and pool.base < EXTERNAL and pool.name not in {part.pool for part in network.parts}:
            raise ReportError(
                f"{network.name} has {pool.weights} bytes of weights in {pool.name}, but their file is not next to "
                f"{network.source.path}; copy the .raw files of the same run there, or generate it with weights in external flash only"
            )
        for owner, begin, end in RESERVED.get(board or "", ()):
            if pool.used and pool.base < end and begin < pool.base + pool.used:
                raise ReportError(
                    f"{network.name} uses {pool.name} at {pool.base:#x}, where {board} has {owner}; "
                    "generate it with a memory pool file without this memory"
                )


def _reports(source: Source) -> tuple[Report, ...]:
    """The reports next to the source; in a folder with several networks only its own, by the names of or in the files."""
    folder = st_report.read_files(source.path.parent)
    if folder.damaged:
        raise folder.damaged[0]
    reports = [report for report in folder.reports if report.table or (report.pools and report.formats != ("mpool",))]
    by_file = [report for report in reports if st_report.file_name(report) == source.path.stem]
    by_name = [report for report in reports if report.name == source.path.stem]
    return tuple(by_file or by_name or reports)


def _differ(one: int, other: int) -> bool:
    return abs(one - other) > max(64, ROUNDING * max(one, other))


def _compare(source: Source, report: Report) -> None:
    """Checks that values in a report and in the source are equal."""
    where = f"{report.source} is not from the run of {source.path}"
    again = "keep only the files of one run"
    if report.compiler and source.compiler and report.compiler != source.compiler:
        raise ReportError(f"{where}: compiler {report.compiler} instead of {source.compiler}; {again}")
    known = {pool.name: pool for pool in report.pools}
    for pool in source.pools:
        other = known.get(pool.name)
        if other and other.base != pool.base and pool.total:
            raise ReportError(
                f"{where}: memory pool {pool.name} is at {other.base:#x} in the report, and at {pool.base:#x} in the source; {again}"
            )
        if other and pool.weights and _differ(other.used, pool.used):
            raise ReportError(
                f"{where}: the report has {other.used} bytes in memory pool {pool.name}, the source {pool.used}; {again}"
            )
    for evidence in join(report.table, source.table).disagreements if report.table else ():
        raise ReportError(f"{where}: {evidence}; {again}")


def _facts(table: EpochTable, pools: Sequence[Pool]) -> bytes:
    """What the digest of a network contains of its description: values, and not how Python prints them."""
    totals = sorted((table.totals or {}).items())
    return json.dumps([list(map(asdict, table.blocks)), totals, table.unlisted, list(map(asdict, pools))]).encode()


def _table(source: Source, reports: Sequence[Report]) -> EpochTable:
    """The source's blocks with the names of the reports, cut to the size of a device's record."""
    table = source.table
    for report in reports:
        if report.table:
            table = join(report.table, table).table
    return replace(table, blocks=tuple(replace(block, operation=block.sent_operation) for block in table.blocks))


def _pools(source: Source, reports: Sequence[Report]) -> tuple[Pool, ...]:
    """The existing pools, with the most exact sizes."""
    pools = next((report.pools for report in reversed(reports) if report.pools), source.pools)
    return tuple(pool for pool in pools if pool.total)


def _golden(source: Source) -> tuple[Golden | None, bytes]:
    """The golden file of the source, and its input as it is stored."""
    folder = source.path.parent
    found = sorted(folder.glob(f"{source.path.stem}.golden.npz")) or sorted(folder.glob("*.golden.npz"))
    if len(found) != 1:
        return None, b""
    try:
        golden = read_golden(found[0])
        stored = golden.slot({tensor.name: tensor.size for tensor in source.inputs})
    except BadInput as error:
        raise ReportError(f"{found[0]} is not of {source.path}: {error}") from error
    return golden, stored if len(stored) <= MAX_STORED else b""


def _card(source: Source, path: str | os.PathLike[str] | None) -> str:
    if path is None:
        found = sorted(source.path.parent.glob("*.toml"))
        if len(found) != 1:
            return ""
        path = found[0]
    text = cards.read(path).text
    if len(text.encode()) > MAX_CARD:
        raise ReportError(f"card {path} has {len(text.encode())} bytes; it must not have more than {MAX_CARD}")
    return text
