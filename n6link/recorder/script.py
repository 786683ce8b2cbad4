"""What a replay plays: a recording as the file that the virtual board reads (``firmware/npu/recorded_file.h``)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.errors import RecordingError, RemoteProtocolError
from n6link.protocol import Section, records
from n6link.protocol.codec import Record
from n6link.recorder.calls import Call, Calls, Network
from n6link.recorder.outputs import Piece, Rebuilt, lowest
from n6link.recorder.recording import Recording
from n6link.recorder.traffic import traffic
from n6link.tensors import tensor
from n6link.tensors.tensor import TensorSpec

VERSION: Final = 1
ALIGNMENT: Final = 64
"""bytes: each output starts at a multiple"""
DONE, FAULT, ENDLESS, REBOOT = range(4)
ANY: Final = 0
"""digest of an input that is not known: it was encoded"""
SECOND: Final = 1_000_000_000

_HEAD: Final = struct.Struct("<8s6I16s24s")
_NETWORK: Final = struct.Struct("<3I")
_RUN: Final = struct.Struct("<Q4IHB5x")
_PIECE: Final = struct.Struct("<2I")
_BLOCK: Final = struct.Struct("<4Q")


@dataclass(frozen=True, slots=True)
class Script:
    """A recording for the virtual board.

    Attributes:
        data: the file.
        slots: number of input slots of the recorded device.
        chunk: size of its chunks.
        baud: bit rate of its line; 0 = not a UART.
        runs: number of runs by network.
        faults: number of runs that end with an error of the network runtime.
        reboots: number of runs during which the device was restarted.
        endless: number of runs whose end was not recorded, or that were cancelled.
        cut: bytes of an incomplete block at the end of the recording.
    """

    data: bytes
    slots: int
    chunk: int
    baud: int
    runs: dict[str, int]
    faults: int
    reboots: int
    endless: int
    cut: int


def script(path: Path) -> Script:
    """Reads a recording.

    Raises:
        RecordingError: it cannot be read, or lacks the description of the device.
    """
    recording, calls, name = Recording(path), Calls(), repr(str(path))
    calls.read(traffic(recording.items()))
    calls.check(name)
    hello, info = calls.hello, calls.info
    assert hello
    assert info
    networks = [calls.networks[index] for index in sorted(calls.networks)]
    order = {network.record.index: number for number, network in enumerate(networks)}
    started = [call for call in calls.calls if not call.refused and call.infer.network in order]
    started.sort(key=lambda call: (call.life, call.start))
    runtime, memory = (calls.info_fields.get(tag, "").encode() for tag in ("NPU_RUNTIME", "MEMORY"))
    head = _HEAD.pack(
        *(b"n6replay", VERSION, len(networks), len(started), hello.features, len(runtime), len(memory)),
        *(hello.unique_id, hello.build.encode()),
    )
    parts = [head, info.pack(), _text(runtime), _text(memory)]
    try:
        outputs = {network.record.index: _outputs(network) for network in networks}
        for network in networks:
            parts += _network(network, outputs[network.record.index])
        for call in started:
            parts += _run(call, order[call.infer.network], outputs[call.infer.network], hello.tick_hz)
    except (RemoteProtocolError, ValueError) as error:
        raise RecordingError(f"{name} contains a result that does not fit its network: {error}") from error
    kinds = [_kind(call) for call in started]
    counts = {network.record.name: 0 for network in networks}
    for call in started:
        counts[calls.networks[call.infer.network].record.name] += 1
    return Script(
        data=b"".join(map(_padded, parts)),
        slots=hello.slots,
        chunk=hello.chunk,
        baud=info.baud,
        runs=counts,
        faults=kinds.count(FAULT),
        reboots=kinds.count(REBOOT),
        endless=kinds.count(ENDLESS),
        cut=recording.cut,
    )


# ---- networks


def _outputs(network: Network) -> tuple[TensorSpec, ...]:
    return tensor.from_records(network.section(Section.OUTPUTS), network.section(Section.OUTPUT_SCALES))


def _network(network: Network, outputs: Sequence[TensorSpec]) -> Iterator[bytes]:
    scales = [network.section(section) for section in (Section.INPUT_SCALES, Section.OUTPUT_SCALES)]
    reason = network.text(Section.REASON)
    yield network.record.pack() + _NETWORK.pack(*map(len, scales), len(reason))
    tables = (
        *(network.section(section) for section in (Section.INPUTS, Section.OUTPUTS)),
        *scales,
        *(network.section(section) for section in (Section.POOLS, Section.BLOCKS)),
    )
    for table in tables:
        yield _pack(table)
    yield _text(network.text(Section.CARD))
    yield _text(reason)
    yield b"".join(_padded(lowest(spec), ALIGNMENT) for spec in outputs)


def _pack(table: Sequence[Record]) -> bytes:
    return b"".join(record.pack() for record in table)


# ---- runs


def _kind(call: Call) -> int:
    if call.data is not None:
        return DONE
    return FAULT if call.fault is not None else REBOOT if call.restarted is not None else ENDLESS


def _run(call: Call, network: int, outputs: Sequence[TensorSpec], tick_hz: int) -> Iterator[bytes]:
    kind, duration, times = _kind(call), 0.0, b""
    found: list[Piece] = []
    if kind == DONE:
        assert call.result
        duration = (call.result.t_end - call.result.t_start) / tick_hz
        times = _times(call, tick_hz)
        found = list(_pieces(call, outputs))
    elif kind != ENDLESS:
        duration = (call.restarted or call.ended or call.sent) - call.sent
    digest = ANY if call.coded else call.infer.digest
    yield _RUN.pack(
        *(max(round(duration * SECOND), 0), digest, call.fault or 0, len(times) // _BLOCK.size, len(found)),
        *(network, kind),
    )
    yield times
    for offset, data in found:
        yield _PIECE.pack(offset, len(data)) + data


def _times(call: Call, tick_hz: int) -> bytes:
    """Times of the epoch blocks, in nanoseconds."""
    result = call.result
    assert result
    assert call.data is not None
    if not result.blocks:
        return b""
    table = records.EpochTime.array(call.data, result.blocks, result.timers_offset, result.timer_record)
    rows = ([int(row[name]) for name in ("start", "pre", "core", "post")] for row in table)
    return b"".join(_BLOCK.pack(*((value << result.timer_shift) * SECOND // tick_hz for value in row)) for row in rows)


def _pieces(call: Call, outputs: Sequence[TensorSpec]) -> Iterator[Piece]:
    """Where the recorded bytes are in all outputs."""
    assert call.data is not None
    requests = call.returns or tuple(records.Return(output=index) for index in range(len(outputs)))
    starts = [0]
    for spec in outputs:
        starts.append(starts[-1] + len(_padded(bytes(spec.size), ALIGNMENT)))
    answers = list(zip(requests, call.records, strict=True))
    rebuilt = Rebuilt()
    # Whole bytes last: a reduction has only a part of what is in them.
    for request, record in sorted(answers, key=lambda answer: not answer[0].reduction):
        data = call.data[record.offset : record.offset + record.length]
        for offset, piece in rebuilt.pieces(outputs[record.output], request, record, data):
            yield starts[record.output] + offset, piece


def _text(text: bytes) -> bytes:
    return text + b"\0"


def _padded(data: bytes, multiple: int = 8) -> bytes:
    return data + bytes(-len(data) % multiple)
