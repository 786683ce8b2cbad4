"""Converts the caller's data into the bytes of an upload.

If an input has the shape of a picture, a uint8 array, a Pillow image and a file path are pictures: they are fitted and normalised
as the card specifies (:mod:`n6link.tensors.image`). Every other array must have the input's own shape (a leading 1 is optional).
It contains raw values, or floats that are quantised here: the host always sends the network's own data type.

The raw values of a uint8 input of this shape look like a picture. :class:`Raw` says that they are not to be normalised again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast

import anyio.to_thread
import numpy as np
from numpy.typing import ArrayLike

from n6link.errors import BadInput, CardError, UnknownName
from n6link.protocol import Encoding
from n6link.protocol.records import Part
from n6link.tensors.card import Card
from n6link.tensors.encoders import Coded, convert
from n6link.tensors.encoding import QOI, RAW, Sent, pays
from n6link.tensors.image import ENCODED, PictureInput, Placement, is_path
from n6link.tensors.tensor import Array, TensorSpec, is_array

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw values of an input, which are sent as they are."""

    values: Array
    """of the input's shape (a leading 1 is optional) and data type"""


def as_raw(arrays: Mapping[str, Array]) -> dict[str, Raw]:
    """Raw values of inputs by name, which are sent as they are."""
    return {name: Raw(array) for name, array in arrays.items()}


Value: TypeAlias = "ArrayLike | Image.Image | str | os.PathLike[str] | bytes | Raw"
"""data for one input: an array, a picture, its path, its file's bytes (JPEG, PNG ...), or its raw values"""
Data: TypeAlias = "Value | Mapping[str, Value]"
"""data for a network: the value of its main input, or all values by the names of the inputs"""
SMALL: Final = 4096
"""pictures of fewer values are encoded immediately: a thread would cost more time"""
LARGE: Final = 640 * 480
"""pictures and float arrays of at least this many values are converted in a thread, so that the event loop is not blocked"""


class Prepared(NamedTuple):
    """Data as an upload."""

    data: memoryview
    """all inputs: in the layout of a slot, or in parts"""
    placement: Placement | None
    """of the picture in its input; None = the data are not a picture"""
    parts: bytes = b""
    """packed Part records; empty = the layout of a slot"""
    sent: Sent = RAW
    """how the picture is sent"""


