"""A network before any compiler: its operations and tensors, as a ``.tflite`` file has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

QUANTISED = frozenset({"INT8", "UINT8"})
"""Types of activations that the NPU computes, if they have a scale."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the network; a dimension that may vary, such as the batch, has its stored size, or 1."""

    name: str
    dtype: str
    """type in TensorFlow Lite: ``INT8``, ``FLOAT32``, ``INT32`` ..."""
    shape: tuple[int, ...]
    constant: bool = False
    """whether the file contains its values, or they follow from shapes and other constants"""
    scaled: bool = False
    """whether it has a scale"""
    zero_point: int = 0
    values: tuple[int, ...] = ()
    """of a short integer constant, such as a permutation or the axes of a reduction"""

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def quantised(self) -> bool:
        """Whether it has 8-bit integers with a scale."""
        return self.dtype in QUANTISED and self.scaled

    @property
    def channels(self) -> int:
        """Size of the last dimension; 1 without dimensions."""
        return self.shape[-1] if self.shape else 1


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the network."""

    index: int
    """position in the file"""
    name: str
    """in TensorFlow Lite: ``CONV_2D``; the name of a custom operation"""
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, int] = field(default_factory=dict[str, int])
    """numbers of its options: ``filterWidth``, ``axis`` ..."""
    after: tuple[str, ...] = ()
    """names of the operations that compute its inputs"""
    before: tuple[str, ...] = ()
    """names of the operations that use its first output"""
    sources: tuple[int, ...] = ()
    """indices of the operations that compute its inputs"""

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """The inputs that are not constant."""
        return tuple(tensor for tensor in self.inputs if tensor and not tensor.constant)

    def values(self, position: int) -> tuple[int, ...]:
        """The values of a constant integer input; empty if it is another one."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        return tensor.values if tensor else ()

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a convolution, a dense layer or a matrix product; 0 for other operations."""
        if not self.outputs or len(self.inputs) < 2 or self.inputs[1] is None:
            return 0
        weights, size = self.inputs[1].shape, self.outputs[0].size
        if self.name == "TRANSPOSE_CONV":
            source = self.inputs[2] if len(self.inputs) > 2 else None
            return source.size * math.prod(weights[:3]) if source else 0
        per_value = {
            "CONV_2D": math.prod(weights[1:]),
            "DEPTHWISE_CONV_2D": math.prod(weights[1:3]),
            "FULLY_CONNECTED": weights[-1] if weights else 0,
            "BATCH_MATMUL": self._inner(weights),
        }
        return size * per_value.get(self.name, 0)

    def _inner(self, right: Sequence[int]) -> int:
        """The common dimension of a matrix product."""
        if len(right) < 2:
            return 0
        return right[-1] if self.options.get("adjY") else right[-2]


@dataclass(frozen=True, slots=True)
class Network:
    """The operations of a network, in their order of execution."""

    source: str
    operations: tuple[Operation, ...]
    varying: int = 0
    """tensors with a dimension after the batch that may vary: the operations have the stored shapes"""
    results: tuple[int, ...] = ()
    """for each output of the network the index of the operation that computes it; -1 = none does"""

    def needed(self, index: int) -> frozenset[int]:
        """An operation with all operations that its result depends on."""
        found: set[int] = set()
        left = [index]
        while left:
            if (one := left.pop()) not in found:
                found.add(one)
                left += self.operations[one].sources
        return frozenset(found)
