"""Readers of ST Edge AI Core's reports: made-up networks, the case study's, and anything that can be wrong."""

from __future__ import annotations

import json
import math
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from n6link.epochs.pools import Pool
from n6link.epochs.st_report import MAX_BYTES, Report, Validation, block_table, join, read
from n6link.epochs.st_report.model import MAX_NOTES
from n6link.epochs.st_report.text import TextReader
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.errors import ReportError
from n6link.protocol import EpochKind

DATA = Path(__file__).parent / "data"
HW, EXTRA, SW, HYBRID, EC = EpochKind.HW, EpochKind.EXTRA, EpochKind.SW, EpochKind.HYBRID, EpochKind.EC

REPORTS = DATA / "reports"
C_INFO = REPORTS / "letters_network_c_info.json"
LETTERS = [
    "letters_network_generate_report.txt",
    "letters_ec_network_generate_report.txt",
    "letters_network_c_info.json",
]
"""of one network: without epoch controller (2.1), with it, and the same as JSON"""
LETTERS_FALLBACKS = {
    "Conv": 6,
    "Transpose": 4,
    "Softmax": 3,
    "Split": 3,
    "DequantizeLinear": 3,
    "Reciprocal": 3,
    "QuantizeLinear": 3,
    "Sub": 3,
}


def table(report: Report) -> EpochTable:
    assert report.table
    return report.table


def pool(report: Report, name: str) -> Pool:
    return next(pool for pool in report.pools if pool.name == name)


def read_text(text: str) -> Report:
    reader = TextReader()
    reader.feed(text.splitlines())
    report = reader.report("text")
    assert report
    return report


def epochs_part(*lines: str) -> str:
    return "\n".join(["Epochs details", "-" * 84, *lines, "=" * 84])


# ---------------------------------------------------------------------------------------------- made-up networks


@pytest.mark.parametrize("name", sorted(path.name for path in REPORTS.iterdir()))
def test_reports_are_understood_to_the_last_line(name: str) -> None:
    report = read(REPORTS / name)
    assert report.notes == ()
    assert report.more_notes == 0


@pytest.mark.parametrize("name", LETTERS)
def test_letters_counts(name: str) -> None:
    report = read(REPORTS / name)
    assert table(report).epochs == 65
    assert table(report).counts[SW] == 28
    assert table(report).fallbacks == LETTERS_FALLBACKS
    assert table(report).offload_by_count == pytest.approx(37 / 65)
    assert pool(report, "npuRAM3").used == 151040, "147.500 kB; the used range is exact"
    assert pool(report, "octoFlash").share == pytest.approx(0.0389, abs=5e-5)
    assert report.activations == 1048576 + 151040 + 66240


def test_ec_blobs_are_blocks() -> None:
    """Blobs that the c_info names are the runs of EC epochs that the text lists one by one."""
    single, text, c_info = (read(REPORTS / name) for name in LETTERS)
    assert [block.span for block in table(text).blocks] == [block.span for block in table(c_info).blocks]
    assert table(text).block_counts[EC] == 20
    assert table(single).block_counts[HW] == 37


def test_c_info() -> None:
    report = read(C_INFO)
    assert report.mapping == {"HW": 1, "SW": 28, "EC": 38}, "67 nodes: with the parameters and the return marker"
    assert report.tool == "2.2.0-20266 2adc00962"
    assert report.compiler == "1.1.1-14"
    assert report.network == "letters_int8"
    assert (report.weights, report.activations) == (4571200, 1265856)
    assert len(report.pools) == 9, "the virtual pool is left out"
    first, transpose = table(report).blocks[:2]
    assert (first.kind, first.span, first.estimated_npu, first.estimated_total) == (EC, "1-5", 26112, 136944)
    assert first.operation == "Mul, Add, Identity, Conv"
    assert (transpose.operation, transpose.estimated_total) == ("Transpose", 3840)
    assert table(report).blocks[-1].span == "64-65"


def test_times_of_epochs() -> None:
    report = read(REPORTS / "conv_network_validate_report.txt")
    assert report.seconds == pytest.approx(0.000454)
    assert report.validation
    assert report.validation.min == pytest.approx(0.000453)
    assert report.validation.max == pytest.approx(0.000466)
    assert report.validation.deviation == pytest.approx(5e-6)
    assert report.validation.cpu_hz == 800e6
    assert report.validation.npu_hz == 1000e6
    assert report.validation.samples == 10
    assert report.validation.metrics["rmse"] == 8.125e-05
    timers = report.timers
    assert timers
    assert [block.label for block in timers.table.blocks] == ["HW 2", "HW 3", "HW 4", "HW 5"]
    assert [f"{seconds * 1e3:.3f}" for seconds in timers.total] == ["0.168", "0.144", "0.137", "0.005"]
    assert timers.ticks[0].tolist() == [0, 10400, 120000, 4000]
    assert timers.duration == pytest.approx(0.000454, rel=1e-3)
    assert timers.offload_by_time == pytest.approx((120000 + 104000 + 98400 + 800) / 363200)
    assert not timers.simulated


def test_c_info_has_the_same_times_without_kinds() -> None:
    report = read(REPORTS / "conv_network_c_info.json")
    assert report.validation
    assert report.seconds == pytest.approx(0.000454, rel=1e-3)
    assert report.validation.tick_hz == pytest.approx(800e6, rel=1e-4)
    assert report.validation.metrics["cos"] == pytest.approx(1.0, abs=1e-6)
    assert report.timers is None
    merged = report.merged(read(REPORTS / "conv_network_validate_report.txt"))
    assert merged.formats == ("c_info", "validate")
    assert merged.timers


