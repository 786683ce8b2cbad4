"""The C tests on this computer, with sanitizers: the core under two runners, the corpora of the fuzzers, the port's paced line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import m55
import pytest
from fuzzing import corpus

PRESET = "host-asan"

pytestmark = [
    pytest.mark.gcc,
    pytest.mark.skipif(sys.platform == "win32", reason="the virtual board needs a POSIX system"),
]


@pytest.mark.timeout(900)  # a build, perhaps next to other programs
def test_c_tests_pass_with_sanitizers() -> None:
    m55.build(PRESET)
    ctest = shutil.which("ctest", path=str(Path(sys.executable).parent)) or shutil.which("ctest")
    assert ctest, "it comes with cmake"
    done = subprocess.run(
        [ctest, "--preset", PRESET, "--verbose"], cwd=m55.FIRMWARE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "100% tests passed" in done.stdout
    replayed = [int(count) for count in re.findall(r"^\d: (\d+) inputs$", done.stdout, re.MULTILINE)]
    assert replayed == [len(corpus.read(name)) for name in ("link", "server", "dialogue", "picture")]
    counts = [int(count) for count in re.findall(r"^\d: (\d+) tests, 0 failed$", done.stdout, re.MULTILINE)]
    folders = m55.FIRMWARE / "test", m55.FIRMWARE / "ports" / "host" / "test"
    written = [sum(_tests(source) for source in folder.glob("test_*.c")) for folder in folders]
    assert counts == written


def _tests(source: Path) -> int:
    return len(re.findall(r"\bTEST\(\w+\)", source.read_text()))
