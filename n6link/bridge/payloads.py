"""What a message contains, and what is sent back.

==============================================  ================================================================
encoding                                        payload
==============================================  ================================================================
``image/...``, or none                          a picture: JPEG, PNG, WebP or BMP
``application/cdr;sensor_msgs/msg/CompressedImage``   the same, in a message of ROS 2; the schema may be omitted
``application/cdr;n6link_msgs/msg/Tensors``     raw values of the inputs, by name
``application/octet-stream``                    raw values of the only input
==============================================  ================================================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, cast

import numpy as np

from n6link import ambient
from n6link.decoders import tasks
from n6link.decoders.described import NetworkLike
from n6link.errors import BadInput, DeviceError, N6Error
from n6link.json_types import Plain, plain
from n6link.network import Network
from n6link.result import Result, to_plain
from n6link.robotics import cdr
from n6link.robotics.cdr import Values
from n6link.tensors.inputs import Data, Raw
from n6link.tensors.tensor import Array, TensorSpec

if TYPE_CHECKING:
    import zenoh

MAX_BYTES: Final = 16 << 20
"""of a message, by default: a photograph of 50 million pixels as JPEG"""
CDR: Final = "application/cdr"
JSON: Final = "application/json"
IMAGE: Final = "sensor_msgs/msg/CompressedImage"
TENSORS: Final = "n6link_msgs/msg/Tensors"
RAW: Final = "application/octet-stream"
PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"BM")
"""beginnings of pictures that are accepted"""
_UNKNOWN: Final = "zenoh/bytes"
"""the encoding of a message without one"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message, with the time of its arrival on the session's clock."""

    payload: bytes
    encoding: str
    attachment: bytes | None
    at: float

    @classmethod
    def of(cls, payload: zenoh.ZBytes | None, encoding: object, attachment: zenoh.ZBytes | None) -> Self:
        """The parts of a sample or a query, now."""
        return cls(
            payload.to_bytes() if payload else b"",
            str(encoding or ""),
            attachment.to_bytes() if attachment else None,
            ambient.monotonic(),
        )


@dataclass(frozen=True, slots=True)
class Given:
    """The content of a message."""

    data: Data
    """for :meth:`Network.run`"""
    head: Values | None
    """its header (``std_msgs/msg/Header``), which belongs to the result too; None = it does not have one"""
    attachment: bytes | None
    """which is sent back with the result"""


def read(network: NetworkLike, arrived: Arrived, limit: int = MAX_BYTES) -> Given:
    """Reads a message for a network.

    Args:
        network: its inputs.
        arrived: the message.
        limit: maximum number of bytes.

    Raises:
        BadInput: the message is too large, has another encoding or schema, or is damaged.
    """
    payload, encoding, attachment = arrived.payload, arrived.encoding, arrived.attachment
    if len(payload) > limit:
        raise BadInput(f"a message of {len(payload)} bytes is too large; send {limit} bytes or less")
    kind, _, schema = encoding.partition(";")
    if kind == CDR and schema in ("", IMAGE, TENSORS):
        message = cdr.decode(schema or IMAGE, payload)
        data = _tensors(network, message) if schema == TENSORS else _picture(cast("bytes", message["data"]))
        return Given(data, cast("Values", message["header"]), attachment)
    if kind == RAW:
        return Given(_only_input(network, payload), None, attachment)
    if kind.startswith("image/") or encoding in ("", _UNKNOWN):
        return Given(_picture(payload), None, attachment)
    raise BadInput(
        f"the encoding {encoding!r} is unknown; use image/jpeg, image/png, {CDR};{IMAGE}, {CDR};{TENSORS} or {RAW}"
    )


def is_decodable(network: Network) -> bool:
    """Whether the network has a card, and a decoder for its task is installed."""
    return network.card is not None and network.card.task in tasks()


def as_json(result: Result, meaning: object, board: str, head: Values | None) -> Plain:
    """A result as plain values."""
    frame = result.frame
    return {
        "board": board,
        "header": head,
        "age_s": frame.age if frame else result.timing.total,
        "sequence": frame.sequence if frame else None,
        "replaced": len(frame.replaced) if frame else 0,
    } | to_plain(result, meaning)


def as_error(error: N6Error) -> Plain:
    """An error as plain values: its type, its message, and the status of a device's error."""
    details: Plain = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, DeviceError):
        details |= {"status": plain(error.status), "value": error.value}
    return {"error": details}


def to_bytes(values: Plain) -> bytes:
    """Plain values as JSON."""
    return json.dumps(plain(values), ensure_ascii=False, allow_nan=False).encode()


def _picture(data: bytes) -> bytes:
    """The same, if it is a picture of a usual format: Pillow reads many others, and this is data of other computers."""
    if not data.startswith(PICTURES):
        raise BadInput(
            f"{len(data)} bytes are not a JPEG, PNG, WebP or BMP picture: {data[:8].hex(' ') or 'they are empty'}"
        )
    return data


def _tensors(network: NetworkLike, message: Values) -> dict[str, Raw]:
    given: dict[str, Raw] = {}
    for tensor in cast("list[Values]", message["tensors"]):
        name, dtype, shape = str(tensor["name"]), str(tensor["dtype"]), tuple(cast("list[int]", tensor["shape"]))
        spec = network.inputs.get(name)
        if spec is None or dtype != str(spec.dtype) or shape != spec.shape:
            known = ", ".join(f"{each.name} {each.dtype}{list(each.shape)}" for each in network.inputs.values())
            raise BadInput(f"tensor {name!r} is {dtype}{list(shape)}; the network's inputs are {known}")
        given[name] = Raw(_array(cast("bytes", tensor["data"]), spec, f"tensor {name!r}"))
    return given


def _only_input(network: NetworkLike, payload: bytes) -> dict[str, Raw]:
    if len(network.inputs) != 1:
        raise BadInput(
            f"network {network.name!r} has {len(network.inputs)} inputs; send {CDR};{TENSORS} with {', '.join(network.inputs)}"
        )
    [(name, spec)] = network.inputs.items()
    return {name: Raw(_array(payload, spec, f"the message for network {network.name!r}"))}


def _array(data: bytes, spec: TensorSpec, what: str) -> Array:
    wanted = int(np.prod(spec.shape)) * spec.dtype.itemsize
    if len(data) != wanted:
        raise BadInput(f"{what} has {len(data)} bytes; {spec.dtype}{list(spec.shape)} has {wanted}")
    return np.frombuffer(data, spec.dtype).reshape(spec.shape)
