"""The C tests of the core, on the emulated Cortex-M55."""

from __future__ import annotations

import re
from pathlib import Path

import m55
import pytest

pytestmark = [pytest.mark.arm_gcc, pytest.mark.qemu]


def test_c_tests_pass_on_the_cortex_m55(tmp_path: Path) -> None:
    done = m55.emulate(m55.build("qemu") / "n6qemu_tests.elf", folder=tmp_path)
    summary = re.search(r"^(\d+) tests, (\d+) failed$", done.stdout, re.MULTILINE)
    assert summary, done.stdout + done.stderr
    assert done.returncode == 0 and summary[2] == "0", done.stdout
    written = [source.read_text() for source in (m55.FIRMWARE / "test").glob("test_*.c")]
    assert int(summary[1]) == sum(len(re.findall(r"\bTEST\(\w+\)", text)) for text in written)


def test_a_test_that_fails_shows(tmp_path: Path) -> None:
    """The runner reports where, and the exit code comes through semihosting."""
    source = tmp_path / "broken.c"
    source.write_text("""
        #include "n6_test.h"
        static void good(void) { EQUAL(1 + 1, 2); }
        static void bad(void) { EQUAL(1 + 1, 3); }
        static const n6_test_t tests[] = {TEST(good), TEST(bad), TESTS_END};
        const n6_suite_t n6_suites[] = {{"sums", tests}, {NULL, NULL}};
    """)
    folder = m55.FIRMWARE / "test"
    m55.compile_hosted([source, folder / "run_plain.c"], tmp_path / "broken.elf", f"-I{folder}")
    done = m55.emulate(tmp_path / "broken.elf", folder=tmp_path)
    assert done.returncode == 1
    assert "got 2, wanted 3" in done.stdout
    assert "FAILED sums: bad\n2 tests, 1 failed" in done.stdout


def test_tables_for_unwinding_are_marked(tmp_path: Path) -> None:
    """Newer C libraries bring their unwinder, which looks for both marks; a compiler without them would not link."""
    source = tmp_path / "unwind.c"
    source.write_text("""
        extern const char __exidx_start[], __exidx_end[];
        int main(void) { return (int)(__exidx_end - __exidx_start) >= 16 ? 0 : 1; }
    """)
    m55.compile_hosted([source], tmp_path / "unwind.elf", "-funwind-tables")
    assert m55.emulate(tmp_path / "unwind.elf", folder=tmp_path).returncode == 0
