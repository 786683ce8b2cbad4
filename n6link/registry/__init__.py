"""The networks of a board's firmware: reads the output of ST Edge AI Core, checks it, and writes the C registry.

::

    movenet = read_network("movenet", "st_ai_output")
    check_together([movenet], board="stm32n6570-dk")
    Path("registry.c").write_text(write_c([movenet]))

    :mod:`~n6link.registry.source`   one generated C file: epoch blocks, inputs, outputs, memory pools
    :mod:`~n6link.registry.network`  a network with its reports and card, checked
    :mod:`~n6link.registry.emit`     the C source for ``firmware/npu/ll_aton.c``

A firmware does not contain information about its source files. Files that contradict each other are therefore refused here, with the
reason.
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
