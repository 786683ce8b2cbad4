"""Runs the chosen network on the chosen picture, source or text, and publishes what it sees.

One thing runs at a time. A command of a viewer changes the choice, cancels what runs, and begins again with the new choice. While the
board is away, nothing runs; when it is connected again, the present choice begins again. A live source is open only while somebody
looks.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio
import anyio.lowlevel
import anyio.to_thread

from n6link.console import counted
from n6link.control.source import Source
from n6link.decoders.classification import Classification
from n6link.device import N6Device
from n6link.errors import (
    BadInput,
    DeviceError,
    DeviceRebooted,
    N6Error,
    N6Timeout,
    NetworkChanged,
    TransportError,
    UnknownName,
)
from n6link.json_types import Json
from n6link.network import Network
from n6link.result import Result
from n6link.tensors.image import Pixels
from n6link.view.audience import Audience
from n6link.view.hearing import Hearing, Sound
from n6link.view.live import Live
from n6link.view.scene import Budget, described, scene

PAUSE: Final = 1.0
"""seconds until an attempt is repeated after an error that may disappear"""
MOMENT: Final = 0.25
"""seconds between two messages with the times of a live source"""
MOST_TOKENS: Final = 400
LONGEST_PROMPT: Final = 4000
"""characters"""
TRANSIENT: Final = (DeviceError, DeviceRebooted, N6Timeout, NetworkChanged, TransportError)
"""errors that may disappear"""
GENERATION, CLASSIFICATION, HEARING = "text-generation", "text-classification", "audio-classification"
EXAMPLES: Final = {GENERATION: "Mr. Darcy was", CLASSIFICATION: "A quiet, lovely film."}


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that a viewer has chosen."""

    picture: Pixels
    title: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text for a network."""

    text: str
    tokens: int = 60
    temperature: float = 0.8


class Show:
    """What runs, and what viewers may change.

    Args:
        audience: receives the topics ``show``, ``scene``, ``budget`` and ``text``.
        live: the source of pictures; None = there is only what viewers choose.
        network: name of the network at the start; None = the first one.
        selected: called with the name of the network when it is chosen.
    """

    def __init__(
        self, audience: Audience, live: Live | None, *, network: str | None = None, selected: Callable[[str], None]
    ) -> None:
        self._audience = audience
        self._live = live
        self._source: Live | Still | None = live
        self._sound: Sound | None = None
        self._prompt: Prompt | None = None
        self._choice = 0
        """a number that is another one after each choice of a viewer"""
        self._name = network
        self._names: tuple[str, ...] = ()
        self._selected = selected
        self._tasks: dict[str, str] = {}
        self._job: anyio.CancelScope | None = None
        self._problem = ""
        self._told = -MOMENT

    # ---- commands of viewers

    def choose(self, name: str) -> None:
        """Selects a network.

        Raises:
            UnknownName: the board does not have it.
        """
        if name not in self._names:
            raise UnknownName(f"the board does not have a network {name!r}; choose {', '.join(self._names) or 'later'}")
        self._name, self._prompt = name, None
        self._begin(another=True)

    def watch(self) -> None:
        """Goes back to the live source.

        Raises:
            BadInput: there is none.
        """
        if self._live is None:
            raise BadInput(
                "there is not a live source; start n6link view with --camera or --video, or choose a picture"
            )
        self._source = self._live
        self._begin(another=True)

    @property
    def _hears(self) -> bool:
        """Whether the chosen network is for sounds."""
        return self._tasks.get(self._name or "") == HEARING

    def look_at(self, picture: Pixels, title: str) -> None:
        """Shows a picture.

        Raises:
            BadInput: the chosen network is for sounds.
        """
        if self._hears:
            raise BadInput(f"network {self._name!r} hears sounds; choose a sound, or another network")
        self._source = Still(picture, title)
        self._begin(another=True)

    def listen_to(self, sound: Sound) -> None:
        """Lets a network hear a sound.

        Raises:
            BadInput: the chosen network is for something else.
        """
        if self._name is not None and not self._hears:
            raise BadInput(f"network {self._name!r} does not hear sounds; choose another network first")
        self._sound = sound
        self._begin(another=True)

    def write(self, prompt: Prompt) -> None:
        """Runs a network for text.

        Raises:
            BadInput: the text is empty or too long, or a figure is out of range.
        """
        if not prompt.text.strip():
            raise BadInput("the text is empty; write a few words")
        if len(prompt.text) > LONGEST_PROMPT:
            raise BadInput(f"the text has {len(prompt.text)} characters; use at most {LONGEST_PROMPT}")
        if not 1 <= prompt.tokens <= MOST_TOKENS:
            raise BadInput(f"{prompt.tokens} tokens are out of range; use 1 to {MOST_TOKENS}")
        if not 0 <= prompt.temperature <= 5:
            raise BadInput(f"temperature {prompt.temperature:g} is out of range; use 0 to 5")
        self._prompt = prompt
        self._begin()

    def again(self) -> None:
        """Runs the same once more."""
        self._begin()

    def stop(self) -> None:
        """Ends the text that is being generated."""
        self._prompt = None
        self._begin()

    def _begin(self, *, another: bool = False) -> None:
        if another:
            self._choice += 1
            self._audience.withdraw("scene", "budget")  # those of what ran before
        self._problem = ""
        if self._job:
            self._job.cancel()

    # ---- what runs

    async def work(self, device: N6Device) -> None:
        """Runs the present choice on a device, until it is cancelled."""
        while True:
            self._names = tuple(device.networks)
            self._tasks = {name: network.card.task if network.card else "" for name, network in device.networks.items()}
            if self._name not in self._names:
                self._name = next(iter(self._names), None)
            if self._name is not None:
                self._selected(self._name)
            with anyio.CancelScope() as self._job:
                self._tell()
                if self._name is not None:
                    await self._attempt(device[self._name])
                await anyio.sleep_forever()

    async def _attempt(self, network: Network) -> None:
        while True:
            try:
                await self._perform(network)
            except N6Error as error:
                self._problem = str(error)
                self._tell()
                if not isinstance(error, TRANSIENT):
                    return
            else:
                return
            await anyio.sleep(PAUSE)
            if network.replaced is not None and self._job:
                self._job.cancel()  # the board came back with another network: begin again with it

    async def _perform(self, network: Network) -> None:
        task = self._tasks[network.name]
        if task == GENERATION:
            await self._generate(network)
        elif task == CLASSIFICATION:
            await self._classify(network)
        elif task == HEARING:
            if self._sound:
                await self._hear(network, self._sound)
        elif isinstance(self._source, Still):
            result = await network.run(self._source.picture, timers=False, rerun=True)
            await self._show(result, self._source.picture, Budget())
        elif self._source:
            await self._follow(network, self._source)

    async def _follow(self, network: Network, live: Live) -> None:
        """Runs a network on a live source for as long as somebody looks."""
        while True:
            await self._audience.attended()
            sent: deque[tuple[int, Pixels]] = deque()
            budget = Budget()
            async with network.stream(_remembered(live, sent), policy=live.policy) as results:
                async for result in results:
                    assert result.frame
                    number, picture = sent.popleft()
                    while number < result.frame.sequence:  # pictures that were replaced by newer ones
                        number, picture = sent.popleft()
                    await self._show(result, picture, budget)
                    if not len(self._audience):
                        break
                else:
                    raise BadInput(f"{live.title} has ended; start n6link view again, or choose a picture")

    async def _hear(self, network: Network, sound: Sound) -> None:
        """Runs a network on each window of a sound; the answer that is most certain stays."""
        heard = await anyio.to_thread.run_sync(partial(Hearing.of, network.info, sound), abandon_on_cancel=True)
        best, certain, budget = 0, -1.0, Budget()
        several = len(heard.windows) > 1

        async def show(number: int) -> float:
            result = await network.run(heard.value(number), timers=False, rerun=True)
            where = f", at {number * heard.seconds:.1f} s" if several else ""
            await self._show(result, heard.picture(number), budget, where)
            meaning = result.decode()
            return meaning.probability if isinstance(meaning, Classification) else 0.0

        for number in range(len(heard.windows)):
            if (probability := await show(number)) > certain:
                best, certain = number, probability
        if best != len(heard.windows) - 1:
            await show(best)

    async def _show(self, result: Result, picture: Pixels, budget: Budget, where: str = "") -> None:
        message = await anyio.to_thread.run_sync(partial(scene, result, picture, where), abandon_on_cancel=True)
        # On asyncio, anyio cancels only tasks whose wait is not over yet: a scene that is ready when a viewer makes another choice
        # would be taken for the first one of that choice.
        await anyio.lowlevel.checkpoint_if_cancelled()
        self._audience.publish("scene", message)
        self._worked(budget, result)

    async def _generate(self, network: Network) -> None:
        prompt = self._prompt
        if prompt is None:
            self._tell_text({"text": "", "done": True})
            return
        pieces = network.generate(prompt.text, max_tokens=prompt.tokens, temperature=prompt.temperature, top_k=20)
        text, budget = "", Budget()
        self._tell_text({"prompt": prompt.text, "text": "", "done": False})
        async for piece in pieces:
            text += piece.text
            self._tell_text(
                {"prompt": prompt.text, "text": text, "done": False, "note": counted(len(pieces.tokens), "token")}
            )
            self._worked(budget, piece.result)
        note = counted(len(pieces.tokens), "token")
        self._tell_text({"prompt": prompt.text, "text": text, "done": True, "note": note})

    async def _classify(self, network: Network) -> None:
        prompt = self._prompt
        if prompt is None:
            self._tell_text({"text": "", "done": True})
            return
        summary, items = described(await network.classify(prompt.text))
        self._tell_text({"prompt": prompt.text, "text": summary, "items": items, "done": True})

    # ---- messages

    def _worked(self, budget: Budget, result: Result) -> None:
        if self._problem:
            self._problem = ""
            self._tell()
        now = time.monotonic()
        message = budget.add(result.timing, now)
        if now - self._told >= MOMENT or message["results"] == 1:
            self._told = now
            self._publish("budget", message)

    def _tell_text(self, state: Mapping[str, Json]) -> None:
        self._publish("text", {"topic": "text", **state})

    def _tell(self) -> None:
        source = self._sound if self._hears else self._source
        self._publish(
            "show",
            {
                "topic": "show",
                "networks": [{"name": name, "task": self._tasks[name]} for name in self._names],
                "network": self._name,
                "task": self._tasks.get(self._name or "", ""),
                "choice": self._choice,
                "hears": self._hears,
                "source": "none" if source is None else "live" if isinstance(source, Live) else "still",
                "title": source.title if source else "",
                "live": self._live is not None and not self._hears,
                "example": EXAMPLES.get(self._tasks.get(self._name or "", ""), ""),
                "problem": self._problem,
            },
        )

    def _publish(self, topic: str, message: Mapping[str, Json]) -> None:
        self._audience.publish(topic, json.dumps(message, ensure_ascii=False))


def _remembered(live: Live, sent: deque[tuple[int, Pixels]]) -> Source:
    """The pictures of a source; each is also stored with its number in the stream. It is read in a thread, which a deque permits."""

    def frames() -> Generator[Pixels]:
        for number, picture in enumerate(live.open()):
            sent.append((number, picture))
            yield picture

    return frames()
