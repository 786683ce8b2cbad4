"""Reads files of ST Edge AI Core about a network: reports, console logs, c_info and memory pool files, versions 2.0 to 4.0.

::

    report = read("st_ai_output/network_generate_report.txt")
    report.table.offload_by_count, report.table.fallbacks, report.pools

    :func:`read`          one file, or a folder with the reports of one network, which are combined
    :func:`read_folder`   all reports of a folder, separated by network
    :class:`Report`       the data of a report, for all formats
    :func:`join`          adds a report's names and estimates to the blocks of a device
    :func:`block_table`   converts a report to the block table of a simulated network

Reports are untrusted input: a wrong or truncated file returns the parts that can be read, with notes about the rest, or raises
ReportError if no part can be read. The reading time is linear in the size of the file.
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
