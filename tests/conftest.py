"""Fixtures that more than one test module uses, and the markers by which tests are selected."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from e2e_fixtures import executable, litert
from hypothesis import settings
from lines import Line, Usb

from n6link.transport import ports

# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them send to a child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in each run, which may be slow on a busy machine; the fuzzers look for new ones.
settings.register_profile("n6link", derandomize=True, deadline=None)
settings.load_profile("n6link")

SHARED = Path(os.environ.get("N6LINK_SHARED", Path(__file__).resolve().parents[2] / "shared"))

PROGRAMS: Final = {
    "gcc": "gcc",
    "arm_gcc": "arm-none-eabi-gcc",
    "qemu": "qemu-system-arm",
    "tmux": "tmux",
    "spin": "spin",
    "tshark": "tshark",
    "chromium": "chromium",
}
"""Markers of tests that need a program, and which one. The tests are skipped where it is not installed."""

END_TO_END: Final = [
    Path(__file__).with_name(f"test_{name}.py")
    for name in (
        *(
            "blocking",
            "clock",
            "deadlines",
            "device",
            "e2e_reduce",
            "e2e_text",
            "e2e_vision",
            "encoding",
            "faults",
            "hygiene",
        ),
        *(
            "lifecycle",
            "loop",
            "monitor_app",
            "n6sim",
            "n6sim_networks",
            "network",
            "priorities",
            "pytest_plugin",
            "reconnect",
            "recorder",
            "replay",
            "serve",
            "stream",
            "view",
        ),
    )
]
"""Modules whose tests use the whole way from the Python interface to the virtual board. They have the marker e2e."""
assert all(path.is_file() for path in END_TO_END), END_TO_END


def pytest_configure(config: pytest.Config) -> None:
    """Declares the markers."""
    config.addinivalue_line("markers", "e2e: uses the whole way from the Python interface to the virtual board")
    config.addinivalue_line("markers", "release: tests what `make packages` has built")
    for marker, program in PROGRAMS.items():
        config.addinivalue_line("markers", f"{marker}: needs {program}")


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sets the marker e2e, and skips tests that require a missing program."""
    missing = {marker: program for marker, program in PROGRAMS.items() if shutil.which(program) is None}
    for item in items:
        if item.path in END_TO_END:
            item.add_marker(pytest.mark.e2e)
        for marker, program in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{program} is not installed"))


@pytest.fixture
def line() -> Iterator[Line]:
    """A pseudo terminal as a serial line."""
    line = Line()
    yield line
    line.unplug()


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Usb:
    """A machine without serial ports, to which the test adds ports, and without settings: other tests may have seen boards with the same serial numbers."""
    monkeypatch.delenv("N6LINK_URL", raising=False)
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.setattr(ports, "ROOT", tmp_path / "root")
    return Usb(tmp_path / "root")


@pytest.fixture(autouse=True, scope="session")
def no_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Isolates the tests from the user's settings and servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N6LINK_CONFIG", str(tmp_path_factory.mktemp("settings") / "settings.toml"))
        patch.setenv("N6LINK_RUNTIME", str(tmp_path_factory.mktemp("servers")))
        yield


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs that a test kills leave their temporary files among pytest's own, which are removed after three runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("t")))
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture
def busy_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of this computer, which other programs use too, is neither one of the line for the doctor, nor a reason for a lower bit rate."""
    from n6link.doctor import rules
    from n6link.session import rates

    async def undamaged(channel: object) -> tuple[int, ...]:
        """The zeros that are sent before a request which is repeated again and again are skipped bytes, too."""
        return ()

    monkeypatch.setattr(rates, "_damage", undamaged)
    for module, limits in (
        (rules, {"STALL": 1000.0, "CLOCK_ERROR": 1000.0, "LOSS": 1.0}),
        (rates, {"CHANGED": 100.0, "FOUND": 100.0, "LOST": 1000.0, "STUCK": 1000.0, "SPARE": 1_000_000}),
    ):
        for name, limit in limits.items():
            monkeypatch.setattr(module, name, limit)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with networks, pictures, outputs and reports whose licences do not allow them to be part of the project."""
    if not (SHARED / "refs").is_dir():
        pytest.skip(f"data that the project may not hold is not at {SHARED} (N6LINK_SHARED names its folder)")
    return SHARED


@pytest.fixture(scope="session")
def virtual_board() -> None:
    """The test is skipped if networks cannot run on a virtual board: without its program or without LiteRT."""
    executable()
    litert()
