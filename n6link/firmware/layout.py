"""What is where in flash, and whether everything has its own place there.

STM32CubeProgrammer erases whole blocks before it writes: two files in one block would overwrite each other although their
bytes do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from n6link.errors import BadInput
from n6link.firmware.boards import BLOCK, FLASH, IMAGE, Board
from n6link.firmware.folder import Placed
from n6link.registry.network import Network

HEADER: Final = 1024
"""Bytes that the signing tool puts before the image."""
_AGAIN: Final = "generate it again with a memory pool file for this board (option --st-neural-art)"


def check_weights(networks: Iterable[Network], board: Board) -> None:
    """Checks that the weights of each network are complete, and at addresses of the board's flash.

    Raises:
        BadInput: they are not.
    """
    end = FLASH + board.flash_bytes
    for network in networks:
        known = {part.pool: part for part in network.parts}
        for pool in network.weights:
            if pool.name not in known:
                raise BadInput(
                    f"the weights of {network.name} in {pool.name} are not next to {network.source.path}; copy the file "
                    f"*.{dict(network.source.postfixes).get(pool.name, 'xSPI2')}.raw of the same run of stedgeai generate there"
                )
            begin, stop = pool.base, pool.base + len(known[pool.name].content)
            if not FLASH <= begin < end:
                raise BadInput(
                    f"the weights of {network.name} are at {begin:#x} ({pool.name}), where {board.product} has no flash; {_AGAIN}"
                )
            if stop > end:
                raise BadInput(
                    f"the weights of {network.name} end at {stop:#x}, but the flash of {board.product} ends at {end:#x}; {_AGAIN}"
                )


def check_places(image: Placed, weights: Iterable[Placed]) -> None:
    """Checks that no two files need the same block of the flash.

    Raises:
        BadInput: two do; the message names both.
    """
    regions = [(FLASH, IMAGE, "the first stage boot loader"), (IMAGE, IMAGE + HEADER + image.size, "the signed image")]
    regions += [(one.address, one.address + one.size, f"the {one.what}") for one in weights]
    regions.sort()
    for (_, end, one), (begin, _, other) in pairwise(regions):
        if begin < end:
            raise BadInput(
                f"{other} at {begin:#x} and {one}, which ends at {end:#x}, overlap; generate the network with another offset of its "
                "flash pool"
            )
        if (end - 1) // BLOCK == begin // BLOCK:
            raise BadInput(
                f"{other} at {begin:#x} and {one}, which ends at {end:#x}, are in the same block of {BLOCK >> 10} KB, and programming one "
                f"erases the other; generate the network with a flash pool from {-(-end // BLOCK) * BLOCK:#x} on"
            )
