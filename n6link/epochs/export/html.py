"""The HTML of all reports: one self-contained page, without scripts, fonts and links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Template
from typing import Final

from n6link.colours import WARNING_COLOUR

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1d2129; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; } .soft { color: #5f6775; }
.simulated { background: #fdf0e8; border-left: 4px solid $warning; padding: .5rem .8rem; margin: 1rem 0; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
.figures div { border: 1px solid #dfe3e8; border-radius: 6px; padding: .5rem .9rem; }
.figures b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #dfe3e8; white-space: nowrap; }
th.name, td.name { text-align: left; white-space: normal; } th { color: #5f6775; font-weight: 600; }
td i { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .45em; }
</style>
</head>
<body>
$body
</body>
</html>
""")


def document(title: str, *parts: str) -> str:
    """A page; title and parts are HTML. Empty parts are omitted."""
    return _PAGE.substitute(title=title, warning=WARNING_COLOUR, body="\n".join(part for part in parts if part))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose first column is text; cells are HTML. On a narrow screen it scrolls, and not the page."""
    first, *others = head
    lines = [f'<tr><th class="name">{first}</th>' + "".join(f"<th>{name}</th>" for name in others) + "</tr>"]
    for row in rows:
        name, *cells = row
        lines.append(f'<tr><td class="name">{name}</td>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"


def boxes(values: Mapping[str, str]) -> str:
    """Large figures by name."""
    return (
        '<div class="figures">'
        + "".join(f"<div><b>{value}</b>{name}</div>" for name, value in values.items())
        + "</div>"
    )


def soft(text: str) -> str:
    """A paragraph in grey."""
    return f'<p class="soft">{text}</p>'


def warning(text: str) -> str:
    """A paragraph that is marked."""
    return f'<p class="simulated">{text}</p>'
