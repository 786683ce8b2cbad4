"""The pytest plugin, as another project uses it: its fixture in blocking and async tests, its marker, and what pytest loads at its start."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest
from e2e_fixtures import executable

pytest_plugins: Final = ["pytester"]

HEAD: Final = """
import os, pytest
import numpy as np
from n6link import N6Device, blocking
from contextlib import aclosing
from n6link.errors import DeviceRebooted, N6Error
from n6link.session.state import State

def zeros(net):
    return {name: np.zeros(spec.shape, spec.dtype) for name, spec in net.inputs.items()}
"""


def run(pytester: pytest.Pytester, body: str, *options: str) -> pytest.RunResult:
    """Runs pytest on a module, in this process; no plugin has a configuration."""
    executable()
    pytester.makepyfile(HEAD + body)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester.runpytest_inprocess("-q", "--strict-markers", "-p", "no:cacheprovider", *options)


def test_a_blocking_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
pytestmark = pytest.mark.n6link(networks="reference:")

@pytest.mark.parametrize("n6link_sim", [{"link": "unix"}, {"link": "tcp"}, {"link": "pty"}], indirect=True)
def test_it(n6link_sim):
    with blocking.N6Device(reconnect=60) as dev:        # N6LINK_URL
        assert dev.url == n6link_sim.url
        n6link_sim.cut()
        n6link_sim.restore()
        dev["reference"].run(zeros(dev["reference"]))
        boot = dev.info.boot_nonce
        n6link_sim.reset()
        while dev.info.boot_nonce == boot:
            try:
                dev.ping()
            except DeviceRebooted:
                pass

def test_two_at_once_are_not_one(n6link_sim):
    with blocking.N6Device(n6link_sim.url) as dev, blocking.N6Device("sim:reference:") as other:
        assert dev.info.boot_nonce != other.info.boot_nonce
        n6link_sim.freeze()

def test_it_ends():
    assert "N6LINK_URL" not in os.environ
""",
    )
    result.assert_outcomes(passed=5)


def test_async_tests(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
pytestmark = pytest.mark.n6link(networks=["reference:", "other=reference:"], cut=0.3)

async def opened(url):
    while True:
        try:
            return await N6Device(url, reconnect=60).open()
        except N6Error:
            pass  # the line was cut before the device was open, on a slow computer

async def survives(n6link_sim):
    async with aclosing(await opened(n6link_sim.url)) as dev:
        assert list(dev.networks) == ["reference", "other"]
        while not dev.health.returns:
            await dev["other"].run(zeros(dev["other"]))
        assert dev.health.reboots == 0
        assert {fault.kind for fault in n6link_sim.fired} == {"cut"}

@pytest.mark.asyncio
async def test_pytest_asyncio(n6link_sim):
    await survives(n6link_sim)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_anyio(anyio_backend, n6link_sim):
    await survives(n6link_sim)
""",
    )
    result.assert_outcomes(passed=3)


def test_markers_and_the_seed(pytester: pytest.Pytester) -> None:
    """The one next to the test wins; a failing test shows what its line was."""
    result = run(
        pytester,
        """
@pytest.mark.n6link(networks="reference:", flip=1e-6, seed=5)
class Test:
    @pytest.mark.n6link(flip=1e-5, link="tcp")
    def test_near(self, n6link_sim):
        assert False

    @pytest.mark.parametrize("n6link_sim", [{"flip": 0.0, "stall": 9.0}], indirect=True)
    def test_nearest(self, n6link_sim):
        assert False

@pytest.mark.n6link(networks="reference:", drop=1e-6)
def test_seed(n6link_sim):
    assert False

@pytest.mark.n6link(networks="reference:")
def test_none(n6link_sim):
    assert False
""",
        "--n6link-seed=77",
    )
    result.assert_outcomes(failed=4)
    result.stdout.re_match_lines(
        [
            r"sim:reference: on tcp:127\.0\.0\.1:\d+, faults: flip=1e-05&seed=5",
            r"sim:reference: on unix:.*, faults: stall=9&seed=5",
            r".*faults: drop=1e-06&seed=77",
            r".*faults: none",
        ]
    )


def test_wrong_options(pytester: pytest.Pytester) -> None:
    says = {
        "flop=1": "*BadInput: unknown fault 'flop'; choose flip, drop, *, seed",
        "flip=3": "*BadInput: flip=3 must be a rate per byte from 0 to 0.1",
        "link='usb'": "*BadInput: link='usb' is unknown; choose unix, tcp, pty",
        "networks='nothing.tflite'": "*TransportError: *'nothing.tflite', which does not exist*",
        "1e-5": "*the marker n6link has the value 1e-05 without a name; use NAME=VALUE",
    }
    tests = (
        f"@pytest.mark.n6link({marker})\ndef test_{number}(n6link_sim):\n    pass\n"
        for number, marker in enumerate(says)
    )
    result = run(pytester, "\n".join(tests))
    result.assert_outcomes(errors=len(says))
    result.stdout.fnmatch_lines(list(says.values()))


def test_the_marker_and_the_option_are_documented(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.n6link(networks=*"])


def test_pytest_loads_nothing_else_when_it_starts_and_the_package_does_not_load_pytest() -> None:
    script = (
        "import pytest, sys; before = set(sys.modules); import pytest_n6link; "
        "print({name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'pytest_n6link'}"
    script = "import n6link.blocking, n6link.transport.sim, sys; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
