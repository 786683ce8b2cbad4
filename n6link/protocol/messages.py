"""The records of each message. GENERATED from schema.py by codegen.py: do not edit."""

# fmt: off
from __future__ import annotations

from typing import Final

from n6link.protocol import enums, records
from n6link.protocol.codec import Record
from n6link.protocol.enums import Coded, MessageType, Section

BODIES: Final[dict[tuple[MessageType, str], tuple[type[Record] | None, type[Record] | str]]] = {
    (MessageType.HELLO, "request"): (records.Hello, "fields"),
    (MessageType.HELLO, "reply"): (records.HelloReply, "fields"),
    (MessageType.PING, "request"): (records.Ping, "bytes"),
    (MessageType.PING, "reply"): (records.PingReply, "bytes"),
    (MessageType.INFO, "request"): (None, ""),
    (MessageType.INFO, "reply"): (records.InfoReply, "fields"),
    (MessageType.LIST, "request"): (records.List, ""),
    (MessageType.LIST, "reply"): (records.ListReply, records.NetworkRecord),
    (MessageType.DESCRIBE, "request"): (records.Describe, ""),
    (MessageType.DESCRIBE, "reply"): (records.DescribeReply, "records of the section"),
    (MessageType.LOG_LEVEL, "request"): (records.LogLevelRequest, ""),
    (MessageType.LOG_LEVEL, "reply"): (None, ""),
    (MessageType.RESET, "request"): (records.Reset, ""),
    (MessageType.RESET, "reply"): (None, ""),
    (MessageType.STATS, "request"): (records.StatsRequest, ""),
    (MessageType.STATS, "reply"): (records.StatsReply, records.NetworkStats),
    (MessageType.STATS, "event"): (records.StatsReply, records.NetworkStats),
    (MessageType.EPOCH_STATS, "request"): (records.EpochStats, ""),
    (MessageType.EPOCH_STATS, "reply"): (records.EpochStatsReply, records.BlockStats),
    (MessageType.RESET_STATS, "request"): (None, ""),
    (MessageType.RESET_STATS, "reply"): (None, ""),
    (MessageType.SUBSCRIBE, "request"): (records.Subscribe, ""),
    (MessageType.SUBSCRIBE, "reply"): (None, ""),
    (MessageType.RATE, "request"): (records.Rate, ""),
    (MessageType.RATE, "reply"): (records.RateReply, ""),
    (MessageType.CHECK, "request"): (records.Check, ""),
    (MessageType.CHECK, "reply"): (records.CheckReply, ""),
    (MessageType.LEASE, "request"): (records.Lease, ""),
    (MessageType.LEASE, "reply"): (records.LeaseReply, "text"),
    (MessageType.CLIENTS, "request"): (records.Clients, ""),
    (MessageType.CLIENTS, "reply"): (records.ClientsReply, records.ClientRecord),
    (MessageType.COMMIT, "request"): (records.Commit, records.Part),
    (MessageType.COMMIT, "reply"): (None, ""),
    (MessageType.INFER, "request"): (records.Infer, records.Return),
    (MessageType.INFER, "reply"): (records.InferReply, ""),
    (MessageType.RESULT, "reply"): (records.Result, records.ResultRecord),
    (MessageType.CANCEL, "request"): (records.Cancel, ""),
    (MessageType.CANCEL, "reply"): (records.CancelReply, ""),
    (MessageType.RELEASE, "request"): (records.Release, ""),
    (MessageType.RELEASE, "reply"): (None, ""),
    (MessageType.DATA, "request"): (records.DataHeader, "bytes"),
    (MessageType.DATA, "event"): (records.DataHeader, "bytes"),
    (MessageType.NAK, "request"): (records.Nak, ""),
    (MessageType.NAK, "event"): (records.Nak, ""),
    (MessageType.CREDIT, "request"): (records.Credit, ""),
    (MessageType.CREDIT, "event"): (records.Credit, ""),
    (MessageType.LOG, "event"): (records.Log, "text"),
    (MessageType.ERROR, "reply"): (records.ErrorReply, "text"),
}
"""by message and role (request, reply, event): the fixed record, and what follows it: records, or a kind of bytes"""

SECTIONS: Final[dict[Section, type[Record]]] = {
    Section.INPUTS: records.TensorRecord,
    Section.OUTPUTS: records.TensorRecord,
    Section.POOLS: records.PoolRecord,
    Section.BLOCKS: records.BlockRecord,
    Section.INPUT_SCALES: records.ScaleRecord,
    Section.OUTPUT_SCALES: records.ScaleRecord,
    Section.INTERMEDIATES: records.TensorRecord,
}
"""the records of the sections of a network's description; the others are texts"""

BITS: Final[dict[tuple[str, str], type[Coded]]] = {
    ("FrameHeader", "flags"): enums.Flag,
    ("Hello", "features"): enums.Feature,
    ("Hello", "flags"): enums.HelloFlag,
    ("HelloReply", "features"): enums.Feature,
    ("HelloReply", "flags"): enums.HelloReplyFlag,
    ("Part", "flags"): enums.PartFlag,
    ("Infer", "flags"): enums.InferFlag,
}
"""the fields that consist of flags, by record and field"""
