"""The part that runs in the program: inputs to the workers, and answers back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, Final, cast

import numpy as np
from distributed import Client, KilledWorker

from n6link.dask import worker
from n6link.dask.worker import CHUNK, RESOURCE, Answer, Options
from n6link.errors import BadInput, N6Error, NoDeviceError, TransportError
from n6link.result import Result
from n6link.tensors.card import Card
from n6link.tensors.inputs import Data
from n6link.tensors.tensor import TensorSpec

CHUNK_BYTES: Final = 4_000_000
"""bytes of the inputs of a task at most, if there is more than one; Dask warns from 10 MB"""
AHEAD: Final = 1.5
"""tasks for each one that the workers can run at a time: the next ones are there when it ends"""
LOOK: Final = 0.5
"""seconds between two looks at the scheduler while an answer is awaited"""


@dataclass(frozen=True, slots=True)
class Described:
    """A network, as the workers' boards have it."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    card: Card | None
    card_problem: str
    digest: int
    board: str
    """name of the kind of board"""
    simulated: bool


def offered(client: Client) -> int:
    """Number of tasks that the workers with boards run at the same time; 0 = no worker has boards.

    Raises:
        TransportError: the scheduler does not answer.
    """
    if client.status != "running":
        raise _vanished(client)
    own: Any = client  # its types are not complete, here and below
    try:
        workers: dict[str, Any] = own.scheduler_info()["workers"]
    except (OSError, CancelledError) as error:
        raise _vanished(client) from error
    return int(sum(each["resources"].get(RESOURCE, 0) for each in workers.values()))


def describe(client: Client, network: str, *, patience: float = 10.0) -> Described:
    """A network of the workers' boards.

    Args:
        client: of the scheduler.
        network: its name.
        patience: seconds for which a worker with boards is waited for.

    Raises:
        UnknownName: the boards do not have the network.
        BoardsDiffer: the boards of a worker have different networks of this name.
        NoDeviceError: no worker has boards.
        TransportError: the scheduler was lost.
    """
    task = _Task(client, _describe, network)
    try:
        described: Described | N6Error = _wait([task], patience)
    finally:
        task.cancel()
    if isinstance(described, N6Error):
        raise described
    return described


def _describe(network: str) -> Described | N6Error:
    pool = worker.pool_of_worker()
    try:
        net = pool[network]
        info, device = net.info, net.info.device
        return Described(
            info.name,
            dict(info.inputs),
            dict(info.outputs),
            info.card,
            info.card_problem,
            info.digest,
            device.board,
            device.simulated,
        )
    except N6Error as error:
        return error


def map(
    client: Client,
    network: str,
    inputs: Iterable[Data],
    *,
    each: Callable[[Result], Any] = worker.plain,
    reduce: bool | None = None,
    options: Mapping[str, object] | None = None,
    encode: str | None = None,
    patience: float = 10.0,
) -> Iterator[Any]:
    """Runs a network on many inputs, on the boards of all workers; the results are those of one board, in the order of the inputs.

    A worker or a board that is lost loses nothing: its inputs are run elsewhere. Only some inputs per worker are read ahead.

    Args:
        client: of the scheduler; not an asynchronous one.
        network: its name.
        inputs: as for :meth:`n6link.N6Pool`; a path is read by a worker, so the file must exist there.
        each: makes what is returned from a result, on the worker, such as ``Result.poses``. Default: the decoded result, or copies of the
            outputs without a decoder.
        reduce: as for :meth:`n6link.Network.run`.
        options: as for :meth:`n6link.Network.run`.
        encode: as for :meth:`n6link.Network.run`.
        patience: seconds for which a worker with boards is waited for.

    Yields:
        What ``each`` has made, for each input.

    Raises:
        BadInput: an input cannot be used, its number is in the notes of the exception; or the workers cannot read ``each``.
        NoDeviceError: no worker has boards for ``patience`` seconds.
        TransportError: the scheduler was lost, or inputs have ended several workers.
        N6Error: otherwise as :meth:`n6link.Network.run`.
    """
    how = Options(each, reduce, options, encode)
    for number, answer in enumerate(answers(client, network, inputs, how, patience=patience)):
        if answer.error:
            answer.error.add_note(f"input {number} of the map")
            raise answer.error
        yield answer.value


