"""Numbers that n6link has learnt about a board (``learnt.ID`` of the settings file).

A settings file that cannot be read or written never prevents a connection: the reason is logged.
"""

from __future__ import annotations

import logging
from typing import Final

import anyio.to_thread

from n6link import settings
from n6link.errors import SettingsError

_logger: Final = logging.getLogger("n6link.device")


async def recall(unique_id: str, name: str) -> int:
    """A number that was stored for a board; 0 = none.

    Args:
        unique_id: of the chip, hexadecimal; empty = unknown.
        name: in the table ``learnt.ID``.
    """
    return await anyio.to_thread.run_sync(_recall, unique_id, name) if unique_id else 0


async def store(unique_id: str, name: str, number: int) -> None:
    """Stores a number for a board, if its unique id is known."""
    if unique_id:
        await anyio.to_thread.run_sync(_store, unique_id, name, number)


def _recall(unique_id: str, name: str) -> int:
    try:
        number = settings.load().learnt(unique_id).get(name)
    except SettingsError as error:
        _logger.warning("the %s of the line is not read: %s", name, error)
        return 0
    return number if isinstance(number, int) else 0


def _store(unique_id: str, name: str, number: int) -> None:
    try:
        settings.learn(unique_id, **{name: number})
    except SettingsError as error:
        _logger.warning("the %s of the line is not stored: %s", name, error)
