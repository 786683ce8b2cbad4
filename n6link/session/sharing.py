"""A board that several programs share (``n6link serve``): its clients, and the exclusive use of a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from n6link.errors import DeviceError, RemoteProtocolError
from n6link.protocol import LeaseAction, MessageType, Role, Status, records
from n6link.protocol.codec import printable
from n6link.session.replies import decoding

MOST_CLIENTS: Final = 4096
"""maximum number of clients that a server can report"""

LONGEST_LEASE: Final = 600.0
"""seconds until a lease must be extended: the limit of a server"""


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """A program that is connected to the server of a board. All counts are since it connected."""

    id: int
    """number of the client, new for each connection"""
    name: str
    """name and version of its library"""
    read_only: bool
    rx_bytes: int
    """bytes received from it"""
    tx_bytes: int
    """bytes sent to it"""
    runs: int
    """successful inferences"""
    queued: int
    """inferences that wait or run"""
    leases: int
    """networks that it has leased"""
    waits: int
    """inferences that have waited in the server, until it was their turn or they were given up; 0 from a server with protocol 2.0"""
    waited: float
    """seconds of these waits in sum, by the clock of the server; the times of results are those of the board"""
    longest_wait: float
    """seconds of the longest one"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive use of a network."""

    remaining: float
    """seconds until it ends by itself"""
    own: bool
    """whether this program has it"""
    holder: str
    """name of the program that has it"""


async def read_clients(ask: Callable[[MessageType, bytes], Awaitable[bytes]]) -> tuple[ClientInfo, ...]:
    """The clients of a server.

    Args:
        ask: sends a request, and returns the payload of the answer.

    Raises:
        DeviceError: UNSUPPORTED: the device has one client.
        RemoteProtocolError: the pages contain a contradiction.
        N6Error: an error of ask.
    """
    found: list[records.ClientRecord] = []
    while len(found) < MOST_CLIENTS:
        payload = await ask(MessageType.CLIENTS, records.Clients(first=len(found)).pack())
        with decoding("CLIENTS"):
            page = records.ClientsReply.unpack(payload)
            new = records.ClientRecord.unpack_all(payload, page.count, page.head, page.record)
        found += new
        if not new or len(found) >= page.total:  # clients may leave meanwhile
            return tuple(map(_client, found))
    raise RemoteProtocolError(f"the server reports more than {MOST_CLIENTS} clients; restart it")


def _client(record: records.ClientRecord) -> ClientInfo:
    return ClientInfo(
        id=record.id,
        name=record.name,
        read_only=record.role == Role.READ_ONLY,
        rx_bytes=record.rx_bytes,
        tx_bytes=record.tx_bytes,
        runs=record.runs,
        queued=record.queued,
        leases=record.leases,
        waits=record.waits,
        waited=record.wait_us / 1e6,
        longest_wait=record.longest_us / 1e6,
    )


def lease_body(network: int, action: LeaseAction, seconds: float = 0.0) -> bytes:
    """The body of a LEASE."""
    return records.Lease(network=network, action=action, duration_ms=round(seconds * 1000)).pack()


def read_lease(payload: bytes) -> Lease | None:
    """The lease in a LEASE reply; None = the network is not leased.

    Raises:
        RemoteProtocolError: the reply is malformed.
    """
    with decoding("LEASE"):
        reply = records.LeaseReply.unpack(payload)
    if not reply.remaining_ms:
        return None
    return Lease(reply.remaining_ms / 1000, bool(reply.own), printable(payload[reply.head :]))


def not_free(network: str, lease: Lease) -> DeviceError:
    """The error of a lease that another program has."""
    return DeviceError(
        f"network {network!r} is leased by {lease.holder} for {lease.remaining:.1f} s more; try again then", Status.BUSY
    )
