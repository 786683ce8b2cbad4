"""What the page shows about a board: plain values, with figures as text in the format of all commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from n6link.colours import KIND_COLOURS, OVERHEAD_COLOUR
from n6link.console import clock, counted, duration, hertz, rate, short, size
from n6link.epochs.offload import OVERHEAD
from n6link.epochs.timers import STAGE_MEANINGS, STAGES
from n6link.json_types import Json
from n6link.monitor.view import ClientRow, EpochSummary, Identity, LinkRow, View

LOG_LINES = 40
"""newest lines of the log that the page shows"""


def percent(share: float) -> str:
    """``12.3 %``."""
    return f"{100 * share:.1f} %"


def styles() -> str:
    """The colours of epoch kinds as CSS: ``--kind-SW`` and so on."""
    colours = {kind.name: colour for kind, colour in KIND_COLOURS.items()} | {OVERHEAD: OVERHEAD_COLOUR}
    return (
        ":root {\n"
        + "".join(f"  --kind-{name}: {colour};\n" for name, colour in colours.items())
        + "}\n"
        + "".join(f'[data-kind="{name}"] {{ --kind: var(--kind-{name}); }}\n' for name in colours)
    )


def board(view: View) -> Mapping[str, Json]:
    """The state of a board, its networks, epochs, link, memory and log."""
    return {
        "topic": "board",
        "state": view.state,
        "since": clock(view.state_seconds),
        "reason": view.reason,
        "board": _identity(view.identity) if view.identity else None,
        "facts": _facts(view) if view.identity else [],
        "networks": [
            {
                "name": row.name,
                "runs": row.runs,
                "rate": f"{row.per_second:.1f}",
                "median": duration(row.p50 or 0.0),
                "errors": row.errors,
            }
            for row in view.networks
        ],
        "programs": [_program(row) for row in view.clients],
        "epochs": _epochs(view, view.summary) if view.summary else None,
        "pools": [
            {
                "name": pool.name,
                "text": f"{size(pool.used)} of {size(pool.total)}",
                "share": pool.used / pool.total if pool.total else 0.0,
            }
            for pool in view.pools
        ],
        "link": _link(view.link) if view.link else [],
        "log": [
            {"at": "" if line.at is None else clock(line.at), "level": line.level, "text": line.text}
            for line in view.log[-LOG_LINES:]
        ],
    }


def _identity(identity: Identity) -> Mapping[str, Json]:
    return {
        "name": identity.board,
        "url": identity.url,
        "id": identity.unique_id,
        "firmware": identity.firmware,
        "protocol": identity.protocol,
        "simulated": identity.simulated,
    }


def _program(row: ClientRow) -> Mapping[str, Json]:
    """A program that shares the board."""
    return {
        "name": row.name + (" (reads)" if row.read_only else ""),
        "rate": f"{row.per_second:.1f}",
        "waiting": row.queued,
        "wait": duration(row.wait or 0.0),
        "leases": row.leases,
    }


def _facts(view: View) -> list[Json]:
    """Name and text of single figures."""
    facts: list[Json] = []
    if view.cpu_hz:
        facts.append(["CPU", hertz(view.cpu_hz)])
    if view.npu_hz:
        facts.append(["NPU", hertz(view.npu_hz)])
    if view.temperature is not None:
        facts.append(["temperature", f"{view.temperature:.0f} °C"])
    if view.identity and view.identity.baud:
        facts.append(["line", f"{view.identity.baud} baud"])
    facts += [
        ["running since", clock(view.uptime)],
        ["queue", str(view.queue)],
        ["free buffers", size(view.free_bytes)],
    ]
    return facts


def _epochs(view: View, summary: EpochSummary) -> Mapping[str, Json]:
    """The blocks in the order of the network, and the sums of their kinds."""
    kinds: list[Json] = [
        {
            "kind": row.kind.name,
            "text": percent(row.share) if summary.runs else counted(row.blocks, "block"),
            "meaning": row.kind.doc,
        }
        for row in summary.kinds
        if row.blocks
    ]
    if summary.runs:
        meaning = "time of the runtime between the blocks"
        kinds.append({"kind": OVERHEAD, "text": percent(summary.overhead), "meaning": meaning})
    return {
        "network": summary.network,
        "runs": summary.runs,
        "origin": summary.origin,
        "kinds": kinds,
        "overhead": summary.overhead if summary.runs else 0.0,
        "offload": [
            [what, percent(share)]
            for what, share in (
                ("of the epochs", summary.offload_by_count),
                ("of the time", summary.offload_by_time),
                ("of the time without overhead", summary.offload_without_overhead),
            )
            if share is not None
        ],
        "blocks": [
            {
                "kind": row.kind.name,
                "label": row.label,
                "operation": row.operation,
                "text": duration(row.seconds),
                "share": row.share,
            }
            for row in view.epochs
        ],
    }


def _link(link: LinkRow) -> list[Json]:
    """Name, text, and whether it is a fault that happened."""

    def traffic(bytes_per_second: float, share: float | None) -> str:
        return rate(bytes_per_second) + (f", {100 * share:.0f} % of the line" if share is not None else "")

    figures: list[Json] = [
        ["to the board", traffic(link.up, link.up_share), False],
        ["from the board", traffic(link.down, link.down_share), False],
        ["round trip", duration(link.round_trips[-1]) if link.round_trips else "-", False],
        ["searches for a frame", short(link.resyncs), False],  # the start of a connection is one
    ]
    counts = (
        ("damaged frames", link.errors),
        ("requests for missing chunks", link.naks),
        ("sent again", link.retransmits),
        ("received twice", link.duplicates),
    )
    return figures + [[name, short(count), count > 0] for name, count in counts]


def budget(stages: Sequence[float], results: int, per_second: float) -> Mapping[str, Json]:
    """The mean times of the stages of a result, one bar after the other.

    Args:
        stages: seconds of each of the STAGES.
        results: number of results in the mean.
        per_second: results per second; 0 = unknown.
    """
    total = sum(stages)
    begin = 0.0
    rows: list[Json] = []
    for name, meaning, seconds in zip(STAGES, STAGE_MEANINGS, stages, strict=True):
        share = seconds / total if total else 0.0
        rows.append({"name": name, "meaning": meaning, "text": duration(seconds), "begin": begin, "share": share})
        begin += share
    return {
        "topic": "budget",
        "total": duration(total),
        "results": results,
        "rate": f"{per_second:.1f}" if per_second else "",
        "stages": rows,
    }
