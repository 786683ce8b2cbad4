"""The flight recorder: what passed on the line of a device, in a pcapng file; its reader, its text, and its replay."""