class Inputs:
    """The inputs of a network.

    Args:
        network: its name, for messages.
        specs: tensors by name, in order.
        size: total bytes of an upload.
        card: what they mean.
        card_problem: what is wrong with the card; then the network does not accept pictures.
        room: maximum bytes of an upload in parts.
    """

    def __init__(
        self,
        network: str,
        specs: Mapping[str, TensorSpec],
        size: int,
        card: Card | None,
        card_problem: str,
        *,
        room: int = 0,
    ) -> None:
        self._network = network
        self._specs = specs
        self._size = size
        self._card = card
        self._problem = card_problem
        self._room = min(room, size)
        self._pictures = {name: picture for name, spec in specs.items() if (picture := _picture(spec, card))}
        self._only = self._raw_input()

    def _raw_input(self) -> TensorSpec | None:
        """The only input, if arrays of its type are raw values: neither pictures nor floats, which must be finite."""
        if len(self._specs) != 1 or self._problem:
            return None
        (spec,) = self._specs.values()
        picture = spec.dtype == np.uint8 and spec.name in self._pictures
        return spec if spec.size == self._size and spec.dtype.kind in "iub" and not picture else None

    async def prepare(
        self, data: Data, encode: Sent | None = None, rate: Callable[[], float | None] = lambda: None
    ) -> Prepared:
        """The bytes of all inputs.

        Args:
            data: see :data:`Data`.
            encode: how the picture is sent; None = as the card says, else as QOI if this saves time.
            rate: returns the measured bytes per second to the device; None = not known.

        Raises:
            BadInput: data that do not fit, or that cannot be sent like this.
            UnknownName: an input that the network does not have.
            CardError: data are a picture, and the card cannot be used or does not fit.
        """
        only = self._only
        if only and not encode and is_array(data) and data.dtype == only.dtype and data.shape == only.shape:
            return Prepared(_bytes(np.ascontiguousarray(data)), None)
        specs = self._specs
        # An array is recognised before the abstract classes, whose checks cost a microsecond each.
        if not is_array(data) and isinstance(data, Mapping):
            given: Mapping[str, Value] = data
        else:
            spec = self._card.main_input(specs) if self._card else next(iter(specs.values()))
            given = {spec.name: data}
        for name in given:
            if name not in specs:
                raise UnknownName(f"network {self._network!r} has no input {name!r}; it has {', '.join(specs)}")
        if missing := [name for name in specs if name not in given]:
            raise BadInput(
                f"network {self._network!r} also requires the input {', '.join(missing)}; pass a dict of arrays by name"
            )
        wanted = self._card.input.name if self._card else None
        main = specs.get(wanted or "", next(iter(specs.values()), None))
        if main is None:  # a network without inputs
            return Prepared(self._in_slot({}), None)
        sent = self._choose(main, encode, rate)
        inputs: dict[str, Array | Coded] = {}
        placement = None
        for name, value in given.items():
            inputs[name], placed = await self._input(value, specs[name], sent if name == main.name else RAW)
            placement = placement or placed
        picture = inputs[main.name]
        if isinstance(picture, Coded):
            return self._in_parts(inputs, placement, picture.sent)
        if encode and encode != RAW and placement is None:
            raise BadInput(
                f"encode={str(encode)!r} requires a picture: a uint8 array, a Pillow image or a file; "
                f"input {main.name!r} got raw values"
            )
        return Prepared(self._in_slot(inputs), placement)

    def _choose(self, spec: TensorSpec, encode: Sent | None, rate: Callable[[], float | None]) -> Sent:
        """How a picture is sent to an input."""
        card = self._card.input.encode if self._card else None
        picture, possible = self._pictures.get(spec.name), ["raw"]
        sent = encode or card or (QOI if picture and picture.coloured and pays(spec.size, rate()) else RAW)
        if picture and picture.is_laid_out_like(spec.shape):
            possible += [f"{kind.name.lower()}{':1..100' * (kind is Encoding.JPEG)}" for kind in spec.encodings]
            if sent.encoding in spec.encodings:
                return sent
        if encode and encode != RAW:
            raise BadInput(
                f"network {self._network!r} on this device does not take encode={str(encode)!r}; "
                f"its input {spec.name!r} takes {', '.join(possible)}"
            )
        return RAW

    async def _input(self, value: object, spec: TensorSpec, sent: Sent) -> tuple[Array | Coded, Placement | None]:
        """Raw values of one input, or an encoded picture."""
        if isinstance(value, Raw):
            return spec.check(_batched(value.values, spec)), None
        picture = self._pictures.get(spec.name)
        if is_array(value) or not (is_path(value) or hasattr(value, "convert") or isinstance(value, ENCODED)):
            array = _array(value, spec)
            own = array.dtype != np.uint8 or picture is None
            if own or (self._problem and array.shape == spec.shape):
                if array.size < LARGE or array.dtype == spec.dtype:
                    return _own_values(array, spec), None
                return await anyio.to_thread.run_sync(_own_values, array, spec, abandon_on_cancel=True), None
        if self._problem:
            raise CardError(self._problem)
        picture = picture or PictureInput(spec, self._card)  # raises an error with the reason if it is not a picture
        if sent != RAW:
            others = sum(_aligned(other.size) for other in self._specs.values() if other is not spec)
            room = self._room // 4 * 4 - others
            if is_array(value) and value.size < SMALL:
                return convert(picture, value, sent, room)
            return await anyio.to_thread.run_sync(convert, picture, value, sent, room, abandon_on_cancel=True)
        if is_array(value) and value.size < LARGE:
            return picture.prepare(value)
        return await anyio.to_thread.run_sync(picture.prepare, value, abandon_on_cancel=True)

    def _in_slot(self, inputs: Mapping[str, Array | Coded]) -> memoryview:
        """An upload in the layout of a slot; not copied if there is only one array."""
        arrays = {name: _bytes(value) for name, value in inputs.items()}
        if len(arrays) == 1:
            (array,) = arrays.values()
            if array.nbytes == self._size:
                return array
        upload = memoryview(bytearray(self._size))
        for name, array in arrays.items():
            spec = self._specs[name]
            upload[spec.offset : spec.offset + spec.size] = array
        return upload

    def _in_parts(self, inputs: Mapping[str, Array | Coded], placement: Placement | None, sent: Sent) -> Prepared:
        """An upload with one part for each input."""
        data, parts = bytearray(), list[Part]()
        for index, name in enumerate(self._specs):
            value = inputs[name]
            data += bytes(_aligned(len(data)) - len(data))
            offset = len(data)
            data += _bytes(value)
            part = Part(offset, len(data) - offset, index)
            if isinstance(value, Coded):
                part = replace(part, encoding=value.sent.encoding, tables=value.tables, flags=value.flags)
            parts.append(part)
        return Prepared(memoryview(data), placement, b"".join(part.pack() for part in parts), sent)


def _picture(spec: TensorSpec, card: Card | None) -> PictureInput | None:
    """Converts pictures for an input; None if it does not accept pictures."""
    try:
        return PictureInput(spec, card)
    except CardError:
        return None


def _items(value: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def _array(value: object, spec: TensorSpec) -> Array:
    several = _items(value)
    if any(map(is_array, several)):
        raise BadInput(
            f"tensor {spec.name!r} requires one array, got a tuple of {len(several)}; of OpenCV's (ok, frame) = camera.read(), pass the frame"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise BadInput(f"tensor {spec.name!r} requires an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise BadInput(
            f"tensor {spec.name!r} requires an array of numbers, got {value.dtype if is_array(value) else type(value).__name__}"
        )
    return array


def _batched(array: Array, spec: TensorSpec) -> Array:
    """The array with the leading 1 that it may omit."""
    return array[None] if spec.shape[:1] == (1,) and array.shape == spec.shape[1:] else array


def _own_values(array: Array, spec: TensorSpec) -> Array:
    array = _batched(array, spec)
    if array.shape != spec.shape:
        raise BadInput(
            f"tensor {spec.name!r} has shape {spec.shape}, got {array.dtype} of shape {array.shape}; "
            "only pictures, which are uint8 arrays, may have another size"
        )
    return spec.check(spec.quantize(array))


def _bytes(value: Array | Coded) -> memoryview:
    return memoryview(value.data) if isinstance(value, Coded) else value.reshape(-1).view(np.uint8).data


def _aligned(size: int) -> int:
    """Offset of the next part."""
    return -(-size // 4) * 4
