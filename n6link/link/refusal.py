"""ERROR frames as exceptions, with the name of the refused field."""

from __future__ import annotations

import numpy as np

from n6link.errors import DeviceError
from n6link.protocol import Limit, MessageType, Status, records
from n6link.protocol.codec import printable
from n6link.protocol.messages import BODIES


def refusal(payload: memoryview) -> DeviceError:
    """The error that an ERROR frame reports.

    Raises:
        ValueError: the payload is too short.
    """
    error = records.ErrorReply.unpack(payload)
    status, said = error.status, printable(payload[error.SIZE :])
    if isinstance(status, Status):
        name, why = status.name, said or status.doc
    else:
        name, why = f"status {status}", said or "which this version does not know"
    if error.type == MessageType.HELLO and status is Status.BUSY:
        said = said or "in use by another host"
        hint = "close the other program, or use another device" if said.startswith("in use") else "try again later"
        why = f"the device is {said}; {hint}"
        return DeviceError(why, status, error.value, said)
    what = "" if error.field == int(Limit.NO_FIELD) else _field(error.type, error.field, error.value)
    if status is Status.BAD_PICTURE:
        what = f"at byte {error.value} of the upload"
    field = None if error.field == int(Limit.NO_FIELD) else error.field
    text = f"the device answers {name}: {why} ({what or f'value {error.value}'})"
    return DeviceError(text, status, error.value, said, field)


def _field(kind: MessageType | int, offset: int, value: int) -> str:
    """Name and value of a field in a request of this version, such as ``channels = 12 of Return 0``; empty if there is none.

    Args:
        kind: type of the request.
        offset: of the field in its payload.
        value: of the field: its bytes as an unsigned number; of 8 bytes the lower 4.
    """
    head, record = BODIES.get((kind, "request"), (None, "")) if isinstance(kind, MessageType) else (None, "")
    if head is None:
        return ""
    struct, where = head, ""
    if not isinstance(record, str) and offset >= head.SIZE:
        index, offset = divmod(offset - head.SIZE, record.SIZE)
        struct, where = record, f" of {record.__name__} {index}"
    for name, (dtype, at, *_) in (struct.DTYPE.fields or {}).items():
        if at == offset:
            raw = value.to_bytes(4, "little")[: dtype.itemsize]
            shown = np.frombuffer(raw, dtype)[0].item() if len(raw) == dtype.itemsize else value
            return f"{name} = {shown}{where}"
    return ""
