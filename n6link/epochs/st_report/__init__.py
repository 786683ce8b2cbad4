"""Reads what ST Edge AI Core says of a network: reports, console logs, c_info and memory pool files, of versions 2.0 to 4.0.

::

    report = read("st_ai_output/network_generate_report.txt")
    report.table.offload_by_count, report.table.fallbacks, report.pools

    :func:`read`          one file, or a folder, whose reports are of one network and complete each other
    :func:`read_folder`   all that a folder holds, several networks apart
    :class:`Report`       the one model of all of them
    :func:`join`          a report's names and estimates on the blocks of a device
    :func:`block_table`   a report as the block table of a simulated network

Reports come from elsewhere: a wrong or truncated one gives what can be read and notes about the rest, or ReportError if there is nothing
to read; it never takes longer than its size asks for.
"""

from n6link.epochs.join import Join, join
from n6link.epochs.st_report.files import MAX_BYTES, Folder, differences, file_name, read, read_files, read_folder
from n6link.epochs.st_report.model import BlockTime, Note, Report, Validation, Work
from n6link.epochs.st_report.simulated import block_table

__all__ = [
    "MAX_BYTES",
    "BlockTime",
    "Folder",
    "Join",
    "Note",
    "Report",
    "Validation",
    "Work",
    "block_table",
    "differences",
    "file_name",
    "join",
    "read",
    "read_files",
    "read_folder",
]
