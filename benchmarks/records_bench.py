"""Speed of the protocol's records: packing and unpacking, compared with ``struct`` alone for the same bytes."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Final

from n6link.protocol.codec import Record
from n6link.protocol.records import Infer, Nak, Result, ResultRecord, StatsReply

NUMBER: Final = 20_000
RECORDS: Final[dict[str, Callable[[], Record]]] = {
    "Nak": lambda: Nak(offset=4096, length=256),
    "Infer": lambda: Infer(key=1, upload=2, ttl_us=3, network=1, slot=1, priority=2, flags=3, returns=1),
    "ResultRecord": lambda: ResultRecord(output=1, reduction=2, offset=3, length=4, count=5),
    "Result": lambda: Result(t_queued=1, t_committed=2, t_start=3, t_end=4, length=5, crc=6, outputs=1),
    "StatsReply": lambda: StatsReply(time=1, rx_bytes=2, tx_bytes=3, rx_frames=4, tx_frames=5, count=1),
}


def nanoseconds(call: Callable[[], object]) -> float:
    """The fastest of several series, for one call."""
    return min(timeit.repeat(call, number=NUMBER, repeat=9)) / NUMBER * 1e9


def main() -> None:
    print(f"{'':14}{'pack':>9}{'':>9}{'unpack':>9}")
    for name, make in RECORDS.items():
        record = make()
        packed, kind = record.pack(), type(record)
        flat = kind.STRUCT.unpack(packed)

        def pack(make: Callable[[], Record] = make) -> bytes:
            return make().pack()

        def unpack(kind: type[Record] = kind, packed: bytes = packed) -> Record:
            return kind.unpack(packed)

        ours = nanoseconds(pack), nanoseconds(unpack)
        plain = nanoseconds(lambda: kind.STRUCT.pack(*flat)), nanoseconds(lambda: kind.STRUCT.unpack(packed))  # noqa: B023
        cells = [f"{a:6.0f} ns {a / b:5.1f} x" for a, b in zip(ours, plain, strict=True)]
        print(f"{name:14}{'  '.join(cells)}")


if __name__ == "__main__":
    main()
