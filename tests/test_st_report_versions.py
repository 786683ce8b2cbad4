"""One network, as every version of ST Edge AI Core writes it: whatever the form, what is read is the network."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import st_writers as made
from hypothesis import given, settings
from hypothesis import strategies as st
from st_writers import EC, EXTRA, HW, HYBRID, SW, Block, Network

from n6link.epochs.st_report import Report, join, read, read_folder
from n6link.epochs.table import EpochTable
from n6link.protocol import EpochKind

OPERATIONS = st.sampled_from(
    ["Softmax", "Transpose", "Split", "DequantizeLinear", "Sub(float)", "GlobalAveragePool(float)"]
)
VERSIONS = ("2.0", "2.1", "2.2", "3.0", "4.0")

blobs = st.builds(
    Block, kind=st.just(EC), epochs=st.integers(2, 30), removed=st.integers(0, 3), inside=st.integers(0, 3)
)
singles = st.builds(Block, kind=st.sampled_from([SW, HYBRID]), operation=OPERATIONS)
hardware = st.builds(Block, kind=st.just(HW))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """With epoch controller or without, never two blobs one after the other: texts up to 3.0 do not say where one ends."""
    ec = draw(st.booleans())
    network: list[Block] = []
    for _ in range(draw(st.integers(1, 12))):
        block = draw(st.one_of(blobs if ec else hardware, singles))
        if not (network and network[-1].kind is block.kind is EC):
            network.append(block)
    return network


def truth(network: Network) -> dict[EpochKind, int]:
    return {kind: made.total(network, kind) for kind in EpochKind}


def table(report: Report) -> EpochTable:
    assert report.table
    assert report.notes == ()
    return report.table


def place(folder: str, name: str, text: str | list[str], encoding: str = "utf-8") -> Path:
    path = Path(folder) / name
    path.write_bytes(("\n".join(text) if isinstance(text, list) else text).encode(encoding))
    return path


def check(report: Report, network: Network, *, gaps: bool, named: bool = True) -> None:
    """The report is of this network: counts, shares, place, kind and operation of every block, memory."""
    found, counts = table(report), truth(network)
    assert found.counts == counts
    assert found.epochs == sum(counts.values())
    assert found.unlisted == 0
    assert found.offload_by_count == pytest.approx((counts[EC] + counts[HW]) / found.epochs)
    expected = [
        (block.kind, first, block.numbers(first, gaps=gaps)[-1], block.operation if block.kind in (SW, HYBRID) else "")
        for block, first in made.numbered(network, gaps=gaps)
    ]
    shown = [(b.kind, b.first, b.last, b.operation if b.kind in (SW, HYBRID) else "") for b in found.blocks]
    if not named:
        expected = [(*row[:3], "" if row[0] is HYBRID else row[3]) for row in expected]
    assert shown == expected
    assert {pool.name: pool.used for pool in report.pools} == {name: used for name, _, _, used, _ in made.POOLS}
    assert (report.weights, report.activations) == (3300769, 185280)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=25)
@given(network=networks(), log=st.sampled_from([list, made.cubemx, made.studio]))
def test_every_text_gives_the_network(network: Network, version: str, log: object) -> None:
    assert callable(log)
    with tempfile.TemporaryDirectory() as folder:
        report = read(place(folder, "log.txt", log(made.text(network, version))))
    check(report, network, gaps=version == "4.0", named=version == "4.0")
    assert (report.tool, report.compiler) == (made.TOOLS[version][0].split()[0], made.TOOLS[version][1])
    assert (report.macc, report.network, report.name) == (made.MACC, "made_up_int8", "network")


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=25)
@given(network=networks())
def test_every_c_info_gives_the_network(network: Network, version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = read(place(folder, "network_c_info.json", made.as_json(made.c_info(network, version))))
    found = table(report)
    assert found.counts == truth(network)
    cpu = [(b.kind, b.first, b.operation) for b in found.blocks if b.kind in (SW, HYBRID)]
    assert cpu == [
        (b.kind, n, b.operation) for b, n in made.numbered(network, gaps=version == "4.0") if b.kind in (SW, HYBRID)
    ]
    assert (report.weights, report.activations, report.compiler) == (3300769, 185280, made.TOOLS[version][1])
    assert all(block.operation == "Conv" for block in found.blocks if block.kind in (EC, HW))


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=15)
@given(network=networks())
def test_a_folder_says_what_its_files_say(network: Network, version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = place(folder, "network_generate_report.txt", made.text(network, version))
        place(folder, "network_c_info.json", made.as_json(made.c_info(network, version)))
        place(folder, "network_validate_report.txt", [*made.text(network, version)[:4], *made.times(network, version)])
        single, together = read(text), read(folder)
    assert together.formats == ("generate", "validate", "c_info")
    assert table(together).counts == table(single).counts == truth(network)
    assert (together.pools, together.macc, together.weights) == (single.pools, single.macc, single.weights)
    assert table(together).fallbacks == {
        name: sum(block.operation == name for block in network) for name in dict.fromkeys(table(together).fallbacks)
    }
    timers = together.timers
    assert timers
    assert timers.table.counts == truth(network)
    assert [b.kind for b in timers.table.blocks if b.kind is not EXTRA] == [block.kind for block in network]


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=25)
@given(network=networks(), hybrid=st.booleans())
def test_a_board_joins_with_its_report_and_shows_the_same(network: Network, version: str, hybrid: bool) -> None:
    """The board calls SW what the report calls hybrid, or the other way round, and its blocks also cover removed numbers."""
    with tempfile.TemporaryDirectory() as folder:
        report = table(read(place(folder, "log.txt", made.text(network, version))))
    flagged = EpochTable(
        tuple(
            b.__class__(b.index, HYBRID if hybrid else SW, b.first, b.last) if b.kind in (SW, HYBRID) else b
            for b in report.blocks
        )
    )
    joined = join(report, flagged)
    assert joined.disagreements == ()
    assert (joined.table.counts, joined.table.offload) == (report.counts, report.offload)
    assert [block.label for block in joined.table.blocks] == [block.label for block in report.blocks]


def test_blobs_without_epochs_and_gaps() -> None:
    network = [
        Block(EC, epochs=63, removed=1),
        Block(HYBRID, "Split"),
        Block(EC, epochs=0),
        Block(SW, "Softmax"),
        Block(EC, epochs=3, removed=2),
    ]
    with tempfile.TemporaryDirectory() as folder:
        report = read(place(folder, "log.txt", [*made.text(network, "4.0"), *made.times(network, "4.0")]))
    found = table(report)
    assert found.counts == truth(network)
    assert [block.label for block in found.blocks] == [
        "EC 1-63",
        "HYBRID 65 Split",
        "EC 66",
        "SW 67 Softmax",
        "EC 68-70",
    ]
    assert report.timers
    shown = [block.label for block in report.timers.table.blocks]
    assert shown == ["EC 1-64", "HYBRID 65 Split", "EXTRA 65", "EC 66", "SW 67 Softmax", "EC 68-72"]
    assert report.timers.table.counts == truth(network)


def test_two_builds_in_a_folder_are_two_reports(tmp_path: Path) -> None:
    """Whatever both say and not alike keeps them apart: version, C name, model, number of epochs."""
    network, other = [Block(EC, epochs=3), Block(SW, "Mul")], [Block(EC, epochs=4), Block(SW, "Mul")]
    (tmp_path / "a.txt").write_text("\n".join(made.text(network, "2.2")))
    for name, lines in {
        "b.txt": made.text(network, "2.1"),
        "c.txt": made.text(network, "2.2", name="od"),
        "d.txt": made.text(network, "2.2", model="another"),
        "e.txt": made.text(other, "2.2"),
    }.items():
        (tmp_path / name).write_text("\n".join(lines))
    (tmp_path / "f_c_info.json").write_text(made.as_json(made.c_info(network, "2.2", name="od")))
    reports = read_folder(tmp_path).reports
    assert [Path(report.source).name for report in reports] == ["f_c_info.json", "a.txt", "b.txt", "d.txt", "e.txt"]
    assert reports[0].formats == ("c_info", "generate")
