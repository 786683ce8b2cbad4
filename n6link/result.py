"""The result of an inference: :class:`Result`, its times, :class:`Timing`, and its frame in a stream, :class:`Frame`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from n6link import ambient, decoders
from n6link.decoders.boxes import BoxOptions, Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.logits import Token, TokenOptions
from n6link.decoders.pose import Pose, PoseOptions
from n6link.decoders.segmentation import Segmentation, SegmentationOptions
from n6link.epochs.timers import STAGE_MEANINGS, STAGES, EpochTimers
from n6link.errors import BadInput, CardError, RemoteProtocolError
from n6link.json_types import Plain, plain
from n6link.protocol import Reduction, records
from n6link.protocol.records import Return
from n6link.session.clock import UNKNOWN, ClockMap, HostTime
from n6link.session.inference import Outcome
from n6link.session.info import NetworkInfo
from n6link.sheet import Bar, Grid, Sheet, Shown
from n6link.tensors import reduce
from n6link.tensors.inputs import Prepared
from n6link.tensors.reduce import Reduced
from n6link.tensors.tensor import Array, ByName

T = TypeVar("T")
_RAW: Final = Reduction.RAW


@dataclass(frozen=True, slots=True, repr=False)
class Timing(Shown):
    """Durations of the stages of an inference, in seconds of the host's clock. The stages follow each other without gaps."""

    prepare: float
    """fitting and quantising the input"""
    queue: float
    """waiting for an input slot, and for earlier uploads; through a server also for the inferences of other programs"""
    upload: float
    """from the first sent byte to the complete input on the device"""
    wait: float
    """waiting in the device's queue"""
    npu: float
    """the network's run; on a simulated board, on this computer's CPU"""
    download: float
    """from the end of the network to the complete result on the host"""
    decode: float = 0.0
    """the last call of :meth:`Result.decode`"""
    error: float = 0.0
    """maximum error of the border between upload and download; their sum and the other stages are exact"""
    started: HostTime = UNKNOWN
    """start of the network on ``time.monotonic()``; never before an earlier start on this device, also after restarts"""
    ended: HostTime = UNKNOWN
    """end of the network"""

    @property
    def total(self) -> float:
        """The sum of all stages."""
        return sum(value for _, value in self.stages())

    def stages(self) -> list[tuple[str, float]]:
        """Name and seconds of each stage, in order."""
        return [(name, getattr(self, name)) for name in STAGES]

    def brief(self) -> str:  # noqa: D102
        stages = ", ".join(f"{name} {seconds * 1e3:.2f}" for name, seconds in self.stages() if seconds)
        return f"{self.total * 1e3:.2f} ms: {stages}"

    def sheet(self) -> Sheet:  # noqa: D102
        from n6link.console import duration

        whole = self.total or 1.0
        rows = [
            (name, duration(seconds), Bar(seconds / whole), meaning)
            for (name, seconds), meaning in zip(self.stages(), STAGE_MEANINGS, strict=True)
        ]
        return Sheet((Grid(("stage", ">time", "", ""), rows),))

    @classmethod
    def of(cls, outcome: Outcome, clock: ClockMap, *, captured: float, prepared: float, shared: bool = False) -> Timing:
        """The stages of an inference.

        Args:
            outcome: the device's reply.
            clock: of the device.
            captured: host time of the request.
            prepared: host time at which its input was ready to send.
            shared: it was run through a server: the upload to the board has begun at ``t_queued``.
        """
        header, hz = outcome.header, clock.tick_hz
        committed, started, ended = (
            clock.to_host(ticks, before=outcome.received)
            for ticks in (header.t_committed, header.t_start, header.t_end)
        )
        wait = max(header.t_start - header.t_committed, 0) / hz
        npu = max(header.t_end - header.t_start, 0) / hz
        # The host measures the sum of upload and download; only the border between them depends on the comparison of clocks.
        link = max(outcome.received - outcome.begun - wait - npu, 0.0)
        upload = min(max(committed.time - outcome.begun, 0.0), link)
        waited = 0.0
        if shared:
            waited = min(max(header.t_committed - header.t_queued, 0) / hz, upload)
            waited = upload - waited
        return cls(
            prepare=prepared - captured,
            queue=outcome.begun - prepared + waited,
            upload=upload - waited,
            wait=wait,
            npu=npu,
            download=link - upload,
            error=min(committed.error, link),
            started=started,
            ended=ended,
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a result in a stream; times are seconds of ``time.monotonic()``."""

    sequence: int
    """number of the frame in its stream, from 0"""
    captured: float
    """time of its capture"""
    age: float
    """seconds from the capture to the delivery of the result"""
    replaced: range
    """numbers of the frames since the previous result that were not delivered"""


class Result(Shown):
    """Outputs of one inference. Arrays are views of the received bytes; other values are computed at first use.

    Attributes:
        network: the network and its device.
        placement: position of the picture in the input; None if the input was not a picture.
        encoding: how the picture was sent: ``raw``, ``qoi``, ``jpeg:95``, or ``jpeg`` for a JPEG file that was sent unchanged.
        sent_bytes: bytes of the upload.
        captured: ``time.monotonic()`` of the request, or of the capture of the picture.
        frame: number and age, if a stream has delivered the result; else None.
    """

    def __init__(
        self,
        network: NetworkInfo,
        outcome: Outcome,
        returns: Sequence[Return],
        *,
        timing: Callable[[], Timing],
        given: Prepared,
        captured: float,
        examine: Callable[[Result, object], None] | None = None,
    ) -> None:
        self.network = network
        self.placement = given.placement
        self.encoding = str(given.sent)
        self.sent_bytes = len(given.data)
        self.captured = captured
        self.frame: Frame | None = None
        self._outcome = outcome
        self._time = timing
        self._examine = examine
        self._timing: Timing | None = None
        self._returns = returns
        if not _whole(network, outcome, returns):
            _ = self._parts  # an answer that does not fit the request is an error of the call

    @property
    def outputs(self) -> Mapping[str, Array]:
        """Raw arrays by name, of the outputs that were returned whole: shape and dtype of their TensorSpec.

        Another name is an UnknownName, also in :attr:`reduced` and :meth:`dequantized`.
        """
        return self._parts[0]

    @property
    def reduced(self) -> Mapping[str, Reduced]:
        """The other outputs by name: Peaks, Rows or a flat array, see :mod:`n6link.tensors.reduce`."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[Mapping[str, Array], Mapping[str, Reduced]]:
        return _parse(self.network, self._outcome, self._returns)

    @property
    def timing(self) -> Timing:
        """Durations of the stages."""
        if self._timing is None:
            self._timing = self._time()
        return self._timing

    @cached_property
    def epochs(self) -> EpochTimers | None:
        """Times of the epoch blocks; None if they were not requested or the device does not measure them."""
        header, network = self._outcome.header, self.network
        if not header.blocks:
            return None
        times = records.EpochTime.array(self._outcome.data, header.blocks, header.timers_offset, header.timer_record)
        return EpochTimers.from_records(
            network.epochs,
            times,
            source=network.timer_source,
            tick_hz=network.device.tick_hz,
            shift=header.timer_shift,
            elapsed=max(header.t_end - header.t_start, 0),
            simulated=network.device.simulated,
        )

    def dequantized(self) -> dict[str, NDArray[np.float32]]:
        """The whole outputs as real numbers, float32, by name."""
        real = {name: self.network.outputs[name].dequantize(raw) for name, raw in self.outputs.items()}
        return ByName("whole output", "the result", real)

    def decode(self, **options: object) -> list[Pose] | Any:
        """Decodes the outputs with the decoder for the card's task; poses are in pixels of the source image.

        The type depends on the card, which a type checker does not know. For each task there is therefore a method with a
        precise type and options: :meth:`poses`, :meth:`detections`, :meth:`segmentation`,
        :meth:`classification`, :meth:`tokens`. Use this method in programs for any network, and for your own decoders. Poses are in the declared type too, so that a type checker finds a misspelt
        attribute of a pose.

        Args:
            options: the decoder's own; they override those of the card.

        Raises:
            CardError: the network does not have a card, or the card does not fit.
            BadInput: an option cannot be used.
        """
        begun = ambient.monotonic()
        meaning = decoders.for_network(self.network).decode(self, **options)
        self._timing = replace(self.timing, decode=ambient.monotonic() - begun)
        if self._examine:
            self._examine(self, meaning)
            self._examine = None
        return meaning

    def poses(self, **options: Unpack[PoseOptions]) -> list[Pose]:
        """The people of a pose network, in pixels of the source image, best first; see :meth:`decode`.

        Raises:
            CardError: as for :meth:`decode`, or the network has another task.
            BadInput: an option cannot be used.
        """
        return self._list_of(Pose, self.decode(**options))

    def detections(self, **options: Unpack[BoxOptions]) -> list[Detection]:
        """The objects of a detection network, in pixels of the source image, best first; see :meth:`decode`.

        Raises:
            CardError: as for :meth:`decode`, or the network has another task.
            BadInput: an option cannot be used.
        """
        return self._list_of(Detection, self.decode(**options))

    def segmentation(self, **options: Unpack[SegmentationOptions]) -> Segmentation:
        """The class of each pixel; see :meth:`decode`.

        Raises:
            CardError: as for :meth:`decode`, or the network has another task.
            BadInput: an option cannot be used.
        """
        return self._one_of(Segmentation, self.decode(**options))

    def tokens(self, **options: Unpack[TokenOptions]) -> list[Token]:
        """The best next tokens of a network that generates text, best first; see :meth:`decode`.

        Raises:
            CardError: as for :meth:`decode`, or the network has another task.
            BadInput: an option cannot be used.
        """
        return self._list_of(Token, self.decode(**options))

    def classification(self) -> Classification:
        """The class of the picture, sound or text that a classification network has found; see :meth:`decode`.

        Raises:
            CardError: as for :meth:`decode`, or the network has another task.
        """
        return self._one_of(Classification, self.decode())

    def _one_of(self, kind: type[T], meaning: object) -> T:
        if isinstance(meaning, kind):
            return meaning
        raise self._another_task(kind)

    def _list_of(self, kind: type[T], meaning: object) -> list[T]:
        found = cast("list[object]", meaning) if isinstance(meaning, list) else [meaning]
        items = [item for item in found if isinstance(item, kind)]
        if len(items) != len(found):
            raise self._another_task(kind)
        return items

    def _another_task(self, kind: type[object]) -> CardError:
        task = decoders.card_of(self.network).task
        return CardError(
            f"network {self.network.name!r} is for {task}, and its results are not of type {kind.__name__}; use decode()"
        )

    def brief(self) -> str:
        """The network, its outputs, and the time."""
        shapes = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in self.outputs.items())
        return f"of {self.network.name}: {shapes or ', '.join(self.reduced)}; {self.timing.total * 1e3:.1f} ms"

    def sheet(self) -> Sheet:
        """What was found, if the network has a decoder, and the times."""
        simulated = ("the times are simulated, and not those of an NPU",) if self.network.device.simulated else ()
        return Sheet(
            (*self._found(), *self.timing.sheet().grids, *(self.epochs.sheet().grids if self.epochs else ())), simulated
        )

    def _found(self) -> Sequence[Grid]:
        """The decoded result; without a decoder the ranges of the outputs."""
        card = self.network.card
        if card is None or card.task not in decoders.tasks():
            real = self.dequantized()
            rows = [
                (name, f"{np.min(each):.6g}", f"{np.mean(each):.6g}", f"{np.max(each):.6g}")
                for name, each in real.items()
            ]
            return [Grid(("output", ">min", ">mean", ">max"), rows)]
        meaning = decoders.for_network(self.network).decode(self)
        if isinstance(meaning, Shown):
            return meaning.sheet().grids
        items = listed(meaning)
        if len(items) == 1 and isinstance(items[0], Shown):
            return items[0].sheet().grids
        return [
            Grid(
                (f"{len(items)} found",), [(item.brief() if isinstance(item, Shown) else str(item),) for item in items]
            )
        ]


