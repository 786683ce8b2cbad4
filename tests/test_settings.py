"""The settings file: its values, refused values, and concurrent writers, comments and damage."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest
from typer.testing import CliRunner

from n6link import BadInput, N6Device, SettingsError, TransportError, UnknownName, settings
from n6link.cli import app
from n6link.transport.url import check_url, open_stream

WHOLE = """\
# mine
version = 1

[defaults]
url = "board:arm"  # the usual one

[boards]
arm = "serial:0039"
bench = "tcp:localhost:6006"

[learnt.ab12]
ports = ["0039"]
rate = 3000000
temper = "of a later version"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of the test, which does not exist."""
    path = tmp_path / "folder" / "settings.toml"
    path.parent.mkdir()
    monkeypatch.setenv("N6LINK_CONFIG", str(path))
    monkeypatch.delenv("N6LINK_URL", raising=False)
    return path


def test_a_whole_file(file: Path) -> None:
    file.write_text("\ufeff" + WHOLE, encoding="utf-8")  # Windows' editors begin a file with this mark
    known = settings.load()
    assert known.file == file and known.default_url == "board:arm"
    assert known.boards == {"arm": "serial:0039", "bench": "tcp:localhost:6006"}
    assert known.learnt("ab12")["rate"] == 3000000 and known.learnt("cd34") == {}
    assert known.ports == {"ab12": ("0039",)}
    assert known.get("boards.arm") == "serial:0039" and known.get("learnt.ab12.rate") == 3000000


@pytest.mark.parametrize("text", [None, "", "version = 1\n"])
def test_no_settings(file: Path, text: str | None) -> None:
    if text is not None:
        file.write_text(text)
    known = settings.load()
    assert known.default_url is None and known.boards == {} and known.ports == {}


def test_a_board_has_a_table_or_the_short_form(file: Path) -> None:
    settings.change("boards.arm", "sim:movenet13")
    settings.change("boards.arm.url", "sim:tinybert")
    settings.change("boards.leg", "sim:")
    assert file.read_text().count("[boards.arm]\nurl = ") == 1
    assert settings.load().boards == {"arm": "sim:tinybert", "leg": "sim:"}
    assert settings.load().get("boards.arm.url") == "sim:tinybert"
    settings.remove("boards.arm.url")
    assert settings.load().boards == {"leg": "sim:"}
    file.write_text("[boards.empty]\n")
    assert settings.load().boards == {}


def test_a_name_is_a_url(file: Path) -> None:
    settings.change("boards.arm.url", "sim:movenet13?speed=1")
    for url in ("arm", "board:arm"):
        with pytest.raises(TransportError, match="unknown option 'speed'"):
            check_url(url)
    with pytest.raises(
        TransportError, match="'leg' is neither a URL nor a board of the settings file, which has arm; a URL"
    ):
        check_url("leg")
    with pytest.raises(TransportError, match="use serial:COM3"):
        check_url("COM3")
    settings.change("defaults.url", "arm")
    assert settings.load().default_url == "arm"


def test_defaults_of_commands(file: Path) -> None:
    settings.change("defaults.encode", "jpeg:90")
    settings.change("defaults.timeout", "2.5")
    assert settings.load().default("encode") == "jpeg:90" and settings.load().default("timeout") == 2.5
    for key, text in {"encode": "jpeg:0", "timeout": "-1", "url": "a b"}.items():
        with pytest.raises(BadInput, match=f"defaults.{key}='{text}' cannot be set; it must be"):
            settings.change(f"defaults.{key}", text)


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("N6LINK_CONFIG", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert settings.path() == tmp_path / "n6link" / "settings.toml"
    assert settings.path().parts[-2:] == ("n6link", "settings.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[boards]\narm = serial:0039\n", "settings.toml, line 2: invalid value; correct the line"),
        ("[boards]\na = 'sim:'\n[boards]\n", "line 3: cannot declare"),
        ("[boards]\narm = 'sim:'\nb = [\n", "line 4: "),
        ("# one\n\n[boards]\narm = 7\nb = 'sim:'\n", "line 4: boards.arm is 7; it must be a URL"),
        (
            "boards = 3\n",
            "line 1: unknown setting 'boards'; choose defaults.url, defaults.encode, defaults.timeout, boards.NAME",
        ),
        ("[defaults]\nurl = [\n'a',\n'b',\n]\n", "line 5: defaults.url is ['a', 'b']; it must be a URL"),
        ("[defaults]\nulr = 'sim:'", "line 2: unknown setting 'defaults.ulr'"),
        ("[boards]\na = 'board:b'\n", "line 2: boards.a is 'board:b'; it must be a URL other than board:NAME"),
        ("[boards]\n'a b' = 'sim:'\n", "line 2: unknown setting 'boards.a b'"),
        ("learnt.ab.rate = 0\n", "line 1: learnt.ab.rate is 0; it must be a whole number above 0"),
        ("learnt.ab.rate = true\n", "line 1: learnt.ab.rate is True"),
        ("learnt.ab.ports = [1]\n", "line 1: learnt.ab.ports is [1]; it must be a list of strings"),
        ("a.b.c = 1\n", "line 1: unknown setting 'a.b.c'"),
        (b"# \xff\n", "line 1: the text is not UTF-8"),
        (b"\n\n# \xff\n", "line 3: the text is not UTF-8"),
        ("version = 2\n[new]\n", "has version = 2, but this n6link reads version 1; update n6link, or"),
        ("version = 'x'\n", "has version = 'x'"),
    ],
)
def test_a_damaged_file_is_one_error(file: Path, text: str | bytes, says: str) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    for use in (settings.load, lambda: settings.change("boards.x", "sim:"), lambda: settings.learn("ab", rate=1)):
        with pytest.raises(SettingsError) as error:
            use()
        assert says in str(error.value) and str(file) in str(error.value)
    assert file.read_bytes() == (text if isinstance(text, bytes) else text.encode()), "nothing is lost"


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.mkdir()
    with pytest.raises(SettingsError, match=r"settings.toml cannot be read \(Is a directory\)"):
        settings.load()


def test_a_file_that_cannot_be_written(file: Path) -> None:
    file.parent.rmdir()
    file.parent.write_text("not a folder")
    with pytest.raises(SettingsError, match=r"settings.toml cannot be written \(File exists\)"):
        settings.change("boards.arm", "sim:")


def test_a_change_keeps_everything_else(file: Path) -> None:
    file.write_text(WHOLE)
    file.chmod(0o640)
    settings.change("boards.arm", "serial:0040")
    settings.change("boards.new", "sim:")
    settings.learn("cd34", ports=["0041", "0042"])
    text = file.read_text()
    assert text.startswith(WHOLE.replace("0039", "0040", 1).partition("[learnt.ab12]")[0].rstrip())
    assert "# the usual one" in text and 'temper = "of a later version"' in text
    assert settings.load().boards == {"arm": "serial:0040", "bench": "tcp:localhost:6006", "new": "sim:"}
    assert settings.load().ports == {"ab12": ("0039",), "cd34": ("0041", "0042")}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    settings.remove("boards.new")
    settings.remove("learnt.cd34.ports")
    assert "cd34" not in file.read_text(), "an empty table is removed too"
    assert {path.name for path in file.parent.iterdir()} <= {file.name, f"{file.name}.lock"}


def test_a_new_file_has_a_version(file: Path) -> None:
    file.parent.rmdir()  # the folder is created too
    settings.change("defaults.url", "sim:")
    assert file.read_text() == 'version = 1\n\n[defaults]\nurl = "sim:"\n'


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text("")
    file.symlink_to(tmp_path / "elsewhere.toml")
    settings.change("boards.arm", "sim:")
    assert file.is_symlink() and "arm" in (tmp_path / "elsewhere.toml").read_text()


def test_what_is_known_is_not_written_again(file: Path) -> None:
    settings.learn("ab12", ports=["0039"], rate=115200)
    before = file.stat()
    settings.learn("ab12", rate=115200)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: settings.change("boards.arm", "nowhere"), "boards.arm='nowhere' cannot be set; it must be a URL"),
        (lambda: settings.change("boards.arm", "board:arm"), "it must be a URL other than board:NAME"),
        (
            lambda: settings.change("learnt.ab.rate", "fast"),
            "learnt.ab.rate='fast' cannot be set; it must be a whole number",
        ),
        (lambda: settings.change("learnt.ab.rate", "0"), "it must be a whole number above 0"),
        (lambda: settings.change("learnt.a b.rate", "1"), "unknown setting 'learnt.a b.rate'"),
        (lambda: settings.change("boards", "1"), "unknown setting 'boards'"),
        (lambda: settings.change("boards.a.b", "1"), "unknown setting 'boards.a.b'"),
        (lambda: settings.change("version", "2"), "unknown setting 'version'"),
        (lambda: settings.learn("ab", rate=-1), "learnt.ab.rate=-1 cannot be stored"),
        (lambda: settings.learn("ab", mood="good"), "unknown setting 'learnt.ab.mood'"),
        (lambda: settings.remove("nothing"), "unknown setting 'nothing'"),
    ],
)
def test_a_setting_that_cannot_be(file: Path, call: Callable[[], None], says: str) -> None:
    with pytest.raises(BadInput) as error:
        call()
    assert says in str(error.value) and not file.exists()


def test_a_setting_that_is_not_set(file: Path) -> None:
    file.write_text(WHOLE)
    with pytest.raises(UnknownName, match="boards.none is not set in .*settings.toml"):
        settings.load().get("boards.none")
    with pytest.raises(UnknownName, match="learnt.none.rate is not set"):
        settings.remove("learnt.none.rate")


def test_two_writers_lose_nothing(file: Path) -> None:
    script = "import sys; from n6link import settings\nfor i in range(20): settings.change(f'boards.{sys.argv[1]}{i}', 'sim:')"
    writers = [subprocess.Popen([sys.executable, "-c", script, name]) for name in "ab"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    assert set(settings.load().boards) == {f"{name}{index}" for name in "ab" for index in range(20)}


def test_a_writer_that_does_not_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LOCK_TIMEOUT", 0.05)
    with (
        filelock.FileLock(f"{file}.lock"),
        pytest.raises(SettingsError, match="another program has locked the settings file .* for more than 0.05 s"),
    ):
        settings.change("boards.arm", "sim:")


# ------------------------------------------------------------------------------------------- named boards


async def test_a_named_board_is_a_url(file: Path) -> None:
    settings.change("boards.arm", "sim:reference:")
    settings.change("defaults.url", "board:arm")
    check_url("board:arm")
    async with await open_stream() as stream:
        assert stream.url == "board:arm"
    async with N6Device("board:arm") as device:
        assert list(device.networks) == ["reference"] and device.url == "board:arm"


async def test_a_name_that_nobody_has_given(file: Path) -> None:
    with pytest.raises(
        TransportError, match=r"does not have the board 'x'; it has none; .*n6link config set boards.x URL"
    ):
        await open_stream("board:x")
    settings.change("boards.arm", "sim:nothing")
    with pytest.raises(TransportError, match="does not have the board ''; it has arm; .*boards.NAME"):
        check_url("board:")
    with pytest.raises(TransportError, match="'nothing'"):
        check_url("board:arm")


async def test_a_url_that_is_given_comes_before_the_settings(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("version = 9")  # noqa: ASYNC240
    monkeypatch.setenv("N6LINK_URL", "sim:reference:")
    async with await open_stream():
        pass
    monkeypatch.delenv("N6LINK_URL")
    with pytest.raises(SettingsError, match="version = 9"):
        await open_stream()


# ------------------------------------------------------------------------------------------- n6link config


def config(*words: str, code: int = 0) -> str:
    """The output of the command, on standard output or as an error."""
    result = CliRunner().invoke(app, ["config", *words])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else " ".join(result.stderr.split())


def test_the_command(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert config("path") == f"{file}\n"
    assert "is empty" in config() and config("--json") == f'{{"file": "{file}", "values": {{}}}}\n'
    assert config("set", "boards.arm", "serial:0039") == ""
    config("set", "learnt.ab12.ports", "0039, 0040")
    config("set", "learnt.ab12.rate", "115200")
    assert config("get", "boards.arm") == "serial:0039\n"
    assert config("get", "learnt.ab12.ports") == "0039, 0040\n"
    assert config("get", "learnt.ab12.ports", "--json") == '["0039", "0040"]\n'
    assert config() == f"# {file}\n{file.read_text()}"
    config("unset", "boards.arm")
    assert "boards.arm is not set" in config("get", "boards.arm", code=2)
    assert "is neither a URL nor a board" in config("set", "boards.arm", "nowhere", code=1)
    assert "unknown setting 'x'" in config("set", "x", "y", code=2)
    file.write_text("?")
    assert "settings.toml, line 1: " in config(code=2)
