"""Whether the boards of a pool compute the same values: each must have the same network, and give the same outputs for the same input.

The input is the golden input that the firmware stores (``n6link check --store``), which costs no upload and no download. Where it stores none, it is
a fixed mosaic, which is encoded in a few kilobytes, for a network that takes pictures, and fixed noise for others. If the firmware also stores the digest of right outputs, this digest decides. Else the majority of the boards decides; if
there is none, nobody can say which board is right, and the network cannot be used in this pool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import anyio

from n6link.errors import BoardsDiffer, CardError, DeviceError, MissingExtra
from n6link.network import Network
from n6link.pool.board import Board
from n6link.protocol import CheckState, Status
from n6link.result import Result
from n6link.session.info import NetworkInfo
from n6link.tensors.golden import digest
from n6link.tensors.image import PictureInput
from n6link.tensors.inputs import as_raw
from n6link.tensors.noise import mosaic, noise

SEED: Final = 6
"""of the input for networks without a golden input"""

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Proof:
    """The digest of a network's outputs on one board."""

    digest: int
    right: bool | None
    """what the firmware says about it; None = it does not know"""


async def prove(network: Network) -> Proof:
    """Runs the check of a network.

    Raises:
        N6Error: as for an inference.
    """
    try:
        check = await network.check()
    except DeviceError as error:
        if error.status != Status.UNSUPPORTED:
            raise
        result = await _run(network)
        return Proof(digest(result.outputs), None)
    return Proof(check.digest, {CheckState.SAME: True, CheckState.DIFFERENT: False}.get(check.state))


async def _run(network: Network) -> Result:
    if len(network.inputs) == 1:
        (spec,) = network.inputs.values()
        with suppress(CardError, MissingExtra):  # it does not take pictures, or not from this computer
            size = PictureInput(spec, network.card).size
            return await network.run(mosaic(size, SEED), reduce=False, timers=False)
    given = {name: noise(spec, SEED) for name, spec in network.inputs.items()}
    return await network.run(as_raw(given), reduce=False, timers=False)


def majority(votes: Iterable[T]) -> T | None:
    """What has more votes than anything else; None if two have as many."""
    counts = Counter(votes).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


class Jury:
    """Decides which outputs of one network are right. Boards that come later are compared with the decision.

    Args:
        network: its name.
        voters: boards that will vote or withdraw.
    """

    def __init__(self, network: str, voters: Iterable[Board]) -> None:
        self.network = network
        self._awaited = set(voters)
        self._votes: dict[Board, int] = {}
        self._right: int | None = None
        self._decided = anyio.Event()

    async def judge(self, board: Board, proof: Proof) -> str:
        """What is wrong with a board; empty = nothing. Waits for the votes of the others.

        Raises:
            BoardsDiffer: nothing says which boards are right.
        """
        if proof.right:
            self._right = proof.digest
            self._decided.set()
        elif proof.right is False:
            self.withdraw(board)
            return (
                f"the golden check of network {self.network!r} failed: the outputs have the digest {proof.digest:08x}, and not "
                "the one that the firmware stores; find the cause with n6link check"
            )
        elif not self._decided.is_set():
            self._votes[board] = proof.digest
            self.withdraw(board)
            await self._decided.wait()
        if self._right is None and self._votes.keys() <= {board}:
            self._right = proof.digest  # the first board that votes at all
        if self._right is None:
            shown = ", ".join(f"{each.url}: {vote:08x}" for each, vote in self._votes.items())
            raise BoardsDiffer(
                f"the boards of the pool give different outputs of network {self.network!r} for the same input, and the firmware "
                f"does not store which are right ({shown}); store them with n6link check --store, or remove the wrong boards"
            )
        if proof.digest != self._right:
            return (
                f"its outputs of network {self.network!r} for the check input have the digest {proof.digest:08x}, and those of the "
                f"other boards {self._right:08x}; find the cause with n6link check"
            )
        return ""

    def withdraw(self, board: Board) -> None:
        """A board has voted, or does not vote."""
        self._awaited.discard(board)
        if self._decided.is_set():
            return
        best, votes = next(iter(Counter(self._votes.values()).most_common(1)), (None, 0))
        if 2 * votes > len(self._votes) + len(self._awaited):  # whatever the others say
            self._right = best
            self._decided.set()
        elif not self._awaited:
            self._right = majority(self._votes.values())
            self._decided.set()


class Agreement:
    """What the networks of a pool are: decided by the boards that were present when it was opened."""

    def __init__(self) -> None:
        self.networks: dict[str, NetworkInfo] = {}
        self.problems: dict[str, BoardsDiffer] = {}
        self.juries: dict[str, Jury] = {}

    def decide(self, present: Sequence[tuple[str, NetworkInfo]]) -> None:
        """Chooses the network of each name.

        Args:
            present: the networks of all boards, each with the URL of its board.
        """
        for name in dict.fromkeys(info.name for _, info in present):
            found = [(url, info) for url, info in present if info.name == name]
            chosen = majority(info.digest for _, info in found)
            if chosen is None:
                shown = ", ".join(f"{url}: {info.digest:08x}" for url, info in found)
                self.problems[name] = BoardsDiffer(
                    f"the boards of the pool have different networks of the name {name!r} ({shown}); use boards with the same firmware"
                )
            else:
                self.networks[name] = next(info for _, info in found if info.digest == chosen)

    def refusal(self, info: NetworkInfo) -> str:
        """Why a network of a board is not used; empty = it is."""
        mine = self.networks.get(info.name)
        if mine is None:
            return "" if info.name not in self.problems else str(self.problems[info.name])
        if mine.digest == info.digest:
            return ""
        return (
            f"it has another network {info.name!r}, with the digest {info.digest:08x}, than the pool, {mine.digest:08x}; "
            "program the same firmware"
        )
