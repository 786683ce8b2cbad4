"""The commands ``report`` and ``profile``, as a user calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from profiles import profile_of, table_of
from test_export import parse_trace
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from n6link.cli.common import Group
from n6link.cli.profile import profile
from n6link.cli.report import report, size
from n6link.epochs.profile import Profile
from n6link.epochs.st_report import read
from n6link.errors import ReportError
from n6link.protocol import TimerSource

DATA = Path(__file__).parent / "data"
CASES = [str(DATA / name) for name in ("movenet", "yolov8n_pose", "tinybert")]
BASE = profile_of(table_of("EC", "Resize", "EC"), (1000, 100, 500), (1020, 100, 500))
SLOWER = profile_of(table_of("EC", "Resize", "Mul", "EC"), (1000, 400, 10, 500), (1020, 400, 10, 500))

app = typer.Typer(cls=Group)
app.command("report")(report)
app.command("profile")(profile)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def movenet(virtual_board: None) -> str:
    """URL of a simulated MoveNet that shows the blocks of a report."""
    return f"sim:movenet13?report={DATA / 'movenet' / 'network_generate_report.txt'}"


def n6link(*words: str | Path) -> Outcome:
    return CliRunner().invoke(app, list(map(str, words)))


def cells(text: str, first: str) -> list[str]:
    """Cells of the line that begins with this one."""
    line = next(line for line in text.splitlines() if line.strip().startswith(first))
    return [cell.strip() for cell in line.strip().removeprefix(first).strip().split("   ") if cell.strip()]


# ---------------------------------------------------------------------------------------------- report


def test_the_case_studys_comparison() -> None:
    outcome = n6link("report", *CASES)
    assert outcome.exit_code == 0
    table = outcome.stdout[outcome.stdout.index("Metric") :]
    assert cells(table, "Total epochs") == ["75", "149", "270"]
    assert cells(table, "EC epochs (NPU)") == ["71", "131", "174"]
    assert cells(table, "SW epochs (CPU)") == ["4", "18", "96"]
    assert cells(table, "Offload by count") == ["94.7%", "87.9%", "64.4%"]
    assert cells(table, "Weights") == ["2.924 MB (octoFlash)", "3.200 MB (octoFlash)", "2.062 MB (octoFlash)"]
    assert cells(table, "Activations")[2] == "251 KB (npuRAM5)"
    assert cells(table, "Inference time") == ["22 ms", "32 ms", "104 ms"]
    assert cells(table, "SW epoch cause")[0] == "Resize, DequantizeLinear"
    assert "HW epochs" not in table, "a row of zeros says nothing"


@pytest.mark.parametrize(("width", "tables"), [(30, 3), (60, 2), (80, 1)])
def test_comparison_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int, tables: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = n6link("report", *CASES).stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.strip().startswith("Metric") for line in lines) == tables
    if width == 80:
        compared = "\n".join(lines[next(n for n, line in enumerate(lines) if "Metric" in line) :])
        assert compared.count("DequantizeLinear") == 3, "names of operations stay whole"


def test_pools_as_the_case_study_shows_them() -> None:
    text = n6link("report", CASES[0]).stdout
    assert cells(text, "cpuRAM2") == ["864 KB", "1.000 MB", "84%", "0 KB", "864 KB"]
    assert cells(text, "npuRAM4")[::2] == ["378 KB", "84%", "378 KB"]
    assert cells(text, "npuRAM5")[::2] == ["432 KB", "96%", "432 KB"]
    assert cells(text, "octoFlash") == ["2.924 MB", "60.500 MB", "5%", "2.924 MB", "0 KB"]
    assert cells(text, "Total") == ["4.559 MB", "2.924 MB", "1.635 MB"]
    assert "75 epochs in 9 blocks: 71 EC, 4 SW; NPU offload 94.7% of 75 epochs" in text
    assert "on the CPU: 3 Resize, 1 DequantizeLinear" in text


def test_two_reports_of_one_network_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    files = sorted((DATA / "reports").glob("letters*"))
    assert len(files) == 3
    text = n6link("report", *files).stdout
    assert all(f"letters_int8 ({file.name})" in text for file in files)


def test_report_as_json() -> None:
    found = json.loads(n6link("report", "--json", *CASES).stdout)
    assert (found["ignored"], found["damaged"]) == ([], [])
    reports = found["reports"]
    assert [item["epochs"]["epochs"] for item in reports] == [75, 149, 270]
    assert reports[0]["pools"][2]["used"] == 864 * 1024


def test_notes_are_shown_and_may_be_an_error(tmp_path: Path) -> None:
    lines = ["Epochs details", "epoch 1 HW", *[f"rubbish [red]{n}" for n in range(30)]]
    (tmp_path / "report.txt").write_text("\n".join(lines))
    outcome = n6link("report", tmp_path / "report.txt")
    assert outcome.exit_code == 0
    assert "line 3: not understood in the part 'epochs': rubbish [red]0" in outcome.stdout
    assert "and 11 more notes" in outcome.stdout
    assert n6link("report", "--strict", tmp_path / "report.txt").exit_code == 1
    assert n6link("report", "--strict", *CASES).exit_code == 0


def test_what_is_ignored_or_damaged_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    shutil.copy(DATA / "movenet" / "network_generate_report.txt", tmp_path)
    (tmp_path / "movenet_Q.json").write_text('{"tensors": []}')
    assert n6link("report", "--strict", tmp_path).exit_code == 0
    (tmp_path / "requirements.txt").write_text("numpy\n")
    outcome = n6link("report", tmp_path)
    assert outcome.exit_code == 0
    assert "Total epochs" in outcome.stdout
    assert "requirements.txt starts with 'numpy' and does not contain a part of a report" in outcome.stderr
    assert n6link("report", "--strict", tmp_path).exit_code == 1
    (tmp_path / "network_c_info.json").write_text('{\n"graphs": [')
    for files in ((tmp_path,), (tmp_path / "network_c_info.json", CASES[1]), (CASES[1], tmp_path / "nothing.txt")):
        outcome = n6link("report", *files)
        assert outcome.exit_code == 1
        assert "Total epochs" in outcome.stdout, files
        assert (
            "network_c_info.json is not a complete JSON document (line 2" in outcome.stderr
            or "nothing.txt cannot" in outcome.stderr
        )
    found = json.loads(n6link("report", "--json", tmp_path).stdout)
    assert [len(found[key]) for key in ("reports", "ignored", "damaged")] == [1, 1, 1]


def test_several_networks_of_a_folder_are_several_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n6link.cli.common.out._width", 200)
    for name in ("movenet", "yolov8n_pose"):
        for kind in ("generate", "validate"):
            shutil.copy(DATA / name / f"network_{kind}_report.txt", tmp_path / f"{name}_{kind}_report.txt")
    text = n6link("report", tmp_path).stdout
    assert cells(text, "Total epochs") == ["75", "149"]
    assert cells(text, "Inference time") == ["22 ms", "32 ms"]
    with pytest.raises(
        ReportError,
        match="contains reports of 2 networks or builds; choose one file of movenet_generate_report.txt, yolo",
    ):
        read(tmp_path)


def test_no_report(tmp_path: Path) -> None:
    outcome = n6link("report", tmp_path)
    assert outcome.exit_code == 2
    assert "does not contain a report" in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 KB"), (1000, "1000 B"), (257400, "251 KB"), (3066040, "2.924 MB"), (1714422, "1.635 MB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


# ---------------------------------------------------------------------------------------------- saved profiles


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    BASE.save(tmp_path / "base.json")
    SLOWER.save(tmp_path / "slower.json")
    return tmp_path / "base.json", tmp_path / "slower.json"


def test_saved_profile_is_shown(saved: tuple[Path, Path]) -> None:
    outcome = n6link("profile", "--load", saved[0])
    assert outcome.exit_code == 0
    assert "66.7% of 3 epochs" in outcome.stdout
    assert f"{BASE.offload_by_time:.1%} of the time" in outcome.stdout
    assert cells(outcome.stdout, "EC 1")[:3] == ["1.01 ms", "1.01 ms", "1.02 ms"]


@pytest.mark.parametrize("width", [80, 120])
def test_blocks_have_their_names_in_any_terminal(
    saved: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = n6link("profile", "--load", saved[1]).stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith(" SW 2 Resize ") for line in lines)
    assert ("median " in "".join(line for line in lines if "Slowest blocks" in line)) == (width == 120)


@pytest.mark.parametrize("width", [80, 120])
def test_estimated_cycles_leave_room_for_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    values = profile_of(table_of("EC", "GlobalAveragePool(float)", "EC"), (1000, 100, 500)).to_dict()
    values["table"]["blocks"][1]["estimated_total"] = 1_234_567
    values["table"]["blocks"][0]["operation"] = ", ".join(["Conv", "Add", "Mul"] * 9)
    (tmp_path / "joined.json").write_text(json.dumps(values))
    monkeypatch.setenv("COLUMNS", str(width))
    lines = n6link("profile", "--load", tmp_path / "joined.json").stdout.splitlines()
    assert next(line for line in lines if line.startswith(" EC 1 Conv, Add")).count("…") == 1
    line = next(line for line in lines if "1,234,567" in line)
    assert line.startswith(" SW 2 GlobalAveragePool(float) ") and len(line) <= width


def test_what_falls_back_has_its_price(saved: tuple[Path, Path]) -> None:
    assert "on the CPU: 400 us in 1 Resize, 10.0 us in 1 Mul" in n6link("profile", "--load", saved[1]).stdout
    assert "repeats:" not in n6link("profile", "--load", saved[1]).stdout


def test_the_last_lines_of_a_profile_are_advice(saved: tuple[Path, Path]) -> None:
    text = n6link("profile", "--load", saved[1]).stdout
    advice = text[text.index("Why it is slow") :]
    assert "Resize: 400 us, 20.6%, in 1 SW epoch (2)" in advice
    assert "remedy: use nearest neighbour" in advice
    assert "[1] ST, Neural-ART NPU: Supported operators and limitations (Core 2.1), TFlite operation mapping" in advice
    (row, _) = json.loads(n6link("profile", "--load", saved[1], "--json").stdout)["profile"]["advice"]["rows"]
    assert (row["operation"], row["epochs"]) == ("Resize", ["2"])


@pytest.mark.parametrize("name", ["failed_studio_log.txt", "stm32n6.mpool"])
def test_reports_without_a_network_to_compare(name: str) -> None:
    outcome = n6link("report", DATA / "reports" / name)
    assert (outcome.exit_code, outcome.exception) == (0, None)
    assert ("failed: E" in outcome.stdout) == (name == "failed_studio_log.txt")
    assert "Metric" not in outcome.stdout


def test_advice_about_a_report() -> None:
    file = DATA / "reports" / "letters_network_c_info.json"
    assert "Why it is slow" not in n6link("report", file).stdout
    text = n6link("report", "--advice", file).stdout
    assert "times: estimated by the compiler, too low for the CPU" in text
    assert "(estimated), in" in text
    (found,) = json.loads(n6link("report", "--advice", "--json", file).stdout)["reports"]
    assert found["advice"]["estimated"] is True
    assert sum(len(row["epochs"]) for row in found["advice"]["rows"]) == found["epochs"]["counts"]["SW"]


def test_advice_about_a_measured_report() -> None:
    (found,) = json.loads(n6link("report", "--advice", "--json", DATA / "tinybert").stdout)["reports"]
    rows = found["advice"]["rows"]
    assert found["advice"]["estimated"] is False
    assert [row["seconds"] for row in rows] == sorted((row["seconds"] for row in rows), reverse=True)
    assert sum(row["share"] for row in rows) == pytest.approx(found["timers"]["by_kind"]["SW"])


def test_advice_about_a_build_for_the_cpu_has_no_rows() -> None:
    file = DATA / "reports" / "cpu_network_analyze_report.txt"
    (found,) = json.loads(n6link("report", "--advice", "--json", file).stdout)["reports"]
    assert found["advice"] is None


def test_profile_of_another_network(saved: tuple[Path, Path], tmp_path: Path) -> None:
    outcome = n6link("profile", "other", "--load", saved[0])
    assert outcome.exit_code == 2
    assert f"is a profile of {BASE.network}, not of other" in outcome.stderr
    values = BASE.to_dict() | {"network": "other"}
    (tmp_path / "other.json").write_text(json.dumps(values))
    outcome = n6link("profile", "--load", saved[0], "--diff", tmp_path / "other.json")
    assert "The base is a profile of another network: other." in outcome.stdout


def test_a_files_name_keeps_its_letters() -> None:
    assert n6link("profile", "--load", "nowhere.json").stderr.startswith("Error: nowhere.json cannot be read: No such")


def test_difference(saved: tuple[Path, Path]) -> None:
    outcome = n6link("profile", "--load", saved[1], "--diff", saved[0])
    assert outcome.exit_code == 0
    shown = outcome.stdout[outcome.stdout.index("Compared with the base") :]
    assert cells(shown, "added") == ["SW 3 Mul", "-", "10.0 us"]
    assert cells(shown, "changed") == ["SW 2 Resize", "100 us", "400 us", "+300.0%"]
    assert "No block was added" in n6link("profile", "--load", saved[0], "--diff", saved[0]).stdout


def test_long_difference_is_cut(tmp_path: Path) -> None:
    profile_of(table_of("EC"), (10,)).save(tmp_path / "base.json")
    profile_of(table_of("EC", *[f"Op{n}" for n in range(50)]), (10,) * 51).save(tmp_path / "new.json")
    outcome = n6link("profile", "--load", tmp_path / "new.json", "--diff", tmp_path / "base.json")
    assert "and 20 smaller ones" in outcome.stdout


def test_gate_fails_for_ci(saved: tuple[Path, Path]) -> None:
    outcome = n6link("profile", "--load", saved[1], "--diff", saved[0], "--fail-on", "new-sw,p95>+5%")
    assert outcome.exit_code == 1
    assert "Gate: SW 3 Mul was added (0.010 ms)" in outcome.stderr
    assert "Gate: p95 is" in outcome.stderr
    assert n6link("profile", "--load", saved[0], "--diff", saved[0], "--fail-on", "new-sw,p95>+5%").exit_code == 0


@pytest.mark.parametrize(
    ("gate", "message"), [("p95>+5%", "needs|compares with a base"), ("nonsense", "is not a rule")]
)
def test_wrong_gate_is_wrong_usage(saved: tuple[Path, Path], gate: str, message: str) -> None:
    outcome = n6link("profile", "--load", saved[0], "--fail-on", gate)
    assert outcome.exit_code == 2
    assert any(part in outcome.stderr for part in message.split("|"))


def test_simulated_times_are_said_to_be_and_not_compared(saved: tuple[Path, Path], tmp_path: Path) -> None:
    simulated = profile_of(table_of("EC"), (10,), source=TimerSource.LITERT_PROFILER, simulated=True)
    simulated.save(tmp_path / "simulated.json")
    outcome = n6link("profile", "--load", tmp_path / "simulated.json", "--diff", saved[0])
    assert "times: simulated: LiteRT" in outcome.stdout
    assert "The times of the base are of another kind: CPU cycles" in outcome.stdout


def test_json_alone_on_standard_output(saved: tuple[Path, Path]) -> None:
    outcome = n6link("profile", "--json", "--load", saved[1], "--diff", saved[0], "--fail-on", "new-sw")
    assert outcome.exit_code == 1
    values: dict[str, Any] = json.loads(outcome.stdout)
    assert len(values["profile"]["blocks"]) == 4
    assert values["violations"] == ["SW 3 Mul was added (0.010 ms)"]
    assert values["diff"]["comparable"] is True


def test_all_exports(saved: tuple[Path, Path], tmp_path: Path) -> None:
    suffixes = {"trace": "json", "csv": "csv", "html": "html", "picture": "svg", "save": "json"}
    files = {name: tmp_path / f"{name}.{suffix}" for name, suffix in suffixes.items()}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    outcome = n6link("profile", "--load", saved[0], *options)
    assert outcome.exit_code == 0
    parse_trace(files["trace"].read_text())
    assert files["csv"].read_text().startswith("index,kind")
    assert files["html"].read_text().startswith("<!DOCTYPE html>")
    assert files["picture"].read_text().startswith("<svg")
    assert Profile.load(files["save"]).to_dict() == BASE.to_dict()


@pytest.mark.parametrize("option", ["--save", "--trace", "--csv", "--html", "--picture"])
def test_a_file_of_another_format(option: str, tmp_path: Path) -> None:
    """It is not overwritten; this is checked before the measurement: the profile to load does not exist."""
    outcome = n6link("profile", "--load", tmp_path / "none.json", option, tmp_path / "chart.PNG")
    assert outcome.exit_code == 2 and not list(tmp_path.iterdir())
    assert f"{option} '{tmp_path}/chart.PNG' must end in ." in outcome.stderr


def test_file_that_cannot_be_written(saved: tuple[Path, Path], tmp_path: Path) -> None:
    outcome = n6link("profile", "--load", saved[0], "--csv", tmp_path / "nowhere" / "out.csv")
    assert outcome.exit_code == 2
    assert f"cannot be written, because the folder '{tmp_path / 'nowhere'}' does not exist; create it" in outcome.stderr


def test_report_of_another_build_is_flagged(saved: tuple[Path, Path]) -> None:
    outcome = n6link("profile", "--load", saved[0], "--report", CASES[2])
    assert outcome.exit_code == 0
    assert "The report is from another build" in outcome.stdout
    assert "more" in outcome.stdout


def test_report_without_epochs(saved: tuple[Path, Path]) -> None:
    outcome = n6link("profile", "--load", saved[0], "--report", DATA / "movenet" / "network_validate_report.txt")
    assert outcome.exit_code == 2
    assert "does not list epochs" in outcome.stderr


# ---------------------------------------------------------------------------------------------- a virtual board


def test_profile_of_a_virtual_board_with_the_compiled_blocks(movenet: str, tmp_path: Path) -> None:
    base, trace = tmp_path / "base.json", tmp_path / "trace.json"
    words: list[str | Path] = ["--runs", "3", "--warmup", "1", "--save", base, "--trace", trace, "--report", CASES[0]]
    outcome = n6link("profile", "--url", movenet, *words)
    assert outcome.exit_code == 0, outcome.stderr
    assert "94.7% of 75 epochs" in outcome.stdout
    assert "times: simulated: LiteRT" in outcome.stdout
    assert "another build" not in outcome.stdout
    taken = Profile.load(base)
    assert (taken.runs, taken.simulated, taken.network) == (3, True, "movenet13")
    assert [block.label for block in taken.table.blocks][:2] == ["EC 1-58", "SW 59 Resize"]
    assert (taken.durations > 0).all()
    assert (taken.samples.sum(axis=1) <= taken.durations + 1e-9).all()
    _, _, tracks = parse_trace(trace.read_text())
    assert len(tracks[2, 1]) == 3


def test_inputs_from_files(movenet: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((1, 192, 192, 3), 7, np.uint8))
    good = n6link("profile", "--url", movenet, "--runs", "1", "--warmup", "0", "--input", tmp_path / "x.npy")
    assert good.exit_code == 0, good.stderr
    np.savez(tmp_path / "x.npz", wrong=np.zeros(3))
    bad = n6link("profile", "--url", movenet, "--input", tmp_path / "x.npz")
    assert bad.exit_code == 2
    assert "has no input 'wrong'; it has" in bad.stderr
    (tmp_path / "x.txt").write_text("hello")
    assert (
        "is text; for a text network use n6link generate"
        in n6link("profile", "--url", movenet, "--input", tmp_path / "x.txt").stderr
    )


def test_network_must_be_named_if_there_are_two(movenet: str) -> None:
    outcome = n6link("profile", "--url", f"{movenet},other=movenet13")
    assert outcome.exit_code == 2
    assert "choose one of movenet13, other" in outcome.stderr
    assert n6link("profile", "nothing", "--url", movenet).exit_code == 2
