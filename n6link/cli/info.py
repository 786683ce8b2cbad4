"""``n6link info``: describes a board and its networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from n6link.cli import tables
from n6link.cli.common import Cards, Json, Timeout, Url, connect, emit, out, start
from n6link.console import KIND_STYLES, bar, clock, counted, duration, hertz, size
from n6link.epochs.timers import PREDICTED
from n6link.json_types import Plain, plain
from n6link.network import Network
from n6link.protocol import TimerSource, VoltageMode
from n6link.session.info import DeviceInfo
from n6link.tensors.tensor import TensorSpec

PINGS: Final = 8
"""number of round trips; the shortest is shown, since the others contain delays of the operating system"""


def info(
    network: Annotated[str | None, typer.Argument(metavar="NETWORK", help="Show the details of this network.")] = None,
    url: Url = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Show a board, its limits and its networks; or one network with its tensors and memory."""
    start(_info, network, url, cards, timeout, as_json)


async def _info(
    name: str | None,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    async with connect(url, cards, timeout) as dev:
        rtt = min([(await dev.ping()).rtt for _ in range(PINGS)])
        shown, device = [dev[name]] if name else list(dev.networks.values()), dev.info
    if as_json:
        about = {"url": dev.url, "round_trip_s": rtt, "device": plain(device)}
        emit(_network(shown[0]) if name else about | {"networks": [_network(network) for network in shown]})
    elif name:
        out.print(_network_page(shown[0]))
    else:
        out.print(_board_page(device, dev.url, rtt), _networks_table(shown), "")


def _network(network: Network) -> Plain:
    table = network.epochs
    return {
        "name": network.name,
        "index": network.info.index,
        "task": network.card.task if network.card else None,
        "inputs": [_tensor(spec) for spec in network.inputs.values()],
        "outputs": [_tensor(spec) for spec in network.outputs.values()],
        "pools": plain(network.pools),
        "timer_source": network.info.timer_source.name,
        "epochs": table.to_dict(),
    }


def _tensor(spec: TensorSpec) -> Plain:
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": str(spec.dtype),
        "bytes": spec.size,
        "scale": plain(spec.scale),
        "zero_point": spec.zero_point,
        "scales": plain(spec.scales),
        "zero_points": plain(spec.zero_points),
        "axis": spec.axis,
        "encodings": [kind.name.lower() for kind in spec.encodings],
    }


def _board_page(device: DeviceInfo, url: str, rtt: float) -> Group:
    grid = Table.grid(padding=(0, 3))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    clocks = ("CPU", device.cpu_hz), ("NPU", device.npu_hz), ("bus", device.bus_hz), ("NPU memories", device.npu_ram_hz)
    rates = ((name, rate) for name, rate in clocks if rate)
    rows = (
        ("firmware", f"{device.firmware}, build {device.build}, protocol {device.protocol}"),
        ("network runtime", device.runtime),
        ("unique id", device.unique_id),
        ("clocks", ", ".join(f"{name} {hertz(rate)}" for name, rate in rates)),
        ("core voltage", "" if device.voltage is VoltageMode.UNKNOWN else device.voltage.doc),
        ("up", f"{clock(device.uptime)}, started by {device.reset_cause.doc}"),
        ("temperature", f"{device.temperature:.1f} °C" if device.temperature is not None else ""),
        ("last fault", device.fault_record),
        ("link", f"{f'{device.baud} baud, ' if device.baud else ''}round trip {duration(rtt)}"),
        ("input slots", f"{device.slots} of {size(device.slot_size)}"),
        ("encoded pictures", f"decoded on the board, up to {size(device.parts_size)}" if device.parts_size else ""),
        ("result buffers", f"{device.results} of {size(device.result_size)}"),
        ("at once", f"{device.requests} requests, {size(device.window)} of tensors in frames of {size(device.chunk)}"),
        ("epoch times", device.timer_source.doc),
        *(
            ("memory" if i == 0 else "", f"{r.name}: {size(r.used)} of {size(r.total)}")
            for i, r in enumerate(device.memory)
        ),
    )
    for name, text in rows:
        if text:
            grid.add_row(name, escape(text))
    head = Text.from_markup(f"\n[bold]{escape(device.board)}[/] [dim]at {escape(url)}[/]")
    note = [Text("Virtual board: its times are not those of an NPU.", style="yellow")] if device.simulated else []
    return Group(head, *note, Text(), grid, Text())


