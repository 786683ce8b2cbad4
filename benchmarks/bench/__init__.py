"""All speed measurements: one way to measure, one table, one JSON file. ``make bench`` runs ``python -m bench`` in this folder's parent.

``measure`` defines samples and alternating rounds; ``lines`` has the lines between a program and a device; ``workers`` runs each program in a process of
its own; ``programs/`` has n6link and the programs that it is compared with; ``groups/`` has what is measured.
"""
