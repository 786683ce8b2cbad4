"""Boards for other computers, over Zenoh: ``n6link bridge``.

============  ======================================================================================================
``link``      the session with Zenoh, and its addresses
``inbox``     what arrives on the threads of Zenoh, for the event loop
``payloads``  what a message contains, and what is sent back
``stream``    pictures that are published, and the results that are published for them
``ros``       a node of ROS 2
``board``     the keys of one board
``serve``     all of it
============  ======================================================================================================

Keys, below ``n6link/BOARD``: docs/how-to/bridge.md.
"""
