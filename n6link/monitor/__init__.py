"""The terminal monitor, in layers: a module uses only modules above it in this table.

==========  =====================================================================================================
``view``    :class:`~n6link.monitor.view.View`: plain dataclasses with everything that a screen shows
``model``   :class:`~n6link.monitor.model.Model` collects readings of the device and log lines, and returns a View
``lines``   titles with a rule, and tables
``screen``  converts a View and a size to rich renderables
``watch``   reads a device into a Model, and reconnects after a failure
``keys``    single key presses
``app``     runs the watcher, reads keys, refreshes the screen
==========  =====================================================================================================
"""
