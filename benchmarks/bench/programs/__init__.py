"""The programs that are compared, each with the device that it needs. ``open_*`` opens a program; ``serve_*`` is a stand-in for a device.

All do the same work, as far as they can: :data:`~bench.programs.work.INPUT` bytes to the device and :data:`~bench.programs.work.OUTPUT` bytes back. The
stand-ins answer at once and compute nothing, so that they favour the program that is compared with n6link.
"""
