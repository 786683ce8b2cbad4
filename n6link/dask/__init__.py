"""Boards on many computers, for batches: Dask distributes the inputs, and a pool on each computer runs them. Extra ``dask``.

::

    from distributed import Client
    import n6link.dask

    client = Client("tcp://scheduler:8786")
    client.register_plugin(n6link.dask.Boards())           # each worker opens all boards of its computer
    for poses in n6link.dask.map(client, "movenet13", pictures):
        ...

A worker that has boards offers the resource ``n6link``, and only such workers get inputs. Where the boards belong to the farm and not to a
program, start the workers with ``dask worker tcp://scheduler:8786 --preload n6link.dask``; they then open the boards in N6LINK_URL,
which are separated by commas and spaces, or all boards.

n6link must be installed for the client, the scheduler and the workers, in the same version.
"""

from __future__ import annotations

from n6link.errors import requires

with requires("n6link.dask", "distributed", "dask"):
    import distributed as _  # noqa: F401

from n6link.dask.mapping import Described, describe, map, offered
from n6link.dask.worker import Answer, Boards, dask_setup, plain

__all__ = ["Answer", "Boards", "Described", "dask_setup", "describe", "map", "offered", "plain"]
