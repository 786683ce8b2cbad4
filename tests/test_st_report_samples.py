"""Readers of ST Edge AI Core's reports, on reports that users have published: they are not part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from n6link.epochs.pools import Pool
from n6link.epochs.st_report import Report, read
from n6link.epochs.timers import EpochTable
from n6link.protocol import EpochKind

HW, SW, EC = EpochKind.HW, EpochKind.SW, EpochKind.EC

SAMPLES = [
    "conv7x7_network_validate_report_v2.2.txt",
    "conv7x7_validate_network_c_info_v2.2.json",
    "mobilenetv2_generate_and_validate_log_v4.0.1.txt",
    "tinybert_textgen_ec_network_generate_report_v2.2.txt",
    "tinybert_textgen_network_c_info_v2.2.json",
    "tinybert_textgen_network_generate_report_v2.1.txt",
]
TINYBERT_FALLBACKS = {
    "Conv": 48,
    "QuantizeLinear": 24,
    "Transpose": 18,
    "DequantizeLinear": 12,
    "Reciprocal": 12,
    "Mul": 12,
    "Sub": 12,
    "Softmax": 6,
    "Split": 6,
}


def sample(shared: Path, name: str) -> Report:
    return read(shared / "st_reports" / next(path for path in SAMPLES if path.startswith(name)))


def table(report: Report) -> EpochTable:
    assert report.table
    return report.table


def pool(report: Report, name: str) -> Pool:
    return next(pool for pool in report.pools if pool.name == name)


def test_samples_are_understood_to_the_last_line(shared: Path) -> None:
    for name in SAMPLES:
        report = read(shared / "st_reports" / name)
        assert report.notes == (), name
        assert report.more_notes == 0


def test_tinybert_counts(shared: Path) -> None:
    for name in ("tinybert_textgen_network_generate", "tinybert_textgen_ec", "tinybert_textgen_network_c"):
        report = sample(shared, name)
        assert table(report).epochs == 407
        assert table(report).counts[SW] == 150
        assert table(report).fallbacks == TINYBERT_FALLBACKS
        assert table(report).offload_by_count == pytest.approx(257 / 407)
        assert pool(report, "npuRAM3").used == 151424, "147.875 kB; the used range is exact"
        assert pool(report, "octoFlash").share == pytest.approx(0.039, abs=5e-4)
        assert report.activations == 1048576 + 151424 + 66240


def test_tinybert_ec_blobs_are_blocks(shared: Path) -> None:
    """Blobs that the c_info names are the runs of EC epochs that the text lists one by one."""
    text, c_info = sample(shared, "tinybert_textgen_ec"), sample(shared, "tinybert_textgen_network_c")
    assert [block.span for block in table(text).blocks] == [block.span for block in table(c_info).blocks]
    assert table(text).block_counts[EC] == 67
    assert table(sample(shared, "tinybert_textgen_network_generate")).block_counts[HW] == 257


def test_tinybert_c_info(shared: Path) -> None:
    report = sample(shared, "tinybert_textgen_network_c")
    assert report.mapping == {"HW": 1, "SW": 150, "EC": 258}, "409 nodes: with the parameters and the return marker"
    assert report.tool == "2.2.0-20266 2adc00962"
    assert report.compiler == "1.1.1-14"
    assert report.network == "quantized_model"
    assert (report.weights, report.activations) == (4574097, 1266240)
    first, transpose = table(report).blocks[:2]
    assert (first.kind, first.span, first.estimated_npu, first.estimated_total) == (EC, "1-6", 40448, 325152)
    assert first.operation.startswith("Mul, Add")
    assert (transpose.operation, transpose.estimated_total) == ("Transpose", 3840)
    assert table(report).blocks[-1].span == "403-407"


def test_conv7x7_times(shared: Path) -> None:
    report = sample(shared, "conv7x7_network_validate")
    assert report.seconds == 0.000462
    assert report.validation
    assert report.validation.min == pytest.approx(0.000461)
    assert report.validation.max == pytest.approx(0.000473)
    assert report.validation.deviation == pytest.approx(4e-6)
    assert report.validation.cpu_hz == 800e6
    assert report.validation.npu_hz == 1000e6
    assert report.validation.samples == 10
    assert report.validation.metrics["rmse"] == 7.4958e-05
    timers = report.timers
    assert timers
    assert [block.label for block in timers.table.blocks] == ["HW 2", "HW 3", "HW 4", "HW 5"]
    assert [f"{seconds * 1e3:.3f}" for seconds in timers.total] == ["0.162", "0.148", "0.147", "0.005"]
    assert timers.ticks[0].tolist() == [0, 10745, 114021, 4984]
    assert timers.duration == pytest.approx(0.000462, rel=1e-3)
    assert f"{timers.offload_by_time:.1%}" == "88.5%"
    assert not timers.simulated


def test_conv7x7_c_info_has_the_same_times_without_kinds(shared: Path) -> None:
    report = sample(shared, "conv7x7_validate")
    assert report.validation
    assert report.seconds == pytest.approx(0.000462, rel=1e-3)
    assert report.validation.tick_hz == pytest.approx(800e6, rel=1e-4)
    assert report.validation.metrics["cos"] == pytest.approx(1.0, abs=1e-6)
    assert report.timers is None
    merged = report.merged(sample(shared, "conv7x7_network"))
    assert merged.formats == ("c_info", "validate")
    assert merged.timers


def test_console_log_of_4_0(shared: Path) -> None:
    report = sample(shared, "mobilenetv2")
    assert report.formats == ("generate", "validate")
    assert report.tool == "4.0.1-20581"
    assert report.network == "mobilenet_v2_224_int8"
    assert report.macc == 312031800
    assert [block.label for block in table(report).blocks] == [
        "EC 1-53",
        "SW 54 DequantizeLinear",
        "SW 55 GlobalAveragePool(float)",
        "SW 56 QuantizeLinear",
        "EC 57-58",
    ]
    assert table(report).counts[EC] == 55
    assert pool(report, "npuRAM4").used == 441 * 1024
    assert report.skipped["other text"] > 100, "a whole build stands between generate and validate"
    timers = report.timers
    assert timers
    assert timers.table.blocks[-1].span == "57-58", "the target says 57 -> 59"
    assert timers.table.blocks[1].operation == "DequantizeLinear"
    assert timers.tick_hz == 600e6
    assert timers.duration == pytest.approx(0.049338, rel=1e-4)
    assert f"{timers.offload_by_time:.1%}" == "97.3%"
    assert f"{timers.by_kind()['SW']:.1%}" == "2.5%"