Run: TypeAlias = Callable[..., Awaitable[Result]]
""":meth:`n6link.Network.run`, or a function with the same parameters"""


def _whole(network: NetworkInfo, outcome: Outcome, returns: Sequence[Return]) -> bool:
    """Whether the device has returned what was requested, and all of it whole: then nothing can be wrong in the bytes."""
    if len(outcome.records) != len(returns):
        return False
    specs = tuple(network.outputs.values())
    for wanted, record in zip(returns, outcome.records, strict=True):
        if wanted.reduction != _RAW or record.reduction != _RAW or record.output != wanted.output:
            return False
        if record.length != specs[wanted.output].size:
            return False
    return True


def _parse(
    network: NetworkInfo, outcome: Outcome, returns: Sequence[Return]
) -> tuple[Mapping[str, Array], Mapping[str, Reduced]]:
    """Whole outputs and reduced ones, by name."""
    specs = tuple(network.outputs.values())
    if len(outcome.records) != len(returns):
        raise RemoteProtocolError(
            f"the device returned {len(outcome.records)} outputs instead of the requested {len(returns)}"
        )
    outputs: dict[str, Array] = {}
    reduced: dict[str, Reduced] = {}
    view = memoryview(outcome.data)
    for wanted, record in zip(returns, outcome.records, strict=True):
        if (record.output, record.reduction) != (wanted.output, wanted.reduction):
            raise RemoteProtocolError(
                f"the device returned output {record.output} instead of the requested output {wanted.output}"
            )
        spec = specs[wanted.output]
        part = reduce.parse(view[record.offset : record.offset + record.length], wanted, spec, record.count)
        if wanted.reduction == Reduction.RAW and isinstance(part, np.ndarray) and part.shape == spec.shape:
            outputs[spec.name] = part
        else:
            reduced[spec.name] = part
    return (
        MappingProxyType(ByName("whole output", "the result", outputs)),
        MappingProxyType(ByName("reduced output", "the result", reduced)),
    )


def to_plain(result: Result, meaning: object) -> Plain:
    """A result as plain values: decoded, with the times of its stages and epochs in seconds."""
    timing, epochs = result.timing, result.epochs
    return {
        "network": result.network.name,
        "decoded": plain(meaning),
        "encoding": result.encoding,
        "sent_bytes": result.sent_bytes,
        "timing_s": dict(timing.stages()) | {"total": timing.total, "error": timing.error},
        "epochs": plain(epochs.to_dict()) if epochs else None,
        "simulated": result.network.device.simulated,
    }


def check_returns(returns: Sequence[Return], outputs: int) -> None:
    """Checks the caller's requests.

    Raises:
        BadInput: the network does not have an output.
    """
    for wanted in returns:
        if not 0 <= wanted.output < outputs:
            raise BadInput(f"output {wanted.output} does not exist; the network has {outputs}, counted from 0")
