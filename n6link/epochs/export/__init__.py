"""Profiles in file formats of other programs.

    :func:`trace`     Chrome's trace-event JSON, for https://ui.perfetto.dev or chrome://tracing
    :func:`picture`   an SVG bar chart of the blocks, coloured by kind
    :func:`page`      one self-contained HTML page with figures, picture and table

CSV and JSON are methods of the data (``Profile.to_csv``). All formats contain the source of the times, and whether they are simulated.
"""

from n6link.epochs.export.page import page
from n6link.epochs.export.picture import picture
from n6link.epochs.export.trace import trace

__all__ = ["page", "picture", "trace"]
