"""The terminal monitor, in three layers that know nothing of the one above.

================  =====================================================================================
``view``          :class:`~n6link.monitor.view.Model` takes readings of the device and log lines in, and gives a
                  :class:`~n6link.monitor.view.View`: plain dataclasses with everything that a screen shows
``render``        a View and a size in, rich renderables out; draws and computes nothing else
``app``           connects, reads, listens to keys, refreshes the screen, comes back when the board does
================  =====================================================================================
"""
