"""Results for the tools of robotics: MCAP files, and messages of ROS 2 as CDR.

==============  =====================================================================================================
``types``       message types of ROS 2: their definitions, and what follows from them
``cdr``         values to the bytes of a message, and back
``drawing``     decoded results as drawings over a picture
``messages``    results, states and log lines as messages
``wall``        the session's clock as the time of day
``mcap_file``   :class:`~n6link.robotics.mcap_file.McapFile`: messages in a file
``following``   what a device reports, in a file
==============  =====================================================================================================
"""

from n6link.robotics.following import follow
from n6link.robotics.mcap_file import McapFile

__all__ = ["McapFile", "follow"]
