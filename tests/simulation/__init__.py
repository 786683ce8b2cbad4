"""A deterministic simulation: the core in C and the device in Python, in one process, in virtual time, on a line with faults.

========================  =====================================================================================
module                    what it is
========================  =====================================================================================
:mod:`.virtual_time`      an event loop whose time passes only when nothing else can happen
:mod:`.board`, board.c    the core, with small networks whose results show whether every byte arrived
:mod:`.faults`            what can go wrong on a line, drawn from a seed or given as a list
:mod:`.line`              one direction of a line: frames and bytes on their way through the faults
:mod:`.connection`        the host's end of the line, as a byte stream
:mod:`.bench`             a board and its line on the event loop, and what happens to them
:mod:`.outages`           times in which nothing can be expected of a line
:mod:`.sharing`           two programs at a server of the package, which has the board
:mod:`.rules`             what both ends must keep to, seen on the line
:mod:`.networks`          inputs for the networks of the board, and what they make of them
:mod:`.plan`              the scenario of a seed: configuration, workload, kind and number of faults
:mod:`.ledger`            every call: whether it ended in time, with the right result, after one execution
:mod:`.workloads`         what a program may do with a device
:mod:`.world`             runs a plan, and checks what must always hold
:mod:`.shrink`            finds the fewest faults with which a plan still fails, and writes them down as a test
:mod:`.__main__`          many seeds: ``make simulate SEEDS=0:10000``
========================  =====================================================================================
"""
