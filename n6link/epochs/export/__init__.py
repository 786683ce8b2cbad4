"""Profiles as files that other programs and people open.

    :func:`trace`     Chrome's trace-event JSON, for https://ui.perfetto.dev or chrome://tracing
    :func:`picture`   an SVG bar chart of the blocks, coloured by kind
    :func:`page`      one HTML page with figures, picture and table, which needs nothing else and can be mailed

CSV and JSON are methods of the data (``Profile.to_csv``). Everything says where its times come from, and that they are simulated if they are.
"""

from n6link.epochs.export.page import page
from n6link.epochs.export.picture import picture
from n6link.epochs.export.trace import trace

__all__ = ["page", "picture", "trace"]
