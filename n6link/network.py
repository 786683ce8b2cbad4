"""A network that a device has loaded: what it takes, what it gives, and how to run it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial

import anyio
import anyio.to_thread

from n6link import ambient, decoders
from n6link.control import profiling
from n6link.control.source import Source
from n6link.control.stream import Policy, Stream
from n6link.decoders.logits import Classification
from n6link.epochs.pools import Pool
from n6link.epochs.profile import Profile
from n6link.epochs.timers import EpochTable
from n6link.errors import BadInput, CardError, N6Timeout, UnknownName
from n6link.protocol import Limit, TimerSource
from n6link.protocol.records import Return
from n6link.result import Result, Timing, check_returns
from n6link.session.connection import Connection
from n6link.session.inference import Job, Outcome
from n6link.session.info import NetworkInfo
from n6link.tensors import reduce
from n6link.tensors.card import Card
from n6link.tensors.inputs import Data, Inputs
from n6link.tensors.tensor import Array, TensorSpec
from n6link.text.generation import TextStream
from n6link.text.tokens import Generation, Sampling, TextClassifier, TextGenerator


class Network:
    """One network of a device. Made by :class:`n6link.N6Device`.

    Attributes:
        info: all that its device says of it, as it was at connecting.
        newest: the last result that was delivered; None before the first.
    """

    def __init__(self, connection: Connection, info: NetworkInfo) -> None:
        self.info = info
        self.newest: Result | None = None
        self._connection = connection
        self._inputs = Inputs(info.name, info.inputs, info.input_bytes, info.card, info.card_problem)

    @property
    def name(self) -> str:
        """As its firmware calls it."""
        return self.info.name

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """Tensors by name, in order."""
        return self.info.inputs

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """Tensors by name, in order."""
        return self.info.outputs

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Memory that it uses."""
        return self.info.pools

    @property
    def epochs(self) -> EpochTable:
        """Its epoch blocks."""
        return self.info.epochs

    @property
    def card(self) -> Card | None:
        """What its tensors mean; None = nobody said, or in a way that cannot be used."""
        return self.info.card

    @property
    def card_problem(self) -> str:
        """What is wrong with the card that the firmware reports; empty = nothing.

        The network can be run all the same; what needs a card (pictures, decoding, texts) fails with this sentence.
        """
        return self.info.card_problem

    def __repr__(self) -> str:
        return f"<Network {self.name}: {', '.join(map(_shape, self.inputs.values()))} -> {len(self.outputs)} outputs>"

    async def run(
        self,
        data: Data,
        *,
        outputs: Sequence[str] | None = None,
        reduce: bool | Sequence[Return] | None = None,
        timers: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109
        deadline: float | None = None,
        priority: int = 0,
        captured: float | None = None,
        options: Mapping[str, object] | None = None,
        computed: Callable[[], None] | None = None,
    ) -> Result:
        """Runs the network once.

        Several calls may run at once, on one network or on several; the next input travels while this one computes. A
        call that is cancelled, or fails, leaves the device usable at once.

        Args:
            data: a picture (uint8 array (h, w, 3) or (h, w), Pillow image, or path of a file), or an array of the
                input's shape with raw values or floats; for a network with several inputs a dict of these by name.
            outputs: names of the outputs to return; None = all of them.
            reduce: whether the device sends only what the network's decoder needs. None = if the link is slow and the
                decoder gives the same from it; or requests of your own, see :mod:`n6link.tensors.reduce`.
            timers: return the times of the epoch blocks.
            timeout: seconds that all of it may take. None = as long as something moves, see ``N6Device``.
            deadline: the same as a moment of ``time.monotonic()``; the device drops work whose time has passed.
            priority: 0..255; a larger one overtakes smaller ones at every queue.
            captured: ``time.monotonic()`` at which the data came to be; None = now.
            options: those that :meth:`Result.decode` will be given, so that the right things are reduced.
            computed: called when the device has computed the result, before that has travelled.

        Raises:
            BadInput: data that do not fit, or an argument out of range.
            UnknownName: an input or output that the network has not.
            CardError: data are a picture, or reduce is True, and the network's card cannot be used or does not fit it.
            N6Timeout: the time has passed, or nothing moved.
            DeviceError: the device refused, or its runtime failed.
            TransportError: the device has gone.
        """
        begun = ambient.monotonic()
        captured = begun if captured is None else captured
        if not 0 <= priority <= 255:
            raise BadInput(f"priority={priority} is out of range; give 0 to 255")
        if deadline is not None and math.isnan(deadline):
            raise BadInput(f"deadline={deadline} is no moment; give one of time.monotonic(), or None")
        if timeout is not None:
            if timeout <= 0:
                raise BadInput(f"timeout={timeout} leaves no time; give seconds above 0, or None")
            deadline = min(begun + timeout, math.inf if deadline is None else deadline)
        if deadline is not None and deadline <= begun:
            raise N6Timeout(f"{self.name} was not run: its deadline had passed {begun - deadline:g} s before")
        auto = reduce is None or reduce is True
        returns = self._returns(outputs, reduce, options or {})
        picture, placement = await self._inputs.prepare(data)
        prepared = ambient.monotonic()
        while True:
            job = Job(
                network=self.info.index,
                image=picture,
                returns=b"".join(wanted.pack() for wanted in returns or ()),
                timers=timers and self.info.timer_source is not TimerSource.NONE,
                priority=priority,
                deadline=deadline,
                computed=computed,
            )
            outcome = await self._run(job, timeout, begun)
            timing = partial(Timing.of, outcome, self._connection.clock, captured=begun, prepared=prepared)
            wanted = returns or [Return(index) for index in range(len(self.outputs))]
            result = Result(self.info, outcome, wanted, timing=timing, placement=placement, captured=captured)
            if not (auto and result.reduced) or decoders.for_network(self.info).complete(result):
                break
            returns = None
        if self.newest is None or result.captured >= self.newest.captured:
            self.newest = result
        return result

    def stream(
        self,
        source: Source | None = None,
        *,
        depth: int = 2,
        policy: Policy = "latest",
        max_age: float | None = None,
        timers: bool = False,
        reduce: bool | Sequence[Return] | None = None,
        priority: int = 0,
        options: Mapping[str, object] | None = None,
    ) -> Stream:
        """Runs the network on frame after frame, the stages overlapped; see :mod:`n6link.control.stream`.

        Args:
            source: gives frames, as :meth:`run` takes them; a plain iterable is asked in a thread, so it may block; a
                generator is closed in the end. None = frames are given with :meth:`Stream.put`.
            depth: frames that hold an input slot of the device at once; never more than it has.
            policy: what happens when the source or the consumer is too fast: ``"latest"``, ``"drop-new"`` or ``"all"``.
            max_age: seconds after its capture at which a frame is dropped wherever it is; None = never.
            timers: return the times of the epoch blocks.
            reduce: as in :meth:`run`.
            priority: as in :meth:`run`.
            options: as in :meth:`run`.

        Raises:
            BadInput: an argument that cannot be used.
        """
        run = partial(self.run, timers=timers, reduce=reduce, priority=priority, options=options)
        depth = min(depth, self._connection.info.slots)
        return Stream(run, source, depth=depth, policy=policy, max_age=max_age)

    def generate(
        self,
        prompt: str,
        *,
        max_tokens: int = 50,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int | None = None,
        stop: Sequence[str] = (),
        reduce: bool | None = None,
        timers: bool = False,
        timeout: float | None = None,
        priority: int = 0,
    ) -> TextStream:
        """Continues a text, token by token; see :mod:`n6link.text.generation`.

        ::

            async for piece in net.generate("Mr. Darcy", temperature=0.8, top_k=20):
                print(piece.text, end="", flush=True)

        Args:
            prompt: what is continued. The network reads its last tokens, as many as its window holds.
            max_tokens: tokens that are generated at most, a stop token included.
            temperature: 0 always takes the best token (of equal ones the lowest id); higher draws more freely.
            top_k: draw among the best k only; None = among all.
            seed: makes the draws repeatable; None = another text each time.
            stop: tokens that end the text, with those of the card; they are not part of it.
            reduce: whether the device sends only the best few logits, where k is at most 64. None = if the link is slow.
            timers: return the times of the epoch blocks.
            timeout: seconds that each token may take, as in :meth:`run`.
            priority: as in :meth:`run`.

        Raises:
            BadInput: an option out of range.

        Raises, at the first token:
            BadInput: a prompt without tokens, or a stop token that is none.
            CardError: the network's card does not tell how to generate text, or does not fit the network.
        """
        sampling = Sampling(max_tokens, temperature, top_k, seed, stop)

        def start() -> Generation:
            return self.text_generator.start(prompt, sampling)

        run = partial(self.run, timers=timers, timeout=timeout, priority=priority)
        return TextStream(start, run, reduced=self._connection.info.slow if reduce is None else reduce)

    async def classify(
        self,
        text: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        priority: int = 0,
    ) -> Classification:
        """What a text is: the best label, and the probabilities of all.

        Args:
            text: what does not fit the network's window is cut off at its end.
            timeout: as in :meth:`run`.
            priority: as in :meth:`run`.

        Raises:
            BadInput: no str.
            CardError: the network's card does not tell how to classify text, or does not fit the network.
            N6Error: as :meth:`run`.
        """
        classifier = await anyio.to_thread.run_sync(lambda: self.text_classifier, abandon_on_cancel=True)
        result = await self.run(classifier.inputs(text), reduce=False, timers=False, timeout=timeout, priority=priority)
        return result.classification()

    @cached_property
    def text_generator(self) -> TextGenerator:
        """Tokenizer and embedding that the card names; read when first asked for."""
        return TextGenerator(self.info)

    @cached_property
    def text_classifier(self) -> TextClassifier:
        """Tokenizer that the card names; read when first asked for."""
        return TextClassifier(self.info)

    async def profile(self, *, inputs: Mapping[str, Array] | None = None, runs: int = 20, warmup: int = 3) -> Profile:
        """Runs the network several times and sums up its epoch timers; see :func:`n6link.control.profiling.collect`."""
        return await profiling.collect(self.run, self.inputs, inputs=inputs, runs=runs, warmup=warmup)

    # ---- inside

    async def _run(self, job: Job, seconds: float | None, begun: float) -> Outcome:
        if job.deadline is None:
            return await self._connection.infer(job)
        with anyio.CancelScope(deadline=anyio.current_time() + job.deadline - ambient.monotonic()):
            outcome = await self._connection.infer(job)
            if outcome.received <= job.deadline:
                return outcome
        limit = job.deadline - begun if seconds is None else seconds
        raise N6Timeout(f"{self.name} gave no result within {limit:g} s")

    def _returns(
        self, outputs: Sequence[str] | None, wanted: bool | Sequence[Return] | None, options: Mapping[str, object]
    ) -> list[Return] | None:
        """What to ask for; None = all outputs, whole."""
        if isinstance(wanted, Sequence):
            if outputs is not None:
                raise BadInput("outputs= and a list of reductions exclude each other: reduce=[reduce.whole(0), ...]")
            if not 1 <= len(wanted) <= Limit.MAX_RETURNS:
                raise BadInput(f"{len(wanted)} reductions are asked for; a device takes 1 to {Limit.MAX_RETURNS}")
            check_returns(wanted, len(self.outputs))
            return list(wanted)
        if outputs is not None:
            return [self._whole(name) for name in outputs]
        if wanted:
            return decoders.for_network(self.info).returns(self.info, **options)
        if wanted is None and self._connection.info.slow and self.card:
            with suppress(CardError):  # raw outputs need no card; decode() will say what is wrong with it
                return decoders.for_network(self.info).returns(self.info, **options)
        return None

    def _whole(self, name: str) -> Return:
        if name not in self.outputs:
            raise UnknownName(f"network {self.name!r} has no output {name!r}; it has {', '.join(self.outputs)}")
        return reduce.whole(list(self.outputs).index(name))


def _shape(spec: TensorSpec) -> str:
    return f"{spec.name} {spec.dtype}{list(spec.shape)}"
