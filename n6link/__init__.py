"""Use the neural networks of an STM32N6 board from Python, over a serial link, as if they were local.

See the README for a tour, ``protocol.md`` for the wire, and :mod:`n6link.errors` for every exception.
"""
