"""Hosts and devices of two minors of the protocol work together in all four pairings.

The next minor does not exist. The test makes it: a copy of the package and of the firmware whose schema has a new enum value, a new
message, and a field appended to every struct that may grow. Both are generated and built, and neither knows the other's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from e2e_fixtures import REFERENCE, executable

from n6link.protocol import VERSION_MINOR

pytestmark = [pytest.mark.e2e, pytest.mark.gcc]

NEXT: Final = VERSION_MINOR + 1
ROOT: Final = Path(__file__).resolve().parents[1]
APPENDED: Final = {
    "Hello": "_u64",
    "HelloReply": "_u64",
    "Ping": "_u64",
    "PingReply": "_u64",
    "InfoReply": "_u64",
    "ListReply": "_u32",
    "NetworkRecord": "_u32",
    "DescribeReply": "_u32",
    "TensorRecord": "_u32",
    "BlockRecord": "_u64",
    "Commit": "_u32",
    "Infer": "_u64",
    "Return": "_u32",
    "Result": "_u64",
    "ResultRecord": "_u32",
    "Log": "_u64",
    "StatsReply": "_u64",
    "NetworkStats": "_u64",
    "EpochStatsReply": "_u32",
}
"""structs that a tail follows, or that are records of one, and the type of the field that the next minor appends; not EpochTime and
BlockStats, on whose exact form the core relies with assertions, so that a minor which extends them changes the core too"""

HOST: Final = """
import anyio, logging, sys
import numpy as np
from n6link import N6Device
from n6link.protocol import VERSION_MINOR
from n6link.tensors import reduce

async def main(url):
    async with N6Device(url) as dev:
        net = dev["reference"]
        assert set(dev.networks) == {"reference", "reference_colour"}, dev.networks
        data = {name: np.full(spec.shape, 7, spec.dtype) for name, spec in net.inputs.items()}
        whole = await net.run(data)
        (name, spec), = net.outputs.items()
        peaks = (await net.run(data, reduce=[reduce.argmax(0, spec)])).reduced[name]
        assert whole.epochs is not None and len(whole.epochs.table) == len(net.epochs)
        assert np.array_equal(peaks.values, whole.outputs[name].reshape(-1, spec.shape[-1]).max(axis=0))
        stats = await dev.stats()
        assert [network.runs for network in stats.networks] == [2, 0], stats
        assert (await dev.epoch_stats("reference")).runs == 2
        assert (await dev.ping()).rtt > 0
        print(VERSION_MINOR, dev.info.protocol, dev.info.board, int(whole.outputs[name].astype(int).sum()))

anyio.run(main, sys.argv[1])
"""


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the next minor, with its virtual board built."""
    root = tmp_path_factory.mktemp("minor1")
    skipped = shutil.ignore_patterns("build", "__pycache__", "_bin", "stm32n6", "emulation")
    for name in ("n6link", "firmware"):
        shutil.copytree(ROOT / name, root / name, ignore=skipped)
    for name in ("protocol.md", "tests/vectors.toml"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    _extend(root / "n6link/protocol")
    python(root, "-m", "n6link.protocol.codegen")
    build = root / "build"
    options = ["-DN6_PORT=host", "-DN6_BUILD_TESTS=OFF", f"-DN6_FIRMWARE={root.name}"]
    for command in (
        ["cmake", "-S", str(root / "firmware"), "-B", str(build), "-G", "Ninja", *options],
        ["cmake", "--build", str(build), "--target", "n6sim"],
    ):
        done = subprocess.run(command, env=_environment(root), capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return root


def _extend(protocol: Path) -> None:
    """Makes the next minor of the schema."""
    schema = protocol / "schema.py"
    text = schema.read_text().replace(f"VERSION_MINOR: Final = {VERSION_MINOR}", f"VERSION_MINOR: Final = {NEXT}")
    for name, kind in APPENDED.items():
        pattern = rf"(?ms)^({name}: Final = cs\.Struct\(.*?)(,?)\n?\)\n(?=\n)"
        text, count = re.subn(
            pattern, rf'\1,\n    "added" / Since({NEXT}, {kind}) * "of the next minor",\n)\n', text, count=1
        )
        assert count == 1, name
    bodies = f'Message(Body("Credit"), Body("Credit"), since={NEXT})'
    text = text.replace(
        "    MessageType.ERROR: Message(", f"    MessageType.NEW: {bodies},\n    MessageType.ERROR: Message("
    )
    schema.write_text(text)
    enums = protocol / "enums.py"
    text = enums.read_text()
    for kind, member in (("MessageType", "NEW = 0x16"), ("Status", "NEW = 77"), ("Section", "NEW = 66")):
        text, count = re.subn(
            rf'(class {kind}\(Coded\):\n    """.*?"""\n)',
            rf'\1\n    {member}, "of the next minor", {NEXT}',
            text,
            count=1,
        )
        assert count == 1, kind
    enums.write_text(text)


def _environment(root: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(root), "PATH": path}


def python(root: Path, *arguments: str) -> str:
    """Runs the Python of this test with the package of a checkout; returns what it prints."""
    # The finder of an editable installation comes before the path: without it the package is the one in the folder.
    start = f"import sys; sys.meta_path[:] = [f for f in sys.meta_path if not type(f).__name__.startswith('ScikitBuild')]; sys.path.insert(0, {str(root)!r}); "
    command = [sys.executable, "-c", start + _RUN, *arguments]
    done = subprocess.run(
        command, cwd=root, env=_environment(root), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_RUN: Final = (
    "import runpy; a = sys.argv[1:]; "
    "(sys.argv.__setitem__(slice(None), a[1:]), runpy.run_module(a[1], run_name='__main__', alter_sys=True)) "
    "if a[0] == '-m' else (sys.argv.__setitem__(slice(None), ['host', *a[1:]]), exec(a[0]))"
)


@pytest.mark.parametrize("host", [VERSION_MINOR, NEXT])
@pytest.mark.parametrize("device", [VERSION_MINOR, NEXT])
def test_every_pairing(newer: Path, host: int, device: int, monkeypatch: pytest.MonkeyPatch) -> None:
    board = newer / "build/ports/host/n6sim" if device == NEXT else Path(executable())
    monkeypatch.setenv("N6LINK_SIM", str(board))
    printed = python(newer if host == NEXT else ROOT, HOST, "sim:" + ",".join(REFERENCE))
    minor, protocol, *_, total = printed.split()
    assert int(minor) == host
    assert protocol.endswith(f".{min(host, device)}"), printed
    assert total == python(ROOT, HOST, "sim:" + ",".join(REFERENCE)).split()[-1]


def test_the_extension_is_one(newer: Path) -> None:
    """Both minors have one schema id, and other sizes."""
    show = (
        "from n6link.protocol import SCHEMA_ID, records; print(SCHEMA_ID, records.Infer.SIZE, records.Infer.BASE_SIZE)"
    )
    older, extended = python(ROOT, show).split(), python(newer, show).split()
    assert older[0] == extended[0]
    assert (older[1:], extended[1:]) == (["32", "32"], ["40", "32"])