def test_console_log_of_4_0() -> None:
    report = read(REPORTS / "mobile_generate_and_validate_log.txt")
    assert report.formats == ("generate", "validate")
    assert report.tool == "4.0.1-20581"
    assert report.network == "mobile_96_int8"
    assert report.macc == 62400000
    assert [block.label for block in table(report).blocks] == [
        "EC 1-30",
        "SW 31 DequantizeLinear",
        "SW 32 GlobalAveragePool(float)",
        "SW 33 QuantizeLinear",
        "EC 34-36",
    ]
    assert table(report).counts[EC] == 33
    assert pool(report, "npuRAM4").used == 440 * 1024
    assert report.skipped["other text"] > 100, "a whole build is between generate and validate"
    timers = report.timers
    assert timers
    assert timers.table.blocks[-1].span == "34-36", "the target says 34 -> 37"
    assert timers.table.blocks[1].operation == "DequantizeLinear"
    assert timers.tick_hz == 600e6
    assert timers.duration == pytest.approx(0.0433317, rel=1e-4)
    assert f"{timers.offload_by_time:.1%}" == "96.9%"
    assert f"{timers.by_kind()['SW']:.1%}" == "2.9%"


def test_hybrid_epochs_of_2_1() -> None:
    text, c_info = read(REPORTS / "hybrid_network_generate_report.txt"), read(REPORTS / "hybrid_network_c_info.json")
    for report in (text, c_info):
        assert (table(report).epochs, table(report).counts) == (16, {HW: 0, EXTRA: 0, SW: 3, HYBRID: 2, EC: 11})
        assert f"{table(report).offload_by_count:.2%}" == "68.75%"
    assert [block.label for block in table(text).blocks if block.kind is HYBRID] == ["HYBRID 8", "HYBRID 12"]
    labels = ["EC 1-6", "SW 7 DepthToSpace", "HYBRID 8 Concat", "EC 9-11", "HYBRID 12 Slice"]
    assert [block.label.removesuffix(" Conv") for block in table(c_info).blocks[:5]] == labels, (
        "only what the CPU computes"
    )
    assert (
        table(text.merged(c_info)).fallbacks
        == table(c_info).fallbacks
        == {"Slice": 2, "DepthToSpace": 1, "Concat": 1, "Softmax": 1}
    )
    assert (text.weights, c_info.weights) == (3300769, 3300769), "3.148 MB; the section says it to the byte"


def test_gaps_empty_blobs_and_inserted_blocks_of_4_0() -> None:
    report = read(REPORTS / "gaps_studio_log.txt")
    assert (table(report).epochs, table(report).counts) == (39, {HW: 0, EXTRA: 0, SW: 3, HYBRID: 3, EC: 33})
    assert (f"{table(report).offload_by_count:.1%}", f"{table(report).hybrid_by_count:.1%}") == ("84.6%", "7.7%")
    assert [block.label for block in table(report).blocks] == [
        "EC 1-20",
        "HYBRID 22 Split",
        "HYBRID 23 Transpose",
        "EC 24",
        "SW 25 Conv",
        "EC 26",
        "HYBRID 27 Concat",
        "EC 28-37",
        "SW 38 Softmax",
        "EC 39",
        "SW 41 Sub(float)",
        "EC 42-44",
    ]
    assert report.seconds == 0.015
    timers = report.timers
    assert timers
    assert timers.table.counts == table(report).counts, "as the report counts, whatever numbers the blocks cover"
    assert timers.table.block_counts == {HW: 0, EXTRA: 3, SW: 3, HYBRID: 3, EC: 6}
    assert timers.ticks[2].tolist() == [1_600_001, 1000, 600_002, 199_000]


def test_types_of_3_0() -> None:
    report = read(REPORTS / "types_network_c_info.json")
    assert table(report).counts == {HW: 5, EXTRA: 0, SW: 1, HYBRID: 0, EC: 0}
    assert [block.operation for block in table(report).blocks] == ["Conv"] * 5 + ["Softmax"]
    assert report.mapping == {"NO_X": 2, "HW": 5, "SW": 1}
    assert (report.tool, report.compiler, report.series) == ("3.0.0-20426 123672867", "1.1.3-8", "stm32n6npu")


def test_log_of_cubemx() -> None:
    report = read(REPORTS / "cubemx_log.txt")
    assert report.formats == ("generate", "validate")
    assert (report.tool, report.compiler, report.network, report.name) == (
        "2.2.0-20266",
        "1.1.1-14",
        "logged_int8",
        "network",
    )
    assert table(report).counts[HW] == 5
    assert [pool.used for pool in report.pools] == [185280, 0, 3300769]
    assert report.timers
    assert [block.label for block in report.timers.table.blocks][4:] == ["HW 5", "SW 6 Softmax"]


