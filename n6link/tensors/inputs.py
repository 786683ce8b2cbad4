"""Converts the caller's data into the bytes of an upload.

If an input has the shape of a picture, a uint8 array, a Pillow image and a file path are pictures: they are fitted and normalised
as the card specifies (:mod:`n6link.tensors.image`). Every other array must have the input's own shape (a leading 1 is optional).
It contains raw values, or floats that are quantised here: the host always sends the network's own data type.

The raw values of a uint8 input of this shape look like a picture. :class:`Raw` says that they are not to be normalised again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import anyio.to_thread
import numpy as np
from numpy.typing import ArrayLike

from n6link.errors import BadInput, CardError, UnknownName
from n6link.tensors.card import Card
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
LARGE: Final = 640 * 480
"""pictures and float arrays of at least this many values are converted in a thread, so that the event loop is not blocked"""


class Inputs:
    """The inputs of a network.

    Args:
        network: its name, for messages.
        specs: tensors by name, in order.
        size: total bytes of an upload.
        card: what they mean.
        card_problem: what is wrong with the card; then the network does not accept pictures.
    """

    def __init__(
        self, network: str, specs: Mapping[str, TensorSpec], size: int, card: Card | None, card_problem: str
    ) -> None:
        self._network = network
        self._specs = specs
        self._size = size
        self._card = card
        self._problem = card_problem
        self._pictures = {name: picture for name, spec in specs.items() if (picture := _picture(spec, card))}

    async def prepare(self, data: Data) -> tuple[memoryview, Placement | None]:
        """The bytes of all inputs, in the layout of a slot, and the placement of the picture in its input.

        Raises:
            BadInput: data that do not fit.
            UnknownName: an input that the network does not have.
            CardError: data are a picture, and the card cannot be used or does not fit.
        """
        specs = self._specs
        if isinstance(data, Mapping):
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
        arrays: dict[str, Array] = {}
        placement = None
        for name, value in given.items():
            arrays[name], placed = await self._input(value, specs[name])
            placement = placement or placed
        return self._upload(arrays), placement

    async def _input(self, value: object, spec: TensorSpec) -> tuple[Array, Placement | None]:
        """Raw values of one input."""
        if isinstance(value, Raw):
            return spec.check(_batched(value.values, spec)), None
        picture = self._pictures.get(spec.name)
        if not is_path(value) and not hasattr(value, "convert") and not isinstance(value, ENCODED):
            array = _array(value, spec)
            own = array.dtype != np.uint8 or picture is None
            if own or (self._problem and array.shape == spec.shape):
                if array.size < LARGE or array.dtype == spec.dtype:
                    return _own_values(array, spec), None
                return await anyio.to_thread.run_sync(_own_values, array, spec, abandon_on_cancel=True), None
        if self._problem:
            raise CardError(self._problem)
        picture = picture or PictureInput(spec, self._card)  # raises an error with the reason if it is not a picture
        if is_array(value) and value.size < LARGE:
            return picture.prepare(value)
        return await anyio.to_thread.run_sync(picture.prepare, value, abandon_on_cancel=True)

    def _upload(self, arrays: Mapping[str, Array]) -> memoryview:
        """The bytes of an upload; not copied if there is only one array."""
        if len(arrays) == 1:
            (array,) = arrays.values()
            if array.nbytes == self._size:
                return _bytes(array)
        upload = memoryview(bytearray(self._size))
        for name, array in arrays.items():
            spec = self._specs[name]
            upload[spec.offset : spec.offset + spec.size] = _bytes(array)
        return upload


def _picture(spec: TensorSpec, card: Card | None) -> PictureInput | None:
    """Converts pictures for an input; None if it does not accept pictures."""
    try:
        return PictureInput(spec, card)
    except CardError:
        return None


def _array(value: object, spec: TensorSpec) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise BadInput(f"tensor {spec.name!r} requires an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise BadInput(f"tensor {spec.name!r} requires an array of numbers, got {type(value).__name__}")
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


def _bytes(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
