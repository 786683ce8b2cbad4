"""The pytest plugin of n6link: a virtual board whose line has faults, for tests of programs that must survive them.

::

    @pytest.mark.n6link(networks="movenet13", flip=1e-5, cut=3)
    async def test_my_program(n6link_sim):              # of pytest-asyncio, of anyio on asyncio and trio, or not async
        async with N6Device(n6link_sim.url, reconnect=30) as dev:
            ...
            n6link_sim.cut()                            # unplugged until restore(); also reset(), freeze(), set_faults()

pytest loads this module whenever it starts, so it imports n6link only when a test has asked for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from n6link.transport.rig import Rig

__all__ = ["n6link_sim"]

MARKER: Final = (
    'n6link(networks="", link="unix", **faults): options of the fixture n6link_sim. '
    "networks: as in a sim: URL; link: unix, tcp or pty; flip, drop, double, insert, burst: rate per byte; "
    "stall, cut, reset: mean seconds between two; seed"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--n6link-seed``."""
    group = parser.getgroup("n6link")
    group.addoption(
        "--n6link-seed",
        type=int,
        default=0,
        metavar="N",
        help="Seed of the faults of n6link_sim for tests whose marker does not have one; default: 0.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker ``n6link``."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def n6link_sim(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A virtual board of its own for this test, and its line; see :class:`n6link.transport.rig.Rig`.

    Its options are those of the markers ``n6link`` of the test, its class and its module, and those of an indirect parameter (a dict), which
    have priority in the opposite order. N6LINK_URL is set, so that a program that uses ``N6Device()`` without a URL gets this board.

    Raises:
        BadInput: an option is unknown or out of range.
        TransportError: the board cannot be started.
    """
    from n6link.transport import sim
    from n6link.transport.faults import Faults

    options: dict[str, Any] = {"seed": request.config.getoption("--n6link-seed")}
    for marker in reversed(list(request.node.iter_markers("n6link"))):
        if marker.args:
            raise pytest.UsageError(
                f"the marker n6link has the value {marker.args[0]!r} without a name; use NAME=VALUE"
            )
        options.update(marker.kwargs)
    options.update(getattr(request, "param", {}))
    networks, link = options.pop("networks", ""), options.pop("link", "unix")
    networks = networks if isinstance(networks, str) else ",".join(networks)
    faults = Faults.of(options)
    with sim.rig(networks, link=link, faults=faults) as rig:
        request.node.add_report_section(
            "call", "n6link_sim", f"sim:{networks} on {rig.url}, faults: {faults or 'none'}"
        )
        monkeypatch.setenv("N6LINK_URL", rig.url)
        yield rig
