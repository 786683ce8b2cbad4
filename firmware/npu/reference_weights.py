"""The compiler of the reference NPU: turns ``reference_networks.py`` into ``reference_weights.h``.

Usage: ``python firmware/npu/reference_weights.py [--check]`` (``--check`` fails if the header is stale).

It folds zero points into biases, turns real factors into fixed point, gives every tensor its place in the arena, and
writes the tables that ``reference.c`` walks over.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from reference_networks import Layer, Network, Tensor, networks

HEADER: Final = Path(__file__).with_name("reference_weights.h")
ALIGNMENT: Final = 16
"""Of a tensor in the arena, in bytes."""

# --------------------------------------------------------------------------------------------------- compilation


def fixed_point(factor: float) -> tuple[int, int]:
    """``(m, s)`` with m in [2**30, 2**31) and ``m / 2**s`` nearest to a factor."""
    mantissa, exponent = math.frexp(factor)
    multiplier, shift = round(mantissa * 2**31), 31 - exponent
    return (multiplier // 2, shift - 1) if multiplier == 2**31 else (multiplier, shift)


def add_factors(layer: Layer) -> tuple[int, int, int]:
    """``(mx, my, s)`` of an Add: the larger factor is normalised, the other one shares its shift."""
    first, second = (tensor.scale / layer.output.scale for tensor in layer.inputs)
    _, shift = fixed_point(max(first, second))
    return round(first * 2**shift), round(second * 2**shift), shift


def exponentials(scale: float) -> list[int]:
    """e(d) of the Softmax for every distance d of two int8 numbers."""
    return [round(65536 * math.exp(-distance * scale)) for distance in range(256)]


def place(network: Network) -> tuple[dict[Tensor, int], int]:
    """Offsets of the tensors in the arena, and its size: first fit among the tensors that live at the same time."""
    born = {layer.output: index for index, layer in enumerate(network.layers)}
    dies = {tensor: index for index, layer in enumerate(network.layers) for tensor in layer.inputs}
    dies |= dict.fromkeys(network.outputs, len(network.layers))
    offsets: dict[Tensor, int] = {}
    for tensor, birth in born.items():
        alive = sorted((offsets[other], other.size) for other in offsets if dies[other] >= birth)
        start = 0
        for offset, size in alive:
            if start + tensor.size <= offset:
                break
            start = max(start, -(-(offset + size) // ALIGNMENT) * ALIGNMENT)
        offsets[tensor] = start
    return offsets, max(offsets[tensor] + tensor.size for tensor in offsets)


def slot_offsets(network: Network) -> tuple[dict[Tensor, int], int]:
    """Offsets of the inputs in an input slot (multiples of 32), and the bytes of an upload."""
    offsets: dict[Tensor, int] = {}
    end = 0
    for tensor in network.inputs:
        offsets[tensor] = -(-end // 32) * 32
        end = offsets[tensor] + tensor.size
    return offsets, end


def scratch(layer: Layer) -> int:
    """Bytes of a layer's input with its border."""
    if layer.weights is None or not layer.pad:
        return 0
    _, height, width, channels = layer.inputs[0].shape
    return (height + 2 * layer.pad) * (width + 2 * layer.pad) * channels


# ------------------------------------------------------------------------------------------------------- emission


@dataclass(slots=True)
class Writer:
    """Collects the lines of the header and sums up the bytes of the constants."""

    lines: list[str] = field(default_factory=list)
    constants: int = 0

    def array(self, kind: str, width: int, name: str, values: Iterable[int]) -> str:
        """An array of constants; returns its name."""
        numbers = [str(int(value)) for value in values]
        self.constants += width * len(numbers)
        self.lines.append(f"static const {kind} {name}[{len(numbers)}] = {{")
        row = "   "
        for number in numbers:
            if len(row) + len(number) > 115:
                self.lines.append(row)
                row = "   "
            row += f" {number},"
        self.lines += [row, "};"]
        return name

    def table(self, kind: str, name: str, rows: Iterable[str]) -> None:
        """An array of structs."""
        rows = list(rows)
        self.lines += [f"static const {kind} {name}[{len(rows)}] = {{", *(f"    {{{row}}}," for row in rows), "};"]


