"""Descriptions are read page by page, and every contradiction is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from n6link.errors import RemoteProtocolError
from n6link.link.events import Reply
from n6link.protocol import DType, EpochKind, MessageType, NetworkState, Section, TimerSource, records
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
            values = {"count": len(names), "first": first, "total": self.networks}
            self._change("list", values)
            return records.ListReply(**values).pack() + b"".join(
                self.network(
                    name=f"net{n}",
                    index=n,
                    input_bytes=8,
                    epochs=10,
                    timer_source=1,
                    inputs=1,
                    outputs=1,
                    pools=1,
                    blocks=10,
                    card_bytes=21,
                )
                for n in names
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
        values["record"] = len(page[0]) if page else 0
        self._change(Section(wanted.section).name, values)
        return records.DescribeReply(**values).pack() + b"".join(page)

    def network(self, **values: Any) -> bytes:
        self._change("network", values)
        return records.NetworkRecord(**values).pack()

    async def read(self) -> list[NetworkInfo]:
        networks, rejected = await self.read_all()
        assert not rejected
        return networks

    async def read_all(self) -> tuple[list[NetworkInfo], dict[str, str]]:
        return await describe.read(
            self.ask, self.networks, cast(DeviceInfo, SimpleNamespace(slot_size=64, result_size=64, parts_size=0))
        )


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
    # two LIST pages; then of each network all first pages at once, and all other pages at once
    assert board.asked == [1, 1, 7, 2 + 5, 7, 2 + 5]


async def test_the_pages_in_flight_are_bounded() -> None:
    board = Board(networks=1, change=one("network", {"blocks": describe.MAX_BLOCKS}))
    block = records.BlockRecord(kind=EpochKind.EXTRA, operation="x").pack()
    board.sections[Section.BLOCKS] = [block] * describe.MAX_BLOCKS
    (network,) = await board.read()
    assert len(network.epochs) == describe.MAX_BLOCKS
    assert max(board.asked) == describe.BATCH
    assert sum(board.asked) == 1 + 7 + describe.MAX_BLOCKS // PAGE - 1 + 5


async def test_a_device_without_networks() -> None:
    assert await Board(networks=0).read_all() == ([], {})


async def test_an_unknown_timer_source_is_none() -> None:
    def change(what: str, values: dict[str, Any]) -> None:
        if what == "network":
            values["timer_source"] = 99

    assert (await Board(change=change).read())[0].timer_source is TimerSource.NONE


def one(where: str, values: dict[str, Any], network: int | None = None) -> Callable[[str, dict[str, Any]], None]:
    """Changes values of one struct, of one network if that is given."""

    def change(what: str, record: dict[str, Any]) -> None:
        if what == where and (network is None or record.get("network", record.get("index")) == network):
            record.update(values)

    return change


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"count": 0}, "announces 2 networks, but lists 0"),
        ({"first": 7}, "announces 2 networks"),
        ({"count": 9}, "do not fit"),
        ({"record": 12}, "60 bytes or more, not 12"),
    ],
)
async def test_a_list_that_contradicts_itself(values: dict[str, Any], says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        await Board(change=one("list", values)).read()


@pytest.mark.parametrize(
    ("where", "values", "says"),
    [
        ("BLOCKS", {"section": Section.POOLS}, "does not fit DESCRIBE of section BLOCKS"),
        ("BLOCKS", {"network": 9}, "does not fit DESCRIBE of section"),
        ("BLOCKS", {"count": 5}, "do not fit"),
        ("BLOCKS", {"total": 2**32 - 1}, "BLOCKS has 4294967295 records, but 10 were announced"),
        ("INPUT_SCALES", {"total": 2**32 - 1, "count": 0}, "does not fit DESCRIBE of section"),
        ("POOLS", {"count": 0}, "does not fit DESCRIBE of section"),
        ("POOLS", {"record": 4}, "or more, not 4"),
        ("network", {"input_bytes": 7}, "its inputs end after 8 bytes, but an upload has 7"),
        ("network", {"input_bytes": 64}, "its inputs end after 8 bytes, but an upload has 64"),
        ("network", {"input_bytes": 2**32 - 1}, "its inputs have 4294967295 bytes, but a slot of the device has 64"),
        ("network", {"blocks": 65535}, "65535 epoch blocks; at most 4096 are possible"),
        ("network", {"inputs": 2}, "INPUTS has 1 records, but 2 were announced"),
    ],
)
async def test_an_impossible_network_is_set_aside_and_the_other_works(
    where: str, values: dict[str, Any], says: str
) -> None:
    networks, rejected = await Board(change=one(where, values, network=0)).read_all()
    assert [network.name for network in networks] == ["net1"]
    assert list(rejected) == ["net0"]
    assert says in rejected["net0"]


@pytest.mark.parametrize("text", ["its file is not a network", ""])
async def test_a_network_that_failed_to_start_says_why(text: str) -> None:
    """No other part of it is requested."""
    board = Board(change=one("network", {"state": NetworkState.FAILED, "inputs": 0}, network=0))
    board.sections[Section.REASON] = [bytes([byte]) for byte in text.encode()]
    networks, rejected = await board.read_all()
    assert [network.name for network in networks] == ["net1"]
    assert rejected == {"net0": text or "the device did not send the reason"}


async def test_a_page_with_a_hole() -> None:
    def change(what: str, record: dict[str, Any]) -> None:
        if what == "BLOCKS" and record["first"] == PAGE:
            record["count"] = 2

    networks, rejected = await Board(change=change).read_all()
    assert not networks
    assert "BLOCKS has 10 records, but the device sent 8" in rejected["net0"]


async def test_two_networks_of_one_name() -> None:
    networks, rejected = await Board(change=one("network", {"name": "same"})).read_all()
    assert [network.index for network in networks] == [0]
    assert rejected == {"same (index 1)": "another network has the same name"}


async def test_two_tensors_of_one_name_are_told_apart() -> None:
    board = Board(networks=1, change=one("network", {"outputs": 2}))
    board.sections[Section.OUTPUTS] *= 2
    (network,) = await board.read()
    assert list(network.outputs) == ["y", "y_1"]
    assert [spec.name for spec in network.outputs.values()] == ["y", "y_1"]


async def test_outputs_that_no_result_buffer_holds() -> None:
    board = Board(networks=1, change=one("network", {"outputs": 9}))
    board.sections[Section.OUTPUTS] *= 9
    assert await board.read_all() == ([], {"net0": "its outputs have 72 bytes, but a result buffer has 64"})


async def test_tensor_names_that_look_like_numbered_ones() -> None:
    board = Board(networks=1, change=one("network", {"outputs": 5}))
    x, x2, x_1 = (
        board.sections[Section.INPUTS][0].replace(b"x\0\0\0", name) for name in (b"x\0\0\0", b"x_2\0", b"x_1\0")
    )
    board.sections[Section.OUTPUTS] = [x, x2, x, x, x_1]
    (network,) = await board.read()
    assert list(network.outputs) == ["x", "x_2", "x_1", "x_3", "x_1_1"]


async def test_more_networks_than_a_device_can_have_are_not_asked_for() -> None:
    board = Board(networks=60000)
    with pytest.raises(RemoteProtocolError, match="announces 60000 networks"):
        await board.read()
    assert board.asked == []
