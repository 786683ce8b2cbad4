"""The two boards: boot switches, external loader and flash.

Sources: the README files of ST's STM32N6-GettingStarted applications (switches, loaders, addresses), and the reference manual RM0486
(BOOT1 selects development boot; the pins are read at reset).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from n6link.errors import BadInput

FLASH: Final = 0x7000_0000
"""the external flash, memory mapped; the first stage boot loader is at its start"""
IMAGE: Final = 0x7010_0000
"""the signed image; the boot loader copies it to RAM"""
BLOCK: Final = 0x1_0000
"""STM32CubeProgrammer erases whole blocks of 64 KB of the flash: two files must not share one"""

LARGEST_STARTED: Final = 683_872
"""The largest signed image that ST ships for its boot loader (ObjectDetection, STM32N6570-DK). Nothing says what its limit is."""


@dataclass(frozen=True, slots=True)
class Board:
    """A board as its user sees it."""

    name: str
    """its preset in ``firmware/CMakePresets.json``"""
    product: str
    """as ST and STM32CubeProgrammer name it"""
    external_loader: str
    """file in STM32CubeProgrammer's folder ``ExternalLoader``"""
    flash_bytes: int
    connector: str
    """of the ST-Link"""
    development: str
    """boot switches to load and program"""
    from_flash: str
    """boot switches to start the programmed image"""
    sign: str
    """how development mode is seen; may be empty"""


BOARDS: Final = {
    board.name: board
    for board in (
        Board(
            name="stm32n6570-dk",
            product="STM32N6570-DK",
            external_loader="MX66UW1G45G_STM32N6570-DK.stldr",
            flash_bytes=128 << 20,
            connector="CN6",
            development="both boot switches (BOOT0, BOOT1) to the right",
            from_flash="both boot switches (BOOT0, BOOT1) to the left",
            sign="LED2 is on in development mode",
        ),
        Board(
            name="nucleo-n657x0-q",
            product="NUCLEO-N657X0-Q",
            external_loader="MX25UM51245G_STM32N6570-NUCLEO.stldr",
            flash_bytes=64 << 20,
            connector="CN9",
            development="jumper JP1 (BOOT0) in position 1, JP2 (BOOT1) in position 2",
            from_flash="jumpers JP1 (BOOT0) and JP2 (BOOT1) in position 1",
            sign="",
        ),
    )
}


def board(name: str) -> Board:
    """The board of a preset.

    Raises:
        BadInput: there is no such board.
    """
    try:
        return BOARDS[name]
    except KeyError:
        raise BadInput(f"there is no board {name!r}; use {' or '.join(BOARDS)}") from None