def test_a_build_for_the_cpu() -> None:
    report = read(REPORTS / "cpu_network_analyze_report.txt")
    assert report.formats == ("analyze",)
    assert (report.table, report.pools, report.seconds) == (None, (), None)
    assert (report.weights, report.activations, report.macc) == (2504, 1536, 101120)
    assert {name: (work.layers, work.macc) for name, work in report.layers.items()} == {
        "Conv2D": (2, 98056),
        "Eltwise/add": (1, 512),
        "Dense": (1, 2402),
        "Nonlinearity": (1, 150),
    }
    assert sum(work.macc for work in report.layers.values()) == 101120
    assert report.idle == (
        "the NPU is not used: stedgeai was called without --st-neural-art; add this option, with a quantised model"
    )


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("--name", "--st-neural-art=-E --name", "although stedgeai was called with --st-neural-art -E; use a profile"),
        ("--name", "--st-neural-art --name", "although stedgeai was called with --st-neural-art; use a profile"),
        (
            "--target stm32n6",
            "--target stm32h7",
            "built for stm32h7, without NPU; for the NPU of an STM32N6 add --target stm32n6",
        ),
        ("series      :   stm32n6", "series      :   stm32n6npu", ""),
    ],
)
def test_why_the_npu_is_idle(before: str, after: str, sentence: str) -> None:
    text = (REPORTS / "cpu_network_analyze_report.txt").read_text()
    assert before in text
    idle = read_text(text.replace(before, after)).idle
    assert sentence in idle
    assert bool(sentence) == bool(idle)


def test_a_network_with_epochs_is_not_idle() -> None:
    assert [read(REPORTS / name).idle for name in LETTERS] == ["", "", ""]
    assert read(REPORTS / "conv_network_c_info.json").idle == "", "nothing but times"


def test_a_validation_on_the_host_says_nothing_about_a_board() -> None:
    report = read(REPORTS / "host_network_validate_report.txt")
    assert (report.formats, report.notes) == (("validate",), ())
    assert (report.seconds, report.timers) == (None, None)
    assert report.host_seconds == pytest.approx(1.8e-05)
    assert (report.to_dict()["inference_s"], report.to_dict()["host_s"]) == (None, report.host_seconds)
    assert report.validation
    assert (report.validation.mode, report.validation.device) == ("HOST", "x86_64, x86_64, Linux")
    assert report.validation.metrics["rmse"] == 0.000195
    board = Report("board", validation=Validation(seconds=0.25, mode="TARGET"))
    assert report.merged(board).seconds == board.merged(report).seconds == 0.25


@pytest.mark.parametrize(
    ("device", "on_host"), [("AMD64, Intel64, Windows", True), ("stm32 family - 0x486", False), ("", False)]
)
def test_a_device_says_where_a_network_ran(device: str, on_host: bool) -> None:
    assert Validation(device=device).on_host == on_host
    assert not Validation(device=device, mode="TARGET").on_host


def test_a_failed_build_shows_the_error_of_the_tool() -> None:
    report = read(REPORTS / "failed_studio_log.txt")
    assert (report.formats, report.tool, report.notes) == (("failed",), "4.0.1-20581", ())
    assert report.errors == (
        "E700(UnfeasibleAllocation): Allocation Pass failed on schedule. Not enough memory on device",
    )


@pytest.mark.parametrize(
    "error",
    [
        "TOOL ERROR: list index out of range",
        "INTERNAL ERROR: Your model ir_version 10 is higher than the checker's (9).",
        "NOT IMPLEMENTED: Unknown layer format for layer Input_72",
        "LOAD ERROR: STM32 - read timeout 50094.0ms/50000ms",
        "E103(CliRuntimeError): Error calling the Neural Art compiler",
        "E102(CliArgumentError): Wrong model files for 'keras'",
        "CLI ERROR: unknown option",
    ],
)
def test_errors_of_the_tool(error: str) -> None:
    for line in (error, f"   {error}", f"2026-06-16 21:30:29,930 [INFO] CmdLine:76 - {error}"):
        assert read_text(f"ST Edge AI Core v2.2.0-20266\n{line}\nsomething: error: else").errors == (error,)
    text = (REPORTS / "letters_network_generate_report.txt").read_text()
    report = read_text(
        f"{text}\nRunning the ST.AI c-model (AI RUNNER)...(name=network, mode=TARGET)\n Summary 'network'\n{error}\nx\n"
    )
    assert (report.errors, report.notes, table(report).epochs) == ((error,), (), 65)


def test_memory_pool_file() -> None:
    report = read(REPORTS / "stm32n6.mpool")
    assert report.formats == ("mpool",)
    assert [(pool.name, pool.base, pool.total) for pool in report.pools] == [
        ("ec params pool", 0, 0),
        ("npuRAM3", 0x34200000, 448 * 1024),
        ("npuRAM4", 0x34270000, 448 * 1024),
        ("octoFlash", 0x71000000, 112 * 1024 * 1024),
    ]


def test_a_zero_is_not_the_number_of_macs() -> None:
    lines = [
        "Exec/report summary (generate)",
        " macc   :   0",
        "Exec/report summary (validate)",
        " macc   :   301,277,256",
    ]
    assert read_text("\n".join([*lines, " macc   :   5"])).macc == 301_277_256


# ---------------------------------------------------------------------------------------------- the case study


@pytest.mark.parametrize(
    ("name", "epochs", "npu", "cpu", "offload", "seconds", "weights", "activations"),
    [
        ("movenet", 75, 71, 4, "94.7%", 0.022, 2.924, 1.635),
        ("yolov8n_pose", 149, 131, 18, "87.9%", 0.032, 3.2, 1.8),
        ("tinybert", 270, 174, 96, "64.4%", 0.104, 2.062, 0.2455),
    ],
)
def test_case_study(
    name: str,
    epochs: int,
    npu: int,
    cpu: int,
    offload: str,
    seconds: float,
    weights: float,
    activations: float,
) -> None:
    report = read(DATA / name)
    assert report.notes == ()
    assert report.formats == ("generate", "validate")
    assert (table(report).epochs, table(report).counts[EC], table(report).counts[SW]) == (epochs, npu, cpu)
    assert f"{table(report).offload_by_count:.1%}" == offload
    assert report.seconds == seconds
    assert report.weights / 2**20 == pytest.approx(weights, abs=5e-4)
    assert report.activations / 2**20 == pytest.approx(activations, abs=5e-4)
    assert report.timers
    assert report.timers.table.epochs == epochs


