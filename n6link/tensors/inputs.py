"""From what a caller gives to a network to the bytes of an upload.

A uint8 array, a Pillow image and the path of a file are pictures, where an input has the shape of one: they are fitted and
normalised as the card says (:mod:`n6link.tensors.image`). Every other array has the input's own shape, of which a leading 1 may be
left out, and holds raw values, or floats that are quantised here, so that the wire carries what the network reads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import anyio.to_thread
import numpy as np
from numpy.typing import ArrayLike

from n6link.errors import BadInput, CardError, UnknownName
from n6link.tensors.card import Card
from n6link.tensors.image import PictureInput, Placement, is_path
from n6link.tensors.tensor import Array, TensorSpec, is_array

if TYPE_CHECKING:
    from PIL import Image

Value: TypeAlias = "ArrayLike | Image.Image | str | os.PathLike[str]"
"""what one input takes: an array, a picture, or the path of one"""
Data: TypeAlias = "Value | Mapping[str, Value]"
"""what a network takes: the value of its main input, or all values by the names of the inputs"""
LARGE: Final = 640 * 480
"""values from which on pictures are prepared, and floats quantised, in a thread, so that the event loop goes on meanwhile"""


class Inputs:
    """What a network takes.

    Args:
        network: its name, for messages.
        specs: tensors by name, in order.
        size: bytes of all of them together, as they are uploaded.
        card: what they mean.
        card_problem: what is wrong with the card; then the network takes no pictures.
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
        """All inputs as they lie in a slot, and where the picture lies in its input.

        Raises:
            BadInput: data that do not fit.
            UnknownName: an input that the network has not.
            CardError: a picture, and a card that cannot be used or does not fit.
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
            raise BadInput(f"network {self._network!r} also needs {', '.join(missing)}: give a dict of arrays by name")
        arrays: dict[str, Array] = {}
        placement = None
        for name, value in given.items():
            arrays[name], placed = await self._input(value, specs[name])
            placement = placement or placed
        return self._upload(arrays), placement

    async def _input(self, value: object, spec: TensorSpec) -> tuple[Array, Placement | None]:
        """Raw values of one input."""
        picture = self._pictures.get(spec.name)
        if not is_path(value) and not hasattr(value, "convert"):
            array = _array(value, spec)
            own = array.dtype != np.uint8 or picture is None
            if own or (self._problem and array.shape == spec.shape):
                if array.size < LARGE or array.dtype == spec.dtype:
                    return _own_values(array, spec), None
                return await anyio.to_thread.run_sync(_own_values, array, spec, abandon_on_cancel=True), None
        if self._problem:
            raise CardError(self._problem)
        picture = picture or PictureInput(spec, self._card)  # which says why it takes none
        if is_array(value) and value.size < LARGE:
            return picture.prepare(value)
        return await anyio.to_thread.run_sync(picture.prepare, value, abandon_on_cancel=True)

    def _upload(self, arrays: Mapping[str, Array]) -> memoryview:
        """The bytes of an upload; those of the array itself if there is only one."""
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
    """How pictures go into an input; None if it takes none."""
    try:
        return PictureInput(spec, card)
    except CardError:
        return None


def _array(value: object, spec: TensorSpec) -> Array:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise BadInput(f"Tensor {spec.name!r} takes an array of numbers: {error}") from None


def _own_values(array: Array, spec: TensorSpec) -> Array:
    if spec.shape[0] == 1 and array.shape == spec.shape[1:]:
        array = array[None]
    if array.shape != spec.shape:
        raise BadInput(
            f"Tensor {spec.name!r} has the shape {spec.shape}, and is given {array.dtype} of shape {array.shape}; only "
            "uint8 arrays are pictures, which may have other sizes."
        )
    return spec.check(spec.quantize(array))


def _bytes(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
