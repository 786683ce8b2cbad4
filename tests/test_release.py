"""What is published, as `make packages` builds it: metadata, sizes, symbols, and wheels that run in empty environments.

The tests need the folder N6LINK_DIST, and networks of packages such as an index; they run in `make packages` and in `.ci/run`.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

import pytest

from n6link.version import __version__

pytestmark = pytest.mark.release

ROOT: Final = Path(__file__).resolve().parents[1]
MACHINES: Final = {"x86_64": 62, "aarch64": 183}
"""processors with a wheel, and their numbers in ELF files"""
LIMIT: Final = 6_000_000
"""maximum size of a wheel, in bytes"""
GLIBC: Final = 28
"""manylinux_2_N"""
SDIST: Final = f"n6link-{__version__}.tar.gz"
PURE: Final = f"n6link-{__version__}-py3-none-any.whl"
LINUX: Final = {machine: f"n6link-{__version__}-py3-none-manylinux_2_{GLIBC}_{machine}.whl" for machine in MACHINES}


@pytest.fixture(scope="module")
def dist() -> Path:
    """The folder with all packages."""
    if not (named := os.environ.get("N6LINK_DIST")):
        pytest.skip("N6LINK_DIST is not set; `make packages` builds what is published and sets it")
    return Path(named)


def run(*command: str | Path, code: int = 0, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Output and errors of a program that has no settings of this one and ends with a code."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("N6LINK_", "PYTHON", "COV"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=inherited | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def test_the_folder_has_every_package_and_no_other_file(dist: Path) -> None:
    assert {path.name for path in dist.iterdir()} == {SDIST, PURE, *LINUX.values()}


def test_an_index_accepts_the_metadata(dist: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), environment={"NO_COLOR": "1"})
    with tarfile.open(dist / SDIST) as archive:
        member = archive.extractfile(f"{SDIST.removesuffix('.tar.gz')}/PKG-INFO")
        assert member is not None
        lines = member.read().decode().splitlines()
    assert {f"Version: {__version__}", "License-Expression: Apache-2.0", "Requires-Python: >=3.11"} <= set(lines)


@pytest.mark.parametrize("name", [PURE, *LINUX.values()])
def test_a_wheel_has_at_most_6_megabytes(dist: Path, name: str) -> None:
    assert (dist / name).stat().st_size <= LIMIT


@pytest.mark.parametrize("machine", MACHINES)
def test_programs_and_libraries_are_for_the_processor_and_the_glibc_of_the_wheels_name(
    dist: Path, machine: str
) -> None:
    found: set[str] = set()
    with zipfile.ZipFile(dist / LINUX[machine]) as archive, zipfile.ZipFile(dist / PURE) as pure:
        for entry in archive.infolist():
            data = archive.read(entry)
            if data.startswith(b"\x7fELF"):
                found.add(entry.filename)
                assert struct.unpack_from("<H", data, 18)[0] == MACHINES[machine], entry.filename
                assert str(ROOT).encode() not in data, "no path of the machine that built it"
                assert entry.filename.endswith(".so") or entry.external_attr >> 16 & 0o111 == 0o111, "executable"
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names - found == {name for name in pure.namelist() if ".dist-info/" not in name}
    assert "n6link/_bin/n6sim" in found
    text = " ".join(run(sys.executable, "-m", "auditwheel", "show", dist / LINUX[machine]).split())
    allowed = re.search(r'constrains the platform tag to "manylinux_2_(\d+)_(\w+)"', text)
    assert allowed is not None, text
    assert int(allowed[1]) <= GLIBC and allowed[2] == machine


@pytest.mark.parametrize("python", os.environ.get("PYTHONS", sys.executable).split())
def test_the_wheel_runs_in_an_empty_environment(dist: Path, tmp_path: Path, python: str) -> None:
    wheel = dist / LINUX["x86_64"]
    run(python, "-m", "venv", tmp_path / "venv")
    tools = tmp_path / "venv" / "bin"
    run(tools / "pip", "install", "--quiet", f"{wheel}[all]", environment={"CC": "no-compiler"})
    text = run(tools / "n6link", "demo", cwd=tmp_path)
    assert "movenet13" in text and (tmp_path / "n6link_demo.png").stat().st_size > 10_000
    assert run(tools / "n6link", "--version").strip() == __version__
    assert run(tools / "python", "-c", "import n6link; print(n6link.__version__)", cwd=tmp_path).strip() == __version__


def test_the_wheel_for_other_systems_says_what_is_missing(dist: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    tools = tmp_path / "venv" / "bin"
    run(tools / "pip", "install", "--quiet", dist / PURE)
    assert "this installation of n6link does not contain the virtual board" in run(
        tools / "n6link", "info", "--url", "sim:", code=1
    )
    assert "boards" in run(tools / "n6link", "devices", "--help")
    report = run(tools / "n6link", "report", ROOT / "tests" / "data" / "movenet")
    assert "94.7%" in report


@pytest.mark.timeout(600)
def test_the_wheel_for_aarch64_runs_on_an_emulated_processor(dist: Path, tmp_path: Path) -> None:
    """Debian's Python for arm64 and the packages of an index, in qemu-aarch64."""
    emulator = shutil.which("qemu-aarch64")
    if emulator is None:
        pytest.skip("qemu-aarch64 is not installed (Debian: qemu-user)")
    system, packages = tmp_path / "system", tmp_path / "packages"
    unpacked = subprocess.run([ROOT / "tools" / "arm64-python", system], capture_output=True, text=True, check=False)
    if unpacked.returncode == 3:
        pytest.skip(unpacked.stderr.strip())
    assert unpacked.returncode == 0, unpacked.stderr
    emulated = (emulator, "-L", str(system))
    python = (*emulated, str(system / "usr" / "bin" / "python3"))
    version = run(*python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    platforms = [f"--platform=manylinux_2_{glibc}_aarch64" for glibc in range(17, GLIBC + 1)]
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--target",
        packages,
        "--only-binary=:all:",
    ]
    wheel = dist / LINUX["aarch64"]
    run(*pip, f"--python-version={version}", *platforms, "--platform=manylinux2014_aarch64", f"{wheel}[sim,vision]")
    # The emulator does not start programs for its processor: the kernel does, and needs the emulator's name.
    board = tmp_path / "n6sim"
    board.write_text(f'#!/bin/sh\nexec {" ".join(emulated)} {packages}/n6link/_bin/n6sim "$@"\n')
    board.chmod(0o755)
    environment = {"PYTHONPATH": str(packages), "N6LINK_SIM": str(board)}
    assert (
        run(*python, "-c", "import platform; print(platform.machine())", environment=environment).strip() == "aarch64"
    )
    text = run(*python, "-m", "n6link", "demo", cwd=tmp_path, environment=environment)
    assert "movenet13" in text and (tmp_path / "n6link_demo.png").stat().st_size > 10_000
