"""What a refusal of the device says to people: the field has its name, and a network that cannot run its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from n6link import N6Device
from n6link.errors import DeviceError
from n6link.link.refusal import refusal
from n6link.protocol import Limit, MessageType, Status, records
from n6link.session.inference import Job

RETURN = records.Infer.SIZE
"""offset of the first Return record in an INFER"""


@pytest.mark.parametrize(
    ("kind", "field", "value", "says"),
    [
        (MessageType.INFER, 20, 9, "network = 9"),
        (MessageType.INFER, RETURN, 7, "output = 7 of Return 0"),
        (MessageType.INFER, RETURN + 2 * records.Return.SIZE + 16, 26, "channels = 26 of Return 2"),
        (MessageType.INFER, RETURN + 12, 0x7FC00000, "threshold = 2143289344 of Return 0"),
        (MessageType.INFER, 0, 0xDEADBEEF, f"key = {0xDEADBEEF}"),
        (MessageType.HELLO, 20, 4, "window = 4"),
        (MessageType.COMMIT, 14, 200, "slot = 200"),
        (MessageType.INFER, 21, 5, "value 5"),
        (MessageType.INFER, int(Limit.NO_FIELD), 5, "value 5"),
        (MessageType.INFO, 0, 5, "value 5"),
        (0x77, 0, 5, "value 5"),
    ],
)
def test_a_refused_field_has_its_name(kind: int, field: int, value: int, says: str) -> None:
    body = records.ErrorReply(Status.BAD_REQUEST, kind, field, value).pack() + b"no such thing"
    error = refusal(memoryview(body))
    assert str(error) == f"the device answers BAD_REQUEST: no such thing ({says})"
    assert (error.status, error.value) == (Status.BAD_REQUEST, value)


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        (MessageType.DESCRIBE, records.Describe(network=99).pack(), "UNKNOWN_NETWORK: no such network (network = 99)"),
        (MessageType.RESET, records.Reset(kind=9).pack(), "BAD_REQUEST: unknown kind (kind = 9)"),
        (
            MessageType.INFER,
            records.Infer(key=1, upload=1, returns=2).pack() + records.Return().pack() + records.Return(99).pack(),
            "UNKNOWN_OUTPUT: no such output (output = 99 of Return 1)",
        ),
    ],
)
async def test_a_board_names_the_field(kind: MessageType, body: bytes, says: str) -> None:
    async with N6Device("sim:reference:") as dev:
        with pytest.raises(DeviceError) as caught:
            await dev.connection.ask(kind, body)
        assert says in str(caught.value)


async def test_a_network_that_cannot_run_says_why(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.tflite"
    nonsense.write_text("no network at all")
    async with N6Device(f"sim:{nonsense},reference:") as dev:
        job = Job(network=0, image=memoryview(b""), returns=b"", timers=False, priority=0, deadline=None)
        with pytest.raises(DeviceError, match="the network cannot run: .*it is not a TensorFlow Lite file") as caught:
            await dev.connection.infer(job)
        assert caught.value.status == Status.NOT_READY
        assert await dev.ping()
