"""The fuzz targets on the inputs that are kept. Those of the targets in C are replayed by ctest: ``test_ctests.py``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fuzzing import corpus, device, host, reader
from fuzzing.__main__ import ROOT, TARGETS

MOST = 200_000
"""bytes of all corpora"""


@pytest.mark.parametrize(
    ("name", "one_input"),
    [
        ("host", host.one_input),
        ("reader", reader.one_input),
        pytest.param("device", device.one_input, marks=pytest.mark.gcc),
    ],
)
def test_no_kept_input_finds_a_fault(name: str, one_input: Callable[[bytes], None]) -> None:
    inputs = corpus.read(name)
    assert inputs
    for data in inputs:
        try:
            one_input(data)
        except Exception as error:
            raise AssertionError(f"{data.hex()}: {error!r}") from error


def test_each_target_has_a_small_corpus() -> None:
    targets = {target.name for target in TARGETS}
    assert {path.stem for path in corpus.FOLDER.iterdir()} == targets
    in_c = {path.stem.removeprefix("fuzz_") for path in (ROOT / "firmware" / "test").glob("fuzz_*.c")} - {"replay"}
    assert in_c == {target.name for target in TARGETS if not target.in_python}
    assert sum(path.stat().st_size for path in corpus.FOLDER.iterdir()) < MOST