def _networks_table(networks: list[Network]) -> Table:
    shown = tables.table("Networks")
    for name in ("name", "task", "input", "output"):
        shown.add_column(name, overflow="fold", no_wrap=name == "task")
    for name in ("epochs", "on NPU", "memory"):
        shown.add_column(name, justify="right")
    for network in networks:
        epochs = network.epochs
        shown.add_row(
            f"[bold]{escape(network.name)}[/]",
            escape(network.card.task) if network.card else "[dim]no card[/]",
            "\n".join(_brief(spec) for spec in network.inputs.values()),
            "\n".join(_brief(spec) for spec in network.outputs.values()),
            str(epochs.epochs),
            epochs.offload_share,
            size(sum(pool.used for pool in network.pools)) if network.pools else "-",
        )
    return shown


def _brief(spec: TensorSpec) -> str:
    return f"{spec.dtype} {'x'.join(map(str, spec.shape))}"


def _network_page(network: Network) -> Group:
    card = network.card
    head = Text.from_markup(
        f"\n[bold]{escape(network.name)}[/] [dim]on {escape(network.info.device.board)}, "
        f"{f'task {escape(card.task)}' if card else 'no card: the meaning of its outputs is unknown'}[/]\n"
    )
    tensors = tables.table("Tensors")
    for name in ("", "name", "type", "shape", "bytes", "scale", "zero point"):
        tensors.add_column(
            name, justify="right" if name in ("bytes", "scale", "zero point") else "left", overflow="fold"
        )
    for way, specs in (("in", network.inputs), ("out", network.outputs)):
        for spec in specs.values():
            tensors.add_row(way, escape(spec.name), str(spec.dtype), "x".join(map(str, spec.shape)), *_numbers(spec))
    parts: list[RenderableType] = [head, tensors]
    for spec in network.inputs.values():
        if spec.encodings:
            names = " or ".join(kind.name for kind in spec.encodings)
            parts.append(Text(f"Pictures for {spec.name} may be sent as {names}.", style="dim"))
    parts.append(Text())
    if network.pools:
        pools = tables.table("Memory pools")
        for name in ("pool", "used", "of", "share", "", "weights", "activations"):
            pools.add_column(name, justify="left" if name in ("pool", "") else "right")
        for pool in network.pools:
            colour = "red" if pool.share > 0.9 else "green"
            pools.add_row(
                escape(pool.name),
                size(pool.used),
                size(pool.total),
                f"{pool.share:.0%}",
                bar(pool.share, 16, "█", colour),
                size(pool.weights),
                size(pool.activations),
            )
        parts += [pools, Text()]
    return Group(*parts, _epochs(network), Text())


def _numbers(spec: TensorSpec) -> tuple[str, str, str]:
    if spec.scales is not None:
        return f"{spec.size:,}", f"{len(spec.scales)} of axis {spec.axis}", ""
    if spec.scale is None:
        return f"{spec.size:,}", "-", "-"
    return f"{spec.size:,}", f"{spec.scale:.6g}", str(spec.zero_point)


def _epochs(network: Network) -> Group:
    table = network.epochs
    kinds = tables.table(
        f"{counted(table.epochs, 'epoch')} in {counted(len(table), 'block')}, {table.offload_share} on the NPU"
    )
    for name in ("kind", "epochs", "share", "", "where"):
        kinds.add_column(name, justify="right" if name in ("epochs", "share") else "left")
    for kind, count in table.counts.items():
        if count:
            colour, glyph = KIND_STYLES[kind]
            share = count / table.epochs
            kinds.add_row(
                f"[{colour}]{kind.name}[/]", str(count), f"{share:.1%}", bar(share, 16, glyph, colour), kind.doc
            )
    causes = ", ".join(f"{escape(name)} ({count})" for name, count in table.fallbacks.items())
    predicted = network.info.timer_source is TimerSource.LITERT_PROFILER
    note = [Text(PREDICTED.removeprefix("; "), style="yellow")] if predicted else []
    return Group(kinds, *note, Text.from_markup(f"\nOn the CPU: {causes or 'nothing'}"))
