"""The wire protocol: enums and typed records, both without construct, and the schema that they come from.

Use ``records.Infer(...).pack()`` and ``records.Nak.unpack(payload)``; a misspelt struct or field is a type error.
"""

from n6link.protocol.enums import (
    Coded,
    DType,
    EpochKind,
    Feature,
    FieldTag,
    Flag,
    InferFlag,
    InferState,
    Limit,
    LogLevel,
    MessageType,
    Reduction,
    ResetCause,
    ResetKind,
    Section,
    Status,
    TimerSource,
)
from n6link.protocol.records import SCHEMA_ID, VERSION, VERSION_MAJOR, VERSION_MINOR

__all__ = [
    "SCHEMA_ID",
    "VERSION",
    "VERSION_MAJOR",
    "VERSION_MINOR",
    "Coded",
    "DType",
    "EpochKind",
    "Feature",
    "FieldTag",
    "Flag",
    "InferFlag",
    "InferState",
    "Limit",
    "LogLevel",
    "MessageType",
    "Reduction",
    "ResetCause",
    "ResetKind",
    "Section",
    "Status",
    "TimerSource",
]
