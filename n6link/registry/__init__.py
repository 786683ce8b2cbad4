"""The networks of a board's firmware: reads what ST Edge AI Core has generated, checks it, and writes the C registry.

::

    movenet = read_network("movenet", "st_ai_output")
    check_together([movenet], board="stm32n6570-dk")
    Path("registry.c").write_text(write_c([movenet]))

    :mod:`~n6link.registry.source`   one generated C file: epoch blocks, inputs, outputs, memory pools
    :mod:`~n6link.registry.network`  joined with its reports and card, and checked
    :mod:`~n6link.registry.emit`     as C, for ``firmware/npu/ll_aton.c``

A firmware cannot be asked what it was built from, so files that disagree are refused here, with the reason.
"""

from n6link.registry.emit import write_c
from n6link.registry.network import Network, check_together, read_network, runtime_version
from n6link.registry.source import Source, Tensor, read_source

__all__ = [
    "Network",
    "Source",
    "Tensor",
    "check_together",
    "read_network",
    "read_source",
    "runtime_version",
    "write_c",
]
