"""What runs on the page, with a pretended device: errors that disappear, networks that change, texts that are classified."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import anyio
import numpy as np
import pytest

from n6link.decoders.classification import Classification
from n6link.device import N6Device
from n6link.epochs.timers import STAGES
from n6link.errors import CardError, DeviceError, NetworkChanged
from n6link.protocol import Status
from n6link.view import show as show_
from n6link.view.audience import Audience, Viewer
from n6link.view.show import Prompt, Show

GREY = np.full((8, 8, 3), 128, np.uint8)
PATIENCE = 60


@dataclass
class Pretended:
    """A network whose runs fail as listed, and then go on without end."""

    name: str
    task: str
    failures: list[Exception] = field(default_factory=list)
    replaced: bool | None = None
    runs: int = 0

    @property
    def card(self) -> object:
        return SimpleNamespace(task=self.task) if self.task else None

    async def run(self, picture: object, **_: object) -> object:
        self.runs += 1
        if self.failures:
            raise self.failures.pop(0)
        await anyio.sleep_forever()
        raise AssertionError

    async def classify(self, text: str) -> Classification:
        self.runs += 1
        return Classification("good", 0.75, {"bad": 0.25, "good": 0.75})


@dataclass
class Answering(Pretended):
    """A network with so many results."""

    answers: int = 0

    async def run(self, picture: object, **_: object) -> object:
        if not self.answers:
            await anyio.sleep_forever()
        self.answers -= 1
        return SimpleNamespace(timing=SimpleNamespace(stages=lambda: [(name, 0.0) for name in STAGES]))


class Device:
    """The networks of a board."""

    def __init__(self, *networks: Pretended) -> None:
        self.networks = {network.name: network for network in networks}

    def __getitem__(self, name: str) -> Pretended:
        return self.networks[name]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show_, "PAUSE", 0.0)


@asynccontextmanager
async def running(device: Device) -> AsyncIterator[tuple[Show, Viewer]]:
    """A show on a device, and its only viewer."""
    audience = Audience()
    with audience.join() as viewer:
        show = Show(audience, None, selected=lambda name: None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(show.work, cast("N6Device", device))
            yield show, viewer
            tasks.cancel_scope.cancel()


async def until(viewer: Viewer, topic: str, condition: Callable[[Mapping[str, Any]], object]) -> Mapping[str, Any]:
    with anyio.fail_after(PATIENCE):
        while True:
            for message in await viewer.news():
                news = json.loads(message)
                if news["topic"] == topic and condition(news):
                    return cast("Mapping[str, Any]", news)


async def so(condition: Callable[[], object]) -> None:
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await anyio.sleep(0.001)


async def test_a_text_is_classified() -> None:
    network = Pretended("sentiment", "text-classification")
    async with running(Device(network)) as (show, viewer):
        shown = await until(viewer, "show", lambda news: news["network"])
        assert shown["example"] == "A quiet, lovely film."
        show.write(Prompt("fine"))
        text = await until(viewer, "text", lambda news: news["done"] and news["text"])
        assert (text["text"], text["prompt"]) == ("good, 75.0 %", "fine")
        assert text["items"] == [["good", "75.0 %", 0.75], ["bad", "25.0 %", 0.25]]


async def test_an_error_that_may_disappear_is_tried_again() -> None:
    fault = DeviceError("the NPU has a fault", Status.NPU_FAULT)
    network = Pretended("pose", "pose-heatmap", [fault, fault])
    async with running(Device(network)) as (show, viewer):
        show.look_at(GREY, "grey")
        await until(viewer, "show", lambda news: news["problem"] == "the NPU has a fault")
        await so(lambda: network.runs == 3)


async def test_another_error_waits_for_another_choice() -> None:
    network, other = Pretended("pose", "", [CardError("no card")]), Pretended("other", "pose-heatmap")
    async with running(Device(network, other)) as (show, viewer):
        show.look_at(GREY, "grey")
        await until(viewer, "show", lambda news: news["problem"] == "no card")
        show.choose("other")
        await until(viewer, "show", lambda news: news["network"] == "other" and not news["problem"])
        await so(lambda: other.runs == 1)
        assert network.runs == 1
        show.again()
        await so(lambda: other.runs == 2)


async def test_a_scene_that_is_ready_when_another_choice_is_made_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Answering("pose", "pose-heatmap")
    async with running(Device(network)) as (show, viewer):
        first = await until(viewer, "show", lambda news: news["network"])

        async def at_once(*_: object, **__: object) -> bytes:
            monkeypatch.undo()
            show.choose("pose")  # at the moment at which the scene is ready
            return json.dumps({"topic": "scene", "of": "the first choice"}).encode()

        monkeypatch.setattr("anyio.to_thread.run_sync", at_once)
        network.answers = 1
        show.look_at(GREY, "grey")
        topics = set[str]()
        second = first
        while second["choice"] < first["choice"] + 2:
            for news in map(json.loads, await viewer.news()):
                topics.add(news["topic"])
                second = news if news["topic"] == "show" else second
        assert "scene" not in topics


async def test_a_network_that_was_replaced_is_taken_again_and_one_that_is_missing_is_left() -> None:
    changed = NetworkChanged("another network")
    first, last = Pretended("pose", "pose-heatmap", [changed], replaced=True), Pretended("last", "pose-heatmap")
    device = Device(first, last)
    async with running(device) as (show, viewer):
        await until(viewer, "show", lambda news: news["network"] == "pose")
        device.networks = {"last": last}
        show.look_at(GREY, "grey")
        shown = await until(viewer, "show", lambda news: news["network"] == "last")
        assert [network["name"] for network in shown["networks"]] == ["last"]
        await so(lambda: last.runs == 1)
    replaced = Pretended("pose", "pose-heatmap", [changed], replaced=True)
    fresh = Pretended("pose", "pose-heatmap")
    device = Device(replaced)
    async with running(device) as (show, viewer):
        await until(viewer, "show", lambda news: news["network"] == "pose")
        show.look_at(GREY, "grey")
        await until(viewer, "show", lambda news: news["problem"] == "another network")
        device.networks = {"pose": fresh}
        await so(lambda: fresh.runs == 1)