def test_case_study_pools() -> None:
    report = read(DATA / "movenet")
    used = {pool.name: (pool.used, f"{pool.share:.0%}") for pool in report.pools if pool.used}
    assert used == {
        "cpuRAM2": (864 * 1024, "84%"),
        "npuRAM4": (378 * 1024, "84%"),
        "npuRAM5": (432 * 1024, "96%"),
        "octoFlash": (3066040, "5%"),
    }
    assert [(block.first, block.operation) for block in table(report).blocks if block.kind is SW] == [
        (59, "Resize"),
        (63, "Resize"),
        (67, "Resize"),
        (74, "DequantizeLinear"),
    ]


# ---------------------------------------------------------------------------------------------- forms of the text


def test_crlf_blank_lines_colours_and_utf_16(tmp_path: Path) -> None:
    plain = (DATA / "movenet" / "network_generate_report.txt").read_text()
    expected = read(DATA / "movenet" / "network_generate_report.txt")
    forms = {
        "crlf": plain.replace("\n", "\r\n").encode(),
        "blank": plain.replace("\n", "\n\n").encode(),
        "colour": re.sub(r"^(.+)$", "\x1b[36;1m\\1\x1b[0m", plain, flags=re.MULTILINE).encode(),
        "utf16": plain.encode("utf-16"),
        "utf16le": plain.encode("utf-16-le"),
        "utf16be": plain.encode("utf-16-be"),
        "nbsp": plain.replace(" ", "\xa0").encode(),
        "bom": plain.encode("utf-8-sig"),
    }
    for name, raw in forms.items():
        path = tmp_path / name
        path.write_bytes(raw)
        report = read(path)
        assert (report.table, report.pools, report.notes) == (expected.table, expected.pools, ()), name


@pytest.mark.parametrize(
    ("printed", "size"),
    [("0  B", 0), ("147.875 kB", 151424), ("1.000 MB", 1048576), ("1,024.000 kB", 1048576), ("900  B", 900)],
)
def test_units(printed: str, size: int) -> None:
    row = f"\tpool [0x10 - 0x20]: {printed} / {printed} (100.00 % used) -- weights: {printed} (1 % used)  activations: 0  B"
    assert read_text(f"Memory usage information\n{row}").pools == (Pool("pool", 16, 16, size, size, 0),)


def test_pool_of_unknown_range_has_the_printed_size() -> None:
    row = "\tvirtual [0x0 - 0x0]: 1.000 kB / 2.000 kB ( 50.00 % used) -- weights: 0  B  activations: 1.000 kB"
    assert read_text(f"Memory usage information\n{row}").pools == (Pool("virtual", 0, 2048, 1024, 0, 1024),)


def test_several_used_ranges() -> None:
    row = "\tpool [0x0 - 0x1000]: {used} / 4.000 kB ( 25.00 % used) -- weights: 0  B  activations: {used}"
    for used, exact in (
        ("1.000 kB", 0x3FF),
        ("1.002 kB", 1026),
        ("1023  B", 1023),
        ("1022  B", 1022),
        ("0.001 MB", 0x3FF),
    ):
        lines = ["Memory usage information", row.format(used=used), "Used memory ranges"]
        text = "\n".join([*lines, "\tpool [0x0 - 0x1000]: 0x0-0x100 0x200-0x4FF"])
        assert read_text(text).pools[0].used == exact, f"{used}: the ranges are nearer only within the rounding"


def test_weights_are_exact_where_their_section_is_listed() -> None:
    rows = [
        "\tflash [0x0 - 0x1000000]: 3.148 MB / 16.000 MB ( 20 % used) -- weights: 3.148 MB  activations: 0  B",
        "\tram [0x0 - 0x10000]: 1.000 kB / 64.000 kB ( 1 % used) -- weights: 0  B  activations: 1.000 kB",
    ]
    section = [' Requested memory size by section - "stm32n6npu" target', " weights     0   3,300,769    0    0"]
    pools = {pool.name: pool for pool in read_text("\n".join(["Memory usage information", *rows, *section])).pools}
    assert (pools["flash"].used, pools["flash"].weights, pools["ram"].used) == (3300769, 3300769, 1024)


@pytest.mark.parametrize(
    ("line", "block"),
    [
        ("epoch 7      -SW-   (     Transpose      )", EpochBlock(0, SW, 7, 7, "Transpose")),
        ("epoch 7      -SW-   ( GlobalAveragePool(float) )", EpochBlock(0, SW, 7, 7, "GlobalAveragePool(float)")),
        ("epoch 1       HW    ", EpochBlock(0, HW, 1, 1)),
        ("epoch 1       EC", EpochBlock(0, EC, 1, 1)),
        ("epoch 3      -HYBRID- (Resize)", EpochBlock(0, HYBRID, 3, 3, "Resize")),
        ("| epoch_54          |  SW  |     DequantizeLinear     |", EpochBlock(0, SW, 54, 54, "DequantizeLinear")),
        ("| epochs    1 -> 53 |  EC  |                          |", EpochBlock(0, EC, 1, 53)),
    ],
)
def test_epoch_lines(line: str, block: EpochBlock) -> None:
    report = read_text(epochs_part(line))
    assert table(report).blocks == (block,)
    assert report.notes == ()


