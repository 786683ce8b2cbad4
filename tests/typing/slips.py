"""Slips that both type checkers have to refuse, each on its line: # mypy's code, pyright's rule."""

from n6link import blocking
from n6link.protocol import MessageType, records
from n6link.result import Result

# a struct
records.Inferr(key=1)  # attr-defined, reportAttributeAccessIssue
# a keyword
records.Infer(kye=1)  # call-arg, reportCallIssue
records.Nak(offset=1).pack(lenght=2)  # call-arg, reportCallIssue
# a field
print(records.HelloReply.unpack(b"").chnk)  # attr-defined, reportAttributeAccessIssue
print(records.Nak.unpack_all(b"", 1, 0, 8)[0].ofset)  # attr-defined, reportAttributeAccessIssue
# a type
records.PoolRecord(name=b"npuRAM5")  # arg-type, reportArgumentType
# a member of an enum
print(MessageType.INFERR)  # attr-defined, reportAttributeAccessIssue
# records do not change
records.Credit(limit=1).limit = 2  # misc, reportAttributeAccessIssue


def poses(result: Result) -> None:
    for pose in result.decode():
        print(pose.scroe)  # union-attr, reportAttributeAccessIssue
    for pose in result.poses(conf=0.5):
        print(pose.scroe)  # attr-defined, reportAttributeAccessIssue
    result.poses(cnof=0.5)  # call-arg, reportCallIssue
    result.poses(conf="high")  # arg-type, reportArgumentType
    print(result.tokens(top_k=3)[0].logitt)  # attr-defined, reportAttributeAccessIssue
    print(result.classification().lable)  # attr-defined, reportAttributeAccessIssue


def options(network: blocking.Network) -> None:
    network.run(1, prioritty=3)  # call-arg, reportCallIssue
    network.run(1, priority="high")  # arg-type, reportArgumentType