def answers(
    client: Client, network: str, inputs: Iterable[Data], how: Options, *, patience: float = 10.0
) -> Iterator[Answer]:
    """The same as :func:`map`, with the board and the times of each answer, and with errors of inputs as values."""
    if client.asynchronous:
        raise BadInput("n6link.dask needs a client that is not asynchronous; use Client(address)")
    describe(client, network, patience=patience)  # a wrong name is reported before any input is sent
    chunks = _chunks(inputs)
    waiting: deque[_Task] = deque()
    ended = False
    try:
        while True:
            while not ended and len(waiting) < AHEAD * max(offered(client), 1):
                chunk = next(chunks, None)
                if chunk is None:
                    ended = True
                else:
                    waiting.append(_Task(client, worker.run, network, chunk, how))
            if not waiting:
                return
            yield from _wait(waiting, patience)
            waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()


_numbers: Final = count()


class _Task:
    """A call on a worker with boards."""

    def __init__(self, client: Client, function: Callable[..., Any], *arguments: Any) -> None:
        self.client: Any = client
        self.future: Any = None
        self._call = function, *arguments
        self.submit()

    def submit(self) -> None:
        """Gives it to the scheduler, perhaps again."""
        if self.client.status != "running":
            raise _vanished(self.client)
        key = f"n6link-{self.client.id}-{next(_numbers)}"
        self.future = self.client.submit(*self._call, key=key, resources={RESOURCE: 1}, pure=False)

    def cancel(self) -> None:
        """It is not needed any more."""
        if self.client.status == "running":
            self.future.cancel()


def _wait(tasks: Sequence[_Task], patience: float) -> Any:
    """The result of the first task, as soon as it is there; the others follow it."""
    first, client = tasks[0], tasks[0].client
    nobody_since: float | None = None
    while True:
        try:
            return first.future.result(timeout=LOOK)
        except TimeoutError:
            pass
        except CancelledError as error:
            raise _vanished(client) from error
        except KilledWorker as error:
            raise TransportError(
                f"a task with inputs has ended {error.allowed_failures + 1} workers one after the other; see their logs"
            ) from error
        except RuntimeError as error:
            raise BadInput(
                f"the workers cannot read the function or an input: {str(error).splitlines()[0]}; use functions of modules that they have, or a lambda"
            ) from error
        if offered(client):
            if nobody_since is not None:
                # The scheduler does not look again at tasks for which there was no worker.
                for task in tasks:
                    if not task.future.done():
                        task.cancel()
                        task.submit()
            nobody_since = None
            continue
        nobody_since = monotonic() if nobody_since is None else nobody_since
        if monotonic() - nobody_since >= patience:
            raise NoDeviceError(
                f"no worker of {_address(client)} has had boards for {patience:g} s; start workers where boards are connected, "
                "with dask worker --preload n6link.dask, or register n6link.dask.Boards"
            )


def _vanished(client: Client) -> TransportError:
    return TransportError(f"the scheduler {_address(client)} was lost; start it again, and run the rest")


def _address(client: Client) -> str:
    own: Any = client
    return str(own.scheduler.address) if own.scheduler else "of this client"


def _chunks(inputs: Iterable[Data]) -> Iterator[Sequence[Data]]:
    chunk: list[Data] = []
    size = 0
    for data in inputs:
        weight = _weight(data)
        if chunk and (len(chunk) == CHUNK or size + weight > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(data)
        size += weight
    if chunk:
        yield chunk


def _weight(data: object) -> int:
    """About how many bytes an input has."""
    if isinstance(data, bytes | bytearray):
        return len(data)
    if isinstance(data, np.ndarray):
        return data.nbytes
    if isinstance(data, Mapping):
        return sum(_weight(value) for value in cast("Mapping[str, object]", data).values())
    width, height = getattr(data, "width", 0), getattr(data, "height", 0)
    return 3 * width * height if isinstance(width, int) and isinstance(height, int) else 0