def test_ec_epochs_listed_one_by_one_are_one_blob_and_listed_blobs_stay_two() -> None:
    single = table(read_text(epochs_part("epoch 1 EC", "epoch 2 EC", "epoch 3 -SW- (Mul)", "epoch 4 EC")))
    assert [block.label for block in single.blocks] == ["EC 1-2", "SW 3 Mul", "EC 4"]
    blobs = table(read_text(epochs_part("| epochs 1 -> 2 | EC | |", "| epochs 3 -> 4 | EC | |")))
    assert [block.label for block in blobs.blocks] == ["EC 1-2", "EC 3-4"]


def test_hybrid_and_extra_rows_of_a_profile() -> None:
    rows = [
        "   0  -  epoch (HYBRID)  1.000  50.0%  50.0%  [ 1 2 3 ]  EpochBlock_1",
        "   1  -  epoch (extra)   1.000  50.0% 100.0%  [ 1 2 1,000 ]  EpochBlock_2",
    ]
    report = read_text("\n".join(["   Inference time per node", *rows]))
    assert report.notes == ()
    assert report.timers
    assert [block.kind for block in report.timers.table.blocks] == [HYBRID, EXTRA]
    assert report.timers.ticks[1].tolist() == [6, 1, 2, 1000]


# ---------------------------------------------------------------------------------------------- what can be wrong


def test_what_is_not_understood_is_listed_with_its_line() -> None:
    text = epochs_part("epoch 1 EC", "epoch two EC", "epoch 3 -XY- (Mul)", "epoch 5 -SW- (Mul)", "epoch 4 -SW- (Sub)")
    report = read_text(text)
    assert [(note.line, note.text) for note in report.notes] == [
        (4, "epoch two EC"),
        (5, "epoch 3 -XY- (Mul)"),
        (7, "epoch 4 -SW- (Sub)"),
    ]
    assert "out of order" in str(report.notes[2])
    assert str(report.notes[0]) == "line 4: not understood in the part 'epochs': epoch two EC"


def test_sums_that_do_not_agree() -> None:
    report = read_text(epochs_part("Total number of epochs: 3 of which 1 implemented in software", "epoch 1 HW"))
    assert [str(note) for note in report.notes] == [
        "the report announces 3 epochs, but lists 1",
        "the report announces 1 software epochs, but lists 0",
    ]
    lines = ["Total number of epochs  2", ">> pure software (SW) epochs  1", ">> hybrid epochs (using both)  1"]
    lines += [">> pure hardware (HW or EC) epochs  0  (implemented in 0 epoch controller blobs/meta epochs)"]
    report = read_text(epochs_part(*lines, "| epoch_1 | SW | Mul |", "| epoch_2 | HYBRID | Resize |"))
    assert report.notes == ()


def test_pools_that_do_not_add_up() -> None:
    row = "\tpool [0x0 - 0x10000]: 1.000 kB / 64.000 kB ( 1 % used) -- weights: 1.000 kB  activations: 0  B"
    text = f"Memory usage information\n{row}\nTotal: 1.000 MB -- weights: 1.000 MB activations: 0  B"
    assert "sum of the pools is 1024 bytes" in str(read_text(text).notes[0])


def test_second_report_in_one_log_replaces_the_first_and_says_so() -> None:
    report = read_text(epochs_part("epoch 1 HW") + "\n" + epochs_part("epoch 1 -SW- (Mul)", "epoch 2 HW"))
    assert table(report).counts[SW] == 1
    assert "replaces the first" in str(report.notes[0])


@pytest.mark.parametrize("cut", [0.5, 0.7, 0.9, 0.97])
def test_truncated_report_gives_what_is_there(tmp_path: Path, cut: float) -> None:
    raw = (DATA / "yolov8n_pose" / "network_generate_report.txt").read_bytes()
    path = tmp_path / "cut.txt"
    path.write_bytes(raw[: int(len(raw) * cut)])
    report = read(path)
    assert report.pools
    if cut > 0.5:
        assert (table(report).epochs, table(report).counts[SW]) == (149, 18), "as announced"
        assert table(report).unlisted > 0
        assert math.isnan(table(report).offload_by_count), "what the missing rows say is not known"
        assert report.to_dict()["epochs"]["offload_by_count"] is None
        assert any("announces 149 epochs" in str(note) for note in report.notes)
        lines = len(raw[: int(len(raw) * cut)].splitlines())
        assert f"line {lines}: the text ends in the part 'epochs'; it may be truncated" in map(str, report.notes)


