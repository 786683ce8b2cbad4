"""A profile as one self-contained HTML page: without scripts, fonts and links."""

from __future__ import annotations

from typing import Final

from n6link.epochs.export.html import boxes, document, soft, table, warning
from n6link.epochs.export.picture import COLOURS, clean, milliseconds, picture
from n6link.epochs.offload import OVERHEAD
from n6link.epochs.profile import SPREAD, Profile
from n6link.epochs.timers import STAGES
from n6link.protocol import EpochKind

_BANNER: Final = "These times are <b>simulated</b>. They were measured on no STM32N6 board, and say nothing about one."
_END: Final = (
    "NPU offload is given twice: by count, the share of epochs that run wholly on the NPU, and by time, the share of\n"
    "the inference that the NPU computes. Written by n6link."
)


def page(profile: Profile) -> str:
    """The profile as HTML text."""
    network, board, origin = clean(profile.network), clean(profile.board), clean(profile.origin, 120)
    return document(
        f"{network}: epoch profile",
        f"<h1>{network}</h1>",
        soft(f"{board} &middot; {profile.runs} runs &middot; times: {origin}"),
        warning(_BANNER) if profile.simulated else "",
        _figures(profile),
        picture(profile),
        "<h2>Time by kind</h2>",
        _kinds(profile),
        _fallbacks(profile),
        _repeats(profile),
        "<h2>Stages that the host saw</h2>",
        _stages(profile),
        "<h2>Blocks</h2>",
        _blocks(profile),
        soft(_END),
    )


def _figures(profile: Profile) -> str:
    spread, counts = profile.inference, profile.table.counts
    values = {
        "median": milliseconds(float(spread.median)),
        "95th percentile": milliseconds(float(spread.p95)),
        "fastest": milliseconds(float(spread.min)),
        "slowest": milliseconds(float(spread.max)),
        "epochs": str(profile.table.epochs),
        "SW epochs": str(counts[EpochKind.SW]),
        "hybrid epochs": str(counts[EpochKind.HYBRID]),
        "offload by count": profile.table.offload_share,
        "offload by time": f"{profile.offload_by_time:.1%}",
        "without overhead": f"{profile.use.offload_without_overhead:.1%}",
    }
    return boxes(values)


def _swatch(kind: str) -> str:
    return f'<i style="background:{COLOURS[kind]}"></i>{kind}'


def _kinds(profile: Profile) -> str:
    whole, counts, blocks = float(profile.durations.mean()), profile.table.counts, profile.table.block_counts
    rows: list[tuple[str, ...]] = []
    for name, share in profile.by_kind().items():
        kind = None if name == OVERHEAD else EpochKind[name]
        if share or (kind is not None and blocks[kind]):
            numbers = (str(blocks[kind]), str(counts[kind])) if kind is not None else ("", "")
            meaning = "runtime, between the blocks" if kind is None else clean(kind.doc)
            rows.append((f"{_swatch(name)}: {meaning}", *numbers, milliseconds(share * whole), f"{share:.1%}"))
    return table(("Kind", "Blocks", "Epochs", "Time", "Share"), rows)


def _fallbacks(profile: Profile) -> str:
    whole = float(profile.durations.mean()) or float("nan")
    rows = [
        (clean(name, 120), str(epochs), milliseconds(seconds), f"{seconds / whole:.1%}")
        for name, (epochs, seconds) in profile.fallbacks().items()
    ]
    shown = table(("Operation", "Epochs", "Time", "Share"), rows)
    return f"<h2>What falls back to the CPU</h2>\n{shown}" if rows else ""


def _repeats(profile: Profile) -> str:
    rows: list[tuple[str, ...]] = []
    for repeat, seconds in profile.repeats():
        each = f"{milliseconds(min(seconds))} to {milliseconds(max(seconds))}"
        rows.append((clean(str(repeat), 400), str(len(repeat.fallbacks)), each, milliseconds(sum(seconds))))
    shown = table(("Blocks that repeat", "CPU steps each", "One copy", "All"), rows)
    return f"<h2>Repeats</h2>\n{shown}" if rows else ""


def _stages(profile: Profile) -> str:
    mean = profile.stages.mean(axis=0).tolist()
    rows = [(name, milliseconds(seconds)) for name, seconds in zip(STAGES, mean, strict=True) if seconds]
    return table(("Stage", "Mean"), rows)


def _blocks(profile: Profile) -> str:
    rows: list[tuple[str, ...]] = []
    for block, row in zip(profile.table.blocks, profile.rows(), strict=True):
        times = (milliseconds(row[f"{name}_s"]) for name in SPREAD)
        cycles = f"{row['estimated_total']:,}" if row["estimated_total"] else ""
        name = f"{_swatch(row['kind'])} {block.span} {clean(block.operation, 120)}"
        rows.append((name, *times, f"{row['share']:.1%}", cycles))
    return table(("Block", *SPREAD, "Share", "Estimated cycles"), rows)