def quoted(text: str) -> str:
    """A C string, one line a line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(f'    "{line}\\n"' for line in escaped.splitlines())


def layer_row(out: Writer, prefix: str, layer: Layer, where: dict[Tensor, str]) -> str:
    """The initialiser of one ``layer_t``; its constants are written first."""
    x, y = layer.inputs[0], layer.output
    members = {"op": f"OP_{layer.op.upper()}", "x": where[x], "y": where[y]}
    (_, height, width, channels) = x.shape if len(x.shape) == 4 else (1, 1, 1, x.shape[-1])
    (_, y_height, y_width, y_channels) = y.shape if len(y.shape) == 4 else (1, 1, 1, y.shape[-1])
    numbers = {
        "height": height, "width": width, "channels": channels,
        "y_height": y_height, "y_width": y_width, "y_channels": y_channels,
        "kernel": layer.kernel, "stride": layer.stride, "pad": layer.pad,
        "x_zero": x.zero_point, "y_zero": y.zero_point, "lowest": y.zero_point if layer.relu else -128,
    }  # fmt: skip
    members |= {name: str(number) for name, number in numbers.items()}
    if layer.weights is not None and layer.scales is not None and layer.bias is not None:
        factors = [fixed_point(x.scale * float(scale) / y.scale) for scale in layer.scales]
        axes = (0, 1) if layer.op == "Depthwise" else (1, 2, 3)
        folded = layer.bias - x.zero_point * layer.weights.astype(np.int32).sum(axis=axes)
        members["weights"] = out.array("int8_t", 1, f"{prefix}_weights", layer.weights.ravel())
        members["bias"] = out.array("int32_t", 4, f"{prefix}_bias", folded)
        members["multiplier"] = out.array("int32_t", 4, f"{prefix}_multiplier", (m for m, _ in factors))
        members["shift"] = out.array("uint8_t", 1, f"{prefix}_shift", (s for _, s in factors))
    elif layer.op == "Add":
        mx, my, shift = add_factors(layer)
        members |= {"x2": where[layer.inputs[1]], "x2_zero": str(layer.inputs[1].zero_point)}
        members["multiplier"] = out.array("int32_t", 4, f"{prefix}_multiplier", (mx, my))
        members["shift"] = out.array("uint8_t", 1, f"{prefix}_shift", (shift,))
    elif layer.op == "Softmax":
        members["bias"] = out.array("int32_t", 4, f"{prefix}_exponentials", exponentials(x.scale))
    return ", ".join(f".{name} = {value}" for name, value in members.items())


def tensor_row(tensor: Tensor, offset: int) -> str:
    """The initialiser of one ``n6_tensor_t``."""
    dtype = "N6_DTYPE_INT8" if tensor.scale else "N6_DTYPE_INT32"
    return (
        f'.name = "{tensor.name}", .dtype = {dtype}, .ndim = {len(tensor.shape)}, '
        f".shape = {{{', '.join(map(str, tensor.shape))}}}, .size = {tensor.size}, .offset = {offset}, "
        f".scale = {np.float32(tensor.scale)!s}f, .zero_point = {tensor.zero_point}"
    ).replace(" 0.0f", " 0")


def emit(out: Writer, network: Network) -> tuple[str, int]:
    """Writes the tables of one network; returns the initialiser of its ``network_t`` and the scratch it needs."""
    name = network.name
    arena, arena_size = place(network)
    slots, input_bytes = slot_offsets(network)
    where = {tensor: f"IN_SLOT | {offset}" for tensor, offset in slots.items()}
    where |= {tensor: str(offset) for tensor, offset in arena.items()}
    begin, out.constants = len(out.lines), 0
    rows = [layer_row(out, f"{name}_{index}", layer, where) for index, layer in enumerate(network.layers)]
    constants = out.constants
    out.table("layer_t", f"{name}_layer", rows)
    out.table("n6_tensor_t", f"{name}_input", (tensor_row(tensor, slots[tensor]) for tensor in network.inputs))
    out.table("n6_tensor_t", f"{name}_output", (tensor_row(tensor, 0) for tensor in network.outputs))
    ends = np.cumsum([len(block.layers) for block in network.blocks])
    out.table(
        "n6_block_t",
        f"{name}_block",
        (
            f".first = {end - len(block.layers) + 1}, .last = {end}, .kind = N6_EPOCH_KIND_{block.kind}, "
            f'.operation = "{block.operation}"'
            for block, end in zip(network.blocks, ends, strict=True)
        ),
    )
    out.array("uint16_t", 2, f"{name}_output_at", (arena[tensor] for tensor in network.outputs))
    out.lines += [f"static const char {name}_card[] =", quoted(network.card) + ";"]
    digest = zlib.crc32("\n".join(out.lines[begin:]).encode())
    row = (
        f'.network = {{.name = "{name}", .card = {name}_card, .card_bytes = sizeof {name}_card - 1, '
        f".inputs = {len(network.inputs)}, .outputs = {len(network.outputs)}, "
        f".pools = N6_REFERENCE_POOLS, .blocks = {len(network.blocks)}, .epochs = {len(network.layers)}, "
        f".digest = 0x{digest:08x}u, .input_bytes = {input_bytes}, "
        f".output_bytes = {sum(tensor.size for tensor in network.outputs)}, "
        f".input = {name}_input, .output = {name}_output, .block = {name}_block}},\n"
        f"     .layer = {name}_layer, .output_at = {name}_output_at, "
        f".weights = {constants}, .activations = {arena_size}"
    )
    return row, max(scratch(layer) for layer in network.layers)


def header() -> str:
    """The whole text of ``reference_weights.h``."""
    out = Writer()
    compiled = networks()
    rows, needs = zip(*(emit(out, network) for network in compiled), strict=True)
    out.table("network_t", "reference_networks", rows)
    sizes = {
        "N6_REFERENCE_NETWORKS == %d": len(compiled),
        "N6_REFERENCE_MAX_BLOCKS >= %d": max(len(network.blocks) for network in compiled),
        "N6_REFERENCE_TOTAL_BLOCKS == %d": sum(len(network.blocks) for network in compiled),
        "N6_REFERENCE_MAX_INPUT == %d": max(slot_offsets(network)[1] for network in compiled),
        "N6_REFERENCE_MAX_OUTPUT == %d": max(sum(t.size for t in network.outputs) for network in compiled),
        "N6_REFERENCE_ARENA >= %d": max(place(network)[1] for network in compiled),
        "N6_REFERENCE_SCRATCH >= %d": max(needs),
        "MAX_CHANNELS >= %d": max(layer.output.shape[-1] for network in compiled for layer in network.layers),
        "MAX_PATCH >= %d": max(
            layer.weights[0].size
            for network in compiled
            for layer in network.layers
            if layer.weights is not None and layer.op != "Depthwise"
        ),
    }
    asserts = [f'_Static_assert({text % number}, "reference.h");' for text, number in sizes.items()]
    head = (
        "/*\n * reference_weights.h - the networks of the reference NPU.\n *\n"
        " * GENERATED by reference_weights.py: do not edit. Included by reference.c alone.\n */\n"
        "/* clang-format off */\n"
    )
    return head + "\n".join([*asserts, "", *out.lines]) + "\n/* clang-format on */\n"


def main() -> int:
    """Writes the header, or with ``--check`` compares it."""
    text = header()
    if "--check" not in sys.argv[1:]:
        HEADER.write_text(text)
    elif not HEADER.exists() or HEADER.read_text() != text:
        print(f"{HEADER} is stale: run python {Path(__file__).name}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