def test_truncated_json_is_refused(tmp_path: Path) -> None:
    raw = C_INFO.read_bytes()
    (tmp_path / "cut.json").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ReportError, match=r"cut\.json is not a complete JSON document \(line \d+, column \d+: "):
        read(tmp_path / "cut.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file is empty; use network_generate_report.txt, "),
        (b"\n  \n", "file is empty"),
        (
            b"hello\n" * 10,
            "starts with 'hello' and does not contain a part of a report of ST Edge AI Core; use network_generate",
        ),
        (
            b"a\nb\n" + bytes(range(256)) * 100,
            "is not text: line 3 contains a zero byte; text in UTF-8 or UTF-16 is required",
        ),
        (b"{}", "does not have a json_schema_version; use network_generate_report.txt, "),
        (b'{"tensors": []}', "is the quantisation of the model"),
        (b'{"json_schema_version": null}', "json_schema_version None; a network_c_info.json of 2.x is required"),
        (b'{"json_schema_version": "3.0"}', r"'3\.0'"),
        (b'{"json_schema_version": 2}', "json_schema_version 2"),
        (b'{"a":' * 100_000, "cannot be read as a JSON document"),
    ],
)
def test_no_report(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ReportError, match=message):
        read(tmp_path / "file")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be read: No such file"):
        read(tmp_path / "nothing.txt")
    with pytest.raises(ReportError, match="does not contain a report"):
        read(tmp_path)


def test_huge_report_is_read_and_its_notes_are_bounded() -> None:
    lines = [f"epoch {n}      -SW-   (     Transpose{n % 7}      )" for n in range(1, 100_001)]
    report = read_text(epochs_part("Total number of epochs: 100000 of which 100000 implemented in software", *lines))
    assert table(report).epochs == 100_000
    assert report.notes == ()
    report = read_text(epochs_part("epoch 1 HW", *["rubbish"] * 100_000))
    assert len(report.notes) == MAX_NOTES
    assert report.more_notes == 100_000 - MAX_NOTES


@pytest.mark.parametrize(
    "line",
    [
        " " * 100_000 + "x",
        "|" * 100_000,
        "| epoch_1 | SW |" + " " * 16_000 + "x",
        "epoch 1 -SW- (" + "(" * 16_000,
        "1," * 50_000,
    ],
)
def test_long_lines_do_not_hang(line: str) -> None:
    text = "\n".join(
        f"{title}\n{line}" for title in ("Memory usage information", "Epochs details", "Inference time per node")
    )
    assert len(read_text(text + "\n" + epochs_part("epoch 1 HW")).notes) >= 3


def mutated(text: str, rng: random.Random) -> str:
    """The text with lines lost, doubled, exchanged and damaged."""
    lines = text.splitlines()
    for _ in range(rng.randrange(1, 20)):
        index = rng.randrange(len(lines))
        line = lines[index]
        place = rng.randrange(len(line) + 1)
        lines[index : index + 1] = rng.choice(
            [
                [],
                [line, line],
                [line[:place]],
                [line[:place] + rng.choice(["9" * 40, "-", ".", ",,", "\x00", "é", "|", "0x", "e9"]) + line[place:]],
                [rng.choice(lines)],
            ]
        ) or [""]
    return "\n".join(lines)


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32),
    name=st.sampled_from(["movenet", "tinybert"]),
    part=st.sampled_from(["generate", "validate"]),
)
def test_damaged_reports_never_raise(seed: int, name: str, part: str) -> None:
    text = (DATA / name / f"network_{part}_report.txt").read_text()
    reader = TextReader()
    reader.feed(mutated(text, random.Random(seed)).splitlines())
    report = reader.report("damaged")
    if report:
        json.dumps(report.to_dict())


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["NODE_EC", "NODE_SW", "epoch_1", "12", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["buffers", "ec_blobs_info", "environment", "graphs", "memory_pools", "power_estimates", "aton_execution_time"]
NODE = st.fixed_dictionaries({"name": values, "mapping": values, "id": values, "subgraph_nodes": values})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=st.dictionaries(st.sampled_from([*KEYS, "validation"]), values | st.lists(values, max_size=3)), node=NODE
)
def test_strange_c_info_never_raises_anything_else(
    tmp_path: Path, document: dict[str, Any], node: dict[str, Any]
) -> None:
    document = {"graphs": [{"nodes": [node]}]} | document | {"json_schema_version": "2.0"}
    (tmp_path / "c_info.json").write_text(json.dumps(document))
    json.dumps(read(tmp_path / "c_info.json").to_dict())


# ---------------------------------------------------------------------------------------------- folders, merging, joining


def test_folder_of_one_network(tmp_path: Path) -> None:
    for name in LETTERS[1:]:
        (tmp_path / name).write_bytes((REPORTS / name).read_bytes())
    report = read(tmp_path)
    assert report.formats == ("generate", "c_info")
    assert report.macc == 61440000, "only the text has it"
    assert report.mapping["EC"] == 38, "only the c_info has it"
    assert table(report).blocks[1].estimated_total == 3840
    assert read(DATA / "movenet").source.endswith("network_generate_report.txt")


def test_join_puts_names_and_estimates_on_measured_blocks() -> None:
    report = EpochTable.from_blocks([EpochBlock(0, EC, 1, 4, "Conv", 10, 20), EpochBlock(0, SW, 5, 5, "Resize", 0, 7)])
    device = EpochTable.from_blocks([EpochBlock(0, EC, 1, 4), EpochBlock(0, EXTRA, 5, 5), EpochBlock(0, SW, 5, 5)])
    joined = join(report, device)
    assert joined.disagreements == ()
    assert [block.label for block in joined.table.blocks] == ["EC 1-4 Conv", "EXTRA 5", "SW 5 Resize"]
    assert [block.estimated_total for block in joined.table.blocks] == [20, 0, 7]
    assert [block.index for block in joined.table.blocks] == [0, 1, 2]


