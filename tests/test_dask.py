"""Boards of several workers of Dask: a real scheduler and workers on the loopback interface, one of which is killed."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e_fixtures import sim_url
from farm import Farm, farm, heatmaps
from test_cli import POSE, bad, data
from test_evaluation import one_person

from n6link import BadInput, DeviceError, NoDeviceError, TransportError, UnknownName, blocking
from n6link.protocol import Status

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")

import n6link.dask

COUNT = 240


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """A farm with two workers without boards."""
    sim_url()
    with farm(tmp_path_factory.mktemp("farm")) as made:
        made.worker()
        made.worker()
        yield made


@pytest.fixture
def client(two: Farm) -> Iterator[Any]:
    with distributed.Client(two.address, set_as_default=False) as client:
        client.wait_for_workers(len(two.workers), timeout=60)
        yield client


def pictures(count: int = COUNT) -> list[Any]:
    random = np.random.default_rng(6)
    return [random.integers(0, 256, (48, 48, 3), np.uint8) for _ in range(count)]


class Unreadable:
    """A function that other processes cannot read."""

    def __call__(self, result: Any) -> None: ...

    def __reduce__(self) -> Any:
        return int, ("nothing",)


def expected(given: list[Any]) -> list[bytes]:
    with blocking.N6Device(sim_url()) as device:
        net = device["reference"]
        return [heatmaps(net.run(each)) for each in given]


def test_results_are_those_of_one_board_and_a_worker_that_is_killed_loses_nothing(two: Farm, client: Any) -> None:
    given = pictures()
    client.register_plugin(n6link.dask.Boards([sim_url()] * 2))
    assert n6link.dask.offered(client) == 6  # two workers, each with inputs for two boards that wait for their checks
    described = n6link.dask.describe(client, "reference")
    assert described.name == "reference" and described.simulated and described.card and not described.card_problem
    with pytest.raises(UnknownName, match="do not have a network 'nothing'"):
        next(n6link.dask.map(client, "nothing", given))

    read = []

    def source() -> Iterator[Any]:
        for number, each in enumerate(given):
            read.append(number)
            yield each

    wrong = n6link.dask.map(client, "reference", [given[0], "no such file.png", given[1]], each=heatmaps)
    assert next(wrong) == expected(given[:1])[0]
    with pytest.raises(BadInput, match="no such file") as error:
        next(wrong)
    assert error.value.__notes__ == ["input 1 of the map"]
    with pytest.raises(BadInput, match="the workers cannot read the function or an input"):
        next(n6link.dask.map(client, "reference", given, each=Unreadable()))
    victim = two.workers.pop()
    found: list[bytes] = []
    for each in n6link.dask.map(client, "reference", source(), each=heatmaps, reduce=False):
        found.append(each)
        if len(found) == 20:
            assert len(read) < COUNT  # the source waits
            victim.kill()
            victim.wait()
    assert found == expected(given)
    poses = list(n6link.dask.map(client, "reference", given[:3]))
    assert [len(each) for each in poses] == [1, 1, 1]
    client.unregister_worker_plugin(n6link.dask.Boards.name)
    with pytest.raises(NoDeviceError, match=r"no worker of tcp://.* has had boards for 0\.2 s; start workers"):
        next(n6link.dask.map(client, "reference", given, patience=0.2))


def test_evaluate_has_the_figures_of_one_board(two: Farm, client: Any, tmp_path: Path) -> None:
    path = one_person(tmp_path)
    words = ["evaluate", "movenet13", "--data", str(path), "--url", POSE]
    one, all_ = data(*words), data(*words, "--scheduler", two.address)
    assert one.pop("latency_s") and all_.pop("latency_s")
    assert one == all_


def test_a_scheduler_that_is_lost_is_one_error(tmp_path: Path) -> None:
    with farm(tmp_path) as made:
        made.worker("--preload", "n6link.dask", N6LINK_URL="sim:reference=reference:reference")
        with distributed.Client(made.address, set_as_default=False, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
            while not n6link.dask.offered(client):
                time.sleep(0.05)
            results = n6link.dask.map(client, "reference", pictures(), each=heatmaps)
            next(results)
            made.scheduler.kill()
            made.scheduler.wait()
            with pytest.raises(TransportError, match=r"the scheduler tcp://.* was lost; start it again"):
                list(results)
            with pytest.raises(TransportError, match="was lost"):
                n6link.dask.offered(client)
        made.workers[0].wait(30)  # it ends with its scheduler, and closes its boards


def test_wrong_use() -> None:
    address = "tcp://127.0.0.1:1"
    assert f"the scheduler '{address}' does not answer" in bad(
        1, "evaluate", "movenet13", "--data", ".", "--scheduler", address, "--timeout", "0.2"
    )


def test_errors_and_boards_go_to_other_processes() -> None:
    error = pickle.loads(pickle.dumps(DeviceError("refused", Status.BUSY, 3)))
    assert (str(error), error.status, error.value) == ("refused", Status.BUSY, 3)
    plugin = pickle.loads(pickle.dumps(n6link.dask.Boards(["sim:"], timeout=2.0)))
    assert plugin.name == "n6link"
