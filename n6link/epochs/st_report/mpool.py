"""Reads a memory pool file (.mpool): the memory that the compiler may use."""

from __future__ import annotations

from typing import Final

from n6link.epochs.pools import Pool
from n6link.epochs.st_report.c_info import as_dict, count, dicts
from n6link.epochs.st_report.model import Report
from n6link.json_types import Json, JsonObject

_MAGNITUDES: Final = {"BYTES": 1, "KBYTES": 1024, "MBYTES": 1024**2, "GBYTES": 1024**3}


def is_mpool(document: JsonObject) -> bool:
    """Whether a JSON document is a memory pool file."""
    return isinstance(as_dict(document.get("memory")).get("mempools"), list)


def read_mpool(document: JsonObject, source: str) -> Report:
    """The report of a parsed memory pool file: pools without used bytes."""
    pools = (
        Pool(str(item.get("name", "")), _size(item.get("offset")), _size(item.get("size")), 0, 0, 0)
        for item in dicts(as_dict(document.get("memory")).get("mempools"))
    )
    return Report(source, ("mpool",), pools=tuple(sorted(pools, key=lambda pool: pool.base)))


def _size(value: Json) -> int:
    """A size with its magnitude; it may be written in hexadecimal."""
    item = as_dict(value)
    text = str(item.get("value", ""))
    try:
        number = int(text, 16) if text.lower().startswith("0x") else count(text)
    except ValueError:
        number = 0
    return count(number * _MAGNITUDES.get(str(item.get("magnitude")), 1))
