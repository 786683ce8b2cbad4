"""Descriptions are read page by page, and every contradiction is refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from n6link.errors import RemoteProtocolError
from n6link.link.events import Reply
from n6link.protocol import DType, EpochKind, MessageType, Section, TimerSource, records
from n6link.session import describe
from n6link.session.info import DeviceInfo, NetworkInfo

PAGE = 4
"""records of a page"""


class Board:
    """Answers LIST and DESCRIBE for networks of one input, one output, and 10 epoch blocks."""

    def __init__(self, networks: int = 2, change: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self.networks = networks
        self.asked: list[int] = []
        self._change = change or (lambda what, values: None)
        tensor = records.TensorRecord(
            name="x", dtype=DType.INT8, ndim=2, shape=(1, 8, 0, 0, 0, 0), size=8, scale=0.5
        ).pack()
        block = [records.BlockRecord(first=n, last=n, kind=EpochKind.EC, operation="Conv").pack() for n in range(1, 11)]
        self.sections: dict[int, list[bytes]] = {
            Section.INPUTS: [tensor],
            Section.OUTPUTS: [tensor.replace(b"x", b"y", 1)],
            Section.POOLS: [records.PoolRecord(name="npuRAM5", total=100, used=96).pack()],
            Section.BLOCKS: block,
            Section.CARD: [bytes([byte]) for byte in b'task = "pose-heatmap"'],
            Section.INPUT_SCALES: [],
            Section.OUTPUT_SCALES: [],
        }

    async def ask(self, questions: Sequence[tuple[MessageType, bytes]]) -> list[Reply]:
        self.asked.append(len(questions))
        return [Reply(1, kind, self.answer(kind, body), 0.0, 0.0) for kind, body in questions]

    def answer(self, kind: MessageType, body: bytes) -> bytes:
        if kind is MessageType.LIST:
            first = records.List.unpack(body).first
            names = range(first, min(first + 1, self.networks))
            values = {"count": len(names), "first": first}
            self._change("list", values)
            return records.ListReply(**values).pack() + b"".join(
                self.network(name=f"net{n}", index=n, input_bytes=8, epochs=10, timer_source=1) for n in names
            )
        wanted = records.Describe.unpack(body)
        section = self.sections[wanted.section]
        page = section[wanted.first : wanted.first + PAGE]
        values = {
            "network": wanted.network,
            "section": wanted.section,
            "first": wanted.first,
            "count": len(page),
            "total": len(section),
        }
        self._change(Section(wanted.section).name, values)
        return records.DescribeReply(**values).pack() + b"".join(page)

    def network(self, **values: Any) -> bytes:
        self._change("network", values)
        return records.NetworkRecord(**values).pack()

    async def read(self) -> list[NetworkInfo]:
        return await describe.read(self.ask, self.networks, cast(DeviceInfo, None))


async def test_every_page_of_every_section() -> None:
    board = Board()
    first, second = await board.read()
    assert (first.name, second.name) == ("net0", "net1")
    assert first.card_text == 'task = "pose-heatmap"'
    assert [block.first for block in first.epochs.blocks] == list(range(1, 11))
    assert first.inputs["x"].shape == (1, 8)
    assert list(first.outputs) == ["y"]
    assert first.pools[0].share == 0.96
    assert first.timer_source is TimerSource.DWT_CYCLES
    # two LIST pages; all first pages at once; all other pages at once
    assert board.asked == [1, 1, 2 * len(Section), 2 * (2 + 5)]


async def test_a_device_without_networks() -> None:
    assert await Board(networks=0).read() == []


async def test_an_unknown_timer_source_is_none() -> None:
    def change(what: str, values: dict[str, Any]) -> None:
        if what == "network":
            values["timer_source"] = 99

    assert (await Board(change=change).read())[0].timer_source is TimerSource.NONE


@pytest.mark.parametrize(
    ("where", "values", "says"),
    [
        ("list", {"count": 0}, "has announced 2 networks, and lists 0"),
        ("list", {"first": 7}, "has announced 2 networks"),
        ("list", {"count": 9}, "too short"),
        ("BLOCKS", {"section": Section.POOLS}, "another DESCRIBE than that of BLOCKS"),
        ("BLOCKS", {"network": 9}, "another DESCRIBE"),
        ("BLOCKS", {"count": 5}, "another DESCRIBE"),
        ("BLOCKS", {"total": 2**32 - 1}, "has 4294967295 BLOCKS"),
        ("POOLS", {"count": 0}, "has 1 POOLS"),
        ("network", {"input_bytes": 7}, "inputs beyond its 7 input bytes"),
    ],
)
async def test_contradictions(where: str, values: dict[str, Any], says: str) -> None:
    def change(what: str, record: dict[str, Any]) -> None:
        if what == where:
            record.update(values)

    with pytest.raises(RemoteProtocolError, match=says):
        await Board(change=change).read()


async def test_a_page_with_a_hole() -> None:
    def change(what: str, record: dict[str, Any]) -> None:
        if what == "BLOCKS" and record["first"] == PAGE:
            record["count"] = 2

    with pytest.raises(RemoteProtocolError, match="has 10 BLOCKS, and describes 8"):
        await Board(change=change).read()
