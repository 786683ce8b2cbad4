"""A profile as one self-contained HTML page: without scripts, fonts and links."""

from __future__ import annotations

from collections.abc import Iterable
from string import Template
from typing import Final

from n6link.epochs.export.picture import COLOURS, clean, milliseconds, picture
from n6link.epochs.offload import OVERHEAD
from n6link.epochs.profile import SPREAD, Profile
from n6link.epochs.timers import STAGES
from n6link.protocol import EpochKind

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$network: epoch profile</title>
<style>
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1d2129; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; } .soft { color: #5f6775; }
.simulated { background: #fdf0e8; border-left: 4px solid #d55e00; padding: .5rem .8rem; margin: 1rem 0; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
.figures div { border: 1px solid #dfe3e8; border-radius: 6px; padding: .5rem .9rem; }
.figures b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #dfe3e8; white-space: nowrap; }
th.name, td.name { text-align: left; white-space: normal; } th { color: #5f6775; font-weight: 600; }
td i { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .45em; }
</style>
</head>
<body>
<h1>$network</h1>
<p class="soft">$board &middot; $runs runs &middot; times: $origin</p>
$banner
<div class="figures">$figures</div>
$picture
<h2>Time by kind</h2>
$kinds
$fallbacks
$repeats
<h2>Stages that the host saw</h2>
$stages
<h2>Blocks</h2>
$blocks
<p class="soft">NPU offload is given twice: by count, the share of epochs that run wholly on the NPU, and by time, the share of
the inference that the NPU computes. Written by n6link.</p>
</body>
</html>
""")
_BANNER: Final = '<p class="simulated">These times are <b>simulated</b>. They were measured on no STM32N6 board, and say nothing about one.</p>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose first column is text; cells are HTML."""
    first, *others = head
    lines = [f'<tr><th class="name">{first}</th>' + "".join(f"<th>{name}</th>" for name in others) + "</tr>"]
    for row in rows:
        name, *cells = row
        lines.append(f'<tr><td class="name">{name}</td>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def page(profile: Profile) -> str:
    """The profile as HTML text."""
    marks = {
        "network": clean(profile.network),
        "board": clean(profile.board),
        "origin": clean(profile.origin, 120),
        "runs": str(profile.runs),
        "banner": _BANNER if profile.simulated else "",
    }
    parts = {
        "figures": _figures(profile),
        "picture": picture(profile),
        "kinds": _kinds(profile),
        "fallbacks": _fallbacks(profile),
        "repeats": _repeats(profile),
        "stages": _stages(profile),
        "blocks": _blocks(profile),
    }
    return _PAGE.substitute(marks | parts)


def _figures(profile: Profile) -> str:
    spread, counts = profile.inference, profile.table.counts
    figures = {
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
    return "".join(f"<div><b>{value}</b>{name}</div>" for name, value in figures.items())


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
    return _table(("Kind", "Blocks", "Epochs", "Time", "Share"), rows)


def _fallbacks(profile: Profile) -> str:
    whole = float(profile.durations.mean()) or float("nan")
    rows = [
        (clean(name, 120), str(epochs), milliseconds(seconds), f"{seconds / whole:.1%}")
        for name, (epochs, seconds) in profile.fallbacks().items()
    ]
    table = _table(("Operation", "Epochs", "Time", "Share"), rows)
    return f"<h2>What falls back to the CPU</h2>\n{table}" if rows else ""


def _repeats(profile: Profile) -> str:
    rows: list[tuple[str, ...]] = []
    for repeat, seconds in profile.repeats():
        each = f"{milliseconds(min(seconds))} to {milliseconds(max(seconds))}"
        rows.append((clean(str(repeat), 400), str(len(repeat.fallbacks)), each, milliseconds(sum(seconds))))
    table = _table(("Blocks that repeat", "CPU steps each", "One copy", "All"), rows)
    return f"<h2>Repeats</h2>\n{table}" if rows else ""


def _stages(profile: Profile) -> str:
    mean = profile.stages.mean(axis=0).tolist()
    rows = [(name, milliseconds(seconds)) for name, seconds in zip(STAGES, mean, strict=True) if seconds]
    return _table(("Stage", "Mean"), rows)


def _blocks(profile: Profile) -> str:
    rows: list[tuple[str, ...]] = []
    for block, row in zip(profile.table.blocks, profile.rows(), strict=True):
        times = (milliseconds(row[f"{name}_s"]) for name in SPREAD)
        cycles = f"{row['estimated_total']:,}" if row["estimated_total"] else ""
        name = f"{_swatch(row['kind'])} {block.span} {clean(block.operation, 120)}"
        rows.append((name, *times, f"{row['share']:.1%}", cycles))
    return _table(("Block", *SPREAD, "Share", "Estimated cycles"), rows)
