"""The error of a reply that cannot be used."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from n6link.errors import RemoteProtocolError


@contextmanager
def decoding(what: str) -> Generator[None]:
    """A block that decodes the reply to a request.

    Args:
        what: the request.

    Raises:
        RemoteProtocolError: the block raised a ValueError, because the reply is malformed.
    """
    try:
        yield
    except ValueError as error:
        raise RemoteProtocolError(f"the device's reply to {what} cannot be used: {error}") from error
