"""The registry of a board's networks: what is read of generated files, and which of them are refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from m55 import CORE_INCLUDES
from typer.testing import CliRunner

from n6link.cli import firmware
from n6link.epochs import st_report
from n6link.epochs.st_report import BlockTime, Report, Validation
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.errors import BadInput, CardError, ReportError
from n6link.protocol import EpochKind
from n6link.protocol.records import BlockRecord
from n6link.registry import check_together, read_network, read_source, runtime_version, write_c
from n6link.registry.emit import quoted
from n6link.tensors.golden import Golden, write_golden

FIRMWARE: Final = Path(__file__).resolve().parents[1] / "firmware"
STUBS: Final = FIRMWARE / "ports" / "stm32n6" / "stubs"
TINY: Final = STUBS / "network"
REPORTS: Final = Path(__file__).parent / "data" / "reports"
C_INFO: Final = REPORTS / "letters_network_c_info.json"
FLAGS: Final = {
    EpochKind.EC: "blob | EpochBlock_Flags_pure_hw",
    EpochKind.SW: "pure_sw",
    EpochKind.HYBRID: "hybrid",
    EpochKind.EXTRA: "internal",
    EpochKind.HW: "pure_hw",
}


def generated(
    blocks: Sequence[EpochBlock],
    *,
    name: str = "tinybert",
    compiler: str = "1.1.1-14",
    flash: int = 0x71000000,
    weights: str = "4.36 MB",
    ram: str = "npuRAM5 offset=0x342e0000",
    output: str = "0",
) -> str:
    """A C file in the form in which ST Edge AI Core writes them, with what the registry reads of it."""
    items = "".join(
        f"""    {{
      .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_{FLAGS[block.kind]},
#ifdef LL_ATON_EB_DBG_INFO
      .epoch_num = {block.first},
      .last_epoch_num = {block.last},
#endif // LL_ATON_EB_DBG_INFO
    }},
"""
        for block in blocks
    )
    return f"""/*
 * GIT_DESCRIPTION "atonn-v{compiler}-ge619e860"
 */
/* global pool 1 is {weights} */
/* index=1 file postfix=xSPI2 name=octoFlash offset={flash:#x}  absolute_mode size=117440512 READ_ONLY THROUGHPUT=MID */
/* global pool 0 is 64.69 KB */
/* index=0 file postfix=AXISRAM5 name={ram}  absolute_mode size=458752 READ_WRITE THROUGHPUT=HIGH */

const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_{name}(void) {{

  static const EpochBlock_ItemTypeDef ll_atonn_rt_epoch_block_array[] = {{
{items}    {{
      .flags = EpochBlock_Flags_last_eb,
    }},
  }};

  return ll_atonn_rt_epoch_block_array;
}}

const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info_{name}(void)
{{
  static const LL_Buffer_InfoTypeDef buff_info[] = {{
    {{
      .name = "Input_65_out_0",
      .offset_start = 128,
      .offset_end = 168,
      .is_user_allocated = 0,
      .is_param = 0,
      .per_channel = 0,
    }},
    {{
      .name = "weights",
      .is_param = 1,
      .per_channel = 1,
    }},
    {{
      .name = NULL,
    }}
  }};

  return buff_info;
}}