def test_join_flags_blocks_of_another_length() -> None:
    report = EpochTable.from_blocks([EpochBlock(0, SW, 1, 1, "Mul"), EpochBlock(0, EC, 2, 4)])
    longer = EpochTable.from_blocks([EpochBlock(0, SW, 1, 2), EpochBlock(0, EC, 3, 6)])
    assert join(report, longer).disagreements == (
        "SW 1-2 runs, but the report has SW 1 Mul",
        "EC 3-6 runs, but the report has EC 2-4",
    )


def test_join_flags_another_build() -> None:
    report = EpochTable.from_blocks(
        [EpochBlock(0, EC, 1, 4), EpochBlock(0, SW, 5, 5, "Resize"), EpochBlock(0, EC, 6, 9)]
    )
    device = EpochTable.from_blocks(
        [EpochBlock(0, EC, 1, 4), EpochBlock(0, EC, 6, 9), EpochBlock(0, SW, 10, 10, "Mul")]
    )
    joined = join(report, device)
    assert joined.disagreements == (
        "SW 5 Resize is in the report, but does not run",
        "SW 10 Mul runs, but is not in the report",
    )
    renamed = EpochTable.from_blocks([EpochBlock(0, EC, 1, 4), EpochBlock(0, SW, 5, 5, "Mul"), EpochBlock(0, EC, 6, 9)])
    assert join(report, renamed).disagreements == ("SW 5 Mul runs, but the report has SW 5 Resize",)


def blocks_of(*rows: tuple[EpochKind, int, int] | tuple[EpochKind, int, int, str]) -> EpochTable:
    return EpochTable.from_blocks(EpochBlock(0, *row) for row in rows)


def test_join_takes_the_words_of_the_report() -> None:
    """Generated code flags blocks hybrid that the report calls SW, and the other way round."""
    report = blocks_of((EC, 1, 4), (SW, 5, 5, "Concat"), (HYBRID, 6, 6, "Slice"), (HW, 7, 7))
    device = blocks_of((EC, 1, 4), (HYBRID, 5, 5, "Concat"), (SW, 6, 6), (HW, 7, 7))
    joined = join(report, device)
    assert joined.disagreements == ()
    assert [block.label for block in joined.table.blocks] == ["EC 1-4", "SW 5 Concat", "HYBRID 6 Slice", "HW 7"]
    assert joined.table.counts == report.counts


def test_join_accepts_hw_epochs_that_compute_nothing() -> None:
    report = blocks_of((HW, 1, 1), (SW, 2, 2, "QuantizeLinear"), (HW, 3, 3), (HW, 4, 4), (SW, 5, 5, "Mul"))
    device = blocks_of((SW, 2, 2, "QuantizeLinear"), (HW, 3, 3), (SW, 5, 5, "Mul"))
    joined = join(report, device)
    assert joined.disagreements == ()
    assert (joined.table.epochs, joined.table.counts[HW]) == (5, 3), "as the report counts them"
    working = EpochTable(tuple(replace(block, estimated_total=9) for block in report.blocks))
    assert join(working, device).disagreements == (
        "HW 1 is in the report, but does not run",
        "HW 4 is in the report, but does not run",
    )
    assert join(report, blocks_of((SW, 2, 2, "QuantizeLinear"), (HW, 3, 3))).disagreements == (
        "HW 4 is in the report, but does not run",
        "SW 5 Mul is in the report, but does not run",
    )


def test_join_accepts_numbers_without_epochs_and_several_blobs_in_one_run() -> None:
    """From 4.0 on, blocks also cover the numbers of epochs that were removed; up to 2.2, texts do not say where a blob ends."""
    report = EpochTable(blocks_of((EC, 1, 63), (HYBRID, 65, 65, "Split"), (EC, 79, 79)).blocks, {EC: 50, HYBRID: 1})
    device = blocks_of((EC, 1, 64), (HYBRID, 65, 65), (EXTRA, 65, 65), (EC, 79, 79))
    joined = join(report, device)
    assert joined.disagreements == ()
    assert (joined.table.epochs, joined.table.counts[EC]) == (51, 50)
    two_blobs = blocks_of((EC, 1, 2), (EC, 3, 19), (SW, 20, 20))
    joined = join(blocks_of((EC, 1, 19), (SW, 20, 20, "DequantizeLinear")), two_blobs)
    assert joined.disagreements == ()
    assert [block.span for block in joined.table.blocks] == ["1-2", "3-19", "20"]


def test_join_with_a_report_that_was_cut_off() -> None:
    """Blocks that are missing at its end are not evidence; the listed ones are, and the counts are those of the runtime."""
    report = EpochTable(blocks_of((EC, 1, 4), (SW, 5, 5, "Concat")).blocks, unlisted=5)
    device = blocks_of((EC, 1, 4), (HYBRID, 5, 5), (EC, 6, 9), (SW, 10, 10, "Mul"))
    joined = join(report, device)
    assert joined.disagreements == ()
    assert [block.label for block in joined.table.blocks] == ["EC 1-4", "SW 5 Concat", "EC 6-9", "SW 10 Mul"]
    assert joined.table.counts == {HW: 0, EXTRA: 0, SW: 2, HYBRID: 0, EC: 8}
    assert joined.table.unlisted == 0
    assert join(report, blocks_of((EC, 1, 3), (SW, 4, 4))).disagreements


@pytest.mark.parametrize(
    ("known", "runs"),
    [("Sub(float)", "Sub"), ("Sub", "Sub(float)"), ("Concat, Transpose", "Concat"), ("", "Concat"), ("Slice", "")],
)
def test_join_knows_an_operation_by_its_name(known: str, runs: str) -> None:
    joined = join(blocks_of((SW, 1, 1, known)), blocks_of((SW, 1, 1, runs)))
    assert joined.disagreements == ()
    assert joined.table.blocks[0].operation == (known or runs)


