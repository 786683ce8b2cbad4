"""Readers of ST Edge AI Core's reports, on reports that users have published: they are not part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from n6link.epochs.pools import Pool
from n6link.epochs.st_report import Report, read, read_folder
from n6link.epochs.timers import EpochTable
from n6link.protocol import EpochKind

HW, SW, EC = EpochKind.HW, EpochKind.SW, EpochKind.EC

COUNTS: dict[str, tuple[int, int, int, int, int] | None] = {
    "blazeface_generate_report_v2.2.txt": (85, 0, 58, 0, 27),
    "conv7x7_network_validate_report_v2.2.txt": None,
    "conv7x7_validate_network_c_info_v2.2.json": None,
    "min_hybrid_v2.2.txt": (4, 2, 0, 1, 1),
    "min_hybrid_v4.0.txt": (6, 4, 0, 1, 1),
    "mobilenet_v2_128_c_info_v3.0.json": (56, 0, 55, 0, 1),
    "mobilenet_v2_128_generate_report_v3.0.txt": (56, 0, 55, 0, 1),
    "mobilenet_v2_224_cubemx_log.txt": (58, 0, 55, 0, 3),
    "mobilenetv2_generate_and_validate_log_v4.0.1.txt": (58, 55, 0, 0, 3),
    "spatial_cnn_generate_report_v2.2.txt": (5, 0, 5, 0, 0),
    "ssd_mobilenet_v2_analyze_report_v2.2_cpu_only.txt": None,
    "tcn_generate_report_v4.0_cpu_only.txt": None,
    "tinybert_textgen_ec_network_generate_report_v2.2.txt": (407, 257, 0, 0, 150),
    "tinybert_textgen_network_c_info_v2.2.json": (407, 257, 0, 0, 150),
    "tinybert_textgen_network_generate_report_v2.1.txt": (407, 0, 257, 0, 150),
    "yolov11n_224_generate_and_validate_log_v4.0.1_hybrid.txt": (151, 129, 0, 12, 10),
    "yolov8n_pose_256_c_info_v2.1_hybrid.json": (148, 128, 0, 2, 18),
    "yolov8n_pose_256_generate_report_v2.1_hybrid.txt": (148, 128, 0, 2, 18),
}
"""epochs in all, EC, HW, hybrid, SW, as the file itself says; None: it lists none"""
MACC = {
    "blazeface_generate_report_v2.2.txt": 32092044,
    "conv7x7_network_validate_report_v2.2.txt": 19529760,
    "mobilenet_v2_128_generate_report_v3.0.txt": 22464344,
    "mobilenet_v2_224_cubemx_log.txt": 301277256,
    "mobilenetv2_generate_and_validate_log_v4.0.1.txt": 312031800,
    "spatial_cnn_generate_report_v2.2.txt": 2490976,
    "ssd_mobilenet_v2_analyze_report_v2.2_cpu_only.txt": 122722536,
    "tcn_generate_report_v4.0_cpu_only.txt": 15657686,
    "tinybert_textgen_ec_network_generate_report_v2.2.txt": 172531800,
    "tinybert_textgen_network_generate_report_v2.1.txt": 172531800,
    "yolov11n_224_generate_and_validate_log_v4.0.1_hybrid.txt": 399666001,
    "yolov8n_pose_256_generate_report_v2.1_hybrid.txt": 763030879,
}
SECONDS = {
    "conv7x7_network_validate_report_v2.2.txt": 0.000462,
    "conv7x7_validate_network_c_info_v2.2.json": 0.000462075,
    "mobilenet_v2_224_cubemx_log.txt": 0.020694,
    "mobilenetv2_generate_and_validate_log_v4.0.1.txt": 0.049338,
    "yolov11n_224_generate_and_validate_log_v4.0.1_hybrid.txt": 0.042939,
}
SAMPLES = sorted(COUNTS)
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


def test_samples_say_what_their_texts_say(shared: Path) -> None:
    """They are understood to the last line."""
    present = sorted(path.name for path in (shared / "st_reports").iterdir() if path.suffix in (".txt", ".json"))
    assert set(SAMPLES) <= set(present)
    for name in SAMPLES:
        report = read(shared / "st_reports" / name)
        assert report.notes == (), name
        assert report.more_notes == 0
    for name, expected in COUNTS.items():
        report = read(shared / "st_reports" / name)
        counts = report.table and tuple(report.table.counts[kind] for kind in (EC, HW, EpochKind.HYBRID, SW))
        assert (report.table and (report.table.epochs, *(counts or ()))) == expected, name
        assert report.macc == MACC.get(name), name
        assert (report.seconds or 0) == pytest.approx(SECONDS.get(name, 0), rel=1e-6), name


def test_hybrid_epochs(shared: Path) -> None:
    pose = [
        read(shared / "st_reports" / f"yolov8n_pose_256_{name}_v2.1_hybrid.{end}")
        for name, end in (("generate_report", "txt"), ("c_info", "json"))
    ]
    for report in (*pose, pose[0].merged(pose[1])):
        assert f"{table(report).offload_by_count:.1%}" == "86.5%"
        assert [block.first for block in table(report).blocks if block.kind is EpochKind.HYBRID] == [94, 127]
        assert report.weights == 3300769
    assert (
        table(pose[0].merged(pose[1])).fallbacks
        == table(pose[1]).fallbacks
        == {
            "Concat": 9,
            "Slice": 6,
            "DepthToSpace": 2,
            "Transpose": 1,
            "Softmax": 1,
            "DequantizeLinear": 1,
        }
    )
    yolo = read(shared / "st_reports" / "yolov11n_224_generate_and_validate_log_v4.0.1_hybrid.txt")
    assert f"{table(yolo).offload_by_count:.1%}" == "85.4%"
    assert yolo.timers
    assert len(yolo.timers.table) == 51
    assert yolo.timers.table.counts == table(yolo).counts
    assert yolo.timers.duration == pytest.approx(0.042939, rel=1e-4)


def test_a_folder_of_all_samples_mixes_nothing(shared: Path) -> None:
    """Files of one build go together, and no others: 18 files are of 14 builds."""
    folder = read_folder(shared / "st_reports")
    assert (folder.ignored, folder.damaged) == ((), ())
    together = [report for report in folder.reports if len(report.formats) > 1 and "c_info" in report.formats]
    assert sorted(report.network[:8] for report in together) == ["baseline", "mobilene", "quantize", "yolov8n_"]
    assert len(folder.reports) == 14
    assert sum(report.table is not None for report in folder.reports) == 11
    for report in folder.reports:
        assert report.notes == ()


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
    text, report = sample(shared, "tinybert_textgen_ec"), sample(shared, "tinybert_textgen_network_c")
    assert [block.span for block in table(text).blocks] == [block.span for block in table(report).blocks]
    assert table(text).block_counts[EC] == 67
    assert table(sample(shared, "tinybert_textgen_network_generate")).block_counts[HW] == 257
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
    # Its c_info has the same times, without kinds.
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
    assert report.skipped["other text"] > 100, "a whole build is between generate and validate"
    timers = report.timers
    assert timers
    assert timers.table.blocks[-1].span == "57-58", "the target says 57 -> 59"
    assert timers.table.blocks[1].operation == "DequantizeLinear"
    assert timers.tick_hz == 600e6
    assert timers.duration == pytest.approx(0.049338, rel=1e-4)
    assert f"{timers.offload_by_time:.1%}" == "97.3%"
    assert f"{timers.by_kind()['SW']:.1%}" == "2.5%"
