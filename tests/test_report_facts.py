"""What n6link reads from ST's files is what their text says: a second reading, which shares no code with the readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from report_facts import SUFFIXES, differences, facts, line, main

from n6link.epochs.st_report import Report, read
from n6link.errors import ReportError

DATA = Path(__file__).parent / "data"
FAILED = "failed_studio_log.txt"
FILES = sorted(
    path
    for name in ("movenet", "tinybert", "yolov8n_pose", "reports")
    for path in (DATA / name).iterdir()
    if path.suffix in SUFFIXES
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_own_reports_say_what_their_text_says(path: Path) -> None:
    report = read(path)
    if path.name != FAILED:
        assert differences(report, facts(path)) == []


def test_samples_say_what_their_text_says(shared: Path) -> None:
    files = sorted(path for path in (shared / "st_reports").iterdir() if path.suffix in SUFFIXES)
    assert len(files) >= 18
    for path in files:
        assert differences(read(path), facts(path)) == [], path.name


def _table(**changes: object) -> Callable[[Report], Report]:
    return lambda report: replace(report, table=replace(report.require_table(), **changes))  # type: ignore[arg-type]


CHANGES: list[tuple[Callable[[Report], Report], str]] = [
    (lambda report: replace(report, macc=1), "MACs 1 instead of"),
    (lambda report: replace(report, pools=report.pools[1:]), "pools "),
    (
        lambda report: replace(report, pools=(*report.pools[:-1], replace(report.pools[-1], used=5))),
        ": 5 bytes instead of",
    ),
    (_table(totals={}), "epochs: 0 instead of 39"),
    (
        lambda report: replace(
            report, table=replace(report.require_table(), blocks=report.require_table().blocks[:-3])
        ),
        "operations: ",
    ),
    (lambda report: replace(report, table=None), "SW epochs: None instead of"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_a_wrong_value_is_found(change: Callable[[Report], Report], says: str) -> None:
    path = DATA / "reports" / "gaps_studio_log.txt"
    wrong = differences(change(read(path)), facts(path))
    assert any(says in sentence for sentence in wrong), wrong


def test_a_wrong_time_is_found() -> None:
    path = DATA / "movenet" / "network_validate_report.txt"
    report = read(path)
    assert report.validation
    wrong = differences(replace(report, validation=replace(report.validation, seconds=1.0)), facts(path))
    assert wrong == ["1.0 s instead of [22.0] ms"]


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main([str(DATA / "movenet"), str(DATA / "reports")])
    text = capsys.readouterr().out
    assert "| network_generate_report.txt | 2.1.0 | 75 | 71/0/0/4 | 3 Resize, 1 DequantizeLinear |" in text
    assert "0 exact" not in text and FAILED not in text
    path = DATA / "movenet" / "network_generate_report.txt"
    assert line(path, read(path), ["MACs 1 instead of [2]"]).endswith("| MACs 1 instead of [2] |")


# ---------------------------------------------------------------------------------------------- bad input


def test_a_folder_with_bad_files_shows_the_others(tmp_path: Path) -> None:
    """Truncated, mixed, wrongly encoded and empty files: one sentence each, with the file, the line and what is required."""
    from n6link.epochs.st_report import read_folder

    good = (DATA / "movenet" / "network_generate_report.txt").read_bytes()
    c_info = (DATA / "reports" / "letters_network_c_info.json").read_bytes()
    (tmp_path / "network_generate_report.txt").write_bytes(good)
    (tmp_path / "cut_c_info.json").write_bytes(c_info[: len(c_info) // 2])
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary.log").write_bytes(b"Epochs details\nline two\n\x00\x01\x02" * 3)
    (tmp_path / "notes.txt").write_bytes(b"\n\nbuy milk\n")
    (tmp_path / "list.json").write_bytes(b'{"a": [1, 2]}')
    (tmp_path / "other.json").write_bytes(b'{"json_schema_version": "9.1"}')
    folder = read_folder(tmp_path)
    assert [Path(report.source).name for report in folder.reports] == ["network_generate_report.txt"]
    said = {
        text.split(tmp_path.name + "/")[1].split(" ")[0]: text for text in (*folder.ignored, *map(str, folder.damaged))
    }
    assert set(said) == {"cut_c_info.json", "empty.txt", "binary.log", "notes.txt", "list.json", "other.json"}
    assert "is not a complete JSON document (line " in said["cut_c_info.json"]
    assert "generate the file again" in said["cut_c_info.json"]
    assert "is empty; use network_generate_report.txt, " in said["empty.txt"]
    assert "line 3 contains a zero byte; text in UTF-8 or UTF-16 is required" in said["binary.log"]
    assert "starts with 'buy milk' and does not contain a part of a report" in said["notes.txt"]
    assert "does not have a json_schema_version" in said["list.json"]
    assert "has json_schema_version '9.1'; a network_c_info.json of 2.x is required" in said["other.json"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_encodings_of_consoles(tmp_path: Path, encoding: str) -> None:
    path = DATA / "movenet" / "network_generate_report.txt"
    text = path.read_text(encoding="utf-8")
    copy = tmp_path / path.name
    copy.write_bytes(text.encode(encoding))
    assert read(copy).table == read(path).table
    assert read(copy).pools == read(path).pools


def test_bytes_that_are_not_utf_8_do_not_hide_a_report(tmp_path: Path) -> None:
    path = DATA / "movenet" / "network_generate_report.txt"
    copy = tmp_path / path.name
    copy.write_bytes(b"Gr\xfc\xdfe aus M\xfcnchen\n" + path.read_bytes())
    assert read(copy).table == read(path).table


def test_two_reports_in_one_file_are_noticed(tmp_path: Path) -> None:
    """Two files of different networks, one after the other in one file."""
    mixed = tmp_path / "mixed.txt"
    mixed.write_bytes(
        b"".join((DATA / name / "network_generate_report.txt").read_bytes() for name in ("movenet", "yolov8n_pose"))
    )
    report = read(mixed)
    assert report.notes
    assert any(note.line for note in report.notes)


def test_every_truncation_is_noticed_or_complete(tmp_path: Path) -> None:
    """A report that ends in the middle of its epochs says so, with the line."""
    raw = (DATA / "movenet" / "network_generate_report.txt").read_bytes()
    whole = read(DATA / "movenet" / "network_generate_report.txt")
    cut = tmp_path / "cut.txt"
    for end in range(200, len(raw), 97):
        cut.write_bytes(raw[:end])
        try:
            report = read(cut)
        except ReportError as error:
            assert str(cut) in str(error)
            continue
        if report.table and report.table.epochs != whole.require_table().epochs:
            pytest.fail(f"{end} bytes give {report.table.epochs} epochs without a word")
        if report.table and report.table.blocks != whole.require_table().blocks:
            assert any("truncated" in note.reason and note.line for note in report.notes), end