@pytest.mark.parametrize(
    ("report", "device"),
    [
        ((EC, 1, 4), (HW, 1, 4)),
        ((EC, 1, 1), (SW, 1, 1)),
        ((EC, 1, 4), (EC, 3, 6)),
        ((SW, 1, 1, "Mul"), (SW, 1, 1, "Sub")),
    ],
)
def test_join_keeps_the_kinds_of_the_runtime_where_the_builds_differ(
    report: tuple[EpochKind, int, int], device: tuple[EpochKind, int, int]
) -> None:
    table = blocks_of(device, (HYBRID, 9, 9))
    joined = join(blocks_of(report, (SW, 9, 9, "Concat")), table)
    assert len(joined.disagreements) == 1
    assert [block.label for block in joined.table.blocks] == [table.blocks[0].label, "HYBRID 9 Concat"]
    assert joined.table.counts == table.counts


def test_join_accepts_names_that_the_wire_cut() -> None:
    name = "GlobalAveragePool(float) and more"
    report = EpochTable.from_blocks([EpochBlock(0, SW, 1, 1, name)])
    device = EpochTable.from_blocks([EpochBlock(0, SW, 1, 1, name[:24])])
    assert join(report, device).disagreements == ()


def test_block_table() -> None:
    lines = block_table(DATA / "movenet").splitlines()
    assert lines[:4] == ["epochs 75", "EC 1 58 0 0", "SW 59 59 0 0 Resize", "EC 60 62 0 0"]
    assert [line for line in lines if line.startswith("pool")] == [
        "pool cpuRAM2 0x34100000 1048576 884736 0 884736",
        "pool npuRAM3 0x34200000 458752 0 0 0",
        "pool npuRAM4 0x34270000 458752 387072 0 387072",
        "pool npuRAM5 0x342e0000 458752 442368 0 442368",
        "pool npuRAM6 0x34350000 458752 0 0 0",
        "pool octoFlash 0x70380000 63438848 3066040 3066040 0",
        "pool hyperRAM 0x90000000 33554432 0 0 0",
    ]
    assert len(lines) == 1 + 9 + 7
    blocks = [line for line in block_table(C_INFO).splitlines()[1:] if not line.startswith("pool")]
    assert blocks[1] == "SW 6 6 0 3840 Transpose"
    assert all(len(line.split(maxsplit=5)[5].encode()) <= 24 for line in blocks)
    with pytest.raises(ReportError, match="does not list epochs"):
        block_table(REPORTS / "conv_network_validate_report.txt")


def test_a_simulated_network_counts_epochs_as_its_report_does() -> None:
    lines = block_table(REPORTS / "gaps_studio_log.txt").splitlines()
    assert lines[:3] == ["epochs 39", "EC 1 20 0 0", "HYBRID 22 22 0 0 Split"], "the blocks have 44 numbers"
    with pytest.raises(
        ReportError, match="does not list epochs; the NPU is not used: stedgeai was called without --st-neural-art"
    ):
        block_table(REPORTS / "cpu_network_analyze_report.txt")


def test_a_pool_whose_name_has_blanks_stays_one_word(tmp_path: Path) -> None:
    node = {"id": 1, "name": "epoch_1", "mapping": "NODE_HW", "subgraph_nodes": [{"description": "Node kind=Conv"}]}
    pool = {"id": 1, "name": "slow\nRAM 2", "address": "1024", "size_bytes": 64, "used_size_bytes": 32}
    document = {"json_schema_version": "2.0", "graphs": [{"nodes": [node]}], "memory_pools": [pool]}
    path = tmp_path / "network_c_info.json"
    path.write_text(json.dumps(document))
    assert block_table(path).splitlines() == ["epochs 1", "HW 1 1 0 0 Conv", "pool slow_RAM_2 0x400 64 32 0 32"]


def write_c_info(path: Path, nodes: list[dict[str, object]]) -> Path:
    path.write_text(json.dumps({"json_schema_version": "2.0", "graphs": [{"nodes": nodes}]}))
    return path


def test_an_epoch_that_comes_twice_counts_once(tmp_path: Path) -> None:
    work = [{"description": "Node kind=Conv"}]
    nodes: list[dict[str, object]] = [
        {"id": i, "name": f"epoch_{number}", "mapping": "NODE_HW", "subgraph_nodes": work}
        for i, number in enumerate((1, 2, 2))
    ]
    report = read(write_c_info(tmp_path / "network_c_info.json", nodes))
    assert report.table and report.table.epochs == 2
    assert [note.reason for note in report.notes] == ["epoch 2 is listed twice"]


def test_notes_on_a_document_are_limited(tmp_path: Path) -> None:
    work = [{"type": "Conv"}]
    nodes: list[dict[str, object]] = [
        {"name": f"epoch_{number}", "mapping": "NODE_X", "subgraph_nodes": work} for number in range(MAX_NOTES + 7)
    ]
    report = read(write_c_info(tmp_path / "network_c_info.json", nodes))
    assert (len(report.notes), report.more_notes) == (MAX_NOTES, 7)


def test_a_file_that_no_report_is_as_large_as(tmp_path: Path) -> None:
    path = tmp_path / "network_generate_report.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ReportError, match=f"has {MAX_BYTES + 1} bytes; a report must not have more than {MAX_BYTES}"):
        read(path)
