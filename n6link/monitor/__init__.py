"""The terminal monitor, in layers of which none knows the ones below it in this table.

==========  =====================================================================================================
``view``    :class:`~n6link.monitor.view.View`: plain dataclasses with everything that a screen shows
``model``   :class:`~n6link.monitor.model.Model` takes readings of the device and log lines in, and gives a View
``render``  how figures, bars and epoch kinds look
``lines``   rules with titles, and tables
``screen``  a View and a size in, rich renderables out; draws and computes nothing else
``watch``   reads a device into a Model, and comes back when the board does
``keys``    single key presses
``app``     has the device watched, listens to keys, refreshes the screen
==========  =====================================================================================================
"""
