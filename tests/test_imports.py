"""What is loaded when: an import, and the help of the command line, load nothing that they do not use."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

import pytest

import n6link

LATER: Final = frozenset(
    {
        "PIL",
        "ai_edge_litert",
        "construct",
        "filelock",
        "importlib.metadata",
        "mcap",
        "n6link.epochs.export",
        "n6link.epochs.st_report",
        "n6link.monitor",
        "n6link.protocol.schema",
        "n6link.registry",
        "n6link.robotics",
        "n6link.transport.cable",
        "n6link.transport.faults",
        "n6link.transport.process",
        "n6link.transport.qemu",
        "n6link.transport.rig",
        "n6link.transport.serial_port",
        "n6link.transport.sim",
        "platformdirs",
        "serial",
        "serial_asyncio",
        "tokenizers",
        "tomlkit",
        "tomllib",
    }
)
"""loaded by what uses them"""
TERMINAL: Final = frozenset({"n6link.cli", "n6link.console", "rich", "typer"})
"""loaded by the command line only"""
DEVICE: Final = frozenset({"anyio", "asyncio", "n6link.device", "n6link.network", "n6link.pool", "n6link.result"})
"""loaded by programs that name a device or a pool"""

HELP: Final = """
from n6link.cli import app
sys.argv = ["n6link", "--help"]
try:
    app()
except SystemExit as end:
    assert not end.code
"""


def loaded(program: str) -> frozenset[str]:
    """The modules that a program loads."""
    script = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        f"{program}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("program", "later"),
    [
        ("import n6link", LATER | TERMINAL | DEVICE),
        ("from n6link import N6Device", LATER | TERMINAL | {"n6link.pool"}),
        ("import n6link.blocking", LATER | TERMINAL),
        (HELP, LATER),
    ],
    ids=["n6link", "N6Device", "n6link.blocking", "help"],
)
def test_nothing_is_loaded_before_it_is_used(program: str, later: frozenset[str]) -> None:
    modules = loaded(program)
    assert {"n6link.version", "numpy"} <= modules
    assert not {name for name in modules if any(name == one or name.startswith(f"{one}.") for one in later)}


def test_every_public_name_is_found_at_its_first_use() -> None:
    program = "import n6link\nassert set(n6link.__all__) <= set(dir(n6link))\nfor name in n6link.__all__: getattr(n6link, name)"
    assert {"n6link.device", "n6link.pool.pool"} <= loaded(program)
    with pytest.raises(AttributeError, match="module 'n6link' has no attribute 'N6Devices'"):
        _ = n6link.N6Devices  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("name", sorted(LATER | TERMINAL | DEVICE))
def test_what_loads_later_exists(name: str) -> None:
    """A module that has moved would be absent for ever, and the test above would not notice."""
    if name not in {"PIL", "ai_edge_litert", "tokenizers"}:
        __import__(name)
