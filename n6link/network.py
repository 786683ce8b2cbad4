"""A network of a device: its inputs and outputs, and the methods that run it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial

import anyio
import anyio.to_thread

from n6link import ambient, decoders
from n6link.control import profiling
from n6link.control.source import Source
from n6link.control.stream import Policy, Stream
from n6link.decoders.classification import Classification
from n6link.decoders.doubts import Doubts
from n6link.epochs.profile import Profile
from n6link.errors import (
    BadInput,
    CardError,
    DeviceRebooted,
    N6Timeout,
    NetworkChanged,
    RemoteProtocolError,
    UnknownName,
)
from n6link.protocol import Feature, LeaseAction, Limit, MessageType, TimerSource, records
from n6link.protocol.records import Return
from n6link.result import Result, Timing, check_returns
from n6link.session.check import Check
from n6link.session.connection import Connection
from n6link.session.described import DescribedNetwork
from n6link.session.inference import Job, Outcome
from n6link.session.info import NetworkInfo
from n6link.session.replies import decoding
from n6link.session.sharing import LONGEST_LEASE, Lease, lease_body, not_free, read_lease
from n6link.tensors import reduce
from n6link.tensors.encoding import Sent
from n6link.tensors.inputs import Data, Inputs
from n6link.text.generation import TextStream
from n6link.text.tokens import Generation, Sampling, TextClassifier, TextGenerator

# Python 3.11 looks up a member of an enum with a function.
_CLIENTS, _NO_TIMERS = Feature.CLIENTS, TimerSource.NONE


class Network(DescribedNetwork):
    """One network of a device. Created by :class:`n6link.N6Device`.

    Attributes:
        info: the device's description of the network, read when the device was opened.
        newest: the last delivered result; None before the first.
        encodings: number of results by the encoding of their input, as in :attr:`Result.encoding`.
        replaced: None = the device still has this network; else whether it came back with another one of this name.
    """

    def __init__(self, connection: Connection, info: NetworkInfo) -> None:
        self.info = info
        self.newest: Result | None = None
        self.replaced: bool | None = None
        self.encodings: Counter[str] = Counter()
        self._connection = connection
        self._doubts = Doubts(info)
        self._all = [Return(index) for index in range(len(info.outputs))]
        self._inputs = Inputs(
            info.name, info.inputs, info.input_bytes, info.card, info.card_problem, room=info.device.parts_size
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """What makes its decoded results implausible, such as scores above 1: usually a card or a quantisation that is wrong.

        The first decoded results are examined. Each text is also logged, once.
        """
        return tuple(self._doubts.found)

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
        rerun: bool = False,
        sent: Callable[[], None] | None = None,
        computed: Callable[[], None] | None = None,
        encode: str | None = None,
    ) -> Result:
        """Runs the network once.

        Several calls may run at the same time, on one network or on several: the upload of the next input overlaps the
        computation. After a call was cancelled, or failed, the device can be used immediately.

        Args:
            data: a picture (uint8 array (h, w, 3), (3, h, w) or (h, w), Pillow image, path or bytes of a file), or an array of the
                input's shape with raw values or floats; for a network with several inputs a dict of these by name.
            outputs: names of the outputs to return; None = all of them.
            reduce: whether the device sends only the data that the network's decoder uses. None = if the link is slow and
                the decoder returns the same result; or a list of requests, see :mod:`n6link.tensors.reduce`.
            timers: return the times of the epoch blocks.
            timeout: maximum seconds for the whole call. None = no limit while there is progress, see ``N6Device``.
            deadline: the same as a ``time.monotonic()`` value; the device drops work whose deadline has passed.
            priority: 0..255; in every queue, larger values are before smaller ones.
            captured: ``time.monotonic()`` of the capture of the data; None = now.
            options: the options of the :meth:`Result.decode` call that follows; they determine the reductions.
            rerun: run it again if the device was restarted during the inference, which may then have run twice.
            sent: called when the input has left for the device, so that the next one can follow it.
            computed: called when the device has computed the result, before its download.
            encode: how a picture is sent: ``"raw"``, ``"qoi"`` (lossless), or ``"jpeg:95"`` (a quality from 1 to 100), which changes
                pixels; see :mod:`n6link.tensors.encoding`. None = as the card says, else lossless if this saves time.

        Raises:
            BadInput: the data do not fit, or an argument is out of range.
            UnknownName: the network does not have an input or output with this name.
            CardError: data are a picture, or reduce is True, and the network's card cannot be used or does not fit it.
            N6Timeout: the time has passed, or there was no progress.
            DeviceError: the device refused the request, or its runtime failed.
            DeviceRebooted: the device was restarted during the inference.
            NetworkChanged: the device came back without this network, or with another one of this name.
            TransportError: the connection to the device was lost, and the device has not come back.
        """
        begun = ambient.monotonic()
        captured = begun if captured is None else captured
        if not 0 <= priority <= 255:
            raise BadInput(f"priority={priority} is out of range; use 0 to 255")
        if deadline is not None and math.isnan(deadline):
            raise BadInput(f"deadline={deadline} must be a time.monotonic() value, or None")
        if timeout is not None:
            if timeout <= 0:
                raise BadInput(f"timeout={timeout} must be a positive number of seconds, or None")
            deadline = min(begun + timeout, math.inf if deadline is None else deadline)
        if deadline is not None and deadline <= begun:
            raise N6Timeout(
                f"network {self.name!r} was not run: the deadline had passed {begun - deadline:g} s before the call; use a later one"
            )
        auto = reduce is None or reduce is True
        returns = self._returns(outputs, reduce, options or {})
        wished = None if encode is None else Sent.parse(encode)
        given = await self._inputs.prepare(data, wished, self._connection.rate)
        prepared = ambient.monotonic()
        # A second turn is needed only if a reduction was chosen here and its result is not complete: then all outputs are fetched.
        while True:
            await self._check(deadline)
            job = Job(
                network=self.info.index,
                image=given.data,
                parts=given.parts,
                returns=b"".join([wanted.pack() for wanted in returns]) if returns else b"",
                timers=timers and self.info.timer_source is not _NO_TIMERS,
                priority=priority,
                deadline=deadline,
                computed=computed,
                sent=sent,
            )
            try:
                outcome = await (
                    self._connection.infer(job) if deadline is None else self._in_time(job, deadline, timeout, begun)
                )
            except DeviceRebooted:
                if rerun and self._connection.alive:
                    continue
                raise
            shared = _CLIENTS in self.info.device.features
            timing = partial(
                Timing.of, outcome, self._connection.clock, captured=begun, prepared=prepared, shared=shared
            )
            wanted = returns or self._all
            examine = partial(self._doubts.examine, image=outcome.digest) if self._doubts.open else None
            result = Result(self.info, outcome, wanted, timing=timing, given=given, captured=captured, examine=examine)
            if not (auto and returns and result.reduced) or decoders.for_network(self.info).complete(result):
                break
            returns = None
        self.encodings[result.encoding] += 1
        # Calls overlap and may finish in any order: an older picture must not replace a newer one.
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
        rerun: bool | None = None,
        encode: str | None = None,
    ) -> Stream:
        """Runs the network on a series of frames, with overlapped stages; see :mod:`n6link.control.stream`.

        Args:
            source: iterable of frames, as for :meth:`run`; a plain iterable is read in a thread, so it may block; a
                generator is closed at the end. None = frames are added with :meth:`n6link.control.stream.Stream.put`.
            depth: maximum number of frames in input slots of the device; limited to the device's number of slots.
            policy: what happens if the source or the consumer is too fast: ``"latest"``, ``"drop-new"`` or ``"all"``.
            max_age: seconds after its capture at which a frame is dropped, at any stage; None = never.
            timers: return the times of the epoch blocks.
            reduce: as in :meth:`run`.
            priority: as in :meth:`run`.
            options: as in :meth:`run`.
            rerun: run frames again that were in progress when the device was restarted; else they are lost, and counted. None = with
                ``"all"``, which promises a result for every frame.
            encode: as in :meth:`run`.

        Raises:
            BadInput: an argument is out of range.
        """
        rerun = policy == "all" if rerun is None else rerun
        if encode is not None:
            Sent.parse(encode)
        run = partial(
            self.run, timers=timers, reduce=reduce, priority=priority, options=options, rerun=rerun, encode=encode
        )
        depth = min(depth, self._connection.info.slots)
        alive = lambda: self._connection.alive
        return Stream(run, source, depth=depth, policy=policy, max_age=max_age, alive=alive, in_turn=True)

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
            prompt: the text to continue. The network reads its last tokens, as many as fit in its window.
            max_tokens: maximum number of generated tokens, including a stop token.
            temperature: 0 always takes the best token (of equal ones the lowest id); higher values draw more random tokens.
            top_k: draw from the best k only; None = from all.
            seed: makes the text repeatable; None = another text each time.
            stop: tokens that end the text, in addition to those of the card; they are not part of the text.
            reduce: whether the device sends only the best few logits, if k is at most 64. None = if the link is slow.
            timers: return the times of the epoch blocks.
            timeout: maximum seconds per token, as in :meth:`run`.
            priority: as in :meth:`run`.

        Raises:
            BadInput: an option is out of range.

        Raises, at the first token:
            BadInput: the prompt does not contain tokens, or a stop token is unknown.
            CardError: the network's card is not one for text generation, or does not fit the network.
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
        """Classifies a text: the best label, and the probabilities of all labels.

        Args:
            text: the text; if it does not fit in the network's window, its end is cut off.
            timeout: as in :meth:`run`.
            priority: as in :meth:`run`.

        Raises:
            BadInput: not a str.
            CardError: the network's card is not one for text classification, or does not fit the network.
            N6Error: as for :meth:`run`.
        """
        classifier = await anyio.to_thread.run_sync(lambda: self.text_classifier, abandon_on_cancel=True)
        result = await self.run(classifier.inputs(text), reduce=False, timers=False, timeout=timeout, priority=priority)
        return result.classification()

    @cached_property
    def text_generator(self) -> TextGenerator:
        """The card's tokenizer and embedding; read at first use."""
        return TextGenerator(self.info)

    @cached_property
    def text_classifier(self) -> TextClassifier:
        """The card's tokenizer; read at first use."""
        return TextClassifier(self.info)

    async def check(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Check:
        """Runs the network with the input that the firmware stores, and returns the digest of the outputs.

        If the digest differs from an earlier one, the board computes other values: the weights have
        changed, a clock or a voltage is too high, or cache maintenance is missing. Nothing is uploaded. Inferences of this and
        of other networks may be in progress, and wait during the run.

        Args:
            timeout: maximum seconds without an answer; None = the device's time-out.

        Raises:
            DeviceError: UNSUPPORTED: the firmware does not store an input for this network; NOT_READY, NPU_FAULT; BUSY: another
                check is in progress.
            N6Timeout: no answer.
            DeviceRebooted: the device was restarted during the check.
            NetworkChanged: the device came back without this network, or with another one of this name.
            TransportError: the connection to the device was lost, and the device has not come back.
        """
        await self._check(None)
        payload = await self._connection.ask(
            MessageType.CHECK, records.Check(network=self.info.index).pack(), timeout=timeout
        )
        with decoding("CHECK"):
            return Check.parse(payload, self._connection.clock.tick_hz)

    async def lease(self, seconds: float = 10.0) -> Lease:
        """Takes or extends the exclusive use of the network, on a device that several programs share (``n6link serve``).

        Inferences of other programs with this network are then refused with the status BUSY; those that wait or run already are finished. The
        lease ends after this time, with :meth:`end_lease`, or with this program.

        Args:
            seconds: duration from now, at most 600.

        Raises:
            BadInput: the duration is out of range.
            DeviceError: BUSY: another program has it, which the message names; UNSUPPORTED: this program has the device alone;
                READ_ONLY.
        """
        if not 0.001 <= seconds <= LONGEST_LEASE:
            raise BadInput(f"seconds={seconds} is out of range; use 0.001 to {LONGEST_LEASE:g}")
        lease = await self._lease(LeaseAction.TAKE, seconds)
        if lease is None:
            raise RemoteProtocolError("the device answers LEASE without a lease")
        if not lease.own:
            raise not_free(self.name, lease)
        return lease

    async def end_lease(self) -> None:
        """Ends this program's lease of the network; does nothing if it has none.

        Raises:
            DeviceError: as for :meth:`lease`.
        """
        await self._lease(LeaseAction.RELEASE)

    async def leased(self) -> Lease | None:
        """The lease of the network; None = it has none.

        Raises:
            DeviceError: UNSUPPORTED: this program has the device alone; READ_ONLY.
        """
        return await self._lease(LeaseAction.QUERY)

    async def _lease(self, action: LeaseAction, seconds: float = 0.0) -> Lease | None:
        await self._check(None)
        return read_lease(await self._connection.ask(MessageType.LEASE, lease_body(self.info.index, action, seconds)))

    async def profile(
        self,
        *,
        inputs: Data | None = None,
        runs: int = 20,
        warmup: int = 3,
        encode: str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Profile:
        """Runs the network several times and collects its epoch times; see :func:`n6link.control.profiling.collect`."""
        run = partial(self.run, encode=encode)
        return await profiling.collect(run, self.inputs, inputs=inputs, runs=runs, warmup=warmup, progress=progress)

    # ---- inside

    async def _check(self, deadline: float | None) -> None:
        """Waits until the device is there, and checks that it still has this network."""
        if deadline is None:
            await self._connection.usable()
        else:
            with anyio.move_on_after(deadline - ambient.monotonic()):
                await self._connection.usable()
        if self.replaced is not None:
            what = "another network of this name" if self.replaced else "no network of this name"
            raise NetworkChanged(f"the device came back with {what}: {self.name!r}; take dev[NAME] again")

    async def _in_time(self, job: Job, deadline: float, seconds: float | None, begun: float) -> Outcome:
        # The host's time-out also covers a link that does not answer. A result that arrives late is not returned, even if
        # the scope did not have a chance to cancel.
        with anyio.CancelScope(deadline=anyio.current_time() + deadline - ambient.monotonic()):
            outcome = await self._connection.infer(job)
            if outcome.received <= deadline:
                return outcome
        limit = deadline - begun if seconds is None else seconds
        raise N6Timeout(
            f"network {self.name!r} did not return a result within {limit:g} s; use a longer timeout, or run n6link doctor"
        )

    def _returns(
        self, outputs: Sequence[str] | None, wanted: bool | Sequence[Return] | None, options: Mapping[str, object]
    ) -> list[Return] | None:
        """The requests to send; None = all outputs, whole."""
        if wanted is not None and not isinstance(wanted, bool):
            if outputs is not None:
                raise BadInput(
                    "outputs= cannot be used with a list of reductions; add whole outputs to the list: reduce.whole(0)"
                )
            if not 1 <= len(wanted) <= Limit.MAX_RETURNS:
                raise BadInput(f"reduce= has {len(wanted)} requests; use 1 to {Limit.MAX_RETURNS}")
            check_returns(wanted, len(self.outputs))
            return list(wanted)
        if outputs is not None:
            return [self._whole(name) for name in outputs]
        if wanted:
            return self._decoded(options)
        if wanted is None and self._connection.info.slow and self.card:
            with suppress(CardError):  # raw outputs do not require a card; decode() reports the error in it
                return self._decoded(options)
        return None

    def _decoded(self, options: Mapping[str, object]) -> list[Return] | None:
        """The reductions that the decoder uses; None if there are none that this device computes."""
        wanted = decoders.for_network(self.info).returns(self.info, **options)
        return wanted if wanted and reduce.supported(wanted, self._connection.info.features) else None

    def _whole(self, name: str) -> Return:
        if name not in self.outputs:
            raise UnknownName(
                f"network {self.name!r} does not have an output {name!r}; it has {', '.join(self.outputs)}"
            )
        return reduce.whole(list(self.outputs).index(name))
