"""What is shipped: the files of the source distribution and of the wheel, with a C compiler and without one.

Everything is built from a copy of the files that git knows, the wheel from the source distribution, as pip does it.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from importlib import metadata, util
from pathlib import Path
from typing import Final

import pytest
from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).resolve().parents[1]
LEFT_OUT: Final = (".ci/", "benchmarks/", "tests/")
"""folders of the repository that are not shipped"""
BOARD: Final = "n6link/_bin/n6sim"
LIBRARY: Final = "n6link/_bin/n6serve.so"
NOT_FOR_BOARDS: Final = re.compile(
    r"firmware/(emulation|verify|test|npu/(litert|reference)|ports/(host|serve|qemu-an547)|ports/stm32n6/(test|stubs)|cmake/zig)|.*\.py$"
)
"""files of the firmware that `n6link firmware build` does not need"""
DIST_INFO: Final = (
    "METADATA",
    "RECORD",
    "WHEEL",
    "entry_points.txt",
    "licenses/LICENSE",
    "licenses/n6link/networks/NOTICE",
)

needs_builder = pytest.mark.skipif(
    util.find_spec("scikit_build_core") is None, reason="scikit-build-core is not installed"
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="the virtual board is not built on Windows")


def test_every_dependency_has_its_reason() -> None:
    """Packages of Python in pyproject.toml, packages of Debian in tools/need."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [settings["project"]["dependencies"], *settings["project"]["optional-dependencies"].values()]
    groups += settings["dependency-groups"].values()
    needed = {re.split(r"[\[<>=]", line)[0] for group in groups for line in group if isinstance(line, str)} - {"n6link"}
    for packages in re.findall(r'need "[^"]*" (?:"([^"]*)"|(\S+))', (ROOT / "tools" / "need").read_text()):
        needed |= set("".join(packages).split())
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("## Dependencies")[2].partition("\n## ")[0]
    named = set(re.findall(r"[\w-]+", " ".join(line.split("|")[1] for line in table.splitlines() if "|" in line)))
    assert needed - named == {"python3"}


@functools.cache
def tracked() -> frozenset[str]:
    """The files that git knows and that are there."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is not a git checkout")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


def package_files() -> set[str]:
    """The files of the wheel: the package, and the firmware's sources for the boards."""
    firmware = {name for name in tracked() if name.startswith("firmware/") and not NOT_FOR_BOARDS.match(name)}
    return {name for name in tracked() if name.startswith(("n6link/", "pytest_n6link/"))} | {
        f"n6link/_src/{name}" for name in firmware
    }


def build(what: str, source: Path, target: Path, **environment: str) -> Path:
    """Calls the build backend, as pip would, without network; returns what it has built."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    script = f"import sys; from scikit_build_core.build import {what}; print({what}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(target)],
        cwd=source,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    copy = folder / "repository"
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    return build("build_sdist", copy, folder)


@pytest.fixture
def unpacked(sdist: Path, tmp_path: Path) -> Path:
    """The folder that the source distribution unpacks to, fresh."""
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # which Python 3.11.2 does not have
        archive.extractall(tmp_path)
    return tmp_path / sdist.name.removesuffix(".tar.gz")


def files_of(wheel: Path) -> tuple[set[str], set[str]]:
    """Files of the package, and of its dist-info folder."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = "-".join(wheel.name.split("-")[:2]) + ".dist-info/"
    return (
        {name for name in names if not name.startswith(info)},
        {name.removeprefix(info) for name in names if name.startswith(info)},
    )


@needs_builder
def test_the_source_distribution_holds_the_repository_without_its_tests(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    top = sdist.name.removesuffix(".tar.gz") + "/"
    assert all(member.name.startswith(top) and (member.isfile() or member.isdir()) for member in members)
    names = {member.name.removeprefix(top) for member in members if member.isfile()}
    assert names == {name for name in tracked() if not name.startswith(LEFT_OUT)} | {"PKG-INFO"}
    assert {"LICENSE", "README.md", "n6link/networks/NOTICE", "firmware/core/wire/n6_protocol.h"} <= names


@needs_builder
def test_the_page_of_an_index_has_no_link_into_the_repository(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        file = archive.extractfile(sdist.name.removesuffix(".tar.gz") + "/PKG-INFO")
        assert file
        page = message_from_bytes(file.read()).get_payload()
    assert isinstance(page, str)
    tokens = MarkdownIt().enable("table").parse(page)
    leaves = [leaf for token in tokens for leaf in (token, *(token.children or ()))]
    assert not [leaf.content for leaf in leaves if leaf.type in ("image", "html_block", "html_inline")]
    targets = [str(leaf.attrs["href"]) for leaf in leaves if leaf.type == "link_open"]
    assert all(target.startswith(("https:", "#")) for target in targets)
    headings = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("#")]
    assert [line for line in page.splitlines() if line.startswith("#")] == headings, "all of README is there"
    assert "Your own network (`docs/tutorial/own-network.md`) is a lesson" in page, "a link is the name of its file"


@posix
@needs_builder
@pytest.mark.gcc
def test_the_wheel_holds_the_package_and_a_virtual_board_that_runs(unpacked: Path, tmp_path: Path) -> None:
    wheel = build("build_wheel", unpacked, tmp_path)
    package, info = files_of(wheel)
    assert package == package_files() | {BOARD, LIBRARY}
    assert info == set(DIST_INFO)
    assert wheel.name.split("-")[2:4] == ["py3", "none"] and not wheel.name.endswith("-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.getinfo(BOARD).external_attr >> 16 & 0o111 == 0o111, "executable"
        board = tmp_path / "n6sim"
        board.write_bytes(archive.read(BOARD))
        library = archive.read(LIBRARY)
    for built in (board.read_bytes(), library):
        assert str(unpacked).encode() not in built, "no path of the machine that built it"
    board.chmod(0o755)
    done = subprocess.run([board, "--help"], capture_output=True, check=True)
    assert done.stdout.startswith(b"usage: n6sim ")


@needs_builder
def test_without_a_compiler_the_package_lacks_nothing_but_the_virtual_board(unpacked: Path, tmp_path: Path) -> None:
    wheel = build("build_wheel", unpacked, tmp_path, CC=str(tmp_path / "no-compiler"))
    package, info = files_of(wheel)
    assert package == package_files()
    assert {"n6link/_src/firmware/CMakePresets.json", "n6link/_src/firmware/ports/stm32n6/vendor.cmake"} <= package
    assert info == set(DIST_INFO)
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    script = "import n6link.transport.sim, sys; print(n6link.__file__); n6link.transport.sim.find_executable()"
    paths = [str(tmp_path / "installed"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    environment = {key: value for key, value in os.environ.items() if key != "N6LINK_SIM"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],  # -S: an editable installation stays out of the way
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(str(tmp_path / "installed")), done.stderr
    assert "this installation of n6link does not contain the virtual board" in done.stderr


@posix
@pytest.mark.gcc
def test_the_installed_package_has_the_virtual_board() -> None:
    """Without it most tests would be skipped, and nobody would notice."""
    try:
        metadata.distribution("n6link")
    except metadata.PackageNotFoundError:
        pytest.skip("n6link is not installed, it runs from its sources")
    spec = util.find_spec("n6link")
    folders = (spec and spec.submodule_search_locations) or ()
    assert any(Path(folder, "_bin", "n6sim").is_file() for folder in folders), (
        f"{BOARD} was not built, though a C compiler is here; see what `pip install -v .` says"
    )