const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info_{name}(void)
{{
  static const uint32_t buff_info__mem_shape_F_1_30_8[] = {{ 1, 30, 8 }};
  static const LL_Buffer_InfoTypeDef buff_info[] = {{
    {{
      .name = "Quantize_9_out_0",
      .is_user_allocated = {output},
      .is_param = 0,
      .mem_shape = buff_info__mem_shape_F_1_30_8,
      .chpos = CHPos_Last,
      .per_channel = 1,
    }},
    {{
      .name = NULL,
    }}
  }};

  return buff_info;
}}
"""


BLOCKS: Final = (
    EpochBlock(0, EpochKind.EC, 1, 3),
    EpochBlock(1, EpochKind.SW, 4, 4),
    EpochBlock(2, EpochKind.EC, 5, 7),
)


def folder(path: Path, blocks: Sequence[EpochBlock] = BLOCKS, *reports: Path, **options: Any) -> Path:
    """A generated folder."""
    path.mkdir(exist_ok=True)
    (path / "network.c").write_text(generated(blocks, **options))
    for report in reports:
        name = "network_c_info.json" if report.suffix == ".json" else f"network_{len(report.name)}_generate_report.txt"
        shutil.copy(report, path / name)
    return path


@pytest.fixture
def compiled() -> list[EpochBlock]:
    """The epoch blocks of a compiled network, as the runtime has them: with the return marker."""
    table = st_report.read(C_INFO).table
    assert table is not None
    last = table.blocks[-1]
    return [*table.blocks[:-1], replace(last, last=last.last + 1)]


# ------------------------------------------------------------------------------------------ the source


def test_a_source_is_read() -> None:
    source = read_source(TINY)
    assert (source.path, source.symbol, source.compiler) == (TINY / "network.c", "tiny", "1.1.3-0")
    assert [tensor.name for tensor in source.inputs] == ["Input_0_out_0"]
    kinds = [(block.kind.name, block.first, block.last) for block in source.table.blocks]
    assert kinds == [("EC", 1, 3), ("SW", 4, 4), ("HYBRID", 5, 5), ("HW", 6, 6), ("EC", 7, 7)]
    assert source.table.blocks[1].operation == "DequantizeLinear"
    assert (source.table.blocks[0].estimated_npu, source.table.blocks[0].estimated_total) == (300, 330)
    flash, ram = source.pools
    assert (flash.name, flash.base, flash.total, flash.weights) == ("octoFlash", 0x70380000, 65536, 2048)
    assert (ram.name, ram.used, ram.activations) == ("npuRAM5", 448, 448)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ((EpochKind.EC, 60, 61), (60, 60)),
        ((EpochKind.EC, 60, 60), (60, 60)),
        ((EpochKind.HW, 60, 60), (60, 60)),
        ((EpochKind.SW, 60, 60), (60, 60)),
    ],
    ids=["marker", "no room for one", "HW", "SW"],
)
def test_all_readers_leave_the_return_marker_out(
    tmp_path: Path, last: tuple[EpochKind, int, int], expected: tuple[int, int]
) -> None:
    rows = [(EpochKind.EC, 1, 58), (EpochKind.SW, 59, 59), last]
    times = tuple(BlockTime(1e-3, 0, 1000, 0, *row) for row in rows)
    validated = Report("validate", validation=Validation(times)).timers
    assert validated
    tables = {
        "device": EpochTable.from_records([BlockRecord(kind=k, first=a, last=b) for k, a, b in rows], epochs=60),
        "generated file": read_source(folder(tmp_path, [EpochBlock(0, *row) for row in rows])).table,
        "validate report": validated.table,
    }
    for reader, table in tables.items():
        assert [(block.first, block.last) for block in table.blocks] == [(1, 58), (59, 59), expected], reader
        assert table.epochs == 60


def test_parameters_are_no_inputs_and_channels_are_counted(tmp_path: Path) -> None:
    source = read_source(folder(tmp_path))
    assert [tensor.name for tensor in source.inputs] == ["Input_65_out_0"]
    assert [tensor.zero_points for tensor in source.outputs] == [8]
    text = generated(BLOCKS).replace("CHPos_Last", "CHPos_First")
    (tmp_path / "network.c").write_text(text)
    assert [tensor.zero_points for tensor in read_source(tmp_path).outputs] == [30]


@pytest.mark.parametrize("name", ["network.c", "od.c"])
def test_the_file_is_found_by_what_it_holds(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(generated(BLOCKS))
    (tmp_path / "stai_network.c").write_text("#include <stai.h>\n")
    assert read_source(tmp_path).path.name == name


def test_what_is_no_generated_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="contains none"):
        read_source(tmp_path)
    with pytest.raises(ReportError, match=r"nowhere.c cannot be read"):
        read_source(tmp_path / "nowhere.c")
    folder(tmp_path)
    (tmp_path / "od.c").write_text(generated(BLOCKS, name="od"))
    with pytest.raises(ReportError, match=r"network\.c, od\.c; specify the C file itself"):
        read_source(tmp_path)
    (tmp_path / "both.c").write_text(generated(BLOCKS) + generated(BLOCKS, name="od"))
    with pytest.raises(ReportError, match="defines 2 networks"):
        read_source(tmp_path / "both.c")
    (tmp_path / "back.c").write_text(generated([EpochBlock(0, EpochKind.SW, 4, 3)]))
    with pytest.raises(ReportError, match="from 4 to 3; it is damaged"):
        read_source(tmp_path / "back.c")
    for gone in ("LL_ATON_Output_Buffers_Info_", ".epoch_num", '"Input_65_out_0"', "ll_atonn_rt_epoch_block_array[]"):
        (tmp_path / "odd.c").write_text(generated(BLOCKS).replace(gone, "NULL"))
        with pytest.raises(ReportError, match="odd.c"):
            read_source(tmp_path / "odd.c")


@given(st.text(max_size=400), st.integers(0, 3000), st.integers(0, 200))
def test_damaged_sources_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: str, at: int, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.c"
    text = generated(BLOCKS)
    path.write_text(text[:at] + noise + text[at + cut :], errors="replace")
    try:
        read_source(path)
    except ReportError as error:
        assert "damaged.c" in str(error)


# ------------------------------------------------------------------------------------------ with reports


def test_reports_complete_the_network(tmp_path: Path, compiled: list[EpochBlock]) -> None:
    place = folder(tmp_path, compiled, C_INFO, REPORTS / "letters_ec_network_generate_report.txt")
    network = read_network("tinybert", place)
    assert network.epochs == 65
    assert len(network.blocks) == 48
    assert network.blocks[-1].last == 65
    assert network.blocks[1].operation == "Transpose"
    assert network.blocks[0].estimated_npu == 26112
    (note,) = network.notes
    assert "the file of octoFlash is not next to" in note
    pools = {pool.name: pool for pool in network.pools}
    assert pools["octoFlash"].weights == 4571200
    assert pools["cpuRAM2"].used == pools["cpuRAM2"].total == 1024**2
    assert [(pool.name, pool.base) for pool in network.weights] == [("octoFlash", 0x71000000)]
    check_together([network], board="stm32n6570-dk", runtime="1.1.1-14")


def test_without_reports_the_source_has_to_do(tmp_path: Path) -> None:
    network = read_network("bert", folder(tmp_path))
    assert network.epochs == 6
    assert [pool.name for pool in network.pools] == ["octoFlash", "npuRAM5"]
    unchecked, note = network.notes
    assert "its weights are not compared at start" in unchecked
    assert "bert does not have a report" in note


def test_reports_of_another_run_are_refused(tmp_path: Path, compiled: list[EpochBlock]) -> None:
    old = REPORTS / "letters_network_generate_report.txt"
    other = REPORTS / "mobile_generate_and_validate_log.txt"
    cases: list[tuple[str, Path, dict[str, Any]]] = [
        (r"compiler 1\.1\.0-31 instead of 1\.1\.1-14", old, {}),
        (r"compiler 1\.1\.1-14 instead of 1\.1\.3-8", C_INFO, {"compiler": "1.1.3-8"}),
        ("octoFlash is at 0x71000000 in the report, and at 0x70380000 in the source", C_INFO, {"flash": 0x70380000}),
        ("4571200 bytes in memory pool octoFlash, the source 2097152", C_INFO, {"weights": "2.00 MB"}),
        (r"compiler 1\.1\.3-275", other, {}),
    ]
    for number, (reason, report, options) in enumerate(cases):
        with pytest.raises(ReportError, match=reason):
            read_network("bert", folder(tmp_path / str(number), compiled, report, **options))


@pytest.mark.parametrize(
    ("epoch", "evidence"),
    [
        (1, "HYBRID 1-5 runs, but the report has EC 1-5 Mul, Add, Identity, Conv"),
        (65, "HYBRID 64-66 runs, but the report has EC 64-65"),
    ],
)
def test_another_kind_of_an_epoch_is_noticed(
    tmp_path: Path, compiled: list[EpochBlock], epoch: int, evidence: str
) -> None:
    blocks = [
        replace(block, kind=EpochKind.HYBRID) if block.first <= epoch <= block.last else block for block in compiled
    ]
    with pytest.raises(
        ReportError,
        match=rf"network_c_info.json is not from the run of .*network.c: {evidence}.*; keep only the files of one run",
    ):
        read_network("bert", folder(tmp_path, blocks, C_INFO))


def test_the_report_says_what_kind_a_block_is_that_the_cpu_runs(tmp_path: Path, compiled: list[EpochBlock]) -> None:
    """The generated file flags as hybrid what the report calls SW; the firmware describes it as the report does."""
    assert compiled[1].kind is EpochKind.SW
    flagged = [replace(block, kind=EpochKind.HYBRID) if block.kind is EpochKind.SW else block for block in compiled]
    place = folder(tmp_path, flagged, C_INFO)
    assert read_source(place).table.counts[EpochKind.HYBRID] == 28
    network = read_network("bert", place)
    report = st_report.read(C_INFO)
    assert report.table
    assert network.table.counts == report.table.counts
    assert network.blocks[1].kind is EpochKind.SW
    assert f"{compiled[1].first}u, {compiled[1].last}u, N6_EPOCH_KIND_SW, " in write_c([network])


def test_a_missing_epoch_is_noticed(tmp_path: Path, compiled: list[EpochBlock]) -> None:
    with pytest.raises(ReportError, match="EC 64-65 Conv, Add is in the report, but does not run; keep"):
        read_network("bert", folder(tmp_path, compiled[:-1], C_INFO))


def test_an_hw_epoch_without_work_has_no_block(tmp_path: Path) -> None:
    """The report counts it all the same, and so does the firmware."""
    lines = ["ST Edge AI Core v2.2.0-20266 2adc00962", "Epochs details", "-" * 40]
    lines += ["Total number of epochs: 4 of which 1 implemented in software"]
    lines += ["epoch 1 HW", "epoch 2 -SW- (Mul)", "epoch 3 HW", "epoch 4 HW", "=" * 40]
    blocks = [EpochBlock(0, EpochKind.SW, 2, 2), EpochBlock(1, EpochKind.HW, 4, 4)]
    place = folder(tmp_path, blocks)
    (place / "network_generate_report.txt").write_text("\n".join(lines))
    network = read_network("bert", place)
    assert (network.epochs, len(network.blocks), network.blocks[0].operation) == (4, 2, "Mul")
    assert f"{network.table.offload_by_count:.1%}" == "75.0%"


def test_the_compiler_is_the_one_whose_runtime_the_file_asks_for(tmp_path: Path) -> None:
    place = folder(tmp_path)
    text = (place / "network.c").read_text().replace("atonn-v1.1.1-14-ge619e860", "STAI-2.0-RC1-1-1-g0307e413")
    (place / "network.c").write_text(text)
    assert read_source(place).compiler == ""
    parts = zip(("MAJOR", "MINOR", "MICRO", "DEV"), (1, 0, 0, 16), strict=True)
    check = "#if " + " || ".join(f"LL_ATON_VERSION_{part} != {number}" for part, number in parts)
    (place / "network.c").write_text(f"{text}{check}\n#error\n#endif\n")
    assert read_source(place).compiler == "1.0.0-16"


def test_reports_of_another_network_in_the_folder_do_not_count(tmp_path: Path, compiled: list[EpochBlock]) -> None:
    place = folder(tmp_path, compiled, C_INFO)
    shutil.copy(REPORTS / "mobile_generate_and_validate_log.txt", place / "network_mobile_generate_report.txt")
    shutil.copy(REPORTS / "mobile_generate_and_validate_log.txt", place / "notes.txt")
    assert [Path(report.source).name for report in read_network("bert", place).reports] == ["network_c_info.json"]
    (place / "network_generate_report.txt").write_bytes(b"\xff\xfeE\0" + bytes(range(256)))
    (place / "other_c_info.json").write_text("{")
    with pytest.raises(ReportError, match="other_c_info.json is not a complete JSON document"):
        read_network("bert", place)


def test_reports_of_two_models_are_refused(tmp_path: Path, compiled: list[EpochBlock]) -> None:
    place = folder(tmp_path, compiled, C_INFO)
    document = json.loads(C_INFO.read_text())
    document["environment"]["tools"][0]["input_model"]["name"] = "another"
    (place / "network_c_info_2.json").write_text(json.dumps(document))
    with pytest.raises(ReportError, match="for the model 'letters_int8', but .* for 'another'"):
        read_network("bert", place)


def test_reports_are_taken_by_the_name_of_the_source(tmp_path: Path) -> None:
    place = folder(tmp_path)
    shutil.copy(REPORTS / "letters_network_generate_report.txt", place / "od_generate_report.txt")
    shutil.copy(TINY / "network_generate_report.txt", place / "network_generate_report.txt")
    with pytest.raises(ReportError, match=r"network_generate_report.txt is not from the run of .*compiler 1\.1\.3-0"):
        read_network("bert", place)


# ------------------------------------------------------------------------------------------ what a firmware cannot do


def test_an_output_may_be_left_to_the_firmware(tmp_path: Path) -> None:
    assert [one.user_allocated for one in read_network("bert", folder(tmp_path, output="1")).source.outputs] == [True]


def test_weights_are_known_by_size_and_content(tmp_path: Path) -> None:
    place = folder(tmp_path, weights="12.00 KB")
    content = bytes(range(256)) * 48
    (place / "network_atonbuf.xSPI2.raw").write_bytes(content)
    network = read_network("bert", place)
    (part,) = network.parts
    assert (part.address, part.content, part.in_flash) == (0x71000000, content, True)
    assert not [note for note in network.notes if "compared" in note]
    assert f"{{0x71000000u, 12288u, {zlib.crc32(content):#x}u, NULL}}" in write_c([network])
    (place / "other.xSPI2.bin").write_bytes(content)  # the same under another name
    assert read_network("bert", place).parts == (part,)
    other = place / "network_data.xSPI2.bin"
    other.write_bytes(content[::-1])
    with pytest.raises(ReportError, match="for octoFlash; keep only the files of one run"):
        read_network("bert", place)
    other.unlink()
    (place / "network_atonbuf.xSPI2.raw").write_bytes(content * 2)
    with pytest.raises(ReportError, match="has 24576 bytes, but octoFlash has 12288 bytes of weights"):
        read_network("bert", place)


def test_ram_that_begins_with_content_is_carried_along(tmp_path: Path) -> None:
    place = folder(tmp_path, flash=0x34270000, weights="0.01 KB")
    (place / "network_atonbuf.xSPI2.raw").write_bytes(bytes(range(10)))
    network = read_network("bert", place)
    check_together([network])
    text = write_c([network])
    assert "static const uint8_t content_0_0[] = {\n    0,1,2,3,4,5,6,7,8,9,\n};" in text
    assert "{0x34270000u, 10u, 0x456cd746u, content_0_0}" in text


def test_a_golden_input_is_stored_with_the_digest_of_a_board_that_was_right(tmp_path: Path) -> None:
    place = folder(tmp_path)
    plain = read_network("bert", place)
    assert (plain.stored, plain.expected) == (b"", None)
    raw = np.arange(40, dtype=np.int8)
    golden = Golden({"Input_65_out_0": raw}, {"out": np.ones(3)}, {"out": 0.1})
    write_golden(place / "network.golden.npz", golden)
    network = read_network("bert", place)
    assert (network.stored, network.expected, network.digest) == (raw.tobytes(), None, plain.digest)
    text = write_c([network])
    assert "static const _Alignas(64) uint8_t check_0[] = {\n    0,1,2,3," in text
    assert ".check_input = check_0,\n        .check_bytes = 40,\n    }" in text
    write_golden(place / "network.golden.npz", replace(golden, checked=(network.digest ^ 1, 5)))
    assert read_network("bert", place).expected is None  # of other weights
    write_golden(place / "network.golden.npz", replace(golden, checked=(network.digest, 5)))
    network = read_network("bert", place)
    assert network.expected == 5
    assert ".check_known = 1,\n        .check_digest = 0x5u,\n    }" in write_c([network])
    write_golden(place / "network.golden.npz", replace(golden, inputs={"Input_65_out_0": raw[:39]}))
    with pytest.raises(ReportError, match="has 39 bytes, but the tensor 40"):
        read_network("bert", place)
    (place / "network.golden.npz").write_bytes(b"")
    with pytest.raises(ReportError, match=r"network.golden.npz is not of .*cannot be read as a golden file"):
        read_network("bert", place)


def test_a_golden_input_that_is_too_large_stays_with_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder(tmp_path)
    write_golden(
        place / "any.golden.npz", Golden({"Input_65_out_0": np.zeros(40, np.int8)}, {"out": np.ones(3)}, {"out": 0.1})
    )
    monkeypatch.setattr("n6link.registry.network.MAX_STORED", 39)
    network = read_network("bert", place)
    assert network.stored == b""
    assert any("its golden input is larger than 39 bytes and not in the firmware" in note for note in network.notes)
    assert "check_input" not in write_c([network])


@pytest.mark.parametrize("name", ["", "two words", "ä", "x" * 33])
def test_a_name_has_to_fit(name: str) -> None:
    with pytest.raises(ReportError, match="cannot be the name of a network"):
        read_network(name, TINY)


def test_networks_that_cannot_share_a_firmware(tmp_path: Path) -> None:
    one = read_network("one", folder(tmp_path / "1", name="one"))
    far = read_network("far", folder(tmp_path / "2", name="far", flash=0x72000000))
    check_together([one, far], board="stm32n6570-dk")
    with pytest.raises(ReportError, match="two networks have the name 'one'"):
        check_together([one, read_network("one", folder(tmp_path / "3", name="far", flash=0x72000000))])
    with pytest.raises(ReportError, match="same C name 'far'; generate one of them again with --name other"):
        check_together([far, read_network("other", folder(tmp_path / "4", name="far", flash=0x73000000))])
    near = read_network("near", folder(tmp_path / "5", name="near", flash=0x71100000))
    with pytest.raises(ReportError, match="weights of one and near are both at 0x71100000"):
        check_together([one, near])
    with pytest.raises(ReportError, match=r"compiler 1\.1\.1-14, but LL_ATON is 1\.1\.3-8"):
        check_together([one], runtime="1.1.3-8")
    old = read_network("old", folder(tmp_path / "6", name="old", compiler="1.0.0-16"))
    with pytest.raises(
        ReportError, match=r"compiler 1\.0\.0-16, but the firmware requires LL_ATON 1\.1\.0 or later; generate"
    ):
        check_together([old])


@pytest.mark.parametrize(
    ("ram", "board", "reason"),
    [
        ("cpuRAM1 offset=0x34064000", "nucleo-n657x0-q", "has the firmware itself"),
        ("hyperRAM offset=0x91000000", "stm32n6570-dk", "has its buffers"),
        ("hyperRAM offset=0x90ffff00", "stm32n6570-dk", "has its buffers"),
        ("hyperRAM offset=0x90000000", "nucleo-n657x0-q", "does not have a PSRAM"),
    ],
)
def test_memory_that_the_firmware_needs(tmp_path: Path, ram: str, board: str, reason: str) -> None:
    network = read_network("bert", folder(tmp_path, ram=ram))
    check_together([network])
    with pytest.raises(ReportError, match=reason):
        check_together([network], board=board)


def test_weights_that_nothing_loads(tmp_path: Path) -> None:
    network = read_network("bert", folder(tmp_path, flash=0x34270000, weights="12.00 KB"))
    with pytest.raises(ReportError, match="has 12288 bytes of weights in octoFlash, but their file is not next to"):
        check_together([network])


def test_cards(tmp_path: Path) -> None:
    place = folder(tmp_path)
    assert read_network("bert", place).card == ""
    (place / "bert.toml").write_text('task = "text-generation"\n')
    assert read_network("bert", place).card == 'task = "text-generation"\n'
    (place / "other.toml").write_text("task = 5\n")
    assert read_network("bert", place).card == ""
    with pytest.raises(CardError):
        read_network("bert", place, card=place / "other.toml")
    (place / "long.toml").write_text('task = "text-generation"\n' + "# long\n" * 10000)
    with pytest.raises(ReportError, match="70025 bytes"):
        read_network("bert", place, card=place / "long.toml")


def test_the_runtime_tells_its_version(tmp_path: Path) -> None:
    header = tmp_path / "ll_aton_version.h"
    names = ("MAJOR", "MINOR", "MICRO", "DEV")
    header.write_text("".join(f"#define LL_ATON_VERSION_{name} ({i})\n" for i, name in enumerate(names, 1)))
    assert runtime_version(header) == "1.2.3-4"
    header.write_text("#define LL_ATON_VERSION_MAJOR 1\n")
    with pytest.raises(ReportError, match="does not define"):
        runtime_version(header)
    with pytest.raises(ReportError, match="cannot be read"):
        runtime_version(tmp_path / "missing.h")


# ------------------------------------------------------------------------------------------ the C file


def test_the_committed_registry_is_up_to_date() -> None:
    assert (TINY / "registry.c").read_text() == write_c([read_network("tiny", TINY)])


def test_the_digest_follows_the_description(tmp_path: Path) -> None:
    digests = {
        read_network("a", folder(tmp_path)).digest,
        read_network("b", folder(tmp_path)).digest,
        read_network("a", folder(tmp_path, BLOCKS[:2])).digest,
        read_network("a", folder(tmp_path, weights="4.37 MB")).digest,
    }
    (tmp_path / "card.toml").write_text('task = "text-generation"\n')
    digests.add(read_network("a", folder(tmp_path)).digest)
    assert len(digests) == 5
    assert read_network("a", folder(tmp_path)).digest in digests


@pytest.mark.gcc
@pytest.mark.parametrize("runtime", [10100, 10103])
def test_what_is_written_compiles(tmp_path: Path, runtime: int) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "card.toml").write_text('task = "x"\nname = "quote \\" ??/ umlaut ä"\n')
    one = folder(tmp_path / "1", name="one")
    golden = Golden({"Input_65_out_0": np.zeros(40, np.int8)}, {"out": np.ones(3)}, {"out": 0.1})
    write_golden(one / "one.golden.npz", golden)
    write_golden(one / "one.golden.npz", replace(golden, checked=(read_network("one", one).digest, 5)))
    networks = [
        read_network("one", one),
        read_network("two", folder(tmp_path / "2", BLOCKS[:1], name="two", flash=0x72000000)),
    ]
    for count in range(3):
        path = tmp_path / f"registry_{count}.c"
        path.write_text(write_c(networks[:count]))
        includes = [*CORE_INCLUDES, f"-I{FIRMWARE / 'npu'}", f"-I{STUBS / 'aton'}"]
        options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-DLL_ATON_EB_DBG_INFO", f"-DN6_STUB_ATON={runtime}"]
        subprocess.run(["gcc", *options, *includes, "-c", str(path), "-o", str(tmp_path / "registry.o")], check=True)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")))
def test_string_literals_mean_their_text(text: str) -> None:
    literal = quoted(text)
    assert literal.isascii()
    assert "??" not in literal
    body = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literal))
    raw = re.sub(
        r"\\([0-7]{3}|.)", lambda m: chr(int(m[1], 8)) if len(m[1]) == 3 else "\n" if m[1] == "n" else m[1], body
    )
    assert raw.encode("latin-1").decode() == text


# ------------------------------------------------------------------------------------------ the command


def run(*arguments: str | Path) -> Any:
    """Runs ``n6link firmware registry``."""
    return CliRunner().invoke(firmware.app, ["registry", *map(str, arguments)])


def test_the_command_writes_the_registry_and_tells_where_weights_belong(tmp_path: Path) -> None:
    output = tmp_path / "registry.c"
    result = run(output, "--network", f"tiny={TINY}", "--board", "stm32n6570-dk")
    assert result.exit_code == 0
    assert result.stdout == "tiny: 2048 bytes of weights at 0x70380000 (octoFlash)\n"
    assert output.read_text() == (TINY / "registry.c").read_text()


def test_the_command_speaks_json(tmp_path: Path) -> None:
    result = run(tmp_path / "registry.c", "--network", f"bert={folder(tmp_path)}", "--json")
    (network,) = json.loads(result.stdout)
    assert (network["name"], network["epochs"], network["blocks"]) == ("bert", 6, 3)
    assert network["weights"] == [{"pool": "octoFlash", "base": 0x71000000, "bytes": 4571791}]
    assert len(network["notes"]) == 2


def test_the_command_refuses_with_the_reason(tmp_path: Path) -> None:
    output = tmp_path / "registry.c"
    cases: list[tuple[tuple[str, ...], type[Exception], str]] = [
        ((), BadInput, "no network is given; add --network NAME=PATH"),
        (
            ("--network", f"tiny={TINY}", "--board", "zz"),
            BadInput,
            "there is no board 'zz'; use stm32n6570-dk or nucleo",
        ),
        (("--network", "tiny"), BadInput, "must have the form NAME=PATH"),
        (
            ("--network", f"tiny={TINY}", "--card", f"other={TINY / 'tiny.toml'}"),
            BadInput,
            "no --network has this name; add --network other=PATH",
        ),
        (("--network", f"tiny={tmp_path}"), ReportError, "contains none"),
    ]
    for arguments, error, reason in cases:
        with pytest.raises(error, match=reason):
            firmware.registry(output, **_options(arguments))
        assert run(output, *arguments).exit_code != 0
    assert not output.exists()


def test_the_command_writes_c_files_alone(tmp_path: Path) -> None:
    for name in ("st_ai_output", "network.tflite"):
        with pytest.raises(BadInput, match=f"{name}' must end in .c"):
            firmware.registry(tmp_path / name)
    assert not list(tmp_path.iterdir())


def _options(arguments: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {"network": None, "card": None, "board": None, "runtime": None}
    for option, value in zip(arguments[::2], arguments[1::2], strict=True):
        name = option.removeprefix("--")
        options[name] = value if name == "board" else [value]
    return options
